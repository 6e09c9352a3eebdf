// SPDX-License-Identifier: GPL-2.0
/*
 * Attach to and detach from TCP: the ULP "kssl", the tables of calls that
 * replace TCP's, TCP's callbacks, and the sockets that a listener makes.  What
 * the calls do is in calls.c.
 *
 * A socket is in one of three ways ours:
 *   idle	closed or listening: only sock->ops is replaced.  A listener's
 *		sk_prot must stay TCP's, since TCP copies it into children and
 *		into TIME_WAIT sockets that outlive us.
 *   wrapped	connecting or connected: sk_prot, sock->ops and two callbacks.
 *   plain	TLS has been and gone (plain.c): only sock->ops is ours, and passes
 *		everything on that carries data.
 *
 * Module references: one per ULP user (taken by TCP at setsockopt, by us for a
 * child), and one per socket whose ops are ours (taken by us, or by accept() on
 * a listener of ours; given back by sock_release() after our code returned).
 */
#include "ulp.h"

#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/inet_common.h>
#include <net/tcp.h>
#include <net/transp_v6.h>

#include "calls.h"
#include "diag.h"
#include "framer.h"
#include "kssl_compat.h"
#include "ktls.h"
#include "owner.h"
#include "plain.h"
#include "session.h"
#include "sock_own.h"
#include "tables.h"
#include "tx.h"
#include "tx_record.h"
#include "upcall.h"

enum { V4, V6, NR_FAMILIES };

static struct tcp_ulp_ops ulp_ops;
static bool has_tls;			/* "tls" is ours, too */
static struct proto prots[NR_FAMILIES];
static struct proto ktls_prots[NR_FAMILIES];
static struct proto dead_prots[NR_FAMILIES];
static struct proto_ops idle_ops[NR_FAMILIES];
static struct proto_ops conn_ops[NR_FAMILIES];
static struct proto_ops ktls_ops[NR_FAMILIES];
static struct proto_ops plain_ops[NR_FAMILIES];
static const struct proto_ops *base_ops[NR_FAMILIES];
static DEFINE_MUTEX(base_ops_lock);	/* the first IPv6 socket fills its row */

static struct proto *const base_prots[NR_FAMILIES] = {
	[V4] = &tcp_prot,
#if IS_ENABLED(CONFIG_IPV6)
	[V6] = &tcpv6_prot,
#endif
};

/* Whose tables a socket uses; by its proto, since a v6 socket may talk v4. */
static int family(const struct proto *prot)
{
	int i;

	for (i = 0; i < NR_FAMILIES; i++)
		if (prot == base_prots[i] || prot == &prots[i] || prot == &ktls_prots[i] ||
		    prot == &dead_prots[i])
			return i;
	return -1;
}

/**
 * kssl_ulp_base_ops() - the socket calls below ours
 * @sk: a socket of ours
 */
const struct proto_ops *kssl_ulp_base_ops(const struct sock *sk)
{
	return base_ops[family(READ_ONCE(sk->sk_prot))];
}

/**
 * kssl_ulp_base_prot() - the protocol below ours
 * @sk: a socket of ours
 */
struct proto *kssl_ulp_base_prot(const struct sock *sk)
{
	return base_prots[family(READ_ONCE(sk->sk_prot))];
}

static void build_ops(int fam, const struct proto_ops *base)
{
	kssl_tables_ops(&idle_ops[fam], base);
	kssl_calls_idle_ops(&idle_ops[fam]);
	kssl_tables_ops(&conn_ops[fam], base);
	kssl_calls_fill_ops(&kssl_own_calls, &conn_ops[fam]);
	kssl_calls_conn_ops(&conn_ops[fam]);
	kssl_tables_ops(&ktls_ops[fam], base);
	kssl_calls_fill_ops(&kssl_ktls_calls, &ktls_ops[fam]);
	kssl_tables_plain_ops(&plain_ops[fam], base);
	kssl_plain_ops(&plain_ops[fam]);
	smp_store_release(&base_ops[fam], base);
}

/**
 * kssl_ulp_idle_base() - the socket calls below ours
 * @sock: has those of an idle socket; perhaps it is empty, or what it has not ours
 */
const struct proto_ops *kssl_ulp_idle_base(const struct socket *sock)
{
	return base_ops[sock->ops == &idle_ops[V6] ? V6 : V4];
}

