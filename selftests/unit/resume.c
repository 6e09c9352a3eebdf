// SPDX-License-Identifier: GPL-2.0
// SOURCES: user/kssld/resume.c
// LIBS: libssl libcrypto
// CFLAGS: -Iuser/kssld
/* user/kssld/resume.c: bounds, order, age; and many threads at once. */
#include "kssld.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_n, tap_bad;

static void ok(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tap_n, name);
	tap_bad += !good;
}

static struct resume_key key(unsigned int n)
{
	struct resume_key k = { { 0 } };

	memcpy(k.digest, &n, sizeof(n));
	memcpy(k.digest + 20, &n, sizeof(n));
	return k;
}

/* A session that can be told by its id; made @age seconds ago. */
static SSL_SESSION *session(uint8_t id, long age, int version)
{
	SSL_SESSION *s = SSL_SESSION_new();

	SSL_SESSION_set_protocol_version(s, version);
	SSL_SESSION_set1_id(s, &id, 1);
	SSL_SESSION_set_time(s, (long)time(NULL) - age);
	SSL_SESSION_set_timeout(s, 100);
	return s;
}

static void put_aged(struct resume *r, unsigned int n, uint8_t id, long age, long born_age,
		     int version)
{
	struct resume_key k = key(n);
	SSL_SESSION *s = session(id, age, version);

	resume_put(r, &k, s, time(NULL) - born_age);
	SSL_SESSION_free(s);
}

static void put(struct resume *r, unsigned int n, uint8_t id)
{
	put_aged(r, n, id, 0, 0, TLS1_2_VERSION);
}

/* The id of what is taken, 0 for nothing. */
static unsigned int take(struct resume *r, unsigned int n)
{
	struct resume_key k = key(n);
	time_t born = 0;
	SSL_SESSION *s = resume_take(r, &k, &born);
	unsigned int len, id;

	if (!s)
		return 0;
	id = SSL_SESSION_get_id(s, &len)[0];
	SSL_SESSION_free(s);
	return born ? id : 999;
}

static void order(void)
{
	struct resume *r = resume_new(100);
	uint8_t i;
	bool good;

	good = !take(r, 1);
	put(r, 1, 11);
	put(r, 2, 21);
	good &= !take(r, 3) && take(r, 1) == 11 && !take(r, 1) && take(r, 2) == 21 && !take(r, 2);
	ok(good, "each once, and only with its key");
	for (i = 1; i <= 10; i++)
		put(r, 5, i);
	good = take(r, 5) == 10 && take(r, 5) == 9 && take(r, 5) == 8 && take(r, 5) == 7;
	ok(good && !take(r, 5), "four of one key, newest first");
	resume_free(r);
}

static void bound(void)
{
	struct resume *r = resume_new(3);
	unsigned int i;
	bool good;

	for (i = 1; i <= 5; i++)
		put(r, i, (uint8_t)i);
	good = !take(r, 1) && !take(r, 2) && take(r, 3) == 3 && take(r, 4) == 4 && take(r, 5) == 5;
	ok(good, "when it is full the oldest goes");
	for (i = 1; i <= 3; i++)
		put(r, i, (uint8_t)i);
	for (i = 10; i < 20; i++)	/* one key pushes out no more than four */
		put(r, 3, (uint8_t)i);
	good = take(r, 3) == 19 && take(r, 3) == 18 && take(r, 3) == 17 && !take(r, 3);
	ok(good, "many of one key");
	resume_free(r);
	r = resume_new(1);
	put(r, 1, 1);
	put(r, 2, 2);
	ok(!take(r, 1) && take(r, 2) == 2, "room for one");
	put(r, 1, 1);
	resume_free(r);
	resume_free(NULL);
}

static void age(void)
{
	const long day = 24 * 3600;
	struct resume *r = resume_new(10);
	bool good;

	put_aged(r, 1, 1, 90, 90, TLS1_2_VERSION);
	put_aged(r, 2, 2, 101, 101, TLS1_2_VERSION);
	put_aged(r, 3, 3, -10, 0, TLS1_2_VERSION);
	good = take(r, 1) == 1 && !take(r, 2) && !take(r, 3);
	ok(good, "not when it has expired, nor from the future");
	put_aged(r, 4, 4, 0, day - 10, TLS1_2_VERSION);
	put_aged(r, 5, 5, 0, day + 10, TLS1_2_VERSION);
	put_aged(r, 6, 6, 0, -10, TLS1_2_VERSION);
	good = take(r, 4) == 4 && !take(r, 5) && !take(r, 6);
	ok(good, "not a day after the certificates were exchanged");
	put_aged(r, 7, 7, 0, 0, TLS1_3_VERSION);
	ok(!take(r, 7), "not a ticket of TLS 1.3 with lifetime 0");
	resume_free(r);
}

static void *hammer(void *arg)
{
	struct resume *r = arg;
	unsigned int i;

	for (i = 0; i < 20000; i++) {
		put(r, i % 37, (uint8_t)(i % 251 + 1));
		take(r, i * 7 % 41);
	}
	return NULL;
}

static void threads(void)
{
	struct resume *r = resume_new(20);
	pthread_t t[4];
	int i, left;

	for (i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, hammer, r);
	for (i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (i = 0, left = 0; i < 37; i++)
		while (take(r, (unsigned int)i))
			left++;
	resume_free(r);
	ok(left > 0 && left <= 20, "four threads: the bound holds (and the sanitizer is silent)");
}

int main(void)
{
	order();
	bound();
	age();
	threads();
	printf("1..%d\n", tap_n);
	return tap_bad != 0;
}
