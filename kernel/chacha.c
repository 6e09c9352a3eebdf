// SPDX-License-Identifier: GPL-2.0
/*
 * AEAD_CHACHA20_POLY1305 (RFC 8439, 2.8) of the kernel's library functions: on a
 * flat buffer they need no scatterlist, no request and no transform.
 *
 * The library's own chacha20poly1305_encrypt() takes a nonce of 64 bits and thus
 * knows only those whose first four bytes are zero, which TLS's are not (RFC
 * 7905, 2).  So the construction is made here, of the library's stream and MAC.
 */
#include "chacha.h"

#include <crypto/poly1305.h>
#include <crypto/utils.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "kssl_chacha.h"
#include "proto.h"

/**
 * struct kssl_chacha - a keyed cipher
 * @key: as words
 */
struct kssl_chacha {
	u32 key[CHACHA_KEY_SIZE / sizeof(u32)];
};

/*
 * Blocks of key stream that are made at once: a single one is slow, as vector code
 * makes several side by side.
 */
#define FIRST_BLOCKS	4
#define FIRST_TEXT	((FIRST_BLOCKS - 1) * CHACHA_BLOCK_SIZE)

/**
 * struct sealing - one record at work
 * @stream: where the key stream is
 * @mac: over what was seen so far
 * @first: the first blocks of the key stream: one for the MAC's key (RFC 8439,
 *	2.6), and those of the text's first bytes
 */
struct sealing {
	struct chacha_state stream;
	struct poly1305_desc_ctx mac;
	u8 first[FIRST_BLOCKS * CHACHA_BLOCK_SIZE];
};

/**
 * kssl_chacha_is() - is it this cipher?
 * @cipher: a name of the crypto API
 */
bool kssl_chacha_is(const char *cipher)
{
	return !strcmp(cipher, "rfc7539(chacha20,poly1305)");
}

/**
 * kssl_chacha_new() - a cipher, not keyed yet
 *
 * Context: process.  Return: the cipher, the caller's until kssl_chacha_free();
 * or NULL.
 */
struct kssl_chacha *kssl_chacha_new(void)
{
	return kzalloc(sizeof(struct kssl_chacha), GFP_KERNEL_ACCOUNT);
}

/**
 * kssl_chacha_free() - wipe and free
 * @c: the cipher, or NULL
 */
void kssl_chacha_free(struct kssl_chacha *c)
{
	if (c)
		kfree_sensitive(c);
}

/**
 * kssl_chacha_setkey() - set the key, or the next one
 * @c: the cipher
 * @key: CHACHA_KEY_SIZE bytes; the caller wipes them
 */
void kssl_chacha_setkey(struct kssl_chacha *c, const u8 *key)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(c->key); i++)
		c->key[i] = get_unaligned_le32(key + i * sizeof(u32));
}

/* The MAC of some bytes and of zeros up to a whole block. */
static void mac_padded(struct sealing *s, const u8 *p, u32 len)
{
	static const u8 zeros[POLY1305_BLOCK_SIZE];

	poly1305_update(&s->mac, p, len);
	if (len % POLY1305_BLOCK_SIZE)
		poly1305_update(&s->mac, zeros, POLY1305_BLOCK_SIZE - len % POLY1305_BLOCK_SIZE);
}

static void begin(struct sealing *s, const struct kssl_chacha *c, const u8 *nonce, const u8 *aad,
		  u32 aad_len)
{
	u8 iv[CHACHA_IV_SIZE] = {};

	memcpy(iv + CHACHA_IV_SIZE - TLS_NONCE_LEN, nonce, TLS_NONCE_LEN);
	chacha_init(&s->stream, c->key, iv);
	memset(s->first, 0, sizeof(s->first));
	chacha20_crypt(&s->stream, s->first, s->first, sizeof(s->first));
	poly1305_init(&s->mac, s->first);
	mac_padded(s, aad, aad_len);
}

static void crypt(struct sealing *s, u8 *text, u32 len)
{
	u32 n = min_t(u32, len, FIRST_TEXT);

	crypto_xor(text, s->first + CHACHA_BLOCK_SIZE, n);
	if (len > n)
		chacha20_crypt(&s->stream, text + n, text + n, len - n);
}

/* The rest of the MAC: over the ciphertext and both lengths. */
static void end(struct sealing *s, u32 aad_len, const u8 *text, u32 len, u8 *tag)
{
	__le64 lens[2] = { cpu_to_le64(aad_len), cpu_to_le64(len) };

	mac_padded(s, text, len);
	poly1305_update(&s->mac, (const u8 *)lens, sizeof(lens));
	poly1305_final(&s->mac, tag);
}

/**
 * kssl_chacha_seal() - encrypt in place, and put the tag behind
 * @c: a keyed cipher
 * @nonce: TLS_NONCE_LEN bytes, once per key
 * @aad: additional data
 * @aad_len: their length
 * @text: the text, with room for the tag
 * @len: its length
 *
 * Context: process.
 */
void kssl_chacha_seal(const struct kssl_chacha *c, const u8 *nonce, const u8 *aad, u32 aad_len,
		      u8 *text, u32 len)
{
	struct sealing s;

	begin(&s, c, nonce, aad, aad_len);
	crypt(&s, text, len);
	end(&s, aad_len, text, len, text + len);
	memzero_explicit(&s, sizeof(s));
}

/**
 * kssl_chacha_open() - verify, then decrypt in place
 * @c: a keyed cipher
 * @nonce: TLS_NONCE_LEN bytes
 * @aad: additional data
 * @aad_len: their length
 * @text: what was encrypted, and behind it the tag
 * @len: its length without the tag
 *
 * Context: process.  Return: 0 or -EBADMSG; then nothing was decrypted.
 */
int kssl_chacha_open(const struct kssl_chacha *c, const u8 *nonce, const u8 *aad, u32 aad_len,
		     u8 *text, u32 len)
{
	u8 tag[POLY1305_DIGEST_SIZE];
	struct sealing s;
	int err = -EBADMSG;

	begin(&s, c, nonce, aad, aad_len);
	end(&s, aad_len, text, len, tag);
	if (!crypto_memneq(tag, text + len, sizeof(tag))) {
		crypt(&s, text, len);
		err = 0;
	}
	memzero_explicit(&s, sizeof(s));
	memzero_explicit(tag, sizeof(tag));
	return err;
}
