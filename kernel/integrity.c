// SPDX-License-Identifier: GPL-2.0
/*
 * Seal and open records of suites that have a MAC and no encryption: everyone can
 * read them, nobody can change them.  Off by default (policy "mac-only").
 *
 *	TLS 1.3		| header 5 | text | type 1 | MAC |
 *	TLS 1.2		| header 5 | text | MAC |
 *
 * What the MAC covers:
 *
 *	TLS 1.3		nonce | header | text | type	(RFC 9150, 5)
 *	TLS 1.2		seq | type | version | length of text | text	(RFC 5246, 6.2.3.1)
 *
 * The nonce is as long as the hash: the write IV is (RFC 9150, 6), and the nonce
 * has its length (RFC 8446, 5.3).
 */
#include <crypto/utils.h>
#include <linux/err.h>
#include <linux/string.h>

#include "crypt.h"
#include "mac.h"
#include "record.h"
#include "suite.h"

#define HEAD_MAX	(KSSL_SECRET_MAX + TLS_HEADER_LEN)
static_assert(HEAD_MAX >= TLS12_AAD_LEN);

static int mac_alloc(struct kssl_half *half)
{
	half->mac = kssl_mac_new(half->suite->digest);
	if (IS_ERR(half->mac)) {
		int err = PTR_ERR(half->mac);

		half->mac = NULL;
		return err;
	}
	return 0;
}

/* In TLS 1.3 the write key is the MAC's. */
static int mac_setkey(struct kssl_half *half, const u8 *key, const u8 *mac)
{
	return kssl_mac_setkey(half->mac, half->version == TLS13 ? key : mac,
			       half->suite->tag_len);
}

static void mac_free(struct kssl_half *half)
{
	kssl_mac_free(half->mac);
}

static void mac_driver(const struct kssl_half *half, char *name, size_t room)
{
	strscpy(name, kssl_mac_driver(half->mac), room);
}

/*
 * The MAC of a record whose content of @len bytes, inner type included, is at @text,
 * and its header before that.
 */
static int sum(struct kssl_half *half, u64 seq, u8 type, const u8 *text, u32 len, u8 *out)
{
	u8 head[HEAD_MAX];
	u32 head_len = TLS12_AAD_LEN;

	if (half->version == TLS13) {
		head_len = half->suite->iv_len;
		kssl_record_nonce(head, half->suite, half->iv, seq);
		memcpy(head + head_len, text - TLS_HEADER_LEN, TLS_HEADER_LEN);
		head_len += TLS_HEADER_LEN;
	} else {
		kssl_record_aad12(head, seq, type, len);
	}
	return kssl_mac_sum(half->mac, head, head_len, text, len, out);
}

static int mac_seal(struct kssl_half *half, u64 seq, u8 type, u8 *text, u32 len, u32 pad)
{
	if (half->version == TLS13) {
		text[len++] = type;
		memset(text + len, 0, pad);	/* RFC 8446, 5.4 */
		len += pad;
		type = TLS_APPDATA;
	}
	kssl_record_header(text - TLS_HEADER_LEN, type, len + half->suite->tag_len);
	return sum(half, seq, type, text, len, text + len);
}

static int mac_open(struct kssl_half *half, u64 seq, u8 *record, u32 len, u8 *type, u8 **text,
		    u32 *text_len, u8 *alert)
{
	u32 tag_len = half->suite->tag_len;
	u8 want[KSSL_MAC_MAX];
	int err;

	*type = record[0];
	*text = record + TLS_HEADER_LEN;
	*text_len = len - TLS_HEADER_LEN - tag_len;
	err = sum(half, seq, *type, *text, *text_len, want);
	if (err)
		return kssl_crypt_refuse(err, TLS_INTERNAL_ERROR, alert);
	if (crypto_memneq(want, *text + *text_len, tag_len))
		err = kssl_crypt_refuse(-EBADMSG, TLS_BAD_RECORD_MAC, alert);
	memzero_explicit(want, sizeof(want));
	if (err || half->version == TLS12)
		return err;
	return kssl_record_inner(*text, text_len, type, alert);
}

const struct kssl_crypt_ops kssl_mac_ops = {
	.alloc = mac_alloc,
	.setkey = mac_setkey,
	.free = mac_free,
	.driver = mac_driver,
	.seal = mac_seal,
	.open = mac_open,
};
