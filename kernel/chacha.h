/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_CHACHA_H
#define _KSSL_CHACHA_H

#include <linux/types.h>

struct kssl_chacha;

bool kssl_chacha_is(const char *cipher);
struct kssl_chacha *kssl_chacha_new(void);
void kssl_chacha_free(struct kssl_chacha *c);
void kssl_chacha_setkey(struct kssl_chacha *c, const u8 *key);
void kssl_chacha_seal(const struct kssl_chacha *c, const u8 *nonce, const u8 *aad, u32 aad_len,
		      u8 *text, u32 len);
int kssl_chacha_open(const struct kssl_chacha *c, const u8 *nonce, const u8 *aad, u32 aad_len,
		     u8 *text, u32 len);

#endif /* _KSSL_CHACHA_H */
