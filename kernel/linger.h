/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_LINGER_H
#define _KSSL_LINGER_H

#include "kssl.h"

struct socket;

void kssl_linger_close(struct sock *sk, long timeout);
int kssl_linger_release(struct socket *sock);
void kssl_linger_flush(struct kssl_net *kn);
void kssl_linger_net_init(struct kssl_net *kn);
void kssl_linger_net_exit(struct kssl_net *kn);
int kssl_linger_init(void);
void kssl_linger_exit(void);

#endif /* _KSSL_LINGER_H */
