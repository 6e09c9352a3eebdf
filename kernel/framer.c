// SPDX-License-Identifier: GPL-2.0
/*
 * Finds record boundaries.  Bytes move from TCP's receive queue into one flat
 * buffer of the socket, where records are opened in place.  Nothing is decided
 * about what a record means.
 *
 * Why copy first: pages of a received skb may be somebody's page cache (over
 * loopback, the sender's sendfile pages).  They must not be written to, and not
 * be read twice, since their owner may change them between the verification and
 * the decryption.  One copy into the buffer answers both.
 *
 * Positions are kept as numbers in our own buffer, never as pointers into the
 * TCP queue, so TCP may coalesce, collapse or prune as it likes.
 */
#include "framer.h"

#include <net/tcp.h>

#include "crypt.h"
#include "ktls.h"
#include "mib.h"
#include "record.h"
#include "rx_buf.h"
#include "session.h"

/*
 * After a record of up to so many bytes as much is taken as fits the buffer: many
 * small records cost one trip into TCP then.  After longer ones, only as much as
 * the next needs if it is as long, so that no part of another must be moved.
 */
#define KSSL_RX_SMALL	4096

/* Bytes in TCP's queue that we have not taken, FIN not counted. */
static u32 queued(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 n = READ_ONCE(tp->rcv_nxt) - READ_ONCE(tp->copied_seq);

	if ((1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV))
		return 0;
	return n && sock_flag(sk, SOCK_DONE) ? n - 1 : n;
}

/**
 * kssl_framer_ready() - would it pay to look at the queue?
 * @s: the session; socket lock, or a callback of TCP
 *
 * Also true when the rest of a record cannot come before we take what is there:
 * its window is too small, or much of the receive buffer is used up.
 *
 * Return: true if there is something to do.
 */
bool kssl_framer_ready(const struct kssl_session *s)
{
	const struct sock *sk = s->sk;
	u32 n = queued(sk), need;

	smp_rmb();	/* pairs with take() */
	need = READ_ONCE(s->rx.need);
	if (n >= need || !n)
		return n >= need;
	return need - n > tcp_receive_window(tcp_sk(sk)) ||
	       atomic_read(&sk->sk_rmem_alloc) > READ_ONCE(sk->sk_rcvbuf) / 2;
}

/**
 * kssl_framer_fin() - can no more bytes come than those in the queue?
 * @s: the session; socket lock
 *
 * A record that is not complete now never will be.
 *
 * Return: true after the peer's FIN or RST.
 */
bool kssl_framer_fin(const struct kssl_session *s)
{
	return sock_flag(s->sk, SOCK_DONE) || s->sk->sk_state == TCP_CLOSE;
}

/**
 * kssl_framer_partial() - is there a part of a record that was not opened?
 * @s: the session; socket lock
 *
 * Return: true after a FIN means that the stream was cut inside a record.
 */
bool kssl_framer_partial(const struct kssl_session *s)
{
	return s->rx.head != s->rx.tail || queued(s->sk);
}

static int take_skb(read_descriptor_t *desc, struct sk_buff *skb, unsigned int off, size_t len)
{
	struct kssl_rx *rx = desc->arg.data;

	len = min_t(size_t, len, desc->count);
	if (!len || skb_copy_bits(skb, off, rx->buf + rx->tail, len))
		return 0;
	rx->tail += len;
	desc->count -= len;
	return len;
}

/*
 * Where a record begins in an empty buffer: so that its text is aligned for the
 * cipher.
 */
static u32 begin_at(const struct kssl_session *s)
{
	return s->open ? ALIGN(s->open->head, KSSL_TEXT_ALIGN) - s->open->head : 0;
}

