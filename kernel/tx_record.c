// SPDX-License-Identifier: GPL-2.0
/*
 * One record: may it be made now (the gate), where does it lie, sealing it.
 *
 * The gate is the only way to a sequence number.  A record is sealed when
 *   - TCP has taken every sealed byte before it,
 *   - the send buffer has room for all of it, and
 *   - TCP's memory for it is reserved,
 * so that TCP takes it whole.  sk_sndbuf is TCP's own and only read:
 *
 *	0                     sk_wmem_queued                         sk_sndbuf
 *	| queued, not acknowledged | record | skb heads | ... | reserve |
 *
 * The reserve is for alerts, close_notify and KeyUpdate.  What fits TCP's last unsent skb
 * is allowed whatever the buffer is, as it is for TCP, and with nothing queued a segment,
 * so that something moves.  In a buffer that is too small for two full records TCP's own
 * rule holds: one more record, perhaps a shorter one, while the buffer is not full.
 *
 * poll(), sk_write_space() and sk_stream_wait_memory() ask the same predicate, by
 * prot->stream_memory_free: what they call writable passes the gate.
 *
 * The content is copied straight to its place in a page fragment, sealed there, and
 * the page is given to TCP: one copy, one cipher pass, no list.
 *
 *	page:	| ... older records | header | content ....... | type | tag | free
 *				    ^off - head  ^off     ^off + len
 *
 * The page is the task's own (frag.c), so an idle socket has none.  Only pending
 * content (MSG_MORE) keeps a reference.
 */
#include "tx_record.h"

#include <linux/mm.h>
#include <net/tcp.h>

#include "charge.h"
#include "crypt.h"
#include "frag.h"
#include "mib.h"
#include "session.h"
#include "suite.h"
#include "trace.h"
#include "tx.h"

/* A congestion window beyond this many segments is not small. */
#define KSSL_SMALL_CWND		48

/* Most bytes that alerts and the like may use when content may not. */
#define KSSL_RESERVE		2048

/* Content that is worth a record of its own, however small the send buffer is. */
#define KSSL_RECORD_LEAST	1024

/* What TCP charges for a segment beyond its bytes. */
#define KSSL_SKB_HEAD		SKB_TRUESIZE(MAX_TCP_HEADER)

/* Bytes that TCP puts into one skb, about as tcp_xmit_size_goal() has it. */
static u32 skb_room(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return max_t(u32, tp->mss_cache, 1) * max_t(u32, READ_ONCE(tp->gso_segs), 1);
}

/* What TCP charges for @len bytes in skbs of their own. */
static s64 new_skbs(const struct sock *sk, u32 len)
{
	return len + DIV_ROUND_UP(len, skb_room(sk)) * KSSL_SKB_HEAD;
}

/* What TCP charges for @len bytes beyond those: heads of the skbs it has to make. */
static u32 heads(const struct sock *sk, u32 len)
{
	const struct sk_buff *tail = tcp_write_queue_tail(sk);
	u32 room = skb_room(sk), left = tail && tail->len < room ? room - tail->len : 0;

	return len <= left ? 0 : DIV_ROUND_UP(len - left, room) * KSSL_SKB_HEAD;
}

/* Bytes of the send buffer that @what may use beside those used already. */
static s64 space(const struct sock *sk, u32 used, enum kssl_gate what)
{
	s64 sndbuf = READ_ONCE(sk->sk_sndbuf);
	s64 left = sndbuf - used;

	if (what == KSSL_GATE_CONTENT)
		left -= min_t(s64, KSSL_RESERVE, sndbuf / 4);
	return left;
}

/* Is the send buffer too small for two full records? */
static bool small_buffer(const struct sock *sk)
{
	return READ_ONCE(sk->sk_sndbuf) < 2 * TLS_TEXT_MAX;
}

/* Does TCP put @len more bytes into its last unsent skb?  It does so whatever the buffer is. */
static bool fits_tail(const struct sock *sk, u32 len)
{
	struct sk_buff *tail = tcp_write_queue_tail(sk);

	return tail && tail->len + len <= skb_room(sk) && tcp_skb_can_collapse_to(tail) &&
	       skb_shinfo(tail)->nr_frags < MAX_SKB_FRAGS;
}

/*
 * How much of @want bytes of content may be sealed; @extra: what the record adds
 * to it; @ahead: bytes of records that TCP does not have yet.  0: none.
 */
