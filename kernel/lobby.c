// SPDX-License-Identifier: GPL-2.0
/*
 * KSSL_ACCEPT: connections wait here until TLS is up, and only then does accept()
 * return them.
 *
 * Nothing of this happens behind the program's back: whoever calls accept() or poll()
 * on the listener takes what is in TCP's queue into the lobby, in his own context, and
 * begins the handshakes; TCP wakes him when something comes into its queue, and a
 * handshake that has ended wakes him too.  The listener's sk_prot and callbacks stay
 * TCP's.
 *
 * A guest is a connection with a struct socket of ours and no file.  It is on one of
 * the lobby's lists; who takes it off, under lobby->lock, owns it.  Its session points
 * at it (s->guest, under its socket lock) until the handshake has ended or its owner has
 * dropped it, so the pointer is good as long as it is there, and so is the lobby, which
 * lives until the listener's last close() has dropped every guest.
 *
 * Order: a guest's socket lock, then lobby->lock, then what a wake-up takes.  Never with
 * the listener's socket lock, which is of the same kind as a guest's.
 */
#include "lobby.h"

#include <linux/module.h>
#include <linux/net.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <net/tcp.h>

#include "kssl_compat.h"
#include "mib.h"
#include "session.h"
#include "ulp.h"
#include "upcall.h"

/* Guests at once, about; then who said nothing goes, the oldest first. */
#define KSSL_LOBBY_MAX	1024

/**
 * struct kssl_guest - see above
 * @node: in a list of the lobby, or empty; lobby->lock
 * @lobby: where
 * @sock: the connection
 * @heard: it has sent a record; socket lock
 */
struct kssl_guest {
	struct list_head node;
	struct kssl_lobby *lobby;
	struct socket *sock;
	bool heard;
};

/**
 * struct kssl_lobby - of a listener
 * @lock: for all that follows; also in softirq's reach
 * @sk: the listener, constant
 * @silent: guests who have not sent a record
 * @speaking: those who have, and whose handshake is under way
 * @ready: those who are through
 * @failed: those who are not, and have nobody yet to drop them
 * @nr: guests in all
 */
struct kssl_lobby {
	spinlock_t lock;
	struct sock *sk;
	struct list_head silent;
	struct list_head speaking;
	struct list_head ready;
	struct list_head failed;
	u32 nr;
};

/**
 * kssl_lobby_open() - from now on accept() waits for TLS
 * @s: session of a listener, or of a socket that may become one; socket lock
 *
 * Return: 0 or -ENOMEM.
 */
int kssl_lobby_open(struct kssl_session *s)
{
	struct kssl_lobby *lobby;

	sock_owned_by_me(s->sk);
	if (s->lobby)
		return 0;
	lobby = kzalloc(sizeof(*lobby), GFP_KERNEL_ACCOUNT);
	if (!lobby)
		return -ENOMEM;
	spin_lock_init(&lobby->lock);
	lobby->sk = s->sk;
	INIT_LIST_HEAD(&lobby->silent);
	INIT_LIST_HEAD(&lobby->speaking);
	INIT_LIST_HEAD(&lobby->ready);
	INIT_LIST_HEAD(&lobby->failed);
	/* pairs with the acquire of kssl_lobby_of(), whose callers hold no lock */
	smp_store_release(&s->lobby, lobby);
	return 0;
}

/* The first of a list, whose owner the caller is now; or NULL. */
static struct kssl_guest *take_first(struct kssl_lobby *lobby, struct list_head *list)
{
	struct kssl_guest *g;

	spin_lock_bh(&lobby->lock);
	g = list_first_entry_or_null(list, struct kssl_guest, node);
	if (g) {
		list_del_init(&g->node);
		lobby->nr--;
	}
	spin_unlock_bh(&lobby->lock);
	return g;
}

/* The caller owns it.  Never waits: a listener's SO_LINGER is for accepted sockets. */
static void drop(struct kssl_guest *g)
{
	struct sock *sk = g->sock->sk;
	struct kssl_session *s;

	if (sk) {
		lock_sock(sk);
		s = kssl_ulp_session(sk);
		if (s) {
			s->guest = NULL;
			s->close_handshake = false;
		}
		sock_reset_flag(sk, SOCK_LINGER);
		release_sock(sk);
	}
	sock_release(g->sock);
	kfree(g);
}

static void drop_all(struct kssl_lobby *lobby, struct list_head *list)
{
	struct kssl_guest *g;

	while ((g = take_first(lobby, list)))
		drop(g);
}

/**
 * kssl_lobby_clear() - the listener listens no more: nobody will accept them
 * @lobby: the lobby
 *
 * Context: process, no lock.
 */
void kssl_lobby_clear(struct kssl_lobby *lobby)
{
	/* a guest moves only from the first two to the others */
	drop_all(lobby, &lobby->silent);
	drop_all(lobby, &lobby->speaking);
	drop_all(lobby, &lobby->ready);
	drop_all(lobby, &lobby->failed);
}

