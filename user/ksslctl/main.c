// SPDX-License-Identifier: GPL-2.0-or-later
/* ksslctl(8): options and the table of verbs. */
#include "ksslctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool as_json;
bool as_metrics;

static const struct {
	const char *name;
	int (*run)(struct kssl_nl *nl, int argc, char **argv);
	const char *help;
	bool alone;		/* does not need the module */
} verbs[] = {
	{ "status", verb_status, "what is going on (the default)", false },
	{ "list", verb_list, "sessions as a table", false },
	{ "show", verb_show, "ID: everything about one session", false },
	{ "monitor", verb_monitor, "events as they happen", false },
	{ "caps", verb_caps, "what the module can do", false },
	{ "rekey", verb_rekey, "ID [request]: new sending keys, and the peer's too", false },
	{ "close", verb_close, "ID: send close_notify; the program can read on", false },
	{ "kill", verb_kill, "ID: fatal alert and reset", false },
	{ "flush", verb_flush, "end the closed sockets that the kernel still holds", false },
	{ "policy", verb_policy, "[set NAME=NUMBER...]: limits of the network namespace;\n"
	  "             test KEY=VALUE...: what a program would get of kssld", false },
	{ "stats", verb_stats, "[--openmetrics]: counters, and how long handshakes take", false },
	{ "identities", verb_identities, "certificates that kssld has, and when they expire", true },
	{ "reload", verb_reload, "kssld reads its configuration and certificates again", true },
	{ "doctor", verb_doctor, "what is wrong on this machine, and what mends it", true },
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

/**
 * refuse() - a thing was not done
 * @what: verb or the like
 * @error: in a word
 * @why: in more words, or ""
 *
 * Return: the exit status.
 */
int refuse(const char *what, const char *error, const char *why)
{
	fprintf(stderr, "ksslctl: %s: %s%s%s\n", what, error, *why ? ": " : "", why);
	if (as_json)
		json_out(json_pack("{sb ss ss}", "ok", false, "error", error, "why", why), false);
	return 1;
}

/* A thing was done that has nothing to show. */
int acted(void)
{
	if (as_json)
		json_out(json_pack("{sb}", "ok", true), false);
	return 0;
}

int complain(const struct kssl_nl *nl, const char *what)
{
	return refuse(what, strerror(errno), nl ? kssl_nl_why(nl) : "");
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
	if (as_metrics && (verbs[i].run != verb_stats || as_json)) {
		fprintf(stderr, "ksslctl: --openmetrics is another form of stats\n");
		return 2;
	}
	if (verbs[i].alone)
		return verbs[i].run(NULL, argc, argv);
	nl = kssl_nl_open();
	if (!nl)
		return errno == ENOENT ? refuse(name, "module kssl is not loaded", "modprobe kssl") :
					 complain(NULL, "netlink");
	ret = verbs[i].run(nl, argc, argv);
	kssl_nl_close(nl);
	return ret;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "openmetrics", no_argument, NULL, 'o' },
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
		case 'o':
			as_metrics = true;
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
	return argc ? run(argv[0], argc - 1, argv + 1) : run("status", 0, NULL);
}
