/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_HOLD_H
#define _KSSL_HOLD_H

#include <linux/types.h>

struct sock;

/* hold.c has the contracts. */
bool kssl_hold(struct sock *sk, u32 *held, u32 size, int kind);
void kssl_unhold(struct sock *sk, u32 *held);

#endif /* _KSSL_HOLD_H */
