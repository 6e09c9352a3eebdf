// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A certificate, those above it, and the private key: from PEM, DER or PKCS#12 files,
 * encrypted or not, or by URI from whatever OpenSSL's providers know (a token, a TPM).
 * OSSL_STORE reads them all.
 */
#include "kssld.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509v3.h>

#define OBJECTS_MAX 1000	/* in one file */

/* What a file or URI gave. */
struct found {
	STACK_OF(X509) *certs;
	EVP_PKEY *key;
};

struct phrase {
	const char *text;	/* NULL: there is none */
	size_t len;
	bool asked;
};

/**
 * credential_is_uri() - does it name something that is not a file?
 * @name: as configured: "pkcs11:object=www"
 */
bool credential_is_uri(const char *name)
{
	const char *p = name;

	while (isalnum((unsigned char)*p) || *p == '+' || *p == '-' || *p == '.')
		p++;
	return p > name + 1 && *p == ':' && access(name, F_OK);
}

static int give_phrase(char *to, int room, int rwflag, void *arg)
{
	struct phrase *p = arg;

	(void)rwflag;
	p->asked = true;
	if (!p->text || p->len > (size_t)room)
		return -1;
	memcpy(to, p->text, p->len);
	return (int)p->len;
}

static void take(struct found *f, OSSL_STORE_INFO *info)
{
	int type = OSSL_STORE_INFO_get_type(info);
	X509 *cert;

	if (type == OSSL_STORE_INFO_PKEY && !f->key)
		f->key = OSSL_STORE_INFO_get1_PKEY(info);
	if (type != OSSL_STORE_INFO_CERT)
		return;
	cert = OSSL_STORE_INFO_get1_CERT(info);
	if (cert && !sk_X509_push(f->certs, cert))
		X509_free(cert);
}

static void drop(struct found *f)
{
	sk_X509_pop_free(f->certs, X509_free);
	EVP_PKEY_free(f->key);
	f->certs = NULL;
	f->key = NULL;
}

/*
 * Once, with one pass phrase.  @expect: OSSL_STORE_INFO_CERT or _PKEY, which keeps OpenSSL
 * from asking for the pass phrase of what we do not want; 0: both.
 */
static void open_once(const char *name, int expect, struct phrase *phrase, struct found *f)
{
	UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(give_phrase, 0);
	OSSL_STORE_CTX *ctx = ui ? OSSL_STORE_open(name, ui, phrase, NULL, NULL) : NULL;
	OSSL_STORE_INFO *info;
	int i;

	f->certs = sk_X509_new_null();
	if (ctx && f->certs && (!expect || OSSL_STORE_expect(ctx, expect)))
		for (i = 0; i < OBJECTS_MAX && !OSSL_STORE_eof(ctx); i++) {
			info = OSSL_STORE_load(ctx);
			if (info)	/* else something that is not for us */
				take(f, info);
			OSSL_STORE_INFO_free(info);
		}
	OSSL_STORE_close(ctx);
	UI_destroy_method(ui);
}

static bool satisfied(const struct found *f, int expect)
{
	return (expect == OSSL_STORE_INFO_CERT || f->key) &&
	       (expect == OSSL_STORE_INFO_PKEY || sk_X509_num(f->certs) > 0);
}

static const char *missing(const char *name, const struct found *f, int expect,
			   const struct phrase *p)
{
	unsigned long e = ERR_peek_last_error();
	bool unsupported = ERR_GET_REASON(e) == ERR_R_UNSUPPORTED;

	if (unsupported && ERR_GET_LIB(e) == ERR_LIB_EVP)
		return "encrypted in a way that needs another provider (provider = legacy)";
	if (unsupported && ERR_GET_LIB(e) == ERR_LIB_OSSL_STORE && !f->key && !p->asked &&
	    credential_is_uri(name))
		return "none of OpenSSL's providers opens it (provider =)";
	if (p->asked)
		return p->text ? "no pass phrase of pass-file fits" :
				 "needs a pass phrase (pass-file)";
	if (expect != OSSL_STORE_INFO_PKEY && !sk_X509_num(f->certs))
		return "no certificate in it";
	return expect ? "no private key in it" : "no private key in it, and no key =";
}

/* The next line; false: there is none. */
static bool next_phrase(struct phrase *p)
{
	const char *next = p->text ? p->text + p->len : NULL;

	if (!next || !*next)
		return false;
	next += *next == '\r';
	next += *next == '\n';
	if (!*next)
		return false;
	*p = (struct phrase){ .text = next, .len = strcspn(next, "\r\n") };
	return true;
}

