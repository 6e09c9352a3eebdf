// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Preload object of kssl-run: listen() and connect() on the chosen ports make
 * the socket TLS first.  If that fails the call fails: never plain TCP.
 *
 * The resolver's calls are watched, so that connect() knows which name the
 * program looked up for an address.  Everything here may be called from any thread.
 */
#include "run.h"

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

#define EXPORT __attribute__((visibility("default")))
#define NAMES 64	/* addresses whose names are remembered */

struct name {
	struct in6_addr addr;	/* v4 as v4-mapped */
	pthread_t thread;
	char host[KSSL_NAME_MAX + 1];
};

/* A ring: next_name is where the oldest is. */
static struct name names[NAMES];
static unsigned int next_name;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void take(void) { pthread_mutex_lock(&lock); }
static void give(void) { pthread_mutex_unlock(&lock); }

/* A child must not inherit the lock from a thread that it does not have. */
static __attribute__((constructor)) void watch_forks(void)
{
	pthread_atfork(take, give, give);
}

static void complain(const char *what, int port)
{
	int err = errno;

	fprintf(stderr, "kssl-run: %s, port %d: %s\n", what, port, strerror(err));
	errno = err;
}

/* Is @port in a list like "443,8443", ":443" or "all"?  Port 0 is not chosen yet. */
static bool chosen(const char *variable, int port)
{
	const char *list = getenv(variable);

	if (!list || port < 0)
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

static void *next(const char *symbol)
{
	void *p = dlsym(RTLD_NEXT, symbol);

	if (!p)
		abort();
	return p;
}

EXPORT int listen(int fd, int backlog)
{
	int (*real)(int, int) = next("listen");
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int port;

	if (!is_stream(fd) || getsockname(fd, (struct sockaddr *)&sa, &len))
		return real(fd, backlog);
	port = port_of((struct sockaddr *)&sa);
	if (!chosen("KSSL_RUN_SERVER", port))
		return real(fd, backlog);
	if (tls_attach_listener(fd) < 0) {
		complain("TLS on the listening socket", port);
		return -1;
	}
	return real(fd, backlog);
}

/* The latest name of an address, this thread's own if it looked one up. */
static void recall(const struct sockaddr *sa, char *host)
{
	const struct name *n, *found = NULL;
	struct in6_addr addr;
	unsigned int i;

	if (!address_of(sa, &addr))
		return;
	take();
	for (i = 0; i < NAMES; i++) {
		n = &names[(next_name + i) % NAMES];
		if (!*n->host || memcmp(&n->addr, &addr, sizeof(addr)))
			continue;
		if (!found || pthread_equal(n->thread, pthread_self()) ||
		    !pthread_equal(found->thread, pthread_self()))
			found = n;
	}
	if (found)
		strcpy(host, found->host);
	give();
}

static int set_name(int fd, const struct sockaddr *sa)
{
	const char *given = getenv("KSSL_RUN_NAME");
	char host[KSSL_NAME_MAX + 1] = "";

	if (given)
		return tls_set_string(fd, KSSL_PEER_NAME, given);
	recall(sa, host);
	return *host ? tls_set_string(fd, KSSL_PEER_NAME, host) : 0;
}

EXPORT int connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	int (*real)(int, const struct sockaddr *, socklen_t) = next("connect");
	int port, fresh;

	if (!sa || len < sizeof(struct sockaddr_in) || !is_stream(fd))
		return real(fd, sa, len);
	port = port_of(sa);
	if (!chosen("KSSL_RUN_CONNECT", port))
		return real(fd, sa, len);
	fresh = tls_attach(fd);
	if (fresh < 0 || (fresh && set_name(fd, sa))) {
		complain("TLS on the connection", port);
		return -1;
	}
	return real(fd, sa, len);
}

/* They connect too, and TLS cannot begin with data in the SYN. */
static bool connects(int fd, const struct sockaddr *sa, socklen_t len, int flags)
{
	if (!(flags & MSG_FASTOPEN) || !sa || len < sizeof(struct sockaddr_in) || !is_stream(fd) ||
	    !chosen("KSSL_RUN_CONNECT", port_of(sa)))
		return false;
	errno = EOPNOTSUPP;
	return true;
}

EXPORT ssize_t sendto(int fd, const void *data, size_t n, int flags, const struct sockaddr *sa,
		      socklen_t len)
{
	static ssize_t (*real)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);

	if (!real)
		real = next("sendto");
	return connects(fd, sa, len, flags) ? -1 : real(fd, data, n, flags, sa, len);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	static ssize_t (*real)(int, const struct msghdr *, int);

	if (!real)
		real = next("sendmsg");
	if (flags & MSG_FASTOPEN && msg && connects(fd, msg->msg_name, msg->msg_namelen, flags))
		return -1;
	return real(fd, msg, flags);
}

static void remember(const struct sockaddr *sa, const char *host)
{
	struct in6_addr addr, unused;
	struct name *n;

	if (strlen(host) > KSSL_NAME_MAX || inet_pton(AF_INET, host, &unused) == 1 ||
	    inet_pton(AF_INET6, host, &unused) == 1 || !address_of(sa, &addr))
		return;
	take();
	n = &names[next_name++ % NAMES];
	n->addr = addr;
	n->thread = pthread_self();
	strcpy(n->host, host);
	give();
}

EXPORT int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
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

static void remember_all(const struct hostent *found, const char *host)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	char **one;

	if (!found || !host || !getenv("KSSL_RUN_CONNECT"))
		return;
	for (one = found->h_addr_list; *one; one++) {
		if (found->h_addrtype == AF_INET) {
			memcpy(&sin.sin_addr, *one, sizeof(sin.sin_addr));
			remember((struct sockaddr *)&sin, host);
		} else if (found->h_addrtype == AF_INET6) {
			memcpy(&sin6.sin6_addr, *one, sizeof(sin6.sin6_addr));
			remember((struct sockaddr *)&sin6, host);
		}
	}
}

EXPORT struct hostent *gethostbyname(const char *host)
{
	struct hostent *(*real)(const char *) = next("gethostbyname");
	struct hostent *found = real(host);

	remember_all(found, host);
	return found;
}

EXPORT struct hostent *gethostbyname2(const char *host, int family)
{
	struct hostent *(*real)(const char *, int) = next("gethostbyname2");
	struct hostent *found = real(host, family);

	remember_all(found, host);
	return found;
}

EXPORT int gethostbyname_r(const char *host, struct hostent *ret, char *buf, size_t len,
			   struct hostent **found, int *err)
{
	int (*real)(const char *, struct hostent *, char *, size_t, struct hostent **, int *) =
		next("gethostbyname_r");
	int status = real(host, ret, buf, len, found, err);

	if (!status)
		remember_all(*found, host);
	return status;
}

EXPORT int gethostbyname2_r(const char *host, int family, struct hostent *ret, char *buf,
			    size_t len, struct hostent **found, int *err)
{
	int (*real)(const char *, int, struct hostent *, char *, size_t, struct hostent **, int *) =
		next("gethostbyname2_r");
	int status = real(host, family, ret, buf, len, found, err);

	if (!status)
		remember_all(*found, host);
	return status;
}
