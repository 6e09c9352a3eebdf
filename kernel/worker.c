// SPDX-License-Identifier: GPL-2.0
/*
 * Workers of the daemon, who has which handshake, and the queue of those who wait
 * for one.  All of it is under kn->lock; what a handshake does with its worker is
 * upcall.c's business.
 *
 * While anyone waits no worker has room: whoever makes room gives it to those who
 * wait longest (admit()), so nobody is overtaken.  The queue is never full: a user
 * has at most as many places as are left free, so one has half of them, two have a
 * third each, and there is one for the next.
 */
#include "worker.h"

#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "hs.h"
#include "owner.h"
#include "session.h"

#define KSSL_GRACE_MS		5000
#define KSSL_QUEUE_MAX		4096

/**
 * struct kssl_worker - a thread of a daemon
 * @node: in kn->workers
 * @sessions: handshakes it has
 * @portid: its netlink port
 * @capacity: how many it takes at once
 * @nr_active: how many it has
 * @leaving: takes no more
 *
 * All under kn->lock.
 */
struct kssl_worker {
	struct list_head node;
	struct list_head sessions;
	u32 portid;
	u32 capacity;
	u32 nr_active;
	bool leaving;
};

static struct kssl_worker *worker_find(struct kssl_net *kn, u32 portid)
{
	struct kssl_worker *w;

	lockdep_assert_held(&kn->lock);
	list_for_each_entry(w, &kn->workers, node)
		if (w->portid == portid)
			return w;
	return NULL;
}

/* The least loaded by share of its capacity; the front one among equals. */
static struct kssl_worker *worker_pick(struct kssl_net *kn)
{
	struct kssl_worker *w, *best = NULL;

	lockdep_assert_held(&kn->lock);
	list_for_each_entry(w, &kn->workers, node) {
		if (w->leaving || w->nr_active >= w->capacity)
			continue;
		if (!best || (u64)w->nr_active * best->capacity <
			     (u64)best->nr_active * w->capacity)
			best = w;
	}
	return best;
}

/* A handshake waits, and there is no worker at all. */
static void arm_grace(struct kssl_net *kn, struct kssl_hs *hs)
{
	lockdep_assert_held(&kn->lock);
	kssl_hs_arm(hs, &hs->grace, msecs_to_jiffies(READ_ONCE(kn->grace_ms)));
}

static void worker_add(struct kssl_net *kn, struct kssl_worker *w)
{
	struct kssl_hs *hs;

	lockdep_assert_held(&kn->lock);
	list_add(&w->node, &kn->workers);
	if (kn->nr_workers++)
		return;
	list_for_each_entry(hs, &kn->waiting, node)
		kssl_hs_disarm(hs, &hs->grace);
}

static void worker_free(struct kssl_net *kn, struct kssl_worker *w)
{
	struct kssl_hs *hs;

	lockdep_assert_held(&kn->lock);
	list_del(&w->node);
	kfree(w);
	if (--kn->nr_workers)
		return;
	list_for_each_entry(hs, &kn->waiting, node)
		arm_grace(kn, hs);
}

static u32 share(struct kssl_net *kn, kuid_t uid)
{
	return xa_to_value(xa_load(&kn->shares, __kuid_val(uid)) ?: xa_mk_value(0));
}

/* Into the queue. Return: 0; -ECONNREFUSED: his share is used up; -ENOMEM. */
static int queue_up(struct kssl_net *kn, struct kssl_hs *hs)
{
	u32 n, max = READ_ONCE(kn->queue_max);
	int err;

	lockdep_assert_held(&kn->lock);
	hs->uid = hs->s->owner->cred->euid;
	n = share(kn, hs->uid);
	if (kn->nr_waiting >= max || n >= max - kn->nr_waiting)
		return -ECONNREFUSED;
	err = xa_err(xa_store_bh(&kn->shares, __kuid_val(hs->uid), xa_mk_value(n + 1), GFP_ATOMIC));
	if (err)
		return err;
	list_add_tail(&hs->node, &kn->waiting);
	kn->nr_waiting++;
	return 0;
}

