/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_CALLS_H
#define _KSSL_CALLS_H

#include "kssl.h"

struct proto;

int kssl_calls_await(struct kssl_session *s, long *timeo);
int kssl_calls_close_notify(struct kssl_session *s);

void kssl_calls_prot(struct proto *prot);
void kssl_calls_dead_prot(struct proto *prot);
void kssl_calls_conn_ops(struct proto_ops *ops);
void kssl_calls_idle_ops(struct proto_ops *ops);

#endif /* _KSSL_CALLS_H */
