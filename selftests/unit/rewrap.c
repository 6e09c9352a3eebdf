// SPDX-License-Identifier: GPL-2.0
// SOURCES: user/kssld/rewrap.c user/kssld/export.c
// LIBS: libssl libcrypto
// CFLAGS: -Iuser/kssld
/*
 * user/kssld/rewrap.c: a client of libssl gets tickets only through it, out of step
 * with the server's records, and must be able to resume with each.
 */
#include "kssld.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

static int tap_n, tap_bad;

static void ok(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tap_n, name);
	tap_bad += !good;
}

/* What the callbacks of one connection pair have seen. */
static uint8_t secret[KSSL_SECRET_MAX];
static uint16_t secret_len;
static uint8_t tickets[8][65536];
static size_t ticket_len[8];
static unsigned int nr_tickets;
static SSL_SESSION *kept[8];
static unsigned int nr_kept;

static void on_keylog(const SSL *ssl, const char *line)
{
	(void)ssl;
	export_secret(line, "SERVER_TRAFFIC_SECRET_0", secret, &secret_len);
}

/* The server's tickets in clear, as the kernel would have them. */
static void on_message(int write_p, int version, int type, const void *buf, size_t len, SSL *ssl,
		       void *arg)
{
	(void)version;
	(void)ssl;
	(void)arg;
	if (!write_p || type != SSL3_RT_HANDSHAKE || *(const uint8_t *)buf != 4 || nr_tickets == 8)
		return;
	memcpy(tickets[nr_tickets], buf, len);
	ticket_len[nr_tickets++] = len;
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	if (nr_kept < 8)
		kept[nr_kept++] = SSL_SESSION_dup(session);
	return 0;
}

static SSL_CTX *context(bool server, const char *suite)
{
	SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());

	SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
	if (!SSL_CTX_set_ciphersuites(ctx, suite))
		abort();
	if (server) {
		EVP_PKEY *key = EVP_EC_gen("P-256");
		X509 *cert = X509_new();

		X509_set_pubkey(cert, key);
		X509_gmtime_adj(X509_getm_notBefore(cert), 0);
		X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
		X509_sign(cert, key, EVP_sha256());
		SSL_CTX_use_certificate(ctx, cert);
		SSL_CTX_use_PrivateKey(ctx, key);
		SSL_CTX_set_num_tickets(ctx, 3);
		SSL_CTX_set_msg_callback(ctx, on_message);
		X509_free(cert);
		EVP_PKEY_free(key);
		return ctx;
	}
	SSL_CTX_set_keylog_callback(ctx, on_keylog);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	return ctx;
}

static SSL *end_new(SSL_CTX *ctx, bool server)
{
	SSL *ssl = SSL_new(ctx);

	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	if (server)
		SSL_set_accept_state(ssl);
	else
		SSL_set_connect_state(ssl);
	return ssl;
}

static void move(SSL *from, SSL *to)
{
	BUF_MEM *mem;

	BIO_get_mem_ptr(SSL_get_wbio(from), &mem);
	BIO_write(SSL_get_rbio(to), mem->data, (int)mem->length);
	(void)BIO_reset(SSL_get_wbio(from));
}

/* A handshake; the tickets stay in the server's BIO. */
static bool handshake(SSL *client, SSL *server)
{
	int i;

	for (i = 0; i < 4 && !SSL_is_init_finished(client); i++) {
		SSL_do_handshake(client);
		move(client, server);
		if (SSL_is_init_finished(client))
			break;
		SSL_do_handshake(server);
		move(server, client);
	}
	return SSL_do_handshake(server) == 1 && SSL_is_init_finished(client);
}

static bool feed(struct rewrap *r, SSL *client, const uint8_t *message, size_t len)
{
	char byte;

	return rewrap_message(r, SSL_get_rbio(client), message, len) &&
	       SSL_get_error(client, SSL_read(client, &byte, 1)) == SSL_ERROR_WANT_READ;
}

static bool resumes(SSL_CTX *cctx, SSL_CTX *sctx, SSL_SESSION *session)
{
	SSL *client = end_new(cctx, false), *server = end_new(sctx, true);
	bool good;

	SSL_set_session(client, session);
	good = handshake(client, server) && SSL_session_reused(client) && SSL_session_reused(server);
	SSL_free(client);
	SSL_free(server);
	return good;
}

static void suite(const char *name)
{
	SSL_CTX *cctx = context(false, name), *sctx = context(true, name);
	SSL *client = end_new(cctx, false), *server = end_new(sctx, true);
	struct rewrap r = { 0 };
	bool good;
	unsigned int i;

	nr_tickets = nr_kept = 0;
	good = handshake(client, server) && nr_tickets == 3 &&
	       rewrap_init(&r, client, secret, secret_len);
	for (i = 0; good && i < 3; i++)
		good = feed(&r, client, tickets[i], ticket_len[i]) && nr_kept == i + 1;
	for (i = 0; i < nr_kept; i++) {
		good = good && resumes(cctx, sctx, kept[i]);
		SSL_SESSION_free(kept[i]);
	}
	ok(good && nr_kept == 3, name);
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(cctx);
	SSL_CTX_free(sctx);
}

/* A message longer than a record; a wrong sequence number; nonsense. */
static void trouble(void)
{
	SSL_CTX *cctx = context(false, "TLS_AES_128_GCM_SHA256");
	SSL_CTX *sctx = context(true, "TLS_AES_128_GCM_SHA256");
	SSL *client = end_new(cctx, false), *server = end_new(sctx, true);
	uint8_t *message = calloc(1, 40000);
	struct rewrap r = { 0 };
	size_t len = 4 + 4 + 4 + 1 + 8 + 2 + 30000 + 2;
	bool good;

	nr_tickets = nr_kept = 0;
	good = handshake(client, server) && rewrap_init(&r, client, secret, secret_len);
	message[0] = 4;		/* lifetime, age_add, nonce<8>, ticket<30000>, extensions<0> */
	message[2] = (uint8_t)((len - 4) >> 8);
	message[3] = (uint8_t)(len - 4);
	message[6] = 1;
	message[12] = 8;
	message[21] = 30000 >> 8;
	message[22] = 30000 & 255;
	good = good && feed(&r, client, message, len) && nr_kept == 1;
	ok(good, "a message longer than a record");
	SSL_SESSION_free(kept[0]);
	message[12] = 255;
	ok(!feed(&r, client, message, len) && nr_kept == 1, "nonsense is refused");
	SSL_free(client);
	SSL_free(server);
	client = end_new(cctx, false);
	server = end_new(sctx, true);
	nr_tickets = nr_kept = 0;
	memset(&r, 0, sizeof(r));
	good = handshake(client, server) && rewrap_init(&r, client, secret, secret_len);
	r.seq = 1;
	ok(good && !feed(&r, client, tickets[0], ticket_len[0]) && !nr_kept,
	   "another sequence number is refused");
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(cctx);
	SSL_CTX_free(sctx);
	free(message);
}

int main(void)
{
	suite("TLS_AES_128_GCM_SHA256");
	suite("TLS_AES_256_GCM_SHA384");
	suite("TLS_CHACHA20_POLY1305_SHA256");
	suite("TLS_AES_128_CCM_SHA256");
	suite("TLS_AES_128_CCM_8_SHA256");
	trouble();
	printf("1..%d\n", tap_n);
	return tap_bad != 0;
}