static u32 allowed(const struct sock *sk, u32 want, u32 extra, u32 ahead, enum kssl_gate what)
{
	u32 used = sk->sk_wmem_queued + ahead, least;
	s64 room = space(sk, used, what) - extra, left;

	if (likely(room >= (s64)want + heads(sk, want + extra)))
		return want;
	if (!ahead && fits_tail(sk, want + extra))
		return want;
	left = room - heads(sk, max_t(s64, room, 0) + extra);
	if (!used)	/* one segment */
		return min_t(s64, want, max_t(s64, left, skb_room(sk)));
	if (!small_buffer(sk) || room <= 0)
		return 0;
	/* TCP's own rule: one more skb while the buffer is not full */
	least = max_t(u32, READ_ONCE(sk->sk_sndbuf) / 2, KSSL_RECORD_LEAST);
	return min_t(s64, want, max_t(s64, left, least));
}

/**
 * kssl_tx_memory_free() - tell whether a record could be made (prot->stream_memory_free)
 * @sk: the socket; TCP has compared sk_wmem_queued with sk_sndbuf already
 * @wake: TCP's
 *
 * What the gate says of a full record, memory aside.  While a sealed record is being
 * pushed the gate has answered already.
 *
 * Context: any, also without the socket lock, as a guess.
 *
 * Return: true if the socket is writable.
 */
bool kssl_tx_memory_free(const struct sock *sk, int wake)
{
	const struct kssl_session *s = kssl_of(sk);
	u32 used, extra;

	if (!s || READ_ONCE(s->tx.pushing))
		return true;
	if (!tcp_prot.stream_memory_free(sk, wake))
		return false;
	if (!READ_ONCE(s->seal))	/* "tls" without keys, or the handshake */
		return true;
	used = READ_ONCE(sk->sk_wmem_queued);
	extra = KSSL_EXPAND_MAX + READ_ONCE(s->tx.pad);
	if (READ_ONCE(s->tx.pend_len))
		return false;
	if (!used)
		return true;
	/* no look at the queue's tail without the lock: as if it were full */
	return space(sk, used, KSSL_GATE_CONTENT) >=
	       (small_buffer(sk) ? extra + 1 : new_skbs(sk, TLS_TEXT_MAX + extra));
}

/* Is there room and memory for @len bytes and the head of an skb, by what lies at hand? */
static bool has_plenty(const struct sock *sk, u32 len, enum kssl_gate what)
{
	u32 most = len + KSSL_SKB_HEAD;

	return len <= tcp_sk(sk)->mss_cache && sk->sk_forward_alloc >= (int)most &&
	       space(sk, sk->sk_wmem_queued, what) >= most;
}

/*
 * Take memory from TCP's accounting.  Over its limits TCP refuses a socket that is under
 * its sndbuf, and never one that is at it.  The first value of tcp_wmem each socket may
 * have, or nothing would ever move: below that the socket counts as one at its sndbuf,
 * and what TCP gives beyond @size goes back.
 */
static bool reserve_memory(struct sock *sk, u32 size)
{
	u32 queued = sk->sk_wmem_queued;
	int more;

	if (likely(sk_wmem_schedule(sk, size)))
		return true;
	if (queued && queued >= sk_get_wmem0(sk, sk->sk_prot))
		return false;
	if (!sk_wmem_schedule(sk, sk->sk_forward_alloc + max_t(u32, size, sk->sk_sndbuf)))
		return false;
	more = sk->sk_forward_alloc - (int)size;
	if (more >= (int)PAGE_SIZE)
		__sk_mem_reclaim(sk, more);
	return true;
}

/**
 * kssl_tx_gate() - reserve room and memory for the next record
 * @s: a session with sending keys; socket lock
 * @want: bytes of content, at least 1
 * @ahead: bytes of records that TCP does not have yet
 * @what: what it may use
 *
 * No sequence number is spent before.  A zero is never returned.
 *
 * Return: how many of @want; -EAGAIN: TCP has not taken all that was sealed before,
 * or has no room or memory; -EPIPE: TCP's connection is over.
 */