/* Only sockets whose calls go to plain TCP can be ours. */
static int check_ops(int fam, const struct proto_ops *ops)
{
	mutex_lock(&base_ops_lock);
	if (!base_ops[fam] && ops->family == AF_INET6)	/* inet6_stream_ops is not exported */
		build_ops(fam, ops);
	mutex_unlock(&base_ops_lock);
	return base_ops[fam] == ops ? 0 : -EOPNOTSUPP;
}

static bool ours(const struct proto_ops *ops)
{
	return ops && ops->owner == THIS_MODULE;
}

/* Socket lock.  Calls under way on the old table finish there. */
static void set_ops(struct socket *sock, const struct proto_ops *ops)
{
	if (!ours(sock->ops))
		__module_get(THIS_MODULE);
	WRITE_ONCE(sock->ops, ops);
}

static void data_ready(struct sock *sk)
{
	struct kssl_session *s = kssl_of(sk);

	if (s->state == KSSL_STATE_OPEN) {
		/* half a record: nobody could read anything */
		if (kssl_framer_ready(s) || kssl_framer_fin(s))
			s->data_ready(sk);
		return;
	}
	if (s->ktls)
		s->data_ready(sk);
	else
		kssl_upcall_kick(s);
}

static void state_change(struct sock *sk)
{
	struct kssl_session *s = kssl_of(sk);

	s->state_change(sk);
	if (s->state < KSSL_STATE_OPEN && !s->ktls)
		kssl_upcall_kick(s);
}

/* TCP has room again, or for the first time. */
static void write_space(struct sock *sk)
{
	struct kssl_session *s = kssl_of(sk);

	if (unlikely(kssl_tx_pending(s)))
		kssl_sock_defer(s, KSSL_TODO_PUSH);
	s->write_space(sk);
}

/* The socket lock is given back: softirqs off, the spinlock held. */
static void release_cb(struct sock *sk)
{
	struct kssl_session *s = kssl_of(sk);

	if (unlikely(READ_ONCE(sk->sk_tsq_flags)))	/* else it does nothing */
		tcp_prot.release_cb(sk);		/* TCP's over IPv6 is the same */
	if (s && unlikely(READ_ONCE(s->todo)))
		kssl_sock_queue(s);
}

/**
 * kssl_ulp_own_rx() - from now on received bytes are records
 * @sk: a socket that has, or is to have, our calls; socket lock, or a child's
 *	spinlock
 */
void kssl_ulp_own_rx(struct sock *sk)
{
	kssl_of(sk)->rx.lowat = max(sk->sk_rcvlowat, 1);	/* theirs counts plaintext */
	WRITE_ONCE(sk->sk_rcvlowat, 1);
	kssl_of(sk)->rx.urg_inline = sock_flag(sk, SOCK_URGINLINE);
	sock_set_flag(sk, SOCK_URGINLINE);	/* a record has no urgent bytes */
}

/* From now on they are TCP's. */
static void disown_rx(struct sock *sk)
{
	const struct kssl_rx *rx = &kssl_of(sk)->rx;

	WRITE_ONCE(sk->sk_rcvlowat, rx->lowat);
	if (!rx->urg_inline)
		sock_reset_flag(sk, SOCK_URGINLINE);
}

static void wrap(struct sock *sk, struct kssl_session *s, struct proto *prot)
{
	write_lock_bh(&sk->sk_callback_lock);
	s->data_ready = sk->sk_data_ready;
	s->state_change = sk->sk_state_change;
	sk->sk_data_ready = data_ready;
	s->write_space = sk->sk_write_space;
	sk->sk_state_change = state_change;
	sk->sk_write_space = write_space;
	write_unlock_bh(&sk->sk_callback_lock);
	s->wrapped = true;
	if (!s->ktls)
		kssl_ulp_own_rx(sk);
	/* pairs with the READ_ONCE of sk_prot in the socket layer */
	smp_wmb();
	WRITE_ONCE(sk->sk_prot, prot);
}

static void unwrap(struct sock *sk, struct kssl_session *s)
{
	if (!s->wrapped)
		return;
	WRITE_ONCE(sk->sk_prot, kssl_ulp_base_prot(sk));
	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_data_ready = s->data_ready;
	sk->sk_state_change = s->state_change;
	sk->sk_write_space = s->write_space;
	write_unlock_bh(&sk->sk_callback_lock);
	s->wrapped = false;
}

/**
 * kssl_ulp_wrap() - an idle socket is about to connect
 * @sk: a socket attached while closed; socket lock
 *
 * Return: 0; -EOPNOTSUPP: it listens, or must (KSSL_ACCEPT), or was set up for TCP
 * Fast Open.
 */
