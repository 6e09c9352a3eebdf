// SPDX-License-Identifier: GPL-2.0-or-later
/* ksslctl(8): options and the table of verbs. */
#include "ksslctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool as_json;

static const struct {
	const char *name;
	int (*run)(struct kssl_nl *nl, int argc, char **argv);
	const char *help;
} verbs[] = {
	{ "list", verb_list, "sessions as a table (the default)" },
	{ "show", verb_show, "ID: everything about one session" },
	{ "monitor", verb_monitor, "events as they happen" },
	{ "caps", verb_caps, "what the module can do" },
	{ "rekey", verb_rekey, "ID [request]: new sending keys, and the peer's too" },
	{ "close", verb_close, "ID: send close_notify; the program can read on" },
	{ "kill", verb_kill, "ID: fatal alert and reset" },
	{ "policy", verb_policy, "[set NAME=NUMBER...]: limits of the network namespace;\n"
	  "             test KEY=VALUE...: what a program would get of kssld" },
	{ "stats", verb_stats, "counters of the network namespace" },
	{ "identities", verb_identities, "certificates that kssld has, and when they expire" },
	{ "reload", verb_reload, "kssld reads its configuration and certificates again" },
};

#define NR_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void usage(FILE *to)
{
	size_t i;

	fprintf(to, "usage: ksslctl [--json] [--socket PATH] [VERB [ARGUMENT...]]\n\n");
	for (i = 0; i < NR_VERBS; i++)
		fprintf(to, "  %-10s %s\n", verbs[i].name, verbs[i].help);
	fprintf(to, "\nexit status: 0 good, 1 the kernel or the daemon refused, 2 wrong use,\n"
		    "3 policy test: no\n");
}

int complain(const struct kssl_nl *nl, const char *what)
{
	const char *why = nl ? kssl_nl_why(nl) : "";

	fprintf(stderr, "ksslctl: %s: %s%s%s\n", what, strerror(errno), *why ? ": " : "", why);
	return 1;
}

bool session_id(const char *word, uint32_t *id)
{
	char *end;
	unsigned long n;

	if (*word < '0' || *word > '9')
		return false;
	n = strtoul(word, &end, 10);
	*id = (uint32_t)n;
	return n && !*end && n <= UINT32_MAX;
}

static int run(const char *name, int argc, char **argv)
{
	struct kssl_nl *nl;
	size_t i;
	int ret;

	for (i = 0; i < NR_VERBS; i++)
		if (!strcmp(verbs[i].name, name))
			break;
	if (i == NR_VERBS) {
		fprintf(stderr, "ksslctl: no verb %s (--help)\n", name);
		return 2;
	}
	nl = kssl_nl_open();
	if (!nl) {
		if (errno != ENOENT)
			return complain(NULL, "netlink");
		fprintf(stderr, "ksslctl: module kssl is not loaded: modprobe kssl\n");
		return 1;
	}
	ret = verbs[i].run(nl, argc, argv);
	kssl_nl_close(nl);
	return ret;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "socket", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "js:hV", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			as_json = true;
			break;
		case 's':
			daemon_socket = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'V':
			puts("ksslctl 0.1");
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	argv += optind;
	argc -= optind;
	return argc ? run(argv[0], argc - 1, argv + 1) : run("list", 0, NULL);
}