static void queue_leave(struct kssl_net *kn, struct kssl_hs *hs)
{
	u32 n = share(kn, hs->uid);

	lockdep_assert_held(&kn->lock);
	list_del_init(&hs->node);
	kn->nr_waiting--;
	if (n > 1)	/* the place is there: no memory is needed */
		xa_store_bh(&kn->shares, __kuid_val(hs->uid), xa_mk_value(n - 1), GFP_ATOMIC);
	else
		xa_erase_bh(&kn->shares, __kuid_val(hs->uid));
}

static void give_to(struct kssl_net *kn, struct kssl_hs *hs, struct kssl_worker *w)
{
	lockdep_assert_held(&kn->lock);
	if (!list_empty(&hs->node))
		queue_leave(kn, hs);
	list_add_tail(&hs->node, &w->sessions);
	hs->worker = w;
	w->nr_active++;
	list_move_tail(&w->node, &kn->workers);
}

/* There may be room: those who wait longest come in first. */
static void admit(struct kssl_net *kn)
{
	struct kssl_worker *w;
	struct kssl_hs *hs;

	lockdep_assert_held(&kn->lock);
	while (!list_empty(&kn->waiting)) {
		w = worker_pick(kn);
		if (!w)
			break;
		hs = list_first_entry(&kn->waiting, struct kssl_hs, node);
		give_to(kn, hs, w);
		kssl_hs_arm(hs, &hs->pump, 0);
	}
}

/**
 * kssl_worker_port() - the port of the worker that has a handshake
 * @kn: its network namespace
 * @hs: the handshake
 *
 * Any context.  Return: the port; 0 if none has it.
 */
u32 kssl_worker_port(struct kssl_net *kn, struct kssl_hs *hs)
{
	u32 portid;

	spin_lock_bh(&kn->lock);
	portid = hs->worker ? hs->worker->portid : 0;
	spin_unlock_bh(&kn->lock);
	return portid;
}

/* Off its list; its place at a worker goes to the next. */
static void unlink_locked(struct kssl_net *kn, struct kssl_hs *hs)
{
	struct kssl_worker *w = hs->worker;

	lockdep_assert_held(&kn->lock);
	if (list_empty(&hs->node))
		return;
	if (!w) {
		queue_leave(kn, hs);
		return;
	}
	list_del_init(&hs->node);
	hs->worker = NULL;
	if (!--w->nr_active && w->leaving)
		worker_free(kn, w);
	admit(kn);
}

/**
 * kssl_worker_release() - nobody has the handshake any more, nor does it wait
 * @kn: its network namespace
 * @hs: the handshake
 *
 * Any context.
 */
void kssl_worker_release(struct kssl_net *kn, struct kssl_hs *hs)
{
	spin_lock_bh(&kn->lock);
	unlink_locked(kn, hs);
	spin_unlock_bh(&kn->lock);
}

/**
 * kssl_worker_is_lost() - has the worker died that had the handshake?
 * @kn: its network namespace
 * @hs: the handshake
 *
 * Any context.  Return: true once for each that died.
 */
bool kssl_worker_is_lost(struct kssl_net *kn, struct kssl_hs *hs)
{
	bool orphan;

	spin_lock_bh(&kn->lock);
	orphan = hs->orphan;
	hs->orphan = false;
	spin_unlock_bh(&kn->lock);
	return orphan;
}

/**
 * kssl_worker_assign() - a worker for a handshake
 * @kn: its network namespace
 * @hs: the handshake
 *
 * Any context.  Return: the worker's port; 0: it has to wait, and its pump runs when
 * there is one; -ESRCH (there is nobody, and no grace); -ECONNREFUSED (too many
 * wait); -ENOMEM.
 */
