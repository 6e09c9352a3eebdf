// SPDX-License-Identifier: GPL-2.0-or-later
// SOURCES: user/kssld/*.c user/lib/suite.c
// LIBS: libnl-genl-3.0 libssl libcrypto libevent_core libcap-ng
// CFLAGS: -Dmain=kssld_main -Iuser/kssld
/*
 * user/kssld/handshake.c: what names, groups and issuers do to a handshake that OpenSSL
 * plays on memory buffers.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "../../user/kssld/kssld.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#undef main

static char dir[] = "/tmp/kssl-handshake-XXXXXX";
static int count, bad;

static void ok(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++count, name);
	bad |= !good;
}

/* ---- certificates ---- */

struct pair {
	X509 *cert;
	EVP_PKEY *key;
};

static const char *file(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static FILE *create(const char *name)
{
	FILE *f = fopen(file(name), "w");

	if (!f || chmod(file(name), 0600))
		exit(1);
	return f;
}

/* @issuer: NULL: itself, and an issuer */
static struct pair make(const char *name, const struct pair *issuer, const char *names)
{
	struct pair p = { X509_new(), EVP_EC_gen("P-256") };
	X509_NAME *subject = X509_get_subject_name(p.cert);
	X509_EXTENSION *ext;
	char path[32];
	FILE *f;

	X509_set_version(p.cert, 2);
	X509_gmtime_adj(X509_getm_notBefore(p.cert), -86400);
	X509_gmtime_adj(X509_getm_notAfter(p.cert), 86400L * 30);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
	X509_set_issuer_name(p.cert, issuer ? X509_get_subject_name(issuer->cert) : subject);
	X509_set_pubkey(p.cert, p.key);
	ext = issuer ? X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names) :
		       X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
	X509_add_ext(p.cert, ext, -1);
	X509_EXTENSION_free(ext);
	X509_sign(p.cert, issuer ? issuer->key : p.key, EVP_sha256());
	snprintf(path, sizeof(path), "%s.pem", name);
	f = create(path);
	PEM_write_X509(f, p.cert);
	fclose(f);
	snprintf(path, sizeof(path), "%s.key", name);
	f = create(path);
	PEM_write_PrivateKey(f, p.key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	return p;
}

static void drop(struct pair *p)
{
	X509_free(p->cert);
	EVP_PKEY_free(p->key);
}

static struct pair web, own, server, client, stranger;

/* ---- a configuration ---- */

/* [trust] has the web's issuer; the identity has what is said. */
static struct config *config(const char *global, const char *identity)
{
	FILE *f = create("conf");
	struct config *c;

	fprintf(f, "[global]\n%s\n[trust]\nsystem = no\nfile = %s/web.pem\n", global, dir);
	fprintf(f, "[identity www]\ncert = %s/server.pem\nkey = %s/server.key\n", dir, dir);
	while (*identity) {	/* a % stands for the folder */
		if (*identity == '%')
			fputs(dir, f);
		else
			fputc(*identity, f);
		identity++;
	}
	fputc('\n', f);
	fclose(f);
	c = config_read(file("conf"), true, NULL);
	if (c && !identity_load(c)) {
		ticket_use(c);
		return c;
	}
	config_put(c);
	return NULL;
}

/* ---- a handshake ---- */

static struct {
	int err;		/* of kssld, 0: done */
	int alert;		/* that the peer got; -1: none */
	int group;		/* NID */
	char sni[256];		/* that the peer, or kssld, got */
	char text[120];
} was;

static void on_message(int write_p, int version, int type, const void *buf, size_t len, SSL *ssl,
		       void *arg)
{
	const uint8_t *p = buf;

	(void)version, (void)ssl, (void)arg;
	if (!write_p && type == SSL3_RT_ALERT && len == 2)
		was.alert = p[1];
}

static void result(const struct hs_result *r, enum hs_state state)
{
	was.err = state == HS_DONE ? 0 : r->err;
	snprintf(was.text, sizeof(was.text), "%s", r->text);
	if (*r->sni)
		snprintf(was.sni, sizeof(was.sni), "%s", r->sni);
	if (r->alert_sealed || (state == HS_FAILED && !r->version && was.alert < 0))
		was.alert = r->alert_sent;
}

static void play(struct config *c, SSL_CTX *ctx, struct hs_request *req, const char *sni)
{
	struct hs_owner owner = { 0 };
	SSL *peer = SSL_new(ctx);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	enum hs_state state = HS_MORE;
	struct hs_result why;
	struct handshake *h;
	uint8_t flight[65536];
	const uint8_t *bytes;
	unsigned int consumed;
	int i, n = 0;

	memset(&was, 0, sizeof(was));
	was.alert = -1;
	req->owner = &owner;
	SSL_set_bio(peer, in, out);
	SSL_set_msg_callback(peer, on_message);
	if (req->server) {
		SSL_set_connect_state(peer);
		SSL_set_tlsext_host_name(peer, sni);
		SSL_do_handshake(peer);
	} else {
		SSL_set_accept_state(peer);
	}
	h = handshake_new(c, req, &why);
	if (!h)
		result(&why, HS_FAILED);
	for (i = 0; h && i < 20 && state == HS_MORE; i++) {
		n = BIO_read(out, flight, sizeof(flight));
		if (n > 0 || !i)
			state = handshake_feed(h, flight, n > 0 ? (size_t)n : 0, &consumed);
		n = (int)handshake_output(h, &bytes);
		BIO_write(in, bytes, n);
		handshake_sent(h);
		SSL_do_handshake(peer);
		ERR_clear_error();
	}
	if (SSL_is_init_finished(peer))
		SSL_read(peer, flight, 1);
	if (h)
		result(handshake_result(h), state);
	if (SSL_is_init_finished(peer))
		was.group = (int)SSL_get_negotiated_group(peer) & 0xffff;
	if (!req->server && SSL_get_servername(peer, TLSEXT_NAMETYPE_host_name))
		snprintf(was.sni, sizeof(was.sni), "%s",
			 SSL_get_servername(peer, TLSEXT_NAMETYPE_host_name));
	handshake_free(h);
	SSL_free(peer);
	ERR_clear_error();
}

static struct hs_request request(bool is_server, const char *peer_name)
{
	struct hs_request req = { .server = is_server, .port = 443 };
	struct sockaddr_in *sin = (struct sockaddr_in *)&req.remote;

	sin->sin_family = AF_INET;
	sin->sin_port = htons(443);
	inet_pton(AF_INET, "192.0.2.1", &sin->sin_addr);
	snprintf(req.peer_name, sizeof(req.peer_name), "%s", peer_name);
	return req;
}

static SSL_CTX *peer_ctx(bool is_server, const struct pair *p, const char *groups, int version)
{
	SSL_CTX *ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());

	if (p) {
		SSL_CTX_use_certificate(ctx, p->cert);
		SSL_CTX_use_PrivateKey(ctx, p->key);
	}
	if (groups && !SSL_CTX_set1_groups_list(ctx, groups))
		exit(1);
	SSL_CTX_set_max_proto_version(ctx, version);
	return ctx;
}