int kssl_tx_gate(struct kssl_session *s, u32 want, u32 ahead, enum kssl_gate what)
{
	const struct tcp_sock *tp = tcp_sk(s->sk);
	struct sock *sk = s->sk;
	u32 extra, n;
	int err;

	sock_owned_by_me(sk);
	err = kssl_tx_tcp_flush(s);
	if (unlikely(err))
		return err;
	if (unlikely(sk->sk_shutdown & SEND_SHUTDOWN))
		return -EPIPE;
	/* TCP_NOTSENT_LOWAT, as tcp_stream_memory_free() has it */
	if (what == KSSL_GATE_CONTENT &&
	    unlikely(tp->write_seq - tp->snd_nxt >= tcp_notsent_lowat(tp)))
		return -EAGAIN;
	extra = s->seal->head + kssl_tx_tail(s, want);
	if (likely(has_plenty(sk, ahead + want + extra, what)))
		return want;
	n = allowed(sk, want, extra, ahead, what);
	if (unlikely(!n || !reserve_memory(sk, ahead + n + extra + heads(sk, n + extra))))
		return -EAGAIN;
	return n;
}

/**
 * kssl_tx_pad() - count the zeros behind the content
 * @s: a session with sending keys; socket lock
 * @len: length of the content
 *
 * The peer's limit counts them (RFC 8449, 4), and so does TLS 1.3's own.
 *
 * Return: how many bytes.
 */
u32 kssl_tx_pad(const struct kssl_session *s, u32 len)
{
	u32 pad = s->tx.pad;

	if (likely(!pad) || s->seal->version != TLS13)
		return 0;
	return min(roundup(len + 1, pad) - (len + 1), s->tx.limit - min_t(u32, len, s->tx.limit));
}

/**
 * kssl_tx_tail() - count what a record may need behind its content
 * @s: a session with sending keys; socket lock
 * @room: most content in it
 *
 * Return: how many bytes: padding, and what the suite adds.
 */
u32 kssl_tx_tail(const struct kssl_session *s, u32 room)
{
	u32 pad = s->tx.pad ? s->tx.limit - min_t(u32, room, s->tx.limit) : 0;

	return s->seal->tail + min_t(u32, pad, s->tx.pad);
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
 * kssl_tx_size() - choose how much content the next record may have
 * @s: a session with sending keys; socket lock
 * @ahead: bytes of records that TCP does not have yet
 *
 * A peer can use nothing of a record before it has all of it.  While the congestion
 * window is smaller than a record and not full, as in a new connection and after
 * idleness, a record ends with the window, which saves a round trip.  In bulk, where
 * more is queued than the window takes, records are full.  The window counts segments,
 * also short ones.
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
	/* a segment's worth at least: segments may be smaller than @extra */
	if (likely(room >= most + extra) || room < extra + tp->mss_cache)
		return most;
	return room - extra;
}

/**
 * kssl_tx_begin() - find a place for the next record
 * @s: a session with sending keys and without a record begun; socket lock, process
 *	context
 * @type: its content type
 * @room: most content in it
 *
 * The record keeps a reference of the page until kssl_tx_drop().
 *
 * Return: 0; -EAGAIN (no page).
 */
int kssl_tx_begin(struct kssl_session *s, u8 type, u32 room)
{
	struct kssl_tx *tx = &s->tx;
	struct page_frag *frag;
	u32 head, tail, align;

	tx->room = room;
	head = s->seal->head;
	tail = kssl_tx_tail(s, tx->room);
	/* short records lie close together, for TCP joins their bytes then */
	align = tx->room >= PAGE_SIZE ? KSSL_TEXT_ALIGN : 1;
	frag = kssl_frag_refill(s->sk, align - 1 + head + tx->room + tail);
	if (!frag)
		return -EAGAIN;
	frag->offset = ALIGN(frag->offset + head, align) - head;
	tx->page = frag->page;
	tx->off = frag->offset + head;
	tx->len = 0;
	tx->type = type;
	get_page(tx->page);
	frag->offset += head + tx->room + tail;
	return 0;
}

/**
 * kssl_tx_copy() - copy content into the record that is begun
 * @tx: the sending side; socket lock, process context
 * @msg: has some
 *
 * Return: bytes; -EFAULT.
 */
int kssl_tx_copy(struct kssl_tx *tx, struct msghdr *msg)
{
	u32 n = min_t(size_t, tx->room - tx->len, msg_data_left(msg));

	if (!copy_from_iter_full(page_address(tx->page) + tx->off + tx->len, n, &msg->msg_iter))
		return -EFAULT;
	tx->len += n;
	return n;
}

