// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kssl-run(1): start a program with the preload object that makes its sockets
 * TLS, or with listening sockets that are TLS already.  The choices travel by
 * environment, so they reach its children too.
 */
#include "run.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef LIBDIR
#define LIBDIR "/usr/local/lib"
#endif

static void usage(FILE *to)
{
	fprintf(to, "usage: kssl-run [OPTION...] [--] PROGRAM [ARGUMENT...]\n"
		    "TLS for a program that knows nothing of it.\n\n"
		    "  -l, --listen ADDRS   open listening sockets with TLS and pass them to\n"
		    "                       the program (LISTEN_FDS), in whatever language\n"
		    "  -s, --server PORTS   listening sockets on these ports serve TLS\n"
		    "  -A, --accept         the program sees a connection when TLS is up, and\n"
		    "                       none that is silent\n"
		    "  -c, --connect PORTS  connections to these ports are TLS\n"
		    "  -i, --identity NAME  identity of the daemon's configuration\n"
		    "  -a, --alpn LIST      protocols, comma separated\n"
		    "  -n, --name HOST      name that servers must have (default: what\n"
		    "                       the program looked up)\n"
		    "  -V, --version        print the version\n"
		    "  -h, --help           print this\n\n"
		    "PORTS: numbers separated by commas, or \"all\".\n"
		    "ADDRS: [HOST:]PORT separated by commas; an IPv6 HOST in brackets.\n");
}

/* The object lies beside us (in a build tree) or in the library folder. */
static const char *find_object(char *path, size_t room)
{
	static const char name[] = "kssl-run.so";
	ssize_t n = readlink("/proc/self/exe", path, room - sizeof(name));
	char *slash;

	if (n > 0) {
		path[n] = 0;
		slash = strrchr(path, '/');
		strcpy(slash + 1, name);
		if (!access(path, R_OK))
			return path;
	}
	snprintf(path, room, "%s/%s", LIBDIR, name);
	return access(path, R_OK) ? NULL : path;
}

static int good_ports(const char *list)
{
	return !strcmp(list, "all") || (*list && !list[strspn(list, "0123456789,:")]);
}

static int set_ports(const char *variable, const char *list)
{
	if (good_ports(list))
		return setenv(variable, list, 1);
	fprintf(stderr, "kssl-run: bad ports: %s\n", list);
	return -1;
}

static int preload(const char *program)
{
	const char *old = getenv("LD_PRELOAD"), *why = program_unreachable(program);
	char path[PATH_MAX], both[2 * PATH_MAX];

	if (why) {
		fprintf(stderr, "kssl-run: %s: %s: kssl-run cannot make its sockets TLS, and does "
			"not start it without.\nIf it takes listening sockets from a service "
			"manager (LISTEN_FDS), --listen passes it one.\n", program, why);
		return -1;
	}
	if (!find_object(path, sizeof(path))) {
		fprintf(stderr, "kssl-run: kssl-run.so not found\n");
		return -1;
	}
	snprintf(both, sizeof(both), "%s%s%s", path, old ? ":" : "", old ? old : "");
	return setenv("LD_PRELOAD", both, 1);
}

static const char *listen_at;

static int choose(int c, const char *value)
{
	switch (c) {
	case 'l':
		listen_at = value;
		return 0;
	case 's':
		return set_ports("KSSL_RUN_SERVER", value);
	case 'A':
		return setenv("KSSL_RUN_ACCEPT", "1", 1);
	case 'c':
		return set_ports("KSSL_RUN_CONNECT", value);
	case 'i':
		return setenv("KSSL_RUN_IDENTITY", value, 1);
	case 'a':
		return setenv("KSSL_RUN_ALPN", value, 1);
	case 'n':
		return setenv("KSSL_RUN_NAME", value, 1);
	default:
		usage(stderr);
		return -1;
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "server", required_argument, NULL, 's' },
		{ "accept", no_argument, NULL, 'A' },
		{ "connect", required_argument, NULL, 'c' },
		{ "identity", required_argument, NULL, 'i' },
		{ "alpn", required_argument, NULL, 'a' },
		{ "name", required_argument, NULL, 'n' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	bool inside;
	int c;

	while ((c = getopt_long(argc, argv, "+l:s:Ac:i:a:n:Vh", options, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return 0;
		}
		if (c == 'V') {
			puts("kssl-run 0.1");
			return 0;
		}
		if (choose(c, optarg))
			return 2;
	}
	inside = getenv("KSSL_RUN_SERVER") || getenv("KSSL_RUN_CONNECT");
	if (optind == argc || (!inside && !listen_at)) {
		usage(stderr);
		return 2;
	}
	argv += optind;
	if ((inside && preload(argv[0])) || (listen_at && listeners_pass(listen_at)))
		return 125;
	execvp(argv[0], argv);
	perror(argv[0]);
	return 127;
}
