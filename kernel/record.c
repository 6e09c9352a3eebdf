// SPDX-License-Identifier: GPL-2.0
/*
 * Pure byte rules of a record: header, nonce, additional data, padding, inner
 * content type.  No buffers, no sockets, no crypto; compiled in user space by
 * the unit tests as it stands.
 *
 * On the wire (RFC 8446, 5.2; RFC 5246, 6.2.3.3):
 *
 *	TLS 1.3		| 23 | 3 3 | len | text .. | type | 0 .. | tag |
 *	TLS 1.2 GCM	| type | 3 3 | len | explicit nonce | text .. | tag |
 *	TLS 1.2 ChaCha	| type | 3 3 | len | text .. | tag |
 *
 * and for suites with a MAC of their own see cbc.c and integrity.c.
 *
 * Errors come as negative errno with the alert that tells the peer.
 */
#include "record.h"

#include <linux/errno.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "suite.h"

/**
 * kssl_record_header() - write a record header
 * @p: TLS_HEADER_LEN bytes
 * @type: content type on the outside
 * @len: bytes that follow
 */
void kssl_record_header(u8 *p, u8 type, u16 len)
{
	p[0] = type;
	put_unaligned_be16(TLS12, p + 1);	/* legacy_record_version */
	put_unaligned_be16(len, p + 3);
}

/**
 * kssl_record_aad12() - write the additional data of TLS 1.2
 * @p: TLS12_AAD_LEN bytes
 * @seq: sequence number
 * @type: content type
 * @len: plaintext length (RFC 5246, 6.2.3.3)
 */
void kssl_record_aad12(u8 *p, u64 seq, u8 type, u16 len)
{
	put_unaligned_be64(seq, p);
	kssl_record_header(p + TLS_SEQ_LEN, type, len);
}

/**
 * kssl_record_nonce() - the nonce that follows from the sequence number
 * @nonce: TLS_NONCE_LEN bytes, or the suite's iv_len if that is more
 * @suite: the suite
 * @iv: write IV: the suite's iv_len; 4 where the wire carries an explicit part
 * @seq: sequence number
 *
 * TLS 1.3 and ChaCha20: iv XOR seq, in the last bytes (RFC 8446, 5.3; RFC 7905, 2).
 * TLS 1.2 GCM: iv | seq; the second part also goes on the wire, and as a counter
 * it never repeats (RFC 5288, 3; RFC 9325, 7.2.1).
 */
void kssl_record_nonce(u8 *nonce, const struct kssl_suite *suite, const u8 *iv, u64 seq)
{
	u8 *last;

	if (suite->explicit_len) {
		u8 wire[TLS_SEQ_LEN];

		put_unaligned_be64(seq, wire);
		kssl_record_nonce_explicit(nonce, iv, wire);
		return;
	}
	if (suite->iv_len == TLS_NONCE_LEN)
		memcpy(nonce, iv, TLS_NONCE_LEN);	/* two moves, no call */
	else
		memcpy(nonce, iv, suite->iv_len);
	last = nonce + suite->iv_len - TLS_SEQ_LEN;
	put_unaligned_be64(get_unaligned_be64(last) ^ seq, last);
}

/**
 * kssl_record_nonce_explicit() - the nonce of a received TLS 1.2 GCM record
 * @nonce: TLS_NONCE_LEN bytes
 * @iv: implicit part, 4 bytes
 * @explicit_nonce: the 8 bytes after the header
 */
void kssl_record_nonce_explicit(u8 *nonce, const u8 *iv, const u8 *explicit_nonce)
{
	memcpy(nonce, iv, 4);
	memcpy(nonce + 4, explicit_nonce, 8);
}

static int refuse(int err, u8 why, u8 *alert)
{
	*alert = why;
	return err;
}

/**
 * kssl_record_check_plain() - is this the header of a record of the handshake?
 * @hdr: TLS_HEADER_LEN bytes
 * @len: set to the length of what follows
 * @alert: set on error
 *
 * Before keys are in place kssl only cuts the stream into records; what they
 * mean is the daemon's business.  The version's low byte is ignored, as RFC
 * 8446, 5.1 and RFC 5246, E.1 ask.
 *
 * Return: 0; -EBADMSG (not TLS, or empty); -EMSGSIZE (too long).
 */
int kssl_record_check_plain(const u8 *hdr, u16 *len, u8 *alert)
{
	*len = get_unaligned_be16(hdr + 3);
	if (hdr[0] < TLS_CCS || hdr[0] > TLS_APPDATA)
		return refuse(-EBADMSG, TLS_UNEXPECTED_MESSAGE, alert);
	if (hdr[1] != 3)
		return refuse(-EBADMSG, TLS_PROTOCOL_VERSION, alert);
	if (*len > TLS_TEXT_MAX + TLS12_EXPAND_MAX)
		return refuse(-EMSGSIZE, TLS_RECORD_OVERFLOW, alert);
	if (!*len)
		return refuse(-EBADMSG, TLS_UNEXPECTED_MESSAGE, alert);
	return 0;
}