static int take_more(struct kssl_session *s, u32 want, u32 gulp)
{
	struct kssl_rx *rx = &s->rx;
	u32 have = rx->tail - rx->head;
	read_descriptor_t desc = { .arg.data = rx };
	int err;

	WRITE_ONCE(rx->need, want - have);
	if (!queued(s->sk) || !kssl_framer_ready(s))
		return 0;
	err = kssl_rx_buf_room(s, want, begin_at(s));
	if (err)
		return err;
	/*
	 * Whoever looks without the lock meanwhile must not take the empty queue
	 * for an empty socket: nothing would wake him for what the caller leaves.
	 */
	WRITE_ONCE(rx->need, 0);
	smp_wmb();	/* before the queue is empty; pairs with kssl_framer_ready() */
	desc.count = min(max(want, gulp) - have, KSSL_RX_BUF - rx->tail);
	err = tcp_read_sock(s->sk, &desc, take_skb);
	have = rx->tail - rx->head;
	WRITE_ONCE(rx->need, have < want ? want - have : 0);
	if (err <= 0)	/* urgent data stops tcp_read_sock() for good */
		return queued(s->sk) ? -EBADMSG : 0;
	return have >= want;
}

/*
 * Take bytes until @want of them follow head, and up to @gulp if they are there
 * and fit.  Returns 1 if there are @want now, 0 if not, -ENOMEM, -EBADMSG.
 */
static int take(struct kssl_session *s, u32 want, u32 gulp)
{
	return likely(s->rx.tail - s->rx.head >= want) ? 1 : take_more(s, want, gulp);
}

static int fail(struct kssl_session *s, int err, u8 alert)
{
	const char *text = "bad record header";

	if (err != -ENOMEM)
		kssl_mib_inc(s->kn, KSSL_MIB_RX_PROTOCOL);
	if (err == -ENOMEM)
		text = "out of memory";
	else if (err == -EMSGSIZE)
		text = "record too long";
	kssl_session_fail(s, err, err == -ENOMEM ? TLS_INTERNAL_ERROR : alert, text);
	return err;
}

/* What take() said instead of 1; a part of a record waits for the rest. */
static int incomplete(struct kssl_session *s, int ret)
{
	if (ret)
		return fail(s, ret, TLS_UNEXPECTED_MESSAGE);
	kssl_rx_buf_charge(s);
	return 0;
}

/**
 * kssl_framer_next() - the next protected record
 * @s: an open session with receiving keys; all text of the last record is read
 * @len: set to the record's length with its header
 *
 * On success the record lies at rx.buf + rx.head; the caller opens it there and
 * moves rx.head on.  The header is checked before its length is used.
 *
 * Context: process, socket lock.
 *
 * Return: 1; 0: not all there yet, rx.need says how much to wait for; -EBADMSG,
 * -EMSGSIZE, -EINVAL (not a header), -ENOMEM: the session has failed.
 */
int kssl_framer_next(struct kssl_session *s, u32 *len)
{
	struct kssl_rx *rx = &s->rx;
	u8 alert = TLS_INTERNAL_ERROR;
	u16 body;
	int ret;

	sock_owned_by_me(s->sk);
	ret = take(s, TLS_HEADER_LEN, rx->gulp);
	if (ret <= 0)
		return incomplete(s, ret);
	ret = s->ktls ? kssl_ktls_check(s, rx->buf + rx->head, &body) :
			kssl_record_check(s->open->suite, rx->buf + rx->head, &body, &alert);
	if (ret)
		return fail(s, ret, alert);
	*len = TLS_HEADER_LEN + body;
	ret = take(s, *len, *len);
	if (ret >= 0)
		rx->gulp = *len > KSSL_RX_SMALL ? *len : KSSL_RX_BUF;
	if (ret <= 0)
		return incomplete(s, ret);
	rx->need = 0;	/* the buffer may hold the next one too */
	return 1;
}

/**
 * kssl_framer_handshake() - the whole records that are there before keys are
 * @s: a session in the handshake
 * @records: set to where they begin, valid under the socket lock
 * @len: set to their length in bytes
 * @nr: set to their number, 0 if there is none
 * @alert: set to what the peer is told on -EBADMSG and -EMSGSIZE
 *
 * Takes no more from TCP than fits the buffer; the rest waits until records are
 * consumed.  An error is about what follows the records: if they end the
 * handshake, it is kssl_framer_next()'s to judge.
 *
 * Context: process, socket lock.
 *
 * Return: 0; -EBADMSG, -EMSGSIZE (not a TLS record); -ECONNRESET (the peer left);
 * -ENOMEM.
 */
