// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kssld.conf(5): an INI file (ini.c).  A key that is not known, or comes twice, is an
 * error with its line, so that a misspelled restriction does not go unnoticed.
 */
#include "kssld.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define CONTROL "/run/kssl/kssld.sock"
#define ALPN_LIST_MAX 256
#define NAME_LEN_MAX 63		/* of an identity: KSSL_IDENTITY */

static bool to_string(char **to, const char *value)
{
	free(*to);
	*to = strdup(value);
	return *to;
}

/* The name of a file that is read along with this one. */
static bool to_file(const struct config *c, struct file_name *to, const char *value)
{
	watch_add(c->watch, value);
	to->line = c->line;
	return to_string(&to->path, value);
}

static bool to_bool(bool *to, const char *value)
{
	bool yes = !strcasecmp(value, "yes") || !strcasecmp(value, "true") || !strcmp(value, "1");
	bool no = !strcasecmp(value, "no") || !strcasecmp(value, "false") || !strcmp(value, "0");

	*to = yes;
	return yes || no;
}

static bool to_number(int *to, const char *value, int min, int max)
{
	char *end;
	long n = strtol(value, &end, 10);

	*to = (int)n;
	return *value && !*end && n >= min && n <= max;
}

static bool to_version(int *to, const char *value)
{
	if (!strcmp(value, "1.2"))
		*to = TLS1_2_VERSION;
	else if (!strcmp(value, "1.3"))
		*to = TLS1_3_VERSION;
	else
		return false;
	return true;
}

static bool to_level(enum level *to, const char *value)
{
	if (!strcmp(value, "error"))
		*to = LOG_LEVEL_ERROR;
	else if (!strcmp(value, "info"))
		*to = LOG_LEVEL_INFO;
	else if (!strcmp(value, "debug"))
		*to = LOG_LEVEL_DEBUG;
	else
		return false;
	return true;
}

static bool to_auth(enum client_auth *to, const char *value)
{
	if (!strcmp(value, "none"))
		*to = AUTH_NONE;
	else if (!strcmp(value, "request"))
		*to = AUTH_REQUEST;
	else if (!strcmp(value, "require"))
		*to = AUTH_REQUIRE;
	else
		return false;
	return true;
}

/* "cbc, rsa-key-transport", or "none". */
static bool to_legacy(unsigned int *to, bool *set, const char *value)
{
	*to = 0;
	*set = true;
	if (!strcmp(value, "none"))
		return true;
	while (*value) {
		size_t len = strcspn(value, ", ");
		unsigned int one = suites_legacy(value, len);

		if (!one)
			return false;
		*to |= one;
		value += len;
		value += strspn(value, ", ");
	}
	return *to;
}

/* "P-256, P-384" as OpenSSL has it, if it knows them all. */
static bool to_known(char **to, const char *value, bool (*set)(SSL_CTX *ctx, const char *list))
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	size_t n = 0, len;
	bool good;

	free(*to);
	*to = calloc(1, strlen(value) + 1);
	for (; *to && *(value += strspn(value, ",: \t")); value += len) {
		len = strcspn(value, ",: \t");
		n += (size_t)sprintf(*to + n, "%s%.*s", n ? ":" : "", (int)len, value);
	}
	good = n && ctx && set(ctx, *to);
	SSL_CTX_free(ctx);
	return good;
}

static bool to_crl_check(enum crl_check *to, const char *value)
{
	bool all;

	if (!strcmp(value, "known")) {
		*to = CRL_KNOWN;
		return true;
	}
	if (!to_bool(&all, value))
		return false;
	*to = all ? CRL_ALL : CRL_NO;
	return true;
}

/*
 * The credential that a line "cert" or "key" is about: the last one, or the next if that
 * has such a line.
 */
static struct file_name *credential_file(struct identity *id, bool key)
{
	struct credential **p = &id->credentials, *last = NULL;

