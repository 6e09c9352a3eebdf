// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kssld.conf(5): an INI file.  A key that is not known is an error with its
 * line, so that a misspelled restriction does not go unnoticed.
 */
#include "kssld.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define CONTROL "/run/kssl/kssld.sock"

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

enum outcome { GOOD, BAD_VALUE, UNKNOWN };

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

static enum outcome set_identity(const struct config *c, struct identity *id, const char *key,
				 const char *value)
{
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
		return RESULT(to_string(&id->names, value));
	if (IS("alpn"))
		return RESULT(to_string(&id->alpn, value));
	if (IS("client-auth"))
		return RESULT(to_auth(&id->auth, value));
	if (IS("legacy"))
		return RESULT(to_legacy(&id->legacy, &id->legacy_set, value));
	if (IS("default"))
		return RESULT(to_bool(&id->is_default, value));
	return UNKNOWN;
}

/* The identity of a section, made when it is first seen. */
static struct identity *identity_section(struct config *c, const char *name)
{
	struct identity **p = &c->identities;

	for (; *p; p = &(*p)->next)
		if (!strcmp((*p)->name, name))
			return *p;
	*p = calloc(1, sizeof(**p));
	if (!*p)
		return NULL;
	(*p)->name = strdup(name);
	(*p)->line = c->line;
	return *p;
}

static enum outcome set_policy(struct policy *p, const char *key, const char *value)
{
	if (IS("user"))
		return RESULT(policy_ids(&p->users, value, false));
	if (IS("group"))
		return RESULT(policy_ids(&p->groups, value, true));
	if (IS("exe"))
		return RESULT(policy_paths(&p->exe, value));
	if (IS("cgroup"))
		return RESULT(policy_paths(&p->cgroup, value));
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

/* As above. */
static struct policy *policy_section(struct config *c, const char *name)
{
	struct policy **p = &c->policies;

	for (; *p; p = &(*p)->next)
		if (!strcmp((*p)->name, name))
			return *p;
	*p = calloc(1, sizeof(**p));
	if (!*p)
		return NULL;
	(*p)->name = strdup(name);
	(*p)->line = c->line;
	return *p;
}

/* "www" of "identity www"; NULL: the section is of another kind, or the name no good. */
static const char *name_in(const char *section, const char *kind)
{
	size_t len = strlen(kind);

	if (strncmp(section, kind, len) || section[len] != ' ')
		return NULL;
	section += len + 1;
	return *section && strlen(section) <= 63 ? section : NULL;
}

static enum outcome set(struct config *c, const char *section, const char *key, const char *value)
{
	struct identity *id;
	struct policy *p;

	if (!strcmp(section, "global"))
		return set_global(c, key, value);
	if (!strcmp(section, "trust"))
		return set_trust(c, key, value);
	if (!strcmp(section, "server"))
		return set_server(c, key, value);
	if (!strcmp(section, "client"))
		return set_client(c, key, value);
	if (name_in(section, "policy")) {
		p = policy_section(c, name_in(section, "policy"));
		return p ? set_policy(p, key, value) : BAD_VALUE;
	}
	if (!name_in(section, "identity"))
		return UNKNOWN;
	id = identity_section(c, name_in(section, "identity"));
	return id ? set_identity(c, id, key, value) : BAD_VALUE;
}

static int on_line(void *user, const char *section, const char *key, const char *value)
{
	struct config *c = user;

	switch (set(c, section, key, value)) {
	case GOOD:
		return 1;
	case BAD_VALUE:
		if (!*c->problem)
			snprintf(c->problem, sizeof(c->problem), "bad value for %.64s: %.100s",
				 key, value);
		return 0;
	default:
		if (!*c->problem)
			snprintf(c->problem, sizeof(c->problem), "unknown key %.64s in [%.100s]",
				 key, section);
		return 0;
	}
}

static struct config *defaults(void)
{
	struct config *c = calloc(1, sizeof(*c));
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (!c)
		return NULL;
	atomic_init(&c->refs, 1);
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

struct source {
	struct config *config;
	FILE *file;
};

/* As fgets(), one line a call; counts them, for what is found wrong afterwards. */
static char *next_line(char *buf, int room, void *arg)
{
	struct source *s = arg;

	s->config->line++;
	return fgets(buf, room, s->file);
}

/* 0, the line of an error, or -1 with errno. */
static int parse(struct config *c)
{
	struct source s = { c, fopen(c->path, "re") };
	int line;

	if (!s.file)
		return -1;
	line = ini_parse_stream(next_line, &s, on_line, c);
	fclose(s.file);
	return line;
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
		if (!has_certificates(path, id))
			return false;
		if (!inherit_legacy(c, &id->legacy, id->legacy_set, path, who))
			return false;
	}
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
	int line;

	watch_add(watch, path);
	if (!c || !to_string(&c->path, path) || !to_string(&c->control, CONTROL))
		goto bad;
	c->watch = watch;
	if (access(path, F_OK) && !must_exist)
		return c;
	line = parse(c);
	if (line < 0)
		error("%s: %s", path, strerror(errno));
	else if (line)
		error("%s:%d: %s", path, line, *c->problem ? c->problem : "syntax error");
	if (!line && complete(path, c))
		return c;
bad:
	config_put(c);
	return NULL;
}

static void identity_free(struct identity *id)
{
	struct credential *cred;
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
	psk_free(id->psks);
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
