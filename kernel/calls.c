// SPDX-License-Identifier: GPL-2.0
/*
 * What a program can call on a socket of ours: each call looks at the state,
 * waits for the handshake if it must, and goes to tx.c, rx.c, sockopt.c, or on
 * to TCP.  There is no way round the record layer: what is not listed here and
 * could carry data is refused.
 */
#include "calls.h"

#include <linux/net.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/splice.h>
#include <asm/ioctls.h>
#include <net/tcp.h>

#include "framer.h"
#include "kssl_compat.h"
#include "linger.h"
#include "lobby.h"
#include "rx.h"
#include "rx_buf.h"
#include "session.h"
#include "sockopt.h"
#include "tx.h"
#include "ulp.h"
#include "upcall.h"

/* Records that one poll() opens at most, looking for data. */
#define KSSL_POLL_BUDGET	16

static bool tcp_is_up(const struct sock *sk)
{
	return !((1 << sk->sk_state) & (TCPF_CLOSE | TCPF_SYN_SENT | TCPF_SYN_RECV | TCPF_LISTEN));
}

/* TCP is connected and nobody asked for a handshake yet: now somebody does. */
static int begin(struct kssl_session *s)
{
	if (s->state != KSSL_STATE_INIT || s->own_keys || !tcp_is_up(s->sk))
		return 0;
	return kssl_upcall_start(s, 0);
}

/*
 * No connection, and no handshake.  If there never was one, connect() may yet be
 * called; if there was, the socket is finished, as after every other loss.
 */
static int never_begun(struct kssl_session *s)
{
	struct sock *sk = s->sk;
	int err = sock_error(sk);

	if (!sk->sk_socket || sk->sk_socket->state != SS_CONNECTED)
		return err ?: -ENOTCONN;
	kssl_session_fail(s, err ?: -ECONNRESET, KSSL_ALERT_NONE, "the connection failed");
	return -s->error.err;
}

/**
 * kssl_calls_await() - have the handshake done
 * @s: the session; socket lock, released while waiting
 * @timeo: jiffies left, updated
 *
 * Return: 0: TLS is up; -EAGAIN (time is up); -EINTR, -ERESTARTSYS; -ENOTCONN
 * (never connected); or the session's errno.
 */
int kssl_calls_await(struct kssl_session *s, long *timeo)
{
	int err;

	for (;;) {
		if (s->error.err)
			return -s->error.err;
		if (s->state >= KSSL_STATE_OPEN)
			return 0;
		if (s->sk->sk_state == TCP_CLOSE && s->state == KSSL_STATE_INIT)
			return never_begun(s);
		err = begin(s);
		if (!err)
			err = kssl_rx_wait(s, timeo);
		if (err)
			return err;
	}
}

static int await_keys(struct kssl_session *s, struct kssl_half *const *half, long *timeo)
{
	int err = kssl_calls_await(s, timeo);

	if (err)
		return err;
	return *half || s->state != KSSL_STATE_OPEN ? 0 : -ENOKEY;
}

/* SIGPIPE as TCP sends it; the errno is ours. */
static int broken_pipe(const struct msghdr *msg)
{
	if (!(msg->msg_flags & MSG_NOSIGNAL))
		send_sig(SIGPIPE, current, 0);
	return -EPIPE;
}

/*
 * An ICMP error that has not ended the connection (IP_RECVERR) is told once, as on
 * TCP, and before a record is sealed that TCP would refuse for it.
 */
static int soft_error(struct kssl_session *s)
{
	struct sock *sk = s->sk;

	if (likely(!sk->sk_err) || s->state != KSSL_STATE_OPEN || sk->sk_state == TCP_CLOSE)
		return 0;
	return sock_error(sk);
}

/* Control messages change nothing here, but TCP refuses those that are wrong. */
static bool control_good(struct sock *sk, struct msghdr *msg)
{
	struct sockcm_cookie unused = {};

	return !sock_cmsg_send(sk, msg, &unused);
}

