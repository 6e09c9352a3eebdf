/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_AEAD_H
#define _KSSL_AEAD_H

#include "keys.h"

u32 kssl_aead_head(const struct kssl_half *half);
u32 kssl_aead_tail(const struct kssl_half *half);
int kssl_aead_seal(struct kssl_half *half, u64 seq, u8 type, u8 *text, u32 len, u32 pad);
int kssl_aead_open(struct kssl_half *half, u64 seq, u8 *record, u32 len, u8 *type, u8 **text,
		   u32 *text_len, u8 *alert);

#endif /* _KSSL_AEAD_H */