static int accept_any(SSL *ssl, int *al, void *arg)
{
	(void)ssl, (void)al, (void)arg;
	return SSL_TLSEXT_ERR_OK;
}

/* kssld as a client that was given @name; the server is server.test. */
static int connects(struct config *c, const char *name)
{
	struct hs_request req = request(false, name);
	SSL_CTX *ctx = peer_ctx(true, &server, NULL, 0);

	SSL_CTX_set_tlsext_servername_callback(ctx, accept_any);
	play(c, ctx, &req, NULL);
	SSL_CTX_free(ctx);
	return was.err;
}

/* kssld as a server, for a client with that certificate. */
static int serves(struct config *c, const struct pair *p, const char *groups, int version)
{
	struct hs_request req = request(true, "");
	SSL_CTX *ctx = peer_ctx(false, p, groups, version);

	play(c, ctx, &req, "Server.Test.");
	SSL_CTX_free(ctx);
	return was.err;
}

static void peer_names(void)
{
	struct config *c = config("", "");

	ok(connects(c, "server.test") == 0, "a client verifies the server's name");
	ok(connects(c, "other.test") == EKEYREJECTED, "another name is refused");
	ok(connects(c, ".test") == EINVAL, "a name that begins with a dot is none");
	ok(connects(c, "server.test.") == 0, "a dot at the end of the name");
	ok(!strcmp(was.sni, "server.test"), "is not sent");
	ok(connects(c, "SERVER.test") == 0 && !strcmp(was.sni, "server.test"), "nor upper case");
	ok(connects(c, "b\303\274cher.test") == EINVAL, "a name that is not ASCII is none");
	ok(connects(c, "192.0.2.1") == EKEYREJECTED && !*was.sni, "an address is an address");
	config_put(c);
	c = config("", "names = server.test\n[identity any]\ndefault = yes\ncert = %/server.pem\n"
		       "key = %/server.key");
	ok(serves(c, NULL, NULL, 0) == 0 && !strcmp(was.sni, "server.test"),
	   "a server knows its name with a dot and upper case");
	config_put(c);
}

