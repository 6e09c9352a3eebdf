/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the cases stand on: the two ends of a connection, rows of
 * output, waiting for the other end.
 */
#ifndef SOCKET_H
#define SOCKET_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How the ends are connected, from the command line. */
struct setup {
	bool here;		/* the end under test is kssl */
	bool there;		/* so is the other end */
	bool server;		/* the end under test is the one that accepts */
	int to;			/* port that is connected to */
	int at;			/* port that is listened on */
};

extern struct setup setup;
extern const char *case_name;

/* A case; it runs in a process of its own. */
struct test_case {
	const char *name;
	void (*run)(void);
};

#define CASE(fn) { #fn, fn }

/* One list for each file, in the order in which they run; a NULL name ends it. */
extern const struct test_case reading_cases[], writing_cases[], file_cases[], polling_cases[],
	ending_cases[], sharing_cases[], connecting_cases[], uring_cases[];

#define NOWHERE ((void *)16)	/* an address where nothing is */

/* One observation: "case.what: value". */
#define row(what, ...) do {				\
	printf("%s.%s: ", case_name, what);		\
	printf(__VA_ARGS__);				\
	printf("\n");					\
} while (0)

static inline char *scratch(void)
{
	static char text[16][256];
	static int i;

	return text[i++ % 16];
}

/* A call's result as text: the number, or the errno's name. */
static inline const char *res(long n)
{
	int err = errno;
	char *s = scratch();

	if (n >= 0)
		snprintf(s, 256, "%ld", n);
	else
		snprintf(s, 256, "%s", strerrorname_np(err) ?: "?");
	return s;
}

static inline const char *name(int err)
{
	return err ? strerrorname_np(err) : "0";
}

/* The result of a read and what was read. */
static inline const char *text(long n, const char *buf)
{
	char *s = scratch();

	if (n <= 0 || n > 200)
		return res(n);
	snprintf(s, 256, "%ld \"%.*s\"", n, (int)n, buf);
	return s;
}

static inline const char *bits_text(int bits)
{
	static const struct { int bit; const char *name; } names[] = {
		{ POLLIN, "IN" }, { POLLPRI, "PRI" }, { POLLOUT, "OUT" }, { POLLERR, "ERR" },
		{ POLLHUP, "HUP" }, { POLLRDHUP, "RDHUP" }, { POLLNVAL, "NVAL" },
	};
	char *s = scratch();
	size_t i, n = 0;

	s[0] = 0;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (bits & names[i].bit)
			n += snprintf(s + n, 256 - n, "%s%s", n ? "|" : "", names[i].name);
	return n ? s : "none";
}

static inline int poll_one(int fd, int events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, ms) < 0 ? -errno : p.revents;
}

/* All poll bits, once things have settled: loopback and proxy need a moment. */
static inline const char *bits(int fd)
{
	return bits_text(poll_one(fd, POLLIN | POLLPRI | POLLOUT | POLLRDHUP, 0));
}

static inline void pause_ms(int ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&t, &t))
		;
}

static inline long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#define SETTLE 200

static inline void settle(void)
{
	pause_ms(SETTLE);
}

/* Until a socket has something for its reader, and then what follows at once. */
static inline void await(int fd)
{
	poll_one(fd, POLLIN | POLLRDHUP, 5000);
	settle();
}

static inline int so_error(int fd)
{
	socklen_t len = sizeof(int);
	int err = -1;

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	return err;
}

static inline int option(int fd, int level, int opt)
{
	socklen_t len = sizeof(int);
	int value = -1;

	return getsockopt(fd, level, opt, &value, &len) ? -1 : value;
}

static inline int set(int fd, int level, int opt, int value)
{
	return setsockopt(fd, level, opt, &value, sizeof(value));
}

static inline void timeout(int fd, int opt, int ms)
{
	struct timeval t = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	setsockopt(fd, SOL_SOCKET, opt, &t, sizeof(t));
}

