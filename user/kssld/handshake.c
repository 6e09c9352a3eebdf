// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One handshake on memory buffers: records in, bytes out, keys at the end.
 *
 * OpenSSL is given one record at a time and no more once it is done, so every
 * record it has not seen is still the kernel's.  A result is a failure from the
 * start and becomes a success in one place, finish(), after the certificate
 * check that the policy asks for and with both directions' keys.
 */
#include "kssld.h"

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
/* How many tickets a client waits for, and how long (milliseconds). */
#define POST_MAX 4
#define POST_MS 10000

/**
 * struct handshake - see above
 * @config: where the contexts come from
 * @req: what was asked
 * @v: what it gets by the policy
 * @ssl: OpenSSL's side
 * @in: records to OpenSSL
 * @out: bytes from OpenSSL
 * @result: failure until finish() says otherwise
 * @done: finish() has said so
 * @sealing: we send under the keys that @result.tx is about
 * @etm: TLS 1.2: encrypt-then-MAC was agreed on
 * @forbidden: the policy leaves no version or suite
 * @keyed: client: it may resume, and has a key for that
 * @key: client: which sessions it may resume
 * @chain: client: what verified the certificate of the session offered, or NULL
 * @born: client: when certificates were exchanged, perhaps in an earlier session
 * @rewrap: client: how to give tickets to OpenSSL
 * @posts: how many it got
 */
struct handshake {
	struct config *config;
	struct hs_request req;
	struct verdict v;
	SSL *ssl;
	BIO *in;
	BIO *out;
	struct hs_result result;
	bool done;
	bool sealing;
	bool etm;
	bool forbidden;
	bool keyed;
	struct resume_key key;
	STACK_OF(X509) *chain;
	time_t born;
	struct rewrap rewrap;
	unsigned int posts;
};

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

static struct handshake *of(const SSL *ssl)
{
	return SSL_get_ex_data(ssl, ex_index());
}

static unsigned int legacy_allowed(const struct handshake *h)
{
	return h->v.identity ? h->v.identity->legacy : h->config->client_legacy;
}

static enum hs_state failed(struct handshake *h, int err, const char *text)
{
	h->result.err = err;
	snprintf(h->result.text, sizeof(h->result.text), "%s", text);
	return HS_FAILED;
}

/* ---- what OpenSSL tells us on the way ---- */

const struct identity *handshake_identity(const SSL *ssl)
{
	struct handshake *h = of(ssl);

	return h ? h->v.identity : NULL;
}

static void new_keys(struct handshake *h, struct kssl_key *key)
{
	key->seq = 0;
	h->sealing |= key == &h->result.tx;
}

void handshake_keylog(const SSL *ssl, const char *line)
{
	struct handshake *h = of(ssl);
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
	struct handshake *h = of(ssl);
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

/* Visible ASCII: names go to programs, terminals and logs. */
static bool printable(const uint8_t *p, size_t len)
{
	for (; len--; p++)
		if (*p <= 0x20 || *p >= 0x7f)
			return false;
	return true;
}

/*
 * The first host name of a ServerNameList (RFC 6066, 3): uint16 length, then of
 * each name type, uint16 length and bytes.  OpenSSL refuses the malformed later.
 */
static void take_sni(struct handshake *h, const uint8_t *p, size_t len)
{
	size_t n = len >= 5 ? (size_t)p[3] << 8 | p[4] : 0;

	if (!n || n > len - 5 || n >= sizeof(h->result.sni) ||
	    p[2] != TLSEXT_NAMETYPE_host_name || !printable(p + 5, n))
		return;
	memcpy(h->result.sni, p + 5, n);
}

static bool settle_server(struct handshake *h);

/*
 * Before anything of the ClientHello is acted on: identity and what it asks for are
 * settled before OpenSSL looks for a session to resume.
 */
int handshake_client_hello(SSL *ssl, int *alert, void *arg)
{
	struct handshake *h = of(ssl);
	const struct identity *id;
	const uint8_t *names;
	size_t len;

	(void)arg;
	if (!h || *h->result.sni ||	/* the second ClientHello, after a retry */
	    !SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &names, &len))
		return SSL_CLIENT_HELLO_SUCCESS;
	take_sni(h, names, len);
	id = *h->result.sni && !*h->req.identity ?
		     identity_for_host(h->config, h->v.policy, h->result.sni) : h->v.identity;
	if (!id || id == h->v.identity)
		return SSL_CLIENT_HELLO_SUCCESS;
	h->v.identity = id;
	if (SSL_set_SSL_CTX(ssl, id->server) && settle_server(h))
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = SSL_AD_INTERNAL_ERROR;
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
	struct handshake *h = of(ssl);
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

static int verify_mode(const struct handshake *h)
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
	if (verify_mode(h) != SSL_VERIFY_NONE)
		memcpy(what.trust, h->config->trust_mark, sizeof(what.trust));
	if (h->v.policy)
		memcpy(what.policy, h->v.policy->mark, sizeof(what.policy));
	snprintf(what.text, sizeof(what.text), "kssl %d %u %s", verify_mode(h), id->legacy,
		 id->name);
	return EVP_Digest(&what, sizeof(what), context, &n, EVP_sha256(), NULL) == 1 &&
	       SSL_set_session_id_context(h->ssl, context, n) == 1;
}

