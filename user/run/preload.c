// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Preload object of kssl-run: listen() and connect() on the chosen ports make
 * the socket TLS first.  If that fails the call fails: never plain TCP.
 *
 * getaddrinfo() is watched, so that connect() knows which name the program
 * looked up for an address.  Everything here may be called from any thread.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/kssl.h>

#define NAMES 64	/* addresses whose names are remembered */

struct name {
	struct in6_addr addr;	/* v4 as v4-mapped */
	char host[KSSL_NAME_MAX + 1];
};

static struct name names[NAMES];
static unsigned int next_name;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void complain(const char *what, int port)
{
	int err = errno;

	fprintf(stderr, "kssl-run: %s, port %d: %s\n", what, port, strerror(err));
	errno = err;
}

/* Is @port in a list like "443,8443", ":443" or "all"? */
static bool chosen(const char *variable, int port)
{
	const char *list = getenv(variable);

	if (!list || port <= 0)
		return false;
	if (!strcmp(list, "all"))
		return true;
	while (*list) {
		char *end;

		if (*list < '0' || *list > '9') {
			list++;
			continue;
		}
		if (strtol(list, &end, 10) == port)
			return true;
		list = end;
	}
	return false;
}

static int port_of(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)(const void *)sa)->sin_port);
	if (sa->sa_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)(const void *)sa)->sin6_port);
	return -1;
}

static bool address_of(const struct sockaddr *sa, struct in6_addr *out)
{
	memset(out, 0, sizeof(*out));
	if (sa->sa_family == AF_INET6) {
		*out = ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
		return true;
	}
	if (sa->sa_family != AF_INET)
		return false;
	out->s6_addr[10] = 0xff;
	out->s6_addr[11] = 0xff;
	memcpy(&out->s6_addr[12], &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	return true;
}

static bool is_stream(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_STREAM;
}

static int set_string(int fd, int option, const char *text)
{
	return text ? setsockopt(fd, SOL_KSSL, option, text, (socklen_t)strlen(text)) : 0;
}

/* Attached already is good: connect() may be called again. */
static int attach(int fd)
{
	if (!setsockopt(fd, IPPROTO_TCP, TCP_ULP, KSSL_ULP_NAME, strlen(KSSL_ULP_NAME)))
		return 1;
	return errno == EEXIST ? 0 : -1;
}

static int set_options(int fd)
{
	return set_string(fd, KSSL_IDENTITY, getenv("KSSL_RUN_IDENTITY")) ||
	       set_string(fd, KSSL_ALPN, getenv("KSSL_RUN_ALPN"));
}

static void *next(const char *symbol)
{
	void *p = dlsym(RTLD_NEXT, symbol);

	if (!p)
		abort();
	return p;
}

int listen(int fd, int backlog)
{
	int (*real)(int, int) = next("listen");
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int port, fresh;

	if (!is_stream(fd) || getsockname(fd, (struct sockaddr *)&sa, &len))
		return real(fd, backlog);
	port = port_of((struct sockaddr *)&sa);
	if (!chosen("KSSL_RUN_SERVER", port))
		return real(fd, backlog);
	fresh = attach(fd);
	if (fresh < 0 || (fresh && set_options(fd))) {
		complain("TLS on the listening socket", port);
		return -1;
	}
	return real(fd, backlog);
}

static void recall(const struct sockaddr *sa, char *host)
{
	struct in6_addr addr;
	unsigned int i;

	if (!address_of(sa, &addr))
		return;
	pthread_mutex_lock(&lock);
	for (i = 0; i < NAMES; i++)
		if (*names[i].host && !memcmp(&names[i].addr, &addr, sizeof(addr)))
			strcpy(host, names[i].host);
	pthread_mutex_unlock(&lock);
}

static int set_name(int fd, const struct sockaddr *sa)
{
	const char *given = getenv("KSSL_RUN_NAME");
	char host[KSSL_NAME_MAX + 1] = "";

	if (given)
		return set_string(fd, KSSL_PEER_NAME, given);
	recall(sa, host);
	return *host ? set_string(fd, KSSL_PEER_NAME, host) : 0;
}

int connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	int (*real)(int, const struct sockaddr *, socklen_t) = next("connect");
	int port, fresh;

	if (!sa || len < sizeof(struct sockaddr_in) || !is_stream(fd))
		return real(fd, sa, len);
	port = port_of(sa);
	if (!chosen("KSSL_RUN_CONNECT", port))
		return real(fd, sa, len);
	fresh = attach(fd);
	if (fresh < 0 || (fresh && (set_options(fd) || set_name(fd, sa)))) {
		complain("TLS on the connection", port);
		return -1;
	}
	return real(fd, sa, len);
}

static void remember(const struct sockaddr *sa, const char *host)
{
	struct in6_addr addr, unused;
	struct name *n;

	if (strlen(host) > KSSL_NAME_MAX || inet_pton(AF_INET, host, &unused) == 1 ||
	    inet_pton(AF_INET6, host, &unused) == 1 || !address_of(sa, &addr))
		return;
	pthread_mutex_lock(&lock);
	n = &names[next_name++ % NAMES];
	n->addr = addr;
	strcpy(n->host, host);
	pthread_mutex_unlock(&lock);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **res)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
		next("getaddrinfo");
	int ret = real(node, service, hints, res);
	const struct addrinfo *ai;

	if (!ret && node && getenv("KSSL_RUN_CONNECT"))
		for (ai = *res; ai; ai = ai->ai_next)
			remember(ai->ai_addr, node);
	return ret;
}
