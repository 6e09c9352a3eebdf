// SPDX-License-Identifier: GPL-2.0
/*
 * The cipher suites kssl knows, one row each.  What a suite needs beyond its
 * row is in the file of its kind.
 */
#include "suite.h"

#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/stddef.h>

#include "proto.h"

/*
 * Records that one key may protect.  AES-GCM: RFC 8446, 5.5 allows 2^24.5
 * full-size records per key.  TLS 1.3 rekeys at 2^23, well before; TLS 1.2 cannot
 * and ends at the limit.  AES-CCM: RFC 9325, 4.4.  ChaCha20-Poly1305 and a MAC
 * alone: the sequence number ends first.
 */
#define GCM13_LIMIT	(1ULL << 23)
#define GCM12_LIMIT	23726566ULL
#define CCM_LIMIT	(1ULL << 23)
#define CHACHA_LIMIT	U64_MAX
#define MAC_LIMIT	U64_MAX

/* 2^42 blocks: by then two of them are equal with a probability of 2^-45. */
#define CBC_LIMIT	(1ULL << 32)

/* Three bytes for the length in CCM's first block: a nonce of twelve. */
#define CCM_B0		2

#define AEAD13(id_, name_, hash_, cipher_, key_, secret_, limit_)		\
	.id = id_, .version = TLS13, .name = name_, .cipher = cipher_,		\
	.hash = hash_, .secret_len = secret_, .key_len = key_,			\
	.iv_len = 12, .limit = limit_
#define AEAD12(id_, name_, hash_, cipher_, key_, limit_)			\
	.id = id_, .version = TLS12, .name = name_, .cipher = cipher_,		\
	.hash = hash_, .key_len = key_, .iv_len = 4, .explicit_len = 8,		\
	.limit = limit_
#define GCM13(id_, name_, hash_, key_, secret_)					\
	{ AEAD13(id_, name_, hash_, "gcm(aes)", key_, secret_, GCM13_LIMIT),	\
	  .tag_len = TLS_TAG_LEN }
#define GCM12(id_, name_, hash_, key_)						\
	{ AEAD12(id_, name_, hash_, "gcm(aes)", key_, GCM12_LIMIT),		\
	  .tag_len = TLS_TAG_LEN }
#define CCM13(id_, name_, tag_)							\
	{ AEAD13(id_, name_, "sha256", "ccm(aes)", 16, 32, CCM_LIMIT),	\
	  .tag_len = tag_, .b0 = CCM_B0 }
#define CCM12(id_, name_, key_, tag_)						\
	{ AEAD12(id_, name_, "sha256", "ccm(aes)", key_, CCM_LIMIT),	\
	  .tag_len = tag_, .b0 = CCM_B0 }
#define CHACHA(id_, ver_, name_, secret_) {					\
	.id = id_, .version = ver_, .name = name_,				\
	.cipher = "rfc7539(chacha20,poly1305)", .hash = "sha256",		\
	.secret_len = secret_, .key_len = 32, .iv_len = 12,			\
	.tag_len = TLS_TAG_LEN, .limit = CHACHA_LIMIT }
#define CBC(id_, name_, hash_, digest_, mac_, key_) {				\
	.id = id_, .version = TLS12, .kind = KSSL_CBC, .name = name_,		\
	.cipher = "cbc(aes)", .digest = digest_, .hash = hash_,			\
	.key_len = key_, .explicit_len = TLS_CBC_BLOCK_LEN, .tag_len = mac_,	\
	.limit = CBC_LIMIT }
#define CBC_SHA(id_, name_, key_)						\
	CBC(id_, name_, "sha256", "sha1", 20, key_)
#define CBC_SHA256(id_, name_, key_)						\
	CBC(id_, name_, "sha256", "sha256", 32, key_)
#define CBC_SHA384(id_, name_)							\
	CBC(id_, name_, "sha384", "sha384", 48, 32)