static bool obey_policy(struct handshake *h)
{
	h->forbidden = !policy_restrict(h->v.policy, h->ssl);
	return !h->forbidden;
}

/* What identity and policy ask of a client. */
static bool settle_server(struct handshake *h)
{
	SSL_set_verify(h->ssl, verify_mode(h), NULL);
	return obey_policy(h) && set_session_context(h);
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
	what.verify = verify_mode(h) & SSL_VERIFY_PEER;
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
	    (!(verify_mode(h) & SSL_VERIFY_PEER) || still_good(h)))
		h->born = born;
	else
		SSL_set_session(h->ssl, NULL);
	SSL_SESSION_free(session);
	ERR_clear_error();
}

/*
 * TLS 1.2 has its ticket or session id by now; in TLS 1.3 tickets come to the
 * kernel, after the handshake.
 */
static void keep_session(struct handshake *h)
{
	struct hs_result *r = &h->result;

	if (!SSL_session_reused(h->ssl))
		h->born = time(NULL);
	if (SSL_version(h->ssl) < TLS1_3_VERSION) {
		resume_put(h->config->sessions, &h->key, SSL_get_session(h->ssl), h->born);
	} else if (rewrap_init(&h->rewrap, h->ssl, r->rx.secret, r->rx.secret_len)) {
		r->post_max = POST_MAX;
		r->post_ms = POST_MS;
	}
}

/* A ticket of TLS 1.3, in handshake_post(). */
int handshake_new_session(SSL *ssl, SSL_SESSION *session)
{
	struct handshake *h = of(ssl);

	if (h && h->done && SSL_version(ssl) == TLS1_3_VERSION)
		resume_put(h->config->sessions, &h->key, session, h->born);
	return 0;	/* not kept here */
}

static bool setup_client(struct handshake *h)
{
	uint8_t wire[ALPN_MAX];
	unsigned int n = alpn_wire(h->req.alpn, wire);

	SSL_set_connect_state(h->ssl);
	SSL_set_verify(h->ssl, verify_mode(h), NULL);
	if (verify_mode(h) & SSL_VERIFY_PEER)
		SSL_set_tlsext_status_type(h->ssl, TLSEXT_STATUSTYPE_ocsp);
	SSL_set_mode(h->ssl, SSL_MODE_RELEASE_BUFFERS);	/* it may linger */
	if (n && SSL_set_alpn_protos(h->ssl, wire, n))
		return false;
	if (!expect_peer(h) || !obey_policy(h))
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

static int64_t nanoseconds(void)
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
		text = rate_admit(h->config->rates, &h->req.remote, nanoseconds());
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
	if (!is_admitted(h, why) || !policy_judge(c, req, &h->v, why)) {
		handshake_free(h);
		return NULL;
	}
	ERR_clear_error();
	if (setup(h, choose_context(h)))
		return h;
	if (h->forbidden) {
		why->err = EACCES;
		snprintf(why->text, sizeof(why->text), "the policy leaves no version or suite");
	} else if (!req->server && ERR_peek_last_error()) {
		why->err = EINVAL;
		snprintf(why->text, sizeof(why->text), "bad peer name or ALPN list");
	}
	handshake_free(h);
	return NULL;
}

/* ---- the end ---- */

static int verify_errno(long code)
{
	switch (code) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return EKEYEXPIRED;
	case X509_V_ERR_CERT_REVOKED:
		return EKEYREVOKED;
	default:
		return EKEYREJECTED;
	}
}

