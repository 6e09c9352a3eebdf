/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_KEYS_H
#define _KSSL_KEYS_H

#include <crypto/aead.h>
#include <crypto/skcipher.h>
#include "kssl.h"

struct kssl_aead_work;
struct kssl_cbc_work;
struct kssl_chacha;
struct kssl_crypt_ops;
struct kssl_mac;
struct kssl_suite;

/**
 * struct kssl_secret - a traffic secret or a key
 * @len: bytes in use
 * @data: the bytes; wiped by kssl_secret_wipe()
 */
struct kssl_secret {
	u8 len;
	u8 data[KSSL_SECRET_MAX];
};

/**
 * struct kssl_half - keys and sequence number of one direction
 * @suite: row of the suite table
 * @ops: what the suite's kind does with a record (crypt.c)
 * @head: bytes of a record before its text
 * @tail: bytes of a record after its text, at most; padding of TLS 1.3 not counted
 * @aead: AEAD suites: transform; holds the key
 * @work: the one request of this direction; NULL: requests of this transform are
 *	small, and made where they are needed (aead.c)
 * @chacha: ChaCha20-Poly1305: instead of those two; holds the key
 * @cbc: CBC suites: transform; holds the key
 * @cbc_work: the one request of this direction
 * @mac: suites with a MAC of their own: keyed HMAC
 * @etm: CBC suites: the MAC is over what was encrypted (RFC 7366)
 * @seq: sequence number of the next record; kssl_keys_seq() counts it up
 * @used: records protected with these keys
 * @since: when these keys came into use, jiffies
 * @version: TLS12 or TLS13
 * @iv: write IV (RFC 8446, 7.3), or the implicit part of the nonce (RFC 5288, 3)
 * @explicit_off: sending, TLS 1.2: explicit nonce less sequence number
 * @secret: traffic secret of this generation (TLS 1.3)
 */
struct kssl_half {
	const struct kssl_suite *suite;
	const struct kssl_crypt_ops *ops;
	u8 head;
	u8 tail;
	struct crypto_aead *aead;
	struct kssl_aead_work *work;
	struct kssl_chacha *chacha;
	struct crypto_skcipher *cbc;
	struct kssl_cbc_work *cbc_work;
	struct kssl_mac *mac;
	bool etm;
	u64 seq;
	u64 used;
	u64 since;
	u16 version;
	u64 explicit_off;
	u8 iv[KSSL_SECRET_MAX];
	struct kssl_secret secret;
};

struct kssl_half *kssl_keys_new(const struct kssl_key *key, const char **why);
struct kssl_half *kssl_keys_new_raw(const struct kssl_suite *suite, const u8 *key, const u8 *iv,
				    u64 seq, u64 explicit_nonce);
void kssl_keys_free(struct kssl_half *half);
bool kssl_keys_allowed(const struct kssl_net *kn, const struct kssl_half *half);
void kssl_keys_install(struct kssl_session *s, struct kssl_half **seal, struct kssl_half **open);
int kssl_keys_driver(const struct kssl_suite *suite, char *name, size_t room);
int kssl_keys_update(struct kssl_half *half);
int kssl_keys_expand_label(const char *hash, const struct kssl_secret *secret,
			   const char *label, u8 *out, u8 out_len);
int kssl_keys_init(void);
void kssl_keys_exit(void);

/**
 * kssl_keys_seq() - the sequence number of the next record, and count it
 * @half: keys
 * @seq: set to the number; it is never given out again with these keys
 *
 * The one place that counts.  Context: socket lock.
 * Return: 0; -EPIPE: the last number is used up (RFC 8446, 5.3).
 */
static inline int kssl_keys_seq(struct kssl_half *half, u64 *seq)
{
	if (half->seq == U64_MAX)
		return -EPIPE;
	*seq = half->seq++;
	half->used++;
	return 0;
}

#endif /* _KSSL_KEYS_H */
