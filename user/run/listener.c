// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Listening sockets that are TLS, made here and handed to a program as service managers
 * do it (socket activation): descriptors from 3 on, LISTEN_FDS and LISTEN_PID.  Sockets
 * that it accepts are TLS by inheritance, whatever it was written in.
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_FD 3
#define LISTENERS_MAX 16

/* "443", "127.0.0.1:443", "[::1]:443"; cuts @word.  Return: the port, or NULL. */
static char *split(char *word, char **host)
{
	char *colon = strrchr(word, ':'), *port = colon ? colon + 1 : word;
	size_t len;

	*host = NULL;
	if (!*port || port[strspn(port, "0123456789")])
		return NULL;
	if (!colon || colon == word)
		return port;
	*colon = 0;
	len = strlen(word);
	if (*word == '[' && word[len - 1] == ']') {
		word[len - 1] = 0;
		word++;
	} else if (strchr(word, ':')) {
		return NULL;
	}
	*host = word;
	return port;
}

static bool prepare(int fd, const struct addrinfo *ai)
{
	const int one = 1, zero = 0;

	if (ai->ai_family == AF_INET6)	/* all addresses means those of IPv4 too */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	return !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) &&
	       !bind(fd, ai->ai_addr, ai->ai_addrlen) && tls_attach_listener(fd) == 1 &&
	       !listen(fd, SOMAXCONN);
}

/* Above those that the program gets, which may be taken yet. */
static int make(const struct addrinfo *ai)
{
	int low = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP), fd = -1, err;

	if (low >= 0 && prepare(low, ai))
		fd = fcntl(low, F_DUPFD_CLOEXEC, FIRST_FD + LISTENERS_MAX);
	err = errno;
	close(low);
	errno = err;
	return fd;
}

/* Without a host: all addresses, of IPv6 and IPv4 where there is IPv6. */
static int make_any(const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	static const int families[] = { AF_INET6, AF_INET };
	struct addrinfo *found;
	int fd = -1, i;

	for (i = 0; i < 2 && fd < 0; i++) {
		hints.ai_family = families[i];
		if (getaddrinfo(NULL, port, &hints, &found)) {
			errno = EINVAL;
			continue;
		}
		fd = make(found);
		freeaddrinfo(found);
		if (fd < 0 && errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL)
			break;
	}
	return fd;
}

static int make_at(const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *found;
	int fd;

	if (getaddrinfo(host, port, &hints, &found)) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	fd = make(found);
	freeaddrinfo(found);
	return fd;
}

static int open_one(char *word)
{
	char *shown = strdup(word), *host, *port = split(word, &host);
	int fd = -1;

	if (!port || strtoul(port, NULL, 10) > 65535)
		fprintf(stderr, "kssl-run: not an address to listen at: %s\n", shown ? shown : "");
	else {
		fd = host ? make_at(host, port) : make_any(port);
		if (fd < 0)
			fprintf(stderr, "kssl-run: listening with TLS at %s: %s\n", shown ? shown : "",
				strerror(errno));
	}
	free(shown);
	return fd;
}

static int announce(int nr)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", nr);
	if (setenv("LISTEN_FDS", number, 1))
		return -1;
	snprintf(number, sizeof(number), "%d", (int)getpid());	/* exec keeps it */
	unsetenv("LISTEN_FDNAMES");
	return setenv("LISTEN_PID", number, 1);
}

/**
 * listeners_pass() - open sockets and leave them to the program that follows
 * @list: [host:]port, separated by commas
 *
 * Return: 0, or -1 after a message.
 */
int listeners_pass(const char *list)
{
	char *copy = strdup(list), *rest = copy, *word;
	int nr = 0, fd;

	while (copy && (word = strsep(&rest, ","))) {
		if (nr == LISTENERS_MAX)
			fprintf(stderr, "kssl-run: more than %d addresses to listen at\n",
				LISTENERS_MAX);
		fd = nr < LISTENERS_MAX ? open_one(word) : -1;
		/* dup2() leaves it open for the program */
		if (fd < 0 || dup2(fd, FIRST_FD + nr) < 0) {
			nr = 0;
			break;
		}
		nr++;
	}
	free(copy);
	return nr ? announce(nr) : -1;
}