static int check13(const struct kssl_suite *suite, const u8 *hdr, u16 len, u8 *alert)
{
	/* RFC 8446, 5.2; a stray change_cipher_spec is the caller's to judge */
	if (hdr[0] != TLS_APPDATA)
		return refuse(-EBADMSG, TLS_UNEXPECTED_MESSAGE, alert);
	if (len > TLS_TEXT_MAX + TLS13_EXPAND_MAX)
		return refuse(-EMSGSIZE, TLS_RECORD_OVERFLOW, alert);
	/* without room for a type it must verify first (RFC 8446, 5.2 and 5.4) */
	if (len < suite->tag_len)
		return refuse(-EBADMSG, TLS_BAD_RECORD_MAC, alert);
	return 0;
}

static int check12(const struct kssl_suite *suite, const u8 *hdr, u16 len, u8 *alert)
{
	u16 expand = suite->explicit_len + suite->tag_len;
	u16 pad_max = suite->kind == KSSL_CBC ? TLS_CBC_PAD_MAX : 0;

	if (hdr[0] < TLS_CCS || hdr[0] > TLS_APPDATA)
		return refuse(-EBADMSG, TLS_UNEXPECTED_MESSAGE, alert);
	if (get_unaligned_be16(hdr + 1) != TLS12)
		return refuse(-EBADMSG, TLS_PROTOCOL_VERSION, alert);
	if (len > TLS_TEXT_MAX + expand + pad_max)
		return refuse(-EMSGSIZE, TLS_RECORD_OVERFLOW, alert);
	if (len < expand)
		return refuse(-EBADMSG, TLS_BAD_RECORD_MAC, alert);
	return 0;
}

/**
 * kssl_record_check() - check the header of a protected record
 * @suite: suite of the receiving keys
 * @hdr: TLS_HEADER_LEN bytes
 * @len: set to the length of what follows
 * @alert: set on error
 *
 * In TLS 1.3 the version field is ignored; it is authenticated all the same.
 *
 * Return: 0; -EBADMSG (type, version, too short); -EMSGSIZE (too long).
 */
int kssl_record_check(const struct kssl_suite *suite, const u8 *hdr, u16 *len, u8 *alert)
{
	*len = get_unaligned_be16(hdr + 3);
	if (suite->version == TLS13)
		return check13(suite, hdr, *len, alert);
	return check12(suite, hdr, *len, alert);
}

/**
 * kssl_record_alert() - tell what a received alert says
 * @version: TLS12 or TLS13
 * @level: its level
 * @desc: its description
 *
 * The same for both roles.  TLS 1.3 ignores the level (RFC 8446, 6): two alerts are
 * not fatal.  In TLS 1.2 the level decides (RFC 5246, 7.2), whatever the description,
 * known or not; but a close_notify closes, as it says, at either level.
 *
 *	level		close_notify	user_canceled	any other
 *	1.3: any	closes		warns		fails
 *	1.2: warning	closes		warns		warns
 *	1.2: fatal	closes		fails		fails
 *	1.2: other	broken		broken		broken
 *
 * Return: see enum kssl_alert_sense.
 */
enum kssl_alert_sense kssl_record_alert(u16 version, u8 level, u8 desc)
{
	bool warns = version == TLS13 ? desc == TLS_USER_CANCELED : level == TLS_WARNING;

	if (version != TLS13 && level != TLS_WARNING && level != TLS_FATAL)
		return KSSL_ALERT_BROKEN;
	if (desc == TLS_CLOSE_NOTIFY)
		return KSSL_ALERT_CLOSES;
	return warns ? KSSL_ALERT_WARNS : KSSL_ALERT_FAILS;
}

/**
 * kssl_record_inner() - take padding and content type off a TLS 1.3 record
 * @text: TLSInnerPlaintext (RFC 8446, 5.2)
 * @len: its length; set to that of the content
 * @type: set to the content type
 * @alert: set on error
 *
 * Return: 0; -EBADMSG (only zeros); -EMSGSIZE (content longer than 2^14).
 */
int kssl_record_inner(const u8 *text, u32 *len, u8 *type, u8 *alert)
{
	u32 n = *len;

	if (n > TLS_TEXT_MAX + 1)	/* RFC 8446, 5.4: padding counts */
		return refuse(-EMSGSIZE, TLS_RECORD_OVERFLOW, alert);
	while (n && !text[n - 1])
		n--;
	if (!n)
		return refuse(-EBADMSG, TLS_UNEXPECTED_MESSAGE, alert);
	*type = text[n - 1];
	*len = n - 1;
	return 0;
}
