// SPDX-License-Identifier: GPL-2.0
/*
 * close(), and what the kernel still does for a socket after it.
 *
 * TCP resets a connection that is closed while received bytes are unread, or that
 * receives more of them after close().  The reset overtakes what was sent: the last
 * answer, or the alert that says why TLS has failed.  For plain TCP that is rare,
 * since a peer that has its answer sends no more than a FIN.  A TLS peer does send
 * more: close_notify, a ticket, the rest of a record that did not verify.
 *
 * So a socket lingers after close(): it moves from the program's struct socket to one
 * of the kernel, which has no file.  The kernel
 *
 *	1. does the handshake of a server that has accepted and closed, if the
 *	   listener does not forbid it and a ClientHello comes within two seconds;
 *	2. gives TCP what the program has written, and close_notify;
 *	3. lets go of the session: keys are wiped, ksslctl does not list it any more.
 *	   What follows is plain TCP;
 *	4. sends FIN, reads and discards;
 *	5. closes the socket, which TCP then finishes like any other.
 *
 * close() itself does as much of that as it can without waiting, and often that is
 * all.  Otherwise a work item goes on whenever TCP's callbacks say that something has
 * changed, or a limit is reached; nothing polls, and no thread waits.
 *
 * Why a held socket ends:
 *	- the peer's FIN, or a reset: nothing can come any more;
 *	- two seconds after the peer has acknowledged our FIN;
 *	- KSSL_LINGER_BYTES were discarded;
 *	- KSSL_LINGER_END after close().  TCP goes on with what is in its queue, as it
 *	  does for every closed socket.  If TCP has no room for what the program has
 *	  written, and the peer has acknowledged some, this limit is renewed, until
 *	  KSSL_LINGER_LAST after close(): then the connection is reset;
 *	- ksslctl flush.
 *
 * What holds what: the struct kssl_linger is the held socket's sk_user_data while the
 * callbacks are replaced, an element of kssl_net.lingers until the work item takes it
 * off, and freed by the work item alone.  Callbacks run under the socket's spinlock
 * without an owner, or by the owner; they are put back under the socket lock, so that
 * none runs later.  The socket holds its network namespace, and the held struct socket
 * the module (by its table of calls).
 *
 * The work item sleeps on the socket lock, unlike work on a program's socket
 * (sock_own.c): no program has a way to a held socket, so the lock is never held while
 * copying from or to a program's memory.
 *
 * The bound: a user has at most as many held sockets as are left free in the network
 * namespace.  Beyond it a socket is closed at once.
 */
#include "linger.h"

#include <linux/net.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/tcp.h>

#include "mib.h"
#include "netlink.h"
#include "owner.h"
#include "rx.h"
#include "rx_buf.h"
#include "session.h"
#include "tx.h"
#include "ulp.h"
#include "upcall.h"

/* Most that is read and discarded. */
#define KSSL_LINGER_BYTES	65536
/* For a ClientHello, and for the peer's FIN after it has acknowledged ours. */
#define KSSL_LINGER_PEER	(2 * HZ)
/* Time limit, unless the peer acknowledges more. */
#define KSSL_LINGER_END		(10 * HZ)
/* Time limit in any case. */
#define KSSL_LINGER_LAST	(300 * HZ)
/* TCP is out of memory, and nothing is queued, so no acknowledgement will come. */
#define KSSL_LINGER_RETRY	(HZ / 5)
/* Held sockets in a network namespace; ksslctl policy. */
#define KSSL_LINGER_MAX		4096
/* Records that close() opens at most, looking for content. */
#define KSSL_CLOSE_BUDGET	16

/**
 * struct kssl_linger - a socket that was closed and still reads
 * @node: in kssl_net.lingers
 * @kn: the network namespace's part
 * @uid: whose share it is in
 * @sock: the kernel's struct socket; its sock has this in sk_user_data
 * @work: looks at the socket
 * @data_ready: the callback that ours is in front of
 * @state_change: likewise
 * @write_space: likewise
 * @until: when the present wait ends, jiffies
 * @end: time limit unless the peer acknowledges more, jiffies
 * @last: time limit in any case, jiffies
 * @room: bytes that may still be discarded
 * @una: what the peer had acknowledged when @end was set
 * @acked: it has acknowledged our FIN
 * @flushed: to be ended now; written without a lock
 */
