// SPDX-License-Identifier: GPL-2.0
// SOURCES: user/kssld/*.c user/lib/suite.c
// LIBS: libnl-genl-3.0 libssl libcrypto libevent_core libcap-ng
// CFLAGS: -Dmain=kssld_main -Iuser/kssld
/*
 * What peers send to kssld: a real handshake with libssl on the other side, whose
 * flights are changed on the way: bytes flipped, records dropped, repeated, cut,
 * put in; and after it tickets of any kind.
 *
 *   - if nothing was changed the handshake succeeds, with keys that are the peer's;
 *   - whatever is changed, lengths of the result fit, and a handshake that fails
 *     says so with an errno and in words.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../user/kssld/kssld.h"
#include "input.h"

#define FLIGHT 65536

static char dir[64];
static struct config *config;
static SSL_CTX *contexts[2];	/* of the peer: [is the server] */

struct side {
	struct handshake *h;
	enum hs_state state;
	SSL *peer;
	uint8_t flight[FLIGHT];		/* from the peer, on its way to kssld */
	size_t len;
	bool changed;
	uint8_t secret[2][64];		/* of the peer, TLS 1.3: [server's] */
};

static struct side side;

/* ---- once ---- */

static X509 *certificate(EVP_PKEY *key)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:peer");

	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -86400);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400L * 3650);
	X509_set_version(x, 2);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"peer", -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_set_pubkey(x, key);
	X509_add_ext(x, san, -1);
	X509_EXTENSION_free(san);
	X509_sign(x, key, EVP_sha256());
	return x;
}

static void keylog(const SSL *ssl, const char *line)
{
	const char *hex = strrchr(line, ' ');
	bool server = !strncmp(line, "SERVER_TRAFFIC_SECRET_0", 23);
	unsigned int v;
	size_t i;

	(void)ssl;
	if (!hex || (!server && strncmp(line, "CLIENT_TRAFFIC_SECRET_0", 23)))
		return;
	for (i = 0; i < 64 && sscanf(hex + 1 + 2 * i, "%2x", &v) == 1; i++)
		side.secret[server][i] = (uint8_t)v;
}

static void write_file(const char *name, EVP_PKEY *key, X509 *x)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	fuzz_must(f, path);
	fchmod(fileno(f), 0600);
	if (key)
		PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	if (x)
		PEM_write_X509(f, x);
	fclose(f);
}

static void clean(void)
{
	static const char *const names[] = { "key", "cert", "conf" };
	char path[128];
	size_t i;

	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

static void write_config(void)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/conf", dir);
	f = fopen(path, "w");
	fuzz_must(f, path);
	fprintf(f, "[global]\nlegacy = cbc, rsa-key-transport\n[trust]\nsystem = no\nfile = %s/cert\n"
		"[identity a]\ncert = %s/cert\nkey = %s/key\nalpn = h2, http/1.1\n"
		"client-auth = request\nclient-trust = %s/cert\ndefault = yes\n", dir, dir, dir,
		dir);
	fclose(f);
	config = config_read(path, true, NULL);
	fuzz_must(config && !*config->problem, config ? config->problem : "configuration");
	fuzz_must(!identity_load(config), "identities");
	ticket_use(config);
}

static void once(void)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	X509 *x = certificate(key);
	int i;

	snprintf(dir, sizeof(dir), "/tmp/kssl-fuzz-XXXXXX");
	fuzz_must(mkdtemp(dir), "mkdtemp");
	atexit(clean);
	log_setup(LOG_LEVEL_ERROR, true);
	write_file("key", key, NULL);
	write_file("cert", NULL, x);
	write_config();
	for (i = 0; i < 2; i++) {
		contexts[i] = SSL_CTX_new(i ? TLS_server_method() : TLS_client_method());
		SSL_CTX_use_certificate(contexts[i], x);
		SSL_CTX_use_PrivateKey(contexts[i], key);
		SSL_CTX_set_keylog_callback(contexts[i], keylog);
		/* by tickets alone: numbers of other runs come again */
		SSL_CTX_set_session_cache_mode(contexts[i], SSL_SESS_CACHE_OFF);
		SSL_CTX_set_cipher_list(contexts[i], "ALL:@SECLEVEL=0");
	}
	EVP_PKEY_free(key);
	X509_free(x);
}

