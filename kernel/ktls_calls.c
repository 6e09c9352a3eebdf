// SPDX-License-Identifier: GPL-2.0
/*
 * What a program can call on a "tls" socket: plain TCP in a direction without
 * keys, and the in-tree rules in one with keys.  The record protocol is the
 * program's business: records of other types come and go with a control message,
 * a KeyUpdate stops reading until new keys are set, close() sends no alert.
 */
#include <linux/net.h>
#include <linux/poll.h>
#include <linux/splice.h>
#include <asm/ioctls.h>
#include <net/tcp.h>

#include "calls.h"
#include "crypt.h"
#include "framer.h"
#include "kssl_compat.h"
#include "ktls.h"
#include "mib.h"
#include "rx.h"
#include "rx_buf.h"
#include "session.h"
#include "trace.h"
#include "tx.h"
#include "ulp.h"

#define SEND_FLAGS (MSG_MORE | MSG_DONTWAIT | MSG_NOSIGNAL | MSG_CMSG_COMPAT | MSG_EOR | \
		    KSSL_SPLICE_FLAGS)

/* The content type that the program asks for. */
static int get_type(struct msghdr *msg, u8 *type)
{
	struct cmsghdr *cmsg;
	int err = -EINVAL;

	for_each_cmsghdr(cmsg, msg) {
		if (!CMSG_OK(msg, cmsg))
			return -EINVAL;
		if (cmsg->cmsg_level != SOL_TLS)
			continue;
		if (cmsg->cmsg_type != TLS_SET_RECORD_TYPE || msg->msg_flags & MSG_MORE ||
		    cmsg->cmsg_len < CMSG_LEN(sizeof(*type)))
			return -EINVAL;
		*type = *(u8 *)CMSG_DATA(cmsg);
		err = 0;
	}
	return err;
}

static int send_locked(struct kssl_session *s, struct msghdr *msg)
{
	struct sock *sk = s->sk;
	u8 type = TLS_APPDATA;
	int ret;

	if (msg->msg_flags & MSG_MORE && msg->msg_flags & MSG_EOR)
		return -EINVAL;
	if (!s->seal)
		return -s->error.err;
	if (msg->msg_controllen) {
		ret = get_type(msg, &type);
		if (ret)
			return ret;
		ret = kssl_tx_flush(s);
		if (ret && ret != -EAGAIN)
			return ret;
	}
	if (!msg_data_left(msg))
		return 0;
	if (sk->sk_err)
		return -READ_ONCE(sk->sk_err);
	if (s->error.err && !s->ktls->lost)
		return -s->error.err;
	if (sk->sk_shutdown & SEND_SHUTDOWN)
		return -EPIPE;
	return kssl_tx_send(s, type, msg, sock_sndtimeo(s->sk, msg->msg_flags & MSG_DONTWAIT));
}

static int ktls_sendmsg(struct sock *sk, struct msghdr *msg, size_t size)
{
	struct kssl_session *s = kssl_of(sk);
	int ret;

	if (!READ_ONCE(s->ktls->sends))
		return kssl_ulp_base_prot(sk)->sendmsg(sk, msg, size);
	if (msg->msg_flags & ~SEND_FLAGS)
		return -EOPNOTSUPP;
	lock_sock(sk);
	sk_clear_bit(SOCKWQ_ASYNC_NOSPACE, sk);
	ret = send_locked(s, msg);
	if (ret < 0)
		ret = sk_stream_error(sk, msg->msg_flags, ret);
	release_sock(sk);
	return ret;
}

/*
 * Kernel code that holds the socket lock.  TCP itself comes this way before there are
 * keys: for sendpage, over a device that cannot gather.
 */
static int ktls_sendmsg_locked(struct sock *sk, struct msghdr *msg, size_t size)
{
	if (READ_ONCE(kssl_of(sk)->ktls->sends))
		return -EOPNOTSUPP;
	return kssl_ulp_base_ops(sk)->sendmsg_locked(sk, msg, size);
}

#ifdef KSSL_HAVE_SENDPAGE
static int ktls_sendpage(struct sock *sk, struct page *page, int off, size_t size, int flags)
{
	struct bio_vec vec = { .bv_page = page, .bv_offset = off, .bv_len = size };
	struct msghdr msg = { .msg_flags = flags & ~KSSL_SPLICE_NO_FLAGS };

	if (!READ_ONCE(kssl_of(sk)->ktls->sends))
		return kssl_ulp_base_prot(sk)->sendpage(sk, page, off, size, flags);
	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, &vec, 1, size);
	return ktls_sendmsg(sk, &msg, size);
}
#endif

