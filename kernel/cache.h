/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_CACHE_H
#define _KSSL_CACHE_H

#include <linux/build_bug.h>
#include <linux/percpu.h>
#include <linux/workqueue.h>

/* Most objects that a CPU keeps of a kind. */
#define KSSL_CACHE_MAX	8

/**
 * struct kssl_spares - what one CPU keeps of a kind; any CPU may change it
 * @next: where the oldest is, and the next goes
 * @obj: the objects, or NULL; changed by xchg() alone
 */
struct kssl_spares {
	unsigned int next;
	void *obj[KSSL_CACHE_MAX];
};

/**
 * struct kssl_cache - objects of a kind that calls need not make anew
 * @spares: per CPU
 * @nr: how many a CPU keeps, 1 to KSSL_CACHE_MAX
 * @free: frees an object; process context
 * @release: frees all of them
 */
struct kssl_cache {
	struct kssl_spares __percpu *spares;
	unsigned int nr;
	void (*free)(void *obj);
	struct delayed_work release;
};

/* A cache @name_ of the file, for @nr_ objects per CPU, which @free_ frees. */
#define DEFINE_KSSL_CACHE(name_, nr_, free_)						\
	static_assert((nr_) >= 1 && (nr_) <= KSSL_CACHE_MAX);				\
	static DEFINE_PER_CPU(struct kssl_spares, name_##_spares);			\
	static struct kssl_cache name_ = {						\
		.spares = &name_##_spares,						\
		.nr = (nr_),								\
		.free = (free_),							\
		.release = __DELAYED_WORK_INITIALIZER(name_.release, kssl_cache_release, 0), \
	}

/* cache.c has the contracts. */
void *kssl_cache_take(struct kssl_cache *cache);
void kssl_cache_put(struct kssl_cache *cache, void *obj);
void kssl_cache_release(struct work_struct *work);
void kssl_cache_exit(struct kssl_cache *cache);

#endif /* _KSSL_CACHE_H */
