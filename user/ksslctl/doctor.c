// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ksslctl doctor: what is wrong on this machine, and the command that mends it.  Looks
 * and asks; changes and loads nothing.  Each check says one thing.
 */
#include "ksslctl.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include <linux/kssl_netlink.h>

#define DAY (24 * 3600)

enum verdict { GOOD, NOTE, BAD };

static const struct {
	const char *name;
	enum ink colour;
} verdicts[] = {
	[GOOD] = { "ok", INK_GOOD }, [NOTE] = { "note", INK_BUSY }, [BAD] = { "bad", INK_BAD },
};

static json_t *found;
static bool well = true;

/* @mend: a command, or a sentence; NULL: nothing to do */
static void say(const char *check, enum verdict v, const char *mend, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void say(const char *check, enum verdict v, const char *mend, const char *fmt, ...)
{
	char what[512];
	va_list ap;
	json_t *one;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (v == BAD)
		well = false;
	if (found) {
		one = json_pack("{ss ss ss}", "check", check, "verdict", verdicts[v].name, "what",
				clean(what));
		if (mend)
			json_object_set_new(one, "mend", json_string(mend));
		json_array_append_new(found, one);
		return;
	}
	printf("%s%-4s%s %-8s %s\n", ink(verdicts[v].colour), verdicts[v].name, ink(INK_PLAIN), check,
	       clean(what));
	if (mend)
		printf("%14smend: %s\n", "", mend);
}

/* First line of a small file, "" without one. */
static const char *line_of(const char *path, char *line, size_t room)
{
	FILE *f = fopen(path, "re");

	if (!f || !fgets(line, (int)room, f))
		*line = 0;
	if (f)
		fclose(f);
	line[strcspn(line, "\n")] = 0;
	return line;
}

static bool exists(const char *path)
{
	return !access(path, F_OK);
}

/* ---- module ---- */

/* Where modprobe would take it from; false: nowhere. */
static bool module_file(const char *release, char *path, size_t room)
{
	char name[512], line[4096], *colon, *base;
	bool there = false;
	FILE *f;

	snprintf(name, sizeof(name), "/lib/modules/%s/modules.dep", release);
	f = fopen(name, "re");
	while (f && !there && fgets(line, sizeof(line), f)) {
		colon = strchr(line, ':');
		if (!colon)
			continue;
		*colon = 0;
		base = strrchr(line, '/');
		base = base ? base + 1 : line;
		there = !strncmp(base, "kssl.ko", 7) && (!base[7] || base[7] == '.');
		if (there)
			snprintf(path, room, "/lib/modules/%s/%.400s", release, line);
	}
	if (f)
		fclose(f);
	return there;
}

/* Only signed modules are taken: Secure Boot's lockdown, or asked for by itself. */
static bool signature_wanted(void)
{
	char line[128];

	if (*line_of("/sys/module/module/parameters/sig_enforce", line, sizeof(line)) == 'Y')
		return true;
	line_of("/sys/kernel/security/lockdown", line, sizeof(line));
	return *line && !strstr(line, "[none]");
}

/* By modinfo, which unpacks the file; "" if nobody has signed. */
static const char *signer_of(const char *path, char *signer, size_t room)
{
	char command[700];
	FILE *f;

	*signer = 0;
	if (strchr(path, '\''))
		return signer;
	snprintf(command, sizeof(command), "PATH=/usr/sbin:/sbin:/usr/bin:/bin modinfo -F signer '%s' 2>/dev/null",
		 path);
	f = popen(command, "re");
	if (f && !fgets(signer, (int)room, f))
		*signer = 0;
	if (f)
		pclose(f);
	signer[strcspn(signer, "\n")] = 0;
	return signer;
}

/* The keys that the kernel knows, as it shows them to root. */
static bool is_enrolled(const char *signer)
{
	FILE *f = fopen("/proc/keys", "re");
	char line[512];
	bool yes = false;

	while (f && !yes && fgets(line, sizeof(line), f))
		yes = strstr(line, "asymmetri") && strstr(line, signer);
	if (f)
		fclose(f);
	return yes;
}

static void check_file(const char *path)
{
	char signer[256];

	if (!signature_wanted())
		say("module", BAD, "modprobe kssl", "the module is not loaded");
	else if (!*signer_of(path, signer, sizeof(signer)))
		say("module", BAD, "sign it: see SIGNING in /usr/share/doc/kssl",
		    "this kernel takes only signed modules, and %s is not signed", path);
	else if (!is_enrolled(signer))
		say("module", BAD, "mokutil --import /var/lib/dkms/mok.pub && reboot",
		    "%s is signed by \"%s\", whose key is not enrolled on this machine", path, signer);
	else
		say("module", BAD, "modprobe kssl", "the module is not loaded");
}

static void check_absent(void)
{
	char path[600], build[300], mend[400];
	struct utsname un;

	uname(&un);
	if (module_file(un.release, path, sizeof(path))) {
		check_file(path);
		return;
	}
	snprintf(build, sizeof(build), "/lib/modules/%s/build", un.release);
	snprintf(mend, sizeof(mend), "%s%s%sdkms autoinstall && modprobe kssl",
		 exists(build) ? "" : "apt-get install linux-headers-", exists(build) ? "" : un.release,
		 exists(build) ? "" : " && ");
	say("module", BAD, mend, "there is no kssl.ko for this kernel, %s", un.release);
}

/* Return: connection to it, or NULL: nothing more to ask the kernel. */
static struct kssl_nl *check_module(struct kssl_caps *caps)
{
	struct kssl_nl *nl;

	if (!exists("/sys/module/kssl")) {
		check_absent();
		return NULL;
	}
	nl = kssl_nl_open();
	if (!nl || kssl_nl_caps(nl, caps)) {
		say("module", BAD, "modprobe -r kssl && modprobe kssl",
		    "the module is loaded, but does not answer: %s", strerror(errno));
		kssl_nl_close(nl);
		return NULL;
	}
	if (caps->abi != KSSL_ABI)
		say("module", BAD, "modprobe -r kssl && modprobe kssl",
		    "the loaded module is of another version (abi %u) than this program (%u)",
		    caps->abi, KSSL_ABI);
	else
		say("module", GOOD, NULL, "kssl %s is loaded", caps->release);
	return nl;
}

/* ---- the name "tls" ---- */

static long references(const char *module)
{
	char path[64], line[32];

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", module);
	return strtol(line_of(path, line, sizeof(line)), NULL, 10);
}

/* A connection over loopback, [0] to [1]. */
static bool make_pair(int *fds)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good;

	fds[1] = -1;
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	good = !bind(listener, (struct sockaddr *)&sin, len) && !listen(listener, 1) &&
	       !getsockname(listener, (struct sockaddr *)&sin, &len) &&
	       !connect(fds[0], (struct sockaddr *)&sin, len) &&
	       (fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0;
	close(listener);
	return good;
}

/* Who serves the name shows by whose module a socket holds. */
static bool intree_serves(void)
{
	long before = references("tls");
	bool yes = false;
	int fds[2];

	if (make_pair(fds) && !setsockopt(fds[0], IPPROTO_TCP, TCP_ULP, "tls", 3))
		yes = references("tls") > before;
	close(fds[0]);
	close(fds[1]);
	return yes;
}

static void check_name(void)
{
	char line[16];

	if (*line_of("/sys/module/kssl/parameters/ktls", line, sizeof(line)) != 'Y')
		return;
	if (exists("/sys/module/tls") && intree_serves())
		say("ktls", BAD, "modprobe -r kssl tls && modprobe kssl ktls=1",
		    "the kernel's own module tls came first and holds the name \"tls\"; blacklist it");
	else
		say("ktls", GOOD, NULL, "kssl serves the name \"tls\" too");
}

/* ---- daemon ---- */

static const char *start_it(void)
{
	return exists("/run/systemd/system") ? "systemctl start kssld" : "kssld";
}

/* Why it would not start, in its own words. */
static bool check_config(void)
{
	FILE *f = popen("PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/bin kssld --check 2>&1", "re");
	char line[400] = "", last[400] = "";
	int status;

	while (f && fgets(line, sizeof(line), f))
		strcpy(last, line);
	status = f ? pclose(f) : -1;
	last[strcspn(last, "\n")] = 0;
	if (status == -1 || !WIFEXITED(status) || WEXITSTATUS(status) != 1)
		return true;
	say("daemon", BAD, "mend the file, kssld --check looks at it", "kssld does not start: %s",
	    last);
	return false;
}

static void check_daemon(const struct kssl_caps *caps)
{
	char *text = NULL;
	int answers = daemon_try("latency", &text);
	int err = errno;

	free(text);
	if (caps->workers && answers == 1)
		say("daemon", GOOD, NULL, "kssld serves with %u workers", caps->workers);
	else if (caps->workers && (err == EACCES || !err))
		say("daemon", NOTE, NULL,
		    "kssld serves with %u workers; only root and its user may ask it more", caps->workers);
	else if (caps->workers)
		say("daemon", NOTE, "name the socket: ksslctl --socket PATH doctor",
		    "kssld serves with %u workers, but %s", caps->workers, daemon_why());
	else if (answers == 1)
		say("daemon", BAD, "name this namespace at netns in kssld.conf, and restart kssld",
		    "kssld runs, but does not serve this network namespace");
	else if (geteuid() || check_config())
		say("daemon", BAD, start_it(), "no kssld serves this network namespace");
}

/* ---- files ---- */

static void check_one_file(char *line)
{
	const char *kind = strsep(&line, "\t"), *path = strsep(&line, "\t");
	char mend[400];

	if (!path)
		return;
	if (!strcmp(kind, "exposed")) {
		snprintf(mend, sizeof(mend), "chmod o-rwx '%s'", path);
		say("files", BAD, mend, "%s holds a private key, and everybody may read it", path);
	} else {
		snprintf(mend, sizeof(mend), "let the daemon's user read '%s', and all folders above it", path);
		say("files", BAD, mend, "kssld cannot read %s again: %s", path, line ? line : "");
	}
}

static void check_files(void)
{
	char *text, *rest, *line;

	if (daemon_try("files", &text) != 1)
		return;
	rest = text;
	if (!*text)
		say("files", GOOD, NULL, "kssld can read its files again");
	while ((line = strsep(&rest, "\n")))
		if (*line)
			check_one_file(line);
	free(text);
}

/* ---- policy ---- */

/* A program sees EACCES alone, and the log has few of many lines. */
static void check_policy(void)
{
	char *text, *rest, *nr, *uid;

	if (daemon_try("refused", &text) != 1)
		return;
	rest = text;
	nr = strsep(&rest, "\t");
	uid = strsep(&rest, "\t");
	if (!rest) {
		say("policy", GOOD, NULL, "the policy has refused no handshake (EACCES)");
		free(text);
		return;
	}
	rest[strcspn(rest, "\n")] = 0;
	say("policy", NOTE,
	    "a section with \"user =\" or \"unit =\" and \"identities =\" in kssld.conf; one line, "
	    "[policy everybody], behind all others allows all identities to all programs",
	    "handshakes refused by the policy (EACCES): %s, the last for user %s: %s", nr, uid, rest);
	free(text);
}

/* ---- ciphers ---- */

static bool cpu_has(const char *flag)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[8192], *word, *rest;
	bool yes = false;

	while (f && !yes && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "flags", 5) && strncmp(line, "Features", 8))
			continue;
		rest = line;
		while (!yes && (word = strsep(&rest, " \t\n")))
			yes = !strcmp(word, flag);
		break;
	}
	if (f)
		fclose(f);
	return yes;
}

