// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Issuers that are trusted, and what they have revoked.  The certificate of a server is
 * verified by [trust], by default the system's store.  That of a client is verified by the
 * issuers alone that the identity names: a public issuer certifies clients of any name.
 */
#include "kssld.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/evp.h>

/* What is wrong with a file that OpenSSL could not read. */
static const char *file_reason(const struct file_name *file)
{
	return access(file->path, R_OK) ? strerror(errno) : log_reason();
}

static bool is_dir(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static bool load_issuers(const struct config *c, SSL_CTX *ctx)
{
	if (c->trust_system && !SSL_CTX_set_default_verify_paths(ctx)) {
		error("system trust store: %s", log_reason());
		return false;
	}
	if (c->trust_file.path && !SSL_CTX_load_verify_file(ctx, c->trust_file.path)) {
		config_bad_file(c, &c->trust_file, file_reason(&c->trust_file));
		return false;
	}
	if (c->trust_dir.path && (access(c->trust_dir.path, X_OK) ||
				  !SSL_CTX_load_verify_dir(ctx, c->trust_dir.path))) {
		config_bad_file(c, &c->trust_dir, file_reason(&c->trust_dir));
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

	if (c->crl.path &&
	    (!lookup || X509_load_crl_file(lookup, c->crl.path, X509_FILETYPE_PEM) <= 0)) {
		config_bad_file(c, &c->crl, file_reason(&c->crl));
		return false;
	}
	if (c->crl_check == CRL_NO || (c->crl_check == CRL_KNOWN && !c->crl.path))
		return true;
	if (c->crl_check == CRL_KNOWN)
		X509_STORE_set_verify_cb(store, ignore_missing_crl);
	return X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1;
}

/**
 * trust_servers() - verify servers by [trust]
 * @c: configuration
 * @ctx: context of a client
 *
 * Return: false after a log line.
 */
bool trust_servers(const struct config *c, SSL_CTX *ctx)
{
	return load_issuers(c, ctx) && load_revoked(c, ctx);
}

/* A certificate request names them, so that clients know which certificate to show. */
static bool load_client_issuers(SSL_CTX *ctx, const char *path, STACK_OF(X509_NAME) *names)
{
	if (is_dir(path))
		return SSL_CTX_load_verify_dir(ctx, path) &&
		       SSL_add_dir_cert_subjects_to_stack(names, path);
	return SSL_CTX_load_verify_file(ctx, path) &&
	       SSL_add_file_cert_subjects_to_stack(names, path);
}

/**
 * trust_clients() - verify clients by what the identity names, and nothing else
 * @c: configuration
 * @id: identity
 * @ctx: context in which it serves
 *
 * Return: false after a log line.
 */
bool trust_clients(const struct config *c, const struct identity *id, SSL_CTX *ctx)
{
	STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
	const struct issuers *i;

	for (i = id->issuers; names && i; i = i->next)
		if (!load_client_issuers(ctx, i->file.path, names)) {
			config_bad_file(c, &i->file, file_reason(&i->file));
			sk_X509_NAME_pop_free(names, X509_NAME_free);
			return false;
		}
	SSL_CTX_set_client_CA_list(ctx, names);		/* takes them */
	return names && load_revoked(c, ctx);
}

/* ---- a mark of all that ---- */

/* What cannot be read is told elsewhere, or does not count. */
static bool mark_file(EVP_MD_CTX *md, const char *path)
{
	FILE *f = path ? fopen(path, "re") : NULL;
	bool good = true;
	char buf[4096];
	size_t n;

	while (good && f && (n = fread(buf, 1, sizeof(buf), f)) > 0)
		good = EVP_DigestUpdate(md, buf, n) == 1;
	if (f)
		fclose(f);
	return good && EVP_DigestUpdate(md, "", 1) == 1;
}

/* 8 digits and a number: what OpenSSL looks for (openssl-rehash(1)). */
static int is_hashed(const struct dirent *e)
{
	return strspn(e->d_name, "0123456789abcdef") == 8 && e->d_name[8] == '.';
}

static bool mark_dir(EVP_MD_CTX *md, const char *path)
{
	struct dirent **names;
	int n = path ? scandir(path, &names, is_hashed, alphasort) : -1, i;
	char file[PATH_MAX];
	bool good = true;

	for (i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		good = good && mark_file(md, file);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return good && EVP_DigestUpdate(md, "", 1) == 1;
}

static const char *or_env(const char *name, const char *usual)
{
	const char *set = secure_getenv(name);

	return set ? set : usual;
}

/* What OpenSSL looks for in a folder, and its entries. */
static void watch_dir(struct watch *w, const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, is_hashed, alphasort), i;
	char file[PATH_MAX];

	watch_add(w, path);
	for (i = 0; i < n; i++) {
		if (snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name) < PATH_MAX)
			watch_add(w, file);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

/**
 * trust_watch() - have all of it watched, before it is read
 * @c: configuration; the files that it names are watched by now, but not what lies in
 *	folders, nor the system's store
 */
void trust_watch(const struct config *c)
{
	const struct identity *id;
	const struct issuers *i;

	if (c->trust_system) {
		watch_add(c->watch, or_env(X509_get_default_cert_file_env(),
					   X509_get_default_cert_file()));
		watch_dir(c->watch, or_env(X509_get_default_cert_dir_env(),
					   X509_get_default_cert_dir()));
	}
	if (c->trust_dir.path)
		watch_dir(c->watch, c->trust_dir.path);
	for (id = c->identities; id; id = id->next)
		for (i = id->issuers; i; i = i->next)
			if (is_dir(i->file.path))
				watch_dir(c->watch, i->file.path);
}

static bool mark_system(EVP_MD_CTX *md)
{
	return mark_file(md, or_env(X509_get_default_cert_file_env(),
				    X509_get_default_cert_file())) &&
	       mark_dir(md, or_env(X509_get_default_cert_dir_env(), X509_get_default_cert_dir()));
}

static bool mark_clients(EVP_MD_CTX *md, const struct config *c)
{
	const struct identity *id;
	const struct issuers *i;

	for (id = c->identities; id; id = id->next)
		for (i = id->issuers; i; i = i->next)
			if (!(is_dir(i->file.path) ? mark_dir(md, i->file.path) :
						     mark_file(md, i->file.path)))
				return false;
	return true;
}

/**
 * trust_mark() - digest of everything that a verified certificate rests on
 * @c: configuration; the mark is put there
 *
 * A session that began before an issuer lost our trust, or took a certificate back, must
 * not be resumed after that; nothing verifies the certificate then.
 *
 * Return: false without memory.
 */
bool trust_mark(struct config *c)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool good = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
		    EVP_DigestUpdate(md, &c->crl_check, sizeof(c->crl_check)) == 1 &&
		    mark_file(md, c->crl.path) && mark_file(md, c->trust_file.path) &&
		    mark_dir(md, c->trust_dir.path) && (!c->trust_system || mark_system(md)) &&
		    mark_clients(md, c) &&
		    EVP_DigestFinal_ex(md, c->trust_mark, NULL) == 1;

	EVP_MD_CTX_free(md);
	return good;
}
