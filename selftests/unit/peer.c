// SPDX-License-Identifier: GPL-2.0-or-later
// SOURCES: user/kssld/peer.c
// LIBS: libssl libcrypto
/*
 * kssld/peer.c: certificates made to mislead or to be too long, in a handshake that
 * OpenSSL plays on memory buffers; sanitizers watch.
 */
#include "../../user/kssld/kssld.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/x509v3.h>

static int count, bad;
static const char *key_name;

/* Stand-in for kssld/psk.c. */
const char *psk_used(const SSL *ssl)
{
	(void)ssl;
	return key_name;
}

static void ok(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++count, name);
	bad |= !good;
}

static EVP_PKEY *key;

static void add_name(GENERAL_NAMES *names, int type, const void *data, int len)
{
	ASN1_STRING *s = ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING :
								  V_ASN1_IA5STRING);
	GENERAL_NAME *name = GENERAL_NAME_new();

	ASN1_STRING_set(s, data, len);
	GENERAL_NAME_set0_value(name, type, s);
	sk_GENERAL_NAME_push(names, name);
}

static X509 *certify(const char *common, GENERAL_NAMES *names, int padding)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common, -1,
				   -1, 0);
	while (padding--)
		X509_NAME_add_entry_by_txt(name, "OU", MBSTRING_ASC,
					   (const unsigned char *)"nearly sixty bytes of padding "
					   "for a name that gets long", -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_set_pubkey(x, key);
	if (names)
		X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
	GENERAL_NAMES_free(names);
	X509_sign(x, key, EVP_sha256());
	return x;
}

static int accept_all(int good, X509_STORE_CTX *store)
{
	(void)good, (void)store;
	return 1;
}

/* What a server knows of a client with that certificate. */
static struct hs_peer *describe(X509 *cert, X509 *extra, bool trusted)
{
	SSL_CTX *cctx = SSL_CTX_new(TLS_client_method()), *sctx = SSL_CTX_new(TLS_server_method());
	SSL *c, *s;
	BIO *one, *two;
	struct hs_peer *peer = NULL;
	int i;

	SSL_CTX_use_PrivateKey(cctx, key);
	SSL_CTX_use_certificate(cctx, cert);
	if (extra)
		SSL_CTX_add1_chain_cert(cctx, extra);
	SSL_CTX_use_PrivateKey(sctx, key);
	SSL_CTX_use_certificate(sctx, cert);
	SSL_CTX_set_verify(sctx, SSL_VERIFY_PEER, trusted ? NULL : accept_all);
	if (trusted)
		X509_STORE_add_cert(SSL_CTX_get_cert_store(sctx), cert);
	c = SSL_new(cctx);
	s = SSL_new(sctx);
	BIO_new_bio_pair(&one, 1 << 17, &two, 1 << 17);
	SSL_set_bio(c, one, one);
	SSL_set_bio(s, two, two);
	SSL_set_connect_state(c);
	SSL_set_accept_state(s);
	for (i = 0; i < 10; i++) {
		SSL_do_handshake(c);
		if (SSL_do_handshake(s) == 1)
			peer = peer ? peer : peer_describe(s, SSL_get0_verified_chain(s));
	}
	SSL_free(c);
	SSL_free(s);
	SSL_CTX_free(cctx);
	SSL_CTX_free(sctx);
	return peer;
}

static void names(void)
{
	static const uint8_t v4[] = { 192, 0, 2, 7 }, odd[] = { 1, 2, 3, 4, 5 };
	GENERAL_NAMES *list = GENERAL_NAMES_new();
	struct hs_peer *peer;
	X509 *cert;

	add_name(list, GEN_DNS, "good.test\0.evil.test", 20);
	add_name(list, GEN_DNS, "a\nDNS:b", 7);
	add_name(list, GEN_DNS, "", 0);
	add_name(list, GEN_EMAIL, "\xff\\ ", 3);
	add_name(list, GEN_IPADD, v4, 4);
	add_name(list, GEN_IPADD, odd, 5);
	add_name(list, GEN_URI, "x:y", 3);
	cert = certify("a,b\nCN=c", list, 0);
	peer = describe(cert, NULL, true);
	ok(peer && !strcmp(peer->san, "DNS:good.test\\x00.evil.test\nDNS:a\\x0ADNS:b\nDNS:\n"
			   "email:\\xFF\\x5C\\x20\nIP:192.0.2.7\nURI:x:y\n"), "describe__odd_names");
	ok(peer && !strcmp(peer->subject, "CN=a\\,b\\0ACN=c"), "describe__odd_subject");
	ok(peer && peer->present && peer->verified && !peer->verify && peer->cert_len &&
	   peer->chain_len == peer->cert_len, "describe__root_is_left_out");
	free(peer);
	X509_free(cert);
}

static void too_long(void)
{
	GENERAL_NAMES *list = GENERAL_NAMES_new();
	struct hs_peer *peer;
	X509 *cert, *extra = certify("extra", NULL, 10);
	uint8_t print[32];
	int i;

	for (i = 0; i < 1000; i++)
		add_name(list, GEN_DNS, "a-name-that-is-long.test", 24);
	cert = certify("long", list, 20);
	X509_digest(cert, EVP_sha256(), print, NULL);
	peer = describe(cert, extra, false);
	ok(peer && !*peer->subject && !*peer->san && !peer->cert_len && !peer->chain_len &&
	   !memcmp(peer->fingerprint, print, 32), "describe__too_long_is_left_out_not_cut");
	ok(peer && peer->present && !peer->verified && peer->verify, "describe__unverified");
	free(peer);
	X509_free(cert);
	cert = certify("short", NULL, 0);
	peer = describe(cert, extra, false);
	ok(peer && (int)peer->cert_len == i2d_X509(cert, NULL) &&
	   (int)(peer->chain_len - peer->cert_len) == i2d_X509(extra, NULL),
	   "describe__unverified_chain_as_it_was_sent");
	free(peer);
	X509_free(cert);
	X509_free(extra);
}

/* No certificate, and none that counts. */
static void pre_shared(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	struct hs_peer *peer = peer_describe(ssl, NULL);

	ok(peer && !peer->present && !peer->psk && !peer->verified, "nobody");
	free(peer);
	key_name = "sensor 7";
	peer = peer_describe(ssl, NULL);
	ok(peer && !peer->present && peer->psk && !strcmp(peer->subject, "PSK:sensor 7"),
	   "a pre-shared key");
	free(peer);
	key_name = NULL;
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

int main(void)
{
	key = EVP_EC_gen("P-256");
	names();
	too_long();
	pre_shared();
	printf("1..%d\n", count);
	EVP_PKEY_free(key);
	return bad;
}