	for (; *p; p = &(*p)->next)
		last = *p;
	if (!last || (key ? last->key_file.path : last->cert_file.path)) {
		*p = calloc(1, sizeof(**p));
		last = *p;
	}
	return !last ? NULL : key ? &last->key_file : &last->cert_file;
}

static bool to_credential(const struct config *c, struct identity *id, bool key,
			  const char *value)
{
	struct file_name *file = credential_file(id, key);

	return file && to_file(c, file, value);
}

static bool to_staple(const struct config *c, struct identity *id, const char *value)
{
	struct staple **p = &id->staples;

	while (*p)
		p = &(*p)->next;
	*p = calloc(1, sizeof(**p));
	return *p && to_file(c, &(*p)->file, value);
}

static bool to_issuers(const struct config *c, struct identity *id, const char *value)
{
	struct issuers **p = &id->issuers;

	while (*p)
		p = &(*p)->next;
	*p = calloc(1, sizeof(**p));
	return *p && to_file(c, &(*p)->file, value);
}

/* Host names and wildcards, as they are compared; with @uris what has a colon as it is. */
static bool to_names(char **to, const char *value, bool uris)
{
	size_t n = 0, len, room = 2 * strlen(value) + 1;
	char name[NAME_ROOM];

	free(*to);
	*to = calloc(1, room);
	while (*to && *(value += strspn(value, ", \t"))) {
		len = strcspn(value, ", \t");
		if (n)
			(*to)[n++] = ',';
		if (uris && memchr(value, ':', len))
			n += (size_t)snprintf(*to + n, room - n, "%.*s", (int)len, value);
		else if (name_pattern(value, len, name))
			n += (size_t)snprintf(*to + n, room - n, "%s", name);
		else
			return false;
		value += len;
	}
	return n;
}

/* "h2, http/1.1" without the blanks, which would belong to a protocol's name. */
static bool to_alpn(char **to, const char *value)
{
	size_t n = 0, len;

	free(*to);
	*to = calloc(1, strlen(value) + 1);
	while (*to && *(value += strspn(value, " \t"))) {
		len = strcspn(value, ", \t");
		if (!len || len > 255)
			return false;
		n += (size_t)sprintf(*to + n, "%s%.*s", n ? "," : "", (int)len, value);
		value += len + strspn(value + len, " \t");
		if (*value && *value++ != ',')
			return false;
	}
	return n && n < ALPN_LIST_MAX;
}

static bool to_role(uint8_t *to, const char *value)
{
	if (!strcmp(value, "client"))
		*to = KSSL_ROLE_CLIENT;
	else if (!strcmp(value, "server"))
		*to = KSSL_ROLE_SERVER;
	else
		return false;
	return true;
}

enum outcome { GOOD, BAD_VALUE, UNKNOWN, REPEATED };

#define IS(name_) (!strcmp(key, name_))
#define RESULT(ok_) ((ok_) ? GOOD : BAD_VALUE)

static enum outcome set_global(struct config *c, const char *key, const char *value)
{
	bool set;

	if (IS("workers"))
		return RESULT(to_number(&c->workers, value, 1, 256));
	if (IS("capacity"))
		return RESULT(to_number(&c->capacity, value, 1, 32767));
	if (IS("keylog"))
		return RESULT(to_string(&c->keylog, value));
	if (IS("netns"))
		return RESULT(to_string(&c->netns, value));
	if (IS("user"))
		return RESULT(to_string(&c->user, value));
	if (IS("provider"))
		return RESULT(to_string(&c->providers, value));
	if (IS("suites"))
		return RESULT(to_string(&c->suites13, value));
	if (IS("suites-1.2"))
		return RESULT(to_string(&c->suites12, value));
	if (IS("groups"))
		return RESULT(to_known(&c->groups, value, suites_set_groups));
	if (IS("signature-algorithms"))
		return RESULT(to_known(&c->sigalgs, value, suites_set_sigalgs));
	if (IS("min-version"))
		return RESULT(to_version(&c->min_version, value));
	if (IS("max-version"))
		return RESULT(to_version(&c->max_version, value));
	if (IS("legacy"))
		return RESULT(to_legacy(&c->legacy, &set, value));
	if (IS("watch"))
		return RESULT(to_number(&c->watch_seconds, value, 0, 86400));
	if (IS("expiry-days"))
		return RESULT(to_number(&c->expiry_days, value, 0, 3650));
	if (IS("control")) {
		c->control_set = true;
		return RESULT(to_string(&c->control, value));
	}
	if (IS("log"))
		return RESULT(to_level(&c->log, value));
	return UNKNOWN;
}

