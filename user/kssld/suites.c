// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which suites a context offers and takes: what the configuration names, or ours;
 * of these what the kernel has; of what is legacy no more than is allowed.  The
 * weaker a suite the later it comes, whatever order it was named in, and a server
 * goes by its own order: a peer that has something better gets it.
 */
#include "kssld.h"

#include <stdio.h>
#include <string.h>
#include <openssl/err.h>

/* Room for the names of all suites that kssl has. */
#define LIST_MAX 2048

static const char ours13[] =
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/* The first two lines are for everyone; what of the others is legacy is left out below. */
static const char ours12[] =
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
	"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
	"ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:"
	"ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:"
	"ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:"
	"ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:"
	"AES128-GCM-SHA256:AES256-GCM-SHA384:"
	"AES128-SHA256:AES256-SHA256:AES128-SHA:AES256-SHA:NULL-SHA256";

/* kssld.conf(5) says what each opens. */
static const struct {
	const char *name;
	unsigned int legacy;
} classes[] = {
	{ "cbc", KSSL_SUITE_CBC },
	{ "rsa-key-transport", KSSL_SUITE_RSA },
	{ "null", KSSL_SUITE_NULL },
};

#define NR_CLASSES (sizeof(classes) / sizeof(classes[0]))

/**
 * suites_legacy() - a value of "legacy"
 * @name: its name, without NUL
 * @len: its length
 *
 * Return: KSSL_SUITE_*, or 0 if there is none of that name.
 */
unsigned int suites_legacy(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < NR_CLASSES; i++)
		if (strlen(classes[i].name) == len && !strncmp(classes[i].name, name, len))
			return classes[i].legacy;
	return 0;
}

/**
 * suites_legacy_names() - the other way round
 * @legacy: KSSL_SUITE_*
 * @out: where to
 * @room: there
 *
 * Return: @out, the names with commas in between.
 */
const char *suites_legacy_names(unsigned int legacy, char *out, size_t room)
{
	size_t i, n = 0;

	*out = 0;
	for (i = 0; i < NR_CLASSES; i++)
		if (legacy & classes[i].legacy && n < room)
			n += (size_t)snprintf(out + n, room - n, "%s%s", n ? ", " : "",
					      classes[i].name);
	return out;
}

static const struct kssl_suite_row *row_of(const SSL_CIPHER *cipher)
{
	return cipher ? kssl_suite_find(SSL_CIPHER_get_protocol_id(cipher)) : NULL;
}

/**
 * suites_allowed() - may this suite be used?
 * @cipher: OpenSSL's name of it, or NULL
 * @legacy: what is allowed, KSSL_SUITE_*
 *
 * Return: false too for a suite that the kernel does not have.
 */
bool suites_allowed(const SSL_CIPHER *cipher, unsigned int legacy)
{
	const struct kssl_suite_row *row = row_of(cipher);

	return row && !(row->weak & ~(legacy | KSSL_SUITE_TAG8));
}

static bool is_tls13(const SSL_CIPHER *cipher)
{
	return !strcmp(SSL_CIPHER_get_version(cipher), "TLSv1.3");
}

static void append(char *list, const char *name)
{
	size_t n = strlen(list);

	snprintf(list + n, LIST_MAX - n, "%s%s", n ? ":" : "", name);
}

/* What of the context's suites of a version is allowed, the weaker the later. */
static unsigned int sorted(SSL_CTX *ctx, bool tls13, unsigned int legacy, char *list)
{
	STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(ctx);
	unsigned int weak, seen = 0;
	int i;

	*list = 0;
	for (weak = 0; weak <= (legacy | KSSL_SUITE_TAG8); weak++)
		for (i = 0; i < sk_SSL_CIPHER_num(all); i++) {
			const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(all, i);

			if (is_tls13(cipher) != tls13 || !suites_allowed(cipher, legacy) ||
			    row_of(cipher)->weak != weak)
				continue;
			append(list, SSL_CIPHER_get_name(cipher));
			seen |= weak;
		}
	return seen;
}

/*
 * OpenSSL's security levels know no suite without encryption, and newer versions
 * none with a short tag.  Whoever has named or allowed one wants it; but a lower
 * level would allow weak certificates and groups too, so only these pass.
 */
static int (*level)(const SSL *ssl, const SSL_CTX *ctx, int op, int bits, int nid, void *other,
		    void *ex);

