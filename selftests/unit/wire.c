// SPDX-License-Identifier: GPL-2.0
// LIBS: libssl libcrypto
// CFLAGS: -Iselftests/peers
/*
 * peers/wire.h, by which kssl's records are judged, judged itself: it opens what
 * OpenSSL sends and OpenSSL reads what it makes, in every suite that OpenSSL
 * negotiates, with keys taken from a real handshake in memory.
 */
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "wire.h"

static int tests, bad;
static EVP_PKEY *rsa_key, *ec_key;
static X509 *rsa_cert, *ec_cert;

static void ok(bool good, const struct wire_half *h, const char *name)
{
	printf("%sok %d - %s%s, %s\n", good ? "" : "not ", ++tests, h->suite->name,
	       h->etm ? ", EtM" : "", name);
	bad += !good;
}

static X509 *self_signed(EVP_PKEY *key)
{
	X509 *x = X509_new();

	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	wire_must(X509_sign(x, key, EVP_sha256()) > 0, "X509_sign");
	return x;
}

/* ---- a connection in memory ---- */

struct pair {
	SSL *client, *server;
	BIO *to_client, *to_server;
	struct wire_half from_client, from_server;
};

static int pair_index;

/* The traffic secrets of TLS 1.3: "LABEL client-random secret". */
static void keylog(const SSL *ssl, const char *line)
{
	struct pair *p = SSL_get_ex_data(ssl, pair_index);
	const char *hex = strrchr(line, ' ') + 1;
	struct wire_half *h;
	unsigned int v;
	size_t i;

	if (!strncmp(line, "CLIENT_TRAFFIC_SECRET_0", 23))
		h = &p->from_client;
	else if (!strncmp(line, "SERVER_TRAFFIC_SECRET_0", 23))
		h = &p->from_server;
	else
		return;
	for (i = 0; sscanf(hex + 2 * i, "%2x", &v) == 1; i++)
		h->secret[i] = (uint8_t)v;
	wire_derive(h);
}

/* The key block of TLS 1.2 (RFC 5246, 6.3). */
static void key_block(struct pair *p)
{
	const struct wire_suite *s = p->from_client.suite;
	const char *md = !strcmp(s->hash, "SHA384") ? "SHA384" : "SHA256";
	size_t mac = s->kind == WIRE_AEAD ? 0 : s->tag, n = 2 * (mac + s->key + s->iv), len;
	uint8_t master[48], client[32], server[32], block[256], *at = block;
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	struct wire_half *h[2] = { &p->from_client, &p->from_server };
	int i;

	len = SSL_SESSION_get_master_key(SSL_get0_session(p->server), master, sizeof(master));
	SSL_get_client_random(p->server, client, 32);
	SSL_get_server_random(p->server, server, 32);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("digest", (char *)md, 0),
		OSSL_PARAM_construct_octet_string("secret", master, len),
		OSSL_PARAM_construct_octet_string("seed", (void *)"key expansion", 13),
		OSSL_PARAM_construct_octet_string("seed", server, 32),
		OSSL_PARAM_construct_octet_string("seed", client, 32),
		OSSL_PARAM_construct_end(),
	};
	wire_must(EVP_KDF_derive(ctx, block, n, params) == 1, "TLS1-PRF");
	for (i = 0; i < 2; i++, at += mac)
		memcpy(h[i]->mac, at, mac);
	for (i = 0; i < 2; i++, at += s->key)
		memcpy(h[i]->key, at, s->key);
	for (i = 0; i < 2; i++, at += s->iv)
		memcpy(h[i]->iv, at, s->iv);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static SSL *one_end(struct pair *p, bool server, const char *name)
{
	const struct wire_half *h = &p->from_client;
	SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	bool v13 = h->suite->version == 0x304, ec = strstr(name, "ECDSA");
	SSL *ssl;

	SSL_CTX_set_min_proto_version(ctx, h->suite->version);
	SSL_CTX_set_max_proto_version(ctx, h->suite->version);
	SSL_CTX_set_security_level(ctx, 0);
	wire_must(v13 ? SSL_CTX_set_ciphersuites(ctx, name) : SSL_CTX_set_cipher_list(ctx, name),
		  name);
	SSL_CTX_set_keylog_callback(ctx, keylog);
	if (!h->etm)
		SSL_CTX_set_options(ctx, SSL_OP_NO_ENCRYPT_THEN_MAC);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_use_certificate(ctx, ec ? ec_cert : rsa_cert);
	SSL_CTX_use_PrivateKey(ctx, ec ? ec_key : rsa_key);
	ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_ex_data(ssl, pair_index, p);
	return ssl;
}

/* OpenSSL's name of a suite, or NULL. */
static const char *name_of(const struct wire_suite *s)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	SSL *ssl = SSL_new(ctx);
	uint8_t id[2] = { (uint8_t)(s->id >> 8), (uint8_t)s->id };
	const SSL_CIPHER *c = SSL_CIPHER_find(ssl, id);

	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return c ? SSL_CIPHER_get_name(c) : NULL;
}

static bool pair_open(struct pair *p, const struct wire_suite *s, bool etm)
{
	const char *name = name_of(s);
	int i;

	memset(p, 0, sizeof(*p));
	wire_new(&p->from_client, s, etm);
	wire_new(&p->from_server, s, etm);
	if (!name)
		return false;
	p->to_client = BIO_new(BIO_s_mem());
	p->to_server = BIO_new(BIO_s_mem());
	p->client = one_end(p, false, name);
	p->server = one_end(p, true, name);
	BIO_up_ref(p->to_client);
	BIO_up_ref(p->to_server);
	SSL_set_bio(p->client, p->to_client, p->to_server);
	SSL_set_bio(p->server, p->to_server, p->to_client);
	SSL_set_connect_state(p->client);
	SSL_set_accept_state(p->server);
	for (i = 0; i < 10; i++) {
		SSL_do_handshake(p->client);
		SSL_do_handshake(p->server);
	}
	wire_must(SSL_is_init_finished(p->client) && SSL_is_init_finished(p->server), name);
	if (s->version == 0x303) {
		key_block(p);
		p->from_client.seq = p->from_server.seq = 1;	/* Finished was 0 */
	}
	return true;
}

