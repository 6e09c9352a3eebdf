// SPDX-License-Identifier: GPL-2.0-or-later
// SOURCES: user/kssld/*.c user/lib/suite.c
// LIBS: libnl-genl-3.0 libssl libcrypto libevent_core libcap-ng
// CFLAGS: -Dmain=kssld_main -Iuser/kssld
/* user/kssld/policy.c: a configuration and its verdicts; all that needs no kernel. */
#include "../../user/kssld/kssld.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#undef main

static char dir[] = "/tmp/kssl-policy-XXXXXX";
static char path[3][64];	/* cert, key, conf */
static uint32_t owner;
static int count, bad;

static void ok(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++count, name);
	bad |= !good;
}

static FILE *create(int which)
{
	FILE *f = fopen(path[which], "w");

	if (!f)
		exit(1);
	chmod(path[which], 0600);
	return f;
}

static void make_files(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	FILE *f;

	snprintf(path[0], sizeof(path[0]), "%s/cert", dir);
	snprintf(path[1], sizeof(path[1]), "%s/key", dir);
	snprintf(path[2], sizeof(path[2]), "%s/conf", dir);
	X509_set_version(x, 2);
	X509_gmtime_adj(X509_getm_notBefore(x), -86400);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400L * 30);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
				   (const uint8_t *)"test", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_set_pubkey(x, key);
	X509_sign(x, key, EVP_sha256());
	f = create(0);
	PEM_write_X509(f, x);
	fclose(f);
	f = create(1);
	PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	owner = chown(path[1], 1001, 1001) ? geteuid() : 1001;
	X509_free(x);
	EVP_PKEY_free(key);
}

/* Two identities, a and b, and what is said; NULL: refused. */
static struct config *config(const char *said)
{
	FILE *f = create(2);
	struct config *c;

	fprintf(f, "[trust]\nsystem = no\n[identity a]\ncert = %s\nkey = %s\n"
		   "[identity b]\ncert = %s\nkey = %s\n%s", path[0], path[1], path[0], path[1], said);
	fclose(f);
	c = config_read(path[2], true, NULL);
	if (c && !identity_load(c))
		return c;
	config_put(c);
	return NULL;
}

/* What a user gets, as a server if @identity is NULL; errno. */
static int verdict(const struct config *c, uint32_t uid, bool server, const char *identity,
		   const char *cgroup)
{
	struct hs_request req = { .uid = uid, .server = server, .port = 443 };
	struct hs_owner o = { .gid = uid };
	struct hs_result why = { 0 };
	struct verdict v;

	snprintf(req.identity, sizeof(req.identity), "%s", identity);
	snprintf(o.cgroup, sizeof(o.cgroup), "%s", cgroup);
	req.owner = &o;
	return policy_judge(c, &req, &v, &why) ? 0 : why.err;
}

static void without_policy(void)
{
	struct config *c = config("");

	ok(verdict(c, 0, true, "", "") == 0, "no policy: root serves");
	ok(verdict(c, owner, true, "a", "") == 0, "the owner of the key serves");
	ok(verdict(c, 4711, true, "", "") == EACCES, "another user does not");
	ok(verdict(c, 4711, true, "a", "") == EACCES, "nor by the name");
	ok(verdict(c, UINT32_MAX, true, "a", "") == EACCES, "nor one who is not known");
	ok(verdict(c, 4711, false, "a", "") == EACCES, "nor as a client with the identity");
	ok(verdict(c, 4711, false, "", "") == 0, "another user is served as a client without an identity");
	ok(verdict(c, 4711, true, "c", "") == EINVAL, "an identity that is none");
	config_put(c);
	c = config("[policy everybody]\n");
	ok(verdict(c, 4711, true, "", "") == 0 && verdict(c, 4711, false, "b", "") == 0,
	   "and one line opens all of it");
	config_put(c);
}

static void with_policy(void)
{
	struct config *c = config("[policy p]\nuser = 2000\nidentities = b\n");

	ok(verdict(c, 2000, true, "", "") == 0, "a policy: the user that it is about serves");
	ok(verdict(c, 2000, true, "b", "") == 0, "as the identity that it names");
	ok(verdict(c, 2000, true, "a", "") == EACCES, "not as another");
	ok(verdict(c, 4711, true, "b", "") == EACCES, "others do not");
	ok(verdict(c, 4711, false, "", "") == EACCES, "and are no clients");
	ok(verdict(c, 0, true, "b", "") == EACCES, "nor root, with what is another's by policy");
	ok(verdict(c, 0, true, "a", "") == 0, "root, with an identity without an owner");
	ok(verdict(c, owner, true, "a", "") == 0, "the owner, too");
	config_put(c);
}

static const struct {
	const char *section;
	const char *cgroup;
	bool about;
} cgroups[] = {
	{ "unit = www.service", "/system.slice/www.service", true },
	{ "unit = www.service", "/system.slice/www.service/worker", true },
	{ "unit = www.service", "/system.slice/system-www.slice/www.service", true },
	{ "unit = www@*.service", "/system.slice/system-www.slice/www@7.service", true },
	{ "unit = a.service, w??.service", "/system.slice/www.service", true },
	{ "unit = www.service", "/system.slice/www.service2", false },
	{ "unit = www.service", "/system.slice/xwww.service", false },
	{ "unit = www.service", "/system.slice/other.service/www.service", false },
	{ "unit = www.service",
	  "/user.slice/user-1000.slice/user@1000.service/app.slice/www.service", false },
	{ "unit = *", "", false },
	{ "unit = www.service", "/", false },
	{ "cgroup = /system.slice/www.service", "/system.slice/www.service", true },
	{ "cgroup = /system.slice/www.service", "/system.slice/www.service/worker", true },
	{ "cgroup = /system.slice/www.service/", "/system.slice/www.service", true },
	{ "cgroup = /system.slice", "/system.slice/www.service", true },
	{ "cgroup = /system.slice/www-*.service", "/system.slice/www-7.service/x", true },
	{ "cgroup = /system.slice/www-*.service", "/system.slice/www-7/x.service", false },
	{ "cgroup = /system.slice/www.service", "/system.slice/www.service2", false },
	{ "cgroup = /*/www.service", "/user.slice/user-1.slice/www.service", false },
	{ "cgroup = /system.slice", "", false },
	{ "cgroup = /", "/", true },
	{ "cgroup = /", "/system.slice", true },
	{ "cgroup = /", "", false },
};

static void with_cgroup(void)
{
	char said[128], name[160];
	struct config *c;
	size_t i;

	for (i = 0; i < sizeof(cgroups) / sizeof(cgroups[0]); i++) {
		snprintf(said, sizeof(said), "[policy p]\n%s\n", cgroups[i].section);
		c = config(said);
		snprintf(name, sizeof(name), "%s: %s%s", cgroups[i].section,
			 cgroups[i].about ? "" : "not ", cgroups[i].cgroup);
		ok(c && (verdict(c, 4711, true, "a", cgroups[i].cgroup) == 0) == cgroups[i].about,
		   name);
		config_put(c);
	}
	ok(!config("[policy p]\nunit = /system.slice/www.service\n"), "a path is no unit");
}

int main(void)
{
	int i;

	log_setup(LOG_LEVEL_ERROR, true);
	if (!mkdtemp(dir))
		return 1;
	make_files();
	without_policy();
	with_policy();
	with_cgroup();
	for (i = 0; i < 3; i++)
		unlink(path[i]);
	rmdir(dir);
	printf("1..%d\n", count);
	return bad;
}
