// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One handshake on memory buffers: records in, bytes out, keys at the end.
 *
 * OpenSSL is given one record at a time and no more once it is done, so every
 * record it has not seen is still the kernel's.  How it ends is in result.c.
 */
#include "handshake.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#define RECORD_HEADER 5
#define ALPN_MAX 256

static int ex_index(void)
{
	static int index = -1;

	/* first called from the main thread, by identity_load()'s contexts at the latest */
	if (index < 0)
		index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	return index;
}

__attribute__((constructor)) static void ex_index_early(void)
{
	ex_index();
}

struct handshake *handshake_of(const SSL *ssl)
{
	return SSL_get_ex_data(ssl, ex_index());
}

/* ---- what OpenSSL tells us on the way ---- */

const struct identity *handshake_identity(const SSL *ssl)
{
	struct handshake *h = handshake_of(ssl);

	return h ? h->v.identity : NULL;
}

static void new_keys(struct handshake *h, struct kssl_key *key)
{
	key->seq = 0;
	h->sealing |= key == &h->result.tx;
}

void handshake_keylog(const SSL *ssl, const char *line)
{
	struct handshake *h = handshake_of(ssl);
	struct kssl_key *client, *server;

	if (!h)
		return;
	client = h->req.server ? &h->result.rx : &h->result.tx;
	server = h->req.server ? &h->result.tx : &h->result.rx;
	if (export_secret(line, "SERVER_TRAFFIC_SECRET_0", server->secret, &server->secret_len))
		new_keys(h, server);
	else if (export_secret(line, "CLIENT_TRAFFIC_SECRET_0", client->secret, &client->secret_len))
		new_keys(h, client);
	else
		export_secret(line, "EXPORTER_SECRET", h->result.exporter.secret,
			      &h->result.exporter.secret_len);
}

/*
 * Records count from where their keys begin: in TLS 1.2 a change_cipher_spec, in TLS 1.3,
 * where that means nothing and comes before, the secret.
 */
static void count_record(struct handshake *h, struct kssl_key *key, uint8_t type)
{
	if (type == SSL3_RT_CHANGE_CIPHER_SPEC && SSL_version(h->ssl) == TLS1_2_VERSION)
		new_keys(h, key);
	else
		key->seq++;
}

/* What goes by: records count; a ServerHello says whether the MAC comes last. */
static void on_message(int write_p, int version, int type, const void *buf, size_t len, SSL *ssl,
		       void *arg)
{
	struct handshake *h = handshake_of(ssl);
	const uint8_t *p = buf;

	(void)version;
	(void)arg;
	if (!h)
		return;
	if (type == SSL3_RT_HEADER && len)
		count_record(h, write_p ? &h->result.tx : &h->result.rx, p[0]);
	if (type == SSL3_RT_HANDSHAKE && len && p[0] == SSL3_MT_SERVER_HELLO)
		h->etm = kssl_hello_etm(p, len);
	if (type != SSL3_RT_ALERT || len != 2)
		return;
	if (write_p)
		h->result.alert_sent = p[1];
	else
		h->result.alert_received = p[1];
}

/*
 * The first host name of a ServerNameList (RFC 6066, 3): uint16 length, then of
 * each name type, uint16 length and bytes.  OpenSSL refuses the malformed later; what is
 * no name of a host counts as none.
 */
static void take_sni(struct handshake *h, const uint8_t *p, size_t len)
{
	size_t n = len >= 5 ? (size_t)p[3] << 8 | p[4] : 0;

	if (n && n <= len - 5 && p[2] == TLSEXT_NAMETYPE_host_name)
		name_normalise((const char *)p + 5, n, h->result.sni);
}

static bool settle_server(struct handshake *h);

/*
 * Before anything of the ClientHello is acted on: identity and what it asks for are
 * settled before OpenSSL looks for a session to resume.
 */