static void client_issuers(void)
{
	struct config *c;
	int v;

	ok(!config("", "client-auth = require"), "client-auth without client-trust is refused");
	ok(!config("", "client-auth = request"), "request likewise");
	ok(!config("", "client-auth = require\nclient-trust = %/none"), "a file that is not there");
	for (v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		c = config("", "client-auth = require\nclient-trust = %/own.pem");
		printf("# TLS 1.%d\n", v - TLS1_1_VERSION + 1);
		ok(c && serves(c, &client, NULL, v) == 0, "a client that our issuer certified");
		ok(c && serves(c, &stranger, NULL, v) == EKEYREJECTED && was.alert == 48,
		   "one that the web's issuer certified is refused: unknown_ca");
		config_put(c);
		c = config("", "client-auth = require\nclient-trust = %/own.pem\n"
			       "client-names = other.test, *.Client.test, spiffe://test/it");
		ok(c && serves(c, &client, NULL, v) == 0, "a client by its wildcard or URI");
		config_put(c);
		c = config("", "client-auth = require\nclient-trust = %/own.pem\n"
			       "client-names = spiffe://test/it");
		ok(c && serves(c, &client, NULL, v) == 0, "by its URI");
		config_put(c);
		c = config("", "client-auth = require\nclient-trust = %/own.pem\n"
			       "client-names = *.test, client.test, spiffe://test/i");
		ok(c && serves(c, &client, NULL, v) == EKEYREJECTED && was.alert == 49,
		   "a client with none of the names is refused: access_denied");
		config_put(c);
	}
}

static void groups(void)
{
	struct config *c = config("", "");

	ok(serves(c, NULL, "X25519", 0) == 0 && serves(c, NULL, "P-256", 0) == 0 &&
	   serves(c, NULL, "P-384", 0) == 0, "X25519, P-256 and P-384");
	ok(serves(c, NULL, "ffdhe8192", TLS1_3_VERSION) == EBADMSG && was.alert == 40,
	   "ffdhe8192 is refused: handshake_failure");
	ok(serves(c, NULL, "ffdhe2048:P-521:P-256", TLS1_3_VERSION) == 0 &&
	   was.group == NID_X9_62_prime256v1, "others are not chosen");
	config_put(c);
	c = config("groups = P-521, P-384", "");
	ok(c && serves(c, NULL, "P-256:P-384", 0) == 0 && was.group == NID_secp384r1,
	   "groups = P-521, P-384");
	ok(c && serves(c, NULL, "P-256", TLS1_3_VERSION) == EBADMSG, "no other");
	config_put(c);
	ok(!config("groups = nonsense", ""), "an unknown group is refused");
	c = config("signature-algorithms = ecdsa_secp384r1_sha384", "");
	ok(c && serves(c, NULL, NULL, TLS1_3_VERSION) == EBADMSG, "a signature that is not allowed");
	config_put(c);
	c = config("signature-algorithms = ecdsa_secp256r1_sha256, ed25519", "");
	ok(c && serves(c, NULL, NULL, TLS1_3_VERSION) == 0, "one that is");
	config_put(c);
	ok(!config("signature-algorithms = nonsense", ""), "an unknown one is refused");
}

static void refusals(void)
{
	struct config *c = config("", "[policy p]\nuser = 4711");

	ok(serves(c, NULL, NULL, 0) == EACCES && was.alert == 49,
	   "a server that the policy refuses tells its client: access_denied");
	config_put(c);
}

/* Twice: a change counts when it has come to rest. */
static bool changed(struct watch *w)
{
	watch_look(w);
	return watch_look(w);
}

static void link_to(const char *to, const char *link)
{
	if (symlink(to, link))
		exit(1);
}

/* The system's store, as update-ca-certificates changes it. */
static void store(void)
{
	struct watch *w = watch_new();
	struct config *c;
	char path[128], link[144];
	FILE *f;

	snprintf(path, sizeof(path), "%s", file("store"));
	snprintf(link, sizeof(link), "%s/01234567.0", path);
	mkdir(path, 0755);
	link_to("../web.pem", link);
	setenv("SSL_CERT_DIR", path, 1);
	f = create("conf");
	fputs("[trust]\nsystem = yes\n", f);
	fclose(f);
	c = config_read(file("conf"), true, w);
	ok(c && !changed(w), "the system's store is as it was");
	unlink(link);
	ok(changed(w), "an issuer taken from the system's store is noticed");
	link_to("../own.pem", link);
	ok(changed(w), "one that is added");
	f = fopen(file("web.pem"), "a");
	unlink(link);
	link_to("../web.pem", link);
	changed(w);
	fputs("# more\n", f);
	fclose(f);
	ok(changed(w), "a file that is written to");
	unlink(link);
	rmdir(path);
	config_put(c);
	watch_free(w);
}

static const char *const made[] = {
	"web.pem", "web.key", "own.pem", "own.key", "server.pem", "server.key", "client.pem",
	"client.key", "stranger.pem", "stranger.key", "conf",
};

int main(void)
{
	size_t i;

	log_setup(LOG_LEVEL_ERROR, true);
	if (!mkdtemp(dir))
		return 1;
	web = make("web", NULL, NULL);
	own = make("own", NULL, NULL);
	server = make("server", &web, "DNS:server.test");
	client = make("client", &own, "DNS:A.client.test,URI:spiffe://test/it");
	stranger = make("stranger", &web, "DNS:a.client.test");
	peer_names();
	client_issuers();
	groups();
	refusals();
	store();
	ticket_end();
	drop(&web), drop(&own), drop(&server), drop(&client), drop(&stranger);
	printf("1..%d\n", count);
	for (i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		unlink(file(made[i]));
	rmdir(dir);
	return bad;
}
