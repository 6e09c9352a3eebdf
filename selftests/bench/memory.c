// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of an idle connection's record layer: bytes that the kernel (and, for
 * OpenSSL, the program) has more of when keys are on and both directions have been
 * used, per connection.
 */
#include "cases.h"

#include <malloc.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKETS	1000
#define BYTES	1024

/* A line of /proc/meminfo, bytes. */
static long meminfo(const char *name)
{
	char line[128];
	FILE *f = fopen("/proc/meminfo", "r");
	long kib = -1;

	must(f, "/proc/meminfo");
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			kib = atol(line + strlen(name) + 1);
	fclose(f);
	must(kib >= 0, name);
	return kib * 1024;
}

/* Objects in use; the slabs they lie in may have been there before. */
static long objects(void)
{
	FILE *f = fopen("/proc/slabinfo", "r");
	long sum = 0, active, all, size;
	char line[256];

	must(f, "/proc/slabinfo");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %ld %ld %ld", &active, &all, &size) == 3)
			sum += active * size;
	fclose(f);
	return sum;
}

/* Free pages that a CPU keeps at hand, which MemFree does not count. */
static long at_hand(void)
{
	FILE *f = fopen("/proc/zoneinfo", "r");
	long sum = 0, pages;
	char line[128];

	must(f, "/proc/zoneinfo");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %ld", &pages) == 1)
			sum += pages;
	fclose(f);
	return sum * sysconf(_SC_PAGESIZE);
}

/* Objects, per-CPU areas and all other pages that are not free or page cache. */
static long used(void)
{
	sleep(2);	/* what RCU and spare pages give back */
	return objects() + meminfo("MemTotal") - meminfo("MemFree") - at_hand() -
	       meminfo("Buffers") - meminfo("Cached") - meminfo("Slab");
}

static void both_ways(struct link *l)
{
	static uint8_t text[BYTES], record[BYTES + WIRE_MAX], got[BYTES + 256];
	size_t len = l->way->seal(l, text, BYTES, record);

	must(send(l->b.fd, record, len, 0) == (ssize_t)len &&
	     l->way->recv(&l->a, got, BYTES) == BYTES, "receive");
	must(l->way->send(&l->a, text, BYTES, 0) == BYTES &&
	     recv(l->b.fd, record, sizeof(record), 0) > BYTES - 1, "send");
}

double case_memory(const struct way *way, const struct suite *suite, size_t n, size_t buf)
{
	static struct link l[SOCKETS];
	struct link plain;
	long before, i;

	(void)n;
	(void)buf;
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	for (i = 0; i < SOCKETS; i++) {
		link_up(&l[i], &ways[0], suite);
		both_ways(&l[i]);
		l[i].way = way;
	}
	link_up(&plain, way, suite);	/* what is loaded or made once */
	way->start(&plain, false);
	way->keys(&plain, false);
	both_ways(&plain);
	before = used();
	for (i = 0; i < SOCKETS; i++) {
		way->start(&l[i], false);
		way->keys(&l[i], false);
		both_ways(&l[i]);
	}
	i = used() - before;
	link_down(&plain);
	while (n < SOCKETS)
		link_down(&l[n++]);
	return (double)i / SOCKETS;
}