static int send_locked(struct kssl_session *s, struct msghdr *msg)
{
	struct sock *sk = s->sk;
	long timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT);
	bool finished = s->state >= KSSL_STATE_CLOSED;
	int ret;

	sk_clear_bit(SOCKWQ_ASYNC_NOSPACE, sk);
	if (s->tx.end || s->shutdown_due || finished || sk->sk_shutdown & SEND_SHUTDOWN)
		return broken_pipe(msg);
	if (msg->msg_controllen && !control_good(sk, msg))
		return -EINVAL;
	ret = await_keys(s, &s->seal, &timeo);
	if (ret == -ENOTCONN)
		return broken_pipe(msg);
	if (ret)
		return ret;
	ret = soft_error(s) ?: kssl_tx_send(s, TLS_APPDATA, msg, timeo);
	if (ret < 0)		/* one came while it waited? */
		ret = soft_error(s) ?: ret;
	return ret == -EPIPE ? broken_pipe(msg) : ret;
}

/*
 * MSG_ZEROCOPY: text is always copied, into the page where it is sealed, and the
 * completion says so (SO_EE_CODE_ZEROCOPY_COPIED).  NULL if none is asked for, or
 * if the caller (io_uring) brought its own: one that nobody uses says it, too.
 */
static struct ubuf_info *completion(struct sock *sk, const struct msghdr *msg, size_t size)
{
	struct ubuf_info *uarg;

	if (!(msg->msg_flags & MSG_ZEROCOPY) || msg->msg_ubuf || !size ||
	    !sock_flag(sk, SOCK_ZEROCOPY))
		return NULL;
	uarg = kssl_compat_zerocopy(sk, size);
	if (!uarg)
		return ERR_PTR(-ENOBUFS);
	uarg_to_msgzc(uarg)->zerocopy = 0;
	return uarg;
}

static int kssl_sendmsg(struct sock *sk, struct msghdr *msg, size_t size)
{
	struct ubuf_info *uarg;
	int ret;

	if (msg->msg_flags & (MSG_OOB | MSG_FASTOPEN))
		return -EOPNOTSUPP;
	lock_sock(sk);
	kssl_ulp_repair(sk);
	uarg = completion(sk, msg, size);
	ret = IS_ERR(uarg) ? PTR_ERR(uarg) : send_locked(kssl_of(sk), msg);
	if (!IS_ERR_OR_NULL(uarg) && ret > 0)
		net_zcopy_put(uarg);
	else if (!IS_ERR_OR_NULL(uarg))
		net_zcopy_put_abort(uarg, true);
	release_sock(sk);
	return ret;
}

#ifdef KSSL_HAVE_SENDPAGE
static int kssl_sendpage(struct sock *sk, struct page *page, int off, size_t size, int flags)
{
	struct bio_vec vec = { .bv_page = page, .bv_offset = off, .bv_len = size };
	struct msghdr msg = { .msg_flags = flags & ~KSSL_SPLICE_NO_FLAGS };
	bool taken = false;

	if (msg.msg_flags & KSSL_MORE_FLAGS) {
		lock_sock(sk);
		taken = kssl_tx_append(kssl_of(sk), page, off, size);
		release_sock(sk);
	}
	if (taken)
		return size;
	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, &vec, 1, size);
	return kssl_sendmsg(sk, &msg, size);
}
#endif

#ifdef KSSL_HAVE_SPLICE_EOF
/* sendfile() met the end of the file: send what MSG_MORE held back. */
static void kssl_splice_eof(struct socket *sock)
{
	struct sock *sk = sock->sk;

	lock_sock(sk);
	if (kssl_of(sk)->state == KSSL_STATE_OPEN)
		kssl_tx_flush(kssl_of(sk));
	release_sock(sk);
}
#endif

static int kssl_recvmsg(KSSL_RECVMSG_ARGS)
{
	struct kssl_session *s;
	long timeo;
	int ret;

	if (flags & MSG_ERRQUEUE)
		return kssl_compat_recv_error(sk, msg, len);
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	lock_sock(sk);
	kssl_ulp_repair(sk);
	s = kssl_of(sk);
	timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT);
	ret = kssl_rx_buf_unread(&s->rx) ? 0 : await_keys(s, &s->open, &timeo);
	if (!ret)
		ret = kssl_rx_recv(s, &kssl_rx_stream, msg, len, flags, timeo);
	release_sock(sk);
	return ret;
}