int kssl_ulp_wrap(struct sock *sk)
{
	struct kssl_session *s = kssl_of(sk);
	int fam = family(sk->sk_prot);

	if (s->wrapped)
		return 0;
	if (s->plain || s->lobby || sk->sk_state != TCP_CLOSE || tcp_sk(sk)->fastopen_connect)
		return -EOPNOTSUPP;
	if (s->state == KSSL_STATE_LISTEN)	/* it did, until shutdown() */
		kssl_session_set_state(s, KSSL_STATE_INIT);
	s->role = KSSL_ROLE_CLIENT;
	s->autostart = true;
	wrap(sk, s, &prots[fam]);
	set_ops(sk->sk_socket, &conn_ops[fam]);
	return 0;
}

static bool may_attach(const struct sock *sk)
{
	return (1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN | TCPF_SYN_SENT |
				      TCPF_ESTABLISHED | TCPF_CLOSE_WAIT);
}

static int check_state(struct sock *sk, int fam)
{
	if (fam < 0 || !sk->sk_socket)
		return -EOPNOTSUPP;
	if (sk->sk_prot != base_prots[fam] || sk->sk_user_data)
		return -EBUSY;
	if (!may_attach(sk))
		return -ENOTCONN;
	if (tcp_sk(sk)->repair || tcp_sk(sk)->fastopen_connect ||
	    kssl_compat_defer_connect(sk))
		return -EOPNOTSUPP;
	return 0;
}

static int check_attach(struct sock *sk, int fam)
{
	return check_state(sk, fam) ?: check_ops(fam, sk->sk_socket->ops);
}

/**
 * kssl_ulp_unwrap() - data go by TCP's own calls again
 * @sk: a wrapped socket whose session is retired; socket lock
 *
 * Our table stays in sock->ops, and with it the module: threads may still be in
 * our code, on their way in or out.
 */
void kssl_ulp_unwrap(struct sock *sk)
{
	int fam = family(sk->sk_prot);

	disown_rx(sk);
	unwrap(sk, kssl_of(sk));
	/* our table's calls expect TCP's sk_prot */
	smp_wmb();
	set_ops(sk->sk_socket, &plain_ops[fam]);
}

/**
 * kssl_ulp_move() - move a socket from the program to the kernel
 * @sk: a socket of ours that the program closes; socket lock
 * @to: an empty struct socket of the kernel, for the same family
 *
 * Not sock_graft(): sk_uid and the label of the security module stay what the
 * program made them, also where the module would take those of the caller.  What
 * is left behind has no sock.
 */
void kssl_ulp_move(struct sock *sk, struct socket *to)
{
	struct socket *from = sk->sk_socket;

	sock_owned_by_me(sk);
	set_ops(to, &plain_ops[family(sk->sk_prot)]);
	to->state = SS_CONNECTED;
	SOCK_INODE(to)->i_uid = SOCK_INODE(from)->i_uid;
	write_lock_bh(&sk->sk_callback_lock);
	from->sk = NULL;
	to->sk = sk;
	rcu_assign_pointer(sk->sk_wq, &to->wq);
	sk_set_socket(sk, to);
	write_unlock_bh(&sk->sk_callback_lock);
}

/**
 * kssl_ulp_again() - TLS once more on a socket that is plain again
 * @sk: the socket; socket lock
 *
 * Return: 0; -EEXIST (it is not plain); -ENOTCONN (nor connected); -EBUSY (in
 * other hands); -EOPNOTSUPP (TCP_REPAIR); -ENOMEM.
 */
int kssl_ulp_again(struct sock *sk)
{
	struct kssl_session *s = kssl_of(sk);
	int fam = family(sk->sk_prot);
	int err;

	if (!s->plain)
		return -EEXIST;
	if (!((1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT)))
		return -ENOTCONN;
	err = check_state(sk, fam);
	if (!err)
		err = kssl_session_renew(s);
	if (err)
		return err;
	s->role = KSSL_ROLE_CLIENT;
	kssl_session_publish(s);
	wrap(sk, s, &prots[fam]);
	set_ops(sk->sk_socket, &conn_ops[fam]);
	return 0;
}

/**
 * kssl_ulp_repair() - give an accepted socket our calls if they are missing
 * @sk: a wrapped socket; socket lock
 *
 * SO_REUSEPORT may hand a child of ours to a listener that is not, and then
 * accept() set TCP's own calls.
 */