static enum outcome set_trust(struct config *c, const char *key, const char *value)
{
	if (IS("file"))
		return RESULT(to_file(c, &c->trust_file, value));
	if (IS("dir"))
		return RESULT(to_file(c, &c->trust_dir, value));
	if (IS("crl"))
		return RESULT(to_file(c, &c->crl, value));
	if (IS("crl-check"))
		return RESULT(to_crl_check(&c->crl_check, value));
	if (IS("system"))
		return RESULT(to_bool(&c->trust_system, value));
	return UNKNOWN;
}

static enum outcome set_client(struct config *c, const char *key, const char *value)
{
	if (IS("verify"))
		return RESULT(to_bool(&c->verify, value));
	if (IS("legacy"))
		return RESULT(to_legacy(&c->client_legacy, &c->client_legacy_set, value));
	if (IS("resume"))
		return RESULT(to_bool(&c->resume, value));
	if (IS("resume-cache"))
		return RESULT(to_number(&c->resume_cache, value, 1, 1000000));
	return UNKNOWN;
}

static enum outcome set_server(struct config *c, const char *key, const char *value)
{
	if (IS("address-rate"))
		return RESULT(to_number(&c->rates[RATE_HANDSHAKES].events, value, 0, 100000));
	if (IS("address-burst"))
		return RESULT(to_number(&c->rates[RATE_HANDSHAKES].burst, value, 1, 100000));
	if (IS("address-failures"))
		return RESULT(to_number(&c->rates[RATE_FAILURES].events, value, 0, 100000));
	if (IS("tickets"))
		return RESULT(to_bool(&c->tickets, value));
	if (IS("ticket-keys"))
		return RESULT(to_file(c, &c->ticket_file, value));
	if (IS("ticket-lifetime"))
		return RESULT(to_number(&c->ticket_lifetime, value, 1, 86400));
	return UNKNOWN;
}

static enum outcome set_identity(struct config *c, const char *key, const char *value)
{
	struct identity *id = c->section.identity;

	if (IS("cert"))
		return RESULT(to_credential(c, id, false, value));
	if (IS("key"))
		return RESULT(to_credential(c, id, true, value));
	if (IS("psk-file"))
		return RESULT(to_file(c, &id->psk_file, value));
	if (IS("staple"))
		return RESULT(to_staple(c, id, value));
	if (IS("pass-file"))
		return RESULT(to_file(c, &id->pass_file, value));
	if (IS("names"))
		return RESULT(to_names(&id->names, value, false));
	if (IS("alpn"))
		return RESULT(to_alpn(&id->alpn, value));
	if (IS("client-auth")) {
		id->auth_line = c->line;
		return RESULT(to_auth(&id->auth, value));
	}
	if (IS("client-trust"))
		return RESULT(to_issuers(c, id, value));
	if (IS("client-names"))
		return RESULT(to_names(&id->client_names, value, true));
	if (IS("legacy"))
		return RESULT(to_legacy(&id->legacy, &id->legacy_set, value));
	if (IS("default"))
		return RESULT(to_bool(&id->is_default, value));
	return UNKNOWN;
}

static enum outcome set_policy(struct config *c, const char *key, const char *value)
{
	struct policy *p = c->section.policy;