static void pair_close(struct pair *p)
{
	SSL_free(p->client);
	SSL_free(p->server);
	ERR_clear_error();
}

/* ---- what each makes, the other understands ---- */

static const size_t sizes[] = { 1, 2, 15, 16, 17, 31, 32, 47, 48, 255, 1000, 16383, 16384 };

#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

/* OpenSSL's records. */
static bool opens(struct pair *p)
{
	static uint8_t text[WIRE_TEXT], got[WIRE_TEXT], record[WIRE_MAX];
	struct wire_seen seen;
	size_t i, done;
	int n;

	for (i = 0; i < SIZES; i++) {
		RAND_bytes(text, (int)sizes[i]);
		if (SSL_write(p->server, text, (int)sizes[i]) != (int)sizes[i])
			return false;
		/* CBC of TLS 1.0 would split; 1.2 does not */
		for (done = 0; done < sizes[i]; done += seen.len) {
			if (BIO_read(p->to_client, record, 5) != 5)
				return false;
			n = record[3] << 8 | record[4];
			if (BIO_read(p->to_client, record + 5, n) != n ||
			    wire_open(&p->from_server, record, 5 + (size_t)n, got, &seen) ||
			    seen.type != 23 || memcmp(got, text + done, seen.len))
				return false;
		}
		if (done != sizes[i])
			return false;
	}
	return true;
}

static bool feed(struct pair *p, const struct wire_how *how, const uint8_t *text, size_t len)
{
	static uint8_t record[WIRE_MAX];
	size_t n = wire_seal(&p->from_client, how, text, len, record);

	return BIO_write(p->to_server, record, (int)n) == (int)n;
}

/* Records for OpenSSL, with every padding there can be. */
static bool seals(struct pair *p)
{
	static uint8_t text[WIRE_TEXT], got[WIRE_TEXT];
	bool cbc = p->from_client.suite->kind == WIRE_CBC;
	struct wire_how how = { 0 };
	size_t i, pad, least;

	for (i = 0; i < SIZES; i++) {
		RAND_bytes(text, (int)sizes[i]);
		least = cbc ? wire_pad(&p->from_client, sizes[i]) : 1;
		for (pad = least; pad <= 256; pad += 16) {
			how.pad = (uint16_t)pad;
			how.zeros = (uint16_t)(pad < WIRE_TEXT - sizes[i] ? pad : 0);
			if (!feed(p, &how, text, sizes[i]) ||
			    SSL_read(p->server, got, sizeof(got)) != (int)sizes[i] ||
			    memcmp(got, text, sizes[i]))
				return false;
		}
	}
	return true;
}

static void flip(uint8_t *plain, size_t len, const void *arg)
{
	plain[len - 1 - *(const size_t *)arg] ^= 1;
}

/* OpenSSL's reason for refusing a record spoilt at that byte from the end; 0: none. */
static int refused(const struct wire_suite *s, bool etm, size_t at)
{
	struct wire_how how = { .pad = 16 + (uint16_t)(16 - s->tag % 16) % 16, .spoil = flip,
				.arg = &at };
	static uint8_t got[WIRE_TEXT];
	struct pair p;
	int why = 0;

	if (etm)
		how.pad = 16;
	pair_open(&p, s, etm);
	feed(&p, &how, (const uint8_t *)"sixteen bytes ..", 16);
	if (SSL_read(p.server, got, sizeof(got)) <= 0)
		why = ERR_GET_REASON(ERR_peek_last_error());
	pair_close(&p);
	return why;
}

/* What kssl will be asked to refuse is what OpenSSL refuses. */
static void spoilt(const struct wire_half *h)
{
	const struct wire_suite *s = h->suite;
	const int want = SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC;

	ok(refused(s, h->etm, 0) == want, h, "OpenSSL refuses a bad length of padding");
	ok(refused(s, h->etm, 1) == want, h, "OpenSSL refuses a bad byte of padding");
	if (!h->etm)
		ok(refused(s, false, 40) == want, h, "OpenSSL refuses a bad MAC");
}

static void suite(const struct wire_suite *s, bool etm)
{
	struct pair p;

	if (!pair_open(&p, s, etm)) {
		/* RFC 9150 came with OpenSSL 3.4: interop/rfc9150 has it */
		ok(s->kind == WIRE_MAC && s->version == 0x304, &p.from_client, "unknown here");
		return;
	}
	ok(opens(&p), &p.from_client, "opens OpenSSL's records");
	ok(seals(&p), &p.from_client, "OpenSSL opens its records");
	if (s->kind == WIRE_CBC)
		spoilt(&p.from_client);
	pair_close(&p);
}

int main(void)
{
	size_t i;

	pair_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	rsa_key = EVP_RSA_gen(2048);
	ec_key = EVP_EC_gen("P-256");
	rsa_cert = self_signed(rsa_key);
	ec_cert = self_signed(ec_key);
	for (i = 0; i < WIRE_SUITES; i++) {
		suite(&wire_suites[i], false);
		if (wire_suites[i].kind == WIRE_CBC)
			suite(&wire_suites[i], true);
	}
	X509_free(rsa_cert);
	X509_free(ec_cert);
	EVP_PKEY_free(rsa_key);
	EVP_PKEY_free(ec_key);
	printf("1..%d\n", tests);
	return bad != 0;
}
