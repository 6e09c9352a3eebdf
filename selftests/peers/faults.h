/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Systematic faults: run something with its n-th allocation (or copy from or to
 * user space) failing, for n = 1, 2, ... until it needs no more of them.
 * The task's fail-nth does it, so nobody else is hit.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SITES_MAX 3000

static int tests, bad;
static long all_sites;
static char reason[400];
static const char *doing = "start";
static int doing_nth;
static int nth_fd = -1;

__attribute__((format(printf, 1, 2)))
static inline bool no(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!*reason)
		vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	return false;
}

#define CHECK(x) ((x) || no("line %d: %s, errno %d (%s)", __LINE__, #x, errno, strerror(errno)))

/* What must work, or there is no test. */
#define MUST(x) do {								\
	if (!(x)) {								\
		printf("Bail out! %s, %d: line %d: %s: %s\n", doing, doing_nth,	\
		       __LINE__, #x, strerror(errno));				\
		exit(1);							\
	}									\
} while (0)

static inline void result(bool good, const char *name, long sites)
{
	printf("%sok %d - %s: %ld sites\n", good ? "" : "not ", ++tests, name, sites);
	if (!good)
		printf("# fault %d: %s\n", doing_nth, reason);
	fflush(stdout);
	*reason = 0;
	bad |= !good;
	all_sites += sites;
}

static inline long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A call that hangs is found, not waited for. */
static inline void hangs(int sig)
{
	static const char text[] = "Bail out! hangs: ";

	(void)sig;
	if (write(1, text, sizeof(text) - 1) < 0 || write(1, doing, strlen(doing)) < 0 ||
	    write(1, "\n", 1) < 0)
		_exit(3);
	_exit(1);
}

/* @dry: no faults, once each: do the cases themselves work? */
static inline void faults_init(bool dry)
{
	if (!dry) {
		nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
		MUST(nth_fd >= 0);
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, hangs);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

static inline void arm_fd(int fd, int nth)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", nth);

	MUST(pwrite(fd, text, (size_t)n, 0) == n);
}

/*
 * Was there a fault?  The calls made here count too, and may be what fails: then
 * there was none before.
 */
static inline bool disarm_fd(int fd)
{
	char text[16] = "";
	bool hit = pread(fd, text, sizeof(text) - 1, 0) > 0 && !atoi(text);

	while (pwrite(fd, "0", 1, 0) != 1)
		;
	return hit;
}

static inline void arm(int nth)
{
	if (nth_fd >= 0)
		arm_fd(nth_fd, nth);
}

static inline bool disarm(void)
{
	int err = errno;
	bool hit = nth_fd >= 0 && disarm_fd(nth_fd);

	errno = err;
	return hit;
}

/* What the lack of memory, or a bad pointer, may be reported as. */
static inline bool sensible(int err)
{
	return err == ENOMEM || err == ENOBUFS || err == EFAULT;
}

#endif
