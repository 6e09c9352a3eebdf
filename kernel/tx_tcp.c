// SPDX-License-Identifier: GPL-2.0
/*
 * Sealed records on their way to TCP.
 *
 * A record is only sealed when TCP has room and memory for it (tx_record.c), so
 * TCP takes it whole.  When an skb cannot be had all the same the rest stays in
 * tx.pend, with the records behind it that several CPUs had sealed (bulk_tx.c) in
 * tx.behind.  It goes before anything else, and without the program:
 * kssl_tx_blocked() has TCP's write_space, or a timer, look at it again.
 */
#include "tx_tcp.h"

#include <linux/mm.h>
#include <net/tcp.h>

#include "crew.h"
#include "kssl_compat.h"
#include "sock_own.h"
#include "tx.h"

/* What TCP may charge beyond the bytes themselves for one record (skb heads). */
#define KSSL_CHARGE_SLACK	8192

/* How long to wait for memory, about as sk_stream_wait_memory() does; jiffies. */
#define KSSL_RETRY		(HZ / 10)

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

/*
 * Give sealed bytes to TCP.  TCP's own errors stay in sk_err, for the reader; one that
 * has not ended the connection (an ICMP error, IP_RECVERR) holds no sealed bytes up.
 *
 * Return: how many it took; -EAGAIN; -EPIPE: the connection is over.
 */
static int to_tcp(struct kssl_session *s, struct page *page, u32 off, u32 len,
		  enum kssl_push push)
{
	int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	struct sock *sk = s->sk;
	int soft = sk->sk_err;
	int done = 0, ret = 0;

	if (unlikely(sk->sk_shutdown & SEND_SHUTDOWN))
		return -EPIPE;
	if (unlikely(soft))
		WRITE_ONCE(sk->sk_err, 0);
	if (push != KSSL_PUSH_NOW && may_hold(sk, len))
		flags |= push == KSSL_PUSH_MORE ? KSSL_HOLD_FLAGS : MSG_MORE;
	WRITE_ONCE(s->tx.pushing, true);
	while (len && (ret = kssl_compat_send_page(sk, page, off, len, flags)) > 0) {
		done += ret;
		off += ret;
		len -= ret;
	}
	WRITE_ONCE(s->tx.pushing, false);
	if (unlikely(soft) && !sk->sk_err)
		WRITE_ONCE(sk->sk_err, soft);
	if (done || !ret || ret == -EAGAIN || ret == -ENOMEM)
		return done ?: -EAGAIN;
	return -EPIPE;
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
static void next_pending(struct kssl_session *s)
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
 * kssl_tx_tcp_retry() - send what TCP has not taken
 * @s: the session; socket lock, process context
 *
 * Return: 0: nothing is left; -EAGAIN: TCP still has no room or memory; -EPIPE: the
 * connection is over, and the sending side is cut.
 */
int kssl_tx_tcp_retry(struct kssl_session *s)
{
	struct kssl_tx *tx = &s->tx;
	int ret;

	sock_owned_by_me(s->sk);
	while (tx->pend_len) {
		ret = to_tcp(s, tx->pend, tx->pend_off, tx->pend_len, KSSL_PUSH_NOW);
		if (ret == -EPIPE)
			kssl_tx_cut(s);
		if (ret < 0)
			return ret;
		tx->pend_off += ret;
		tx->pend_len -= ret;
		if (!tx->pend_len)
			next_pending(s);
	}
	return 0;
}

/**
 * kssl_tx_tcp_record() - give a sealed record to TCP
 * @s: the session, nothing sealed is pending; socket lock, process context
 * @page: its page; a reference is taken if it is needed
 * @off: where it begins
 * @len: its length
 * @push: what TCP does with the segment
 *
 * What TCP does not take becomes pending.
 *
 * Return: 0; -EPIPE: the connection is over, and the sending side is cut.
 */
int kssl_tx_tcp_record(struct kssl_session *s, struct page *page, u32 off, u32 len,
		       enum kssl_push push)
{
	int ret;

	sock_owned_by_me(s->sk);
	ret = to_tcp(s, page, off, len, push);
	if (likely(ret == (int)len))
		return 0;
	if (ret == -EPIPE) {
		kssl_tx_cut(s);
		return ret;
	}
	ret = max(ret, 0);
	get_page(page);
	s->tx.pend = page;
	s->tx.pend_off = off + ret;
	s->tx.pend_len = len - ret;
	kssl_tx_blocked(s);
	return 0;
}

/**
 * kssl_tx_blocked() - arrange a retry of what is due
 * @s: the session; socket lock
 *
 * If bytes are queued, TCP calls write_space when they are acknowledged.  If none are,
 * memory is short, and a timer retries.
 */
void kssl_tx_blocked(struct kssl_session *s)
{
	struct sock *sk = s->sk;

	if (sk->sk_socket)
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	if (!sk->sk_wmem_queued || !sk->sk_socket)
		kssl_sock_look_in(s, KSSL_RETRY);
}
