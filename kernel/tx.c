// SPDX-License-Identifier: GPL-2.0
/*
 * Plaintext in, records out.
 *
 * The text is copied straight to its place in a page fragment, sealed there, and
 * the page is given to TCP: one copy, one cipher pass, no list.
 *
 *	page:	| ... older records | header | text .......... | type | tag | free
 *				    ^off - head  ^off  ^off + len
 *
 * The page is the task's own (frag.c), so an idle socket holds nothing.  Only an
 * open record (MSG_MORE) keeps a reference.
 *
 * How a record gets to TCP is in tx_tcp.c; how several CPUs make the records of one
 * call in bulk_tx.c.
 */
#include "tx.h"

#include <linux/highmem.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <net/tcp.h>

#include "bulk.h"
#include "crypt.h"
#include "frag.h"
#include "charge.h"
#include "kssl_compat.h"
#include "mib.h"
#include "netlink.h"
#include "tx_tcp.h"
#include "session.h"
#include "suite.h"
#include "trace.h"

/* A congestion window beyond this many segments is not small. */
#define KSSL_SMALL_CWND		48

/* Most bytes of a record. */
#define KSSL_RECORD_MAX	(TLS_TEXT_MAX + KSSL_EXPAND_MAX)

/* KeyUpdates in a row that we send; peers end a session at 32, as we do. */
#define KSSL_TX_UPDATES_MAX	16

/**
 * kssl_tx_pending() - is something due that TCP had no memory for?
 * @s: the session; also without the socket lock, as a guess
 */
bool kssl_tx_pending(const struct kssl_session *s)
{
	return READ_ONCE(s->tx.pend_len) || READ_ONCE(s->tx.notify_due);
}

/**
 * kssl_tx_pad() - zeros behind a text
 * @s: a session with sending keys; socket lock
 * @len: length of the text
 *
 * The peer's limit counts them (RFC 8449, 4), and so does TLS 1.3's own.
 *
 * Return: how many.
 */
u32 kssl_tx_pad(const struct kssl_session *s, u32 len)
{
	u32 pad = s->tx.pad;

	if (likely(!pad) || s->seal->version != TLS13)
		return 0;
	return min(roundup(len + 1, pad) - (len + 1), s->tx.limit - min_t(u32, len, s->tx.limit));
}

/* Bytes that a record of at most @room bytes of text may need behind the text. */
static u32 tail_room(const struct kssl_session *s, u32 room)
{
	u32 pad = s->tx.pad ? s->tx.limit - min_t(u32, room, s->tx.limit) : 0;

	return s->seal->tail + min_t(u32, pad, s->tx.pad);
}

/* Seal the text of @len bytes at @off and send the record. */
static int seal_and_send(struct kssl_session *s, u8 type, struct page *page, u32 off, u32 len,
			 enum kssl_push push)
{
	struct kssl_half *half = s->seal;
	u32 record_len;
	u64 seq;
	int err;

	err = kssl_keys_seq(half, &seq);
	if (!err)
		err = kssl_crypt_seal(half, seq, type, page_address(page) + off, len,
				      kssl_tx_pad(s, len), &record_len);
	if (err && s->ktls)
		return -EBADMSG;
	if (err)
		return err;
	s->tx_records++;
	kssl_mib_record(s->kn, KSSL_MIB_TX_RECORDS, half->suite->kind);
	trace_kssl_record_tx(s, type, len);
	return kssl_tx_tcp_record(s, page, off - half->head, record_len, push);
}

static int send_alone(struct kssl_session *s, u8 type, const void *text, u32 len)
{
	u32 head = s->seal->head, span = head + len + tail_room(s, len);
	struct page_frag *frag = kssl_frag_refill(s->sk, span);
	u32 off;

	if (!frag)
		return -ENOMEM;
	off = frag->offset + head;
	memcpy(page_address(frag->page) + off, text, len);
	frag->offset += span;
	return seal_and_send(s, type, frag->page, off, len, KSSL_PUSH_NOW);
}

static void drop_open(struct kssl_session *s)
{
	struct kssl_tx *tx = &s->tx;

	kssl_mem_uncharge(s->sk, &tx->charged);
	if (tx->page)
		put_page(tx->page);
	tx->page = NULL;
	tx->len = 0;
}

