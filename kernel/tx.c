// SPDX-License-Identifier: GPL-2.0
/*
 * The program's content, cut into records.  How one record is made is in
 * tx_record.c, what goes without the program in tx_control.c, how a record gets to
 * TCP in tx_tcp.c, and how several CPUs make the records of one call in bulk_tx.c.
 */
#include "tx.h"

#include <linux/highmem.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <net/tcp.h>

#include "bulk.h"
#include "kssl_compat.h"
#include "session.h"
#include "sock_own.h"
#include "tx_record.h"

static unsigned int more_ms = 200;	/* TCP's own ceiling */
module_param(more_ms, uint, 0644);
MODULE_PARM_DESC(more_ms, "how long MSG_MORE holds content back when nothing follows it, ms");

/* Nothing more is sent.  Also without the socket lock, as a guess (sk_wait_event()). */
static bool is_over(const struct kssl_session *s)
{
	const struct sock *sk = s->sk;

	return READ_ONCE(s->error.err) || READ_ONCE(s->tx.end) || !READ_ONCE(s->seal) ||
	       READ_ONCE(sk->sk_err) || READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN;
}

/*
 * The call has told TCP that more follows, and waits or ends without that: TCP keeps
 * the last segment.  Have TCP write it when the lock is released, as TCP itself does
 * after a packet has left while the socket was owned (tcp_tsq_handler()).
 */
static void push_held(struct sock *sk)
{
	if (!test_and_set_bit(TCP_TSQ_DEFERRED, &sk->sk_tsq_flags))
		sock_hold(sk);
}

/*
 * Wait until TCP would take more by its own rules, and has memory for it.  Not by
 * sk_stream_wait_memory(), which knows of an end only what TCP knows: after shutdown()
 * close_notify, and so TCP's own end, may be due for as long as the peer likes.
 */
static int wait_room(struct kssl_session *s, long *timeo)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	struct sock *sk = s->sk;
	/* room without memory: nothing tells when there is some, so look in a moment */
	bool room = sk_stream_memory_free(sk);
	long nap = room ? min_t(long, *timeo, HZ / 10) : *timeo, left = nap;

	sk_set_bit(SOCKWQ_ASYNC_NOSPACE, sk);
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	if (is_over(s))
		return -EPIPE;
	if (!*timeo)
		return -EAGAIN;
	if (signal_pending(current))
		return sock_intr_errno(*timeo);
	push_held(sk);
	add_wait_queue(sk_sleep(sk), &wait);
	sk_wait_event(sk, &left, is_over(s) || (!room && sk_stream_memory_free(sk)), &wait);
	remove_wait_queue(sk_sleep(sk), &wait);
	if (*timeo != MAX_SCHEDULE_TIMEOUT)
		*timeo -= nap - left;
	return is_over(s) ? -EPIPE : 0;
}

/*
 * A record to put content in: the one that is begun, or a new one.
 *
 * Return: 1: a new one, which has passed the gate; 0: one of an earlier call; -EAGAIN
 * (no room or memory); -EPIPE; or why the session has failed.
 */
static int prepare(struct kssl_session *s, u8 type, struct msghdr *msg, bool more)
{
	struct kssl_tx *tx = &s->tx;
	u32 room;
	int n;

	if (tx->page && tx->type == type && tx->len < tx->room)
		return 0;
	if (tx->page) {
		n = kssl_tx_send_content(s, KSSL_PUSH_CORK);
		if (n)
			return n;
	}
	n = kssl_tx_before_content(s);
	if (n)
		return n;
	room = kssl_tx_size(s, 0);
	/* with MSG_MORE more content may come later */
	n = kssl_tx_gate(s, more ? room : min_t(size_t, room, msg_data_left(msg)), 0,
			 KSSL_GATE_CONTENT);
	return n < 0 ? n : kssl_tx_begin(s, type, n) ?: 1;
}