int handshake_client_hello(SSL *ssl, int *alert, void *arg)
{
	struct handshake *h = handshake_of(ssl);
	const struct identity *id;
	const uint8_t *names;
	size_t len;

	(void)arg;
	if (!h || *h->result.sni ||	/* the second ClientHello, after a retry */
	    !SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &names, &len))
		return SSL_CLIENT_HELLO_SUCCESS;
	take_sni(h, names, len);
	id = *h->result.sni && !*h->req.identity ?
		     identity_for_host(h->config, h->v.policy, h->req.uid, h->result.sni) :
		     h->v.identity;
	if (!id || id == h->v.identity)
		return SSL_CLIENT_HELLO_SUCCESS;
	h->v.identity = id;
	if (SSL_set_SSL_CTX(ssl, id->server) && settle_server(h))
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = h->forbidden ? SSL_AD_HANDSHAKE_FAILURE : SSL_AD_INTERNAL_ERROR;
	return SSL_CLIENT_HELLO_ERROR;
}

/* A name we do not serve got the default identity. */
int handshake_servername(SSL *ssl, int *alert, void *arg)
{
	(void)alert;
	(void)arg;
	return SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) ? SSL_TLSEXT_ERR_OK :
								     SSL_TLSEXT_ERR_NOACK;
}

/* "h2,http/1.1" to RFC 7301's form; 0 if there is none or it does not fit. */
static unsigned int alpn_wire(const char *list, uint8_t *out)
{
	unsigned int n = 0;

	while (*list) {
		size_t len = strcspn(list, ",");

		if (!len || len > 255 || n + 1 + len > ALPN_MAX)
			return 0;
		out[n++] = (uint8_t)len;
		memcpy(out + n, list, len);
		n += len;
		list += len;
		list += *list == ',';
	}
	return n;
}

