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

/**
 * daemon_ask() - one question to kssld
 * @word: the question
 * @text: set to what it says, free() it
 *
 * Return: 1 yes, 0 no; or -1 after a message.
 */
int daemon_ask(const char *word, char **text)
{
	char *all, *rest;
	int fd = ask(word);
	bool good;

	if (fd < 0) {
		fprintf(stderr, "ksslctl: kssld at %s: %s\n", daemon_socket, strerror(errno));
		return -1;
	}
	all = read_all(fd);
	close(fd);
	rest = all ? strchr(all, '\n') : NULL;
	if (!rest) {
		fprintf(stderr, "ksslctl: kssld at %s does not answer us\n", daemon_socket);
		free(all);
		return -1;
	}
	*rest++ = 0;
	good = !strcmp(all, "ok");
	*text = strdup(rest);
	free(all);
	return *text ? good : -1;
}
