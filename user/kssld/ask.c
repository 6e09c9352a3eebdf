// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * "What would he get?", for ksslctl policy test: the same judgement as for a handshake,
 * of somebody who is only described.
 */
#include "kssld.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

static bool to_user(struct hs_request *req, struct hs_owner *o, const char *value)
{
	struct numbers ids = { 0 };
	const struct passwd *pw;
	int n = GROUPS_MAX;
	bool good = policy_ids(&ids, value, false) && ids.nr == 1;

	req->uid = good ? ids.range->from : 0;
	free(ids.range);
	pw = good ? getpwuid(req->uid) : NULL;
	if (!pw)
		return good;
	o->gid = pw->pw_gid;
	o->nr_groups = getgrouplist(pw->pw_name, pw->pw_gid, o->groups, &n) < 0 ? 0 : (size_t)n;
	return true;
}

/* Instead of the user's own. */
static bool to_groups(struct hs_owner *o, const char *value)
{
	struct numbers ids = { 0 };
	bool good = policy_ids(&ids, value, true) && ids.nr <= GROUPS_MAX;

	o->nr_groups = 0;
	if (good)
		o->gid = ids.range->from;
	while (good && o->nr_groups < ids.nr) {
		o->groups[o->nr_groups] = ids.range[o->nr_groups].from;
		o->nr_groups++;
	}
	free(ids.range);
	return good;
}

static bool to_port(struct hs_request *req, const char *value)
{
	struct numbers ports = { 0 };
	bool good = policy_ports(&ports, value) && ports.nr == 1 &&
		    ports.range->from == ports.range->to;

	req->port = good ? (in_port_t)ports.range->from : 0;
	free(ports.range);
	return good;
}

static bool to_peer_auth(struct hs_request *req, const char *value)
{
	static const char *const words[] = {
		[KSSL_PEER_AUTH_DEFAULT] = "default", [KSSL_PEER_AUTH_NONE] = "none",
		[KSSL_PEER_AUTH_REQUEST] = "request", [KSSL_PEER_AUTH_REQUIRE] = "require",
	};
	uint8_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i], value)) {
			req->peer_auth = i;
			return true;
		}
	return false;
}

static bool copy(char *to, size_t room, const char *value)
{
	return (size_t)snprintf(to, room, "%s", value) < room;
}

static bool set(struct hs_request *req, struct hs_owner *o, const char *key, const char *value)
{
	if (!strcmp(key, "user"))
		return to_user(req, o, value);
	if (!strcmp(key, "group"))
		return to_groups(o, value);
	if (!strcmp(key, "exe"))
		return policy_file(value, o);
	if (!strcmp(key, "cgroup"))
		return *value == '/' && copy(o->cgroup, sizeof(o->cgroup), value);
	if (!strcmp(key, "port"))
		return to_port(req, value);
	if (!strcmp(key, "identity"))
		return copy(req->identity, sizeof(req->identity), value);
	if (!strcmp(key, "peer-auth"))
		return to_peer_auth(req, value);
	if (strcmp(key, "role"))
		return false;
	req->server = !strcmp(value, "server");
	return req->server || !strcmp(value, "client");
}

/* The word that is no good, or NULL. */
static const char *describe(struct hs_request *req, struct hs_owner *o, char *words)
{
	char *word, *value, *group = NULL, *groups = NULL;

	while ((word = strsep(&words, "\t"))) {
		value = strchr(word, '=');
		if (!value)
			return word;
		*value = 0;
		if (!strcmp(word, "group")) {	/* the user's own count only without it */
			group = word;
			groups = value;
			continue;
		}
		if (!set(req, o, word, value + 1)) {
			*value = '=';
			return word;
		}
	}
	if (!groups || set(req, o, group, groups + 1))
		return NULL;
	*groups = '=';
	return group;
}

static const char *peer_word(const struct hs_request *req, int mode)
{
	if (!(mode & SSL_VERIFY_PEER))
		return req->server ? "none" : "unverified";
	if (!req->server)
		return "verified";
	return mode & SSL_VERIFY_FAIL_IF_NO_PEER_CERT ? "require" : "request";
}

/* Without a list in a section, or without one. */
static void put_allowed(const struct config *c, const struct hs_request *req,
			const struct policy *p, FILE *to)
{
	const struct identity *id;
	const char *comma = "";

	fputs("identities\t", to);
	for (id = c->identities; id; id = id->next)
		if (policy_allows(p, id, req->uid)) {
			fprintf(to, "%s%s", comma, id->name);
			comma = ", ";
		}
	fputs(*comma ? "\n" : "none\n", to);
}

static void put_verdict(const struct config *c, const struct hs_request *req,
			const struct verdict *v, FILE *to)
{
	const struct policy *p = v->policy;
	int min = p && p->min_version ? p->min_version : c->min_version;

	put_allowed(c, req, p, to);
	if (v->identity)
		fprintf(to, "identity\t%s\n", v->identity->name);
	fprintf(to, "min-version\t%s\n", min == TLS1_3_VERSION ? "1.3" : "1.2");
	if (p && p->suites13)
		fprintf(to, "suites\t%s\n", p->suites13);
	if (p && p->suites12)
		fprintf(to, "suites-1.2\t%s\n", p->suites12);
	fprintf(to, "%s\t%s\n", req->server ? "client-auth" : "server",
		peer_word(req, policy_verify(c, v, req)));
}

/**
 * ask_policy() - one question and its answer
 * @c: configuration
 * @words: who asks, and for what: "key=value" between tabs; cut up
 * @to: "ok" and lines "key\tvalue"; or "failed" and why the question makes no sense
 */
void ask_policy(const struct config *c, char *words, FILE *to)
{
	struct hs_request req = { .uid = UINT32_MAX };
	struct hs_owner owner = { .gid = UINT32_MAX };
	struct hs_result why = { 0 };
	struct verdict v;
	const char *bad;
	bool yes;

	req.owner = &owner;
	bad = *words ? describe(&req, &owner, words) : "nobody";
	if (bad) {
		fprintf(to, "failed\nno sense in %s\n", bad);
		return;
	}
	yes = policy_judge(c, &req, &v, &why);
	fprintf(to, "ok\nallowed\t%s\n", yes ? "yes" : "no");
	if (!yes)
		fprintf(to, "why\t%s\n", why.text);
	if (v.policy)
		fprintf(to, "policy\t%s\nline\t%d\n", v.policy->name, v.policy->line);
	if (yes)
		put_verdict(c, &req, &v, to);
}
