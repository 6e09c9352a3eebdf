// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How long handshakes take, for `ksslctl stats`: from the kernel's first word of one to
 * its keys, so the network and the peer are in it.  Workers count without a lock; a
 * reader may see a handshake in the sum that is not in its bucket yet.
 */
#include "kssld.h"

#include <inttypes.h>

/* Bucket n takes what is at most 2^(n + FIRST) microseconds; the last one the rest. */
#define FIRST 7
#define NR_BUCKETS 20

struct series {
	atomic_ullong sum_us;
	atomic_ullong buckets[NR_BUCKETS];
};

static struct series all[2][2];		/* server; resumed */

static unsigned int bucket_of(uint64_t us)
{
	unsigned int n = 0;

	while (n < NR_BUCKETS - 1 && us > UINT64_C(1) << (n + FIRST))
		n++;
	return n;
}

/**
 * latency_count() - a handshake has ended with keys
 * @server: we were the server
 * @resumed: and it resumed a session
 * @us: how long it took
 */
void latency_count(bool server, bool resumed, uint64_t us)
{
	struct series *s = &all[server][resumed];

	atomic_fetch_add_explicit(&s->sum_us, us, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->buckets[bucket_of(us)], 1, memory_order_relaxed);
}

static void put_series(const struct series *s, FILE *to)
{
	unsigned int n;

	fprintf(to, "\t%llu", atomic_load_explicit(&s->sum_us, memory_order_relaxed));
	for (n = 0; n < NR_BUCKETS; n++)
		fprintf(to, "\t%llu", atomic_load_explicit(&s->buckets[n], memory_order_relaxed));
	fputc('\n', to);
}

/**
 * latency_put() - all that was counted since the start
 * @to: a line with the upper bounds of the buckets in microseconds, but for the last;
 *	then one for each role, full and resumed: role, kind, sum of the microseconds,
 *	and how many there are in each bucket
 */
void latency_put(FILE *to)
{
	unsigned int n, server, resumed;

	fputs("bounds", to);
	for (n = 0; n < NR_BUCKETS - 1; n++)
		fprintf(to, "\t%" PRIu64, UINT64_C(1) << (n + FIRST));
	fputc('\n', to);
	for (server = 0; server < 2; server++)
		for (resumed = 0; resumed < 2; resumed++) {
			fprintf(to, "%s\t%s", server ? "server" : "client",
				resumed ? "resumed" : "full");
			put_series(&all[server][resumed], to);
		}
}