static int security(const SSL *ssl, const SSL_CTX *ctx, int op, int bits, int nid, void *other,
		    void *ex)
{
	const struct kssl_suite_row *row;

	if (op == SSL_SECOP_CIPHER_SUPPORTED || op == SSL_SECOP_CIPHER_SHARED ||
	    op == SSL_SECOP_CIPHER_CHECK) {
		row = row_of(other);
		if (row && row->weak & (KSSL_SUITE_NULL | KSSL_SUITE_TAG8))
			return 1;
	}
	return level(ssl, ctx, op, bits, nid, other, ex);
}

/* One version's suites: as named, then sorted; false after a log line. */
static bool set_version(const struct config *c, SSL_CTX *ctx, bool tls13, unsigned int legacy,
			unsigned int *weak)
{
	int (*set)(SSL_CTX *ctx, const char *list) =
		tls13 ? SSL_CTX_set_ciphersuites : SSL_CTX_set_cipher_list;
	const char *key = tls13 ? "suites" : "suites-1.2";
	const char *named = tls13 ? c->suites13 : c->suites12;
	char list[LIST_MAX];

	if (!named)
		named = tls13 ? ours13 : ours12;
	if (!set(ctx, named)) {
		error("%s: OpenSSL knows none of %s", key, named);
		return false;
	}
	*weak |= sorted(ctx, tls13, legacy, list);
	if (*list && set(ctx, list))
		return true;
	error("%s: no suite is left that kssl has and that \"legacy\" allows", key);
	return false;
}

/**
 * suites_set() - give a context its suites
 * @c: configuration
 * @ctx: context, whose versions are set
 * @legacy: what is allowed, KSSL_SUITE_*
 *
 * Return: false after a log line.
 */
bool suites_set(const struct config *c, SSL_CTX *ctx, unsigned int legacy)
{
	unsigned int weak = 0;

	if (c->max_version >= TLS1_3_VERSION && !set_version(c, ctx, true, legacy, &weak))
		return false;
	if (c->min_version <= TLS1_2_VERSION && !set_version(c, ctx, false, legacy, &weak))
		return false;
	if (weak & (KSSL_SUITE_NULL | KSSL_SUITE_TAG8)) {
		level = SSL_CTX_get_security_callback(ctx);
		SSL_CTX_set_security_callback(ctx, security);
	}
	return true;
}

/*
 * What handshakes cost little with.  The library offers finite fields as well, one of which
 * takes a server seconds.  A star, from OpenSSL 3.5 on, means a key share is sent at once:
 * where the first group is known at all.
 */
static const char *const our_groups[] = {
	"*X25519MLKEM768:*X25519:P-256:P-384", "X25519:P-256:P-384",
};

/**
 * suites_set_groups() - give a context its groups for key exchange
 * @ctx: context
 * @groups: in OpenSSL's form; NULL: ours
 *
 * Return: false if OpenSSL does not know one of them.
 */
bool suites_set_groups(SSL_CTX *ctx, const char *groups)
{
	bool good = groups ? SSL_CTX_set1_groups_list(ctx, groups) == 1 :
			     SSL_CTX_set1_groups_list(ctx, our_groups[0]) == 1 ||
			     SSL_CTX_set1_groups_list(ctx, our_groups[1]) == 1;

	ERR_clear_error();
	return good;
}

/**
 * suites_set_sigalgs() - give a context its signature algorithms
 * @ctx: context
 * @sigalgs: in OpenSSL's form; NULL: leave the library's
 *
 * Return: false if OpenSSL does not know one of them.
 */
bool suites_set_sigalgs(SSL_CTX *ctx, const char *sigalgs)
{
	bool good = !sigalgs || SSL_CTX_set1_sigalgs_list(ctx, sigalgs) == 1;

	ERR_clear_error();
	return good;
}

/**
 * suites_warn() - say what of the configuration has no effect
 * @c: configuration
 */
void suites_warn(const struct config *c)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	STACK_OF(SSL_CIPHER) *all;
	char list[LIST_MAX] = "";
	int i;

	if (c->legacy & KSSL_SUITE_NULL && !(c->legacy & KSSL_SUITE_RSA))
		info("legacy = null: TLS_RSA_WITH_NULL_SHA256 needs rsa-key-transport as well");
	if (ctx && c->suites12 && SSL_CTX_set_cipher_list(ctx, c->suites12)) {
		all = SSL_CTX_get_ciphers(ctx);
		for (i = 0; i < sk_SSL_CIPHER_num(all); i++) {
			const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(all, i);

			if (row_of(cipher) && !suites_allowed(cipher, c->legacy))
				append(list, SSL_CIPHER_get_name(cipher));
		}
	}
	if (*list)
		info("suites-1.2: left out, since \"legacy\" does not allow them: %s", list);
	SSL_CTX_free(ctx);
	ERR_clear_error();
}
