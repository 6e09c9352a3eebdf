// SPDX-License-Identifier: GPL-2.0-or-later
// SOURCES: user/lib/suite.c
// LIBS: libssl libcrypto
// CFLAGS: -Iuser/lib
/*
 * user/lib/suite.c: for every TLS 1.2 suite OpenSSL plays both ends on memory
 * buffers, and a record it has sealed is opened by libcrypto's ciphers and MACs
 * with the keys taken out.  So the PRF's hash, the order of the slices and the
 * order of cipher and MAC are checked by what OpenSSL made of them.
 */
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#define HEADER 5
#define TEXT "a record of data"

static int count, bad;

static void ok(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++count, name);
	bad |= !good;
}

/* ---- two ends ---- */

struct side {
	SSL *ssl;
	BIO *in, *out;
	uint8_t hello[512];	/* the last ServerHello */
	size_t hello_len;
	struct kssl_key tx, rx;
};

static EVP_PKEY *rsa_key, *ec_key;
static X509 *rsa_cert, *ec_cert;

static X509 *certify(EVP_PKEY *key)
{
	X509 *x = X509_new();

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
				   (const unsigned char *)"unit", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_set_pubkey(x, key);
	X509_sign(x, key, EVP_sha256());
	return x;
}

static void on_message(int write_p, int version, int type, const void *buf, size_t len, SSL *ssl,
		       void *arg)
{
	struct side *side = arg;

	(void)write_p, (void)version, (void)ssl;
	if (type != SSL3_RT_HANDSHAKE || *(const uint8_t *)buf != SSL3_MT_SERVER_HELLO ||
	    len > sizeof(side->hello))
		return;
	memcpy(side->hello, buf, len);
	side->hello_len = len;
}

static SSL_CTX *context(bool server, const char *suite, uint64_t options)
{
	SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());

	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_cipher_list(ctx, suite);
	SSL_CTX_set_options(ctx, options);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"u", 1);
	if (server) {
		SSL_CTX_use_certificate(ctx, rsa_cert);
		SSL_CTX_use_PrivateKey(ctx, rsa_key);
		SSL_CTX_use_certificate(ctx, ec_cert);
		SSL_CTX_use_PrivateKey(ctx, ec_key);
	}
	return ctx;
}

static void side_new(struct side *s, SSL_CTX *ctx, bool server)
{
	memset(s, 0, sizeof(*s));
	s->ssl = SSL_new(ctx);
	s->in = BIO_new(BIO_s_mem());
	s->out = BIO_new(BIO_s_mem());
	SSL_set_bio(s->ssl, s->in, s->out);
	SSL_set_msg_callback(s->ssl, on_message);
	SSL_set_msg_callback_arg(s->ssl, s);
	if (server)
		SSL_set_accept_state(s->ssl);
	else
		SSL_set_connect_state(s->ssl);
}

static void carry(struct side *from, struct side *to)
{
	uint8_t buf[16384];
	int n;

	while ((n = BIO_read(from->out, buf, sizeof(buf))) > 0)
		BIO_write(to->in, buf, n);
}

static bool handshake(struct side *c, struct side *s)
{
	int i, a = 0, b = 0;

	for (i = 0; i < 10 && (a != 1 || b != 1); i++) {
		a = SSL_do_handshake(c->ssl);
		carry(c, s);
		b = SSL_do_handshake(s->ssl);
		carry(s, c);
	}
	return a == 1 && b == 1;
}

/* ---- a record opened by libcrypto ---- */

struct opened {
	uint8_t text[256];
	int len;
};

static void put_header(uint8_t *p, const uint8_t *record, size_t len)
{
	memset(p, 0, 8);
	p[7] = 1;		/* sequence number */
	memcpy(p + 8, record, 3);
	p[11] = (uint8_t)(len >> 8);
	p[12] = (uint8_t)len;
}

