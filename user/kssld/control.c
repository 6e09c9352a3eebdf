// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What ksslctl asks of the daemon, by a socket in the file system: one line, a word and
 * what belongs to it behind tabs; answered by "ok" or "failed" on a line of its own and text behind it.  The main thread serves
 * one at a time; who asks is trusted, and has a second to do so.
 */
#include "kssld.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ROOM 4096
#define WHY_MAX 512

static char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

static void do_reload(char *rest, FILE *to)
{
	char why[WHY_MAX];
	bool good;

	(void)rest;
	log_copy(why, sizeof(why));
	good = reload();
	log_copy(NULL, 0);
	fprintf(to, "%s\n%s", good ? "ok" : "failed", why);
}

static void do_identities(char *rest, FILE *to)
{
	struct config *c = config_current();

	(void)rest;
	fputs("ok\n", to);
	inventory_put(c, to);
	config_put(c);
}

static void do_latency(char *rest, FILE *to)
{
	(void)rest;
	fputs("ok\n", to);
	latency_put(to);
}

static void do_files(char *rest, FILE *to)
{
	struct config *c = config_current();

	(void)rest;
	fputs("ok\n", to);
	reload_doubts(to);
	inventory_put_exposed(c, to);
	config_put(c);
}

static void do_policy(char *rest, FILE *to)
{
	struct config *c = config_current();

	ask_policy(c, rest, to);
	config_put(c);
}

static void do_refused(char *rest, FILE *to)
{
	(void)rest;
	fputs("ok\n", to);
	policy_put_refused(to);
}

static const struct {
	const char *word;
	void (*run)(char *rest, FILE *to);
} verbs[] = {
	{ "reload", do_reload },
	{ "identities", do_identities },
	{ "latency", do_latency },
	{ "files", do_files },
	{ "policy-test", do_policy },
	{ "refused", do_refused },
};

static void answer(char *line, FILE *to)
{
	char *rest = line, *word = strsep(&rest, "\t");
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(word, verbs[i].word)) {
			verbs[i].run(rest ? rest : word + strlen(word), to);
			return;
		}
	fprintf(to, "failed\nthis daemon does not know \"%s\"", word);
}

/* The file's mode says the same; but it may have been changed. */
static bool may_ask(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) &&
	       (!peer.uid || peer.uid == geteuid());
}

/**
 * control_serve() - one connection, in the main thread
 * @listener: from control_open()
 */
void control_serve(int listener)
{
	const struct timeval second = { .tv_sec = 1 };
	char line[ROOM + 1];
	ssize_t n;
	FILE *to;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second));
	n = may_ask(fd) ? read(fd, line, ROOM) : -1;
	to = n > 0 ? fdopen(fd, "w") : NULL;
	if (!to) {
		close(fd);
		return;
	}
	line[n] = 0;
	line[strcspn(line, "\n")] = 0;
	answer(line, to);
	fclose(to);
}

/* A daemon that was killed leaves its socket. */
static bool is_stale(int fd, const struct sockaddr_un *addr)
{
	return connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) && errno == ECONNREFUSED;
}

/* The folder is the service manager's to make; or ours, if there is none. */
static void make_folder(const char *at)
{
	char folder[sizeof(path)];
	char *slash;

	strcpy(folder, at);
	slash = strrchr(folder, '/');
	if (!slash || slash == folder)
		return;
	*slash = 0;
	mkdir(folder, 0750);	/* if it fails, so does bind() */
}

static bool listen_at(int fd, const struct sockaddr_un *addr)
{
	mode_t mask = umask(0177);
	bool good = !bind(fd, (const struct sockaddr *)addr, sizeof(*addr));

	umask(mask);
	return good && !listen(fd, 8);
}

/**
 * control_open() - listen
 * @at: path
 *
 * Return: the descriptor; or -1 with errno, EADDRINUSE if another daemon listens there.
 */
int control_open(const char *at)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, probe, err;

	if (strlen(at) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(addr.sun_path, at);
	make_folder(at);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && probe >= 0 && is_stale(probe, &addr))
		unlink(at);
	close(probe);
	if (fd >= 0 && listen_at(fd, &addr)) {
		strcpy(path, at);
		return fd;
	}
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

/**
 * control_close() - listen no more
 * @fd: from control_open(), or -1
 */
void control_close(int fd)
{
	if (fd < 0)
		return;
	close(fd);
	unlink(path);		/* may fail by now; then the next daemon does it */
}
