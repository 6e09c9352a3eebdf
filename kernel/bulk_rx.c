// SPDX-License-Identifier: GPL-2.0
/*
 * A large recv on several CPUs: records that lie whole in TCP's queue are copied
 * from there, opened by helpers and the caller (crew.c), and their text goes to
 * the reader in order.
 *
 * Nothing is taken out of TCP's queue, and nothing counted, before a record is
 * known to be application data that the reader has got.  So whatever else is
 * found (a KeyUpdate, after which other keys count; an alert; a record that does
 * not verify; memory of the reader's that cannot be written) ends it here without
 * a trace, and rx.c, which is next, meets that record as if nobody had looked.
 */
#include "bulk.h"

#include <linux/sizes.h>
#include <linux/skbuff.h>
#include <net/tcp.h>

#include "crypt.h"
#include "keys.h"
#include "mib.h"
#include "record.h"
#include "session.h"
#include "trace.h"

/* Shorter records are not worth the way to another CPU. */
#define LEAST	4096

/* The length of a record is the peer's word, up to what kssl_record_check() passes. */
static_assert(KSSL_JOB_BUF >= KSSL_TEXT_ALIGN + TLS_HEADER_LEN + TLS_TEXT_MAX + TLS12_EXPAND_MAX);

/* So much is given back to TCP at once, which may open its window. */
#define EAT	SZ_128K

/**
 * struct bulk - a call at work
 * @s: the session
 * @crew: who works
 * @skb: where in TCP's queue the next record may begin; NULL: look from its head
 * @seq: TCP's sequence number of the next record
 * @room: bytes of text that the reader has room for, beyond all records ahead
 * @uneaten: bytes at the front of TCP's queue whose text the reader has
 */
struct bulk {
	struct kssl_session *s;
	struct kssl_crew *crew;
	struct sk_buff *skb;
	u32 seq;
	u32 room;
	u32 uneaten;
};

/* Bytes of TCP's queue, which stay there; false: they are not there, or not plain. */
static bool look(struct bulk *b, u32 seq, u8 *to, u32 len)
{
	struct sk_buff_head *queue = &b->s->sk->sk_receive_queue;
	struct sk_buff *skb = b->skb ?: skb_peek(queue);

	for (; skb && len; skb = skb_peek_next(skb, queue)) {
		u32 off = seq - TCP_SKB_CB(skb)->seq, n;

		b->skb = skb;
		if (TCP_SKB_CB(skb)->tcp_flags & TCPHDR_SYN)
			return false;
		if (off >= skb->len)
			continue;
		n = min(len, skb->len - off);
		if (skb_copy_bits(skb, off, to, n))
			return false;
		seq += n;
		to += n;
		len -= n;
		if (!len)
			break;
	}
	return !len;
}

/* Most text that a record of @len bytes can hold. */
static u32 most_text(const struct kssl_half *half, u32 len)
{
	return len - half->head - half->suite->tag_len - (half->version == TLS13);
}

/* The length of the next record, if it is one for us; else 0. */
static u32 next_len(struct bulk *b)
{
	const struct kssl_half *half = b->s->open;
	u8 header[TLS_HEADER_LEN], alert;
	u16 body;

	if (!look(b, b->seq, header, sizeof(header)) ||
	    kssl_record_check(half->suite, header, &body, &alert) || body < LEAST)
		return 0;
	return most_text(half, TLS_HEADER_LEN + body) > b->room ? 0 : TLS_HEADER_LEN + body;
}

/* One more record is on its way; false: there is none for us. */
static bool fill(struct bulk *b)
{
	const struct kssl_half *half = b->s->open;
	u64 seq = half->seq + kssl_crew_busy(b->crew);
	u32 len = seq < U64_MAX ? next_len(b) : 0;
	struct kssl_job *job;

	job = len ? kssl_crew_free_job(b->crew) : NULL;
	if (!job)
		return false;
	job->at = job->buf + ALIGN(half->head, KSSL_TEXT_ALIGN) - half->head;
	if (!look(b, b->seq, job->at, len))
		return false;
	job->seq = seq;
	job->len = len;
	b->seq += len;
	b->room -= most_text(half, len);
	kssl_crew_publish(b->crew);
	return true;
}

