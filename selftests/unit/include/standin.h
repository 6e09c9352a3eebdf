/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Just enough of the kernel for kernel/record.c, suite.c, keys.c and aead.c to
 * be compiled as they are in user space.  The crypto API is libcrypto (see
 * crypto.h), so the cipher in these tests is not the kernel's.
 */
#ifndef STANDIN_H
#define STANDIN_H

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <asm/types.h>

typedef int32_t s32;
typedef int64_t s64;
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef unsigned int gfp_t;
typedef struct { unsigned int val; } kuid_t;
typedef struct { int n; } refcount_t;
typedef struct { int n; } spinlock_t;

#define U64_MAX UINT64_MAX
#ifndef min
#define min(a, b) ((a) < (b) ? (a) : (b))
#endif
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define __rcu
#define __force
#define __percpu
#define noinline __attribute__((noinline))
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define min_t(t, a, b) min((t)(a), (t)(b))
#define max_t(t, a, b) max((t)(a), (t)(b))
#define ilog2(n) (31 - __builtin_clz(n))
#define READ_ONCE(v) (v)
#define WRITE_ONCE(v, to) ((v) = (to))
#define smp_load_acquire(p) (*(p))
#define smp_store_release(p, v) (*(p) = (v))
#define DEFINE_MUTEX(name) int name
#define mutex_lock(m) ((void)(m))
#define mutex_unlock(m) ((void)(m))
#define lockdep_assert_preemption_enabled() ((void)0)
#define round_down(n, to) ((n) & ~((to) - 1))
#define strscpy(to, from, room) snprintf(to, room, "%s", from)
#define OPTIMIZER_HIDE_VAR(v) __asm__ ("" : "=r"(v) : "0"(v))
#define __read_mostly
#define likely(c) (c)
#define unlikely(c) (c)
#define static_assert _Static_assert
#define cpu_to_le64(v) (v)	/* we are one */
#define cpu_to_be32(v) __builtin_bswap32(v)
#define cpu_to_be64(v) __builtin_bswap64(v)
#define GFP_KERNEL 0
#define GFP_KERNEL_ACCOUNT 0
#define TASK_COMM_LEN 16

struct rcu_head { void *next; };
struct work_struct { void *func; };
struct delayed_work { struct work_struct work; };
struct list_head { struct list_head *next, *prev; };
struct xarray { void *head; };
struct net { int n; };
#ifndef STANDIN_SOCKETS
struct sock { int n; };
#else
struct sock;
#endif
struct page;
struct inet_connection_sock { void *icsk_ulp_data; };

static inline struct inet_connection_sock *inet_csk(const struct sock *sk)
{
	(void)sk;
	return NULL;
}

static inline void put_unaligned_be16(u16 v, void *p)
{
	u8 *b = p;

	b[0] = (u8)(v >> 8);
	b[1] = (u8)v;
}

static inline void put_unaligned_be64(u64 v, void *p)
{
	u8 *b = p;
	int i;

	for (i = 7; i >= 0; i--, v >>= 8)
		b[i] = (u8)v;
}

static inline void put_unaligned_be32(u32 v, void *p)
{
	u8 *b = p;
	int i;

	for (i = 3; i >= 0; i--, v >>= 8)
		b[i] = (u8)v;
}

static inline u32 get_unaligned_le32(const void *p)
{
	const u8 *b = p;

	return (u32)b[0] | (u32)b[1] << 8 | (u32)b[2] << 16 | (u32)b[3] << 24;
}

static inline u16 get_unaligned_be16(const void *p)
{
	const u8 *b = p;

	return (u16)(b[0] << 8 | b[1]);
}

static inline u64 get_unaligned_be64(const void *p)
{
	const u8 *b = p;
	u64 v = 0;
	int i;

	for (i = 0; i < 8; i++)
		v = v << 8 | b[i];
	return v;
}

#define ERR_PTR(e) ((void *)(intptr_t)(e))
#define ERR_CAST(p) ((void *)(p))
#define PTR_ERR(p) ((int)(intptr_t)(p))
#define IS_ERR(p) ((uintptr_t)(p) >= (uintptr_t)-4095)

/* Allocations are counted, and the n-th can be made to fail. */
void *test_alloc(size_t n);
void test_free(void *p);
void test_free_wiped(void *p);

#define kzalloc(n, gfp) test_alloc(n)
#define kmalloc(n, gfp) test_alloc(n)
#define kfree_sensitive(p) test_free_wiped(p)

/* Objects of a cache must have been wiped when they are freed. */
struct kmem_cache { size_t size; };
void *test_cache_alloc(const struct kmem_cache *c);
void test_cache_free(const struct kmem_cache *c, void *p);

#define SLAB_ACCOUNT 0
#define KMEM_CACHE(type, flags) \
	({ static struct kmem_cache c_ = { sizeof(struct type) }; (void)(flags); &c_; })
#define kmem_cache_destroy(c) ((void)(c))
#define kmem_cache_zalloc(c, gfp) test_cache_alloc(c)
#define kmem_cache_free(c, p) test_cache_free(c, p)
#define get_jiffies_64() 0

static inline void memzero_explicit(void *p, size_t n)
{
	memset(p, 0, n);
	__asm__ volatile("" : : "r"(p) : "memory");
}

#include "crypto.h"
#include "standin-chacha.h"
#ifdef STANDIN_SOCKETS	/* the fuzzers */
#include "socket.h"
#endif

#endif
