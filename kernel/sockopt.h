/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_SOCKOPT_H
#define _KSSL_SOCKOPT_H

#include <linux/sockptr.h>
#include "kssl.h"

int kssl_setsockopt(struct sock *sk, int level, int name, sockptr_t val, unsigned int len);
int kssl_getsockopt(struct sock *sk, int level, int name, char __user *val, int __user *len);

#endif /* _KSSL_SOCKOPT_H */
