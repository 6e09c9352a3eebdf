// SPDX-License-Identifier: GPL-2.0
/*
 * Seal and open records of AEAD suites, in place, in one flat buffer that
 * belongs to kssl alone: never in pages of an skb, which may be somebody's page
 * cache.
 *
 * The buffer around the text, for seal as for open:
 *
 *	TLS 1.3		| header 5 | text | type 1 | tag 16 |
 *	TLS 1.2 GCM, CCM | header 5 | explicit nonce 8 | text | tag 16 |
 *	TLS 1.2 ChaCha	| header 5 | text | tag 16 |
 *
 * and the scatterlist that the cipher sees:
 *
 *	TLS 1.3		[ header .. tag ], header is the additional data
 *	TLS 1.2 GCM	[ 13 bytes before the text .. tag ]: the additional data
 *			lie for the time of the call where header and explicit
 *			nonce go, which have the same size
 *	TLS 1.2 ChaCha	[ half->aad ] [ text .. tag ]
 *
 * The crypto API may answer later on some drivers; we always wait, so no
 * request outlives the call that made it.
 */
#include "aead.h"

#include <linux/scatterlist.h>
#include <linux/unaligned.h>

#include "record.h"
#include "suite.h"

/**
 * kssl_aead_head() - bytes of a record before its text
 * @half: keys
 *
 * Return: header plus explicit nonce.
 */
u32 kssl_aead_head(const struct kssl_half *half)
{
	return TLS_HEADER_LEN + half->suite->explicit_len;
}

/**
 * kssl_aead_tail() - bytes of a record after its text
 * @half: keys
 *
 * Return: inner content type (TLS 1.3) plus tag; padding not counted.
 */
u32 kssl_aead_tail(const struct kssl_half *half)
{
	return half->suite->tag_len + (half->version == TLS13);
}

/* Point the request at additional data and text; @len without the tag. */
static void aim(struct kssl_half *half, u8 *text, u32 len, u32 aad_len, bool split)
{
	u32 span = len + half->suite->tag_len;

	if (split) {
		sg_init_table(half->sg, 2);
		sg_set_buf(&half->sg[0], half->aad, aad_len);
		sg_set_buf(&half->sg[1], text, span);
	} else {
		sg_init_one(half->sg, text - aad_len, aad_len + span);
	}
	aead_request_set_ad(half->req, aad_len);
}

/* Where the nonce proper begins in what the cipher gets. */
static u8 *nonce(struct kssl_half *half)
{
	return half->nonce + (half->suite->b0 != 0);
}

static int run(struct kssl_half *half, u32 crypt_len, int (*op)(struct aead_request *req))
{
	aead_request_set_crypt(half->req, half->sg, half->sg, crypt_len, half->nonce);
	return crypto_wait_req(op(half->req), &half->wait);
}

static int seal13(struct kssl_half *half, u64 seq, u8 type, u8 *text, u32 len, u32 pad)
{
	kssl_record_nonce(nonce(half), half->suite, half->iv, seq);
	text[len++] = type;
	memset(text + len, 0, pad);	/* RFC 8446, 5.4 */
	len += pad;
	kssl_record_header(text - TLS_HEADER_LEN, TLS_APPDATA, len + half->suite->tag_len);
	aim(half, text, len, TLS_HEADER_LEN, false);
	return run(half, len, crypto_aead_encrypt);
}

static int seal12(struct kssl_half *half, u64 seq, u8 type, u8 *text, u32 len)
{
	u8 explicit_len = half->suite->explicit_len;
	u8 *head = text - kssl_aead_head(half);
	bool split = !explicit_len;
	int err;

	kssl_record_nonce(nonce(half), half->suite, half->iv, seq + half->explicit_off);
	kssl_record_aad12(split ? half->aad : text - TLS12_AAD_LEN, seq, type, len);
	aim(half, text, len, TLS12_AAD_LEN, split);
	err = run(half, len, crypto_aead_encrypt);
	kssl_record_header(head, type, explicit_len + len + half->suite->tag_len);
	if (explicit_len)
		put_unaligned_be64(seq + half->explicit_off, head + TLS_HEADER_LEN);
	return err;
}