static void check_ciphers(const struct kssl_caps *caps)
{
	bool missing = false, slow = false;
	unsigned int i;

	for (i = 0; i < caps->nr_suites; i++) {
		const char *driver = caps->suites[i].driver;

		if (caps->suites[i].id >> 8 != 0x13 || !strstr(caps->suites[i].name, "GCM"))
			continue;
		missing |= !*driver;
		slow |= strstr(driver, "aes-generic") && cpu_has("aes");
	}
	if (missing)
		say("ciphers", BAD, "modprobe -a gcm ctr ghash-generic aes_generic",
		    "this kernel has no AES-GCM: hardly a peer can be talked to");
	else if (slow)
		say("ciphers", BAD, "modprobe aesni_intel && modprobe ghash_clmulni_intel",
		    "AES-GCM is served by generic code, though this processor has instructions for it");
	else
		say("ciphers", GOOD, NULL, "AES-GCM is there, by the driver for this processor");
}

/* ---- clock ---- */

static bool check_ends(void)
{
	json_t *all = identities(), *one;
	time_t now = time(NULL);
	bool good = true;
	struct tm tm;
	size_t i;

	json_array_foreach(all, i, one) {
		const char *end = json_string_value(json_object_get(one, "expires"));

		memset(&tm, 0, sizeof(tm));
		if (!end || !strptime(end, "%Y-%m-%dT%H:%M:%SZ", &tm) || timegm(&tm) > now)
			continue;
		say("clock", BAD, "renew it; or set the clock, if it is fast: timedatectl set-ntp true",
		    "the certificate of identity %s has expired, on %s",
		    json_string_value(json_object_get(one, "identity")), end);
		good = false;
	}
	json_decref(all);
	return good;
}

/* Nothing on a machine is older than its clock: not this program, for one. */
static void check_clock(void)
{
	struct stat st;

	if (!stat("/proc/self/exe", &st) && st.st_mtime > time(NULL) + DAY)
		say("clock", BAD, "timedatectl set-ntp true",
		    "the clock is behind the date of this program: certificates are not valid yet");
	else if (check_ends())
		say("clock", GOOD, NULL, "the clock is right, as far as can be told");
}

int verb_doctor(struct kssl_nl *unused, int argc, char **argv)
{
	static struct kssl_caps caps;
	struct kssl_nl *nl;

	(void)unused;
	(void)argv;
	if (argc) {
		fprintf(stderr, "ksslctl: doctor takes no arguments\n");
		return 2;
	}
	found = as_json ? json_array() : NULL;
	nl = check_module(&caps);
	if (nl) {
		check_name();
		check_daemon(&caps);
		check_files();
		check_policy();
		check_ciphers(&caps);
	}
	check_clock();
	kssl_nl_close(nl);
	if (found)
		json_out(json_pack("{sb so}", "well", well, "checks", found), false);
	return !well;
}