	if (IS("user"))
		return RESULT(policy_ids(&p->users, value, false));
	if (IS("group"))
		return RESULT(policy_ids(&p->groups, value, true));
	if (IS("exe"))
		return RESULT(policy_paths(&p->exe, value));
	if (IS("cgroup"))
		return RESULT(policy_paths(&p->cgroup, value));
	if (IS("unit"))
		return RESULT(policy_units(&p->unit, value));
	if (IS("port"))
		return RESULT(policy_ports(&p->ports, value));
	if (IS("role"))
		return RESULT(to_role(&p->role, value));
	if (IS("identities"))
		return RESULT(*value && to_string(&p->identities, value));
	if (IS("min-version"))
		return RESULT(to_version(&p->min_version, value));
	if (IS("suites"))
		return RESULT(to_string(&p->suites13, value));
	if (IS("suites-1.2"))
		return RESULT(to_string(&p->suites12, value));
	if (IS("client-auth"))
		return RESULT(to_auth(&p->auth, value));
	if (IS("relax"))
		return RESULT(to_bool(&p->relax, value));
	return UNKNOWN;
}

/* ---- sections ---- */

/* The sections of a kind have names; their order counts. */
static bool identity_section(struct config *c, const char *name)
{
	struct identity **p = &c->identities;

	while (*p)
		p = &(*p)->next;
	*p = calloc(1, sizeof(**p));
	if (!*p)
		return false;
	(*p)->line = c->line;
	(*p)->name = strdup(name);
	c->section.identity = *p;
	return (*p)->name;
}

static bool policy_section(struct config *c, const char *name)
{
	struct policy **p = &c->policies;

	while (*p)
		p = &(*p)->next;
	*p = calloc(1, sizeof(**p));
	if (!*p)
		return false;
	(*p)->line = c->line;
	(*p)->name = strdup(name);
	c->section.policy = *p;
	return (*p)->name;
}

static const struct {
	const char *name;
	enum outcome (*set)(struct config *c, const char *key, const char *value);
	bool (*begin)(struct config *c, const char *name);	/* NULL: there is one */
} sections[] = {
	{ "global", set_global, NULL },
	{ "trust", set_trust, NULL },
	{ "client", set_client, NULL },
	{ "server", set_server, NULL },
	{ "identity", set_identity, identity_section },
	{ "policy", set_policy, policy_section },
};

#define NR_SECTIONS (sizeof(sections) / sizeof(sections[0]))

/* Keys and sections that are there, each with its line. */
struct seen {
	struct seen *next;
	int line;
	char what[];
};

static bool problem(struct config *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool problem(struct config *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->problem, sizeof(c->problem), fmt, ap);
	va_end(ap);
	return false;
}

static void forget_seen(struct seen **list)
{
	struct seen *s;

	while ((s = *list)) {
		*list = s->next;
		free(s);
	}
}

static bool is_first(struct config *c, struct seen **list, const char *what)
{
	struct seen *s = *list;

	while (s && strcmp(s->what, what))
		s = s->next;
	if (s)
		return problem(c, "%.100s is in line %d already", what, s->line);
	s = malloc(sizeof(*s) + strlen(what) + 1);
	if (!s)
		return problem(c, "out of memory");
	s->line = c->line;
	strcpy(s->what, what);
	s->next = *list;
	*list = s;
	return true;
}

/* Those of which an identity has several. */
static bool may_repeat(const struct config *c, const char *key)
{
	return c->section.identity && (IS("cert") || IS("key") || IS("staple") ||
					IS("client-trust"));
}

