// SPDX-License-Identifier: GPL-2.0
/* The four ways, and how the bench makes and opens their records. */
#include "bench.h"

#include <arpa/inet.h>
#include <linux/kssl.h>
#include <linux/tls.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

static bool any(const struct suite *suite)
{
	return suite->id;
}

static void nothing(struct link *l, bool both)
{
	(void)l;
	(void)both;
}

static ssize_t call_send(struct end *e, const void *text, size_t len, int flags)
{
	return send(e->fd, text, len, flags);
}

static ssize_t call_recv(struct end *e, void *text, size_t len)
{
	return recv(e->fd, text, len, 0);
}

static ssize_t call_file(struct end *e, int file, size_t len)
{
	off_t at = 0;

	return sendfile(e->fd, file, &at, len);
}

static void no_stop(struct link *l)
{
	(void)l;
}

/* ---- plain TCP ---- */

static size_t plain_seal(struct link *l, const uint8_t *text, size_t len, uint8_t *out)
{
	(void)l;
	memcpy(out, text, len);
	return len;
}

static size_t plain_open(struct link *l, const uint8_t *bytes, size_t len, uint8_t *text)
{
	(void)l;
	memcpy(text, bytes, len);
	return len;
}

/* ---- records by wire.h ---- */

static size_t wire_out(struct link *l, const uint8_t *text, size_t len, uint8_t *out)
{
	static const struct wire_how how;

	return wire_seal(&l->b.tx, &how, text, len, out);
}

static size_t wire_in(struct link *l, const uint8_t *bytes, size_t len, uint8_t *text)
{
	struct wire_seen seen;
	size_t at = 0, out = 0;

	while (at + 5 <= len) {
		size_t n = 5u + (bytes[at + 3] << 8 | bytes[at + 4]);
		const char *why;

		must(at + n <= len, "whole records");
		why = wire_open(&l->b.rx, bytes + at, n, text + out, &seen);
		must(!why, why);
		must(seen.type == 23, "application data");
		at += n;
		out += seen.len;
	}
	must(at == len, "whole records");
	return out;
}

static void wire_start(struct link *l, bool both)
{
	const struct wire_suite *s = wire_suite(l->suite->id);

	(void)both;
	wire_new(&l->a.tx, s, l->suite->etm);
	wire_new(&l->a.rx, s, l->suite->etm);
	l->b.tx = l->a.rx;
	l->b.rx = l->a.tx;
}

/* ---- kssl ---- */

static void kssl_end(struct end *e)
{
	struct kssl_key tx = wire_key(&e->tx), rx = wire_key(&e->rx);

	must(!setsockopt(e->fd, SOL_TCP, TCP_ULP, "kssl", 4), "TCP_ULP kssl");
	must(!setsockopt(e->fd, SOL_KSSL, KSSL_KEY_TX, &tx, sizeof(tx)), "KSSL_KEY_TX");
	must(!setsockopt(e->fd, SOL_KSSL, KSSL_KEY_RX, &rx, sizeof(rx)), "KSSL_KEY_RX");
}

static void kssl_keys(struct link *l, bool both)
{
	kssl_end(&l->a);
	if (both)
		kssl_end(&l->b);
}

/* ---- in-tree ---- */

static bool ktls_can(const struct suite *suite)
{
	return suite->ktls;
}

static void *put(void *p, const void *from, size_t len)
{
	memcpy(p, from, len);
	return (uint8_t *)p + len;
}

/* struct tls12_crypto_info_*: version, cipher, iv, key, salt, rec_seq. */
static size_t ktls_info(const struct suite *suite, const struct wire_half *h, uint8_t *out)
{
	bool chacha = suite->ktls == TLS_CIPHER_CHACHA20_POLY1305;
	struct tls_crypto_info head = { h->suite->version, suite->ktls };
	uint8_t seq[8] = { 0 }, *p = put(out, &head, sizeof(head));

	if (chacha)
		p = put(p, h->iv, 12);
	else
		p = put(p, h->suite->iv == 4 ? seq : h->iv + 4, 8);
	p = put(p, h->key, h->suite->key);
	if (!chacha)
		p = put(p, h->iv, 4);
	return (size_t)((uint8_t *)put(p, seq, 8) - out);
}

static void ktls_end(const struct suite *suite, struct end *e)
{
	uint8_t tx[64], rx[64];
	size_t tx_len = ktls_info(suite, &e->tx, tx), rx_len = ktls_info(suite, &e->rx, rx);

	must(!setsockopt(e->fd, SOL_TCP, TCP_ULP, "tls", 3), "TCP_ULP tls");
	must(!setsockopt(e->fd, SOL_TLS, TLS_TX, tx, (socklen_t)tx_len), "TLS_TX");
	must(!setsockopt(e->fd, SOL_TLS, TLS_RX, rx, (socklen_t)rx_len), "TLS_RX");
}

static void ktls_keys(struct link *l, bool both)
{
	ktls_end(l->suite, &l->a);
	if (both)
		ktls_end(l->suite, &l->b);
}

/* The program promises that nobody pads: TLS 1.3 then decrypts in one go. */
static bool nopad_can(const struct suite *suite)
{
	return suite->ktls && wire_suite(suite->id)->version == 0x304;
}