struct kssl_linger {
	struct list_head node;
	struct kssl_net *kn;
	kuid_t uid;
	struct socket *sock;
	struct delayed_work work;
	void (*data_ready)(struct sock *sk);
	void (*state_change)(struct sock *sk);
	void (*write_space)(struct sock *sk);
	unsigned long until;
	unsigned long end;
	unsigned long last;
	size_t room;
	u32 una;
	bool acked;
	bool flushed;
};

static struct workqueue_struct *wq;

/* ---- what is still sent ---- */

static bool resets_at_close(const struct sock *sk)
{
	return sock_flag(sk, SOCK_LINGER) && !sk->sk_lingertime;
}

static void reset_at_close(struct sock *sk)
{
	sock_set_flag(sk, SOCK_LINGER);
	sk->sk_lingertime = 0;
}

/*
 * A signal or the OOM killer ends the program, which did not say that this is all.
 * TCP's FIN follows without close_notify, as from a program with a library of its own.
 */
static bool killed(void)
{
	return current->flags & PF_EXITING && current->exit_code & 0x7f;
}

/* Content that the program has not read makes TCP reset; a ticket does not. */
static bool has_unread(struct kssl_session *s)
{
	if (s->state == KSSL_STATE_OPEN && s->open)
		kssl_rx_text(s, 1, KSSL_CLOSE_BUDGET);
	return s->state <= KSSL_STATE_CLOSED && kssl_rx_buf_unread(&s->rx);
}

/* Never waits.  Return: whether TCP has all that is to be sent. */
static bool say_last(struct kssl_session *s)
{
	if (s->state == KSSL_STATE_OPEN && !killed())
		kssl_tx_close(s);
	kssl_tx_flush(s);
	return !kssl_tx_pending(s);
}

/* TLS is over.  If TCP does not have everything the connection is reset. */
static void leave_session(struct sock *sk, struct kssl_session *s)
{
	if (kssl_tx_pending(s))
		reset_at_close(sk);
	if (s->state == KSSL_STATE_OPEN || s->state == KSSL_STATE_CLOSED)
		kssl_nl_event(s, KSSL_EVENT_KIND_CLOSED);
	kssl_ulp_leave(sk);
}

/**
 * kssl_linger_close() - close a socket that does not linger (proto.close)
 * @sk: a wrapped socket
 * @timeout: SO_LINGER, jiffies
 *
 * Sends close_notify if TCP has room for it, and never waits for that.
 *
 * Context: process, no lock.
 */
void kssl_linger_close(struct sock *sk, long timeout)
{
	struct proto *base = kssl_ulp_base_prot(sk);
	struct kssl_session *s;

	lock_sock(sk);
	s = kssl_of(sk);
	if (s) {
		if (!resets_at_close(sk)) {
			if (has_unread(s))
				reset_at_close(sk);
			else
				say_last(s);
		}
		leave_session(sk, s);
	}
	release_sock(sk);
	base->close(sk, timeout);
}

/* ---- TCP, after TLS ---- */

/* No byte can come any more. */
static bool no_more_bytes(const struct sock *sk)
{
	return sock_flag(sk, SOCK_DONE) || sk->sk_state == TCP_CLOSE;
}

static void send_fin(struct sock *sk)
{
	sk->sk_shutdown |= SEND_SHUTDOWN;
	if (!no_more_bytes(sk))		/* a program's SHUT_RD would make TCP reset */
		sk->sk_shutdown &= ~RCV_SHUTDOWN;
	sk->sk_prot->shutdown(sk, SEND_SHUTDOWN);
}

static int discard_skb(read_descriptor_t *desc, struct sk_buff *skb, unsigned int off, size_t len)
{
	len = min_t(size_t, len, desc->count);
	desc->count -= len;
	return len;
}

/* Urgent data stops it; then the time limit ends the socket. */
static void discard_received(struct sock *sk, size_t *room)
{
	read_descriptor_t desc = { .count = *room };

	tcp_read_sock(sk, &desc, discard_skb);
	*room = desc.count;
}

/* The session goes, FIN follows. */
static void conclude(struct sock *sk, struct kssl_session *s)
{
	leave_session(sk, s);
	send_fin(sk);
}

/* ---- held sockets ---- */

static void linger_kick(struct sock *sk)
{
	struct kssl_linger *l = sk->sk_user_data;

	mod_delayed_work(wq, &l->work, 0);
}

static void linger_data_ready(struct sock *sk)
{
	struct kssl_linger *l = sk->sk_user_data;

	l->data_ready(sk);
	linger_kick(sk);
}