static bool on_section(struct config *c, const char *name)
{
	const char *own = strchr(name, ' ');
	size_t len = own ? (size_t)(own - name) : strlen(name), i;

	own = own ? own + 1 : NULL;
	for (i = 0; i < NR_SECTIONS; i++)
		if (strlen(sections[i].name) == len && !strncmp(name, sections[i].name, len) &&
		    !own == !sections[i].begin && (!own || (*own && strlen(own) <= NAME_LEN_MAX)))
			break;
	if (i == NR_SECTIONS)
		return problem(c, "unknown section [%.100s]", name);
	forget_seen(&c->section.keys);
	if (!is_first(c, &c->section.names, name))
		return false;
	c->section.identity = NULL;
	c->section.policy = NULL;
	c->section.kind = (int)i;
	return !own || sections[i].begin(c, own) || problem(c, "out of memory");
}

static bool on_key(struct config *c, const char *key, const char *value)
{
	if (!key)
		return on_section(c, value);
	if (c->section.kind < 0)
		return problem(c, "%.64s is in no section", key);
	switch (may_repeat(c, key) || is_first(c, &c->section.keys, key) ?
		sections[c->section.kind].set(c, key, value) : REPEATED) {
	case GOOD:
		return true;
	case BAD_VALUE:
		return *c->problem ? false : problem(c, "bad value for %.64s: %.100s", key, value);
	case UNKNOWN:
		return problem(c, "unknown key %.64s in [%s]", key, c->section.names->what);
	default:
		return false;
	}
}

static struct config *defaults(void)
{
	struct config *c = calloc(1, sizeof(*c));
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (!c)
		return NULL;
	atomic_init(&c->refs, 1);
	c->section.kind = -1;
	c->workers = cpus > 0 && cpus < 256 ? (int)cpus : 1;
	c->capacity = 512;
	c->min_version = TLS1_2_VERSION;
	c->max_version = TLS1_3_VERSION;
	c->log = LOG_LEVEL_INFO;
	c->watch_seconds = 10;
	c->expiry_days = 14;
	c->trust_system = true;
	c->verify = true;
	c->resume = true;
	c->resume_cache = 1000;
	c->rates[RATE_HANDSHAKES] = (struct rate_limit){ .seconds = 1 };
	c->rates[RATE_FAILURES] = (struct rate_limit){ .seconds = 60 };
	c->tickets = true;
	c->ticket_lifetime = 7200;
	return c;
}

/* Nobody is allowed what [global] does not allow; who says nothing gets that. */
static bool inherit_legacy(const struct config *c, unsigned int *legacy, bool set,
			   const char *path, const char *who)
{
	char names[64];

	if (!set)
		*legacy = c->legacy;
	if (!(*legacy & ~c->legacy))
		return true;
	error("%s: %s: legacy: %s is not allowed in [global]", path, who,
	      suites_legacy_names(*legacy & ~c->legacy, names, sizeof(names)));
	return false;
}

static bool has_certificates(const char *path, const struct identity *id)
{
	const struct credential *cred = id->credentials;

	if (!cred && !id->psk_file.path)
		error("%s:%d: [identity %s] needs a cert or a psk-file", path, id->line, id->name);
	for (; cred; cred = cred->next)
		if (!cred->cert_file.path) {
			error("%s:%d: %s: a key without a cert", path, cred->key_file.line,
			      cred->key_file.path);
			return false;
		}
	return id->credentials || id->psk_file.path;
}

/* Clients with pre-shared keys show no certificate. */
static bool knows_clients(const char *path, const struct identity *id)
{
	if (!id->credentials || id->issuers || (!id->auth && !id->client_names))
		return true;
	error("%s:%d: [identity %s] needs client-trust, issuers of its clients' certificates", path,
	      id->auth_line ? id->auth_line : id->line, id->name);
	return false;
}

/* Ten seconds' worth of handshakes, a minute's of failures. */
static void settle_rates(struct rate_limit *rates)
{
	if (!rates[RATE_HANDSHAKES].burst)
		rates[RATE_HANDSHAKES].burst = 10 * rates[RATE_HANDSHAKES].events;
	rates[RATE_FAILURES].burst = rates[RATE_FAILURES].events;
}

