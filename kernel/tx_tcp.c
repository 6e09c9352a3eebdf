// SPDX-License-Identifier: GPL-2.0
/*
 * Sealed records on their way to TCP.
 *
 * A record is only sealed when TCP has room by its own rules, and then goes to
 * TCP whole; sk_sndbuf is lifted for that moment, by at most one record.  So no
 * record is ever half sent and waiting, unless memory is out: then the rest
 * stays in tx.pend, with the records behind it that several CPUs had sealed
 * (bulk.c) in tx.behind; it goes out before anything else, and is not lost at
 * close.  No work item and no callback sends anything.
 */
#include "tx_tcp.h"

#include <linux/mm.h>
#include <net/tcp.h>

#include "crew.h"
#include "kssl_compat.h"

/* What TCP may charge beyond the bytes themselves for one record (skb heads). */
#define KSSL_CHARGE_SLACK	8192

/*
 * May TCP hold the segment back for what follows?  Not when the caller will have
 * to wait for memory next, since nothing else would push it.
 */
static bool may_hold(const struct sock *sk, u32 len)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return sk->sk_wmem_queued + 2 * len + KSSL_CHARGE_SLACK < sk->sk_sndbuf &&
	       tp->write_seq - tp->snd_nxt + 2 * len < tcp_notsent_lowat(tp);
}

/* Give sealed bytes to TCP; returns how many it took, or a negative errno. */
static int to_tcp(struct sock *sk, struct page *page, u32 off, u32 len, enum kssl_push push)
{
	int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	int sndbuf = sk->sk_sndbuf;
	int done = 0, ret = 0;

	if (push != KSSL_PUSH_NOW && may_hold(sk, len))
		flags |= push == KSSL_PUSH_MORE ? KSSL_HOLD_FLAGS : MSG_MORE;
	WRITE_ONCE(sk->sk_sndbuf, INT_MAX);
	while (len && (ret = kssl_compat_send_page(sk, page, off, len, flags)) > 0) {
		done += ret;
		off += ret;
		len -= ret;
	}
	WRITE_ONCE(sk->sk_sndbuf, sndbuf);
	return done ?: ret;
}

/**
 * kssl_tx_tcp_drop() - forget what TCP had no memory for
 * @s: the session; socket lock or last reference
 */
void kssl_tx_tcp_drop(struct kssl_session *s)
{
	struct kssl_tx *tx = &s->tx;

	if (tx->pend)
		put_page(tx->pend);
	tx->pend = NULL;
	tx->pend_len = 0;
	if (tx->behind)
		kssl_crew_put(tx->behind);
	tx->behind = NULL;
}

/* The record behind the one that TCP has taken now. */
static void step(struct kssl_session *s)
{
	struct kssl_tx *tx = &s->tx;
	struct kssl_job *job = tx->behind ? kssl_crew_head(tx->behind) : NULL;

	put_page(tx->pend);
	tx->pend = NULL;
	if (!job) {
		kssl_tx_tcp_drop(s);
		return;
	}
	tx->pend = job->page;
	tx->pend_off = job->out_off;
	tx->pend_len = job->out_len;
	job->page = NULL;
	kssl_crew_next(tx->behind);
}

/**
 * kssl_tx_tcp_retry() - send what TCP had no memory for
 * @s: the session; socket lock, process context
 *
 * Return: 0: nothing is left; -EAGAIN: there is still no memory; other negative
 * errno.
 */
int kssl_tx_tcp_retry(struct kssl_session *s)
{
	struct kssl_tx *tx = &s->tx;
	int ret;

	sock_owned_by_me(s->sk);
	while (tx->pend_len) {
		ret = to_tcp(s->sk, tx->pend, tx->pend_off, tx->pend_len, KSSL_PUSH_NOW);
		if (ret <= 0)	/* TCP itself never says ENOMEM for want of buffers */
			return ret && ret != -ENOMEM ? ret : -EAGAIN;
		tx->pend_off += ret;
		tx->pend_len -= ret;
		if (!tx->pend_len)
			step(s);
	}
	return 0;
}

/**
 * kssl_tx_tcp_record() - give a sealed record to TCP
 * @s: the session; socket lock, process context
 * @page: its page; a reference is taken if it is needed
 * @off: where it begins
 * @len: its length
 * @push: what TCP does with the segment
 *
 * What TCP cannot take becomes pending.  There is room for one record there:
 * without memory for a second one it is over.
 *
 * Return: 0; -ENOMEM; or what TCP says.
 */
int kssl_tx_tcp_record(struct kssl_session *s, struct page *page, u32 off, u32 len,
		       enum kssl_push push)
{
	int ret;

	sock_owned_by_me(s->sk);
	if (unlikely(s->tx.pend_len) && kssl_tx_tcp_flush(s))
		return -ENOMEM;
	ret = to_tcp(s->sk, page, off, len, push);
	if (ret == (int)len)
		return 0;
	if (ret < 0 && ret != -EAGAIN && ret != -ENOMEM)
		return ret;
	ret = max(ret, 0);
	get_page(page);
	s->tx.pend = page;
	s->tx.pend_off = off + ret;
	s->tx.pend_len = len - ret;
	return 0;
}