static ssize_t kssl_splice_read(struct socket *sock, loff_t *ppos, struct pipe_inode_info *pipe,
				size_t len, unsigned int flags)
{
	struct sock *sk = sock->sk;
	struct kssl_session *s;
	long timeo;
	ssize_t ret;

	if (unlikely(*ppos))
		return -ESPIPE;
	lock_sock(sk);
	s = kssl_of(sk);
	timeo = sock_rcvtimeo(sk, sock->file->f_flags & O_NONBLOCK);
	ret = kssl_rx_buf_unread(&s->rx) ? 0 : await_keys(s, &s->open, &timeo);
	if (!ret)	/* as on TCP, SPLICE_F_NONBLOCK is for the pipe alone */
		ret = kssl_rx_splice(s, &kssl_rx_stream, pipe, len, timeo);
	release_sock(sk);
	return ret;
}

/*
 * Have @want bytes of content, if they are there.  The budget is for records without
 * content in a row: stopped at so many with content, poll() would tell of less than
 * SO_RCVLOWAT asks for.  What stops the others is the bound of what is opened ahead;
 * returns true if it did.
 */
static bool open_ahead(struct kssl_session *s, u32 want)
{
	u32 had;
	int ret;

	do {
		had = kssl_rx_buf_unread(&s->rx);
		ret = kssl_rx_text(s, want, KSSL_POLL_BUDGET);
	} while (ret >= 0 && kssl_rx_buf_unread(&s->rx) > had &&
		 kssl_rx_buf_unread(&s->rx) < want);
	kssl_rx_buf_charge(s);
	return ret == -ENOBUFS || ret == -ENOMEM;
}

/* Bytes of content at hand; opens what is there to know. */
static int readable_bytes(struct kssl_session *s)
{
	if (s->open)
		open_ahead(s, INT_MAX);
	return kssl_rx_buf_unread(&s->rx);
}

static int kssl_ioctl(struct sock *sk, int cmd, KSSL_IOCTL_ARG)
{
	int n;

	if (cmd != SIOCINQ)
		return kssl_ulp_base_prot(sk)->ioctl(sk, cmd, arg);
	lock_sock(sk);
	n = readable_bytes(kssl_of(sk));
	release_sock(sk);
	return kssl_compat_ioctl_put(arg, n);
}

/* recv() would return at once: with text, the end, or an error. */
static bool poll_in(struct sock *sk, struct kssl_session *s)
{
	bool in;

	if (!kssl_rx_readable(s))
		return false;
	lock_sock(sk);
	in = s->open && open_ahead(s, s->rx.lowat);
	in = in || kssl_rx_buf_unread(&s->rx) >= s->rx.lowat || s->rx.end || s->error.err ||
	     sk->sk_shutdown & RCV_SHUTDOWN ||
	     kssl_framer_ready(s);	/* the budget is spent: recv() goes on */
	release_sock(sk);
	return in;
}

static __poll_t kssl_poll(struct file *file, struct socket *sock, poll_table *wait)
{
	const __poll_t in = EPOLLIN | EPOLLRDNORM, out = EPOLLOUT | EPOLLWRNORM;
	struct sock *sk = sock->sk;
	struct kssl_session *s = kssl_of(sk);
	__poll_t mask = kssl_ulp_base_ops(sk)->poll(file, sock, wait);
	__poll_t tcp_in = mask & in;

	if (READ_ONCE(s->state) == KSSL_STATE_INIT && tcp_is_up(sk)) {
		lock_sock(sk);
		begin(s);
		release_sock(sk);
	}
	mask &= ~in;
	switch (READ_ONCE(s->state)) {
	case KSSL_STATE_OPEN:
		return poll_in(sk, s) ? mask | in : mask;
	case KSSL_STATE_CLOSED:
		return mask | in | EPOLLRDHUP;
	case KSSL_STATE_FAILED:
		return mask | in | out | EPOLLERR | EPOLLHUP;
	default:	/* a connect() is not done before TLS is up */
		return tcp_is_up(sk) ? mask & ~out : mask | tcp_in;
	}
}

