/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Comparisons whose result is a mask, all ones or zero, without a branch.  Both
 * operands are below 2^31.
 */
#ifndef _KSSL_CT_H
#define _KSSL_CT_H

#include <linux/compiler.h>
#include <linux/types.h>

/* A value that the compiler knows nothing about, so that it makes no branch of it. */
static inline u32 kssl_ct_hide(u32 value)
{
	OPTIMIZER_HIDE_VAR(value);
	return value;
}

/*
 * a < b; one of them is hidden, lest the difference of a loop's counter and a
 * secret becomes the counter.
 */
static inline u32 kssl_ct_lt(u32 a, u32 b)
{
	return kssl_ct_hide(-((kssl_ct_hide(a) - b) >> 31));
}

/* a >= b */
static inline u32 kssl_ct_ge(u32 a, u32 b)
{
	return ~kssl_ct_lt(a, b);
}

/* a == b */
static inline u32 kssl_ct_eq(u32 a, u32 b)
{
	return kssl_ct_lt(a ^ b, 1);
}

#endif /* _KSSL_CT_H */