static void linger_state_change(struct sock *sk)
{
	struct kssl_linger *l = sk->sk_user_data;

	l->state_change(sk);
	linger_kick(sk);
}

/* kssl_session_wake() calls it too, when the handshake is done or has failed. */
static void linger_write_space(struct sock *sk)
{
	struct kssl_linger *l = sk->sk_user_data;

	l->write_space(sk);
	linger_kick(sk);
}

static void take_callbacks(struct kssl_linger *l, struct sock *sk)
{
	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_user_data = l;
	l->data_ready = sk->sk_data_ready;
	l->state_change = sk->sk_state_change;
	l->write_space = sk->sk_write_space;
	sk->sk_data_ready = linger_data_ready;
	sk->sk_state_change = linger_state_change;
	sk->sk_write_space = linger_write_space;
	write_unlock_bh(&sk->sk_callback_lock);
}

static void give_callbacks_back(struct kssl_linger *l, struct sock *sk)
{
	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_data_ready = l->data_ready;
	sk->sk_state_change = l->state_change;
	sk->sk_write_space = l->write_space;
	sk->sk_user_data = NULL;
	write_unlock_bh(&sk->sk_callback_lock);
}

/* Whether the present wait is over.  See the essay for what makes it longer. */
static bool out_of_time(struct kssl_linger *l, const struct sock *sk, const struct kssl_session *s)
{
	u32 una = tcp_sk(sk)->snd_una;

	if (time_before(jiffies, l->until))
		return false;
	if (s && s->state < KSSL_STATE_OPEN && l->until != l->end && kssl_upcall_heard(s)) {
		l->until = l->end;
		return false;
	}
	if (!s || s->state < KSSL_STATE_OPEN || una == l->una)
		return true;
	l->una = una;
	l->end = jiffies + KSSL_LINGER_END;
	if (time_after(l->end, l->last))
		l->end = l->last;
	l->until = l->end;
	return !time_before(jiffies, l->last);
}

/* Send what is left of TLS.  Return: whether TLS is over. */
static bool finish_tls(struct kssl_linger *l, struct sock *sk, struct kssl_session *s)
{
	if (s->state < KSSL_STATE_OPEN)
		return false;
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	if (!say_last(s))
		return false;
	give_callbacks_back(l, sk);	/* what lies under them goes with the session */
	conclude(sk, s);
	take_callbacks(l, sk);
	l->until = l->end;
	return true;
}

/* From when the peer has acknowledged the FIN it has a moment for its own. */
static void note_acked(struct kssl_linger *l, const struct sock *sk)
{
	if (sk->sk_state != TCP_FIN_WAIT2 || l->acked)
		return;
	l->acked = true;
	if (time_before(jiffies + KSSL_LINGER_PEER, l->end))
		l->until = jiffies + KSSL_LINGER_PEER;
}

/* Do what can be done now.  Return: whether the socket can be closed. */
static bool linger_look(struct kssl_linger *l, struct sock *sk)
{
	struct kssl_session *s = kssl_of(sk);
	bool enough = READ_ONCE(l->flushed) || out_of_time(l, sk, s);

	if (s && !finish_tls(l, sk, s))
		return enough || sk->sk_state == TCP_CLOSE;
	discard_received(sk, &l->room);
	note_acked(l, sk);
	return enough || !l->room || no_more_bytes(sk);
}

static void linger_look_later(struct kssl_linger *l, const struct sock *sk)
{
	const struct kssl_session *s = kssl_of(sk);
	long wait = l->until - jiffies;

	if (s && s->state >= KSSL_STATE_OPEN && !sk->sk_wmem_queued)
		wait = min_t(long, wait, KSSL_LINGER_RETRY);
	queue_delayed_work(wq, &l->work, max(wait, 0L));
}

static u32 share(struct kssl_lingers *all, kuid_t uid)
{
	return xa_to_value(xa_load(&all->shares, __kuid_val(uid)) ?: xa_mk_value(0));
}

/* Return: whether there is a place left in its user's share. */
static bool share_take(struct kssl_linger *l)
{
	struct kssl_lingers *all = &l->kn->lingers;
	u32 max = READ_ONCE(all->max), n;
	bool room;

	spin_lock_bh(&all->lock);
	n = share(all, l->uid);
	room = all->nr < max && n < max - all->nr &&
	       !xa_err(xa_store_bh(&all->shares, __kuid_val(l->uid), xa_mk_value(n + 1),
				   GFP_ATOMIC));
	if (room)
		WRITE_ONCE(all->nr, all->nr + 1);
	spin_unlock_bh(&all->lock);
	kssl_mib_inc(l->kn, room ? KSSL_MIB_LINGERED : KSSL_MIB_LINGER_FULL);
	return room;
}

