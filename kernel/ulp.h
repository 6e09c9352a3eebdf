/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_ULP_H
#define _KSSL_ULP_H

#include "kssl.h"

int kssl_ulp_wrap(struct sock *sk);
int kssl_ulp_adopt(struct socket *listener, struct socket *sock);
void kssl_ulp_repair(struct sock *sk);
void kssl_ulp_own_rx(struct sock *sk);
void kssl_ulp_unwrap(struct sock *sk);
void kssl_ulp_move(struct sock *sk, struct socket *to);
int kssl_ulp_again(struct sock *sk);
void kssl_ulp_leave(struct sock *sk);
struct kssl_session *kssl_ulp_session(const struct sock *sk);
const struct proto_ops *kssl_ulp_idle_base(const struct socket *sock);
const struct proto_ops *kssl_ulp_base_ops(const struct sock *sk);
struct proto *kssl_ulp_base_prot(const struct sock *sk);

int kssl_ulp_init(bool ktls);
void kssl_ulp_exit(void);

#endif /* _KSSL_ULP_H */