/*
 * RFC 8446, 4.6.3: the message goes with the old key, what follows with the new.
 * One that asks for an answer is none itself.
 */
static int send_update(struct kssl_session *s, bool request)
{
	const u8 text[] = { TLS_HS_KEY_UPDATE, 0, 0, 1, request };
	bool again = !s->seal->used;
	int err;

	err = send_alone(s, TLS_HANDSHAKE, text, sizeof(text));
	if (!err)
		err = kssl_keys_update(s->seal);
	if (err)
		return err;
	if (request)
		s->tx.update_asked = true;
	else
		s->tx.update_due = false;
	s->tx.updates = again ? s->tx.updates + 1 : 1;
	WRITE_ONCE(s->tx_generation, s->tx_generation + 1);
	kssl_mib_inc(s->kn, KSSL_MIB_UPDATE_SENT);
	trace_kssl_rekey_tx(s, s->tx_generation);
	kssl_nl_event(s, KSSL_EVENT_KIND_REKEYED);
	return 0;
}

/*
 * Close the open record of MSG_MORE data, if there is one.  A KeyUpdate that came
 * while it was open is answered before it.
 */
static int close_open(struct kssl_session *s, enum kssl_push push)
{
	struct kssl_tx *tx = &s->tx;
	int err = 0;

	if (tx->len && tx->update_due)
		err = send_update(s, false);
	if (tx->len && !err)
		err = seal_and_send(s, tx->type, tx->page, tx->off, tx->len, push);
	drop_open(s);
	return err;
}

/**
 * kssl_tx_finish() - judge an error that came while a record was made
 * @s: the session; socket lock, process context
 * @err: 0 or negative errno
 *
 * It ends the session: a sequence number is spent, or keys are half changed.
 *
 * Return: @err.
 */
int kssl_tx_finish(struct kssl_session *s, int err)
{
	if (s->ktls ? err == -EBADMSG : err && err != -EPIPE && s->state != KSSL_STATE_FAILED)
		kssl_session_fail(s, err, KSSL_ALERT_NONE, "sending failed");
	return err;
}

/* Has the sending key protected as many records as suite and policy allow? */
static bool used_up(const struct kssl_session *s)
{
	u32 records = READ_ONCE(s->kn->key_records);

	return s->seal->used >= s->seal->suite->limit || (records && s->seal->used >= records);
}

/* Is it older than the policy wants?  Without a secret there is no other. */
static bool too_old(const struct kssl_session *s)
{
	u32 seconds = READ_ONCE(s->kn->rekey_seconds);

	return seconds && s->seal->secret.len &&
	       time_after_eq64(get_jiffies_64(), s->seal->since + (u64)seconds * HZ);
}

/**
 * kssl_tx_due() - must something go before the next record of data?
 * @s: a session with sending keys; socket lock
 */
bool kssl_tx_due(const struct kssl_session *s)
{
	return unlikely(used_up(s) || s->tx.update_due || too_old(s)) && !s->ktls;
}

/* Before a record of data: the answer to a KeyUpdate, and the limits of the key. */
static int before_data(struct kssl_session *s)
{
	if (!kssl_tx_due(s))
		return 0;
	if (used_up(s))
		kssl_nl_event(s, KSSL_EVENT_KIND_LIMIT);
	if (s->seal->secret.len)
		return kssl_tx_finish(s, send_update(s, false));
	kssl_tx_close(s);	/* RFC 9325, 4.4: TLS 1.2 cannot rekey, nor can a bare key */
	return -EPIPE;
}

/* Nothing is left in front of the next record. */
static int clear_way(struct kssl_session *s)
{
	/* a record that became pending must go before another is sealed */
	return kssl_tx_tcp_flush(s) ?: close_open(s, KSSL_PUSH_MORE) ?: kssl_tx_tcp_flush(s);
}

