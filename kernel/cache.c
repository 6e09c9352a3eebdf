// SPDX-License-Identifier: GPL-2.0
/*
 * Objects that calls need again and again and that are dear to make: each CPU keeps
 * a few of a kind, for a second at most.  What is kept is on no account: it is
 * bounded by the number of CPUs, and gone a second after sending and receiving end,
 * before reclaim could ask for it.
 *
 * An object belongs to the cache or to the call that took it.  Taking, putting and the
 * release meet in the slots, on any CPU: a task may move to another one amid a call,
 * and the release visits them all.  So a slot is changed by xchg() alone.  this_cpu_xchg()
 * would not do: it is atomic on its own CPU only (on amd64 it has no lock prefix).
 */
#include "cache.h"

#include <linux/atomic.h>
#include <linux/cpumask.h>

/**
 * kssl_cache_take() - take this CPU's oldest object out of the cache
 * @cache: the cache
 *
 * Context: process.
 *
 * Return: the object, the caller's; NULL: there is none.
 */
void *kssl_cache_take(struct kssl_cache *cache)
{
	struct kssl_spares *spares = raw_cpu_ptr(cache->spares);
	void **slot = &spares->obj[READ_ONCE(spares->next)];

	return READ_ONCE(*slot) ? xchg(slot, NULL) : NULL;
}

/**
 * kssl_cache_put() - give an object to the cache, in place of this CPU's oldest
 * @cache: the cache
 * @obj: the object, the cache's from now on; it may be freed at once
 *
 * Context: process.
 */
void kssl_cache_put(struct kssl_cache *cache, void *obj)
{
	struct kssl_spares *spares = raw_cpu_ptr(cache->spares);
	/* two tasks may use one slot: then the second object replaces the first */
	unsigned int n = READ_ONCE(spares->next);
	void *old = xchg(&spares->obj[n], obj);

	WRITE_ONCE(spares->next, n + 1 < cache->nr ? n + 1 : 0);
	if (!delayed_work_pending(&cache->release))
		schedule_delayed_work(&cache->release, HZ);
	if (old)
		cache->free(old);
}

static void free_all(struct kssl_cache *cache)
{
	unsigned int i;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct kssl_spares *spares = per_cpu_ptr(cache->spares, cpu);

		for (i = 0; i < cache->nr; i++) {
			void *obj = xchg(&spares->obj[i], NULL);

			if (obj)
				cache->free(obj);
		}
	}
}

/**
 * kssl_cache_release() - free what is kept, a second after the first of it came
 * @work: the cache's
 */
void kssl_cache_release(struct work_struct *work)
{
	free_all(container_of(to_delayed_work(work), struct kssl_cache, release));
}

/**
 * kssl_cache_exit() - free what is kept
 * @cache: a cache that is no longer used
 */
void kssl_cache_exit(struct kssl_cache *cache)
{
	cancel_delayed_work_sync(&cache->release);
	free_all(cache);
}
