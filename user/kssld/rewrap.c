// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A handshake message that the kernel has opened, sealed again for OpenSSL, which
 * takes none in clear: with the server's first application keys, and with the
 * sequence number that OpenSSL expects, which is not the kernel's: OpenSSL has not
 * seen the records of the program's data.
 */
#include "kssld.h"

#include <string.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#define HEADER 5
#define TEXT_MAX 16384
#define TAG_MAX 16
#define IV_LEN 12
#define CCM_8 0x1305	/* its cipher has no name of its own in OpenSSL */
#define APPDATA 23
#define HANDSHAKE 22

/* RFC 8446, 7.3 */
static bool expand(SSL *ssl, const uint8_t *secret, size_t secret_len,
		   const char *label, uint8_t *out, size_t len)
{
	const EVP_MD *md = SSL_CIPHER_get_handshake_digest(SSL_get_current_cipher(ssl));
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
						 (char *)EVP_MD_get0_name(md), 0),
		OSSL_PARAM_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret, secret_len),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_PREFIX, "tls13 ", 6),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_LABEL, (void *)label, strlen(label)),
		OSSL_PARAM_END,
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	bool good;

	good = ctx && EVP_KDF_derive(ctx, out, len, params) == 1;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return good;
}

/**
 * rewrap_init() - prepare to seal what comes from the server
 * @r: zeroed; wiped by whoever frees it
 * @ssl: a client's finished handshake, TLS 1.3
 * @secret: the server's application traffic secret
 * @secret_len: its length
 *
 * Return: false for a cipher that this file does not know.
 */
bool rewrap_init(struct rewrap *r, SSL *ssl, const uint8_t *secret, size_t secret_len)
{
	const SSL_CIPHER *suite = SSL_get_current_cipher(ssl);
	const EVP_CIPHER *cipher = EVP_get_cipherbynid(SSL_CIPHER_get_cipher_nid(suite));
	int key_len;

	if (!cipher || EVP_CIPHER_get_iv_length(cipher) > IV_LEN ||
	    !(EVP_CIPHER_get_flags(cipher) & EVP_CIPH_FLAG_AEAD_CIPHER))
		return false;
	key_len = EVP_CIPHER_get_key_length(cipher);
	r->tag_len = SSL_CIPHER_get_protocol_id(suite) == CCM_8 ? 8 : TAG_MAX;
	if (key_len > (int)sizeof(r->key) ||
	    !expand(ssl, secret, secret_len, "key", r->key, (size_t)key_len) ||
	    !expand(ssl, secret, secret_len, "iv", r->iv, IV_LEN))
		return false;
	r->cipher = cipher;
	return true;
}

/* RFC 8446, 5.3 */
static void nonce(const struct rewrap *r, uint8_t *out)
{
	int i;

	memcpy(out, r->iv, IV_LEN);
	for (i = 0; i < 8; i++)
		out[IV_LEN - 1 - i] ^= (uint8_t)(r->seq >> 8 * i);
}

/* CCM must know tag and text length first; the others do not mind. */
static bool encrypt(const struct rewrap *r, uint8_t *record, int text_len)
{
	bool ccm = EVP_CIPHER_get_mode(r->cipher) == EVP_CIPH_CCM_MODE;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t *text = record + HEADER, iv[IV_LEN];
	int tag_len = (int)r->tag_len, n;
	bool good;

	nonce(r, iv);
	good = ctx && EVP_EncryptInit_ex(ctx, r->cipher, NULL, NULL, NULL) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, IV_LEN, NULL) == 1 &&
	       (!ccm || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, tag_len, NULL) == 1) &&
	       EVP_EncryptInit_ex(ctx, NULL, NULL, r->key, iv) == 1 &&
	       (!ccm || EVP_EncryptUpdate(ctx, NULL, &n, NULL, text_len) == 1) &&
	       EVP_EncryptUpdate(ctx, NULL, &n, record, HEADER) == 1 &&
	       EVP_EncryptUpdate(ctx, text, &n, text, text_len) == 1 &&
	       EVP_EncryptFinal_ex(ctx, text + text_len, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, tag_len, text + text_len) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return good;
}

/* header | text | type | tag (RFC 8446, 5.2) */
static bool put_record(struct rewrap *r, BIO *to, const uint8_t *text, size_t len)
{
	uint8_t record[HEADER + TEXT_MAX + 1 + TAG_MAX];
	size_t body = len + 1 + r->tag_len;
	bool good;

	record[0] = APPDATA;
	record[1] = 3;
	record[2] = 3;
	record[3] = (uint8_t)(body >> 8);
	record[4] = (uint8_t)body;
	memcpy(record + HEADER, text, len);
	record[HEADER + len] = HANDSHAKE;
	good = encrypt(r, record, (int)len + 1) &&
	       BIO_write(to, record, (int)(HEADER + body)) == (int)(HEADER + body);
	r->seq++;
	return good;
}

/**
 * rewrap_message() - a message as records
 * @r: prepared
 * @to: what OpenSSL reads from
 * @message: the message, header included
 * @len: its length
 *
 * Return: false without memory; then OpenSSL cannot read on.
 */
bool rewrap_message(struct rewrap *r, BIO *to, const uint8_t *message, size_t len)
{
	bool good = true;

	while (good && len) {
		size_t n = len < TEXT_MAX ? len : TEXT_MAX;

		good = put_record(r, to, message, n);
		message += n;
		len -= n;
	}
	return good;
}