/* Send the close_notify that is due; -EAGAIN: it stays due. */
static int send_notify(struct kssl_session *s)
{
	static const u8 text[2] = { TLS_WARNING, TLS_CLOSE_NOTIFY };
	int err;

	if (!s->tx.notify_due)
		return 0;
	err = clear_way(s);
	if (err == -EAGAIN)
		return err;
	s->tx.notify_due = false;
	err = err ?: send_alone(s, TLS_ALERT, text, sizeof(text));
	if (!err) {
		s->tx.notified = true;
		kssl_mib_inc(s->kn, KSSL_MIB_CLOSE_SENT);
		trace_kssl_alert_tx(s, TLS_WARNING, TLS_CLOSE_NOTIFY);
	}
	return kssl_tx_finish(s, err);
}

/**
 * kssl_tx_flush() - send what is there to send: sealed bytes that TCP had no
 *	memory for, the open record of MSG_MORE data, close_notify if it is due
 * @s: an open session; socket lock, process context
 *
 * Return: 0; -EAGAIN (there is still no memory); other negative errno.
 */
int kssl_tx_flush(struct kssl_session *s)
{
	int err = kssl_tx_tcp_flush(s);

	if (err)
		return err;
	if (unlikely(s->tx.closed)) {
		err = send_notify(s);
		kssl_session_closed(s);
		return err;
	}
	if (!s->tx.len)
		return 0;
	err = before_data(s);
	return kssl_tx_finish(s, err ?: close_open(s, KSSL_PUSH_NOW));
}

/**
 * kssl_tx_retry() - may be that TCP has the memory now
 * @s: an open session; socket lock, process context
 *
 * Unlike kssl_tx_flush() leaves alone what MSG_MORE holds back.
 */
void kssl_tx_retry(struct kssl_session *s)
{
	if (s->tx.closed)
		kssl_tx_flush(s);
	else
		kssl_tx_tcp_flush(s);
}

/**
 * kssl_tx_push_due() - send what is due, without the program
 * @s: the session; socket lock, process context
 */
void kssl_tx_push_due(struct kssl_session *s)
{
	if (s->state == KSSL_STATE_OPEN)
		kssl_tx_retry(s);
}

/**
 * kssl_tx_ready() - are there sending keys, and may more be sent?
 * @s: the session; socket lock
 *
 * Return: 0; -ENOTCONN (no keys yet); -EPIPE (the sending side is closed).
 */
int kssl_tx_ready(const struct kssl_session *s)
{
	if (s->tx.closed || s->state > KSSL_STATE_OPEN || s->sk->sk_shutdown & SEND_SHUTDOWN)
		return -EPIPE;
	return s->state == KSSL_STATE_OPEN && s->seal ? 0 : -ENOTCONN;
}

/**
 * kssl_tx_key_update() - new sending keys, now
 * @s: the session; socket lock, process context
 * @request: ask the peer for new keys too; it answers before its next data
 *
 * Never waits.  Text of MSG_MORE that is not sealed yet goes with the new keys.
 *
 * Return: 0; what kssl_tx_ready() says; -EOPNOTSUPP (TLS 1.2, or keys without a
 * secret); -EAGAIN (the peer owes an answer, there is no room, or too many were
 * sent without data); or why the session has failed.
 */
int kssl_tx_key_update(struct kssl_session *s, bool request)
{
	int err;

	sock_owned_by_me(s->sk);
	err = kssl_tx_ready(s);
	if (err)
		return err;
	if (!s->seal->secret.len)
		return -EOPNOTSUPP;
	if ((request && s->tx.update_asked) || !sk_stream_memory_free(s->sk) ||
	    (!s->seal->used && s->tx.updates >= KSSL_TX_UPDATES_MAX))
		return -EAGAIN;
	err = kssl_tx_tcp_flush(s);
	return err ?: kssl_tx_finish(s, send_update(s, request));
}

/**
 * kssl_tx_control() - send one record that is not application data
 * @s: a session with sending keys; socket lock, process context
 * @type: TLS_ALERT or TLS_HANDSHAKE
 * @text: its text
 * @len: its length
 *
 * The open record, if any, goes first, so the order is the program's.
 *
 * Return: 0; -EPIPE after close_notify or a fatal alert; or negative errno.
 */