/* Rules that no single line can break. */
static bool complete(const char *path, struct config *c)
{
	struct identity *id;
	char who[80];

	if (!inherit_legacy(c, &c->client_legacy, c->client_legacy_set, path, "[client]"))
		return false;
	for (id = c->identities; id; id = id->next) {
		snprintf(who, sizeof(who), "[identity %s]", id->name);
		if (!has_certificates(path, id) || !knows_clients(path, id))
			return false;
		if (!inherit_legacy(c, &id->legacy, id->legacy_set, path, who))
			return false;
	}
	trust_watch(c);
	settle_rates(c->rates);
	if (c->min_version > c->max_version) {
		error("%s: min-version is above max-version", path);
		return false;
	}
	return true;
}

/**
 * config_read() - read and check a configuration file
 * @path: file
 * @must_exist: false: a missing file means all defaults
 * @watch: takes its name and those of the files that it names
 *
 * Return: the configuration, or NULL after a log line with file and line.
 */
struct config *config_read(const char *path, bool must_exist, struct watch *watch)
{
	struct config *c = defaults();
	bool good;

	watch_add(watch, path);
	if (!c || !to_string(&c->path, path) || !to_string(&c->control, CONTROL))
		goto bad;
	c->watch = watch;
	if (access(path, F_OK) && !must_exist)
		return c;
	good = ini_read(c, on_key);
	forget_seen(&c->section.keys);
	forget_seen(&c->section.names);
	if (!good && c->line)
		error("%s:%d: %s", path, c->line, c->problem);
	else if (!good)
		error("%s: %s", path, c->problem);
	if (good && complete(path, c))
		return c;
bad:
	config_put(c);
	return NULL;
}

static void identity_free(struct identity *id)
{
	struct credential *cred;
	struct issuers *i;
	struct staple *s;

	SSL_CTX_free(id->server);
	SSL_CTX_free(id->client);
	while ((cred = id->credentials)) {
		id->credentials = cred->next;
		credential_free(cred);
	}
	while ((s = id->staples)) {
		id->staples = s->next;
		staple_free(s);
	}
	while ((i = id->issuers)) {
		id->issuers = i->next;
		free(i->file.path);
		free(i);
	}
	psk_free(id->psks);
	free(id->client_names);
	free(id->psk_file.path);
	free(id->pass_file.path);
	free(id->name);
	free(id->names);
	free(id->alpn);
	free(id);
}

static void config_free(struct config *c)
{
	struct identity *id, *next;

	for (id = c->identities; id; id = next) {
		next = id->next;
		identity_free(id);
	}
	policy_free(c->policies);
	SSL_CTX_free(c->anonymous);
	resume_free(c->sessions);
	free(c->path);
	free(c->control);
	free(c->keylog);
	free(c->netns);
	free(c->user);
	free(c->providers);
	free(c->suites12);
	free(c->suites13);
	free(c->groups);
	free(c->sigalgs);
	free(c->trust_file.path);
	free(c->trust_dir.path);
	free(c->crl.path);
	free(c->ticket_file.path);
	OPENSSL_cleanse(&c->ticket_keys, sizeof(c->ticket_keys));
	free(c);
}

/**
 * config_bad_file() - one log line: where a file is named, which, and what is wrong
 * @c: configuration
 * @file: named in it
 * @why: what is wrong with it
 */
void config_bad_file(const struct config *c, const struct file_name *file, const char *why)
{
	error("%s:%d: %s: %s", c->path, file->line, file->path, why);
}

/**
 * config_get() - one more user
 * @c: the configuration
 *
 * Return: @c, until config_put().
 */
struct config *config_get(struct config *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

/**
 * config_put() - one user less
 * @c: may be NULL; freed with its last user
 */
void config_put(struct config *c)
{
	if (c && atomic_fetch_sub(&c->refs, 1) == 1)
		config_free(c);
}
