// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * [policy NAME] of kssld.conf(5): which programs may use which identity, and how.  The
 * first section that is about a program counts.  An identity that no section allows is for
 * root and the owner of its key, whatever the sections are about.  Everything else needs a
 * section as soon as there is one.
 *
 * A program is known by its file, not by a path that it says: it must be the very file
 * that lies at the path here.  That helps against mistakes, not against the user, who
 * can make a program of his do what he likes; so a section that names a program must
 * name users or groups as well.
 */
#include "kssld.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* ---- the section's lines ---- */

/* The next of a comma separated list; *@at goes behind it.  Its length, 0: no more. */
static size_t next_word(const char **at, const char **word)
{
	size_t len;

	*word = *at + strspn(*at, ", \t");
	len = strcspn(*word, ", \t");
	*at = *word + len;
	return len;
}

static bool add_number(struct numbers *n, uint32_t from, uint32_t to)
{
	struct number_range *more = realloc(n->range, (n->nr + 1) * sizeof(*more));

	if (!more)
		return false;
	n->range = more;
	more[n->nr].from = from;
	more[n->nr++].to = to;
	return true;
}

static bool has_number(const struct numbers *n, uint32_t what)
{
	size_t i;

	for (i = 0; i < n->nr; i++)
		if (what >= n->range[i].from && what <= n->range[i].to)
			return true;
	return false;
}

static bool to_u32(const char *word, uint32_t max, uint32_t *to)
{
	char *end;
	unsigned long n = strtoul(word, &end, 10);

	*to = (uint32_t)n;
	return *word >= '0' && *word <= '9' && !*end && n <= max;
}

/* A name or a number; the highest means "no user" to the kernel. */
static bool to_id(const char *word, bool group, uint32_t *id)
{
	const struct passwd *pw;
	const struct group *gr;

	if (to_u32(word, UINT32_MAX - 1, id))
		return true;
	if (group) {
		gr = getgrnam(word);
		*id = gr ? gr->gr_gid : 0;
		return gr;
	}
	pw = getpwnam(word);
	*id = pw ? pw->pw_uid : 0;
	return pw;
}

/**
 * policy_ids() - "www-data, 1000"
 * @to: added to
 * @value: users or groups, by name or number
 * @group: groups
 *
 * Return: false if there is none, or one is not known.
 */
bool policy_ids(struct numbers *to, const char *value, bool group)
{
	const char *word;
	char name[64];
	uint32_t id;
	size_t len;

	while ((len = next_word(&value, &word))) {
		snprintf(name, sizeof(name), "%.*s", (int)len, word);
		if (len >= sizeof(name) || !to_id(name, group, &id) || !add_number(to, id, id))
			return false;
	}
	return to->nr;
}

/**
 * policy_ports() - "443, 8000-8099"
 * @to: added to
 * @value: ports and ranges
 *
 * Return: false if it is not that.
 */
bool policy_ports(struct numbers *to, const char *value)
{
	const char *word;
	char text[16], *dash;
	uint32_t from, last;
	size_t len;

	while ((len = next_word(&value, &word))) {
		snprintf(text, sizeof(text), "%.*s", (int)len, word);
		dash = strchr(text, '-');
		if (dash)
			*dash++ = 0;
		if (len >= sizeof(text) || !to_u32(text, 65535, &from) ||
		    !to_u32(dash ? dash : text, 65535, &last) || !from || last < from ||
		    !add_number(to, from, last))
			return false;
	}
	return to->nr;
}

/* Paths, each from the root. */
static bool are_paths(const char *value)
{
	const char *word;

	while (next_word(&value, &word))
		if (*word != '/')
			return false;
	return true;
}

/**
 * policy_paths() - "/usr/sbin/nginx, /usr/bin/curl"
 * @to: becomes a copy
 * @value: absolute paths
 *
 * Return: false if it is not that.
 */
bool policy_paths(char **to, const char *value)
{
	free(*to);
	*to = *value && are_paths(value) ? strdup(value) : NULL;
	return *to;
}