int kssl_tx_control(struct kssl_session *s, u8 type, const void *text, u32 len)
{
	int err;

	sock_owned_by_me(s->sk);
	if (s->tx.closed || !s->seal)
		return -EPIPE;
	err = clear_way(s);
	return err ?: send_alone(s, type, text, len);
}

/**
 * kssl_tx_raw() - send bytes of the handshake as they are
 * @s: a session in the handshake, without sending keys; socket lock, process
 * @bytes: whole records made by the worker
 * @len: their length
 *
 * Return: 0 or negative errno.
 */
int kssl_tx_raw(struct kssl_session *s, const void *bytes, size_t len)
{
	sock_owned_by_me(s->sk);
	while (len) {
		u32 n = min_t(size_t, len, KSSL_RECORD_MAX);
		struct page_frag *frag = kssl_frag_refill(s->sk, n);
		int err;

		if (!frag)
			return -ENOMEM;
		memcpy(page_address(frag->page) + frag->offset, bytes, n);
		frag->offset += n;
		err = kssl_tx_tcp_record(s, frag->page, frag->offset - n, n,
				      len > n ? KSSL_PUSH_MORE : KSSL_PUSH_NOW);
		if (err)
			return err;
		if (s->tx.pend_len)
			return -ENOMEM;
		bytes += n;
		len -= n;
	}
	return 0;
}

/**
 * kssl_tx_close() - close_notify, once (RFC 8446, 6.1)
 * @s: the session; socket lock, process context
 *
 * MSG_MORE data goes first.  Never waits: if TCP has no memory for what is in
 * front of it, close_notify is due and goes with the next kssl_tx_flush().
 */
void kssl_tx_close(struct kssl_session *s)
{
	if (s->tx.closed || !s->seal)
		return;
	s->tx.closed = true;
	s->tx.notify_due = true;
	send_notify(s);
	kssl_session_closed(s);
}

/**
 * kssl_tx_drain() - before the end: what was taken from the program goes to TCP
 * @s: a session with sending keys; socket lock, process context; may wait for
 *	a moment, the lock is released meanwhile
 *
 * Return: 0; -EAGAIN: TCP had no memory for all of it.  That must not look as if
 * all were sent.
 */
int kssl_tx_drain(struct kssl_session *s)
{
	struct sock *sk = s->sk;
	long timeo = HZ;

	while (kssl_tx_flush(s) == -EAGAIN && timeo && !fatal_signal_pending(current))
		if (sk_stream_wait_memory(sk, &timeo))
			break;
	return kssl_tx_pending(s) ? -EAGAIN : 0;
}

/**
 * kssl_tx_release() - forget everything that was not sent
 * @s: the session; socket lock, or the last reference of the socket
 */
void kssl_tx_release(struct kssl_session *s)
{
	drop_open(s);
	kssl_tx_tcp_drop(s);
	s->tx.notify_due = false;
}

/* Wait until TCP would take more by its own rules, and has memory for it. */
static int wait_room(struct kssl_session *s, long *timeo)
{
	struct sock *sk = s->sk;
	int err;

	for (;;) {
		err = sk_stream_memory_free(sk) ? kssl_tx_tcp_flush(s) : -EAGAIN;
		if (err != -EAGAIN)
			return err;
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		/* without memory it waits for a moment, as TCP does */
		err = sk_stream_wait_memory(sk, timeo);
		if (err)
			return err;
		if (s->error.err || s->tx.closed || !s->seal)
			return -EPIPE;
	}
}

/*
 * The congestion window that TCP will send with, in segments.  After idleness it
 * begins anew, but TCP does that (tcp_cwnd_restart()) only when it gets bytes.
 */
static u32 window_segments(const struct sock *sk)
{
	const struct inet_connection_sock *icsk = inet_csk(sk);
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 cwnd = tcp_snd_cwnd(tp), least = min_t(u32, cwnd, TCP_INIT_CWND);
	s32 idle = tcp_jiffies32 - tp->lsndtime, rto = icsk->icsk_rto;

	if (likely(tp->packets_out || idle <= rto) || icsk->icsk_ca_ops->cong_control ||
	    !READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_slow_start_after_idle))
		return cwnd;
	for (idle -= rto; idle > 0 && cwnd > least; idle -= rto)
		cwnd >>= 1;
	return max(cwnd, least);
}

