/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_SUITE_H
#define _KSSL_SUITE_H

#include <linux/types.h>

/**
 * enum kssl_kind - how a suite protects records
 * @KSSL_AEAD: one pass that encrypts and authenticates (aead.c)
 * @KSSL_CBC: CBC and HMAC, in either order (cbc.c)
 * @KSSL_MAC: HMAC alone (integrity.c)
 */
enum kssl_kind {
	KSSL_AEAD,
	KSSL_CBC,
	KSSL_MAC,
};

/**
 * struct kssl_suite - what kssl must know about a cipher suite
 * @id: IANA number
 * @version: TLS12 or TLS13
 * @kind: enum kssl_kind
 * @name: IANA name
 * @cipher: algorithm name in the kernel's crypto API
 * @digest: of the suite's own MAC, in the kernel's crypto API; NULL for an AEAD
 * @hash: digest of the key schedule, in the kernel's crypto API
 * @secret_len: traffic secret (TLS 1.3), bytes
 * @key_len: write key, bytes
 * @iv_len: write IV (TLS 1.3), or its fixed part in the key block (TLS 1.2), bytes
 * @explicit_len: explicit nonce or IV on the wire (TLS 1.2), bytes
 * @tag_len: authentication tag or MAC, bytes
 * @b0: CCM: what the kernel's ccm wants in front of the nonce (length of the
 *	length field less one: RFC 3610, 2.3); 0 for other ciphers
 * @limit: records one key may protect (RFC 8446, 5.5; RFC 9325, 4.4)
 */
struct kssl_suite {
	u16 id;
	u16 version;
	u8 kind;
	const char *name;
	const char *cipher;
	const char *digest;
	const char *hash;
	u8 secret_len;
	u8 key_len;
	u8 iv_len;
	u8 explicit_len;
	u8 tag_len;
	u8 b0;
	u64 limit;
};

const struct kssl_suite *kssl_suite_find(u16 version, u16 id);
const struct kssl_suite *kssl_suite_at(unsigned int i);

#endif /* _KSSL_SUITE_H */