/**
 * kssl_lobby_close() - the listener is closed
 * @s: its session; no lock, nobody else has the socket
 */
void kssl_lobby_close(struct kssl_session *s)
{
	if (!s->lobby)
		return;
	kssl_lobby_clear(s->lobby);
	kfree(s->lobby);
	s->lobby = NULL;
}

/* To a list, unless somebody has taken it off already to drop it.  lobby->lock. */
static void move(struct kssl_guest *g, struct list_head *list)
{
	lockdep_assert_held(&g->lobby->lock);
	if (!list_empty(&g->node))
		list_move_tail(&g->node, list);
}

/**
 * kssl_lobby_done() - a handshake has ended, one way or the other
 * @s: the session, perhaps of a guest; socket lock
 */
void kssl_lobby_done(struct kssl_session *s)
{
	struct kssl_guest *g = s->guest;
	struct kssl_lobby *lobby;

	if (likely(!g))
		return;
	sock_owned_by_me(s->sk);
	s->guest = NULL;
	lobby = g->lobby;
	spin_lock_bh(&lobby->lock);
	move(g, s->state == KSSL_STATE_FAILED ? &lobby->failed : &lobby->ready);
	/* also for a failed one: somebody must drop it */
	lobby->sk->sk_data_ready(lobby->sk);
	spin_unlock_bh(&lobby->lock);
}

/**
 * kssl_lobby_heard() - a peer has sent a record
 * @s: the session, perhaps of a guest; socket lock
 */
void kssl_lobby_heard(struct kssl_session *s)
{
	struct kssl_guest *g = s->guest;

	if (likely(!g) || g->heard)
		return;
	sock_owned_by_me(s->sk);
	g->heard = true;
	spin_lock_bh(&g->lobby->lock);
	move(g, &g->lobby->speaking);
	spin_unlock_bh(&g->lobby->lock);
}

static bool has_room(struct kssl_lobby *lobby)
{
	return READ_ONCE(lobby->nr) < KSSL_LOBBY_MAX || !list_empty_careful(&lobby->silent);
}

/*
 * For one more, if need be in the place of one who says nothing.  Several threads may
 * find the same last place: a few guests too many do no harm.
 */
static bool make_room(struct kssl_lobby *lobby)
{
	struct kssl_guest *g;

	if (READ_ONCE(lobby->nr) < KSSL_LOBBY_MAX)
		return true;
	g = take_first(lobby, &lobby->silent);
	if (!g)
		return false;
	kssl_mib_inc(kssl_net(sock_net(lobby->sk)), KSSL_MIB_ACCEPT_SILENT);
	drop(g);
	return true;
}

/* A socket without a file, to hold what accept() gives. */
static struct kssl_guest *new_guest(struct kssl_lobby *lobby, struct socket *listener)
{
	struct kssl_guest *g = kzalloc(sizeof(*g), GFP_KERNEL_ACCOUNT);

	if (!g)
		return NULL;
	INIT_LIST_HEAD(&g->node);
	g->lobby = lobby;
	if (sock_create_lite(listener->sk->sk_family, SOCK_STREAM, IPPROTO_TCP, &g->sock)) {
		kfree(g);
		return NULL;
	}
	/* as accept(2) does: the listener's, until kssl_ulp_adopt(); sock_release() puts it */
	g->sock->ops = listener->ops;
	__module_get(THIS_MODULE);
	return g;
}

/* Once it is on a list another thread may drop it: sk is ours as long as we hold it. */
static void enter(struct kssl_lobby *lobby, struct kssl_guest *g)
{
	spin_lock_bh(&lobby->lock);
	list_add_tail(&g->node, g->heard ? &lobby->speaking : &lobby->silent);
	lobby->nr++;
	spin_unlock_bh(&lobby->lock);
}

/* In: its handshake begins now, and has a time limit. */
static int come_in(struct kssl_lobby *lobby, struct kssl_guest *g, struct socket *listener)
{
	struct sock *sk = g->sock->sk;
	struct kssl_session *s;
	int err = kssl_ulp_adopt(listener, g->sock);

	if (err)
		return err;
	sock_hold(sk);
	lock_sock(sk);
	s = kssl_of(sk);
	g->heard = s->state != KSSL_STATE_INIT;	/* its first record has begun it */
	s->guest = g;
	enter(lobby, g);
	if (s->state == KSSL_STATE_INIT)
		kssl_upcall_start(s, 0);
	else if (s->state >= KSSL_STATE_OPEN)	/* that was quick */
		kssl_lobby_done(s);
	release_sock(sk);
	sock_put(sk);
	return 0;
}