int kssl_framer_handshake(struct kssl_session *s, const u8 **records, u32 *len, u32 *nr, u8 *alert)
{
	struct kssl_rx *rx = &s->rx;
	u32 at = 0;
	u16 body;
	int ret;

	sock_owned_by_me(s->sk);
	*len = 0;
	*nr = 0;
	*alert = TLS_UNEXPECTED_MESSAGE;	/* urgent data */
	for (;;) {
		u32 have = rx->tail - rx->head;
		u32 want = at + TLS_HEADER_LEN;

		ret = 0;
		if (want > KSSL_RX_BUF)
			break;
		if (have >= want) {
			ret = kssl_record_check_plain(rx->buf + rx->head + at, &body, alert);
			if (ret)
				break;
			want += body;
			if (have >= want) {
				*len = at = want;
				++*nr;
				continue;
			}
		}
		if (want > KSSL_RX_BUF)
			break;
		ret = take(s, want, want);
		if (ret <= 0)
			break;
	}
	kssl_rx_buf_charge(s);	/* may move them */
	*records = rx->buf + rx->head;
	return !ret && kssl_framer_fin(s) ? -ECONNRESET : ret;
}

/**
 * kssl_framer_consume() - the worker has used up records
 * @s: a session in the handshake; socket lock
 * @nr: how many, of those that kssl_framer_handshake() showed
 *
 * Return: 0; -EINVAL: there are not so many.
 */
int kssl_framer_consume(struct kssl_session *s, u32 nr)
{
	struct kssl_rx *rx = &s->rx;
	u8 alert;
	u16 body;

	for (; nr; nr--) {
		if (rx->tail - rx->head < TLS_HEADER_LEN ||
		    kssl_record_check_plain(rx->buf + rx->head, &body, &alert) ||
		    rx->tail - rx->head < TLS_HEADER_LEN + body)
			return -EINVAL;
		rx->head += TLS_HEADER_LEN + body;
	}
	if (rx->head == rx->tail)
		kssl_rx_buf_free(s);
	return 0;
}

/* Bytes that were in the receive queue before, as a segment of it. */
static struct sk_buff *segment(struct sock *sk, const u8 *bytes, u32 len)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	bool fin = sock_flag(sk, SOCK_DONE) && tp->copied_seq == tp->rcv_nxt;
	struct sk_buff *skb = alloc_skb(len, GFP_KERNEL);

	if (!skb)
		return NULL;
	if (!sk_rmem_schedule(sk, skb, skb->truesize)) {
		kfree_skb(skb);
		return NULL;
	}
	skb_put_data(skb, bytes, len);
	TCP_SKB_CB(skb)->seq = tp->copied_seq - fin - len;
	TCP_SKB_CB(skb)->end_seq = tp->copied_seq;
	TCP_SKB_CB(skb)->tcp_flags = TCPHDR_ACK | (fin ? TCPHDR_FIN : 0);
	return skb;
}

/**
 * kssl_framer_return() - what is no record of ours goes back to TCP
 * @s: a session that wants no more records; socket lock, process context
 *
 * Bytes that were taken ahead of their turn are again the first in TCP's receive
 * queue, as if they had never been read: the peer has had its acknowledgement, so
 * only the reader's place in the stream moves.
 *
 * Return: 0 or -ENOMEM.
 */
int kssl_framer_return(struct kssl_session *s)
{
	struct tcp_sock *tp = tcp_sk(s->sk);
	struct kssl_rx *rx = &s->rx;
	struct sk_buff *skb;

	sock_owned_by_me(s->sk);
	if (rx->head == rx->tail)
		return 0;
	skb = segment(s->sk, rx->buf + rx->head, rx->tail - rx->head);
	if (!skb)
		return -ENOMEM;
	skb_set_owner_r(skb, s->sk);
	__skb_queue_head(&s->sk->sk_receive_queue, skb);
	WRITE_ONCE(tp->copied_seq, TCP_SKB_CB(skb)->seq);
	/* TCP measures how fast the program reads: not backwards */
	if (before(tp->copied_seq, tp->rcvq_space.seq))
		tp->rcvq_space.seq = tp->copied_seq;
	rx->head = rx->tail;
	return 0;
}