/* With each pass phrase until one fits. */
static bool open_source(const struct config *c, const struct file_name *file, int expect,
			const char *phrases, struct found *f)
{
	struct phrase phrase = { .text = phrases, .len = phrases ? strcspn(phrases, "\r\n") : 0 };

	if (!credential_is_uri(file->path) && access(file->path, R_OK)) {
		config_bad_file(c, file, strerror(errno));
		return false;
	}
	ERR_clear_error();
	open_once(file->path, expect, &phrase, f);
	while (!satisfied(f, expect) && phrase.asked && next_phrase(&phrase)) {
		drop(f);
		open_once(file->path, expect, &phrase, f);
	}
	if (satisfied(f, expect)) {
		ERR_clear_error();
		return true;
	}
	config_bad_file(c, file, missing(file->path, f, expect, &phrase));
	ERR_clear_error();
	drop(f);
	return false;
}

/* Own first, then each the issuer of the one before it; the rest as it came. */
static bool sort_chain(struct credential *cred, STACK_OF(X509) *certs)
{
	X509 *last = cred->cert;
	int i = 0;

	cred->chain = sk_X509_new_null();
	if (!cred->chain)
		return false;
	while (i < sk_X509_num(certs)) {
		X509 *one = sk_X509_value(certs, i++);

		if (X509_check_issued(one, last) != X509_V_OK || !X509_cmp(one, last))
			continue;
		if (!sk_X509_push(cred->chain, one))
			return false;
		sk_X509_delete(certs, i - 1);
		last = one;
		i = 0;
	}
	while ((last = sk_X509_shift(certs)))
		if (!sk_X509_push(cred->chain, last)) {
			X509_free(last);
			return false;
		}
	return true;
}

/* The certificate that the key is for, and the others. */
static bool match(const struct config *c, struct credential *cred, STACK_OF(X509) *certs)
{
	int i;

	for (i = 0; i < sk_X509_num(certs) && !cred->cert; i++)
		if (X509_check_private_key(sk_X509_value(certs, i), cred->key) == 1)
			cred->cert = sk_X509_delete(certs, i);
	ERR_clear_error();
	if (!cred->cert) {
		config_bad_file(c, cred->key_file.path ? &cred->key_file : &cred->cert_file,
				"the key of another certificate");
		return false;
	}
	return sort_chain(cred, certs);
}

static void warn_exposed(const struct config *c, const struct file_name *file)
{
	if (secret_exposed(file->path))
		info("%s:%d: %s: WARNING: others can read this private key", c->path, file->line,
		     file->path);
}

/**
 * credential_load() - read certificate and key
 * @c: configuration that they are of
 * @cred: where their names are
 * @phrases: pass phrases, a line each; or NULL
 *
 * Return: false after a log line.
 */
bool credential_load(const struct config *c, struct credential *cred, const char *phrases)
{
	const struct file_name *key = cred->key_file.path ? &cred->key_file : NULL;
	struct found certs = { 0 }, keys = { 0 };
	bool good;

	good = open_source(c, &cred->cert_file, key ? OSSL_STORE_INFO_CERT : 0, phrases, &certs) &&
	       (!key || open_source(c, key, OSSL_STORE_INFO_PKEY, phrases, &keys));
	if (good) {
		cred->key = key ? keys.key : certs.key;
		*(key ? &keys.key : &certs.key) = NULL;
		warn_exposed(c, key ? key : &cred->cert_file);
		good = match(c, cred, certs.certs);
	}
	drop(&certs);
	drop(&keys);
	return good;
}

/**
 * credential_use() - for the connections of a context
 * @c: configuration
 * @cred: loaded
 * @ctx: context; one credential for each kind of key
 *
 * Return: false after a log line.
 */
bool credential_use(const struct config *c, const struct credential *cred, SSL_CTX *ctx)
{
	ERR_clear_error();
	if (SSL_CTX_use_cert_and_key(ctx, cred->cert, cred->key, cred->chain, 0) == 1)
		return true;
	config_bad_file(c, &cred->cert_file, ERR_GET_REASON(ERR_peek_last_error()) ==
			SSL_R_NOT_REPLACING_CERTIFICATE ?
			"the second certificate for this kind of key" : log_reason());
	return false;
}

/**
 * credential_provider() - have one of OpenSSL's providers
 * @name: of it
 *
 * Return: false after a log line.
 */
bool credential_provider(const char *name)
{
	const char *text;
	unsigned long e;

	ERR_clear_error();
	if (OSSL_PROVIDER_available(NULL, name))
		return true;
	/* the default one goes as soon as another is loaded */
	if (OSSL_PROVIDER_load(NULL, "default") && OSSL_PROVIDER_load(NULL, name))
		return true;
	e = ERR_peek_error();
	text = e ? ERR_reason_error_string(e) : NULL;
	error("provider %s: %s", name, text ? text : "OpenSSL does not have it");
	return false;
}

/**
 * credential_free() - forget
 * @cred: may be NULL
 */
void credential_free(struct credential *cred)
{
	if (!cred)
		return;
	X509_free(cred->cert);
	sk_X509_pop_free(cred->chain, X509_free);
	EVP_PKEY_free(cred->key);
	free(cred->cert_file.path);
	free(cred->key_file.path);
	free(cred);
}