static bool open_aead(const struct kssl_key *key, const char *cipher, int tag_len,
		      const uint8_t *record, int len, struct opened *o)
{
	EVP_CIPHER *c = EVP_CIPHER_fetch(NULL, cipher, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const uint8_t *body = record + HEADER;
	uint8_t nonce[12], aad[13];
	bool ccm = strstr(cipher, "CCM");
	int n = 0, body_len = len - HEADER;

	memcpy(nonce, key->iv, key->iv_len);
	if (key->iv_len == 4) {
		memcpy(nonce + 4, body, 8);
		body += 8;
		body_len -= 8;
	} else {
		nonce[11] ^= 1;
	}
	body_len -= tag_len;
	put_header(aad, record, (size_t)body_len);
	o->len = 0;
	if (EVP_DecryptInit_ex(ctx, c, NULL, NULL, NULL) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, 12, NULL) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, tag_len,
				(void *)(uintptr_t)(body + body_len)) == 1 &&
	    EVP_DecryptInit_ex(ctx, NULL, NULL, key->key, nonce) == 1 &&
	    (!ccm || EVP_DecryptUpdate(ctx, NULL, &n, NULL, body_len) == 1) &&
	    EVP_DecryptUpdate(ctx, NULL, &n, aad, sizeof(aad)) == 1 &&
	    EVP_DecryptUpdate(ctx, o->text, &o->len, body, body_len) == 1 && !ccm &&
	    EVP_DecryptFinal_ex(ctx, o->text + o->len, &n) != 1)
		o->len = 0;
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(c);
	return o->len == body_len;
}

static const EVP_MD *md_of(const struct kssl_key *key)
{
	return key->mac_len == 20 ? EVP_sha1() : key->mac_len == 32 ? EVP_sha256() : EVP_sha384();
}

/* HMAC(seq, type, version, length, data) equals what follows the data? */
static bool mac_good(const struct kssl_key *key, const uint8_t *record, const uint8_t *data,
		     int len)
{
	uint8_t buf[13 + 512], mac[EVP_MAX_MD_SIZE];
	unsigned int n;

	put_header(buf, record, (size_t)len);
	memcpy(buf + 13, data, (size_t)len);
	HMAC(md_of(key), key->mac, key->mac_len, buf, 13 + (size_t)len, mac, &n);
	return n == key->mac_len && !memcmp(mac, data + len, n);
}

static bool open_cbc(const struct kssl_key *key, const uint8_t *record, int len, struct opened *o)
{
	const EVP_CIPHER *c = key->key_len == 16 ? EVP_aes_128_cbc() : EVP_aes_256_cbc();
	bool etm = key->flags & KSSL_KEY_ETM;
	const uint8_t *body = record + HEADER;
	EVP_CIPHER_CTX *ctx;
	int body_len = len - HEADER - (etm ? key->mac_len : 0), n = 0;
	uint8_t plain[512];

	if (etm && !mac_good(key, record, body, body_len))
		return false;
	ctx = EVP_CIPHER_CTX_new();
	EVP_DecryptInit_ex(ctx, c, NULL, key->key, body);
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	EVP_DecryptUpdate(ctx, plain, &n, body + 16, body_len - 16);
	EVP_CIPHER_CTX_free(ctx);
	if (n != body_len - 16 || n < plain[n - 1] + 1)
		return false;
	n -= plain[n - 1] + 1 + (etm ? 0 : key->mac_len);
	if (n < 0 || (!etm && !mac_good(key, record, plain, n)))
		return false;
	memcpy(o->text, plain, (size_t)n);
	o->len = n;
	return true;
}

static bool open_record(const struct kssl_key *key, const char *name, const uint8_t *record,
			int len, struct opened *o)
{
	bool big = key->key_len == 32;

	if (strstr(name, "CHACHA"))
		return open_aead(key, "ChaCha20-Poly1305", 16, record, len, o);
	if (strstr(name, "GCM"))
		return open_aead(key, big ? "AES-256-GCM" : "AES-128-GCM", 16, record, len, o);
	if (strstr(name, "CCM"))
		return open_aead(key, big ? "AES-256-CCM" : "AES-128-CCM",
				 strstr(name, "CCM8") ? 8 : 16, record, len, o);
	if (!strstr(name, "NULL"))
		return open_cbc(key, record, len, o);
	o->len = len - HEADER - key->mac_len;
	memcpy(o->text, record + HEADER, (size_t)o->len);
	return mac_good(key, record, record + HEADER, o->len);
}

