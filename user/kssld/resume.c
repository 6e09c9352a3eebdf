// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sessions that clients can resume: a bounded table that all workers share.  Each
 * is given out once (RFC 8446, C.4); a handshake of TLS 1.2 that succeeds puts its
 * own back.  What may be resumed with what is the key's business (handshake.c).
 *
 * The entries lie in a chain for each bucket, newest first, and in one list by
 * age, of which the oldest goes when there are too many.
 */
#include "kssld.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#define PER_KEY 4		/* a server that sends many tickets pushes nobody out */
#define LIFE_MAX (24 * 3600)	/* since the last handshake with certificates, seconds */

struct entry {
	TAILQ_ENTRY(entry) by_age;
	TAILQ_ENTRY(entry) in_bucket;
	struct resume_key key;
	SSL_SESSION *session;
	time_t born;
};

TAILQ_HEAD(list, entry);

struct resume {
	pthread_mutex_t lock;
	struct list by_age;
	struct list *buckets;
	size_t nr_buckets;
	size_t nr;
	size_t max;
};

/**
 * resume_new() - an empty table
 * @max: most sessions in it
 *
 * Return: the table, or NULL.
 */
struct resume *resume_new(size_t max)
{
	struct resume *r = calloc(1, sizeof(*r));
	size_t i;

	if (!r)
		return NULL;
	r->max = max;
	r->nr_buckets = max / 2 + 1;
	r->buckets = calloc(r->nr_buckets, sizeof(*r->buckets));
	if (!r->buckets) {
		free(r);
		return NULL;
	}
	pthread_mutex_init(&r->lock, NULL);
	TAILQ_INIT(&r->by_age);
	for (i = 0; i < r->nr_buckets; i++)
		TAILQ_INIT(&r->buckets[i]);
	return r;
}

/* The key is a digest, so any of its bytes will do. */
static struct list *bucket(struct resume *r, const struct resume_key *key)
{
	size_t n;

	memcpy(&n, key->digest, sizeof(n));
	return &r->buckets[n % r->nr_buckets];
}

/* Off both lists; the session is the caller's. */
static SSL_SESSION *unlink_entry(struct resume *r, struct entry *e)
{
	SSL_SESSION *session = e->session;

	TAILQ_REMOVE(&r->by_age, e, by_age);
	TAILQ_REMOVE(bucket(r, &e->key), e, in_bucket);
	r->nr--;
	free(e);
	return session;
}

static bool same(const struct entry *e, const struct resume_key *key)
{
	return !memcmp(&e->key, key, sizeof(*key));
}

static bool expired(const SSL_SESSION *session, time_t born)
{
	time_t now = time(NULL), since = (time_t)SSL_SESSION_get_time(session);
	unsigned long life = SSL_SESSION_get_ticket_lifetime_hint(session);

	/* in TLS 1.2 it may say nothing (RFC 5077, 3.3): OpenSSL's default */
	if (!life && SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION)
		life = (unsigned long)SSL_SESSION_get_timeout(session);
	return now < since || (unsigned long)(now - since) >= life || now < born ||
	       now - born >= LIFE_MAX;
}

/**
 * resume_take() - a session to resume; it is in the table no more
 * @r: the table
 * @key: what it must have been made with
 * @born: set to when its certificates were exchanged
 *
 * Return: the newest that has not expired, the caller's to free; or NULL.
 */
SSL_SESSION *resume_take(struct resume *r, const struct resume_key *key, time_t *born)
{
	SSL_SESSION *session = NULL;
	struct entry *e, *next;

	pthread_mutex_lock(&r->lock);
	for (e = TAILQ_FIRST(bucket(r, key)); e && !session; e = next) {
		next = TAILQ_NEXT(e, in_bucket);
		if (!same(e, key))
			continue;
		*born = e->born;
		session = unlink_entry(r, e);
		if (expired(session, *born)) {
			SSL_SESSION_free(session);
			session = NULL;
		}
	}
	pthread_mutex_unlock(&r->lock);
	return session;
}

/* Room for one more: among those of the key, and in the table. */
static void make_room(struct resume *r, const struct resume_key *key)
{
	struct entry *e, *oldest = NULL;
	int n = 0;

	TAILQ_FOREACH(e, bucket(r, key), in_bucket)
		if (same(e, key)) {
			oldest = e;
			n++;
		}
	if (n >= PER_KEY)
		SSL_SESSION_free(unlink_entry(r, oldest));
	else if (r->nr >= r->max)
		SSL_SESSION_free(unlink_entry(r, TAILQ_LAST(&r->by_age, list)));
}

/**
 * resume_put() - a session for later
 * @r: the table
 * @key: what it was made with
 * @session: it; copied, since OpenSSL goes on to write into it
 * @born: when its certificates were exchanged
 */
void resume_put(struct resume *r, const struct resume_key *key, const SSL_SESSION *session,
		time_t born)
{
	struct entry *e;

	if (!SSL_SESSION_is_resumable(session) || expired(session, born))
		return;
	e = calloc(1, sizeof(*e));
	if (!e)
		return;
	e->key = *key;
	e->session = SSL_SESSION_dup(session);
	e->born = born;
	if (!e->session) {
		free(e);
		return;
	}
	pthread_mutex_lock(&r->lock);
	make_room(r, key);
	TAILQ_INSERT_HEAD(bucket(r, key), e, in_bucket);
	TAILQ_INSERT_HEAD(&r->by_age, e, by_age);
	r->nr++;
	pthread_mutex_unlock(&r->lock);
}

/**
 * resume_free() - forget all
 * @r: may be NULL; no worker uses it any more
 */
void resume_free(struct resume *r)
{
	struct entry *e;

	if (!r)
		return;
	while ((e = TAILQ_FIRST(&r->by_age)))
		SSL_SESSION_free(unlink_entry(r, e));
	pthread_mutex_destroy(&r->lock);
	free(r->buckets);
	free(r);
}
