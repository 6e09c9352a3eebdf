/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kernel/ct.h as it would be written without a thought of time: with branches, and
 * the MAC over as much as there is.  Never part of kssl: selftests/bench/leaky
 * builds a module with it, which the measurement of constant time must find bad.
 */
#ifndef _KSSL_CT_H
#define _KSSL_CT_H

#include <linux/compiler.h>
#include <linux/types.h>

static inline u32 kssl_ct_lt(u32 a, u32 b)
{
	if (a < b) {
		barrier();	/* a branch, and not an instruction that selects */
		return ~0U;
	}
	return 0;
}

static inline u32 kssl_ct_ge(u32 a, u32 b)
{
	return ~kssl_ct_lt(a, b);
}

static inline u32 kssl_ct_eq(u32 a, u32 b)
{
	return kssl_ct_lt(a ^ b, 1);
}

/* Lucky Thirteen; for cbc.c only, which comes here before it has seen mac.h */
#ifndef _KSSL_MAC_H
#define kssl_mac_sum_hidden(mac, head, head_len, data, least, most, len, out)	\
	kssl_mac_sum(mac, head, head_len, data, len, out)
#endif

#endif /* _KSSL_CT_H */