/**
 * policy_units() - "nginx.service, php*-fpm.service"
 * @to: becomes a copy
 * @value: names of units, or patterns of them
 *
 * Return: false if it is not that.
 */
bool policy_units(char **to, const char *value)
{
	free(*to);
	*to = *value && !strchr(value, '/') ? strdup(value) : NULL;
	return *to;
}

/* ---- when the file is read ---- */

static bool names_known(const struct config *c, const struct policy *p)
{
	const char *at = p->identities ? p->identities : "none", *word;
	char name[64];
	size_t len;

	if (!strcmp(at, "none"))
		return true;
	while ((len = next_word(&at, &word))) {
		snprintf(name, sizeof(name), "%.*s", (int)len, word);
		if (len < sizeof(name) && identity_named(c, name))
			continue;
		error("%s:%d: [policy %s] no identity named %.*s", c->path, p->line, p->name,
		      (int)len, word);
		return false;
	}
	return true;
}

/* Does the section's list allow the identity? */
static bool lists(const struct policy *p, const struct identity *id)
{
	const char *at = p->identities, *word;
	size_t len;

	if (!at)
		return true;
	if (!strcmp(at, "none"))
		return false;
	while ((len = next_word(&at, &word)))
		if (strlen(id->name) == len && !strncmp(word, id->name, len))
			return true;
	return false;
}

static void mark_identities(const struct config *c, const struct policy *p)
{
	struct identity *id;

	for (id = c->identities; id; id = id->next)
		id->has_policy |= lists(p, id);
}

/* An identity that the section allows, and that could verify no client. */
static const struct identity *without_issuers(const struct config *c, const struct policy *p)
{
	const struct identity *id = p->auth ? c->identities : NULL;

	while (id && (id->issuers || !id->credentials || !lists(p, id)))
		id = id->next;
	return id;
}

static bool is_complete(const struct config *c, const struct policy *p)
{
	const struct identity *id = without_issuers(c, p);
	const char *why = NULL;

	if (id) {
		error("%s:%d: [policy %s] client-auth, but identity %s has no client-trust", c->path,
		      p->line, p->name, id->name);
		return false;
	}

	if (p->exe && !p->users.nr && !p->groups.nr)
		why = "exe without user or group keeps nobody out";
	else if (p->min_version && (p->min_version < c->min_version ||
				    p->min_version > c->max_version))
		why = "min-version is outside what [global] allows";
	if (!why)
		return names_known(c, p);
	error("%s:%d: [policy %s] %s", c->path, p->line, p->name, why);
	return false;
}

static const char *or_none(const char *text)
{
	return text ? text : "";
}

/* What a session that is resumed must have in common with the one it comes from. */
static bool make_mark(struct policy *p)
{
	char *text = NULL;
	int n = asprintf(&text, "%d %s %s", p->min_version, or_none(p->suites13),
			 or_none(p->suites12));
	bool good = n >= 0 && EVP_Digest(text, (size_t)n, p->mark, NULL, EVP_sha256(), NULL) == 1;

	if (n >= 0)
		free(text);
	return good;
}

/* The suites that it names, in a context that is good for nothing else. */
static bool load_suites(const struct config *c, struct policy *p)
{
	if (!make_mark(p))
		return false;
	if (!p->suites12 && !p->suites13)
		return true;
	p->only = SSL_CTX_new(TLS_method());
	if (p->only && (!p->suites13 || SSL_CTX_set_ciphersuites(p->only, p->suites13)) &&
	    (!p->suites12 || SSL_CTX_set_cipher_list(p->only, p->suites12)))
		return true;
	error("%s:%d: [policy %s] OpenSSL knows none of its suites", c->path, p->line, p->name);
	return false;
}

/**
 * policy_load() - check the sections and make ready what they name
 * @c: a configuration with all its identities
 *
 * Return: false after a log line.
 */
bool policy_load(const struct config *c)
{
	struct policy *p;

	for (p = c->policies; p; p = p->next) {
		if (!is_complete(c, p) || !load_suites(c, p))
			return false;
		mark_identities(c, p);
	}
	return true;
}