static int eat_skb(read_descriptor_t *desc, struct sk_buff *skb, unsigned int off, size_t len)
{
	len = min_t(size_t, len, desc->count);
	desc->count -= len;
	return len;
}

/* TCP can forget what the reader has. */
static void eat(struct bulk *b)
{
	read_descriptor_t desc = { .count = b->uneaten };

	if (!b->uneaten)
		return;
	b->skb = NULL;
	/* nobody takes the empty queue for an empty socket; see take_more() of framer.c */
	WRITE_ONCE(b->s->rx.need, 0);
	smp_wmb();
	WARN_ON_ONCE(tcp_read_sock(b->s->sk, &desc, eat_skb) != (int)b->uneaten);
	b->uneaten = 0;
}

static void count(struct kssl_session *s, const struct kssl_job *job)
{
	struct kssl_rx *rx = &s->rx;
	u64 seq;

	WARN_ON_ONCE(kssl_keys_seq(s->open, &seq) || seq != job->seq);
	rx->data_seen = true;
	rx->empties = 0;
	rx->warnings = 0;
	rx->updates = 0;
	s->rx_records++;
	s->rx_bytes += job->out_len;
	kssl_mib_record(s->kn, KSSL_MIB_RX_RECORDS, s->open->suite->kind);
	kssl_mib_add(s->kn, KSSL_MIB_RX_HELPED, job->helped);
	trace_kssl_record_rx(s, TLS_APPDATA, job->out_len);
}

/* The text of the oldest record goes to the reader; false: rx.c has to see to it. */
static bool give(struct bulk *b, struct msghdr *msg, u32 *done)
{
	struct kssl_job *job;
	size_t n;

	kssl_crew_wait(b->crew);
	job = kssl_crew_head(b->crew);
	if (job->err || job->type != TLS_APPDATA || !job->out_len || job->out_len > b->s->rx.limit)
		return false;
	n = copy_to_iter(job->out, job->out_len, &msg->msg_iter);
	if (n != job->out_len) {
		iov_iter_revert(&msg->msg_iter, n);
		return false;
	}
	count(b->s, job);
	*done += n;
	b->uneaten += job->len;
	kssl_crew_next(b->crew);
	if (b->uneaten >= EAT)
		eat(b);
	return true;
}

static u32 run(struct bulk *b, struct msghdr *msg)
{
	bool good = true, filled;
	u32 done = 0;

	while (good) {
		filled = fill(b);
		if (filled && !kssl_crew_ready(b->crew))
			continue;
		if (!kssl_crew_busy(b->crew))
			break;
		if (kssl_crew_ready(b->crew) || !kssl_crew_work(b->crew))
			good = give(b, msg, &done);
	}
	return done;
}

/* Nothing is half read, and nothing but application data is on its way. */
static bool is_clear(const struct kssl_session *s)
{
	const struct kssl_rx *rx = &s->rx;

	return s->state == KSSL_STATE_OPEN && s->open && !s->ktls && !rx->end && !rx->held &&
	       !rx->records && rx->head == rx->tail && list_empty(&rx->ahead) && !s->post.have &&
	       !s->post.left && !tcp_sk(s->sk)->urg_data;
}

/**
 * kssl_bulk_open() - read records that lie in TCP's queue, on several CPUs
 * @s: the session; socket lock, process context
 * @msg: where to; neither MSG_PEEK nor MSG_TRUNC
 * @len: how much
 *
 * Return: bytes, 0 if the next record is not for several CPUs.  There may be more
 * to read.
 */
u32 kssl_bulk_open(struct kssl_session *s, struct msghdr *msg, u32 len)
{
	struct bulk b = { .s = s, .seq = tcp_sk(s->sk)->copied_seq, .room = len };
	u32 done;

	sock_owned_by_me(s->sk);
	if (!is_clear(s) || !kssl_bulk_wants(tcp_sk(s->sk)->rcv_nxt - b.seq))
		return 0;
	b.crew = kssl_crew_get(s->open, true);
	if (!b.crew)
		return 0;
	done = run(&b, msg);
	kssl_crew_join(b.crew);
	eat(&b);
	kssl_crew_put(b.crew);
	return done;
}
