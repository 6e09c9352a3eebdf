// SPDX-License-Identifier: GPL-2.0-or-later
// SOURCES: user/kssld/[!w]*.c user/kssld/watch.c user/lib/suite.c
// LIBS: libnl-genl-3.0 libssl libcrypto libevent_core libcap-ng
// CFLAGS: -Dmain=kssld_main -Iuser/kssld
/*
 * user/kssld/worker.c: a handshake of which the kernel says nothing more is forgotten when
 * its time is up, as is one that waits for tickets.
 */
#include "../../user/kssld/worker.c"

#undef main

static int count, bad;

static void ok(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++count, name);
	bad |= !good;
}

static uint32_t told(uint32_t ms)
{
	struct {
		struct nlattr head;
		uint32_t ms;
	} attr = { { sizeof(attr), KSSL_A_HS_TIMEOUT_MS }, ms };

	return deadline_ms(&attr.head);
}

static bool is_empty(const struct worker *w)
{
	int i;

	for (i = 0; i < BUCKETS; i++)
		if (w->buckets[i])
			return false;
	return true;
}

/* Until no deadline is left, or for two seconds. */
static void wait_for_all(struct worker *w)
{
	const struct timeval limit = { .tv_sec = 2 };

	event_base_loopexit(w->base, &limit);
	event_base_dispatch(w->base);
}

int main(void)
{
	struct worker w = { .base = event_base_new() };
	struct entry *e;
	uint32_t i;

	TAILQ_INIT(&w.lingering);
	ok(told(20000) == 20000 + GRACE_MS, "the kernel's time, and a little");
	ok(told(0x7fffffff) == DEADLINE_MAX_MS + GRACE_MS, "not 24 days");
	ok(deadline_ms(NULL) == DEADLINE_MS + GRACE_MS, "a time where it says none");
	for (i = 0; i < 2000; i++) {
		e = remember(&w, i, NULL);
		arm_deadline(e, 1 + i % 50);
		if (i % 3)
			continue;
		e->lingering = true;
		TAILQ_INSERT_TAIL(&w.lingering, e, by_age);
		w.nr_lingering++;
	}
	forget(&w, 7);
	remember(&w, 8, NULL);	/* a number that comes again; it has no deadline */
	wait_for_all(&w);
	ok(!w.nr_lingering && TAILQ_EMPTY(&w.lingering), "none waits for tickets any more");
	ok(*slot(&w, 8), "one whose time is not up stays");
	forget(&w, 8);
	ok(is_empty(&w), "all others are forgotten");
	event_base_free(w.base);
	printf("1..%d\n", count);
	return bad;
}