/**
 * kssl_tx_size() - how much text the next record may hold
 * @s: a session with sending keys; socket lock
 * @ahead: bytes of records that TCP does not have yet
 *
 * A peer can use nothing of a record
 * before it has all of it: while the congestion window is smaller than a record
 * and not full, as in a new connection and after idleness, a record ends with
 * the window, which saves a round trip.  In bulk, where more is queued than the
 * window takes, records are full.  The window counts segments, also short ones.
 *
 * Return: bytes.
 */
u32 kssl_tx_size(const struct kssl_session *s, u32 ahead)
{
	const struct tcp_sock *tp = tcp_sk(s->sk);
	u32 most = s->tx.size ? min(s->tx.size, s->tx.limit) : s->tx.limit;
	u32 segments, flying, room, extra;

	if (s->tx.size || s->ktls)
		return most;
	segments = window_segments(s->sk);
	flying = tcp_packets_in_flight(tp);
	if (segments > KSSL_SMALL_CWND || segments <= flying)
		return most;
	room = (segments - flying) * tp->mss_cache;
	extra = s->seal->head + s->seal->tail + (tp->write_seq - tp->snd_nxt) + ahead;
	/* a segment's worth of text at least: segments may be smaller than @extra */
	if (likely(room >= most + extra) || room < extra + tp->mss_cache)
		return most;
	return room - extra;
}

/* A place for the next record; an open one is kept by reference. */
static int begin(struct kssl_session *s, u8 type, u32 room)
{
	struct kssl_tx *tx = &s->tx;
	struct page_frag *frag;
	u32 head, tail, align;

	tx->room = room;
	head = s->seal->head;
	tail = tail_room(s, tx->room);
	/* short records lie close together, for TCP joins their bytes then */
	align = tx->room >= PAGE_SIZE ? KSSL_TEXT_ALIGN : 1;
	frag = kssl_frag_refill(s->sk, align - 1 + head + tx->room + tail);
	if (!frag)
		return -ENOMEM;
	frag->offset = ALIGN(frag->offset + head, align) - head;
	tx->page = frag->page;
	tx->off = frag->offset + head;
	tx->len = 0;
	tx->type = type;
	get_page(tx->page);
	frag->offset += head + tx->room + tail;
	return 0;
}

/* Unused room at the end goes back, so that records lie close together. */
static void give_back(struct kssl_session *s)
{
	struct page_frag *frag = sk_page_frag(s->sk);
	struct kssl_tx *tx = &s->tx;
	u32 tail = tail_room(s, tx->room);

	if (frag->page == tx->page && frag->offset == tx->off + tx->room + tail)
		frag->offset = tx->off + tx->len + tail_room(s, tx->len);
}

static int copy_text(struct kssl_tx *tx, struct msghdr *msg)
{
	u32 n = min_t(size_t, tx->room - tx->len, msg_data_left(msg));

	if (!copy_from_iter_full(page_address(tx->page) + tx->off + tx->len, n, &msg->msg_iter))
		return -EFAULT;
	tx->len += n;
	return n;
}

/*
 * A record to put text in: the open one, or a new one.  Waiting lets other
 * writers in, who may have opened one meanwhile.
 */
static int prepare(struct kssl_session *s, u8 type, struct msghdr *msg, bool more, long *timeo)
{
	u32 room;
	int err;

	if (s->tx.page && s->tx.type == type)
		return 0;
	err = wait_room(s, timeo);
	if (!err && s->tx.page && s->tx.type != type)
		err = close_open(s, KSSL_PUSH_CORK);	/* there may be no memory for the next */
	if (err || s->tx.page)
		return err;
	err = before_data(s);
	if (err)
		return err;
	room = kssl_tx_size(s, 0);
	/* with MSG_MORE more text may come later */
	return begin(s, type, more ? room : min_t(size_t, room, msg_data_left(msg)));
}

/**
 * kssl_tx_fill() - text for a record that others will seal
 * @s: a session with sending keys and without an open record; socket lock
 * @type: its content type
 * @msg: has at least that much
 * @room: how much, no more than kssl_tx_size()
 *
 * The record is at tx.page and tx.off, tx.len long.
 *
 * Return: bytes taken, -EFAULT or -ENOMEM.
 */
