/* SPDX-License-Identifier: GPL-2.0 */
/* A megabyte with a pattern, through sockets and in files. */
#ifndef BULK_H
#define BULK_H

#include <sys/mman.h>

#include "socket.h"

#define BIG (1 << 20)

struct bulk {
	int fd;
	size_t len;
	uint64_t hash;
};

static inline void *take_bulk(void *arg)
{
	static __thread unsigned char buf[65536];
	struct bulk *b = arg;
	ssize_t n;

	b->hash = MIX;
	for (b->len = 0; b->len < BIG && (n = read(b->fd, buf, sizeof(buf))) > 0; b->len += n)
		b->hash = mix(b->hash, buf, n);
	return NULL;
}

static inline unsigned char *pattern(void)
{
	unsigned char *p = malloc(BIG);
	uint64_t x = 88172645463325252ULL;
	int i;

	must(p, "malloc");
	for (i = 0; i < BIG; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = x;
	}
	return p;
}

struct give {
	int fd;
	const unsigned char *p;
};

static inline void *give_bulk(void *arg)
{
	struct give *g = arg;
	ssize_t n, at = 0;

	while (at < BIG && (n = write(g->fd, g->p + at, BIG - at)) > 0)
		at += n;
	return NULL;
}

static inline int make_file(const void *p, size_t len)
{
	int fd = memfd_create("file", 0);

	must(fd >= 0 && write(fd, p, len) == (ssize_t)len, "file");
	lseek(fd, 0, SEEK_SET);
	return fd;
}

#endif
