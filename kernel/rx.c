// SPDX-License-Identifier: GPL-2.0
/*
 * Records in, content out.  One record is opened at a time, in the receive buffer,
 * from where a reader takes its content; the next is opened only then.  A call that
 * has to look further moves the content to a queue first.  Both are in rx_buf.c.
 * What is not application data goes to post.c.
 */
#include "rx.h"

#include <linux/indirect_call_wrapper.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/splice.h>
#include <linux/pipe_fs_i.h>
#include <net/tcp.h>

#include "bulk.h"
#include "crypt.h"
#include "framer.h"
#include "kssl_compat.h"
#include "mib.h"
#include "post.h"
#include "rx_buf.h"
#include "rx_cmsg.h"
#include "session.h"
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

/* Open the record at head; its content is for the reader, or for post.c. */
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
 * kssl_rx_give() - queue content that the program's own TLS library had opened
 * @s: the session; socket lock, process context
 * @text: the content, copied
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
	err = kssl_rx_buf_add(s, text, len);
	if (!err)
		kssl_session_wake(s);
	return err;
}

/**
 * kssl_rx_ahead() - move content on, before another record is opened
 * @s: the session; socket lock, process context
 *
 * Return: 0; -ENOBUFS, -ENOMEM (no more can be held); -ERESTARTSYS (signal).
 */
int kssl_rx_ahead(struct kssl_session *s)
{
	if (likely(!s->rx.held))
		return 0;
	cond_resched();
	sk_flush_backlog(s->sk);
	if (signal_pending(current))
		return -ERESTARTSYS;
	return kssl_rx_buf_spill(s);
}

/**
 * kssl_rx_text() - open records until there is enough to read
 * @s: an open session with receiving keys; socket lock, process context
 * @want: bytes of unread content that are asked for, at least 1
 * @budget: most records to open
 *
 * Return: 1: there are that many; 0: not now, or this is the end (rx.end);
 * -ENOBUFS, -ENOMEM: no more can be held, -ERESTARTSYS: a signal, which both only
 * happen for @want beyond what is there; other negative errno: the session has failed
 * or reading was cut, what was opened before can still be read.
 */