/**
 * policy_free() - all of a configuration's
 * @p: the first, or NULL
 */
void policy_free(struct policy *p)
{
	struct policy *next;

	for (; p; p = next) {
		next = p->next;
		SSL_CTX_free(p->only);
		free(p->users.range);
		free(p->groups.range);
		free(p->ports.range);
		free(p->name);
		free(p->exe);
		free(p->cgroup);
		free(p->unit);
		free(p->identities);
		free(p->suites12);
		free(p->suites13);
		free(p);
	}
}

/* ---- what a section is about ---- */

/**
 * policy_file() - the file at a path, as the kernel names a program
 * @path: path
 * @o: gets it
 *
 * Return: false if there is none.
 */
bool policy_file(const char *path, struct hs_owner *o)
{
	struct statx st;

	if (statx(AT_FDCWD, path, 0, STATX_INO | STATX_BTIME, &st))
		return false;
	o->exe_dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	o->exe_ino = st.stx_ino;
	o->exe_born = st.stx_mask & STATX_BTIME ?
			      (uint64_t)st.stx_btime.tv_sec * 1000000000 + st.stx_btime.tv_nsec : 0;
	return true;
}

/* Looked at each time: a package may have replaced the file. */
static bool runs(const struct hs_owner *o, const char *paths)
{
	struct hs_owner file;
	const char *word;
	char path[4096];
	size_t len;

	while (o->exe_dev && (len = next_word(&paths, &word))) {
		snprintf(path, sizeof(path), "%.*s", (int)len, word);
		if (len < sizeof(path) && policy_file(path, &file) && file.exe_dev == o->exe_dev &&
		    file.exe_ino == o->exe_ino && file.exe_born == o->exe_born)
			return true;
	}
	return false;
}

static bool fits(const char *pattern, size_t len, const char *text, size_t text_len)
{
	char glob[512], name[512];

	return snprintf(glob, sizeof(glob), "%.*s", (int)len, pattern) < (int)sizeof(glob) &&
	       snprintf(name, sizeof(name), "%.*s", (int)text_len, text) < (int)sizeof(name) &&
	       !fnmatch(glob, name, FNM_PATHNAME | FNM_NOESCAPE);
}

/* In one that a pattern fits, or below. */
static bool is_within(const char *cgroup, const char *paths)
{
	bool known = *cgroup;
	const char *word, *end;
	size_t len;

	if (!strcmp(cgroup, "/"))
		cgroup = "";
	while (known && (len = next_word(&paths, &word))) {
		if (word[len - 1] == '/')
			len--;
		for (end = cgroup; ; end += 1 + strcspn(end + 1, "/")) {
			if (fits(word, len, cgroup, (size_t)(end - cgroup)))
				return true;
			if (!*end)
				break;
		}
	}
	return false;
}

/*
 * In a unit of the system's manager: a cgroup below slices alone.  Each user's own manager
 * is below user@UID.service, and the user gives its units any names.
 */
static bool is_of_unit(const char *cgroup, const char *units)
{
	const char *name = cgroup, *word;
	size_t len, name_len;

	do {
		name += *name == '/';
		name_len = strcspn(name, "/");
		if (name_len < 6 || strncmp(name + name_len - 6, ".slice", 6))
			break;
		name += name_len;
	} while (*name);
	while (name_len && (len = next_word(&units, &word)))
		if (fits(word, len, name, name_len))
			return true;
	return false;
}

static bool is_member(const struct hs_owner *o, const struct numbers *groups)
{
	size_t i;

	if (has_number(groups, o->gid))
		return true;
	for (i = 0; i < o->nr_groups; i++)
		if (has_number(groups, o->groups[i]))
			return true;
	return false;
}

static bool is_about(const struct policy *p, const struct hs_request *req)
{
	const struct hs_owner *o = req->owner;

	if (p->role && (p->role == KSSL_ROLE_SERVER) != req->server)
		return false;
	if (p->ports.nr && !(req->server && has_number(&p->ports, req->port)))
		return false;
	return (!p->users.nr || has_number(&p->users, req->uid)) &&
	       (!p->groups.nr || is_member(o, &p->groups)) &&
	       (!p->cgroup || is_within(o->cgroup, p->cgroup)) &&
	       (!p->unit || is_of_unit(o->cgroup, p->unit)) &&
	       (!p->exe || runs(o, p->exe));
}

