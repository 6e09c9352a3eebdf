/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Facts of the wire: numbers and sizes of TLS 1.2 (RFC 5246) and TLS 1.3
 * (RFC 8446).  Nothing about how kssl keeps them.
 */
#ifndef _KSSL_PROTO_H
#define _KSSL_PROTO_H

#define TLS12			0x0303	/* RFC 5246, 6.2.1 */
#define TLS13			0x0304	/* RFC 8446, 4.2.1 */

/* RFC 8446, 5.1 */
enum tls_content_type {
	TLS_CCS			= 20,
	TLS_ALERT		= 21,
	TLS_HANDSHAKE		= 22,
	TLS_APPDATA		= 23,
};

/* RFC 8446, 4 */
enum tls_handshake_type {
	TLS_HS_HELLO_REQUEST	= 0,	/* TLS 1.2 only */
	TLS_HS_CLIENT_HELLO	= 1,
	TLS_HS_NEW_TICKET	= 4,
	TLS_HS_KEY_UPDATE	= 24,
};

/* RFC 8446, 6 */
enum tls_alert_level {
	TLS_WARNING		= 1,
	TLS_FATAL		= 2,
};

enum tls_alert {
	TLS_CLOSE_NOTIFY	= 0,
	TLS_UNEXPECTED_MESSAGE	= 10,
	TLS_BAD_RECORD_MAC	= 20,
	TLS_RECORD_OVERFLOW	= 22,
	TLS_ILLEGAL_PARAMETER	= 47,
	TLS_DECODE_ERROR	= 50,
	TLS_PROTOCOL_VERSION	= 70,
	TLS_INTERNAL_ERROR	= 80,
	TLS_USER_CANCELED	= 90,
	TLS_NO_RENEGOTIATION	= 100,	/* TLS 1.2 only, RFC 5246, 7.2.2 */
};

#define TLS_HEADER_LEN		5	/* type, version, length */
#define TLS_TEXT_MAX		16384	/* RFC 8446, 5.1: 2^14 */
#define TLS13_EXPAND_MAX	256	/* RFC 8446, 5.2 */
#define TLS12_EXPAND_MAX	2048	/* RFC 5246, 6.2.3 */
#define TLS_SEQ_LEN		8
#define TLS12_AAD_LEN		13	/* seq, type, version, length: RFC 5246, 6.2.3.3 */
#define TLS_NONCE_LEN		12	/* RFC 8446, 5.3 */
#define TLS_TAG_LEN		16
#define TLS_CCM_8_TAG_LEN	8	/* RFC 6655, 4 */
#define TLS_CBC_BLOCK_LEN	16	/* AES; also the length of its IV: RFC 5246, 6.2.3.2 */
#define TLS_CBC_PAD_MAX		256	/* padding and padding_length */
#define TLS_HS_HEADER_LEN	4	/* msg_type, uint24 length */
#define TLS12_CLIENT_HELLO_MIN	41	/* one suite, no extension: RFC 5246, 7.4.1.2 */

#endif /* _KSSL_PROTO_H */