void kssl_ulp_repair(struct sock *sk)
{
	int fam = family(sk->sk_prot);

	if (likely(!sk->sk_socket || sk->sk_socket->ops != base_ops[fam]))
		return;
	set_ops(sk->sk_socket, &conn_ops[fam]);
	kssl_session_publish(kssl_of(sk));
	kssl_upcall_kick(kssl_of(sk));
}

/* setsockopt(TCP_ULP); socket lock.  TCP stores ulp_ops after we return 0. */
static int ulp_init(struct sock *sk)
{
	int fam = family(sk->sk_prot);
	struct kssl_session *s;
	int err;

	err = check_attach(sk, fam);
	if (err)
		return err;
	s = kssl_session_alloc(sk, kssl_owner_current(kssl_net(sock_net(sk))), GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	s->role = KSSL_ROLE_CLIENT;
	kssl_session_publish(s);
	rcu_assign_pointer(inet_csk(sk)->icsk_ulp_data, s);
	/* TCP has cleared it for the sake of ULPs that cannot (io_uring's SEND_ZC) */
	set_bit(SOCK_SUPPORT_ZC, &sk->sk_socket->flags);
	if ((1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN)) {
		if (sk->sk_state == TCP_LISTEN) {
			s->role = KSSL_ROLE_SERVER;
			kssl_session_set_state(s, KSSL_STATE_LISTEN);
		}
		set_ops(sk->sk_socket, &idle_ops[fam]);
		return 0;
	}
	s->autostart = sk->sk_state == TCP_SYN_SENT;
	wrap(sk, s, &prots[fam]);
	set_ops(sk->sk_socket, &conn_ops[fam]);
	return 0;
}

/* setsockopt(TCP_ULP, "tls"); socket lock.  Plain TCP until keys are set. */
static int tls_init(struct sock *sk)
{
	int fam = family(sk->sk_prot);
	struct kssl_session *s;
	int err;

	if (sk->sk_state != TCP_ESTABLISHED)
		return -ENOTCONN;
	err = check_attach(sk, fam);
	if (err)
		return err;
	s = kssl_session_alloc(sk, kssl_owner_current(kssl_net(sock_net(sk))), GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	s->ktls = kzalloc(sizeof(*s->ktls), GFP_KERNEL_ACCOUNT);
	if (!s->ktls) {
		kssl_session_detach(s);
		return -ENOMEM;
	}
	kssl_upcall_cancel(s);
	s->own_keys = true;
	kssl_session_publish(s);
	rcu_assign_pointer(inet_csk(sk)->icsk_ulp_data, s);
	wrap(sk, s, &ktls_prots[fam]);
	set_ops(sk->sk_socket, &ktls_ops[fam]);
	return 0;
}

static int inherit_string(char **to, const char *from)
{
	kfree(*to);
	*to = from ? kstrdup(from, GFP_ATOMIC) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

/* A child's settings are its listener's. */
static int inherit(struct kssl_session *s, struct kssl_session *from)
{
	int err;

	spin_lock_bh(&from->lock);
	s->settings = from->settings;
	s->peer_auth = from->peer_auth;
	s->tx.size = READ_ONCE(from->tx.size);
	s->tx.pad = READ_ONCE(from->tx.pad);
	s->rx.lax = READ_ONCE(from->rx.lax);
	s->rx.records = READ_ONCE(from->rx.records);
	s->close_handshake = READ_ONCE(from->close_handshake);
	err = inherit_string(&s->identity, from->identity) ?:
	      inherit_string(&s->alpn, from->alpn);
	spin_unlock_bh(&from->lock);
	return err;
}

static struct kssl_owner *owner_of(struct kssl_session *from)
{
	struct kssl_owner *o;

	spin_lock_bh(&from->lock);
	o = kssl_owner_get(from->owner);
	spin_unlock_bh(&from->lock);
	return o;
}

static struct kssl_session *child_session(struct sock *newsk, struct kssl_session *from, gfp_t gfp)
{
	struct kssl_session *s = kssl_session_alloc(newsk, owner_of(from), gfp);

	if (!s)
		return NULL;
	if (inherit(s, from)) {
		kssl_session_detach(s);
		return NULL;
	}
	s->role = KSSL_ROLE_SERVER;
	return s;
}

/*
 * The same in softirq, where nobody in particular would be charged for it: the
 * listener's memory cgroup is.  It stays for as long as RCU keeps the listener.
 */
static struct kssl_session *born_session(struct sock *newsk, struct kssl_session *from, gfp_t gfp)
{
	struct mem_cgroup *old, *memcg = NULL;
	struct kssl_session *s;

	rcu_read_lock();
	spin_lock_bh(&from->lock);
	if (from->sk)
		memcg = kssl_compat_memcg(from->sk);
	spin_unlock_bh(&from->lock);
	old = set_active_memcg(memcg);
	s = child_session(newsk, from, gfp);
	set_active_memcg(old);
	rcu_read_unlock();
	return s;
}

/**
 * kssl_ulp_session() - the session of a socket that may be anybody's
 * @sk: a TCP socket
 *
 * SO_REUSEPORT may hand us the child of another ULP's listener.
 *
 * Return: the session, or NULL.
 */
struct kssl_session *kssl_ulp_session(const struct sock *sk)
{
	return inet_csk(sk)->icsk_ulp_ops == &ulp_ops ? kssl_of(sk) : NULL;
}

/* Never plain TCP: a child we have no memory for can do nothing but be reset. */
static void make_dead(struct sock *newsk, int fam)
{
	WRITE_ONCE(newsk->sk_prot, &dead_prots[fam]);
	sock_set_flag(newsk, SOCK_LINGER);
	newsk->sk_lingertime = 0;
}

/*
 * A listener's child is born: softirq, the child's spinlock is held, the
 * listener's is not; TCP has copied the listener's icsk_ulp_data, which RCU
 * keeps in memory.
 */
static void ulp_clone(const struct request_sock *req, struct sock *newsk, const gfp_t priority)
{
	struct kssl_session *from, *s = NULL;
	int fam = family(newsk->sk_prot);

	__module_get(THIS_MODULE);	/* tcp_cleanup_ulp() drops it */
	rcu_read_lock();
	from = rcu_dereference(*(struct kssl_session __rcu **)&inet_csk(newsk)->icsk_ulp_data);
	if (from && !refcount_inc_not_zero(&from->ref))
		from = NULL;
	rcu_read_unlock();
	rcu_assign_pointer(inet_csk(newsk)->icsk_ulp_data, NULL);
	if (from) {
		s = born_session(newsk, from, priority);
		kssl_session_put(from);
	}
	if (!s) {
		make_dead(newsk, fam);
		return;
	}
	rcu_assign_pointer(inet_csk(newsk)->icsk_ulp_data, s);
	wrap(newsk, s, &prots[fam]);
}

/*
 * A child from before the listener was ours.  accept() has taken a reference for
 * the listener's ops, which are ours; the ULP user's is taken here.
 */
static int attach_late(struct socket *sock, struct kssl_session *from, int fam)
{
	struct sock *sk = sock->sk;
	struct kssl_session *s;
	int err = inet_csk(sk)->icsk_ulp_ops ? -EBUSY : check_state(sk, fam);

	if (err)
		return err;
	s = child_session(sk, from, GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	__module_get(THIS_MODULE);
	rcu_assign_pointer(inet_csk(sk)->icsk_ulp_data, s);
	inet_csk(sk)->icsk_ulp_ops = &ulp_ops;
	set_bit(SOCK_SUPPORT_ZC, &sock->flags);
	wrap(sk, s, &prots[fam]);
	return 0;
}

/* The listener's settings may have changed since the child was born. */
static int catch_up(struct kssl_session *s, struct kssl_session *from)
{
	if (s->state != KSSL_STATE_INIT || s->settings == READ_ONCE(from->settings))
		return 0;
	return inherit(s, from);
}

/**
 * kssl_ulp_adopt() - a socket came out of accept() on a listener of ours
 * @listener: that listener
 * @sock: the new socket; its ops are still those of the listener
 *
 * Children that were in the queue before the listener became ours are attached
 * here; those that were there before it got an option get it.
 *
 * Context: process.  Return: 0; -ECONNABORTED (there was no memory for it);
 * else what attaching says.  On error the caller lets the socket be closed.
 */
int kssl_ulp_adopt(struct socket *listener, struct socket *sock)
{
	struct kssl_session *from = kssl_of(listener->sk);
	struct sock *sk = sock->sk;
	int fam = family(sk->sk_prot);
	struct kssl_session *s;
	int err = 0;

	lock_sock(sk);
	s = kssl_ulp_session(sk);
	if (fam >= 0 && sk->sk_prot == &dead_prots[fam]) {
		err = -ECONNABORTED;
	} else if (!s) {
		err = attach_late(sock, from, fam);
		s = kssl_of(sk);
	} else {
		err = catch_up(s, from);
	}
	if (!err) {
		WRITE_ONCE(sock->ops, &conn_ops[fam]);
		kssl_session_publish(s);
		kssl_upcall_kick(s);	/* data may have come already */
	}
	release_sock(sk);
	return err;
}

/**
 * kssl_ulp_leave() - close(): the socket becomes plain TCP for its last packets
 * @sk: a wrapped socket; socket lock
 *
 * Everything of ours goes now, so that a socket in FIN_WAIT does not hold the
 * module.  Only for sockets whose ops are ours: their module reference protects
 * the caller's text until sock_release() drops it.
 */
void kssl_ulp_leave(struct sock *sk)
{
	struct kssl_session *s = kssl_of(sk);

	if (!s)
		return;
	unwrap(sk, s);
	rcu_assign_pointer(inet_csk(sk)->icsk_ulp_data, NULL);
	kssl_session_detach(s);
	if (sk->sk_socket && ours(sk->sk_socket->ops)) {
		inet_csk(sk)->icsk_ulp_ops = NULL;
		module_put(THIS_MODULE);
	}
}

/* The socket is destroyed, perhaps in softirq; TCP drops the module after us. */
static void ulp_release(struct sock *sk)
{
	struct kssl_session *s = kssl_of(sk);
	int fam = family(sk->sk_prot);

	if (fam >= 0 && sk->sk_prot == &dead_prots[fam])
		WRITE_ONCE(sk->sk_prot, base_prots[fam]);
	if (!s)
		return;
	unwrap(sk, s);
	rcu_assign_pointer(inet_csk(sk)->icsk_ulp_data, NULL);
	kssl_session_detach(s);
}

/* A psock wants to change the socket's calls: sockmap is refused before that. */
static void ulp_update(struct sock *sk, struct proto *p, void (*write_space)(struct sock *sk))
{
	WARN_ON_ONCE(1);
}

static struct tcp_ulp_ops ulp_ops __read_mostly = {
	.name = KSSL_ULP_NAME,
	.owner = THIS_MODULE,
	.init = ulp_init,
	.update = ulp_update,
	.release = ulp_release,
	.clone = ulp_clone,
	.get_info = kssl_diag_info,
	.get_info_size = kssl_diag_size,
};

/* No .clone: in-tree rules, such a socket cannot listen. */
static struct tcp_ulp_ops tls_ops __read_mostly = {
	.name = "tls",
	.owner = THIS_MODULE,
	.init = tls_init,
	.update = ulp_update,
	.release = ulp_release,
	.get_info = kssl_diag_info,
	.get_info_size = kssl_diag_size,
};

static void build_wrapped(struct proto *prot, const struct proto *base,
			  const struct kssl_calls *calls)
{
	kssl_tables_proto(prot, base);
	kssl_calls_fill(calls, prot);
	prot->release_cb = release_cb;
	prot->stream_memory_free = kssl_tx_memory_free;
}

static void build_protos(int fam)
{
	build_wrapped(&prots[fam], base_prots[fam], &kssl_own_calls);
	build_wrapped(&ktls_prots[fam], base_prots[fam], &kssl_ktls_calls);
	kssl_tables_proto(&dead_prots[fam], base_prots[fam]);
	kssl_calls_dead_prot(&dead_prots[fam]);
}

static void register_tls(void)
{
	if (tcp_register_ulp(&tls_ops))
		pr_warn("kssl: ULP \"tls\" belongs to another module; only \"kssl\" is served\n");
	else
		has_tls = true;
}

/**
 * kssl_ulp_init() - make the tables and register the ULPs
 * @ktls: register "tls" too, if nobody else has
 *
 * Return: 0; -EEXIST: the name "kssl" is taken.
 */
int kssl_ulp_init(bool ktls)
{
	int err;

	build_protos(V4);
	build_ops(V4, &inet_stream_ops);
	if (base_prots[V6])
		build_protos(V6);
	err = tcp_register_ulp(&ulp_ops);
	if (!err && ktls)
		register_tls();
	return err;
}

/**
 * kssl_ulp_exit() - unregister; no socket uses us, or we could not be unloaded
 */
void kssl_ulp_exit(void)
{
	if (has_tls)
		tcp_unregister_ulp(&tls_ops);
	tcp_unregister_ulp(&ulp_ops);
}
