// SPDX-License-Identifier: GPL-2.0
/*
 * Plain TCP again (KSSL_DETACH), on a socket whose TLS has ended with close_notify
 * both ways.  Its data go by TCP's own calls; what still comes to us is in the
 * table below: the end of the socket, and a program that wants TLS once more.
 *
 * The ULP stays with the socket, though TCP could be told to forget it: TCP's
 * getsockopt(TCP_ULP) reads icsk_ulp_ops twice, without a lock and with a copy to
 * user space in between.  If the pointer went away under a program's other thread
 * the kernel would follow NULL.  The session stays for a like reason: a call that
 * began before may still look at it.  It says "closed" to such a call.
 */
#include "plain.h"

#include <linux/in6.h>
#include <linux/net.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <net/tcp.h>

#include "framer.h"
#include "kssl_compat.h"
#include "netlink.h"
#include "rx.h"
#include "rx_buf.h"
#include "session.h"
#include "tx.h"
#include "ulp.h"

/* Records that are opened at most, looking for the peer's close_notify. */
#define KSSL_DETACH_BUDGET	16

/**
 * kssl_plain_close() - close_notify without a FIN
 * @s: the session; socket lock, process context
 *
 * MSG_MORE data goes first.  Never waits.
 *
 * Return: 0, also if it was sent before; -ENOTCONN (no keys yet); -EAGAIN (bytes
 * of a record wait for memory); -EPIPE (writing has ended otherwise); or why the
 * session has failed.
 */
int kssl_plain_close(struct kssl_session *s)
{
	int err;

	sock_owned_by_me(s->sk);
	if (s->error.err)
		return -s->error.err;
	if (s->tx.end == KSSL_TX_OPEN) {
		err = kssl_tx_ready(s) ?: kssl_tx_flush(s);
		if (err)
			return err;
		kssl_tx_close(s);
		kssl_session_wake(s);
	} else {
		kssl_tx_flush(s);
	}
	if (s->error.err)
		return -s->error.err;
	if (kssl_tx_pending(s))	/* sealed, and TCP had no memory for it */
		return -EAGAIN;
	return s->tx.end == KSSL_TX_NOTIFIED ? 0 : -EPIPE;
}

/* May plaintext follow?  Only behind close_notify, in both directions. */
static int check(struct kssl_session *s)
{
	int err;

	if (s->error.err)
		return -s->error.err;
	if (s->state == KSSL_STATE_INIT || s->state == KSSL_STATE_LISTEN)
		return -EINVAL;
	if (s->state == KSSL_STATE_HANDSHAKE || s->plain)
		return -EBUSY;
	if (s->open)
		kssl_rx_text(s, 1, KSSL_DETACH_BUDGET);
	if (kssl_session_errno(s))
		return -kssl_session_errno(s);
	err = kssl_tx_flush(s);
	if (err)
		return err;
	if (s->rx.end != KSSL_RX_NOTIFIED || s->tx.end != KSSL_TX_NOTIFIED ||
	    kssl_rx_buf_unread(&s->rx))
		return -EBUSY;
	return 0;
}

/**
 * kssl_plain_enter() - plain TCP from now on
 * @s: the session; socket lock, process context
 *
 * What came behind the peer's close_notify is the first that the program reads,
 * also what lies in our buffer already.
 *
 * Return: 0; -EINVAL (there never was TLS); -EBUSY (close_notify is missing, sent
 * or received, or there is unread content); -EAGAIN (bytes of a record wait for
 * memory); -ENOMEM; or why the session has failed, or reading was cut.
 */
int kssl_plain_enter(struct kssl_session *s)
{
	struct sock *sk = s->sk;
	int err;

	sock_owned_by_me(sk);
	err = check(s) ?: kssl_framer_return(s);
	if (err)
		return err;
	kssl_nl_event(s, KSSL_EVENT_KIND_CLOSED);
	kssl_session_retire(s);
	kssl_ulp_unwrap(sk);
	sk->sk_state_change(sk);	/* every sleeper, and poll */
	sk->sk_data_ready(sk);
	sk->sk_write_space(sk);
	return 0;
}

/* setsockopt(TCP_ULP): TLS once more; the name as TCP reads it. */
static int attach_again(struct sock *sk, sockptr_t val, unsigned int len)
{
	char name[TCP_ULP_NAME_MAX];
	long n;
	int err;

	if (!len)
		return -EINVAL;
	n = strncpy_from_sockptr(name, val, min_t(size_t, sizeof(name) - 1, len));
	if (n < 0)
		return -EFAULT;
	name[n] = 0;
	if (strcmp(name, KSSL_ULP_NAME))
		return -EEXIST;
	lock_sock(sk);
	err = kssl_ulp_again(sk);
	release_sock(sk);
	return err;
}

static int plain_setsockopt(struct socket *sock, int level, int name, sockptr_t val,
			    unsigned int len)
{
	if (level == SOL_TCP && name == TCP_ULP)
		return attach_again(sock->sk, val, len);
	/* would put other calls into the socket than ours */
	if (level == SOL_IPV6 && name == IPV6_ADDRFORM)
		return -EOPNOTSUPP;
	return kssl_ulp_base_ops(sock->sk)->setsockopt(sock, level, name, val, len);
}

static int plain_getsockopt(struct socket *sock, int level, int name, char __user *val,
			    int __user *len)
{
	if (level == SOL_TCP && name == TCP_ULP)	/* none, as far as anyone can see */
		return put_user(0, len);
	return kssl_ulp_base_ops(sock->sk)->getsockopt(sock, level, name, val, len);
}

/* It would outlive the connection; and a listener's children would be ours. */
static int plain_connect(struct socket *sock, KSSL_SOCKADDR *addr, int len, int flags)
{
	if (len < (int)sizeof(addr->sa_family))
		return -EINVAL;
	if (addr->sa_family == AF_UNSPEC)
		return -EOPNOTSUPP;
	return kssl_ulp_base_ops(sock->sk)->connect(sock, addr, len, flags);
}

static int plain_listen(struct socket *sock, int backlog)
{
	return sock->state == SS_UNCONNECTED ? -EOPNOTSUPP : -EINVAL;
}

/* Nobody else has the socket now: TCP may forget us. */
static int plain_release(struct socket *sock)
{
	struct sock *sk = sock->sk;
	const struct proto_ops *base = kssl_ulp_base_ops(sk);

	lock_sock(sk);
	kssl_ulp_leave(sk);
	release_sock(sk);
	return base->release(sock);
}

/**
 * kssl_plain_ops() - put our calls into the table of a socket that is plain again
 * @ops: a table that kssl_tables_plain_ops() has begun
 */
void kssl_plain_ops(struct proto_ops *ops)
{
	ops->setsockopt = plain_setsockopt;
	ops->getsockopt = plain_getsockopt;
	ops->connect = plain_connect;
	ops->listen = plain_listen;
	ops->release = plain_release;
}
