// SPDX-License-Identifier: GPL-2.0
/*
 * What the sending side says on its own: alerts, close_notify, KeyUpdate,
 * no_renegotiation; and the order in which it and pending content go.
 *
 * Most of it is a due flag first.  A flag costs nothing, however often the peer
 * makes it be set, and is served when TCP has room, by the program's next call or
 * without the program (kssl_tx_push_due()):
 *
 *	sealed bytes that TCP has not taken
 *	pending content, if it is due	(before it KeyUpdate, if that is due)
 *	no_renegotiation
 *	close_notify
 *	TCP's FIN
 *
 * Only a fatal alert does not wait: it is the last record, and after it the keys
 * are wiped.
 */
#include "tx.h"

#include <linux/jiffies.h>
#include <linux/sched/signal.h>
#include <net/tcp.h>

#include "frag.h"
#include "keys.h"
#include "mib.h"
#include "netlink.h"
#include "session.h"
#include "sock_own.h"
#include "trace.h"
#include "tx_record.h"

/* Handshake bytes that are given to TCP at once. */
#define KSSL_RAW_MAX	32768

/* KeyUpdates in a row that we send; peers end a session at 32, as we do. */
#define KSSL_TX_UPDATES_MAX	16

/**
 * kssl_tx_set_end() - bring the sending direction nearer to its end
 * @s: the session; socket lock
 * @end: how near; nothing changes if it is as near already
 */
void kssl_tx_set_end(struct kssl_session *s, enum kssl_tx_end end)
{
	if (end > s->tx.end)
		WRITE_ONCE(s->tx.end, end);
}

/**
 * kssl_tx_cut() - end the sending direction without close_notify
 * @s: the session; socket lock, process context
 *
 * What was not sent is lost.  What was received can still be read.
 */
void kssl_tx_cut(struct kssl_session *s)
{
	kssl_tx_set_end(s, KSSL_TX_CUT);
	kssl_tx_release(s);
}

/**
 * kssl_tx_pending() - tell whether something is due that TCP had no room for
 * @s: the session; also without the socket lock, as a guess
 *
 * Return: true if there is anything for kssl_tx_retry() to send.
 */
bool kssl_tx_pending(const struct kssl_session *s)
{
	return READ_ONCE(s->tx.pend_len) || READ_ONCE(s->tx.content_due) ||
	       READ_ONCE(s->tx.reneg_due) || READ_ONCE(s->tx.fin_due) ||
	       READ_ONCE(s->tx.end) == KSSL_TX_NOTIFY_DUE;
}

/* One of our own records of @len bytes, if it may go now. */
static int send_control(struct kssl_session *s, u8 type, const void *content, u32 len)
{
	int n = kssl_tx_gate(s, len, 0, KSSL_GATE_CONTROL);

	if (n < 0)
		return n;
	return n == (int)len ? kssl_tx_seal_short(s, type, content, len) : -EAGAIN;
}

/*
 * RFC 8446, 4.6.3: the message goes with the old key, what follows with the new.
 * One that asks for an answer is none itself.
 */