/* Our order counts.  No common protocol: no_application_protocol (RFC 7301, 3.2). */
int handshake_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		   const unsigned char *in, unsigned int in_len, void *arg)
{
	struct handshake *h = handshake_of(ssl);
	const char *list = h && *h->req.alpn ? h->req.alpn : NULL;
	uint8_t wire[ALPN_MAX];
	unsigned char *found;
	unsigned int n;

	(void)arg;
	if (h && !list && h->v.identity)
		list = h->v.identity->alpn;
	if (!list)
		return SSL_TLSEXT_ERR_NOACK;
	n = alpn_wire(list, wire);
	if (SSL_select_next_proto(&found, out_len, wire, n, in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	/* found points into our list; the answer must outlive this call: find it in theirs */
	for (*out = in; *out + **out < in + in_len; *out += **out + 1)
		if (**out == *out_len && !memcmp(*out + 1, found, *out_len)) {
			++*out;
			return SSL_TLSEXT_ERR_OK;
		}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ---- set-up ---- */

int handshake_verify_mode(const struct handshake *h)
{
	return policy_verify(h->config, &h->v, &h->req);
}

/*
 * A session is resumed only where it would have come about: OpenSSL asks nobody for
 * a certificate then, and tickets of one identity are good for the others else.
 */
static bool set_session_context(struct handshake *h)
{
	const struct identity *id = h->v.identity;
	struct {
		uint8_t trust[SHA256_LEN];
		uint8_t policy[SHA256_LEN];
		char text[128];
	} what;
	uint8_t context[EVP_MAX_MD_SIZE];
	unsigned int n;

	memset(&what, 0, sizeof(what));
	if (handshake_verify_mode(h) != SSL_VERIFY_NONE)
		memcpy(what.trust, h->config->trust_mark, sizeof(what.trust));
	if (h->v.policy)
		memcpy(what.policy, h->v.policy->mark, sizeof(what.policy));
	snprintf(what.text, sizeof(what.text), "kssl %d %u %s", handshake_verify_mode(h), id->legacy,
		 id->name);
	return EVP_Digest(&what, sizeof(what), context, &n, EVP_sha256(), NULL) == 1 &&
	       SSL_set_session_id_context(h->ssl, context, n) == 1;
}

static bool obey_policy(struct handshake *h)
{
	if (!policy_restrict(h->v.policy, h->ssl))
		h->forbidden = "the policy leaves no version or suite";
	return !h->forbidden;
}

/* What identity, policy and program ask of a client. */
static bool settle_server(struct handshake *h)
{
	const struct identity *id = h->v.identity;
	int mode = handshake_verify_mode(h);

	if (mode != SSL_VERIFY_NONE && id->credentials && !id->issuers)
		h->forbidden = "a client's certificate was asked for, without client-trust";
	SSL_set_verify(h->ssl, mode, NULL);
	return !h->forbidden && obey_policy(h) && set_session_context(h);
}

static bool is_address(const char *name)
{
	uint8_t buf[16];

	return inet_pton(AF_INET, name, buf) == 1 || inet_pton(AF_INET6, name, buf) == 1;
}

static bool remote_address(const struct hs_request *req, char *out, socklen_t len)
{
	const struct sockaddr_in *sin = (const void *)&req->remote;
	const struct sockaddr_in6 *sin6 = (const void *)&req->remote;

	if (sin->sin_family == AF_INET)
		return inet_ntop(AF_INET, &sin->sin_addr, out, len);
	if (sin6->sin6_family != AF_INET6)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr))
		return inet_ntop(AF_INET, &sin6->sin6_addr.s6_addr[12], out, len);
	return inet_ntop(AF_INET6, &sin6->sin6_addr, out, len);
}

/* A name that is no address has the form in which names are compared. */
static bool take_peer_name(struct handshake *h)
{
	const char *name = h->req.peer_name;
	char host[NAME_ROOM];

	if (!*name || is_address(name))
		return true;
	if (!name_normalise(name, strlen(name), host))
		return false;
	strcpy(h->req.peer_name, host);
	return true;
}

/* Whom the server's certificate must name: the name given, or its address. */
static bool expect_peer(struct handshake *h)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(h->ssl);
	char address[INET6_ADDRSTRLEN];
	const char *name = h->req.peer_name;

	if (!*name) {
		if (!remote_address(&h->req, address, sizeof(address)))
			return false;
		name = address;
	}
	if (is_address(name))
		return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(h->ssl, name) == 1 && SSL_set_tlsext_host_name(h->ssl, name) == 1;
}

/* ---- sessions that a client resumes ---- */

/*
 * What a session was made with, and so who may resume it: the same name at the
 * same port (without a name, the same address), for the same user, with the same
 * identity, policy and protocols.  The context stands for identity, trust, versions
 * and suites.
 */
static void make_key(struct handshake *h, const SSL_CTX *ctx)
{
	struct {
		const SSL_CTX *ctx;
		const struct policy *policy;
		int verify;
		in_port_t port;
		uint32_t uid;
		char name[256];
		char alpn[256];
	} what;

	memset(&what, 0, sizeof(what));
	what.ctx = ctx;
	what.policy = h->v.policy;
	what.verify = handshake_verify_mode(h) & SSL_VERIFY_PEER;
	what.uid = h->req.uid;
	/* the port lies at the same place for both families */
	what.port = ((const struct sockaddr_in *)&h->req.remote)->sin_port;
	strcpy(what.alpn, h->req.alpn);
	strcpy(what.name, h->req.peer_name);
	if (!*what.name && !remote_address(&h->req, what.name, sizeof(what.name)))
		return;
	h->keyed = EVP_Digest(&what, sizeof(what), h->key.digest, NULL, EVP_sha256(), NULL) == 1;
}

/*
 * Would the certificates of the session pass in a full handshake, too?  They may
 * have expired, been revoked, or lost our trust since.  As OpenSSL does it for a
 * chain that it receives.
 */
