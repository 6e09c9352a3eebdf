// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who we can be, and whom we trust: one OpenSSL context per identity and role,
 * made once, read by all workers.
 */
#include "kssld.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

static FILE *keylog;
static pthread_mutex_t keylog_lock = PTHREAD_MUTEX_INITIALIZER;

/**
 * keylog_open() - write every secret to a file, in SSLKEYLOGFILE format
 * @path: file, made readable for us alone; NULL for none
 */
void keylog_open(const char *path)
{
	int fd;

	if (!path)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	keylog = fd < 0 ? NULL : fdopen(fd, "a");
	if (!keylog)
		error("%s: cannot open the key log", path);
	else
		error("WARNING: secrets of every session are written to %s", path);
}

static void on_keylog(const SSL *ssl, const char *line)
{
	handshake_keylog(ssl, line);
	if (!keylog)
		return;
	pthread_mutex_lock(&keylog_lock);
	fprintf(keylog, "%s\n", line);
	fflush(keylog);
	pthread_mutex_unlock(&keylog_lock);
}

static const char *reason(void)
{
	unsigned long e = ERR_peek_last_error();
	const char *text = e ? ERR_reason_error_string(e) : NULL;

	return text ? text : "unknown error";
}

static bool load_trust(const struct config *c, SSL_CTX *ctx)
{
	if (c->trust_system && !SSL_CTX_set_default_verify_paths(ctx)) {
		error("system trust store: %s", reason());
		return false;
	}
	if (c->trust_file && !SSL_CTX_load_verify_file(ctx, c->trust_file)) {
		error("%s: %s", c->trust_file, reason());
		return false;
	}
	if (c->trust_dir && !SSL_CTX_load_verify_dir(ctx, c->trust_dir)) {
		error("%s: %s", c->trust_dir, reason());
		return false;
	}
	return true;
}

/* An issuer that publishes no list, or not to us, is no reason to refuse. */
static int ignore_missing_crl(int good, X509_STORE_CTX *store)
{
	if (good || X509_STORE_CTX_get_error(store) != X509_V_ERR_UNABLE_TO_GET_CRL)
		return good;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

static bool load_revoked(const struct config *c, SSL_CTX *ctx)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());

	if (c->crl && (!lookup || X509_load_crl_file(lookup, c->crl, X509_FILETYPE_PEM) <= 0)) {
		error("%s: %s", c->crl, reason());
		return false;
	}
	if (c->crl_check == CRL_NO || (c->crl_check == CRL_KNOWN && !c->crl))
		return true;
	if (c->crl_check == CRL_KNOWN)
		X509_STORE_set_verify_cb(store, ignore_missing_crl);
	return X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1;
}

/* A certificate request names who may have issued the answer; nobody: anyone. */
static bool name_issuers(const struct config *c, SSL_CTX *ctx)
{
	STACK_OF(X509_NAME) *names;

	if (!c->trust_file && !c->trust_dir)
		return true;
	names = c->trust_file ? SSL_load_client_CA_file(c->trust_file) : sk_X509_NAME_new_null();
	if (!names || (c->trust_dir && !SSL_add_dir_cert_subjects_to_stack(names, c->trust_dir))) {
		error("[trust]: %s", reason());
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return false;
	}
	SSL_CTX_set_client_CA_list(ctx, names);		/* takes them */
	return true;
}

