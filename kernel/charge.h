/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_CHARGE_H
#define _KSSL_CHARGE_H

#include <linux/types.h>

struct sock;

/* charge.c has the contracts. */
bool kssl_mem_charge(struct sock *sk, u32 *charged, u32 size, int kind);
void kssl_mem_uncharge(struct sock *sk, u32 *charged);

#endif /* _KSSL_CHARGE_H */
