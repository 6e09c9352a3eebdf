// SPDX-License-Identifier: LGPL-2.1-or-later
/* Suites by number, and the key block of TLS 1.2; see suite.h. */
#include "suite.h"

#include <errno.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/ssl.h>

#define BLOCK_MAX (2 * (KSSL_MAC_MAX + KSSL_KEY_MAX + KSSL_IV_MAX))

#define TAG8 KSSL_SUITE_TAG8
#define CBC KSSL_SUITE_CBC
#define RSA_ KSSL_SUITE_RSA
#define NULL_ KSSL_SUITE_NULL

static const struct kssl_suite_row rows[] = {
	/* TLS 1.3: everything comes from the traffic secret */
	{ 0x1301, 0, 0, 0, 0 },		/* AES_128_GCM_SHA256 */
	{ 0x1302, 0, 0, 0, 0 },		/* AES_256_GCM_SHA384 */
	{ 0x1303, 0, 0, 0, 0 },		/* CHACHA20_POLY1305_SHA256 */
	{ 0x1304, 0, 0, 0, 0 },		/* AES_128_CCM_SHA256 */
	{ 0x1305, TAG8, 0, 0, 0 },		/* AES_128_CCM_8_SHA256 */
	{ 0xc0b4, NULL_, 0, 0, 0 },	/* SHA256_SHA256 (RFC 9150) */
	{ 0xc0b5, NULL_, 0, 0, 0 },	/* SHA384_SHA384 */
	/* ECDHE */
	{ 0xc02b, 0, 0, 16, 4 },	/* ECDSA, AES_128_GCM_SHA256 */
	{ 0xc02c, 0, 0, 32, 4 },	/* ECDSA, AES_256_GCM_SHA384 */
	{ 0xc02f, 0, 0, 16, 4 },	/* RSA, AES_128_GCM_SHA256 */
	{ 0xc030, 0, 0, 32, 4 },	/* RSA, AES_256_GCM_SHA384 */
	{ 0xcca8, 0, 0, 32, 12 },	/* RSA, CHACHA20_POLY1305_SHA256 */
	{ 0xcca9, 0, 0, 32, 12 },	/* ECDSA, CHACHA20_POLY1305_SHA256 */
	{ 0xc0ac, 0, 0, 16, 4 },	/* ECDSA, AES_128_CCM */
	{ 0xc0ad, 0, 0, 32, 4 },	/* ECDSA, AES_256_CCM */
	{ 0xc0ae, TAG8, 0, 16, 4 },	/* ECDSA, AES_128_CCM_8 */
	{ 0xc0af, TAG8, 0, 32, 4 },	/* ECDSA, AES_256_CCM_8 */
	{ 0xc009, CBC, 20, 16, 0 },	/* ECDSA, AES_128_CBC_SHA */
	{ 0xc00a, CBC, 20, 32, 0 },	/* ECDSA, AES_256_CBC_SHA */
	{ 0xc013, CBC, 20, 16, 0 },	/* RSA, AES_128_CBC_SHA */
	{ 0xc014, CBC, 20, 32, 0 },	/* RSA, AES_256_CBC_SHA */
	{ 0xc023, CBC, 32, 16, 0 },	/* ECDSA, AES_128_CBC_SHA256 */
	{ 0xc024, CBC, 48, 32, 0 },	/* ECDSA, AES_256_CBC_SHA384 */
	{ 0xc027, CBC, 32, 16, 0 },	/* RSA, AES_128_CBC_SHA256 */
	{ 0xc028, CBC, 48, 32, 0 },	/* RSA, AES_256_CBC_SHA384 */
	/* RSA key transport */
	{ 0x009c, RSA_, 0, 16, 4 },	/* AES_128_GCM_SHA256 */
	{ 0x009d, RSA_, 0, 32, 4 },	/* AES_256_GCM_SHA384 */
	{ 0xc09c, RSA_, 0, 16, 4 },	/* AES_128_CCM */
	{ 0xc09d, RSA_, 0, 32, 4 },	/* AES_256_CCM */
	{ 0xc0a0, RSA_ | TAG8, 0, 16, 4 },	/* AES_128_CCM_8 */
	{ 0xc0a1, RSA_ | TAG8, 0, 32, 4 },	/* AES_256_CCM_8 */
	{ 0x002f, RSA_ | CBC, 20, 16, 0 },	/* AES_128_CBC_SHA */
	{ 0x0035, RSA_ | CBC, 20, 32, 0 },	/* AES_256_CBC_SHA */
	{ 0x003c, RSA_ | CBC, 32, 16, 0 },	/* AES_128_CBC_SHA256 */
	{ 0x003d, RSA_ | CBC, 32, 32, 0 },	/* AES_256_CBC_SHA256 */
	{ 0x003b, RSA_ | NULL_, 32, 0, 0 },	/* NULL_SHA256 */
};

/**
 * kssl_suite_find() - a suite by its number
 * @id: IANA number
 *
 * Return: the row, or NULL for a suite that kssl.ko does not have.
 */
const struct kssl_suite_row *kssl_suite_find(uint16_t id)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].id == id)
			return &rows[i];
	return NULL;
}