int kssl_rx_text(struct kssl_session *s, u32 want, unsigned int budget)
{
	struct kssl_rx *rx = &s->rx;
	u32 len;
	int ret;

	sock_owned_by_me(s->sk);
	while (kssl_rx_buf_unread(rx) < want && !rx->end && s->state == KSSL_STATE_OPEN &&
	       s->open && budget--) {
		ret = kssl_rx_ahead(s);
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
	if (kssl_rx_buf_unread(rx) >= want)
		return 1;
	return -kssl_session_errno(s);
}

/* Is there other content than the @seen bytes that the caller knows of? */
static bool news(const struct kssl_session *s, u32 seen)
{
	const struct sock *sk = s->sk;

	return kssl_rx_buf_unread(&s->rx) != seen || s->rx.end || s->error.err || sk->sk_err ||
	       sk->sk_shutdown & RCV_SHUTDOWN || kssl_framer_ready(s);
}

/**
 * kssl_rx_readable() - tell whether a read is worth a try
 * @s: the session; also without the socket lock, as a guess
 *
 * Return: true if there is content, an end or an error, or perhaps a record.
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
 * The caller has looked at all content that is there.
 *
 * Return: 0; -EAGAIN (time is up); -EINTR, -ERESTARTSYS (signal).
 */
int kssl_rx_wait(struct kssl_session *s, long *timeo)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	u32 seen = kssl_rx_buf_unread(&s->rx);
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

/**
 * struct reader - a call that reads
 * @s: the session
 * @rules: what its kind of socket does
 * @msg: where to
 * @flags: MSG_*
 * @len: how much
 * @target: with less it waits
 * @done: bytes so far
 * @base: where a peek begins, bytes of unread content
 * @at: where it has come to; content that is taken away is always at the front
 * @timeo: jiffies left
 * @cmsg: KSSL_RECORDS
 * @type: of content so far; 0 if there was none, or it is not asked for
 */
struct reader {
	struct kssl_session *s;
	const struct kssl_rx_rules *rules;
	struct msghdr *msg;
	int flags;
	size_t len;
	size_t target;
	size_t done;
	u32 base;
	struct kssl_rx_place at;
	long timeo;
	struct kssl_rx_cmsg cmsg;
	u8 type;
};

/* Find @at again: at the beginning, and after the socket lock was released. */
static inline void find_place(struct reader *r)
{
	r->at = (struct kssl_rx_place){};
	if (unlikely(r->flags & MSG_PEEK || !list_empty(&r->s->rx.ahead)))
		kssl_rx_buf_seek(&r->s->rx, r->flags & MSG_PEEK ? r->base + r->done : 0, &r->at);
}

/* Of a "kssl" socket: struct kssl_rx_rules.more. */
static int more_of_stream(struct kssl_session *s)
{
	return kssl_rx_text(s, kssl_rx_buf_unread(&s->rx) + 1, UINT_MAX);
}

/* The next piece.  1; 0: there is none now, or this is the end; negative errno. */
static int next_piece(struct reader *r, struct kssl_piece *piece)
{
	bool merge = !r->cmsg.list;
	int ret;

	while (!kssl_rx_buf_look(&r->s->rx, &r->at, merge, piece)) {
		ret = INDIRECT_CALL_1(r->rules->more, more_of_stream, r->s);
		if (ret <= 0)
			return ret;
		/* all else was passed: it lies in the buffer, unless a peek is to begin later */
		r->at = (struct kssl_rx_place){};
		if (unlikely(r->base))
			find_place(r);
	}
	return 1;
}

/* A call gives records of one type, and says of which.  1; 0: not this one. */
static int put_type(struct reader *r, u8 type)
{
	int err;

	if (!r->rules->types || r->type)
		return !r->rules->types || r->type == type;
	r->type = type;
	err = put_cmsg(r->msg, SOL_TLS, TLS_GET_RECORD_TYPE, sizeof(type), &type);
	if (type != TLS_APPDATA && (err || r->msg->msg_flags & MSG_CTRUNC))
		return -EIO;
	return 1;
}

/* 1: go on; 0: the call is done; negative errno. */
static int put_piece(struct reader *r, const struct kssl_piece *piece)
{
	u32 n = min_t(size_t, piece->len, r->len - r->done);
	struct kssl_session *s = r->s;
	bool types = r->rules->types, ended;

	if ((types || !(r->flags & MSG_TRUNC)) &&
	    copy_to_iter(piece->data, n, &r->msg->msg_iter) != n)
		return -EFAULT;
	if (unlikely(r->cmsg.list))
		kssl_rx_cmsg_add(&r->cmsg, piece, n);
	r->done += n;
	if (r->flags & MSG_PEEK) {
		ended = kssl_rx_buf_pass(&s->rx, &r->at, n);
		sk_peek_offset_fwd(s->sk, n);
	} else {
		ended = kssl_rx_buf_read(s, n);
		if (unlikely(r->at.chunk))	/* else the front is still in the buffer */
			find_place(r);
		sk_peek_offset_bwd(s->sk, n);
		s->rx_bytes += n;
	}
	if (types && ended)
		r->msg->msg_flags |= MSG_EOR;
	if (types && piece->type != TLS_APPDATA)
		return !ended;
	return r->len && !kssl_rx_cmsg_full(&r->cmsg);
}

/* Large records that lie in TCP's queue go to the program at once. */
static void read_bulk(struct reader *r)
{
	u32 n;

	if (r->flags & (MSG_PEEK | MSG_TRUNC))
		return;
	n = kssl_bulk_recv(r->s, r->msg, r->len - r->done);
	if (!n)
		return;
	r->done += n;
	sk_peek_offset_bwd(r->s->sk, n);
}

static int read_records(struct reader *r)
{
	struct kssl_piece piece;
	int ret = 1;

	do {
		read_bulk(r);
		if (r->done && r->done == r->len)
			break;
		ret = next_piece(r, &piece);
		if (ret > 0) {
			ret = put_type(r, piece.type);
			if (ret > 0)
				ret = put_piece(r, &piece);
		} else if (!ret && (!r->done || r->done < r->target)) {
			ret = r->rules->pause(r->s, r->done, &r->timeo);
			if (ret > 0)
				find_place(r);
		}
	} while (ret > 0 && (r->done < r->len || !r->len));	/* as on TCP, a read of nothing waits */
	return r->done ?: min(ret, 0);
}

/**
 * kssl_rx_recv() - read content
 * @s: a session with receiving keys, or unread content; socket lock, process context
 * @rules: those of its kind of socket
 * @msg: where to
 * @len: how much
 * @flags: MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, MSG_WAITALL
 * @timeo: how long it may wait, jiffies
 *
 * As many records as there are and fit, in one call; with KSSL_RECORDS no more
 * than the control buffer can tell of.  MSG_PEEK that meets the bound of what may be
 * opened ahead gives what there is.
 *
 * Return: bytes, 0 at the end of the stream (close_notify), or negative errno;
 * -ENOBUFS: a peek offset (SO_PEEK_OFF) beyond what may be opened ahead.
 */
int kssl_rx_recv(struct kssl_session *s, const struct kssl_rx_rules *rules, struct msghdr *msg,
		 size_t len, int flags, long timeo)
{
	struct reader r = { .s = s, .rules = rules, .msg = msg, .flags = flags, .len = len,
			    .timeo = timeo };
	int ret;

	r.target = flags & MSG_WAITALL ? len : min_t(size_t, len, s->rx.lowat);
	r.base = max(sk_peek_offset(s->sk, flags), 0);
	if (unlikely(s->rx.records)) {
		ret = kssl_rx_cmsg_begin(&r.cmsg, msg);
		if (ret)
			return ret;
	}
	find_place(&r);
	ret = read_records(&r);
	if (unlikely(r.cmsg.list))
		kssl_rx_cmsg_end(&r.cmsg, msg);
	kssl_rx_buf_charge(s);
	return ret;
}

/* An error of TCP's that has not ended the connection (IP_RECVERR) is told once. */
static int pause_stream(struct kssl_session *s, bool done, long *timeo)
{
	if (s->rx.end || s->sk->sk_shutdown & RCV_SHUTDOWN)
		return 0;
	if (s->sk->sk_err)
		return done ? 0 : sock_error(s->sk);
	kssl_tx_flush(s);	/* the peer may be waiting for MSG_MORE data */
	return kssl_rx_wait(s, timeo) ?: 1;
}

/* "kssl" sockets: a stream of application data. */
const struct kssl_rx_rules kssl_rx_stream = {
	.more = more_of_stream,
	.pause = pause_stream,
};

static void spd_release(struct splice_pipe_desc *spd, unsigned int i)
{
	put_page(spd->pages[i]);
}

/* Content as fresh pages: the pipe may keep them as long as it likes, as if written to it. */
static u32 fill_pages(const u8 *content, u32 len, struct splice_pipe_desc *spd)
{
	u32 done = 0;

	while (done < len && spd->nr_pages < spd->nr_pages_max) {
		struct page *page = alloc_page(GFP_KERNEL_ACCOUNT);
		u32 n = min_t(u32, len - done, PAGE_SIZE);

		if (!page)
			break;
		memcpy(page_address(page), content + done, n);
		spd->pages[spd->nr_pages] = page;
		spd->partial[spd->nr_pages].offset = 0;
		spd->partial[spd->nr_pages++].len = n;
		done += n;
	}
	return done;
}

/* Unread content, of one record at most. */
static void fill_record(struct kssl_session *s, size_t len, struct splice_pipe_desc *spd)
{
	struct kssl_rx_place at;
	struct kssl_piece piece;
	bool ended;
	u32 n;

	kssl_rx_buf_seek(&s->rx, 0, &at);
	do {
		if (!kssl_rx_buf_look(&s->rx, &at, false, &piece))
			return;
		n = fill_pages(piece.data, min_t(size_t, piece.len, len), spd);
		len -= n;
		if (n < piece.len)
			return;
		ended = kssl_rx_buf_pass(&s->rx, &at, n) && n;
	} while (!ended && len);
}

/* What the pipe took was read. */
static void read_spliced(struct kssl_session *s, u32 len)
{
	struct kssl_rx_place at;
	struct kssl_piece piece;
	u32 n;

	sk_peek_offset_bwd(s->sk, len);
	s->rx_bytes += len;
	for (; len; len -= n) {
		kssl_rx_buf_seek(&s->rx, 0, &at);
		if (WARN_ON_ONCE(!kssl_rx_buf_look(&s->rx, &at, false, &piece)))
			return;
		n = min(piece.len, len);
		kssl_rx_buf_read(s, n);
	}
}

static ssize_t to_pipe(struct kssl_session *s, struct pipe_inode_info *pipe, size_t len)
{
	/* a record in the queue lies in one page more, at most two of them cut */
	struct page *pages[DIV_ROUND_UP(TLS_TEXT_MAX, PAGE_SIZE) + 2];
	struct partial_page partial[ARRAY_SIZE(pages)];
	struct splice_pipe_desc spd = {
		.pages = pages,
		.partial = partial,
		.nr_pages_max = ARRAY_SIZE(pages),
		.ops = &nosteal_pipe_buf_ops,
		.spd_release = spd_release,
	};
	ssize_t ret;

	fill_record(s, len, &spd);
	if (!spd.nr_pages)
		return -ENOMEM;
	ret = splice_to_pipe(pipe, &spd);
	if (ret > 0)
		read_spliced(s, ret);
	return ret;
}

/**
 * kssl_rx_splice() - move application data into a pipe
 * @s: a session with receiving keys, or unread content; socket lock, process context
 * @rules: those of its kind of socket
 * @pipe: the pipe, locked by the caller
 * @len: how much
 * @timeo: how long it may wait for data, jiffies
 *
 * Return: bytes (of one record at most), 0 at the end, -EINVAL (a record of another
 * type is first), or other negative errno.
 */
ssize_t kssl_rx_splice(struct kssl_session *s, const struct kssl_rx_rules *rules,
		       struct pipe_inode_info *pipe, size_t len, long timeo)
{
	struct reader r = { .s = s, .rules = rules, .timeo = timeo };
	struct kssl_piece piece;
	ssize_t ret;

	do {
		piece.len = 0;
		find_place(&r);
		ret = next_piece(&r, &piece);
		if (ret > 0 && piece.type != TLS_APPDATA)
			ret = -EINVAL;
		else if (ret > 0 && piece.len)
			ret = to_pipe(s, pipe, len);
		else if (ret > 0)
			kssl_rx_buf_read(s, 0);
		else if (!ret)
			ret = rules->pause(s, false, &r.timeo);
	} while (ret > 0 && !piece.len);
	kssl_rx_buf_charge(s);
	return ret;
}
