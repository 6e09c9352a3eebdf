// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How often one address may ask a server of ours for a handshake, and how often such a
 * handshake may fail.  Who asks more often is refused before OpenSSL is bothered.
 *
 * An address is an IPv4 address or the first 64 bits of an IPv6 one, which is what one
 * machine can have.  The table has a bound: the address that has been quiet the longest
 * goes, and who has been quiet has nothing to lose by that, unless there are more busy
 * addresses than it holds.
 *
 * For each limit only one time is kept: when the address will have paid for all it has
 * had, at one event each 1/rate.  It may be in debt for a burst.
 */
#include "kssld.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#define ADDRESSES 8192
#define BUCKETS 4096
#define SECOND 1000000000LL

struct key {
	uint8_t bytes[9];	/* family and address */
};

struct entry {
	TAILQ_ENTRY(entry) by_use;
	TAILQ_ENTRY(entry) in_bucket;
	struct key key;
	int64_t paid[NR_RATES];
};

TAILQ_HEAD(entries, entry);

static struct {
	pthread_mutex_t lock;
	struct entries by_use;
	struct entries buckets[BUCKETS];
	unsigned int nr;
	uint64_t seed;
} table = { .lock = PTHREAD_MUTEX_INITIALIZER };

__attribute__((constructor)) static void make_table(void)
{
	int i;

	TAILQ_INIT(&table.by_use);
	for (i = 0; i < BUCKETS; i++)
		TAILQ_INIT(&table.buckets[i]);
	/* nobody shall know which addresses share a bucket; without it they might */
	if (getrandom(&table.seed, sizeof(table.seed), GRND_NONBLOCK) < 0)
		table.seed = 1;
}

static struct key key_of(const struct sockaddr_storage *remote)
{
	const struct sockaddr_in *sin = (const void *)remote;
	const struct sockaddr_in6 *sin6 = (const void *)remote;
	struct key key = { .bytes = { 4 } };

	if (remote->ss_family == AF_INET) {
		memcpy(key.bytes + 1, &sin->sin_addr, 4);
	} else if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
		memcpy(key.bytes + 1, &sin6->sin6_addr.s6_addr[12], 4);
	} else {
		key.bytes[0] = 6;
		memcpy(key.bytes + 1, &sin6->sin6_addr, 8);
	}
	return key;
}

static struct entries *bucket(const struct key *key)
{
	uint64_t hash = table.seed;
	size_t i;

	for (i = 0; i < sizeof(key->bytes); i++)
		hash = (hash ^ key->bytes[i]) * 0x100000001b3;
	return &table.buckets[(hash >> 20) % BUCKETS];
}

static struct entry *find(const struct key *key)
{
	struct entry *e;

	TAILQ_FOREACH(e, bucket(key), in_bucket)
		if (!memcmp(&e->key, key, sizeof(*key)))
			return e;
	return NULL;
}

/* A new one, or the one that has been quiet the longest. */
static struct entry *make(const struct key *key)
{
	struct entry *e;

	if (table.nr < ADDRESSES) {
		e = calloc(1, sizeof(*e));
		if (!e)
			return NULL;
		table.nr++;
	} else {
		e = TAILQ_FIRST(&table.by_use);
		TAILQ_REMOVE(&table.by_use, e, by_use);
		TAILQ_REMOVE(bucket(&e->key), e, in_bucket);
		memset(e, 0, sizeof(*e));
	}
	e->key = *key;
	TAILQ_INSERT_TAIL(&table.by_use, e, by_use);
	TAILQ_INSERT_HEAD(bucket(key), e, in_bucket);
	return e;
}

static struct entry *used(const struct key *key)
{
	struct entry *e = find(key);

	if (!e)
		return make(key);
	TAILQ_REMOVE(&table.by_use, e, by_use);
	TAILQ_INSERT_TAIL(&table.by_use, e, by_use);
	return e;
}

static int64_t price(const struct rate_limit *l)
{
	return l->seconds * SECOND / l->events;
}

static bool in_debt(const struct rate_limit *l, int64_t paid, int64_t now)
{
	return l->events && paid - now > (l->burst - 1) * price(l);
}

static void charge(const struct rate_limit *l, int64_t *paid, int64_t now)
{
	if (l->events)
		*paid = (*paid > now ? *paid : now) + price(l);
}

/**
 * rate_admit() - may an address have one more handshake?
 * @limits: RATE_HANDSHAKES and RATE_FAILURES
 * @remote: the address
 * @now: nanoseconds
 *
 * Return: NULL, or why not.
 */
const char *rate_admit(const struct rate_limit *limits, const struct sockaddr_storage *remote,
		       int64_t now)
{
	struct key key = key_of(remote);
	const char *why = NULL;
	struct entry *e;

	if (!limits[RATE_HANDSHAKES].events && !limits[RATE_FAILURES].events)
		return NULL;
	pthread_mutex_lock(&table.lock);
	e = used(&key);
	if (e && in_debt(&limits[RATE_FAILURES], e->paid[RATE_FAILURES], now))
		why = "too many failed handshakes from this address";
	else if (e && in_debt(&limits[RATE_HANDSHAKES], e->paid[RATE_HANDSHAKES], now))
		why = "too many handshakes from this address";
	else if (e)
		charge(&limits[RATE_HANDSHAKES], &e->paid[RATE_HANDSHAKES], now);
	pthread_mutex_unlock(&table.lock);
	return why;
}

/**
 * rate_failed() - a handshake has failed
 * @limits: as in rate_admit()
 * @remote: with whom
 * @now: nanoseconds
 */
void rate_failed(const struct rate_limit *limits, const struct sockaddr_storage *remote,
		 int64_t now)
{
	struct key key = key_of(remote);
	struct entry *e;

	if (!limits[RATE_FAILURES].events)
		return;
	pthread_mutex_lock(&table.lock);
	e = used(&key);
	if (e)
		charge(&limits[RATE_FAILURES], &e->paid[RATE_FAILURES], now);
	pthread_mutex_unlock(&table.lock);
}