static bool still_good(struct handshake *h)
{
	X509_STORE *store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(h->ssl));
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(h->ssl);
	X509 *cert = SSL_get0_peer_certificate(h->ssl);
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	bool good = false;

	if (ctx && cert && X509_STORE_CTX_init(ctx, store, cert, chain) == 1 &&
	    X509_STORE_CTX_set_default(ctx, "ssl_server") == 1) {
		param = X509_STORE_CTX_get0_param(ctx);
		X509_VERIFY_PARAM_set_auth_level(param, SSL_get_security_level(h->ssl));
		good = X509_VERIFY_PARAM_set1(param, SSL_get0_param(h->ssl)) == 1 &&
		       X509_verify_cert(ctx) == 1;
	}
	if (good)
		h->chain = X509_STORE_CTX_get1_chain(ctx);
	X509_STORE_CTX_free(ctx);
	return good;
}

/* The peer is verified as in a full handshake, or there is a full handshake. */
static void offer_session(struct handshake *h)
{
	SSL_SESSION *session;
	time_t born;

	make_key(h, SSL_get_SSL_CTX(h->ssl));
	if (!h->keyed)
		return;
	session = resume_take(h->config->sessions, &h->key, &born);
	if (!session)
		return;
	if (SSL_set_session(h->ssl, session) == 1 &&
	    (!(handshake_verify_mode(h) & SSL_VERIFY_PEER) || still_good(h)))
		h->born = born;
	else
		SSL_set_session(h->ssl, NULL);
	SSL_SESSION_free(session);
	ERR_clear_error();
}

static bool setup_client(struct handshake *h)
{
	uint8_t wire[ALPN_MAX];
	unsigned int n = alpn_wire(h->req.alpn, wire);

	SSL_set_connect_state(h->ssl);
	SSL_set_verify(h->ssl, handshake_verify_mode(h), NULL);
	if (handshake_verify_mode(h) & SSL_VERIFY_PEER)
		SSL_set_tlsext_status_type(h->ssl, TLSEXT_STATUSTYPE_ocsp);
	SSL_set_mode(h->ssl, SSL_MODE_RELEASE_BUFFERS);	/* it may linger */
	if (n && SSL_set_alpn_protos(h->ssl, wire, n))
		return false;
	if (!take_peer_name(h) || !expect_peer(h) || !obey_policy(h))
		return false;
	if (h->config->sessions && !(h->v.identity && h->v.identity->psks))
		offer_session(h);
	return true;
}

static bool setup(struct handshake *h, SSL_CTX *ctx)
{
	h->ssl = SSL_new(ctx);
	h->in = BIO_new(BIO_s_mem());
	h->out = BIO_new(BIO_s_mem());
	if (!h->ssl || !h->in || !h->out || !SSL_set_ex_data(h->ssl, ex_index(), h)) {
		BIO_free(h->in);
		BIO_free(h->out);
		return false;
	}
	SSL_set_bio(h->ssl, h->in, h->out);	/* takes both */
	SSL_set_read_ahead(h->ssl, 0);
	SSL_set_msg_callback(h->ssl, on_message);
	if (!h->req.server)
		return setup_client(h);
	SSL_set_accept_state(h->ssl);
	return settle_server(h);
}

int64_t handshake_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Of clients we know where they are; who a client of ours asks is its program's business. */
static bool is_admitted(const struct handshake *h, struct hs_result *why)
{
	const char *text = NULL;

	if (h->req.server)
		text = rate_admit(h->config->rates, &h->req.remote, handshake_now());
	if (!text)
		return true;
	why->err = ECONNREFUSED;
	snprintf(why->text, sizeof(why->text), "%s", text);
	return false;
}

static SSL_CTX *choose_context(const struct handshake *h)
{
	if (h->req.server)
		return h->v.identity->server;
	return h->v.identity ? h->v.identity->client : h->config->anonymous;
}

static void result_init(struct hs_result *r)
{
	memset(r, 0, sizeof(*r));
	r->alert_sent = -1;
	r->alert_received = -1;
	r->err = EIO;
}