/**
 * kssl_calls_set_rcvlowat() - SO_RCVLOWAT counts bytes of content
 * @sk: a socket where received bytes are records; socket lock
 * @val: bytes
 *
 * TCP caps it at half of the receive buffer, which it makes larger unless the program
 * has set it.  Its own mark stays 1: it would count bytes on the wire.
 *
 * Return: 0 or what TCP returns.
 */
int kssl_calls_set_rcvlowat(struct sock *sk, int val)
{
	struct kssl_session *s = kssl_of(sk);
	int err = kssl_ulp_base_ops(sk)->set_rcvlowat(sk, val);

	WRITE_ONCE(s->rx.lowat, max(sk->sk_rcvlowat, 1));
	WRITE_ONCE(sk->sk_rcvlowat, 1);
	s->data_ready(sk);	/* it may be there already */
	return err;
}

/*
 * Socket lock is held; the socket layer has set sk_shutdown already.  Before TLS is up
 * the handshake begins, and close_notify and FIN follow it.
 */
static void kssl_shutdown(struct sock *sk, int how)
{
	struct kssl_session *s = kssl_of(sk);

	if (!(how & SEND_SHUTDOWN))
		return;
	if (s->state >= KSSL_STATE_OPEN || s->own_keys || !tcp_is_up(sk)) {
		kssl_tx_shutdown(s);
		return;
	}
	sk->sk_shutdown &= ~SEND_SHUTDOWN;
	s->shutdown_due = true;
	begin(s);
}

/**
 * kssl_calls_close_notify() - shutdown(SHUT_WR) by someone else than the program
 * @s: the session; socket lock, process context
 *
 * Return: 0; -ENOTCONN (no keys yet); -EPIPE (it is closed already); -EAGAIN
 * (bytes of a record wait for memory); or why the session has failed.
 */
int kssl_calls_close_notify(struct kssl_session *s)
{
	struct sock *sk = s->sk;
	int err;

	err = kssl_tx_ready(s) ?: kssl_tx_flush(s);
	if (err)
		return err;
	sk->sk_shutdown |= SEND_SHUTDOWN;
	kssl_shutdown(sk, SEND_SHUTDOWN);
	kssl_session_wake(s);
	return 0;
}

/* Only before TLS: a failed connect() ends here too. */
static int kssl_disconnect(struct sock *sk, int flags)
{
	struct kssl_session *s = kssl_of(sk);

	if (s->state != KSSL_STATE_INIT)
		return -EOPNOTSUPP;
	return kssl_ulp_base_prot(sk)->disconnect(sk, flags);
}

/* TCP is connected: what does connect(), which began at @start, say about TLS? */
static int connect_result(struct kssl_session *s, int err, int flags, unsigned long start)
{
	long timeo = sock_sndtimeo(s->sk, flags & O_NONBLOCK);
	bool again = err == -EISCONN;

	if (s->own_keys || (s->state == KSSL_STATE_INIT && !s->autostart))
		return err;
	if (timeo != MAX_SCHEDULE_TIMEOUT)	/* TCP has used some of it */
		timeo = max_t(long, timeo - (long)(jiffies - start), 0);
	err = kssl_calls_await(s, &timeo);
	if (err == -EAGAIN)
		return again ? -EALREADY : -EINPROGRESS;
	if (err)
		return err;
	if (s->connected)
		return -EISCONN;
	s->connected = true;
	return 0;
}