/* Pending content stays after the call, but not for ever. */
static bool keep_pending(struct kssl_session *s)
{
	if (!s->tx.charged) {
		if (!kssl_tx_charge(s))
			return false;
		s->tx.late = jiffies + msecs_to_jiffies(READ_ONCE(more_ms));
	}
	if (!delayed_work_pending(&s->deferred))
		kssl_sock_look_in(s, s->tx.late - jiffies);
	return true;
}

/* Content for one record, and the record if it is due. */
static int send_some(struct kssl_session *s, u8 type, struct msghdr *msg, bool more)
{
	struct kssl_tx *tx = &s->tx;
	enum kssl_push push;
	int fresh, err, n;

	fresh = prepare(s, type, msg, more);
	if (fresh < 0)
		return fresh;
	n = kssl_tx_copy(tx, msg);
	if (n < 0) {
		if (!tx->len)
			kssl_tx_drop(s);
		return n;
	}
	if (tx->len < tx->room && (more || msg_data_left(msg)) && keep_pending(s))
		return n;
	if (tx->len < tx->room)
		kssl_tx_trim(s);
	push = kssl_push_for(msg_data_left(msg), more);
	err = fresh ? kssl_tx_seal(s, push) : kssl_tx_send_content(s, push);
	if (err != -EAGAIN)
		return err ?: n;
	/* what was begun in another call has no room now: it goes without the program */
	kssl_tx_charge(s);
	tx->content_due = true;
	kssl_tx_blocked(s);
	return n;
}

/**
 * kssl_tx_append() - add content to the record that is begun, if that does not fill it
 * @s: the session; socket lock, process context
 * @page: a page
 * @off: where the content begins in it
 * @len: its length
 *
 * The short way for sendfile(), which comes page by page where there is sendpage.
 *
 * Return: whether it was taken; if not, kssl_tx_send() has to.
 */
bool kssl_tx_append(struct kssl_session *s, struct page *page, u32 off, u32 len)
{
	struct kssl_tx *tx = &s->tx;

	sock_owned_by_me(s->sk);
	if (!tx->len || tx->type != TLS_APPDATA || len >= tx->room - tx->len ||
	    tx->content_due || tx->pend_len || s->sk->sk_err || kssl_tx_ready(s))
		return false;
	if (off + len > PAGE_SIZE)	/* of several, as what splice() takes from TCP */
		return false;
	memcpy_from_page(page_address(tx->page) + tx->off + tx->len, page, off, len);
	tx->len += len;
	s->tx_bytes += len;
	return true;
}

/**
 * kssl_tx_send() - send a program's content
 * @s: an open session with sending keys; socket lock, process context
 * @type: its content type
 * @msg: data and flags
 * @timeo: how long it may wait, jiffies
 *
 * As on TCP: a blocking call takes everything or an error; the bytes taken
 * before an error are reported first.  Large sends let the backlog in between
 * records.
 *
 * What is taken goes without the program, if TCP has no room or memory at once.
 *
 * Return: bytes taken, or -EAGAIN, -EPIPE (closed), -EFAULT, -EINTR and the like, or
 * TCP's error.
 */
int kssl_tx_send(struct kssl_session *s, u8 type, struct msghdr *msg, long timeo)
{
	bool more = msg->msg_flags & KSSL_MORE_FLAGS && !(msg->msg_flags & MSG_EOR);
	int n = s->tx.end ? -EPIPE : 0;
	int sent = 0;

	sock_owned_by_me(s->sk);
	while (msg_data_left(msg) && !s->tx.end) {
		n = kssl_bulk_send(s, type, msg, more) ?: send_some(s, type, msg, more);
		if (n == -EAGAIN)
			n = wait_room(s, &timeo);
		if (n < 0)
			break;
		sent += n;
		s->tx_bytes += n;
		sk_flush_backlog(s->sk);
	}
	if (!more && s->tx.len)
		kssl_tx_flush(s);	/* content of earlier MSG_MORE calls */
	if (unlikely(n < 0 && sent))
		push_held(s->sk);
	if (sent || !n)
		return sent;
	/* TCP's error; it stays there for the reader */
	return n == -EPIPE && s->sk->sk_err ? -READ_ONCE(s->sk->sk_err) : n;
}
