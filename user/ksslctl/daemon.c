// SPDX-License-Identifier: GPL-2.0-or-later
/* Asking kssld itself, by its socket: a word there, a verdict and text back. */
#include "ksslctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

const char *daemon_socket = "/run/kssl/kssld.sock";

static int ask(const char *word)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(word);
	int fd;

	if (strlen(daemon_socket) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(addr.sun_path, daemon_socket);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)) &&
	    send(fd, word, len, MSG_NOSIGNAL) == (ssize_t)len)
		return fd;
	close(fd);
	return -1;
}

/* All until it closes, as a string. */
static char *read_all(int fd)
{
	size_t len = 0, room = 0;
	char *text = NULL, *more;
	ssize_t n;

	do {
		if (room - len < 4096) {
			room += 65536;
			more = realloc(text, room);
			if (!more)
				break;
			text = more;
		}
		n = read(fd, text + len, room - len - 1);
		if (n > 0)
			len += (size_t)n;
	} while (n > 0);
	if (text)
		text[len] = 0;
	return text;
}

static char problem[160];

static int failed(const char *what)
{
	snprintf(problem, sizeof(problem), "kssld at %s%s%s", daemon_socket,
		 *what == ' ' ? "" : ": ", what);
	return -1;
}

/** daemon_why() - why daemon_try() returned -1 */
const char *daemon_why(void)
{
	return problem;
}

/**
 * daemon_try() - one question to kssld
 * @word: the question
 * @text: set to what it says, free() it
 *
 * Return: 1 yes, 0 no; or -1: there is no answer, errno is 0 if it does not want to.
 */
int daemon_try(const char *word, char **text)
{
	char *all, *rest;
	int fd = ask(word);
	bool good;

	if (fd < 0)
		return failed(strerror(errno));
	all = read_all(fd);
	close(fd);
	rest = all ? strchr(all, '\n') : NULL;
	if (!rest) {
		free(all);
		errno = 0;
		return failed(" does not answer us");
	}
	*rest++ = 0;
	good = !strcmp(all, "ok");
	*text = strdup(rest);
	free(all);
	return *text ? good : failed(strerror(ENOMEM));
}

/** daemon_ask() - the same, with a message if there is no answer */
int daemon_ask(const char *word, char **text)
{
	int ret = daemon_try(word, text);

	if (ret < 0)
		refuse(word, problem, "");
	return ret;
}
