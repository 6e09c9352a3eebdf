// SPDX-License-Identifier: GPL-2.0
/*
 * Records in, plaintext out.  One record is open at a time: its text lies in
 * the framer's buffer until the program has read it; the next record is opened
 * only then.  What is not application data goes to post.c.
 */
#include "rx.h"

#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/splice.h>
#include <linux/pipe_fs_i.h>
#include <net/tcp.h>

#include "bounds.h"
#include "bulk.h"
#include "crypt.h"
#include "framer.h"
#include "mib.h"
#include "post.h"
#include "session.h"
#include "text.h"
#include "trace.h"
#include "tx.h"

static int fatal(struct kssl_session *s, int err, u8 alert)
{
	const char *text = "record did not verify";

	if (alert == TLS_BAD_RECORD_MAC) {
		kssl_mib_inc(s->kn, KSSL_MIB_RX_BAD_MAC);
	} else if (err == -EBADMSG || err == -EMSGSIZE) {
		kssl_mib_inc(s->kn, KSSL_MIB_RX_PROTOCOL);
		text = err == -EMSGSIZE ? "record too long" : "bad record";
	} else {
		text = "opening a record failed";
	}
	kssl_session_fail(s, err, alert, text);
	return err;
}

/* RFC 8446, 5.3: the peer had to change its keys, or to stop. */
static int numbers_spent(struct kssl_session *s)
{
	kssl_mib_inc(s->kn, KSSL_MIB_RX_PROTOCOL);
	kssl_session_fail(s, -EBADMSG, TLS_UNEXPECTED_MESSAGE, "sequence numbers used up");
	return -EBADMSG;
}

/* Open the record at head and hand it to whom it belongs. */
static int open_record(struct kssl_session *s, u32 len)
{
	struct kssl_rx *rx = &s->rx;
	u8 *record = rx->buf + rx->head, *text;
	u8 type, alert = TLS_INTERNAL_ERROR;
	u32 text_len;
	u64 seq;
	int err;

	if (kssl_keys_seq(s->open, &seq))
		return numbers_spent(s);
	err = kssl_crypt_open(s->open, seq, record, len, &type, &text, &text_len, &alert);
	if (err)
		return fatal(s, err, alert);
	rx->head += len;
	rx->data_seen = true;
	s->rx_records++;
	kssl_mib_record(s->kn, KSSL_MIB_RX_RECORDS, s->open->suite->kind);
	trace_kssl_record_rx(s, type, text_len);
	if (text_len > rx->limit)
		return fatal(s, -EMSGSIZE, TLS_RECORD_OVERFLOW);
	if (likely(type == TLS_APPDATA && text_len && !kssl_post_amid(s))) {
		rx->empties = 0;
		rx->warnings = 0;
		rx->updates = 0;
		rx->text = text - rx->buf;
		rx->text_len = text_len;
		rx->type = type;
		rx->held = true;
		return 0;
	}
	return kssl_post_record(s, type, text, text_len);
}

/* No whole record is there.  0: one may come, or this is an end; or negative errno. */
static int ended(struct kssl_session *s)
{
	struct sock *sk = s->sk;
	bool partial = kssl_framer_partial(s);

	if (!kssl_framer_fin(s))
		return 0;
	if (!sock_flag(sk, SOCK_DONE)) {	/* no FIN: a reset, or TCP gave up */
		kssl_session_fail(s, -(sk->sk_err ?: ECONNRESET), KSSL_ALERT_NONE,
				  "the connection failed");
		return -s->error.err;
	}
	if (s->rx.lax && !partial) {
		kssl_session_end_rx(s, KSSL_RX_FIN);
		return 0;
	}
	/* RFC 8446, 6.1: without close_notify the data may be cut short */
	kssl_mib_inc(s->kn, KSSL_MIB_RX_TRUNCATED);
	return kssl_session_cut_rx(s, partial ? "peer closed inside a record" :
						"peer closed without close_notify");
}

/**
 * kssl_rx_give() - text that the program's own TLS library had opened
 * @s: the session; socket lock, process context
 * @text: the text
 * @len: its length; 0: the library had received close_notify
 *
 * Only before the first record is opened or begun here, so that the order is
 * the peer's.
 *
 * Return: 0; -ENOKEY (no own receiving keys); -EBUSY (too late, or after the
 * end); -ENOBUFS (too much unread); -ENOMEM.
 */
int kssl_rx_give(struct kssl_session *s, const u8 *text, u32 len)
{
	static const u8 end[2] = { TLS_WARNING, TLS_CLOSE_NOTIFY };
	struct kssl_rx *rx = &s->rx;
	int err;

	sock_owned_by_me(s->sk);
	if (s->error.err || rx->end || rx->data_seen || rx->head != rx->tail)
		return -EBUSY;
	if (!s->own_keys || !s->open)
		return -ENOKEY;
	if (!len)
		return kssl_post_record(s, TLS_ALERT, end, sizeof(end));
	err = kssl_text_add(s, text, len);
	if (!err)
		kssl_session_wake(s);
	return err;
}