static inline void hard_close(int fd)
{
	struct linger hard = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
}

/* The other end reads exactly this many bytes, or says why not. */
static inline const char *gets_n(int fd, size_t want)
{
	static char buf[200];
	size_t n = 0;
	ssize_t ret = 1;

	timeout(fd, SO_RCVTIMEO, 5000);
	while (n < want && (ret = recv(fd, buf + n, want - n, 0)) > 0)
		n += ret;
	return n ? text(n, buf) : res(ret);
}

/* What the other end sees within a moment. */
static inline const char *sees(int fd, int ms)
{
	char buf[200];
	ssize_t n;

	timeout(fd, SO_RCVTIMEO, ms);
	n = recv(fd, buf, sizeof(buf), 0);
	return text(n, buf);
}

static inline void must(bool good, const char *what)
{
	if (good)
		return;
	printf("%s: %s: %s\n", case_name, what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

static inline void put(int fd, const char *s)
{
	must(write(fd, s, strlen(s)) == (ssize_t)strlen(s), "other end's write");
}

/* FNV-1a over a stream. */
static inline uint64_t mix(uint64_t h, const unsigned char *p, size_t n)
{
	while (n--)
		h = (h ^ *p++) * 0x100000001b3ULL;
	return h;
}
#define MIX 0xcbf29ce484222325ULL

/* ---- connections ---- */

static inline struct sockaddr_in address(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static inline int make_socket(bool kssl)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0, "socket");
	must(!kssl || !setsockopt(fd, SOL_TCP, TCP_ULP, "kssl", 4), "TCP_ULP");
	return fd;
}

static inline int make_listener(bool kssl, int port)
{
	struct sockaddr_in at = address(port);
	int fd = make_socket(false);

	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	must(!bind(fd, (struct sockaddr *)&at, sizeof(at)), "bind");
	must(!listen(fd, 8), "listen");
	must(!kssl || !setsockopt(fd, SOL_TCP, TCP_ULP, "kssl", 4), "TCP_ULP");
	return fd;
}

static inline int dial(int fd, int port)
{
	struct sockaddr_in to = address(port);

	return connect(fd, (struct sockaddr *)&to, sizeof(to));
}

static inline void *dialler(void *arg)
{
	must(!dial(*(int *)arg, setup.to), "connect");
	return NULL;
}

/* a: the end under test, b: the other one; a byte went both ways. */
struct ends {
	int a, b;
};

static inline struct ends ends(void)
{
	int l = make_listener(setup.server ? setup.here : setup.there, setup.at);
	int c = make_socket(setup.server ? setup.there : setup.here), s;
	struct ends e;
	pthread_t t;
	char byte;

	must(!pthread_create(&t, NULL, dialler, &c), "thread");
	s = accept(l, NULL, NULL);
	must(s >= 0, "accept");
	pthread_join(t, NULL);
	close(l);
	e = setup.server ? (struct ends){ s, c } : (struct ends){ c, s };
	set(e.b, SOL_TCP, TCP_NODELAY, 1);
	must(send(e.a, "?", 1, 0) == 1, "first byte");
	must(recv(e.b, &byte, 1, 0) == 1 && byte == '?', "first byte there");
	must(send(e.b, "!", 1, 0) == 1, "first answer");
	must(recv(e.a, &byte, 1, 0) == 1 && byte == '!', "first answer here");
	return e;
}

/* The other end writes twice, a moment later. */
static inline void *put_two(void *arg)
{
	pause_ms(300);
	put(*(int *)arg, "later");
	pause_ms(300);
	put(*(int *)arg, "still");
	return NULL;
}

/* ---- signals ---- */

static volatile sig_atomic_t signals;

static inline void count_signal(int sig)
{
	(void)sig;
	signals++;
}

static inline void on_signal(int sig, int flags)
{
	struct sigaction act = { .sa_handler = count_signal, .sa_flags = flags };

	sigaction(sig, &act, NULL);
	signals = 0;
}

#endif