int kssl_tx_fill(struct kssl_session *s, u8 type, struct msghdr *msg, u32 room)
{
	int n = begin(s, type, room) ?: copy_text(&s->tx, msg);

	if (n < 0)
		drop_open(s);
	return n;
}

/* The record stays open after the call, if there is room for that. */
static bool hold_open(struct kssl_session *s)
{
	struct kssl_tx *tx = &s->tx;

	return kssl_mem_charge(s->sk, &tx->charged, s->seal->head + tx->room + tail_room(s, tx->room),
			 SK_MEM_SEND);
}

/* Text for one record, and the record if it is due. */
static int send_some(struct kssl_session *s, u8 type, struct msghdr *msg, bool more, long *timeo)
{
	struct kssl_tx *tx = &s->tx;
	int err, n;

	err = prepare(s, type, msg, more, timeo);
	if (err)
		return err;
	n = copy_text(tx, msg);
	if (n < 0) {
		if (!tx->len)
			drop_open(s);
		return n;
	}
	if (tx->len < tx->room && (more || msg_data_left(msg)) && hold_open(s))
		return n;
	give_back(s);
	err = close_open(s, kssl_push_for(msg_data_left(msg), more));
	return kssl_tx_finish(s, err) ?: n;
}

/**
 * kssl_tx_append() - content for the open record, if there is one and it stays open
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
	if (!tx->len || tx->type != TLS_APPDATA || len >= tx->room - tx->len || tx->pend_len ||
	    s->sk->sk_err || kssl_tx_ready(s))
		return false;
	if (off + len > PAGE_SIZE)	/* of several, as what splice() takes from TCP */
		return false;
	memcpy_from_page(page_address(tx->page) + tx->off + tx->len, page, off, len);
	tx->len += len;
	s->tx_bytes += len;
	return true;
}

/*
 * The call ends where it believed to go on, and TCP holds segments back for what
 * does not come.  TCP writes them when the lock is released: the way it does
 * itself after a packet has left while the socket was owned (tcp_tsq_handler()).
 */
static void push_held(struct sock *sk)
{
	if (!test_and_set_bit(TCP_TSQ_DEFERRED, &sk->sk_tsq_flags))
		sock_hold(sk);
}

/**
 * kssl_tx_send() - content of the program's
 * @s: an open session with sending keys; socket lock, process context
 * @type: its content type
 * @msg: data and flags
 *
 * As on TCP: a blocking call takes everything or an error; the bytes taken
 * before an error are reported first.  Large sends let the backlog in between
 * records.
 *
 * A blocking call also waits until TCP has had memory for the last record: no
 * other call may come, and so nobody else would send it.
 *
 * Return: bytes taken, or -EAGAIN, -EPIPE (closed), -EFAULT, -ENOMEM, -EINTR
 * and the like.
 */
int kssl_tx_send(struct kssl_session *s, u8 type, struct msghdr *msg)
{
	long timeo = sock_sndtimeo(s->sk, msg->msg_flags & MSG_DONTWAIT);
	bool more = msg->msg_flags & KSSL_MORE_FLAGS && !(msg->msg_flags & MSG_EOR);
	int sent = 0, n = 0, err;

	sock_owned_by_me(s->sk);
	err = kssl_tx_tcp_flush(s);
	if (err == -EAGAIN)
		err = wait_room(s, &timeo);
	while (!err && msg_data_left(msg)) {
		n = kssl_bulk_send(s, type, msg, more, &err);
		if (!n && !err)
			n = send_some(s, type, msg, more, &timeo);
		if (n < 0)
			break;
		sent += n;
		s->tx_bytes += n;
		sk_flush_backlog(s->sk);
	}
	if (!more && s->tx.len && s->state == KSSL_STATE_OPEN)
		err = kssl_tx_flush(s);	/* data of earlier MSG_MORE calls */
	if (unlikely(s->tx.pend_len))
		wait_room(s, &timeo);
	if (unlikely((n < 0 || err) && sent))
		push_held(s->sk);
	if (sent)
		return sent;
	return n < 0 ? n : err;
}