static int kssl_connect(struct socket *sock, KSSL_SOCKADDR *addr, int len, int flags)
{
	unsigned long start = jiffies;
	struct sock *sk = sock->sk;
	int err;

	if (len < (int)sizeof(addr->sa_family))
		return -EINVAL;
	if (addr->sa_family == AF_UNSPEC)	/* would leave TLS on a reused socket */
		return -EOPNOTSUPP;
	lock_sock(sk);
	err = kssl_ulp_wrap(sk);
	release_sock(sk);
	if (err)
		return err;
	err = kssl_ulp_base_ops(sk)->connect(sock, addr, len, flags);
	if (err && err != -EISCONN)
		return err;
	lock_sock(sk);
	err = connect_result(kssl_of(sk), err, flags, start);
	release_sock(sk);
	return err;
}

static int kssl_accept(KSSL_ACCEPT_ARGS)
{
	struct kssl_lobby *lobby = kssl_lobby_of(sock->sk);
	int err;

	if (lobby)
		return kssl_lobby_accept(lobby, sock, newsock, KSSL_ACCEPT_FLAGS);
	err = kssl_ulp_base_ops(sock->sk)->accept(KSSL_ACCEPT_PASS);
	return err ?: kssl_ulp_adopt(sock, newsock);
}

static int kssl_listen(struct socket *sock, int backlog)
{
	struct sock *sk = sock->sk;
	struct kssl_session *s;
	int err;

	err = kssl_ulp_base_ops(sk)->listen(sock, backlog);
	if (err)
		return err;
	lock_sock(sk);
	s = kssl_of(sk);
	s->role = KSSL_ROLE_SERVER;
	kssl_session_set_state(s, KSSL_STATE_LISTEN);
	release_sock(sk);
	return 0;
}

static __poll_t idle_poll(struct file *file, struct socket *sock, poll_table *wait)
{
	struct kssl_lobby *lobby = kssl_lobby_of(sock->sk);

	if (lobby)
		return kssl_lobby_poll(lobby, file, sock, wait);
	return kssl_ulp_base_ops(sock->sk)->poll(file, sock, wait);
}

/* Of a listener: TCP resets who is in its queue, and so do we. */
static int idle_shutdown(struct socket *sock, int how)
{
	struct kssl_lobby *lobby = kssl_lobby_of(sock->sk);
	int err = kssl_ulp_base_ops(sock->sk)->shutdown(sock, how);

	if (lobby && READ_ONCE(sock->sk->sk_state) != TCP_LISTEN)
		kssl_lobby_clear(lobby);
	return err;
}

/* Also of sockets that accept() made and found nothing for, or nothing of ours. */
static int idle_release(struct socket *sock)
{
	struct kssl_session *s = sock->sk ? kssl_ulp_session(sock->sk) : NULL;

	if (s)
		kssl_lobby_close(s);
	return kssl_ulp_idle_base(sock)->release(sock);
}

/* A wrapped socket has our sk_prot, which a listener must not have. */
static int no_listen(struct socket *sock, int backlog)
{
	return sock->state == SS_UNCONNECTED ? -EOPNOTSUPP : -EINVAL;
}

/* MSG_FASTOPEN would send data before TLS is up. */
static int idle_sendmsg(struct socket *sock, struct msghdr *msg, size_t size)
{
	if (msg->msg_flags & (MSG_FASTOPEN | MSG_OOB))
		return -EOPNOTSUPP;
	return kssl_ulp_base_ops(sock->sk)->sendmsg(sock, msg, size);
}

#ifdef KSSL_HAVE_SENDPAGE
/* inet_sendpage() would ask for sendmsg_locked, which is closed. */
static ssize_t idle_sendpage(struct socket *sock, struct page *page, int off, size_t size,
			     int flags)
{
	return sock_no_sendpage(sock, page, off, size, flags);
}
#endif

static int idle_setsockopt(struct socket *sock, int level, int name, sockptr_t val,
			   unsigned int len)
{
	return kssl_setsockopt(sock->sk, level, name, val, len);
}

static int idle_getsockopt(struct socket *sock, int level, int name, char __user *val,
			   int __user *len)
{
	return kssl_getsockopt(sock->sk, level, name, val, len);
}

static bool stream_readable(struct sock *sk)
{
	return kssl_rx_readable(kssl_of(sk));
}