/* ---- a handshake ---- */

static void step_peer(void)
{
	const uint8_t *out;
	char byte;
	size_t n;
	int more;

	/* what kssld said goes over */
	n = handshake_output(side.h, &out);
	if (n)
		BIO_write(SSL_get_rbio(side.peer), out, (int)n);
	handshake_sent(side.h);
	if (SSL_is_init_finished(side.peer))
		SSL_read(side.peer, &byte, 1);
	else
		SSL_do_handshake(side.peer);
	ERR_clear_error();
	more = BIO_read(SSL_get_wbio(side.peer), side.flight + side.len,
			(int)(FLIGHT - side.len));
	if (more > 0)
		side.len += (size_t)more;
}

/* How much of the flight are whole records, as the kernel hands them over. */
static size_t whole(void)
{
	size_t at = 0;

	while (at + 5 <= side.len) {
		size_t n = 5 + ((size_t)side.flight[at + 3] << 8 | side.flight[at + 4]);

		if (n > side.len - at)
			break;
		at += n;
	}
	return at;
}

static void check_result(const struct hs_result *r)
{
	fuzz_must(memchr(r->text, 0, sizeof(r->text)) && memchr(r->sni, 0, sizeof(r->sni)) &&
		  memchr(r->alpn, 0, sizeof(r->alpn)) &&
		  memchr(r->identity, 0, sizeof(r->identity)), "strings");
	fuzz_must(r->exporter.secret_len <= sizeof(r->exporter.secret) &&
		  r->exporter.randoms_len <= sizeof(r->exporter.randoms) &&
		  r->tx.secret_len <= sizeof(r->tx.secret), "lengths");
	if (side.state == HS_FAILED)
		fuzz_must(r->err > 0 && *r->text, "a reason");
	if (side.state == HS_DONE && r->peer)
		fuzz_must(r->peer->chain_len <= sizeof(r->peer->der) &&
			  r->peer->cert_len <= r->peer->chain_len, "the chain");
}

static void give(const uint8_t *bytes, size_t n)
{
	unsigned int used;

	if (side.state != HS_MORE)
		return;
	side.state = handshake_feed(side.h, bytes, n, &used);
	check_result(handshake_result(side.h));
}

static void feed(void)
{
	size_t n = whole();

	if (!n && side.len)
		return;
	give(side.flight, n);
	side.len -= n;
	memmove(side.flight, side.flight + n, side.len);
}

static void insert(const uint8_t *bytes, size_t n, size_t at)
{
	if (side.len + n > FLIGHT)
		return;
	memmove(side.flight + at + n, side.flight + at, side.len - at);
	memcpy(side.flight + at, bytes, n);
	side.len += n;
	side.changed |= n;
}

static void raw_record(struct input *in)
{
	uint8_t record[5 + 255] = { in_u8(in), 3, 3 };
	const uint8_t *bytes;
	size_t n = in_bytes(in, in_u8(in), &bytes);

	record[4] = (uint8_t)n;
	memcpy(record + 5, bytes, n);
	insert(record, 5 + n, 0);
}

static void repeat(void)
{
	uint8_t copy[FLIGHT];
	size_t n = whole();

	memcpy(copy, side.flight, n);
	insert(copy, n, 0);
}

static void drop(void)
{
	size_t n = side.len >= 5 ? 5 + ((size_t)side.flight[3] << 8 | side.flight[4]) : 0;

	if (!n || n > side.len)
		return;
	side.len -= n;
	memmove(side.flight, side.flight + n, side.len);
	side.changed = true;
}