/**
 * handshake_new() - begin
 * @c: configuration; the handshake is one more user of it
 * @req: what the kernel asks for
 * @why: filled if there is nothing to begin
 *
 * Return: the handshake, or NULL.
 */
struct handshake *handshake_new(struct config *c, const struct hs_request *req,
				struct hs_result *why)
{
	struct handshake *h = calloc(1, sizeof(*h));

	result_init(why);
	why->err = ENOMEM;
	snprintf(why->text, sizeof(why->text), "out of memory");
	if (!h)
		return NULL;
	h->config = config_get(c);
	h->req = *req;
	h->req.owner = NULL;
	result_init(&h->result);
	if (!is_admitted(h, why) || !policy_judge(c, req, &h->v, why))
		goto refused;
	ERR_clear_error();
	if (setup(h, choose_context(h)))
		return h;
	if (h->forbidden) {
		why->err = EACCES;
		snprintf(why->text, sizeof(why->text), "%s", h->forbidden);
	} else if (!req->server && (ERR_peek_last_error() || !take_peer_name(h))) {
		why->err = EINVAL;
		snprintf(why->text, sizeof(why->text), "bad peer name or ALPN list");
	}
refused:
	if (why->err == EACCES)
		policy_refused(req, why);
	if (req->server)	/* a client has sent nothing yet */
		why->alert_sent = why->err == EACCES ? SSL_AD_ACCESS_DENIED :
						       SSL_AD_INTERNAL_ERROR;
	handshake_free(h);
	return NULL;
}

static enum hs_state step(struct handshake *h)
{
	int ret;

	ERR_clear_error();
	ret = SSL_do_handshake(h->ssl);
	if (ret == 1)
		return handshake_finish(h);
	switch (SSL_get_error(h->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return HS_MORE;
	default:
		return handshake_failed_by_peer(h, handshake_explain(h));
	}
}

/**
 * handshake_feed() - records from the peer, or none to begin with
 * @h: a handshake that is not over
 * @records: whole records
 * @len: their length
 * @consumed: set to how many of them were used
 *
 * Return: where we are.
 */
enum hs_state handshake_feed(struct handshake *h, const uint8_t *records, size_t len,
			     unsigned int *consumed)
{
	enum hs_state state = HS_MORE;

	*consumed = 0;
	if (!len)
		return step(h);
	while (state == HS_MORE && len) {
		size_t n;

		if (len < RECORD_HEADER)
			return handshake_failed(h, EBADMSG, "half a record from the kernel");
		n = RECORD_HEADER + ((size_t)records[3] << 8 | records[4]);
		if (n > len)
			return handshake_failed(h, EBADMSG, "half a record from the kernel");
		if (BIO_write(h->in, records, (int)n) != (int)n)
			return handshake_failed(h, ENOMEM, "out of memory");
		records += n;
		len -= n;
		++*consumed;
		state = step(h);
	}
	return state;
}

/**
 * handshake_output() - bytes for the peer since handshake_sent()
 * @h: the handshake
 * @bytes: set to them; valid until the next call on @h
 *
 * Return: how many.
 */
size_t handshake_output(struct handshake *h, const uint8_t **bytes)
{
	BUF_MEM *mem = NULL;

	BIO_get_mem_ptr(h->out, &mem);
	*bytes = mem ? (const uint8_t *)mem->data : NULL;
	return mem ? mem->length : 0;
}

/**
 * handshake_sent() - the output was taken
 * @h: the handshake
 */
void handshake_sent(struct handshake *h)
{
	(void)BIO_reset(h->out);
}

void handshake_free(struct handshake *h)
{
	if (!h)
		return;
	SSL_free(h->ssl);
	sk_X509_pop_free(h->chain, X509_free);
	free(h->result.peer);
	config_put(h->config);
	OPENSSL_cleanse(h, sizeof(*h));
	free(h);
}