/**
 * kssl_rx_text() - have text to read, if there can be some
 * @s: an open session with receiving keys; socket lock, process context
 * @want: bytes of unread text that are asked for, at least 1
 * @budget: most records to open
 *
 * Return: 1: there are that many; 0: not now, or this is the end (rx.end);
 * -ENOBUFS, -ENOMEM: no more can be held, which only happens for @want beyond
 * what is there; other negative errno: the session has failed or reading was cut,
 * what was opened before can still be read.
 */
int kssl_rx_text(struct kssl_session *s, u32 want, unsigned int budget)
{
	struct kssl_rx *rx = &s->rx;
	u32 len;
	int ret;

	sock_owned_by_me(s->sk);
	while (kssl_text_unread(rx) < want && !rx->end && s->state == KSSL_STATE_OPEN &&
	       s->open && budget--) {
		ret = kssl_text_spill(s);
		if (ret)
			return ret;
		ret = kssl_framer_next(s, &len);
		if (ret < 0)
			return ret;
		if (!ret)
			return ended(s);
		ret = open_record(s, len);
		if (ret)
			return ret;
	}
	if (kssl_text_unread(rx) >= want)
		return 1;
	return -kssl_session_errno(s);
}

/* Is there other text than the @seen bytes that the caller knows of? */
static bool news(const struct kssl_session *s, u32 seen)
{
	const struct sock *sk = s->sk;

	return kssl_text_unread(&s->rx) != seen || s->rx.end || s->error.err || sk->sk_err ||
	       sk->sk_shutdown & RCV_SHUTDOWN || kssl_framer_ready(s);
}

/**
 * kssl_rx_readable() - is it worth to try a read?
 * @s: the session; also without the socket lock, as a guess
 */
bool kssl_rx_readable(const struct kssl_session *s)
{
	return news(s, 0);
}

/**
 * kssl_rx_wait() - sleep until something changes on the receiving side
 * @s: the session; socket lock, released while sleeping
 * @timeo: jiffies left, updated
 *
 * The caller has looked at all text that is there.
 *
 * Return: 0; -EAGAIN (time is up); -EINTR, -ERESTARTSYS (signal).
 */
int kssl_rx_wait(struct kssl_session *s, long *timeo)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	u32 seen = kssl_text_unread(&s->rx);
	struct sock *sk = s->sk;
	u8 state = s->state;

	if (!*timeo)
		return -EAGAIN;
	if (signal_pending(current))
		return sock_intr_errno(*timeo);
	add_wait_queue(sk_sleep(sk), &wait);
	sk_set_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	sk_wait_event(sk, timeo, s->state != state ||
		      (state == KSSL_STATE_OPEN && s->open && news(s, seen)) ||
		      s->error.err, &wait);
	sk_clear_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	remove_wait_queue(sk_sleep(sk), &wait);
	return 0;
}

/* Text from @skip on; taken away unless it is a peek. */
static int copy_out(struct kssl_session *s, struct msghdr *msg, u32 skip, size_t len, int flags,
		    struct kssl_bounds *bounds)
{
	struct kssl_piece piece;
	u32 n;

	if (!kssl_text_at(&s->rx, skip, &piece))
		return 0;
	n = min_t(size_t, piece.len, len);
	if (!(flags & MSG_TRUNC) && copy_to_iter(piece.data, n, &msg->msg_iter) != n)
		return -EFAULT;
	kssl_bounds_add(bounds, &piece, n);
	if (flags & MSG_PEEK || !n)	/* a read of nothing begins no record */
		return n;
	kssl_text_eat(s, n);
	s->rx_bytes += n;
	return n;
}

/*
 * Is there a reason to stop reading?  1: yes, what we have is the answer; or negative
 * errno.  An error of TCP's that has not ended it (IP_RECVERR) is told once.
 */
static int stop(struct kssl_session *s, size_t done, size_t target)
{
	struct sock *sk = s->sk;

	if (s->rx.end || sk->sk_shutdown & RCV_SHUTDOWN)
		return 1;
	if (done)
		return done >= target || sk->sk_err;
	return sock_error(sk);
}

static int recv_records(struct kssl_session *s, struct msghdr *msg, size_t len, int flags,
			struct kssl_bounds *bounds)
{
	long timeo = sock_rcvtimeo(s->sk, flags & MSG_DONTWAIT);
	size_t target = flags & MSG_WAITALL ? len : min_t(size_t, len, s->rx.lowat);
	size_t done = 0;
	int ret = 0;