const struct kssl_calls kssl_own_calls = {
	.close = kssl_linger_close,
	.disconnect = kssl_disconnect,
	.shutdown = kssl_shutdown,
	.setsockopt = kssl_setsockopt,
	.getsockopt = kssl_getsockopt,
	.sendmsg = kssl_sendmsg,
	.recvmsg = kssl_recvmsg,
#ifdef KSSL_HAVE_SENDPAGE
	.sendpage = kssl_sendpage,
#endif
#ifdef KSSL_HAVE_SPLICE_EOF
	.splice_eof = kssl_splice_eof,
#endif
	.ioctl = kssl_ioctl,
	.readable = stream_readable,
	.poll = kssl_poll,
	.splice_read = kssl_splice_read,
	.set_rcvlowat = kssl_calls_set_rcvlowat,
};

/**
 * kssl_calls_fill() - put calls into the table of a wrapped socket
 * @calls: the calls
 * @prot: a table that kssl_tables_proto() has begun
 */
void kssl_calls_fill(const struct kssl_calls *calls, struct proto *prot)
{
	prot->close = calls->close;
	prot->disconnect = calls->disconnect;
	prot->shutdown = calls->shutdown;
	prot->setsockopt = calls->setsockopt;
	prot->getsockopt = calls->getsockopt;
	prot->sendmsg = calls->sendmsg;
	prot->recvmsg = calls->recvmsg;
#ifdef KSSL_HAVE_SENDPAGE
	prot->sendpage = calls->sendpage;
#endif
#ifdef KSSL_HAVE_SPLICE_EOF
	prot->splice_eof = calls->splice_eof;
#endif
	prot->ioctl = calls->ioctl;
	prot->sock_is_readable = calls->readable;
}

static int dead_sendmsg(struct sock *sk, struct msghdr *msg, size_t size)
{
	return -ENOMEM;
}

static int dead_recvmsg(KSSL_RECVMSG_ARGS)
{
	return -ENOMEM;
}

#ifdef KSSL_HAVE_SENDPAGE
static int dead_sendpage(struct sock *sk, struct page *page, int off, size_t size, int flags)
{
	return -ENOMEM;
}
#endif

/**
 * kssl_calls_dead_prot() - the table of a child there was no memory for
 * @prot: a table that kssl_tables_proto() has begun
 */
void kssl_calls_dead_prot(struct proto *prot)
{
	prot->sendmsg = dead_sendmsg;
	prot->recvmsg = dead_recvmsg;
#ifdef KSSL_HAVE_SENDPAGE
	prot->sendpage = dead_sendpage;
#endif
}

/**
 * kssl_calls_fill_ops() - put calls into the other table of a wrapped socket
 * @calls: the calls
 * @ops: a table that kssl_tables_ops() has begun
 */
void kssl_calls_fill_ops(const struct kssl_calls *calls, struct proto_ops *ops)
{
	ops->poll = calls->poll;
	ops->splice_read = calls->splice_read;
	ops->set_rcvlowat = calls->set_rcvlowat;
	ops->sendmsg_locked = calls->sendmsg_locked;
}

/**
 * kssl_calls_conn_ops() - the calls of a wrapped "kssl" socket beyond those
 * @ops: a table that kssl_calls_fill_ops() has filled
 */
void kssl_calls_conn_ops(struct proto_ops *ops)
{
	ops->connect = kssl_connect;
	ops->listen = no_listen;
	ops->release = kssl_linger_release;
}

/**
 * kssl_calls_idle_ops() - put our calls into the table of an idle socket
 * @ops: a table that kssl_tables_ops() has begun
 */
void kssl_calls_idle_ops(struct proto_ops *ops)
{
	ops->connect = kssl_connect;
	ops->accept = kssl_accept;
	ops->poll = idle_poll;
	ops->shutdown = idle_shutdown;
	ops->release = idle_release;
	ops->listen = kssl_listen;
	ops->sendmsg = idle_sendmsg;
#ifdef KSSL_HAVE_SENDPAGE
	ops->sendpage = idle_sendpage;
#endif
	ops->setsockopt = idle_setsockopt;
	ops->getsockopt = idle_getsockopt;
}
