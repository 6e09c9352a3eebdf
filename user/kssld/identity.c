// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who we can be: one OpenSSL context per identity and role, made once, read by all
 * workers.
 */
#include "kssld.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

static FILE *keylog;
static pthread_mutex_t keylog_lock = PTHREAD_MUTEX_INITIALIZER;

/* A file that was there before may be somebody else's, or for others to read. */
static bool keep_for_us(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return false;
	if (!S_ISREG(st.st_mode))
		return true;
	if (st.st_uid != geteuid()) {
		errno = EPERM;
		return false;
	}
	return !fchmod(fd, 0600);
}

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
	if (fd >= 0 && keep_for_us(fd))
		keylog = fdopen(fd, "a");
	if (keylog) {
		error("WARNING: secrets of every session are written to %s", path);
		return;
	}
	error("%s: cannot open the key log: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
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

static bool load_credentials(const struct config *c, struct identity *id)
{
	struct credential *cred;
	char *phrases = NULL;
	bool good = true;
	size_t len;

	if (id->pass_file.path) {
		phrases = secret_read(c, &id->pass_file, &len);
		if (!phrases)
			return false;
	}
	for (cred = id->credentials; good && cred; cred = cred->next)
		good = credential_load(c, cred, phrases);
	secret_free(phrases);
	return good;
}

static bool load_staples(const struct config *c, const struct identity *id)
{
	struct staple *s;

	for (s = id->staples; s; s = s->next)
		if (!staple_load(c, id, s))
			return false;
	return true;
}

/* One more file of the identity's secrets. */
static bool is_owned(struct identity *id, const char *path)
{
	struct stat st;

	if (!path)
		return true;
	if (stat(path, &st) || (id->owner != IDENTITY_NO_OWNER && id->owner != st.st_uid))
		return false;
	id->owner = st.st_uid;
	return true;
}

/* Of several files, the user whose all of them are. */
static void find_owner(struct identity *id)
{
	const struct credential *cred;
	bool one;

	id->owner = IDENTITY_NO_OWNER;
	one = is_owned(id, id->psk_file.path);
	for (cred = id->credentials; one && cred; cred = cred->next)
		one = is_owned(id, cred->key_file.path ? cred->key_file.path : cred->cert_file.path);
	if (!one)
		id->owner = IDENTITY_NO_OWNER;
}

static bool load_files(const struct config *c, struct identity *id)
{
	find_owner(id);
	return load_credentials(c, id) && load_staples(c, id) && psk_load(c, id);
}

/* A server takes what fits the client; a client would take the last one set. */
static bool use_credentials(const struct config *c, const struct identity *id, SSL_CTX *ctx)
{
	const struct credential *cred;

	for (cred = id->credentials; cred; cred = cred->next)
		if (!credential_use(c, cred, ctx))
			return false;
	cred = id->credentials;
	return !cred || SSL_CTX_select_current_cert(ctx, cred->cert) == 1;
}

static SSL_CTX *context(const struct config *c, struct identity *id, bool server)
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
		error("versions: %s", log_reason());
		goto bad;
	}
	if (!suites_set(c, ctx, id ? id->legacy : c->client_legacy))
		goto bad;
	if (!suites_set_groups(ctx, c->groups) || !suites_set_sigalgs(ctx, c->sigalgs)) {
		error("groups, signature-algorithms: %s", log_reason());
		goto bad;
	}
	if (!limit_offer(ctx) || !(server ? trust_clients(c, id, ctx) : trust_servers(c, ctx)) ||
	    (id && !use_credentials(c, id, ctx)))
		goto bad;
	psk_offer(ctx, server);
	if (!server)
		staple_expect(ctx);
	if (!server && c->resume) {
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
						    SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(ctx, handshake_new_session);
	}
	if (server) {
		if (!ticket_offer(c, ctx))
			goto bad;
		staple_offer(id, ctx);
		SSL_CTX_set_client_hello_cb(ctx, handshake_client_hello, NULL);
		SSL_CTX_set_tlsext_servername_callback(ctx, handshake_servername);
		SSL_CTX_set_alpn_select_cb(ctx, handshake_alpn, NULL);
	}
	return ctx;
bad:
	SSL_CTX_free(ctx);
	return NULL;
}

static bool load_providers(const struct config *c)
{
	const char *p = c->providers ? c->providers : "";
	char name[64];

	while (*p) {
		size_t len = strcspn(p, ", ");

		snprintf(name, sizeof(name), "%.*s", (int)len, p);
		if (!credential_provider(name))
			return false;
		p += len;
		p += strspn(p, ", ");
	}
	return true;
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
	if (!load_providers(c) || !trust_mark(c) || !ticket_load(c) || !policy_load(c))
		return -1;
	c->sessions = c->resume ? resume_new((size_t)c->resume_cache) : NULL;
	c->anonymous = context(c, NULL, false);
	if (!c->anonymous || (c->resume && !c->sessions))
		return -1;
	for (id = c->identities; id; id = id->next) {
		id->server = load_files(c, id) ? context(c, id, true) : NULL;
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

static enum name_fit certified(const struct identity *id, const char *host, unsigned int flags)
{
	const struct credential *cred;

	for (cred = id->credentials; cred; cred = cred->next)
		if (X509_check_host(cred->cert, host, 0, flags, NULL) == 1)
			return flags & X509_CHECK_FLAG_NO_WILDCARDS ? NAME_FITS :
							       NAME_FITS_WILDCARD;
	return NAME_FITS_NOT;
}

static enum name_fit serves(const struct identity *id, const char *host)
{
	enum name_fit fit;

	if (id->names)
		return name_fits(id->names, host);
	fit = certified(id, host, X509_CHECK_FLAG_NO_WILDCARDS);
	return fit ? fit : certified(id, host, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
}

/**
 * identity_for_host() - find the identity for the name that a client sent
 * @c: the configuration
 * @p: section that is about the program, or NULL
 * @uid: the program's user
 * @host: the name, from name_normalise(), or NULL
 *
 * Return: of those that are allowed, the first that serves the very name; else the first
 * that does by a wildcard; else the default one, else the first; NULL if there is none.
 */
struct identity *identity_for_host(const struct config *c, const struct policy *p,
				   uint32_t uid, const char *host)
{
	struct identity *id, *found = NULL;
	enum name_fit best = NAME_FITS_NOT, one;

	for (id = c->identities; id && best < NAME_FITS; id = id->next) {
		if (!policy_allows(p, id, uid))
			continue;
		one = host ? serves(id, host) : NAME_FITS_NOT;
		if (!found || one > best || (!best && id->is_default && !found->is_default))
			found = id;
		if (one > best)
			best = one;
	}
	return found;
}