static enum hs_state explain_failure(struct handshake *h)
{
	unsigned long e = ERR_peek_error();
	const char *why = e ? ERR_reason_error_string(e) : NULL;
	struct hs_result *r = &h->result;
	long code = SSL_get_verify_result(h->ssl);

	if (r->alert_received >= 0 && r->alert_received != SSL_AD_CLOSE_NOTIFY) {
		r->err = ECONNABORTED;
		snprintf(r->text, sizeof(r->text), "peer sent alert: %s",
			 SSL_alert_desc_string_long(r->alert_received));
	} else if (ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
		r->verify = code;
		r->err = verify_errno(code);
		snprintf(r->text, sizeof(r->text), "certificate verify failed: %s",
			 X509_verify_cert_error_string(code));
	} else if (ERR_GET_REASON(e) == SSL_R_INVALID_STATUS_RESPONSE && code) {
		r->verify = code;
		r->err = verify_errno(code);
		snprintf(r->text, sizeof(r->text), "OCSP response: %s",
			 X509_verify_cert_error_string(code));
	} else if (ERR_GET_REASON(e) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
		failed(h, EKEYREJECTED, "peer did not return a certificate");
	} else if (ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE) {
		failed(h, ENOMEM, "out of memory");
	} else {
		failed(h, EBADMSG, why ? why : "handshake failed");
	}
	ERR_clear_error();
	return HS_FAILED;
}

/* A client that must verify does so even if OpenSSL was told otherwise. */
static bool peer_is_good(const struct handshake *h)
{
	int mode = verify_mode(h);

	if (!(mode & SSL_VERIFY_PEER) || psk_used(h->ssl))
		return true;
	if (!SSL_get0_peer_certificate(h->ssl))
		return h->req.server && !(mode & SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
	return SSL_get_verify_result(h->ssl) == X509_V_OK;
}

static void keep_names(struct handshake *h)
{
	struct hs_result *r = &h->result;
	const unsigned char *alpn;
	unsigned int len;

	SSL_get0_alpn_selected(h->ssl, &alpn, &len);
	if (len && len < sizeof(r->alpn) && !memchr(alpn, 0, len))
		memcpy(r->alpn, alpn, len);
	if (h->v.identity)
		snprintf(r->identity, sizeof(r->identity), "%s", h->v.identity->name);
}

/* Both directions' keys; in TLS 1.3 the key log has given them. */
static int take_keys(struct handshake *h)
{
	struct hs_result *r = &h->result;

	if (SSL_version(h->ssl) == TLS1_3_VERSION)
		return r->tx.secret_len && r->rx.secret_len ? 0 : EOPNOTSUPP;
	return kssl_keys12(h->ssl, h->etm, &r->tx, &r->rx);
}

static void keep_suite(struct handshake *h)
{
	struct hs_result *r = &h->result;

	r->version = (uint16_t)SSL_version(h->ssl);
	r->suite = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(h->ssl));
}

/*
 * An alert that OpenSSL would not send: in clear as long as we send in clear, else the
 * kernel seals it.
 */
static void send_alert(struct handshake *h, uint8_t alert)
{
	const uint8_t record[] = { SSL3_RT_ALERT, 3, 3, 0, 2, SSL3_AL_FATAL, alert };
	struct hs_result *r = &h->result;

	if (!h->sealing) {
		if (BIO_write(h->out, record, sizeof(record)) == sizeof(record))
			r->alert_sent = alert;
		return;
	}
	keep_suite(h);
	if (r->version == TLS1_2_VERSION && kssl_keys12(h->ssl, h->etm, &r->tx, &r->rx))
		return;
	r->alert_sent = alert;
	r->alert_sealed = true;
}

static enum hs_state refused(struct handshake *h, int err, uint8_t alert, const char *text)
{
	send_alert(h, alert);
	return failed(h, err, text);
}

/* What a client could not help, such as our want of memory, does not count. */
static enum hs_state failed_by_peer(struct handshake *h, enum hs_state state)
{
	if (h->req.server && h->result.err != ENOMEM)
		rate_failed(h->config->rates, &h->req.remote, nanoseconds());
	return state;
}

static enum hs_state refused_by_peer(struct handshake *h, int err, uint8_t alert, const char *text)
{
	return failed_by_peer(h, refused(h, err, alert, text));
}

/* The one place where a failure becomes a success. */
static enum hs_state finish(struct handshake *h)
{
	struct hs_result *r = &h->result;
	int err;