/* What @from writes is opened with the keys that @to should receive with. */
static bool sealed_is(struct side *from, const struct kssl_key *rx, const char *name)
{
	struct opened o = { .len = 0 };
	uint8_t record[512];
	int n;

	if (SSL_write(from->ssl, TEXT, sizeof(TEXT)) != sizeof(TEXT))
		return false;
	n = BIO_read(from->out, record, sizeof(record));
	return n > HEADER && open_record(rx, name, record, n, &o) && o.len == sizeof(TEXT) &&
	       !memcmp(o.text, TEXT, sizeof(TEXT));
}

static bool take(struct side *side)
{
	return !kssl_keys12(side->ssl, kssl_hello_etm(side->hello, side->hello_len), &side->tx,
			    &side->rx);
}

static bool all_good(struct side *c, struct side *s, const char *name, bool etm)
{
	return take(c) && take(s) && !memcmp(&c->tx, &s->rx, sizeof(c->tx)) &&
	       !memcmp(&c->rx, &s->tx, sizeof(c->rx)) && c->tx.flags == (etm ? KSSL_KEY_ETM : 0) &&
	       sealed_is(c, &s->rx, name) && sealed_is(s, &c->rx, name);
}

/* ---- tests ---- */

static void run(const char *test, const char *suite, uint64_t client, uint64_t server, bool etm)
{
	SSL_CTX *cctx = context(false, suite, client), *sctx = context(true, suite, server);
	struct side c, s;
	char name[100];

	side_new(&c, cctx, false);
	side_new(&s, sctx, true);
	snprintf(name, sizeof(name), "keys12__%s_%s", test, suite);
	ok(handshake(&c, &s) && all_good(&c, &s, suite, etm), name);
	SSL_free(c.ssl);
	SSL_free(s.ssl);
	SSL_CTX_free(cctx);
	SSL_CTX_free(sctx);
}

static void every_suite(void)
{
	SSL_CTX *ctx = context(false, "ALL:eNULL", 0);
	STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(ctx);
	int i, n = 0;

	for (i = 0; i < sk_SSL_CIPHER_num(all); i++) {
		const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(all, i);
		const struct kssl_suite_row *row;
		const char *name = SSL_CIPHER_get_name(cipher);

		row = kssl_suite_find(SSL_CIPHER_get_protocol_id(cipher));
		if (!row || !strncmp(name, "TLS_", 4))
			continue;
		n++;
		if (row->weak & KSSL_SUITE_CBC) {
			run("etm", name, 0, 0, true);
			run("mte", name, SSL_OP_NO_ENCRYPT_THEN_MAC, 0, false);
		} else {
			run("plain", name, 0, 0, false);
		}
		if (SSL_CIPHER_is_aead(cipher) == !!row->mac_len ||
		    (SSL_CIPHER_get_kx_nid(cipher) == NID_kx_rsa) != !!(row->weak & KSSL_SUITE_RSA))
			ok(false, name);
	}
	ok(n == 29, "suite_find__29_suites_of_1.2_are_OpenSSL's_too");
	SSL_CTX_free(ctx);
}

/* The client offers, the server does not accept. */
static void not_accepted(void)
{
	run("offered_not_accepted", "AES128-SHA256", 0, SSL_OP_NO_ENCRYPT_THEN_MAC, false);
}

