// SPDX-License-Identifier: GPL-2.0
// SOURCES: kernel/cache.c
// CFLAGS: -Iselftests/unit/include -Iselftests/unit -Ikernel -Wno-unused-parameter -Wno-sign-compare
/* kernel/cache.c: order and number, and that an object has one owner whoever meets. */
#include "cache.h"

#include <pthread.h>
#include <unistd.h>

#define NR_TAKERS	3
#define SECONDS		2

/* Where an object is; memory stays, so that one owner too many is counted and no more. */
enum { NOWHERE, TAKEN, KEPT };
struct obj {
	int is;
};

static struct obj pool[64];
static struct kssl_spares spares[NR_CPUS];
static struct kssl_cache cache;
static __thread unsigned int cpu;
static long freed, wrong;
static bool stop;
static int tests, bad;

unsigned int standin_cpu(void)
{
	return cpu;
}

static void ok(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tests, name);
	bad += !good;
}

static void moves(struct obj *o, int from, int to)
{
	if (__atomic_exchange_n(&o->is, to, __ATOMIC_SEQ_CST) != from)
		__atomic_add_fetch(&wrong, 1, __ATOMIC_SEQ_CST);
}

static void free_obj(void *obj)
{
	moves(obj, KEPT, NOWHERE);
	__atomic_add_fetch(&freed, 1, __ATOMIC_SEQ_CST);
}

static struct obj *new_obj(void)
{
	unsigned int i;

	for (i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i = (i + 1) % ARRAY_SIZE(pool)) {
		int is = NOWHERE;

		if (__atomic_compare_exchange_n(&pool[i].is, &is, TAKEN, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST))
			return &pool[i];
	}
	return NULL;
}

static struct obj *take(void)
{
	struct obj *o = kssl_cache_take(&cache);

	if (o)
		moves(o, KEPT, TAKEN);
	return o;
}

static void put(struct obj *o)
{
	moves(o, TAKEN, KEPT);
	kssl_cache_put(&cache, o);
}

static void init(unsigned int nr)
{
	memset(spares, 0, sizeof(spares));
	memset(pool, 0, sizeof(pool));
	cache = (struct kssl_cache){ .spares = spares, .nr = nr, .free = free_obj };
	freed = 0;
	wrong = 0;
}

static void in_order(void)
{
	struct obj *o[4];
	int i;

	init(3);
	for (i = 0; i < 4; i++)
		o[i] = new_obj();
	ok(!take(), "nothing in an empty cache");
	put(o[0]);
	ok(!take(), "free places go first");
	put(o[1]);
	put(o[2]);
	i = freed;
	put(o[3]);
	ok(!i && freed == 1 && o[0]->is == NOWHERE, "one too many takes the place of the oldest");
	cpu = 1;
	ok(!take(), "another CPU has its own");
	cpu = 0;
	ok(take() == o[1], "the oldest is taken");
	put(o[1]);
	ok(take() == o[2], "put back it is the newest");
	kssl_cache_release(&cache.release.work);
	ok(freed == 3 && !take(), "the release frees what is there, and not what was taken");
	init(1);
	put(new_obj());
	ok(take() && !take() && !wrong, "a cache for one: taken once");
	put(&pool[0]);
	kssl_cache_exit(&cache);
	ok(freed == 1, "and the last one is freed");
}

/* Tasks on two CPUs, which now and then change places. */
static void *taker(void *unused)
{
	unsigned int n = 0;
	struct obj *o;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		cpu = n++ / 64 % 2;
		o = take() ?: new_obj();
		if (o)
			put(o);
	}
	return NULL;
}

static void *releaser(void *unused)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		kssl_cache_release(&cache.release.work);
	return NULL;
}

static void all_at_once(unsigned int nr, const char *name)
{
	pthread_t thread[NR_TAKERS + 1];
	unsigned int i, in_use = 0;

	init(nr);
	for (i = 0; i <= NR_TAKERS; i++)
		pthread_create(&thread[i], NULL, i < NR_TAKERS ? taker : releaser, NULL);
	sleep(SECONDS);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i <= NR_TAKERS; i++)
		pthread_join(thread[i], NULL);
	stop = false;
	kssl_cache_exit(&cache);
	for (i = 0; i < ARRAY_SIZE(pool); i++)
		in_use += pool[i].is != NOWHERE;
	ok(!wrong && !in_use && freed, name);
	if (wrong || in_use)
		printf("# %ld of %ld in wrong hands, %u not freed\n", wrong, freed, in_use);
}

int main(void)
{
	in_order();
	all_at_once(1, "takers and the release on two CPUs: one owner each");
	all_at_once(KSSL_CACHE_MAX, "the same with many places");
	printf("1..%d\n", tests);
	return bad != 0;
}