/* The IV is as long as the hash too (RFC 9150, 6). */
#define MAC13(id_, name_, hash_, digest_, len_) {				\
	.id = id_, .version = TLS13, .kind = KSSL_MAC, .name = name_,		\
	.digest = digest_, .hash = hash_, .secret_len = len_, .key_len = len_,	\
	.iv_len = len_, .tag_len = len_, .limit = MAC_LIMIT }

static const struct kssl_suite suites[] = {
	GCM13(0x1301, "TLS_AES_128_GCM_SHA256", "sha256", 16, 32),
	GCM13(0x1302, "TLS_AES_256_GCM_SHA384", "sha384", 32, 48),
	CHACHA(0x1303, TLS13, "TLS_CHACHA20_POLY1305_SHA256", 32),
	CCM13(0x1304, "TLS_AES_128_CCM_SHA256", TLS_TAG_LEN),
	CCM13(0x1305, "TLS_AES_128_CCM_8_SHA256", TLS_CCM_8_TAG_LEN),
	GCM12(0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "sha256", 16),
	GCM12(0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "sha384", 32),
	GCM12(0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "sha256", 16),
	GCM12(0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "sha384", 32),
	GCM12(0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256", "sha256", 16),
	GCM12(0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384", "sha384", 32),
	CHACHA(0xcca8, TLS12, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0),
	CHACHA(0xcca9, TLS12, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", 0),
	CCM12(0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM", 16, TLS_TAG_LEN),
	CCM12(0xc0ad, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM", 32, TLS_TAG_LEN),
	CCM12(0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", 16, TLS_CCM_8_TAG_LEN),
	CCM12(0xc0af, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8", 32, TLS_CCM_8_TAG_LEN),
	CCM12(0xc09c, "TLS_RSA_WITH_AES_128_CCM", 16, TLS_TAG_LEN),
	CCM12(0xc09d, "TLS_RSA_WITH_AES_256_CCM", 32, TLS_TAG_LEN),
	CCM12(0xc0a0, "TLS_RSA_WITH_AES_128_CCM_8", 16, TLS_CCM_8_TAG_LEN),
	CCM12(0xc0a1, "TLS_RSA_WITH_AES_256_CCM_8", 32, TLS_CCM_8_TAG_LEN),
	CBC_SHA384(0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
	CBC_SHA384(0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
	CBC_SHA256(0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", 16),
	CBC_SHA256(0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", 16),
	CBC_SHA256(0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256", 16),
	CBC_SHA256(0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256", 32),
	CBC_SHA(0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", 16),
	CBC_SHA(0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", 32),
	CBC_SHA(0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", 16),
	CBC_SHA(0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", 32),
	CBC_SHA(0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA", 16),
	CBC_SHA(0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA", 32),
	{ .id = 0x003b, .version = TLS12, .kind = KSSL_MAC,
	  .name = "TLS_RSA_WITH_NULL_SHA256", .digest = "sha256",
	  .hash = "sha256", .tag_len = 32, .limit = MAC_LIMIT },
	MAC13(0xc0b4, "TLS_SHA256_SHA256", "sha256", "sha256", 32),
	MAC13(0xc0b5, "TLS_SHA384_SHA384", "sha384", "sha384", 48),
};

/**
 * kssl_suite_at() - the rows one by one
 * @i: index from 0
 *
 * Return: the row, or NULL after the last.
 */
const struct kssl_suite *kssl_suite_at(unsigned int i)
{
	return i < ARRAY_SIZE(suites) ? &suites[i] : NULL;
}

/**
 * kssl_suite_find() - a suite by its number
 * @version: TLS12 or TLS13
 * @id: IANA number
 *
 * Return: the row, or NULL if kssl does not know the suite in that version.
 */
const struct kssl_suite *kssl_suite_find(u16 version, u16 id)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(suites); i++)
		if (suites[i].id == id && suites[i].version == version)
			return &suites[i];
	return NULL;
}