/**
 * kssl_tx_trim() - give back the room that a record does not use
 * @s: a session with a record begun; socket lock
 *
 * Records lie close together then.
 */
void kssl_tx_trim(struct kssl_session *s)
{
	struct page_frag *frag = sk_page_frag(s->sk);
	struct kssl_tx *tx = &s->tx;
	u32 tail = kssl_tx_tail(s, tx->room);

	if (frag->page == tx->page && frag->offset == tx->off + tx->room + tail)
		frag->offset = tx->off + tx->len + kssl_tx_tail(s, tx->len);
}

/**
 * kssl_tx_charge() - charge the socket for a record that outlives the call
 * @s: the session; socket lock
 *
 * Return: whether there is room for it in the limits of TCP and the cgroup.
 */
bool kssl_tx_charge(struct kssl_session *s)
{
	struct kssl_tx *tx = &s->tx;

	return kssl_mem_charge(s->sk, &tx->charged,
			       s->seal->head + tx->room + kssl_tx_tail(s, tx->room), SK_MEM_SEND);
}

/**
 * kssl_tx_drop() - forget the record that is begun
 * @s: the session; socket lock, or the last reference of the socket
 */
void kssl_tx_drop(struct kssl_session *s)
{
	struct kssl_tx *tx = &s->tx;

	kssl_mem_uncharge(s->sk, &tx->charged);
	if (tx->page)
		put_page(tx->page);
	tx->page = NULL;
	tx->len = 0;
	tx->content_due = false;
}

/**
 * kssl_tx_seal_failed() - end sending, since a sequence number is spent without a record
 * @s: the session; socket lock, process context
 * @err: negative errno
 *
 * The session ends, or the sending direction of a "tls" socket.
 *
 * Return: the errno for the program.
 */
int kssl_tx_seal_failed(struct kssl_session *s, int err)
{
	if (s->ktls)
		err = -EBADMSG;
	kssl_tx_set_end(s, KSSL_TX_CUT);
	if (err != -EPIPE)	/* there are no more numbers */
		kssl_session_fail(s, err, KSSL_ALERT_NONE, "sending failed");
	return err;
}

/* Seal @len bytes of content at @off, and give the record to TCP. */
static int seal_at(struct kssl_session *s, u8 type, struct page *page, u32 off, u32 len,
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
	if (err)
		return kssl_tx_seal_failed(s, err);
	s->tx_records++;
	kssl_mib_record(s->kn, KSSL_MIB_TX_RECORDS, half->suite->kind);
	trace_kssl_record_tx(s, type, len);
	return kssl_tx_tcp_record(s, page, off - half->head, record_len, push);
}

/**
 * kssl_tx_seal() - seal pending content, and give the record to TCP
 * @s: a session with pending content, which has passed the gate; socket lock,
 *	process context
 * @push: what TCP does with the segment
 *
 * Return: 0; -EPIPE (TCP's connection is over); or why the session has failed.
 */
int kssl_tx_seal(struct kssl_session *s, enum kssl_push push)
{
	struct kssl_tx *tx = &s->tx;
	int err = seal_at(s, tx->type, tx->page, tx->off, tx->len, push);

	kssl_tx_drop(s);
	return err;
}

/**
 * kssl_tx_seal_short() - seal a record of our own, and give it to TCP
 * @s: a session with sending keys; socket lock, process context
 * @type: its content type
 * @content: its content
 * @len: length of that
 *
 * The caller has asked the gate, unless this is the last record of all.
 *
 * Return: 0; -EAGAIN (no page, nothing has happened); -EPIPE (TCP's connection is
 * over); or why the session has failed.
 */
int kssl_tx_seal_short(struct kssl_session *s, u8 type, const void *content, u32 len)
{
	u32 head = s->seal->head, span = head + len + kssl_tx_tail(s, len);
	struct page_frag *frag = kssl_frag_refill(s->sk, span);
	u32 off;

	if (!frag)
		return -EAGAIN;
	off = frag->offset + head;
	memcpy(page_address(frag->page) + off, content, len);
	frag->offset += span;
	return seal_at(s, type, frag->page, off, len, KSSL_PUSH_NOW);
}