/* From now on kssl_linger_flush() finds it. */
static void list_enter(struct kssl_linger *l)
{
	spin_lock_bh(&l->kn->lingers.lock);
	list_add_tail(&l->node, &l->kn->lingers.list);
	spin_unlock_bh(&l->kn->lingers.lock);
}

static void list_leave(struct kssl_linger *l)
{
	struct kssl_lingers *all = &l->kn->lingers;
	u32 n;

	spin_lock_bh(&all->lock);
	list_del(&l->node);
	WRITE_ONCE(all->nr, all->nr - 1);
	n = share(all, l->uid);
	if (n > 1)	/* the place is there: no memory is needed */
		xa_store_bh(&all->shares, __kuid_val(l->uid), xa_mk_value(n - 1), GFP_ATOMIC);
	else
		xa_erase_bh(&all->shares, __kuid_val(l->uid));
	spin_unlock_bh(&all->lock);
}

static void linger_work(struct work_struct *work)
{
	struct kssl_linger *l = container_of(to_delayed_work(work), struct kssl_linger, work);
	struct sock *sk = l->sock->sk;
	bool over;

	lock_sock(sk);
	over = linger_look(l, sk);
	if (over) {
		give_callbacks_back(l, sk);
		if (kssl_of(sk))
			leave_session(sk, kssl_of(sk));
	} else {
		linger_look_later(l, sk);
	}
	release_sock(sk);
	if (!over)
		return;
	list_leave(l);
	/* queued again meanwhile; it cannot run, since this is the item itself */
	cancel_delayed_work(&l->work);
	sock_release(l->sock);
	kfree(l);
}

static struct kssl_linger *linger_new(const struct sock *sk, kuid_t uid, size_t room)
{
	struct kssl_linger *l = kzalloc(sizeof(*l), GFP_KERNEL_ACCOUNT);

	if (!l)
		return NULL;
	if (sock_create_lite(sk->sk_family, SOCK_STREAM, IPPROTO_TCP, &l->sock)) {
		kfree(l);
		return NULL;
	}
	INIT_DELAYED_WORK(&l->work, linger_work);
	l->kn = kssl_net(sock_net(sk));
	l->uid = uid;
	l->room = room;
	l->end = jiffies + KSSL_LINGER_END;
	l->last = jiffies + KSSL_LINGER_LAST;
	l->until = l->end;
	l->una = tcp_sk(sk)->snd_una;
	return l;
}

/* Return: whether the kernel has the socket now. */
static bool linger_hold(struct sock *sk, kuid_t uid, size_t room)
{
	struct kssl_session *s = kssl_of(sk);
	struct kssl_linger *l;

	if (sk->sk_user_data)
		return false;
	l = linger_new(sk, uid, room);
	if (!l)
		return false;
	if (!share_take(l)) {
		sock_release(l->sock);
		kfree(l);
		return false;
	}
	if (s && s->state < KSSL_STATE_OPEN) {
		l->until = jiffies + KSSL_LINGER_PEER;
		kssl_upcall_kick(s);
	}
	sock_reset_flag(sk, SOCK_LINGER);	/* the work item would wait for it */
	kssl_ulp_move(sk, l->sock);
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);	/* what is due waits for room */
	take_callbacks(l, sk);
	note_acked(l, sk);
	linger_look_later(l, sk);
	list_enter(l);
	return true;
}

/* ---- close() ---- */

static bool fin_unacked(const struct sock *sk)
{
	return (1 << sk->sk_state) & (TCPF_FIN_WAIT1 | TCPF_CLOSING | TCPF_LAST_ACK);
}

/* SO_LINGER: the program waits until the peer has all, as in TCP's own close(). */
static void wait_acked(struct sock *sk, long *timeo)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);

	add_wait_queue(sk_sleep(sk), &wait);
	while (*timeo && fin_unacked(sk) && !signal_pending(current))
		sk_wait_event(sk, timeo, !fin_unacked(sk), &wait);
	remove_wait_queue(sk_sleep(sk), &wait);
}

static void wait_said(struct kssl_session *s, long *timeo)
{
	while (!say_last(s) && *timeo && !signal_pending(current))
		if (sk_stream_wait_memory(s->sk, timeo))
			break;
}

