/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_TX_H
#define _KSSL_TX_H

#include "kssl.h"

int kssl_tx_sendmsg(struct sock *sk, struct msghdr *msg, size_t size);
int kssl_tx_send_locked(struct sock *sk, struct msghdr *msg, size_t size);
int kssl_tx_raw(struct kssl_session *s, const void *bytes, size_t len);
int kssl_tx_control(struct kssl_session *s, u8 type, const void *text, size_t len);
int kssl_tx_flush(struct kssl_session *s);
int kssl_tx_close(struct kssl_session *s);
void kssl_tx_release(struct kssl_session *s);

#endif /* _KSSL_TX_H */