/* One from TCP's queue.  Return: 0; -EAGAIN: there is none; or what accept() says. */
static int take_one(struct kssl_lobby *lobby, struct socket *listener)
{
	struct kssl_guest *g = new_guest(lobby, listener);
	int err = -ENOMEM;

	if (!g)
		return err;
	err = kssl_compat_accept(kssl_ulp_base_ops(listener->sk), listener, g->sock, O_NONBLOCK);
	if (!err && !come_in(lobby, g, listener))
		return 0;
	drop(g);	/* what could not be ours is nobody's */
	return err;
}

/*
 * All that is in TCP's queue, as far as there is room; and who failed goes.  Not for
 * ever, when they come faster than they can be dropped: then the caller, or whoever is
 * next, is told to come again.
 *
 * Return: 0, or what accept() says.
 */
static int take_all(struct kssl_lobby *lobby, struct socket *listener)
{
	struct sock *sk = listener->sk;
	int n, err;

	drop_all(lobby, &lobby->failed);
	for (n = 0; n < KSSL_LOBBY_MAX; n++) {
		if (reqsk_queue_empty(&inet_csk(sk)->icsk_accept_queue) || !make_room(lobby))
			return 0;
		err = take_one(lobby, listener);
		if (err)
			return err == -EAGAIN ? 0 : err;
		cond_resched();
	}
	sk->sk_data_ready(sk);
	return 0;
}

static bool may_go_on(struct kssl_lobby *lobby, struct sock *sk)
{
	return !list_empty_careful(&lobby->ready) || !list_empty_careful(&lobby->failed) ||
	       READ_ONCE(sk->sk_state) != TCP_LISTEN ||
	       (!reqsk_queue_empty(&inet_csk(sk)->icsk_accept_queue) && has_room(lobby));
}

/* TCP wakes one for each connection, and kssl_lobby_done() one for each that ends. */
static long wait_for_one(struct kssl_lobby *lobby, struct sock *sk, long timeo)
{
	DEFINE_WAIT(wait);

	prepare_to_wait_exclusive(sk_sleep(sk), &wait, TASK_INTERRUPTIBLE);
	if (!may_go_on(lobby, sk))
		timeo = schedule_timeout(timeo);
	finish_wait(sk_sleep(sk), &wait);
	return timeo;
}

/* The connection moves from our socket to the program's. */
static void hand_over(struct kssl_guest *g, struct socket *sock)
{
	struct socket *from = g->sock;
	struct sock *sk = from->sk;

	lock_sock(sk);
	from->sk = NULL;
	sock_graft(sk, sock);
	WRITE_ONCE(sock->ops, from->ops);
	sock->state = SS_CONNECTED;
	if (test_bit(SOCK_SUPPORT_ZC, &from->flags))
		set_bit(SOCK_SUPPORT_ZC, &sock->flags);
	release_sock(sk);
	sock_release(from);
	kfree(g);
}

/**
 * kssl_lobby_accept() - accept() on a listener with a lobby
 * @lobby: the lobby
 * @listener: the listener
 * @sock: gets the connection
 * @flags: O_NONBLOCK
 *
 * Context: process.  Return: 0; -EAGAIN (none is through yet, or time is up);
 * -EINTR, -ERESTARTSYS; or what TCP's accept() says.
 */
int kssl_lobby_accept(struct kssl_lobby *lobby, struct socket *listener, struct socket *sock,
		      int flags)
{
	struct sock *sk = listener->sk;
	long timeo = sock_rcvtimeo(sk, flags & O_NONBLOCK);
	struct kssl_guest *g;
	int err;

	for (;;) {
		if (READ_ONCE(sk->sk_state) != TCP_LISTEN)
			return -EINVAL;
		g = take_first(lobby, &lobby->ready);
		err = take_all(lobby, listener);	/* also what that left room for */
		if (!g)
			g = take_first(lobby, &lobby->ready);
		if (g)
			break;
		if (err || !timeo)
			return err ?: -EAGAIN;
		if (signal_pending(current))
			return sock_intr_errno(timeo);
		timeo = wait_for_one(lobby, sk, timeo);
	}
	hand_over(g, sock);
	return 0;
}

/**
 * kssl_lobby_poll() - poll() on a listener with a lobby
 * @lobby: the lobby
 * @file: file
 * @listener: the listener
 * @wait: where to wait
 *
 * Context: process.
 */
__poll_t kssl_lobby_poll(struct kssl_lobby *lobby, struct file *file, struct socket *listener,
			 poll_table *wait)
{
	struct sock *sk = listener->sk;
	int err;

	if (READ_ONCE(sk->sk_state) != TCP_LISTEN)
		return kssl_ulp_base_ops(sk)->poll(file, listener, wait);
	sock_poll_wait(file, listener, wait);
	err = take_all(lobby, listener);	/* accept() says it, too */
	return err || !list_empty_careful(&lobby->ready) ? EPOLLIN | EPOLLRDNORM : 0;
}
