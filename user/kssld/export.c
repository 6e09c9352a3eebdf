// SPDX-License-Identifier: GPL-2.0-or-later
/* Keys out of OpenSSL: from its key log lines (TLS 1.3), by the PRF (TLS 1.2). */
#include "kssld.h"

#include <string.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/**
 * export_secret() - the secret of a key log line
 * @line: "LABEL client-random secret", the last two in hex
 * @label: the label wanted
 * @secret: where to, SECRET_MAX bytes
 * @len: set to its length
 *
 * Return: true if the line has that label and a secret that fits.
 */
bool export_secret(const char *line, const char *label, uint8_t *secret, size_t *len)
{
	size_t n = strlen(label);
	const char *hex;

	if (strncmp(line, label, n) || line[n] != ' ')
		return false;
	hex = strchr(line + n + 1, ' ');
	if (!hex || strlen(++hex) > 2 * SECRET_MAX || strlen(hex) % 2)
		return false;
	for (n = 0; hex[2 * n]; n++) {
		int hi = hex_digit(hex[2 * n]), lo = hex_digit(hex[2 * n + 1]);

		if (hi < 0 || lo < 0)
			return false;
		secret[n] = (uint8_t)(hi << 4 | lo);
	}
	*len = n;
	return n > 0;
}

/*
 * RFC 5246, 6.3: the key block.  For suites older than TLS 1.2 OpenSSL names
 * MD5-SHA1 as handshake digest, but in TLS 1.2 the PRF is then SHA-256 (section
 * 5); only SHA-384 differs.
 */
static bool key_block(SSL *ssl, uint8_t *out, size_t len)
{
	const EVP_MD *md = SSL_CIPHER_get_handshake_digest(SSL_get_current_cipher(ssl));
	char *digest = md && EVP_MD_is_a(md, "SHA384") ? "SHA384" : "SHA256";
	uint8_t seed[13 + 2 * SSL3_RANDOM_SIZE] = "key expansion";
	uint8_t master[SSL_MAX_MASTER_KEY_LENGTH];
	size_t master_len;
	OSSL_PARAM params[4];
	EVP_KDF *kdf;
	EVP_KDF_CTX *ctx;
	bool good;

	SSL_get_server_random(ssl, seed + 13, SSL3_RANDOM_SIZE);
	SSL_get_client_random(ssl, seed + 13 + SSL3_RANDOM_SIZE, SSL3_RANDOM_SIZE);
	master_len = SSL_SESSION_get_master_key(SSL_get_session(ssl), master, sizeof(master));
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, master_len);
	params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof(seed));
	params[3] = OSSL_PARAM_construct_end();
	kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
	ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	good = ctx && master_len && EVP_KDF_derive(ctx, out, len, params) == 1;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	OPENSSL_cleanse(master, sizeof(master));
	return good;
}

static bool sizes12(SSL *ssl, size_t *key_len, size_t *iv_len)
{
	switch (SSL_CIPHER_get_cipher_nid(SSL_get_current_cipher(ssl))) {
	case NID_aes_128_gcm:
		*key_len = 16;
		*iv_len = 4;
		return true;
	case NID_aes_256_gcm:
		*key_len = 32;
		*iv_len = 4;
		return true;
	case NID_chacha20_poly1305:
		*key_len = 32;
		*iv_len = 12;
		return true;
	default:
		return false;
	}
}

static void slice(struct hs_keys *keys, const uint8_t *block, size_t which, size_t key_len,
		  size_t iv_len)
{
	memcpy(keys->key, block + which * key_len, key_len);
	memcpy(keys->iv, block + 2 * key_len + which * iv_len, iv_len);
	keys->key_len = key_len;
	keys->iv_len = iv_len;
	keys->seq = 1;		/* Finished was 0 */
}

/**
 * export_keys12() - keys of a finished TLS 1.2 handshake
 * @ssl: it
 * @server: our role
 * @tx: keys to send with
 * @rx: keys to receive with
 *
 * Return: false for a suite that we do not offer, or without memory.
 */
bool export_keys12(SSL *ssl, bool server, struct hs_keys *tx, struct hs_keys *rx)
{
	uint8_t block[2 * (32 + 12)];
	size_t key_len, iv_len;
	bool good;

	if (!sizes12(ssl, &key_len, &iv_len))
		return false;
	good = key_block(ssl, block, 2 * (key_len + iv_len));
	if (good) {
		slice(tx, block, server, key_len, iv_len);
		slice(rx, block, !server, key_len, iv_len);
	}
	OPENSSL_cleanse(block, sizeof(block));
	return good;
}

/**
 * export_master12() - what the kernel exports keying material from (RFC 5705, 4)
 * @ssl: a finished TLS 1.2 handshake
 * @x: filled; left empty without extended master secret, since nobody must rely
 *	on material that a man in the middle can have on both sides (RFC 7627, 5.4)
 */
void export_master12(SSL *ssl, struct hs_exporter *x)
{
	if (SSL_get_extms_support(ssl) != 1)
		return;
	x->secret_len = SSL_SESSION_get_master_key(SSL_get_session(ssl), x->secret, SECRET_MAX);
	SSL_get_client_random(ssl, x->randoms, SSL3_RANDOM_SIZE);
	SSL_get_server_random(ssl, x->randoms + SSL3_RANDOM_SIZE, SSL3_RANDOM_SIZE);
	x->randoms_len = sizeof(x->randoms);
}