static void nopad_keys(struct link *l, bool both)
{
	const int one = 1;

	ktls_keys(l, both);
	must(!setsockopt(l->a.fd, SOL_TLS, TLS_RX_EXPECT_NO_PAD, &one, sizeof(one)), "NO_PAD");
	if (both)
		must(!setsockopt(l->b.fd, SOL_TLS, TLS_RX_EXPECT_NO_PAD, &one, sizeof(one)),
		     "NO_PAD");
}

/* ---- OpenSSL ---- */

static SSL_CTX *ctx;

static void self_signed(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	must(key && cert, "certificate");
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -86400);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_set_pubkey(cert, key);
	must(X509_sign(cert, key, EVP_sha256()) && SSL_CTX_use_certificate(ctx, cert) == 1 &&
	     SSL_CTX_use_PrivateKey(ctx, key) == 1, "certificate");
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void openssl_ctx(const struct suite *suite)
{
	int version = wire_suite(suite->id)->version;

	if (!ctx) {
		ctx = SSL_CTX_new(TLS_method());
		must(ctx, "SSL_CTX");
		self_signed();
		SSL_CTX_set_num_tickets(ctx, 0);
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	}
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	must(version == 0x304 ? SSL_CTX_set_ciphersuites(ctx, suite->openssl) :
				SSL_CTX_set_cipher_list(ctx, suite->openssl), suite->openssl);
}

static void openssl_start(struct link *l, bool both)
{
	int i;

	openssl_ctx(l->suite);
	l->a.ssl = SSL_new(ctx);
	l->b.ssl = SSL_new(ctx);
	SSL_set_connect_state(l->a.ssl);
	SSL_set_accept_state(l->b.ssl);
	SSL_set_fd(l->a.ssl, l->a.fd);
	SSL_set_fd(l->b.ssl, l->b.fd);
	BIO_socket_nbio(l->a.fd, 1);
	BIO_socket_nbio(l->b.fd, 1);
	for (i = 0; i < 10; i++)	/* over loopback an answer is there at once */
		SSL_do_handshake(i & 1 ? l->b.ssl : l->a.ssl);
	BIO_socket_nbio(l->a.fd, 0);
	BIO_socket_nbio(l->b.fd, 0);
	must(SSL_is_init_finished(l->a.ssl) && SSL_is_init_finished(l->b.ssl), "handshake");
	if (!both)
		SSL_set_bio(l->b.ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
}

static ssize_t openssl_send(struct end *e, const void *text, size_t len, int flags)
{
	(void)flags;
	return SSL_write(e->ssl, text, (int)len);
}

static ssize_t openssl_recv(struct end *e, void *text, size_t len)
{
	return SSL_read(e->ssl, text, (int)len);
}

/* What a program without kernel TLS does: read a piece, write a piece. */
static ssize_t openssl_file(struct end *e, int file, size_t len)
{
	static uint8_t piece[WIRE_TEXT];
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(file, piece, sizeof(piece), (off_t)done);

		if (n <= 0 || SSL_write(e->ssl, piece, (int)n) != n)
			return -1;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static size_t openssl_seal(struct link *l, const uint8_t *text, size_t len, uint8_t *out)
{
	must(SSL_write(l->b.ssl, text, (int)len) == (int)len, "SSL_write");
	return (size_t)BIO_read(SSL_get_wbio(l->b.ssl), out, WIRE_MAX);
}

static size_t openssl_open(struct link *l, const uint8_t *bytes, size_t len, uint8_t *text)
{
	size_t out = 0;
	int n;

	BIO_write(SSL_get_rbio(l->b.ssl), bytes, (int)len);
	while ((n = SSL_read(l->b.ssl, text + out, WIRE_TEXT)) > 0)
		out += (size_t)n;
	return out;
}

static void openssl_stop(struct link *l)
{
	SSL_set_quiet_shutdown(l->a.ssl, 1);
	SSL_set_quiet_shutdown(l->b.ssl, 1);
	SSL_free(l->a.ssl);
	SSL_free(l->b.ssl);
}

const struct way ways[] = {
	{ "plain", any, nothing, nothing, call_send, call_recv, call_file, plain_seal,
	  plain_open, no_stop },
	{ "intree", ktls_can, wire_start, ktls_keys, call_send, call_recv, call_file, wire_out,
	  wire_in, no_stop },
	{ "nopad", nopad_can, wire_start, nopad_keys, call_send, call_recv, call_file, wire_out,
	  wire_in, no_stop },
	{ "openssl", any, openssl_start, nothing, openssl_send, openssl_recv, openssl_file,
	  openssl_seal, openssl_open, openssl_stop },
	{ "kssl", any, wire_start, kssl_keys, call_send, call_recv, call_file, wire_out,
	  wire_in, no_stop },
	{ .name = NULL },
};

const struct suite suites[] = {
	{ "", 0x1301, TLS_CIPHER_AES_GCM_128, "TLS_AES_128_GCM_SHA256", false },
	{ "aes256", 0x1302, TLS_CIPHER_AES_GCM_256, "TLS_AES_256_GCM_SHA384", false },
	{ "chacha", 0x1303, TLS_CIPHER_CHACHA20_POLY1305, "TLS_CHACHA20_POLY1305_SHA256", false },
	{ "tls12", 0xc02b, TLS_CIPHER_AES_GCM_128, "ECDHE-ECDSA-AES128-GCM-SHA256", false },
	{ "cbc", 0xc023, 0, "ECDHE-ECDSA-AES128-SHA256", true },
	{ .name = NULL },
};
