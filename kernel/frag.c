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
 * a socket's queue, or has pending content (charge.c).
 */
#include "frag.h"

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/skbuff.h>
#include <net/sock.h>

#include "cache.h"

/* Per CPU: half a MiB, the records of two sends of 256 KiB or so. */
#define KSSL_SPARES	8

/* struct page_frag counts in 16 bits where a long has 32. */
#define LONG_ORDER	(BITS_PER_LONG > 32 ? get_order(SZ_64K) : SKB_FRAG_PAGE_ORDER)

static void free_spare(void *page)
{
	put_page(page);
}

/* One reference each. */
DEFINE_KSSL_CACHE(pages, KSSL_SPARES, free_spare);

static void remember(struct page *page)
{
	get_page(page);
	kssl_cache_put(&pages, page);
}

/* The oldest page, if no socket has it any more; the caller gets a reference. */
static struct page *take_spare(void)
{
	struct page *page = kssl_cache_take(&pages);

	/* with one reference, the cache's, no other can be taken: no barrier is needed */
	if (page && page_ref_count(page) > 1) {
		put_page(page);
		page = NULL;
	}
	if (page)
		remember(page);
	return page;
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
	kssl_cache_exit(&pages);
}