#ifdef KSSL_HAVE_SPLICE_EOF
static void ktls_splice_eof(struct socket *sock)
{
	struct sock *sk = sock->sk;

	if (!READ_ONCE(kssl_of(sk)->ktls->sends)) {
		kssl_ulp_base_prot(sk)->splice_eof(sock);
		return;
	}
	lock_sock(sk);
	if (kssl_of(sk)->seal)
		kssl_tx_flush(kssl_of(sk));
	release_sock(sk);
}
#endif

/* RFC 8446, 4.6.3: what follows a KeyUpdate has keys that we do not have yet. */
static bool is_key_update(const struct kssl_session *s)
{
	const struct kssl_rx *rx = &s->rx;

	return s->version == TLS13 && rx->type == TLS_HANDSHAKE && rx->text_len &&
	       rx->buf[rx->text] == TLS_HS_KEY_UPDATE;
}

/* Open the record at head, of @len bytes; then it is held. */
static int open_record(struct kssl_session *s, u32 len)
{
	struct kssl_rx *rx = &s->rx;
	u8 *text, alert;
	int err;
	u64 seq;

	err = kssl_keys_seq(s->open, &seq);
	if (!err)
		err = kssl_crypt_open(s->open, seq, rx->buf + rx->head, len, &rx->type, &text,
				     &rx->text_len, &alert);
	if (!err && rx->text_len > TLS_TEXT_MAX)
		err = -EBADMSG;
	if (err) {
		rx->text_len = 0;
		if (err == -EBADMSG)
			kssl_mib_inc(s->kn, KSSL_MIB_RX_BAD_MAC);
		kssl_ktls_fail(s, -EBADMSG);
		return -EBADMSG;
	}
	rx->head += len;
	rx->text = text - rx->buf;
	rx->held = true;
	s->rx_records++;
	kssl_mib_inc(s->kn, KSSL_MIB_RX_RECORDS);
	trace_kssl_record_rx(s, rx->type, rx->text_len);
	if (is_key_update(s))
		WRITE_ONCE(s->ktls->wait_key, true);
	return 0;
}

/*
 * A lost stream shows its error once and then looks as if nothing came; a record
 * that did not verify shows for ever.
 */
static int failed(struct kssl_session *s)
{
	return s->ktls->lost ? sock_error(s->sk) : -s->error.err;
}

/* Is a whole record in the buffer, to be opened?  1, 0 or negative errno. */
static int gather(struct kssl_session *s, u32 *len)
{
	int ret;

	if (s->error.err)
		return failed(s);
	if (s->ktls->wait_key)
		return -EKEYEXPIRED;
	ret = kssl_rx_ahead(s);
	if (ret)
		return ret;
	ret = kssl_framer_next(s, len);
	return ret < 0 ? failed(s) : ret;
}

/* One more record.  1; 0: there is none now; negative errno. */
static int more_records(struct kssl_session *s)
{
	u32 len;
	int ret;

	ret = gather(s, &len);
	if (ret <= 0)
		return ret;
	return open_record(s, len) ?: 1;
}

static bool at_end(const struct sock *sk)
{
	return sk->sk_shutdown & RCV_SHUTDOWN || sock_flag(sk, SOCK_DONE);
}

/* No record is there.  1: go on; 0: the end; negative errno. */
static int pause_records(struct kssl_session *s, bool done, long *timeo)
{
	struct sock *sk = s->sk;

	if (sk->sk_err)
		return done ? -READ_ONCE(sk->sk_err) : sock_error(sk);
	if (at_end(sk))
		return 0;
	if (s->error.err)
		return *timeo ? -s->error.err : -EAGAIN;
	return kssl_rx_wait(s, timeo) ?: 1;
}

static const struct kssl_rx_rules rules = {
	.types = true,
	.more = more_records,
	.pause = pause_records,
};

static int ktls_recvmsg(KSSL_RECVMSG_ARGS)
{
	struct kssl_session *s = kssl_of(sk);
	int ret;

	if (!READ_ONCE(s->ktls->receives))
		return kssl_ulp_base_prot(sk)->recvmsg(KSSL_RECVMSG_PASS);
	if (flags & MSG_ERRQUEUE)
		return kssl_compat_recv_error(sk, msg, len);
	lock_sock(sk);
	ret = len ? kssl_rx_recv(s, &rules, msg, len, flags,
				 sock_rcvtimeo(sk, flags & MSG_DONTWAIT)) : 0;
	release_sock(sk);
	return ret;
}

