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

#include "aead.h"
#include "framer.h"
#include "mib.h"
#include "post.h"
#include "session.h"
#include "tx.h"

static int fatal(struct kssl_session *s, int err, u8 alert)
{
	const char *text = "record did not verify";

	if (alert == TLS_BAD_RECORD_MAC) {
		kssl_mib_inc(s->kn, KSSL_MIB_RX_BAD_MAC);
	} else if (err == -EBADMSG || err == -EMSGSIZE) {
		kssl_mib_inc(s->kn, KSSL_MIB_RX_PROTOCOL);
		text = "bad record";
	} else {
		text = "opening a record failed";
	}
	kssl_session_fail(s, err, alert, text);
	return err;
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

	err = kssl_keys_seq(s->open, &seq);
	if (!err)
		err = kssl_aead_open(s->open, seq, record, len, &type, &text, &text_len, &alert);
	if (err)
		return fatal(s, err, alert);
	rx->head += len;
	rx->data_seen = true;
	s->rx_records++;
	kssl_mib_inc(s->kn, KSSL_MIB_RX_RECORDS);
	if (text_len > TLS_TEXT_MAX)
		return fatal(s, -EMSGSIZE, TLS_RECORD_OVERFLOW);
	if (likely(type == TLS_APPDATA && text_len && !s->post.have && !s->post.left)) {
		rx->empties = 0;
		rx->warnings = 0;
		rx->updates = 0;
		rx->text = text - rx->buf;
		rx->text_len = text_len;
		return 0;
	}
	return kssl_post_record(s, type, text, text_len);
}

/* The stream ended, or TCP reports an error: what does the program see? */
static int ended(struct kssl_session *s)
{
	struct sock *sk = s->sk;

	if (sk->sk_err) {
		kssl_session_fail(s, -sk->sk_err, KSSL_ALERT_NONE, "the connection failed");
		return -s->error.err;
	}
	if (!kssl_framer_fin(s))
		return 0;
	/* RFC 8446, 6.1: without close_notify the data may be cut short */
	kssl_mib_inc(s->kn, KSSL_MIB_RX_TRUNCATED);
	kssl_session_fail(s, -ECONNRESET, KSSL_ALERT_NONE,
			  s->rx.head == s->rx.tail ? "peer closed without close_notify" :
						     "peer closed inside a record");
	return -ECONNRESET;
}

/**
 * kssl_rx_release() - forget everything that nobody has read
 * @s: the session; socket lock or last reference
 */
void kssl_rx_release(struct kssl_session *s)
{
	kssl_framer_release(s);
	kvfree(s->rx.given);
	s->rx.given = NULL;
	s->rx.given_len = 0;
}

/* Put @len bytes behind the given text that is left. */
static int append_given(struct kssl_session *s, const u8 *text, u32 len)
{
	u32 room = max_t(u32, READ_ONCE(s->sk->sk_rcvbuf), KSSL_TEXT_ROOM);
	struct kssl_rx *rx = &s->rx;
	u8 *all;

	if (rx->text_len + rx->given_len + len > room)
		return -ENOBUFS;
	all = kvmalloc(rx->given_len + len, GFP_KERNEL_ACCOUNT);
	if (!all)
		return -ENOMEM;
	if (rx->given_len)
		memcpy(all, rx->given + rx->given_at, rx->given_len);
	memcpy(all + rx->given_len, text, len);
	kvfree(rx->given);
	rx->given = all;
	rx->given_at = 0;
	WRITE_ONCE(rx->given_len, rx->given_len + len);
	return 0;
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
	if (s->error.err || rx->closed || rx->data_seen || rx->head != rx->tail)
		return -EBUSY;
	if (!s->own_keys || !s->open)
		return -ENOKEY;
	if (!len)
		return kssl_post_record(s, TLS_ALERT, end, sizeof(end));
	err = append_given(s, text, len);
	if (!err)
		kssl_session_wake(s);
	return err;
}

/* Given text comes first: the next part of it becomes the text to read. */
static int next_given(struct kssl_session *s)
{
	struct kssl_rx *rx = &s->rx;
	u32 n = min_t(u32, rx->given_len, TLS_TEXT_MAX);
	int err;

	err = kssl_framer_put(s, rx->given + rx->given_at, n);
	if (err)
		return err;
	rx->given_at += n;
	WRITE_ONCE(rx->given_len, rx->given_len - n);
	if (!rx->given_len) {
		kvfree(rx->given);
		rx->given = NULL;
	}
	return 0;
}

/**
 * kssl_rx_text() - have text to read, if there can be some
 * @s: an open session with receiving keys; socket lock, process context
 * @budget: most records to open
 *
 * Return: 1: rx.text_len is not zero; 0: nothing there now, or the end
 * (rx.closed); negative errno: the session has failed.
 */
int kssl_rx_text(struct kssl_session *s, unsigned int budget)
{
	struct kssl_rx *rx = &s->rx;
	u32 len;
	int ret;

	sock_owned_by_me(s->sk);
	if (unlikely(rx->given_len) && !rx->text_len) {
		ret = next_given(s);
		if (ret)
			return ret;
	}
	while (!rx->text_len && !rx->closed && s->state == KSSL_STATE_OPEN && budget--) {
		ret = kssl_framer_next(s, &len);
		if (ret < 0)
			return ret;
		if (!ret)
			return ended(s);
		ret = open_record(s, len);
		if (ret)
			return ret;
	}
	if (s->error.err)
		return -s->error.err;
	return rx->text_len != 0;
}

