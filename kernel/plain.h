/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_PLAIN_H
#define _KSSL_PLAIN_H

#include "kssl.h"

struct proto_ops;

int kssl_plain_close(struct kssl_session *s);
int kssl_plain_enter(struct kssl_session *s);
void kssl_plain_ops(struct proto_ops *ops);

#endif /* _KSSL_PLAIN_H */
