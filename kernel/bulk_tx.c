// SPDX-License-Identifier: GPL-2.0
/*
 * A large send on several CPUs: the caller copies content into records and gives
 * sealed ones to TCP, in order; helpers and, when there is nothing else to do,
 * the caller seal (crew.c).
 *
 * What a record may hold, when it may be made and what follows an error is as in
 * tx.c, which also does everything that is not plain sailing.  Whatever comes, all
 * records are sealed and no helper works on one when kssl_bulk_seal() returns.
 */
#include "bulk.h"

#include <linux/mm.h>
#include <net/tcp.h>

#include "keys.h"
#include "mib.h"
#include "session.h"
#include "trace.h"
#include "tx.h"
#include "tx_record.h"

/* Records per CPU that may be ahead of TCP: more would only leave the caches. */
#define AHEAD	2

/**
 * struct bulk - a call at work
 * @s: the session
 * @crew: who works
 * @type: content type
 * @msg: the content
 * @more: MSG_MORE
 * @ahead: bytes of records that TCP does not have yet
 */
struct bulk {
	struct kssl_session *s;
	struct kssl_crew *crew;
	u8 type;
	struct msghdr *msg;
	bool more;
	u32 ahead;
};

/* Bytes of content for the next record; 0: it is not for several CPUs. */
static u32 next_room(struct bulk *b)
{
	struct kssl_session *s = b->s;
	size_t left = msg_data_left(b->msg);
	u32 room;

	if (!left || kssl_tx_due(s) || s->seal->seq == U64_MAX)
		return 0;
	if (kssl_crew_busy(b->crew) >= AHEAD * (b->crew->helpers + 1))
		return 0;
	room = kssl_tx_size(s, b->ahead);
	if (left < room && b->more)
		return 0;
	room = min_t(size_t, room, left);
	return kssl_tx_gate(s, room, b->ahead, KSSL_GATE_CONTENT) == (int)room ? room : 0;
}

/* One more record; bytes of content, 0: not now, or negative errno. */
static int add_record(struct bulk *b)
{
	struct kssl_session *s = b->s;
	struct kssl_tx *tx = &s->tx;
	u32 room = next_room(b);
	struct kssl_job *job;
	int n, err;

	job = room ? kssl_crew_free_job(b->crew) : NULL;
	if (!job)
		return 0;
	n = kssl_tx_begin(s, b->type, room) ?: kssl_tx_copy(tx, b->msg);
	if (n < 0) {
		kssl_tx_drop(s);
		return n;
	}
	err = kssl_keys_seq(s->seal, &job->seq);
	if (WARN_ON_ONCE(err))	/* next_room() has looked */
		return err;
	job->type = b->type;
	job->at = page_address(tx->page) + tx->off;
	job->len = tx->len;
	job->pad = kssl_tx_pad(s, tx->len);
	job->out_off = tx->off - s->seal->head;
	job->page = tx->page;
	tx->page = NULL;
	tx->len = 0;
	b->ahead += s->seal->head + job->len + job->pad + s->seal->tail;
	kssl_crew_publish(b->crew);
	return n;
}

static void count(struct kssl_session *s, const struct kssl_job *job)
{
	s->tx_records++;
	kssl_mib_record(s->kn, KSSL_MIB_TX_RECORDS, s->seal->suite->kind);
	kssl_mib_add(s->kn, KSSL_MIB_TX_HELPED, job->helped);
	trace_kssl_record_tx(s, job->type, job->len);
}

/* The oldest record goes to TCP. */
static int send_head(struct bulk *b)
{
	struct kssl_session *s = b->s;
	struct kssl_job *job;
	enum kssl_push push;
	int err;

	kssl_crew_wait(b->crew);
	job = kssl_crew_head(b->crew);
	if (job->err) {
		kssl_crew_join(b->crew);	/* the keys are wiped: no helper may use them then */
		return kssl_tx_seal_failed(s, job->err);
	}
	push = kssl_crew_busy(b->crew) > 1 ? KSSL_PUSH_MORE :
	       kssl_push_for(msg_data_left(b->msg), b->more);
	count(s, job);
	err = kssl_tx_tcp_record(s, job->page, job->out_off, job->out_len, push);
	b->ahead -= s->seal->head + job->len + job->pad + s->seal->tail;
	put_page(job->page);
	job->page = NULL;
	kssl_crew_next(b->crew);
	sk_flush_backlog(s->sk);
	return err;
}

/* TCP is out of memory: what is sealed waits behind the record that it has not taken. */
static int leave_behind(struct bulk *b)
{
	struct kssl_crew *crew = b->crew;
	unsigned int i;

	for (i = crew->got; i != crew->put; i++) {
		const struct kssl_job *job = &crew->job[i % KSSL_JOBS];

		if (job->err)
			return kssl_tx_seal_failed(b->s, job->err);
		count(b->s, job);
	}
	b->s->tx.behind = crew;
	b->crew = NULL;
	return 0;
}

/*
 * Make records, seal and send them until there is nothing more to do.
 *
 * Return: bytes taken.  @err: -EFAULT, -EPIPE, or why a record was not sealed.
 */
static int seal_all(struct bulk *b, int *err)
{
	int sent = 0, n = 0;

	while (!b->s->tx.pend_len && !*err) {
		if (n >= 0)
			n = add_record(b);
		sent += max(n, 0);
		if (n > 0 && !kssl_crew_ready(b->crew))
			continue;
		if (!kssl_crew_busy(b->crew))
			break;
		if (kssl_crew_ready(b->crew) || !kssl_crew_work(b->crew))
			*err = send_head(b);
	}
	if (n < 0 && n != -EAGAIN && !*err)
		*err = n;
	return sent;
}

/**
 * kssl_bulk_seal() - send content as records that several CPUs seal
 * @s: an open session with sending keys; socket lock, process context
 * @type: content type
 * @msg: the content
 * @more: MSG_MORE
 *
 * Return: bytes taken, the first of those in @msg; less than all, perhaps 0, also
 * when the rest is not for several CPUs, or there is no room; negative errno if
 * nothing was taken and it cannot go on: -EFAULT, -EPIPE, or why the session has
 * failed.
 */
int kssl_bulk_seal(struct kssl_session *s, u8 type, struct msghdr *msg, bool more)
{
	struct bulk b = { .s = s, .type = type, .msg = msg, .more = more };
	int sent, err = 0;

	sock_owned_by_me(s->sk);
	if (s->tx.page || s->tx.pend_len || !sk_stream_memory_free(s->sk))
		return 0;
	b.crew = kssl_crew_get(s->seal, false);
	if (!b.crew)
		return 0;
	sent = seal_all(&b, &err);
	kssl_crew_join(b.crew);
	if (!err && s->tx.pend_len)
		err = leave_behind(&b);
	if (b.crew)
		kssl_crew_put(b.crew);
	return sent ?: err;
}