/* ---- what it allows ---- */

/**
 * policy_allows() - tell whether an identity may be used
 * @p: the section that is about the program, or NULL
 * @id: the identity
 * @uid: the program's user
 *
 * Return: whether it may.
 */
bool policy_allows(const struct policy *p, const struct identity *id, uint32_t uid)
{
	if (p && lists(p, id))
		return true;
	return !id->has_policy && (!uid || (uid == id->owner && uid != IDENTITY_NO_OWNER));
}

static bool refuse(struct hs_result *why, int err, const char *text, const char *name)
{
	why->err = err;
	snprintf(why->text, sizeof(why->text), "%s%s", text, name);
	return false;
}

/* The identity: the one that the program names, or the best for any client. */
static bool judge_identity(const struct config *c, const struct hs_request *req,
			   struct verdict *v, struct hs_result *why)
{
	if (!*req->identity) {
		v->identity = identity_for_host(c, v->policy, req->uid, NULL);
		if (v->identity)
			return true;
		return c->identities ?
			       refuse(why, EACCES, "the policy allows no identity", "") :
			       refuse(why, ENOKEY, "no identity is configured", "");
	}
	v->identity = identity_named(c, req->identity);
	if (!v->identity)
		return (v->policy ? !!v->policy->identities : !!c->policies) ?
			       refuse(why, EACCES, "the policy does not allow identity ",
				      req->identity) :
			       refuse(why, EINVAL, "no identity named ", req->identity);
	if (policy_allows(v->policy, v->identity, req->uid))
		return true;
	return v->identity->has_policy ?
		       refuse(why, EACCES, "the policy does not allow identity ", req->identity) :
		       refuse(why, EACCES, "no [policy] names it, and its key is not the user's: ",
			      req->identity);
}

/**
 * policy_judge() - find what a program gets
 * @c: configuration
 * @req: what is asked for
 * @v: the verdict
 * @why: filled if that is nothing
 *
 * A server without a name of its own may get another identity later, by what the
 * client asks for.
 */
bool policy_judge(const struct config *c, const struct hs_request *req, struct verdict *v,
		  struct hs_result *why)
{
	memset(v, 0, sizeof(*v));
	v->policy = c->policies;
	while (v->policy && !is_about(v->policy, req))
		v->policy = v->policy->next;
	if ((req->server || *req->identity) && !judge_identity(c, req, v, why))
		return false;
	if (c->policies && !v->policy && !v->identity)
		return refuse(why, EACCES, "no policy is about this user and program", "");
	return true;
}

/* ---- refusals, for ksslctl doctor ---- */

static struct {
	pthread_mutex_t lock;
	unsigned long nr;
	uint32_t uid;
	char text[sizeof(((struct hs_result *)NULL)->text)];
} refusals = { .lock = PTHREAD_MUTEX_INITIALIZER };

/**
 * policy_refused() - keep a refusal for ksslctl doctor
 * @req: what was asked for
 * @why: EACCES and why
 */
void policy_refused(const struct hs_request *req, const struct hs_result *why)
{
	pthread_mutex_lock(&refusals.lock);
	refusals.nr++;
	refusals.uid = req->uid;
	strcpy(refusals.text, why->text);
	pthread_mutex_unlock(&refusals.lock);
}

/**
 * policy_put_refused() - print what was refused since the start
 * @to: how many handshakes, then user and reason of the last one, between tabs; or nothing
 */
void policy_put_refused(FILE *to)
{
	pthread_mutex_lock(&refusals.lock);
	if (refusals.nr)
		fprintf(to, "%lu\t%u\t%s\n", refusals.nr, refusals.uid, refusals.text);
	pthread_mutex_unlock(&refusals.lock);
}