/* ---- encrypt-then-MAC ---- */

/* What is left of a message; every step takes from it or fails. */
struct rest {
	const uint8_t *p;
	size_t len;
};

static bool skip(struct rest *r, size_t n)
{
	if (n > r->len)
		return false;
	r->p += n;
	r->len -= n;
	return true;
}

/* An unsigned number of @bytes bytes. */
static bool number(struct rest *r, int bytes, size_t *n)
{
	const uint8_t *p = r->p;

	if (!skip(r, (size_t)bytes))
		return false;
	for (*n = 0; bytes--; p++)
		*n = *n << 8 | *p;
	return true;
}

/* From the body of a ServerHello to its extensions; there need not be any. */
static bool to_extensions(struct rest *r)
{
	size_t n;

	return skip(r, 2 + SSL3_RANDOM_SIZE) && number(r, 1, &n) &&
	       skip(r, n + 2 + 1) &&	/* session_id, cipher_suite, compression_method */
	       number(r, 2, &n) && n == r->len;
}

/**
 * kssl_hello_etm() - does a ServerHello agree to encrypt-then-MAC?
 * @msg: a handshake message, header included, as a message callback gets it
 * @len: its length
 *
 * OpenSSL does not tell otherwise (RFC 7366, 2).  A resumed session is agreed
 * on anew, so the last ServerHello counts.
 *
 * Return: true for a whole ServerHello with that extension.
 */
bool kssl_hello_etm(const uint8_t *msg, size_t len)
{
	struct rest r = { msg, len };
	size_t type, n;

	if (!number(&r, 1, &type) || type != SSL3_MT_SERVER_HELLO || !number(&r, 3, &n) ||
	    n != r.len || !to_extensions(&r))
		return false;
	while (number(&r, 2, &type) && number(&r, 2, &n) && skip(&r, n))
		if (type == TLSEXT_TYPE_encrypt_then_mac)
			return true;
	return false;
}

/* ---- keys ---- */

/*
 * PRF(master secret, "key expansion", server random, client random): RFC 5246,
 * 6.3.  The hash is SHA-256 unless the suite says SHA-384 (section 5); OpenSSL
 * names MD5-SHA1 for the suites that are older than TLS 1.2.
 */
static bool key_block(SSL *ssl, uint8_t *out, size_t len)
{
	const EVP_MD *md = SSL_CIPHER_get_handshake_digest(SSL_get_current_cipher(ssl));
	char *digest = md && EVP_MD_is_a(md, "SHA384") ? "SHA384" : "SHA256";
	char label[] = "key expansion";
	uint8_t master[SSL_MAX_MASTER_KEY_LENGTH], random[2][SSL3_RANDOM_SIZE];
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[5], *p = params;
	size_t n;
	bool good;

	SSL_get_server_random(ssl, random[0], sizeof(random[0]));
	SSL_get_client_random(ssl, random[1], sizeof(random[1]));
	n = SSL_SESSION_get_master_key(SSL_get_session(ssl), master, sizeof(master));
	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, n);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, label, strlen(label));
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, random, sizeof(random));
	*p = OSSL_PARAM_construct_end();
	good = ctx && n && EVP_KDF_derive(ctx, out, len, params) == 1;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	OPENSSL_cleanse(master, sizeof(master));
	return good;
}

/* The block holds three pairs, the client's part of each first (RFC 5246, 6.3). */
static void slice(struct kssl_key *key, const struct kssl_suite_row *row, const uint8_t *block,
		  bool server)
{
	key->mac_len = row->mac_len;
	memcpy(key->mac, block + server * row->mac_len, row->mac_len);
	block += 2 * row->mac_len;
	key->key_len = row->key_len;
	memcpy(key->key, block + server * row->key_len, row->key_len);
	block += 2 * row->key_len;
	key->iv_len = row->iv_len;
	memcpy(key->iv, block + server * row->iv_len, row->iv_len);
}

/**
 * kssl_keys12() - keys of a finished TLS 1.2 handshake
 * @ssl: it
 * @etm: kssl_hello_etm() said yes
 * @tx: keys to send with: flags, mac, key and iv are filled in
 * @rx: keys to receive with, likewise; the caller wipes both, also after an error
 *
 * Return: 0; EOPNOTSUPP for a suite that kssl.ko does not have; ENOMEM.
 */
int kssl_keys12(SSL *ssl, bool etm, struct kssl_key *tx, struct kssl_key *rx)
{
	uint16_t id = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl));
	const struct kssl_suite_row *row = kssl_suite_find(id);
	bool server = SSL_is_server(ssl), good;
	uint8_t block[BLOCK_MAX];

	if (!row || !(row->mac_len | row->key_len))
		return EOPNOTSUPP;
	good = key_block(ssl, block, 2 * ((size_t)row->mac_len + row->key_len + row->iv_len));
	if (good) {
		slice(tx, row, block, server);
		slice(rx, row, block, !server);
		/* without a block cipher the order makes no difference */
		tx->flags = rx->flags = etm && row->weak & CBC ? KSSL_KEY_ETM : 0;
	}
	OPENSSL_cleanse(block, sizeof(block));
	return good ? 0 : ENOMEM;
}