static ssize_t ktls_splice_read(struct socket *sock, loff_t *ppos, struct pipe_inode_info *pipe,
				size_t len, unsigned int flags)
{
	struct sock *sk = sock->sk;
	struct kssl_session *s = kssl_of(sk);
	ssize_t ret;

	if (!READ_ONCE(s->ktls->receives))
		return kssl_ulp_base_ops(sk)->splice_read(sock, ppos, pipe, len, flags);
	if (unlikely(*ppos))
		return -ESPIPE;
	lock_sock(sk);
	ret = kssl_rx_splice(s, &rules, pipe, len,
			     sock_rcvtimeo(sk, flags & SPLICE_F_NONBLOCK ||
					   sock->file->f_flags & O_NONBLOCK));
	release_sock(sk);
	return ret;
}

/* A record can be read; socket lock. */
static bool readable(struct kssl_session *s)
{
	u32 len;

	if (s->ktls->wait_key)
		return false;
	return kssl_rx_buf_any(&s->rx) || (!s->error.err && gather(s, &len) > 0);
}

static __poll_t ktls_poll(struct file *file, struct socket *sock, poll_table *wait)
{
	struct sock *sk = sock->sk;
	struct kssl_session *s = kssl_of(sk);
	__poll_t mask = kssl_ulp_base_ops(sk)->poll(file, sock, wait);

	if (!READ_ONCE(s->ktls->receives) || sk->sk_state != TCP_ESTABLISHED ||
	    READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN)
		return mask;
	mask &= ~(EPOLLIN | EPOLLRDNORM);
	lock_sock(sk);
	if (readable(s))
		mask |= EPOLLIN | EPOLLRDNORM;
	kssl_rx_buf_charge(s);
	if (sk->sk_err)
		mask |= EPOLLERR | EPOLLIN | EPOLLRDNORM;
	release_sock(sk);
	return mask;
}

static bool ktls_readable(struct sock *sk)
{
	const struct kssl_session *s = kssl_of(sk);

	if (!READ_ONCE(s->ktls->receives))
		return false;	/* TCP's own poll knows */
	return kssl_rx_buf_any(&s->rx) || kssl_framer_ready(s);
}

static int ktls_ioctl(struct sock *sk, int cmd, KSSL_IOCTL_ARG)
{
	struct kssl_session *s = kssl_of(sk);
	int n;

	if (cmd != SIOCINQ || !READ_ONCE(s->ktls->receives))
		return kssl_ulp_base_prot(sk)->ioctl(sk, cmd, arg);
	lock_sock(sk);
	if (!kssl_rx_buf_any(&s->rx))
		more_records(s);
	kssl_rx_buf_charge(s);
	n = kssl_rx_buf_unread(&s->rx);
	release_sock(sk);
	return kssl_compat_ioctl_put(arg, n);
}

static int ktls_set_rcvlowat(struct sock *sk, int val)
{
	if (!kssl_of(sk)->ktls->receives)
		return kssl_ulp_base_ops(sk)->set_rcvlowat(sk, val);
	return kssl_calls_set_rcvlowat(sk, val);
}

/* Socket lock is held; the socket layer has set sk_shutdown already. */
static void ktls_shutdown(struct sock *sk, int how)
{
	if (how & SEND_SHUTDOWN)
		kssl_tx_shutdown(kssl_of(sk));
}

static int ktls_disconnect(struct sock *sk, int flags)
{
	return -EOPNOTSUPP;
}

static void ktls_close(struct sock *sk, long timeout)
{
	struct proto *base = kssl_ulp_base_prot(sk);
	struct kssl_session *s;

	lock_sock(sk);
	s = kssl_of(sk);
	if (s && s->seal && kssl_tx_drain(s)) {
		sock_set_flag(sk, SOCK_LINGER);
		sk->sk_lingertime = 0;
	}
	kssl_ulp_leave(sk);
	release_sock(sk);
	base->close(sk, timeout);
}

const struct kssl_calls kssl_ktls_calls = {
	.close = ktls_close,
	.disconnect = ktls_disconnect,
	.shutdown = ktls_shutdown,
	.setsockopt = kssl_ktls_setsockopt,
	.getsockopt = kssl_ktls_getsockopt,
	.sendmsg = ktls_sendmsg,
	.recvmsg = ktls_recvmsg,
#ifdef KSSL_HAVE_SENDPAGE
	.sendpage = ktls_sendpage,
#endif
#ifdef KSSL_HAVE_SPLICE_EOF
	.splice_eof = ktls_splice_eof,
#endif
	.ioctl = ktls_ioctl,
	.readable = ktls_readable,
	.poll = ktls_poll,
	.splice_read = ktls_splice_read,
	.set_rcvlowat = ktls_set_rcvlowat,
	.sendmsg_locked = ktls_sendmsg_locked,
};