static int server_mode(const struct policy *p, const struct identity *id, uint8_t asked)
{
	int auth = id ? (int)id->auth : AUTH_NONE;

	if (p && (int)p->auth > auth)
		auth = (int)p->auth;
	if (asked >= KSSL_PEER_AUTH_REQUEST && asked - KSSL_PEER_AUTH_NONE > auth)
		auth = asked - KSSL_PEER_AUTH_NONE;
	if (auth == AUTH_NONE)
		return SSL_VERIFY_NONE;
	return SSL_VERIFY_PEER | (auth == AUTH_REQUIRE ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
}

/**
 * policy_verify() - how the peer is verified
 * @c: configuration
 * @v: verdict
 * @req: what was asked for
 *
 * A program can only be stricter; but a client may be less so where its section says
 * "relax".
 *
 * Return: SSL_VERIFY_*.
 */
int policy_verify(const struct config *c, const struct verdict *v, const struct hs_request *req)
{
	bool verify = c->verify;

	if (req->server)
		return server_mode(v->policy, v->identity, req->peer_auth);
	if (req->peer_auth == KSSL_PEER_AUTH_REQUIRE)
		verify = true;
	else if (req->peer_auth == KSSL_PEER_AUTH_NONE && v->policy && v->policy->relax)
		verify = false;
	return verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE;
}

/* ---- versions and suites ---- */

#define LIST_MAX 2048

static bool is_tls13(const SSL_CIPHER *cipher)
{
	return !strcmp(SSL_CIPHER_get_version(cipher), "TLSv1.3");
}

static bool names_suite(const struct policy *p, const SSL_CIPHER *cipher)
{
	if (!(is_tls13(cipher) ? p->suites13 : p->suites12))
		return true;
	return sk_SSL_CIPHER_find(SSL_CTX_get_ciphers(p->only), (SSL_CIPHER *)cipher) >= 0;
}

/* What of the context's suites of a version the section names. */
static const char *suites_left(const struct policy *p, const SSL *ssl, bool tls13, char *list)
{
	STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(SSL_get_SSL_CTX(ssl));
	size_t n = 0;
	int i;

	*list = 0;
	for (i = 0; i < sk_SSL_CIPHER_num(all); i++) {
		const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(all, i);

		if (is_tls13(cipher) == tls13 && names_suite(p, cipher) && n < LIST_MAX)
			n += (size_t)snprintf(list + n, LIST_MAX - n, "%s%s", n ? ":" : "",
					      SSL_CIPHER_get_name(cipher));
	}
	return list;
}

/**
 * policy_restrict() - a connection uses no more than its section allows
 * @p: section or NULL
 * @ssl: connection, with the context that it stays with
 *
 * A version without suites is none.  Return: false if nothing is left, or no memory.
 */
bool policy_restrict(const struct policy *p, SSL *ssl)
{
	long min = SSL_CTX_get_min_proto_version(SSL_get_SSL_CTX(ssl));
	long max = SSL_CTX_get_max_proto_version(SSL_get_SSL_CTX(ssl));
	char list[LIST_MAX];

	if (!p)
		return true;
	if (p->min_version > min)
		min = p->min_version;
	if (p->only && max == TLS1_3_VERSION) {
		if (!*suites_left(p, ssl, true, list))
			max = TLS1_2_VERSION;
		else if (!SSL_set_ciphersuites(ssl, list))
			return false;
	}
	if (p->only && min == TLS1_2_VERSION) {
		if (!*suites_left(p, ssl, false, list))
			min = TLS1_3_VERSION;
		else if (!SSL_set_cipher_list(ssl, list))
			return false;
	}
	return min <= max && SSL_set_min_proto_version(ssl, (int)min) &&
	       SSL_set_max_proto_version(ssl, (int)max);
}

/**
 * policy_kept() - is the session one that the section allows?
 * @p: section or NULL
 * @ssl: a finished handshake
 */
bool policy_kept(const struct policy *p, const SSL *ssl)
{
	return !p || (SSL_version(ssl) >= p->min_version &&
		      names_suite(p, SSL_get_current_cipher(ssl)));
}
