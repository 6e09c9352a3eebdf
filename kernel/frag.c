// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that records are sealed in.  Short records share the task's fragment page
 * with TCP's ordinary sends.  Long ones would waste nearly half of its 32 KiB,
 * where only one of them fits: they get 64 KiB, which hold three.
 *
 * A new page costs as much as a tenth of the encryption, since the kernel clears
 * it.  So each CPU remembers the last few, and takes the oldest again if TCP and
 * whoever else had it are done with it, as TCP itself does with its one page.
 * What was in them is never sent again: every byte of a record is written before
 * the record is.  What is remembered is forgotten once a second, so that nothing
 * stays when sending ends.  Like TCP's page, it is charged to nobody until it is in
 * a socket's queue, or holds an open record (charge.c).
 */
#include "frag.h"

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/sizes.h>
#include <linux/skbuff.h>
#include <linux/workqueue.h>
#include <net/sock.h>

/* Per CPU: half a MiB, the records of two sends of 256 KiB or so. */
#define KSSL_SPARES	8

/* struct page_frag counts in 16 bits where a long has 32. */
#define LONG_ORDER	(BITS_PER_LONG > 32 ? get_order(SZ_64K) : SKB_FRAG_PAGE_ORDER)

/**
 * struct spares - pages of one CPU, one reference each
 * @page: changed with preemption off by the CPU itself, or taken out by forget()
 * @next: the oldest
 */
struct spares {
	struct page *page[KSSL_SPARES];
	unsigned int next;
};

static DEFINE_PER_CPU(struct spares, spares);

static void forget(struct work_struct *work)
{
	int cpu, i;

	for_each_possible_cpu(cpu) {
		struct spares *sp = per_cpu_ptr(&spares, cpu);

		for (i = 0; i < KSSL_SPARES; i++) {
			struct page *page = xchg(&sp->page[i], NULL);

			if (page)
				put_page(page);
		}
	}
}

static DECLARE_DELAYED_WORK(forget_work, forget);

/* Put a page in a slot, from where forget() takes it, at the latest in a second. */
static struct page *keep(struct page **slot, struct page *page)
{
	struct page *old = xchg(slot, page);

	if (!delayed_work_pending(&forget_work))
		schedule_delayed_work(&forget_work, HZ);
	return old;
}

/* The oldest page, if nobody uses it any more; the caller gets a reference. */
static struct page *take_spare(void)
{
	struct spares *sp = get_cpu_ptr(&spares);
	struct page **slot = &sp->page[sp->next];
	struct page *page = xchg(slot, NULL);

	/* with one reference, ours, nobody can get another: no barrier is needed */
	if (page && page_ref_count(page) == 1) {
		get_page(page);
		sp->next = (sp->next + 1) % KSSL_SPARES;
		keep(slot, page);
	} else if (page) {
		keep(slot, page);
		page = NULL;
	}
	put_cpu_ptr(&spares);
	return page;
}

/* In place of the oldest. */
static void remember(struct page *page)
{
	struct spares *sp = get_cpu_ptr(&spares);
	struct page *old;

	get_page(page);
	old = keep(&sp->page[sp->next], page);
	sp->next = (sp->next + 1) % KSSL_SPARES;
	put_cpu_ptr(&spares);
	if (old)
		put_page(old);
}

/* The first try does not wait: shorter pages will do. */
static struct page *long_page(gfp_t gfp)
{
	struct page *page = take_spare();

	if (page)
		return page;
	page = alloc_pages((gfp & ~__GFP_DIRECT_RECLAIM) | __GFP_COMP | __GFP_NOWARN |
			   __GFP_NORETRY, LONG_ORDER);
	/* what is from the emergency reserves goes back to them */
	if (page && !page_is_pfmemalloc(page))
		remember(page);
	return page;
}

static void set(struct page_frag *frag, struct page *page, unsigned int order)
{
	if (frag->page)
		put_page(frag->page);
	frag->page = page;
	frag->offset = 0;
	frag->size = page ? PAGE_SIZE << order : 0;
}

/**
 * kssl_frag_refill() - room for a record
 * @sk: the socket; socket lock, process context
 * @need: bytes, no more than 32 KiB
 *
 * Return: the task's fragment page with that much room behind its offset, or
 * NULL.
 */
struct page_frag *kssl_frag_refill(struct sock *sk, u32 need)
{
	struct page_frag *frag = sk_page_frag(sk);
	struct page *page;

	if (frag->page && frag->size - frag->offset >= need)
		return frag;
	page = need > PAGE_SIZE ? long_page(sk->sk_allocation) : NULL;
	if (page) {
		set(frag, page, LONG_ORDER);
		return frag;
	}
	if (skb_page_frag_refill(need, frag, sk->sk_allocation) &&
	    frag->size - frag->offset >= need)
		return frag;
	/*
	 * Memory is fragmented: the quick tries got a single page.  A record's
	 * size must not depend on that, so try harder.
	 */
	page = alloc_pages(sk->sk_allocation | __GFP_COMP | __GFP_NOWARN, SKB_FRAG_PAGE_ORDER);
	set(frag, page, SKB_FRAG_PAGE_ORDER);
	return page ? frag : NULL;
}

/**
 * kssl_frag_exit() - no socket is left: give the pages back
 */
void kssl_frag_exit(void)
{
	cancel_delayed_work_sync(&forget_work);
	forget(NULL);
}
