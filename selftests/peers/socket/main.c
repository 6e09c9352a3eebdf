// SPDX-License-Identifier: GPL-2.0
/*
 * Every socket call, one line for each thing that a program can observe.  The
 * same program runs over plain TCP, over kssl with an OpenSSL peer (tlsproxy)
 * and over kssl with kssl; uapi/socket.sh compares what it printed.
 *
 * usage: socket plain|openssl|kssl client|server TO AT [CASE...]
 * TO is the port that is connected to, AT the one that is listened on.
 *
 * Each case runs in a process of its own.  a is the end under test, b the other
 * end: only data and the end of the stream are looked at there.
 */
#include "socket.h"

struct setup setup;
const char *case_name;

static const struct test_case *const lists[] = {
	reading_cases, writing_cases, file_cases, polling_cases, ending_cases, sharing_cases,
	connecting_cases, uring_cases,
};

/* In a process of its own; one that hangs is a row too. */
static void run_case(const struct test_case *c)
{
	int status = 0, ms;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		case_name = c->name;
		c->run();
		fflush(stdout);
		_exit(0);
	}
	for (ms = 0; ms < 30000 && !waitpid(pid, &status, WNOHANG); ms += 10)
		pause_ms(10);
	if (ms >= 30000) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		printf("%s: hangs\n", c->name);
	} else if (WIFSIGNALED(status)) {
		printf("%s: dies of signal %d\n", c->name, WTERMSIG(status));
	}
}

static bool wanted(const char *what, int argc, char **argv)
{
	int i;

	for (i = 5; i < argc; i++)
		if (!strcmp(what, argv[i]))
			return true;
	return argc == 5;
}

int main(int argc, char **argv)
{
	const struct test_case *c;
	bool kssl, openssl;
	size_t i;

	if (argc < 5)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	kssl = !strcmp(argv[1], "kssl");
	openssl = !strcmp(argv[1], "openssl");
	setup.here = kssl || openssl;
	setup.there = kssl;
	setup.server = !strcmp(argv[2], "server");
	setup.to = atoi(argv[3]);
	setup.at = atoi(argv[4]);
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (c = lists[i]; c->name; c++)
			if (wanted(c->name, argc, argv))
				run_case(c);
	return 0;
}
