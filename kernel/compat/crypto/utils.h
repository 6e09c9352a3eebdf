/* SPDX-License-Identifier: GPL-2.0 */
/* 6.6 moved crypto_memneq() here. */
#include <linux/version.h>
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#include <crypto/algapi.h>
#else
#include_next <crypto/utils.h>
#endif