	do {
		u32 skip = flags & MSG_PEEK ? done : 0;

		if (!(flags & (MSG_PEEK | MSG_TRUNC)))
			done += kssl_bulk_recv(s, msg, len - done);
		if (done && done == len)
			break;
		ret = kssl_rx_text(s, skip + 1, UINT_MAX);
		if (ret > 0) {
			ret = copy_out(s, msg, skip, len - done, flags, bounds);
			if (ret < 0)
				break;
			done += ret;
			if (!len || kssl_bounds_full(bounds))
				break;
			continue;
		}
		ret = ret ?: stop(s, done, target);
		if (ret)
			break;
		kssl_tx_flush(s);	/* the peer may be waiting for MSG_MORE data */
		ret = kssl_rx_wait(s, &timeo);
		if (ret)
			break;
	} while (done < len || !len);	/* as on TCP, a read of nothing waits */
	return done ? done : min(ret, 0);
}

/**
 * kssl_rx_recv() - read application data
 * @s: an open session with receiving keys; socket lock, process context
 * @msg: where to
 * @len: how much
 * @flags: MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, MSG_WAITALL
 *
 * As many records as there are and fit, in one call; with KSSL_RECORDS no more
 * than the control buffer can tell of.
 *
 * Return: bytes, 0 at the end of the stream (close_notify), or negative errno.
 */
int kssl_rx_recv(struct kssl_session *s, struct msghdr *msg, size_t len, int flags)
{
	struct kssl_bounds bounds;
	int ret;

	ret = kssl_bounds_begin(&bounds, s, msg);
	if (ret)
		return ret;
	ret = recv_records(s, msg, len, flags, &bounds);
	kssl_bounds_end(&bounds, msg);
	kssl_framer_charge(s);
	return ret;
}

static void spd_release(struct splice_pipe_desc *spd, unsigned int i)
{
	put_page(spd->pages[i]);
}

/* Text as fresh pages: the pipe may keep them as long as it likes, as if written to it. */
static int fill_pages(const u8 *text, u32 left, struct splice_pipe_desc *spd)
{
	while (left && spd->nr_pages < spd->nr_pages_max) {
		struct page *page = alloc_page(GFP_KERNEL_ACCOUNT);
		u32 n = min_t(u32, left, PAGE_SIZE);

		if (!page)
			break;
		memcpy(page_address(page), text, n);
		spd->pages[spd->nr_pages] = page;
		spd->partial[spd->nr_pages].offset = 0;
		spd->partial[spd->nr_pages++].len = n;
		text += n;
		left -= n;
	}
	return spd->nr_pages ? 0 : -ENOMEM;
}

/**
 * kssl_rx_to_pipe() - unread content, of one record at most, into a pipe
 * @s: the session, which has unread content; socket lock, process context
 * @pipe: the pipe, locked by the caller
 * @len: how much
 *
 * Return: bytes, or negative errno.
 */
ssize_t kssl_rx_to_pipe(struct kssl_session *s, struct pipe_inode_info *pipe, size_t len)
{
	struct page *pages[DIV_ROUND_UP(TLS_TEXT_MAX, PAGE_SIZE)];
	struct partial_page partial[ARRAY_SIZE(pages)];
	struct splice_pipe_desc spd = {
		.pages = pages,
		.partial = partial,
		.nr_pages_max = ARRAY_SIZE(pages),
		.ops = &nosteal_pipe_buf_ops,
		.spd_release = spd_release,
	};
	struct kssl_piece piece;
	ssize_t ret;

	if (!kssl_text_at(&s->rx, 0, &piece))
		return 0;
	ret = fill_pages(piece.data, min_t(size_t, piece.len, len), &spd);
	if (ret)
		return ret;
	ret = splice_to_pipe(pipe, &spd);
	if (ret <= 0)
		return ret;
	kssl_text_eat(s, ret);	/* only what the pipe took */
	s->rx_bytes += ret;
	return ret;
}

/**
 * kssl_rx_splice() - application data into a pipe
 * @s: an open session with receiving keys; socket lock, process context
 * @pipe: the pipe, locked by the caller
 * @len: how much
 * @flags: SPLICE_F_*
 * @nonblock: do not wait for data
 *
 * Return: bytes (of one record at most), 0 at the end, or negative errno.
 */
ssize_t kssl_rx_splice(struct kssl_session *s, struct pipe_inode_info *pipe, size_t len,
		       unsigned int flags, bool nonblock)
{
	long timeo = sock_rcvtimeo(s->sk, nonblock || flags & SPLICE_F_NONBLOCK);
	int ret;

	for (;;) {
		ret = kssl_rx_text(s, 1, UINT_MAX);
		if (ret > 0)
			return kssl_rx_to_pipe(s, pipe, len);
		ret = ret ?: stop(s, 0, 0);
		if (ret)
			return min(ret, 0);
		kssl_tx_flush(s);	/* as in recv_records() */
		ret = kssl_rx_wait(s, &timeo);
		if (ret)
			return ret;
	}
}
