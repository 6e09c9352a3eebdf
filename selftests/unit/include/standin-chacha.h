/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's library functions of ChaCha20 and Poly1305, by libcrypto. */
#ifndef STANDIN_CHACHA_H
#define STANDIN_CHACHA_H

#define CHACHA_KEY_SIZE		32
#define CHACHA_IV_SIZE		16
#define CHACHA_BLOCK_SIZE	64
#define POLY1305_BLOCK_SIZE	16
#define POLY1305_DIGEST_SIZE	16

struct chacha_state { u8 key[CHACHA_KEY_SIZE], iv[CHACHA_IV_SIZE]; };
struct poly1305_desc_ctx { void *mac; };

static inline void crypto_xor(u8 *dst, const u8 *src, unsigned int len)
{
	while (len--)
		*dst++ ^= *src++;
}

/* The first four bytes of @iv are the number of the block, little endian. */
void chacha_init(struct chacha_state *state, const u32 *key, const u8 *iv);
void chacha20_crypt(struct chacha_state *state, u8 *dst, const u8 *src, unsigned int len);
void poly1305_init(struct poly1305_desc_ctx *desc, const u8 *key);
void poly1305_update(struct poly1305_desc_ctx *desc, const u8 *p, unsigned int len);
void poly1305_final(struct poly1305_desc_ctx *desc, u8 *tag);

#endif