/* A session of one kind is resumed by ends that agree on another. */
static void resumed(bool ticket, bool first, bool second, const char *name)
{
	static const char suite[] = "ECDHE-RSA-AES128-SHA";
	uint64_t no_ticket = ticket ? 0 : SSL_OP_NO_TICKET, no = SSL_OP_NO_ENCRYPT_THEN_MAC;
	SSL_CTX *cctx = context(false, suite, no_ticket), *sctx = context(true, suite, no_ticket);
	SSL_SESSION *session;
	struct side c, s;
	bool good;

	side_new(&c, cctx, false);
	side_new(&s, sctx, true);
	if (!first)
		SSL_set_options(c.ssl, no);
	good = handshake(&c, &s) && all_good(&c, &s, suite, first);
	session = SSL_get1_session(c.ssl);
	SSL_set_shutdown(c.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_set_shutdown(s.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c.ssl);
	SSL_free(s.ssl);
	side_new(&c, cctx, false);
	side_new(&s, sctx, true);
	if (!second)
		SSL_set_options(s.ssl, no);
	SSL_set_session(c.ssl, session);
	good = good && handshake(&c, &s) && SSL_session_reused(c.ssl) && all_good(&c, &s, suite, second);
	ok(good, name);
	SSL_SESSION_free(session);
	SSL_free(c.ssl);
	SSL_free(s.ssl);
	SSL_CTX_free(cctx);
	SSL_CTX_free(sctx);
}

/* No cut and no wrong byte is read past its end (sanitizers), and no cut agrees. */
static void hello_parser(void)
{
	SSL_CTX *cctx = context(false, "AES128-SHA256", 0), *sctx = context(true, "AES128-SHA256", 0);
	struct side c, s;
	size_t i, agreed = 0;
	uint8_t *copy;

	side_new(&c, cctx, false);
	side_new(&s, sctx, true);
	ok(handshake(&c, &s) && kssl_hello_etm(s.hello, s.hello_len), "hello_etm__agreed");
	for (i = 0; i < s.hello_len; i++) {
		copy = malloc(i + !i);		/* as long as it says, for the sanitizer */
		memcpy(copy, s.hello, i);
		agreed += kssl_hello_etm(copy, i);
		free(copy);
	}
	ok(!agreed, "hello_etm__every_cut");
	for (i = 0; i < s.hello_len * 256; i++) {
		copy = malloc(s.hello_len);
		memcpy(copy, s.hello, s.hello_len);
		copy[i / 256] = (uint8_t)i;
		agreed += kssl_hello_etm(copy, s.hello_len);
		free(copy);
	}
	ok(agreed > s.hello_len && agreed < s.hello_len * 256, "hello_etm__every_byte");
	s.hello[0] = SSL3_MT_CLIENT_HELLO;
	ok(!kssl_hello_etm(s.hello, s.hello_len), "hello_etm__other_message");
	SSL_free(c.ssl);
	SSL_free(s.ssl);
	SSL_CTX_free(cctx);
	SSL_CTX_free(sctx);
}

static void not_ours(void)
{
	SSL_CTX *cctx = context(false, "CAMELLIA128-SHA", 0), *sctx = context(true, "CAMELLIA128-SHA", 0);
	struct side c, s;

	side_new(&c, cctx, false);
	side_new(&s, sctx, true);
	ok(handshake(&c, &s) && !take(&c), "keys12__suite_that_the_kernel_lacks");
	SSL_free(c.ssl);
	SSL_free(s.ssl);
	SSL_CTX_free(cctx);
	SSL_CTX_free(sctx);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	rsa_key = EVP_RSA_gen(2048);
	ec_key = EVP_EC_gen("P-256");
	rsa_cert = certify(rsa_key);
	ec_cert = certify(ec_key);
	every_suite();
	not_accepted();
	resumed(true, true, true, "resumed__ticket_etm");
	resumed(true, true, false, "resumed__ticket_etm_then_mte");
	resumed(true, false, true, "resumed__ticket_mte_then_etm");
	resumed(false, true, true, "resumed__id_etm");
	resumed(false, false, false, "resumed__id_mte");
	hello_parser();
	not_ours();
	printf("1..%d\n", count);
	X509_free(rsa_cert);
	X509_free(ec_cert);
	EVP_PKEY_free(rsa_key);
	EVP_PKEY_free(ec_key);
	return bad;
}