/**
 * kssl_aead_seal() - make a record of a text, in place
 * @half: sending keys
 * @seq: sequence number, from kssl_keys_seq(), for this record alone
 * @type: content type
 * @text: the text, with kssl_aead_head() bytes of room before it and
 *	kssl_aead_tail() and @pad after it; lowmem, physically contiguous
 * @len: its length, 0 to TLS_TEXT_MAX
 * @pad: zeros to put behind the type, TLS 1.3 only; @len + @pad is no more than
 *	TLS_TEXT_MAX
 *
 * Context: process, socket lock.  Return: 0, or what the crypto API says; then
 * the buffer's content must not be sent.
 */
int kssl_aead_seal(struct kssl_half *half, u64 seq, u8 type, u8 *text, u32 len, u32 pad)
{
	if (half->version == TLS13)
		return seal13(half, seq, type, text, len, pad);
	return seal12(half, seq, type, text, len);
}

static int bad(int err, u8 why, u8 *alert)
{
	*alert = why;
	return err;
}

/* What the crypto API said, as errno and alert. */
static int verdict(int err, u8 *alert)
{
	if (err == -EBADMSG)
		return bad(-EBADMSG, TLS_BAD_RECORD_MAC, alert);
	return err ? bad(err, TLS_INTERNAL_ERROR, alert) : 0;
}

static int open13(struct kssl_half *half, u64 seq, u8 *record, u32 len, u8 *type, u32 *text_len,
		  u8 *alert)
{
	u32 crypt_len = len - TLS_HEADER_LEN;
	int err;

	kssl_record_nonce(nonce(half), half->suite, half->iv, seq);
	*text_len = crypt_len - half->suite->tag_len;
	aim(half, record + TLS_HEADER_LEN, *text_len, TLS_HEADER_LEN, false);
	err = verdict(run(half, crypt_len, crypto_aead_decrypt), alert);
	if (err)
		return err;
	return kssl_record_inner(record + TLS_HEADER_LEN, text_len, type, alert);
}

static int open12(struct kssl_half *half, u64 seq, u8 *record, u32 len, u8 *type, u32 *text_len,
		  u8 *alert)
{
	u8 *text = record + kssl_aead_head(half);
	u32 crypt_len = len - kssl_aead_head(half);
	bool split = !half->suite->explicit_len;

	if (split)
		kssl_record_nonce(nonce(half), half->suite, half->iv, seq);
	else
		kssl_record_nonce_explicit(nonce(half), half->iv, record + TLS_HEADER_LEN);
	*type = record[0];
	*text_len = crypt_len - half->suite->tag_len;
	kssl_record_aad12(split ? half->aad : text - TLS12_AAD_LEN, seq, *type, *text_len);
	aim(half, text, *text_len, TLS12_AAD_LEN, split);
	return verdict(run(half, crypt_len, crypto_aead_decrypt), alert);
}

/**
 * kssl_aead_open() - verify and decrypt a record, in place
 * @half: receiving keys
 * @seq: sequence number, from kssl_keys_seq(), for this record alone
 * @record: the record, header first; kssl_record_check() has passed; in memory
 *	that belongs to kssl alone, physically contiguous
 * @len: its length with header
 * @type: set to the content type
 * @text: set to where the text begins
 * @text_len: set to its length
 * @alert: set on error
 *
 * Context: process, socket lock.  Return: 0; -EBADMSG (did not verify, or no
 * content type); -EMSGSIZE; else what the crypto API says.  On error the
 * buffer's content must not be used.
 */
int kssl_aead_open(struct kssl_half *half, u64 seq, u8 *record, u32 len, u8 *type, u8 **text,
		   u32 *text_len, u8 *alert)
{
	*text = record + kssl_aead_head(half);
	if (half->version == TLS13)
		return open13(half, seq, record, len, type, text_len, alert);
	return open12(half, seq, record, len, type, text_len, alert);
}