static int send_update(struct kssl_session *s, bool request)
{
	const u8 content[] = { TLS_HS_KEY_UPDATE, 0, 0, 1, request };
	bool again = !s->seal->used;
	int err;

	err = send_control(s, TLS_HANDSHAKE, content, sizeof(content));
	if (err)
		return err;
	err = kssl_keys_update(s->seal);
	if (err) {
		kssl_session_fail(s, err, KSSL_ALERT_NONE, "KeyUpdate failed");
		return err;
	}
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

/**
 * kssl_tx_serve_key() - answer a KeyUpdate, and keep the limits of the key
 * @s: a session with sending keys, kssl_tx_due() is true; socket lock, process context
 *
 * TLS 1.2 cannot change keys: pending content is one record beyond the limit.
 *
 * Return: 0: the next record may be one of content; -EAGAIN (no room); -EPIPE
 * (nothing may follow: the keys are used up, or TCP's connection is over); or why
 * the session has failed.
 */
int kssl_tx_serve_key(struct kssl_session *s)
{
	if (s->seal->secret.len) {
		if (kssl_tx_used_up(s))
			kssl_nl_event(s, KSSL_EVENT_KIND_LIMIT);
		return send_update(s, false);
	}
	/* RFC 9325, 4.4: TLS 1.2 cannot rekey, nor can a bare key */
	if (s->tx.end != KSSL_TX_OPEN || s->tx.len)
		return 0;	/* pending content is still sent */
	kssl_nl_event(s, KSSL_EVENT_KIND_LIMIT);
	kssl_tx_close(s);
	return -EPIPE;
}

/**
 * kssl_tx_send_content() - seal pending content, and give the record to TCP
 * @s: a session with pending content; socket lock, process context
 * @push: what TCP does with the segment
 *
 * Return: 0; -EAGAIN (no room: the content stays); -EPIPE (TCP's connection is
 * over); or why the session has failed.
 */
int kssl_tx_send_content(struct kssl_session *s, enum kssl_push push)
{
	struct kssl_tx *tx = &s->tx;
	int n = kssl_tx_before_content(s);

	if (!n)
		n = kssl_tx_gate(s, tx->len, 0, KSSL_GATE_CONTENT);
	if (n < 0)
		return n;
	/* with nothing queued it goes whole: it would never fit a small buffer else */
	if (n < (int)tx->len && s->sk->sk_wmem_queued)
		return -EAGAIN;
	return kssl_tx_seal(s, push);
}

/* RFC 5246, 7.2.2. */
static int send_no_renegotiation(struct kssl_session *s)
{
	static const u8 content[2] = { TLS_WARNING, TLS_NO_RENEGOTIATION };
	int err = send_control(s, TLS_ALERT, content, sizeof(content));

	if (!err)
		s->tx.reneg_due = false;
	return err;
}

static int send_notify(struct kssl_session *s)
{
	static const u8 content[2] = { TLS_WARNING, TLS_CLOSE_NOTIFY };
	int err = send_control(s, TLS_ALERT, content, sizeof(content));

	if (err)
		return err;
	kssl_tx_set_end(s, KSSL_TX_NOTIFIED);
	kssl_mib_inc(s->kn, KSSL_MIB_CLOSE_SENT);
	trace_kssl_alert_tx(s, TLS_WARNING, TLS_CLOSE_NOTIFY);
	return 0;
}

static int send_due(struct kssl_session *s)
{
	int err = kssl_tx_tcp_flush(s);

	if (!err && s->tx.content_due)
		err = kssl_tx_send_content(s, KSSL_PUSH_NOW);
	if (!err && s->tx.reneg_due)
		err = send_no_renegotiation(s);
	if (!err && s->tx.end == KSSL_TX_NOTIFY_DUE)
		err = send_notify(s);
	if (!err && s->tx.pend_len)	/* TCP has not taken all of it */
		err = -EAGAIN;
	if (err != -EAGAIN && s->tx.fin_due) {
		s->tx.fin_due = false;
		s->sk->sk_shutdown |= SEND_SHUTDOWN;
		tcp_prot.shutdown(s->sk, SEND_SHUTDOWN);	/* the same over IPv6 */
	}
	kssl_session_closed(s);
	return err;
}

/**
 * kssl_tx_retry() - send what is due
 * @s: the session; socket lock, process context
 *
 * Content that MSG_MORE keeps stays pending, unlike with kssl_tx_flush().
 *
 * Return: 0: nothing is left; -EAGAIN (no room: it goes without the program when
 * there is some); -EPIPE (TCP's connection is over); or why the session has failed.
 */
int kssl_tx_retry(struct kssl_session *s)
{
	int err = likely(!kssl_tx_pending(s)) ? 0 : send_due(s);

	if (unlikely(err == -EAGAIN))
		kssl_tx_blocked(s);
	return err;
}

/**
 * kssl_tx_flush() - send what is due, and pending content
 * @s: the session; socket lock, process context
 *
 * Return: as kssl_tx_retry().
 */
int kssl_tx_flush(struct kssl_session *s)
{
	if (s->tx.len)
		s->tx.content_due = true;
	return kssl_tx_retry(s);
}

/**
 * kssl_tx_push_due() - send what is due, without the program
 * @s: the session; socket lock, process context
 *
 * Content that MSG_MORE keeps goes when it has waited for more_ms.
 */
void kssl_tx_push_due(struct kssl_session *s)
{
	if (s->tx.len && time_after_eq(jiffies, s->tx.late))
		s->tx.content_due = true;
	kssl_tx_retry(s);
	if (s->tx.len && !s->tx.content_due)	/* something else was to be done */
		kssl_sock_look_in(s, s->tx.late - jiffies);
}

/**
 * kssl_tx_ready() - check that there are sending keys and more may be sent
 * @s: the session; socket lock
 *
 * Return: 0; -ENOTCONN (no keys yet); -EPIPE (the sending side is closed).
 */
int kssl_tx_ready(const struct kssl_session *s)
{
	if (s->tx.end || s->state > KSSL_STATE_OPEN || s->sk->sk_shutdown & SEND_SHUTDOWN)
		return -EPIPE;
	return s->state == KSSL_STATE_OPEN && s->seal ? 0 : -ENOTCONN;
}

/**
 * kssl_tx_key_update() - change the sending keys now
 * @s: the session; socket lock, process context
 * @request: ask the peer for new keys too; it answers before its next data
 *
 * Never waits.  Pending content goes with the new keys.
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
	return send_update(s, request);
}

/**
 * kssl_tx_no_renegotiation() - refuse a request to renegotiate
 * @s: a TLS 1.2 session with sending keys; socket lock, process context
 *
 * One warning answers all requests that came before it is sent.
 */
void kssl_tx_no_renegotiation(struct kssl_session *s)
{
	if (s->tx.end != KSSL_TX_OPEN)
		return;
	s->tx.reneg_due = true;
	kssl_tx_retry(s);
}

/**
 * kssl_tx_alert() - send a fatal alert, the last record
 * @s: the session; socket lock, process context
 * @alert: its description, or KSSL_ALERT_NONE
 *
 * Pending content goes first if it can, so the order is the program's.  The alert
 * goes whatever room there is, or waits among the sealed bytes.
 *
 * Return: whether it was sealed.
 */
bool kssl_tx_alert(struct kssl_session *s, u8 alert)
{
	const u8 content[2] = { TLS_FATAL, alert };
	bool may = alert != KSSL_ALERT_NONE && s->seal && s->tx.end < KSSL_TX_NOTIFIED;
	bool sealed = false;

	sock_owned_by_me(s->sk);
	if (may && s->tx.len && !kssl_tx_tcp_flush(s))
		kssl_tx_send_content(s, KSSL_PUSH_MORE);
	if (may && s->tx.end < KSSL_TX_NOTIFIED && !kssl_tx_tcp_flush(s))
		sealed = !kssl_tx_seal_short(s, TLS_ALERT, content, sizeof(content));
	kssl_tx_set_end(s, KSSL_TX_CUT);
	kssl_tx_drop(s);
	s->tx.reneg_due = false;
	return sealed;
}

/**
 * kssl_tx_raw() - send bytes of the handshake as they are
 * @s: a session in the handshake, without sending keys; socket lock, process
 * @bytes: whole records made by the worker
 * @len: their length
 *
 * Return: 0; -ENOMEM; -EPIPE (TCP's connection is over).
 */
int kssl_tx_raw(struct kssl_session *s, const void *bytes, size_t len)
{
	int err;

	sock_owned_by_me(s->sk);
	while (len) {
		u32 n = min_t(size_t, len, KSSL_RAW_MAX);
		struct page_frag *frag;

		err = kssl_tx_tcp_flush(s);
		if (err)
			return err == -EAGAIN ? -ENOMEM : err;
		frag = kssl_frag_refill(s->sk, n);
		if (!frag)
			return -ENOMEM;
		memcpy(page_address(frag->page) + frag->offset, bytes, n);
		frag->offset += n;
		err = kssl_tx_tcp_record(s, frag->page, frag->offset - n, n,
					 len > n ? KSSL_PUSH_MORE : KSSL_PUSH_NOW);
		if (err)
			return err;
		bytes += n;
		len -= n;
	}
	return 0;
}

/**
 * kssl_tx_close() - send close_notify, once (RFC 8446, 6.1)
 * @s: the session; socket lock, process context
 *
 * Pending content goes first.  Never waits: what TCP has no room for is due, and
 * goes when there is some.
 */
void kssl_tx_close(struct kssl_session *s)
{
	if (s->tx.end != KSSL_TX_OPEN || !s->seal)
		return;
	kssl_tx_set_end(s, KSSL_TX_NOTIFY_DUE);
	kssl_tx_flush(s);
}

/**
 * kssl_tx_shutdown() - send close_notify and TCP's FIN, behind all else
 * @s: the session; socket lock, process context; TCP has set SEND_SHUTDOWN
 *
 * Never waits: if TCP has no room for what is due, the FIN is due too.
 */
void kssl_tx_shutdown(struct kssl_session *s)
{
	bool notify = s->seal && !s->ktls;

	s->sk->sk_shutdown &= ~SEND_SHUTDOWN;	/* until the FIN, TCP is to take records */
	s->tx.fin_due = true;
	if (s->tx.end == KSSL_TX_OPEN)
		kssl_tx_set_end(s, notify ? KSSL_TX_NOTIFY_DUE : KSSL_TX_CUT);
	kssl_tx_flush(s);
}

/**
 * kssl_tx_drain() - give TCP what was taken from the program, before the end
 * @s: a session with sending keys; socket lock, process context; may wait for
 *	a moment, the lock is released meanwhile
 *
 * Return: 0; -EAGAIN: TCP had no room for all of it, and the connection must not end
 * as if all were sent.
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
	kssl_tx_drop(s);
	kssl_tx_tcp_drop(s);
	s->tx.reneg_due = false;
	s->tx.fin_due = false;
}