/**
 * kssl_rx_readable() - is it worth to try a read?
 * @s: the session; also without the socket lock, as a guess
 */
bool kssl_rx_readable(const struct kssl_session *s)
{
	const struct sock *sk = s->sk;

	return s->rx.text_len || READ_ONCE(s->rx.given_len) || s->rx.closed || s->error.err || sk->sk_err ||
	       sk->sk_shutdown & RCV_SHUTDOWN || kssl_framer_ready(s);
}

/**
 * kssl_rx_wait() - sleep until something changes on the receiving side
 * @s: the session; socket lock, released while sleeping
 * @timeo: jiffies left, updated
 *
 * Return: 0; -EAGAIN (time is up); -EINTR, -ERESTARTSYS (signal).
 */
int kssl_rx_wait(struct kssl_session *s, long *timeo)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	struct sock *sk = s->sk;
	u8 state = s->state;

	if (!*timeo)
		return -EAGAIN;
	if (signal_pending(current))
		return sock_intr_errno(*timeo);
	add_wait_queue(sk_sleep(sk), &wait);
	sk_set_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	sk_wait_event(sk, timeo, s->state != state ||
		      (state == KSSL_STATE_OPEN && s->open && kssl_rx_readable(s)) ||
		      s->error.err, &wait);
	sk_clear_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	remove_wait_queue(sk_sleep(sk), &wait);
	return 0;
}

static int copy_out(struct kssl_session *s, struct msghdr *msg, size_t len, int flags)
{
	struct kssl_rx *rx = &s->rx;
	u32 n = min_t(size_t, rx->text_len, len);

	if (!(flags & MSG_TRUNC) &&
	    copy_to_iter(rx->buf + rx->text, n, &msg->msg_iter) != n)
		return -EFAULT;
	if (flags & MSG_PEEK)
		return n;
	rx->text += n;
	rx->text_len -= n;
	s->rx_bytes += n;
	if (!rx->text_len && rx->head == rx->tail)
		kssl_framer_release(s);
	return n;
}

/* Is there a reason to stop reading?  1: yes, what we have is the answer. */
static int stop(struct kssl_session *s, size_t done, size_t target)
{
	if (s->rx.closed || s->sk->sk_shutdown & RCV_SHUTDOWN)
		return 1;
	return done >= target && done;
}

/**
 * kssl_rx_recv() - read application data
 * @s: an open session with receiving keys; socket lock, process context
 * @msg: where to
 * @len: how much
 * @flags: MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, MSG_WAITALL
 *
 * As many records as there are and fit, in one call.
 *
 * Return: bytes, 0 at the end of the stream (close_notify), or negative errno.
 */
int kssl_rx_recv(struct kssl_session *s, struct msghdr *msg, size_t len, int flags)
{
	long timeo = sock_rcvtimeo(s->sk, flags & MSG_DONTWAIT);
	size_t target = flags & MSG_WAITALL ? len : min_t(size_t, len, s->rx.lowat);
	size_t done = 0;
	int ret = 0;

	while (done < len) {
		ret = kssl_rx_text(s, UINT_MAX);
		if (ret > 0) {
			ret = copy_out(s, msg, len - done, flags);
			if (ret < 0)
				break;
			done += ret;
			if (flags & MSG_PEEK)
				break;
			continue;
		}
		if (ret < 0 || stop(s, done, target))
			break;
		ret = kssl_tx_flush(s);	/* the peer may be waiting for MSG_MORE data */
		if (ret && ret != -EAGAIN)
			break;
		ret = kssl_rx_wait(s, &timeo);
		if (ret)
			break;
	}
	return done ? done : ret;
}

static void spd_release(struct splice_pipe_desc *spd, unsigned int i)
{
	put_page(spd->pages[i]);
}

/* Text as fresh pages: the pipe may keep them as long as it likes. */
static int fill_pages(struct kssl_rx *rx, struct splice_pipe_desc *spd, size_t len)
{
	u32 at = rx->text, left = min_t(size_t, rx->text_len, len);

	while (left && spd->nr_pages < spd->nr_pages_max) {
		struct page *page = alloc_page(GFP_KERNEL);
		u32 n = min_t(u32, left, PAGE_SIZE);

		if (!page)
			break;
		memcpy(page_address(page), rx->buf + at, n);
		spd->pages[spd->nr_pages] = page;
		spd->partial[spd->nr_pages].offset = 0;
		spd->partial[spd->nr_pages++].len = n;
		at += n;
		left -= n;
	}
	return spd->nr_pages ? 0 : -ENOMEM;
}

static ssize_t to_pipe(struct kssl_session *s, struct pipe_inode_info *pipe, size_t len)
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
	struct kssl_rx *rx = &s->rx;
	ssize_t ret;

	ret = fill_pages(rx, &spd, len);
	if (ret)
		return ret;
	ret = splice_to_pipe(pipe, &spd);
	if (ret <= 0)
		return ret;
	rx->text += ret;	/* only what the pipe took */
	rx->text_len -= ret;
	s->rx_bytes += ret;
	if (!rx->text_len && rx->head == rx->tail)
		kssl_framer_release(s);
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
		ret = kssl_rx_text(s, UINT_MAX);
		if (ret > 0)
			return to_pipe(s, pipe, len);
		if (ret < 0 || stop(s, 0, 0))
			return ret;
		ret = kssl_rx_wait(s, &timeo);
		if (ret)
			return ret;
	}
}
