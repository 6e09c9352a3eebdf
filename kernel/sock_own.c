// SPDX-License-Identifier: GPL-2.0
/*
 * Work on a socket from a context that many sockets share.
 *
 * A program can keep the lock of its own socket for any time: many
 * calls copy to or from its memory under the lock, and that memory may be a file
 * of a file system that never answers.  So nothing that is shared sleeps on the
 * lock.  It takes the lock if it is free.  If not, what is to be done stays on
 * the session as a bit, and the owner's release_sock() queues the work again
 * (kssl_sock_queue(), from release_cb).
 *
 *	kssl_sock_defer()   bit set, work queued
 *	own_work()          lock free: bits taken and done.  Lock taken: nothing
 *	release_cb          a bit is set: work queued
 *
 * Neither wake-up is lost: own_work() finds the lock taken under the spinlock part
 * of it, with the bit already set, and release_cb runs later under the same
 * spinlock.  The work never queues itself, so a program that takes its lock again
 * and again delays only what its own socket waits for.
 *
 * A session has one work item.  It holds a reference to the session while it is
 * queued or runs.
 */
#include "sock_own.h"

#include <linux/workqueue.h>
#include <net/sock.h>

#include "session.h"
#include "tx.h"

static struct workqueue_struct *wq;

/**
 * kssl_sock_try_own() - take the socket lock if it is free
 * @sk: the socket; the caller has a reference
 *
 * Like lock_sock(), but never sleeps.  release_sock() gives the lock back.
 *
 * Context: process.
 *
 * Return: whether the caller has the lock now.
 */
bool kssl_sock_try_own(struct sock *sk)
{
	spin_lock_bh(&sk->sk_lock.slock);
	if (sock_owned_by_user_nocheck(sk)) {
		spin_unlock_bh(&sk->sk_lock.slock);
		return false;
	}
	sk->sk_lock.owned = 1;
	spin_unlock(&sk->sk_lock.slock);
	mutex_acquire(&sk->sk_lock.dep_map, 0, 1, _RET_IP_);
	local_bh_enable();
	return true;
}

static void own_work(struct work_struct *work)
{
	struct kssl_session *s = container_of(to_delayed_work(work), struct kssl_session,
					      deferred);
	struct sock *sk = kssl_session_sock(s);

	set_bit(KSSL_TODO_PUSH, &s->todo);	/* for release_cb, if the lock is taken */
	if (sk && kssl_sock_try_own(sk)) {
		/* it may have been closed meanwhile: kssl_session_sock() holds no lock */
		if (test_and_clear_bit(KSSL_TODO_PUSH, &s->todo) && s->sk)
			kssl_tx_push_due(s);
		release_sock(sk);
	}
	if (sk)
		sock_put(sk);
	kssl_session_put(s);
}

/**
 * kssl_sock_queue() - have the session's deferred work looked at, now
 * @s: the session; the caller has a reference, or the socket's spinlock
 *
 * Context: any.
 */
void kssl_sock_queue(struct kssl_session *s)
{
	kssl_session_get(s);
	if (mod_delayed_work(wq, &s->deferred, 0))
		kssl_session_put(s);	/* it was queued, with a reference */
}

/**
 * kssl_sock_defer() - have something done under the socket lock, soon
 * @s: the session; the caller has a reference, or the socket's spinlock or lock
 * @what: what
 *
 * Nothing is done if the socket is closed first.
 *
 * Context: any.
 */
void kssl_sock_defer(struct kssl_session *s, enum kssl_todo what)
{
	set_bit(what, &s->todo);
	kssl_sock_queue(s);
}

/**
 * kssl_sock_look_in() - have the session's deferred work look at it later
 * @s: the session; socket lock
 * @delay: jiffies; it may be earlier, if something else is to be done
 */
void kssl_sock_look_in(struct kssl_session *s, unsigned long delay)
{
	kssl_session_get(s);
	if (!queue_delayed_work(wq, &s->deferred, delay))
		kssl_session_put(s);
}

/**
 * kssl_sock_forget() - cancel what is queued for a socket that leaves
 * @s: its session; the socket has our callbacks no more
 *
 * What runs already finds no socket.
 *
 * Context: any.
 */
void kssl_sock_forget(struct kssl_session *s)
{
	if (cancel_delayed_work(&s->deferred))
		kssl_session_put(s);
}

/**
 * kssl_sock_own_session() - set up a session's work item
 * @s: a new session
 */
void kssl_sock_own_session(struct kssl_session *s)
{
	INIT_DELAYED_WORK(&s->deferred, own_work);
}

/**
 * kssl_sock_own_init() - make the queue of deferred work
 *
 * Return: 0 or -ENOMEM.
 */
int kssl_sock_own_init(void)
{
	wq = alloc_workqueue("kssl-own", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return wq ? 0 : -ENOMEM;
}

/**
 * kssl_sock_own_exit() - wait for work that still runs; no socket is left
 */
void kssl_sock_own_exit(void)
{
	destroy_workqueue(wq);
}