static void flip(struct input *in)
{
	size_t at = in_u16(in);
	uint8_t by = in_u8(in);

	if (!side.len || !by)
		return;
	side.flight[at % side.len] ^= by;
	side.changed = true;
}

/* Tickets, genuine or not, as the kernel relays them. */
static void post(struct input *in)
{
	const uint8_t *bytes;
	size_t n = in_bytes(in, in_u8(in), &bytes);
	uint8_t message[4 + 255] = { in_u8(in) & 1 ? 4 : in_u8(in) };

	if (side.state != HS_DONE || !handshake_result(side.h)->post_max || n < 1)
		return;
	message[3] = in_u8(in) & 1 ? (uint8_t)n : in_u8(in);
	memcpy(message + 4, bytes, n);
	handshake_post(side.h, message, 4 + n);
	side.changed = true;
}

static void act(struct input *in)
{
	switch (in_u8(in) % 8) {
	case 0: step_peer(); break;
	case 1: feed(); break;
	case 2: flip(in); break;
	case 3: raw_record(in); break;
	case 4: repeat(); break;
	case 5: drop(); break;
	case 6: post(in); break;
	default:
		step_peer();
		feed();
	}
}

/* Nobody interfered: it must have become a connection. */
static void to_the_end(void)
{
	struct hs_result *r = handshake_result(side.h);
	bool server = SSL_is_server(side.peer);
	int i;

	for (i = 0; i < 10 && side.state == HS_MORE; i++) {
		step_peer();
		feed();
	}
	if (side.changed)
		return;
	step_peer();
	fuzz_must(side.state == HS_DONE, r->text);
	fuzz_must(SSL_is_init_finished(side.peer), "the peer is done too");
	fuzz_must(r->version == SSL_version(side.peer), "version");
	if (r->version == TLS1_3_VERSION)
		fuzz_must(!memcmp(r->rx.secret, side.secret[server], r->rx.secret_len) &&
			  !memcmp(r->tx.secret, side.secret[!server], r->tx.secret_len), "keys");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void peer_new(uint8_t how, bool server)
{
	side.peer = SSL_new(contexts[server]);
	SSL_set_bio(side.peer, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	if (how & 2)
		SSL_set_max_proto_version(side.peer, TLS1_2_VERSION);
	if (how & 4)
		SSL_set_options(side.peer, SSL_OP_NO_TICKET);
	if (how & 8)
		SSL_set_cipher_list(side.peer, "AES128-SHA:AES256-SHA256:@SECLEVEL=0");
	if (how & 16)
		SSL_set_max_send_fragment(side.peer, 512);
	if (server) {
		SSL_set_accept_state(side.peer);
		return;
	}
	SSL_set_connect_state(side.peer);
	SSL_set_tlsext_host_name(side.peer, "peer");
}

static void one_handshake(struct input *in, uint8_t how)
{
	struct hs_request req = {
		.session = 1,
		.server = how & 1,
		.peer_auth = KSSL_PEER_AUTH_NONE,
		.alpn = "h2,http/1.1",
		.peer_name = "peer",
	};
	struct sockaddr_in *to = (struct sockaddr_in *)&req.remote;
	struct hs_result why;

	memset(&side, 0, sizeof(side));
	to->sin_family = AF_INET;
	to->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	side.h = handshake_new(config, &req, &why);
	fuzz_must(side.h, why.text);
	peer_new(how, !req.server);
	if (!req.server)
		give(NULL, 0);	/* our ClientHello */
	while (in->left)
		act(in);
	to_the_end();
	handshake_free(side.h);
	SSL_free(side.peer);
	ERR_clear_error();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct input in = { bytes, len }, nothing = {};
	uint8_t how;

	if (!config)
		once();
	input_seed(1);
	how = in_u8(&in);
	/* with the same random numbers sessions of other runs have the same names */
	resume_free(config->sessions);
	config->sessions = resume_new(10);
	if (how & 32)	/* a session to be resumed */
		one_handshake(&nothing, how);
	one_handshake(&in, how);
	return 0;
}