static bool load_pair(const struct identity *id, SSL_CTX *ctx)
{
	if (SSL_CTX_use_certificate_chain_file(ctx, id->cert) != 1) {
		error("[identity %s] %s: %s", id->name, id->cert, reason());
		return false;
	}
	if (SSL_CTX_use_PrivateKey_file(ctx, id->key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1) {
		error("[identity %s] %s: %s", id->name, id->key, reason());
		return false;
	}
	return true;
}

static SSL_CTX *context(const struct config *c, const struct identity *id, bool server)
{
	SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());

	if (!ctx)
		return NULL;
	ERR_clear_error();
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				 SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_max_early_data(ctx, 0);
	SSL_CTX_set_keylog_callback(ctx, on_keylog);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (!SSL_CTX_set_min_proto_version(ctx, c->min_version) ||
	    !SSL_CTX_set_max_proto_version(ctx, c->max_version)) {
		error("versions: %s", reason());
		goto bad;
	}
	if (!suites_set(c, ctx, id ? id->legacy : c->client_legacy))
		goto bad;
	if (!limit_offer(ctx) || !load_trust(c, ctx) || !load_revoked(c, ctx) ||
	    (id && !load_pair(id, ctx)))
		goto bad;
	if (!server && c->resume) {
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
						    SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(ctx, handshake_new_session);
	}
	if (server) {
		if (!name_issuers(c, ctx))
			goto bad;
		SSL_CTX_set_client_hello_cb(ctx, handshake_client_hello, NULL);
		SSL_CTX_set_tlsext_servername_callback(ctx, handshake_servername);
		SSL_CTX_set_alpn_select_cb(ctx, handshake_alpn, NULL);
	}
	return ctx;
bad:
	SSL_CTX_free(ctx);
	return NULL;
}

/*
 * A session that began before a certificate was revoked must not be resumed after
 * that; nothing verifies the certificate then.
 */
static bool mark_trust(struct config *c)
{
	BIO *file = c->crl ? BIO_new_file(c->crl, "r") : NULL;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	char buf[4096];
	bool good;
	int n;

	good = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL);
	while (good && file && (n = BIO_read(file, buf, sizeof(buf))) > 0)
		good = EVP_DigestUpdate(md, buf, (size_t)n);
	good = good && EVP_DigestFinal_ex(md, c->trust_mark, NULL);
	EVP_MD_CTX_free(md);
	BIO_free(file);
	return good;
}

/**
 * identity_load() - make all contexts of a configuration
 * @c: the configuration
 *
 * Return: 0, or -1 after a log line.
 */
int identity_load(struct config *c)
{
	struct identity *id;

	suites_warn(c);
	if (!mark_trust(c))
		return -1;
	c->sessions = c->resume ? resume_new((size_t)c->resume_cache) : NULL;
	c->anonymous = context(c, NULL, false);
	if (!c->anonymous || (c->resume && !c->sessions))
		return -1;
	for (id = c->identities; id; id = id->next) {
		id->server = context(c, id, true);
		id->client = id->server ? context(c, id, false) : NULL;
		if (!id->client)
			return -1;
	}
	return 0;
}

struct identity *identity_named(const struct config *c, const char *name)
{
	struct identity *id;

	for (id = c->identities; id; id = id->next)
		if (!strcmp(id->name, name))
			return id;
	return NULL;
}

/* "*.example.org" covers one label. */
static bool matches(const char *pattern, size_t len, const char *host)
{
	const char *dot = strchr(host, '.');

	if (len > 2 && !strncmp(pattern, "*.", 2))
		return dot && strlen(dot) == len - 1 && !strncasecmp(pattern + 1, dot, len - 1);
	return strlen(host) == len && !strncasecmp(pattern, host, len);
}

static bool lists(const char *names, const char *host)
{
	while (*names) {
		size_t len = strcspn(names, ", ");

		if (len && matches(names, len, host))
			return true;
		names += len;
		names += strspn(names, ", ");
	}
	return false;
}

static bool serves(const struct identity *id, const char *host)
{
	if (id->names)
		return lists(id->names, host);
	return X509_check_host(SSL_CTX_get0_certificate(id->server), host, 0, 0, NULL) == 1;
}

/**
 * identity_for_host() - the identity for the name a client sent
 * @c: the configuration
 * @host: the name, or NULL
 *
 * Return: the first that serves the name; else the default one, else the first;
 * NULL if there is none at all.
 */
struct identity *identity_for_host(const struct config *c, const char *host)
{
	struct identity *id, *fallback = c->identities;

	for (id = c->identities; id; id = id->next) {
		if (host && serves(id, host))
			return id;
		if (id->is_default && !fallback->is_default)
			fallback = id;
	}
	return fallback;
}
