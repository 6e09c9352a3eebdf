/* SPDX-License-Identifier: GPL-2.0 */
/* 6.16 made a structure of the state. */
#ifndef _KSSL_CHACHA_COMPAT_H
#define _KSSL_CHACHA_COMPAT_H

#include <crypto/chacha.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
struct chacha_state {
	u32 x[CHACHA_STATE_WORDS];
};

#define chacha_init(state, key, iv)		chacha_init((state)->x, key, iv)
#define chacha20_crypt(state, dst, src, len)	chacha20_crypt((state)->x, dst, src, len)
#endif

#endif