static long linger_time(const struct sock *sk)
{
	return sock_flag(sk, SOCK_LINGER) && !(current->flags & PF_EXITING) ? sk->sk_lingertime : 0;
}

/* Return: whether the kernel has the socket now. */
static bool linger(struct sock *sk, struct kssl_session *s)
{
	kuid_t uid = s->owner->cred->euid;
	long timeo = linger_time(sk);
	size_t room = KSSL_LINGER_BYTES;
	bool notified;

	if (s->state < KSSL_STATE_OPEN)
		return linger_hold(sk, uid, room);
	if (has_unread(s))
		return false;
	wait_said(s, &timeo);
	if (kssl_tx_pending(s))
		return linger_hold(sk, uid, room);
	notified = s->rx.end == KSSL_RX_NOTIFIED;	/* the peer sends nothing behind it */
	conclude(sk, s);
	wait_acked(sk, &timeo);
	sock_reset_flag(sk, SOCK_LINGER);
	discard_received(sk, &room);
	return room && !notified && !no_more_bytes(sk) &&
	       linger_hold(sk, uid, room);
}

/* A server whose peer is still to see TLS: an EOF inside the handshake is an error there. */
static bool handshake_due(const struct kssl_session *s)
{
	return s->role == KSSL_ROLE_SERVER && s->close_handshake && !s->own_keys;
}

static bool may_linger(const struct sock *sk, const struct kssl_session *s)
{
	const int up = TCPF_ESTABLISHED | TCPF_FIN_WAIT1 | TCPF_FIN_WAIT2 | TCPF_CLOSE_WAIT |
		       TCPF_CLOSING | TCPF_LAST_ACK;

	if (!((1 << sk->sk_state) & up) || resets_at_close(sk) || killed())
		return false;
	return s->state >= KSSL_STATE_OPEN || handshake_due(s);
}

/**
 * kssl_linger_release() - let a closed socket linger, or close it (proto_ops.release)
 * @sock: the program's struct socket, at its last close(); empty afterwards
 *
 * Waits only for SO_LINGER.
 *
 * Context: process, no lock.
 *
 * Return: 0.
 */
int kssl_linger_release(struct socket *sock)
{
	struct sock *sk = sock->sk;
	const struct proto_ops *base;
	struct kssl_session *s;
	bool held;

	if (!sk)	/* accept() has made it, and failed */
		return 0;
	base = kssl_ulp_base_ops(sk);
	sock_hold(sk);
	lock_sock(sk);
	s = kssl_of(sk);
	held = s && may_linger(sk, s) && linger(sk, s);
	release_sock(sk);
	sock_put(sk);	/* a held socket may have ended already */
	return held ? 0 : base->release(sock);
}

/**
 * kssl_linger_flush() - end all held sockets
 * @kn: a network namespace's part
 *
 * Waits for their ends.  Sockets that are closed meanwhile linger.
 *
 * Context: process, no lock.
 */
void kssl_linger_flush(struct kssl_net *kn)
{
	struct kssl_linger *l;

	spin_lock_bh(&kn->lingers.lock);
	list_for_each_entry(l, &kn->lingers.list, node) {
		WRITE_ONCE(l->flushed, true);
		mod_delayed_work(wq, &l->work, 0);
	}
	spin_unlock_bh(&kn->lingers.lock);
	flush_workqueue(wq);
}

/**
 * kssl_linger_net_init() - set up a network namespace's part
 * @kn: it
 */
void kssl_linger_net_init(struct kssl_net *kn)
{
	struct kssl_lingers *all = &kn->lingers;

	spin_lock_init(&all->lock);
	INIT_LIST_HEAD(&all->list);
	xa_init_flags(&all->shares, XA_FLAGS_LOCK_BH);
	all->max = KSSL_LINGER_MAX;
}

/**
 * kssl_linger_net_exit() - free a network namespace's part
 * @kn: it; every held socket holds its namespace, so none is left
 */
void kssl_linger_net_exit(struct kssl_net *kn)
{
	xa_destroy(&kn->lingers.shares);
}

/**
 * kssl_linger_init() - make the queue of work on held sockets
 *
 * Return: 0 or -ENOMEM.
 */
int kssl_linger_init(void)
{
	wq = alloc_workqueue("kssl-linger", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return wq ? 0 : -ENOMEM;
}

/**
 * kssl_linger_exit() - wait for work that still runs; no socket is held any more
 */
void kssl_linger_exit(void)
{
	destroy_workqueue(wq);
}