s64 kssl_worker_assign(struct kssl_net *kn, struct kssl_hs *hs)
{
	struct kssl_worker *w;
	s64 ret = 0;

	spin_lock_bh(&kn->lock);
	w = hs->worker ?: worker_pick(kn);
	if (w) {
		if (!hs->worker)
			give_to(kn, hs, w);
		ret = w->portid;
	} else if (!kn->nr_workers && !kn->grace_ms) {
		ret = -ESRCH;
	} else if (list_empty(&hs->node)) {
		ret = queue_up(kn, hs);
		if (!ret && !kn->nr_workers)
			arm_grace(kn, hs);
	}
	spin_unlock_bh(&kn->lock);
	return ret;
}

/**
 * kssl_worker_join() - a worker registers
 * @kn: its network namespace
 * @portid: its netlink port
 * @capacity: handshakes it takes at once
 *
 * Return: 0; -EEXIST (registered already); -ENOMEM.
 */
int kssl_worker_join(struct kssl_net *kn, u32 portid, u32 capacity)
{
	struct kssl_worker *w = kzalloc(sizeof(*w), GFP_KERNEL);
	int err = 0;

	if (!w)
		return -ENOMEM;
	INIT_LIST_HEAD(&w->sessions);
	w->portid = portid;
	w->capacity = capacity;
	spin_lock_bh(&kn->lock);
	if (worker_find(kn, portid)) {
		err = -EEXIST;
		kfree(w);
	} else {
		worker_add(kn, w);
		admit(kn);
	}
	spin_unlock_bh(&kn->lock);
	return err;
}

/**
 * kssl_worker_leave() - a worker takes no new handshakes
 * @kn: its network namespace
 * @portid: its netlink port
 *
 * Return: 0; -ENOENT (not registered).
 */
int kssl_worker_leave(struct kssl_net *kn, u32 portid)
{
	struct kssl_worker *w;

	spin_lock_bh(&kn->lock);
	w = worker_find(kn, portid);
	if (w) {
		w->leaving = true;
		if (!w->nr_active)
			worker_free(kn, w);
	}
	spin_unlock_bh(&kn->lock);
	return w ? 0 : -ENOENT;
}

/**
 * kssl_worker_died() - a netlink socket is gone, perhaps a worker's
 * @kn: its network namespace
 * @portid: its port
 *
 * Its handshakes find out by themselves: their pump runs.  Any context.
 */
void kssl_worker_died(struct kssl_net *kn, u32 portid)
{
	struct kssl_worker *w;
	struct kssl_hs *hs, *next;

	spin_lock_bh(&kn->lock);
	w = worker_find(kn, portid);
	if (w) {
		list_for_each_entry_safe(hs, next, &w->sessions, node) {
			list_del_init(&hs->node);
			hs->worker = NULL;
			hs->orphan = true;
			kssl_hs_arm(hs, &hs->pump, 0);
		}
		worker_free(kn, w);
	}
	spin_unlock_bh(&kn->lock);
}

/**
 * kssl_worker_is() - is that netlink port a worker's?
 * @kn: its network namespace
 * @portid: the port
 *
 * Any context.
 */
bool kssl_worker_is(struct kssl_net *kn, u32 portid)
{
	bool found;

	spin_lock_bh(&kn->lock);
	found = worker_find(kn, portid);
	spin_unlock_bh(&kn->lock);
	return found;
}

/**
 * kssl_worker_net_init() - a network namespace's part
 * @kn: it
 */
void kssl_worker_net_init(struct kssl_net *kn)
{
	spin_lock_init(&kn->lock);
	INIT_LIST_HEAD(&kn->workers);
	INIT_LIST_HEAD(&kn->waiting);
	xa_init_flags(&kn->shares, XA_FLAGS_LOCK_BH);
	kn->grace_ms = KSSL_GRACE_MS;
	kn->queue_max = KSSL_QUEUE_MAX;
}

/**
 * kssl_worker_net_exit() - no worker's socket outlives its namespace
 * @kn: the namespace's part
 */
void kssl_worker_net_exit(struct kssl_net *kn)
{
	struct kssl_worker *w, *next;

	spin_lock_bh(&kn->lock);
	list_for_each_entry_safe(w, next, &kn->workers, node)
		worker_free(kn, w);
	spin_unlock_bh(&kn->lock);
	xa_destroy(&kn->shares);
}