	if (SSL_has_pending(h->ssl) || BIO_ctrl_pending(h->in))
		return refused_by_peer(h, EBADMSG, SSL_AD_UNEXPECTED_MESSAGE,
				       "more behind Finished in its record");
	if (!peer_is_good(h))
		return refused(h, EKEYREJECTED, SSL_AD_BAD_CERTIFICATE, "peer was not verified");
	if (!suites_allowed(SSL_get_current_cipher(h->ssl), legacy_allowed(h)))
		return refused(h, EINVAL, SSL_AD_HANDSHAKE_FAILURE, "cipher suite is not allowed");
	if (!policy_kept(h->v.policy, h->ssl))
		return refused(h, EACCES, SSL_AD_HANDSHAKE_FAILURE,
			       "the policy does not allow that version or suite");
	err = take_keys(h);
	if (err == ENOMEM)
		return refused(h, err, SSL_AD_INTERNAL_ERROR, "out of memory");
	if (err)
		return refused(h, EINVAL, SSL_AD_INTERNAL_ERROR, "no keys for that cipher suite");
	if (SSL_version(h->ssl) == TLS1_2_VERSION)
		export_master12(h->ssl, &r->exporter);
	r->peer = peer_describe(h->ssl, SSL_session_reused(h->ssl) ? h->chain :
							     SSL_get0_verified_chain(h->ssl));
	if (!r->peer)
		return refused(h, ENOMEM, SSL_AD_INTERNAL_ERROR, "out of memory");
	keep_names(h);
	keep_suite(h);
	r->legacy = kssl_suite_find(r->suite)->weak;
	r->record_limit = limit_of_peer(h->ssl);
	r->fragment = limit_of_both(h->ssl);
	r->resumed = SSL_session_reused(h->ssl) && !psk_used(h->ssl);
	if (h->keyed)
		keep_session(h);
	r->err = 0;
	h->done = true;
	return HS_DONE;
}

static enum hs_state step(struct handshake *h)
{
	int ret;

	ERR_clear_error();
	ret = SSL_do_handshake(h->ssl);
	if (ret == 1)
		return finish(h);
	switch (SSL_get_error(h->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return HS_MORE;
	default:
		return failed_by_peer(h, explain_failure(h));
	}
}

/**
 * handshake_refuse() - what the peer sent next is no record
 * @h: a handshake that is not over
 * @alert: what the kernel wants it to be told
 *
 * Return: HS_FAILED.
 */
enum hs_state handshake_refuse(struct handshake *h, int alert)
{
	bool too_long = alert == SSL_AD_RECORD_OVERFLOW;

	return refused_by_peer(h, too_long ? EMSGSIZE : EBADMSG, (uint8_t)alert,
			       too_long ? "record too long" : "bad record header");
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
			return failed(h, EBADMSG, "half a record from the kernel");
		n = RECORD_HEADER + ((size_t)records[3] << 8 | records[4]);
		if (n > len)
			return failed(h, EBADMSG, "half a record from the kernel");
		if (BIO_write(h->in, records, (int)n) != (int)n)
			return failed(h, ENOMEM, "out of memory");
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

struct hs_result *handshake_result(struct handshake *h)
{
	return &h->result;
}

/**
 * handshake_linger() - the result was taken; tickets are still to come
 * @h: a handshake that is done
 *
 * Only what handshake_post() needs is kept: in it, the server's first traffic key.
 */
void handshake_linger(struct handshake *h)
{
	struct hs_result *r = &h->result;

	OPENSSL_cleanse(&r->tx, sizeof(r->tx));
	OPENSSL_cleanse(&r->rx, sizeof(r->rx));
	OPENSSL_cleanse(&r->exporter, sizeof(r->exporter));
	free(r->peer);
	r->peer = NULL;
}

/**
 * handshake_post() - a ticket that the kernel has opened
 * @h: a handshake that lingers
 * @message: NewSessionTicket, header included
 * @len: its length
 *
 * OpenSSL may want to answer nonsense with an alert; that is not sent.
 *
 * Return: false if no more can follow.
 */
bool handshake_post(struct handshake *h, const uint8_t *message, size_t len)
{
	int ret, why;
	char byte;

	ERR_clear_error();
	if (!rewrap_message(&h->rewrap, h->in, message, len))
		return false;
	ret = SSL_read(h->ssl, &byte, 1);
	why = SSL_get_error(h->ssl, ret);
	ERR_clear_error();
	handshake_sent(h);
	return ret <= 0 && why == SSL_ERROR_WANT_READ && ++h->posts < POST_MAX;
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
