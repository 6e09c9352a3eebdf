// SPDX-License-Identifier: GPL-2.0
/*
 * Handshake relay: whole records go to a worker of the daemon, its bytes go to
 * the peer, its keys into the session.
 *
 * One question, one answer: a handshake that is "busy" has exactly one message
 * (READY or DATA) at its worker, and only the answer to it is accepted.  So a
 * worker is never sent more than its capacity, and a slow one is back-pressure:
 * records wait in the session's buffer and then in TCP's.
 *
 * Life of a struct kssl_hs, and who may still hold it:
 *   - the session (s->hs), until kssl_upcall_cancel(), which every end of a
 *     handshake goes through: done, failed, timed out, closed;
 *   - its three works, each for as long as it is queued or runs.  cancel stops
 *     those that wait; one that already runs finds s->hs changed under the
 *     socket lock and does nothing.  Nobody queues them without s->hs.
 *   - the lists of waiting handshakes and of a worker's: only with s->hs.
 * While anyone waits no worker has room: whoever makes room gives it, under
 * kn->lock, to those who wait longest (admit()), so nobody is overtaken.  The
 * queue is never full: a user has at most as many places as are left free, so
 * one has half of them, two have a third each, and there is one for the next.
 * Whether an answer or a cancel comes first is decided under the socket lock.
 */
#include "upcall.h"

#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/tcp.h>

#include "framer.h"
#include "keys.h"
#include "mib.h"
#include "netlink.h"
#include "owner.h"
#include "peer.h"
#include "relay.h"
#include "session.h"
#include "trace.h"
#include "tx.h"

#define KSSL_GRACE_MS		5000
#define KSSL_TIMEOUT_MS		20000
#define KSSL_QUEUE_MAX		4096
#define KSSL_RETRY_MS		10	/* a worker's receive buffer was full */

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

/**
 * struct kssl_hs - a handshake
 * @ref: see above
 * @s: the session, one reference
 * @pump: moves it on
 * @timeout: ends it
 * @grace: ends it if there is still no worker
 *
 * Under kn->lock:
 * @node: in kn->waiting or worker->sessions, or empty
 * @uid: while it waits: whose share it is in
 * @worker: who has it, or NULL
 * @orphan: the worker died when it was too late for another
 *
 * Socket lock:
 * @told: the worker has got READY
 * @busy: the worker owes an answer
 * @answered: it gave its last one
 * @moved: records were consumed or bytes sent, so nobody else can take over
 * @offered: records in the message that the worker answers
 * @kept: records it has seen and not consumed
 * @deadline: when @timeout ends it, jiffies
 */
struct kssl_hs {
	refcount_t ref;
	struct kssl_session *s;
	struct delayed_work pump;
	struct delayed_work timeout;
	struct delayed_work grace;

	struct list_head node;
	kuid_t uid;
	struct kssl_worker *worker;
	bool orphan;

	bool told;
	bool busy;
	bool answered;
	bool moved;
	u32 offered;
	u32 kept;
	unsigned long deadline;
};

static struct workqueue_struct *wq;

static void hs_get(struct kssl_hs *hs)
{
	refcount_inc(&hs->ref);
}

static void hs_put(struct kssl_hs *hs)
{
	if (!refcount_dec_and_test(&hs->ref))
		return;
	kssl_session_put(hs->s);
	kfree(hs);
}

/* A queued work holds a reference; it must not be queued without s->hs. */
static void arm(struct kssl_hs *hs, struct delayed_work *work, unsigned long delay)
{
	hs_get(hs);
	if (!queue_delayed_work(wq, work, delay))
		hs_put(hs);
}

static void disarm(struct kssl_hs *hs, struct delayed_work *work)
{
	if (cancel_delayed_work(work))
		hs_put(hs);
}

/* ---- workers and the waiting list: kn->lock ---- */

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
	arm(hs, &hs->grace, msecs_to_jiffies(READ_ONCE(kn->grace_ms)));
}

static void worker_add(struct kssl_net *kn, struct kssl_worker *w)
{
	struct kssl_hs *hs;

	lockdep_assert_held(&kn->lock);
	list_add(&w->node, &kn->workers);
	if (kn->nr_workers++)
		return;
	list_for_each_entry(hs, &kn->waiting, node)
		disarm(hs, &hs->grace);
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
		arm(hs, &hs->pump, 0);
	}
}

/* The port of the worker that has it; 0 if none has. */
static u32 worker_port(struct kssl_net *kn, struct kssl_hs *hs)
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

/*
 * A worker for the handshake.  Returns its port; 0 if it has to wait; -ESRCH if
 * there is nobody and no grace; -ECONNREFUSED if too many wait; -ENOMEM.
 */
static s64 assign(struct kssl_net *kn, struct kssl_hs *hs)
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
 * kssl_upcall_worker_join() - a worker registers
 * @kn: its network namespace
 * @portid: its netlink port
 * @capacity: handshakes it takes at once
 *
 * Return: 0; -EEXIST (registered already); -ENOMEM.
 */
int kssl_upcall_worker_join(struct kssl_net *kn, u32 portid, u32 capacity)
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
 * kssl_upcall_worker_leave() - a worker takes no new handshakes
 * @kn: its network namespace
 * @portid: its netlink port
 *
 * Return: 0; -ENOENT (not registered).
 */
int kssl_upcall_worker_leave(struct kssl_net *kn, u32 portid)
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
 * kssl_upcall_worker_died() - a netlink socket is gone, perhaps a worker's
 * @kn: its network namespace
 * @portid: its port
 *
 * Its handshakes find out by themselves: their pump runs.  Any context.
 */
void kssl_upcall_worker_died(struct kssl_net *kn, u32 portid)
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
			arm(hs, &hs->pump, 0);
		}
		worker_free(kn, w);
	}
	spin_unlock_bh(&kn->lock);
}

/**
 * kssl_upcall_is_worker() - is that netlink port a worker's?
 * @kn: its network namespace
 * @portid: the port
 *
 * Any context.
 */
bool kssl_upcall_is_worker(struct kssl_net *kn, u32 portid)
{
	bool found;

	spin_lock_bh(&kn->lock);
	found = worker_find(kn, portid);
	spin_unlock_bh(&kn->lock);
	return found;
}

/* ---- the socket's side: socket lock ---- */

static void pump_work(struct work_struct *work);
static void timeout_work(struct work_struct *work);
static void grace_work(struct work_struct *work);

/**
 * kssl_upcall_alloc() - prepare for a handshake
 * @s: a new session
 * @gfp: GFP_KERNEL or GFP_ATOMIC
 *
 * Return: 0 or -ENOMEM.
 */
int kssl_upcall_alloc(struct kssl_session *s, gfp_t gfp)
{
	struct kssl_hs *hs = kzalloc(sizeof(*hs), gfp | __GFP_ACCOUNT);

	if (!hs)
		return -ENOMEM;
	refcount_set(&hs->ref, 1);
	INIT_LIST_HEAD(&hs->node);
	INIT_DELAYED_WORK(&hs->pump, pump_work);
	INIT_DELAYED_WORK(&hs->timeout, timeout_work);
	INIT_DELAYED_WORK(&hs->grace, grace_work);
	kssl_session_get(s);
	hs->s = s;
	s->hs = hs;
	return 0;
}

/**
 * kssl_upcall_start() - begin the handshake
 * @s: a session in KSSL_STATE_INIT on a connected socket; socket lock, process
 * @timeout_ms: time for all of it, 0 for the default
 *
 * Exactly one of kssl_session_open() and kssl_session_fail() follows a zero,
 * unless the socket is closed first.
 *
 * Return: 0; -EALREADY (not in that state).
 */
int kssl_upcall_start(struct kssl_session *s, u32 timeout_ms)
{
	struct kssl_net *kn = s->kn;
	struct kssl_hs *hs = s->hs;
	unsigned long timeout;

	sock_owned_by_me(s->sk);
	if (!hs || s->state != KSSL_STATE_INIT)
		return -EALREADY;
	trace_kssl_state(s, KSSL_STATE_HANDSHAKE);
	WRITE_ONCE(s->state, KSSL_STATE_HANDSHAKE);
	kssl_mib_inc(kn, KSSL_MIB_HS_STARTED);
	timeout = msecs_to_jiffies(min_t(u32, timeout_ms ?: READ_ONCE(kn->timeout_ms), INT_MAX));
	hs->deadline = jiffies + timeout;
	arm(hs, &hs->timeout, timeout);
	arm(hs, &hs->pump, 0);
	return 0;
}

/**
 * kssl_upcall_time_left() - of the whole handshake
 * @s: a session in the handshake; socket lock
 *
 * Return: milliseconds, 0 if time is up or no handshake is under way.
 */
u32 kssl_upcall_time_left(const struct kssl_session *s)
{
	long left;

	if (!s->hs || s->state != KSSL_STATE_HANDSHAKE)
		return 0;
	left = s->hs->deadline - jiffies;
	return left > 0 ? jiffies_to_msecs(left) : 0;
}

/**
 * kssl_upcall_kick() - something came in, or TCP's state changed
 * @s: the session; socket lock or a callback of TCP, any context
 */
void kssl_upcall_kick(struct kssl_session *s)
{
	if (s->hs)
		arm(s->hs, &s->hs->pump, 0);
}

/**
 * kssl_upcall_cancel() - the handshake is over, one way or the other
 * @s: the session; socket lock, or the last reference of the socket; any context
 *
 * Tells the worker if it still believes in it.  Does nothing the second time.
 */
void kssl_upcall_cancel(struct kssl_session *s)
{
	struct kssl_hs *hs = s->hs;
	struct kssl_net *kn = s->kn;
	u32 portid;

	if (!hs)
		return;
	s->hs = NULL;
	/* before its place is free: the next READY would exceed the capacity */
	portid = hs->told && !hs->answered ? worker_port(kn, hs) : 0;
	if (portid)
		kssl_nl_hs_send(KSSL_CMD_HS_CANCEL, portid, s, NULL, 0);
	spin_lock_bh(&kn->lock);
	unlink_locked(kn, hs);
	spin_unlock_bh(&kn->lock);
	disarm(hs, &hs->pump);
	disarm(hs, &hs->timeout);
	disarm(hs, &hs->grace);
	hs_put(hs);
}

/* The peer sent no TLS, or left; RFC 8446, 6: an alert in clear, if it can help. */
static void refuse(struct kssl_session *s, int err)
{
	const u8 alert[] = { TLS_ALERT, 3, 3, 0, 2, TLS_FATAL,
			     err == -EMSGSIZE ? TLS_RECORD_OVERFLOW : TLS_UNEXPECTED_MESSAGE };

	if (err == -ECONNRESET) {
		kssl_mib_inc(s->kn, KSSL_MIB_RX_TRUNCATED);
		kssl_session_fail(s, err, KSSL_ALERT_NONE, "peer closed during the handshake");
		return;
	}
	if (!s->hs->moved && err != -ENOMEM && !kssl_tx_raw(s, alert, sizeof(alert)))
		s->error.alert_sent = alert[6];
	kssl_mib_inc(s->kn, KSSL_MIB_RX_PROTOCOL);
	kssl_session_fail(s, err, KSSL_ALERT_NONE,
			  err == -ENOMEM ? "out of memory" : "peer does not speak TLS");
}

/* May a handshake that nobody asked for in words begin now? */
static bool may_start(const struct kssl_session *s, u32 nr)
{
	if (s->own_keys)
		return false;
	if (s->role == KSSL_ROLE_SERVER)
		return nr;
	return s->autostart && (1 << s->sk->sk_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT);
}

static void no_worker(struct kssl_session *s)
{
	kssl_mib_inc(s->kn, KSSL_MIB_HS_NO_WORKER);
	kssl_session_fail(s, -ESRCH, KSSL_ALERT_NONE, "no handshake daemon is registered");
}

/* Nobody can take it, and it cannot wait. */
static void not_taken(struct kssl_session *s, int err)
{
	if (err == -ESRCH) {
		no_worker(s);
	} else if (err == -ENOMEM) {
		kssl_session_fail(s, err, KSSL_ALERT_NONE, "out of memory");
	} else {
		kssl_mib_inc(s->kn, KSSL_MIB_HS_QUEUE_FULL);
		kssl_session_fail(s, err, KSSL_ALERT_NONE, "too many handshakes are waiting");
	}
}

/* The worker died: somebody else from the beginning, or the end. */
static bool survive(struct kssl_session *s, struct kssl_hs *hs)
{
	bool orphan;

	spin_lock_bh(&s->kn->lock);
	orphan = hs->orphan;
	hs->orphan = false;
	spin_unlock_bh(&s->kn->lock);
	if (!orphan)
		return true;
	if (hs->moved) {
		kssl_mib_inc(s->kn, KSSL_MIB_HS_FAILED);
		kssl_session_fail(s, -ESRCH, KSSL_ALERT_NONE, "handshake daemon died");
		return false;
	}
	kssl_mib_inc(s->kn, KSSL_MIB_HS_REQUEUED);
	hs->told = false;
	hs->busy = false;
	hs->kept = 0;
	return true;
}

static void send_to(struct kssl_session *s, struct kssl_hs *hs, u32 portid, const u8 *records,
		    u32 len, u32 nr)
{
	u8 cmd = hs->told ? KSSL_CMD_HS_DATA : KSSL_CMD_HS_READY;
	int err = kssl_nl_hs_send(cmd, portid, s, records, len);

	if (!err) {
		hs->told = true;
		hs->busy = true;
		hs->offered = nr;
	} else if (err == -EAGAIN || err == -ENOBUFS) {
		kssl_mib_inc(s->kn, KSSL_MIB_HS_RETRY);
		arm(hs, &hs->pump, msecs_to_jiffies(KSSL_RETRY_MS));
	} else if (err == -ECONNREFUSED) {
		kssl_upcall_worker_died(s->kn, portid);
	} else {
		kssl_session_fail(s, err, KSSL_ALERT_NONE, "telling the handshake daemon failed");
	}
}

static void pump(struct kssl_session *s, struct kssl_hs *hs)
{
	const u8 *records;
	u32 len, nr;
	s64 portid;
	int err;

	if (s->state > KSSL_STATE_HANDSHAKE || s->state == KSSL_STATE_LISTEN || !survive(s, hs))
		return;
	if (hs->busy)
		return;
	if (s->state == KSSL_STATE_INIT && s->role == KSSL_ROLE_CLIENT && !may_start(s, 0))
		return;
	err = kssl_framer_handshake(s, &records, &len, &nr);
	if (err && !s->own_keys) {
		refuse(s, err);
		return;
	}
	if (s->state == KSSL_STATE_INIT && (!may_start(s, nr) || kssl_upcall_start(s, 0)))
		return;
	if (hs->told && nr <= hs->kept) {	/* nothing the worker has not seen */
		if (kssl_framer_fin(s))
			refuse(s, -ECONNRESET);
		return;
	}
	if (!hs->told && !nr && s->role == KSSL_ROLE_SERVER)
		return;
	portid = assign(s->kn, hs);
	if (portid < 0)
		not_taken(s, portid);
	else if (portid)
		send_to(s, hs, portid, records, len, nr);
}

/* What the three works have in common. */
static void under_lock(struct kssl_hs *hs, void (*what)(struct kssl_session *s,
							struct kssl_hs *hs))
{
	struct kssl_session *s = hs->s;
	struct sock *sk = kssl_session_sock(s);

	if (sk) {
		lock_sock(sk);
		if (s->hs == hs)
			what(s, hs);
		release_sock(sk);
		sock_put(sk);
	}
	hs_put(hs);
}

static void pump_work(struct work_struct *work)
{
	under_lock(container_of(to_delayed_work(work), struct kssl_hs, pump), pump);
}

static void out_of_time(struct kssl_session *s, struct kssl_hs *hs)
{
	kssl_mib_inc(s->kn, KSSL_MIB_HS_TIMEOUT);
	kssl_session_fail(s, -ETIMEDOUT, KSSL_ALERT_NONE, "handshake took too long");
}

static void timeout_work(struct work_struct *work)
{
	under_lock(container_of(to_delayed_work(work), struct kssl_hs, timeout), out_of_time);
}

static void out_of_grace(struct kssl_session *s, struct kssl_hs *hs)
{
	if (!READ_ONCE(s->kn->nr_workers))
		no_worker(s);
}

static void grace_work(struct work_struct *work)
{
	under_lock(container_of(to_delayed_work(work), struct kssl_hs, grace), out_of_grace);
}

/* ---- the worker's side ---- */

/*
 * Lock the socket for an answer of @portid's.  On success the caller holds the
 * socket lock and a reference, and answers for both.
 */
static struct sock *answer_begin(struct kssl_session *s, u32 portid)
{
	struct sock *sk = kssl_session_sock(s);
	struct kssl_hs *hs;

	if (!sk)
		return NULL;
	lock_sock(sk);
	hs = s->hs;
	if (hs && s->state == KSSL_STATE_HANDSHAKE && hs->busy &&
	    worker_port(s->kn, hs) == portid)
		return sk;
	release_sock(sk);
	sock_put(sk);
	return NULL;
}

static void answer_end(struct sock *sk)
{
	release_sock(sk);
	sock_put(sk);
}

/* Take the consumed records off, and send the worker's bytes. */
static int apply(struct kssl_session *s, const struct kssl_hs_answer *a)
{
	struct kssl_hs *hs = s->hs;
	int err = -EINVAL;

	hs->busy = false;
	if (a->consumed <= hs->offered)
		err = kssl_framer_consume(s, a->consumed);
	if (err) {
		kssl_session_fail(s, -EBADMSG, KSSL_ALERT_NONE, "handshake daemon broke the protocol");
		return err;
	}
	hs->kept = hs->offered - a->consumed;
	hs->moved |= a->consumed || a->bytes_len;
	err = kssl_tx_raw(s, a->bytes, a->bytes_len);
	if (err)
		kssl_session_fail(s, err == -EPIPE ? -ECONNRESET : err, KSSL_ALERT_NONE,
				  "sending handshake bytes failed");
	return err;
}

/**
 * kssl_upcall_data() - a worker wants more records
 * @s: the session
 * @a: its answer
 *
 * Return: 0; -ENOENT (no such question was asked of this worker); -EINVAL (more
 * consumed than offered; the session has failed); or why bytes were not sent.
 */
int kssl_upcall_data(struct kssl_session *s, struct kssl_hs_answer *a)
{
	struct sock *sk = answer_begin(s, a->portid);
	int err;

	if (!sk)
		return -ENOENT;
	err = apply(s, a);
	if (!err)
		pump(s, s->hs);
	answer_end(sk);
	return err;
}

/* What the session keeps of the answer, copied before the lock is taken. */
struct keep {
	char *peer_name;
	char *identity;
	char *alpn;
	struct kssl_peer *peer;
	struct kssl_relay *relay;
};

static int dup_string(char **to, const char *from)
{
	*to = from ? kstrdup(from, GFP_KERNEL_ACCOUNT) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

static int keep_copy(struct keep *k, const struct kssl_hs_answer *a)
{
	if (a->post_max)	/* without memory there is none, that is all */
		k->relay = kssl_relay_new(a->portid, a->post_max, a->post_ms);
	return dup_string(&k->peer_name, a->sni) ?: dup_string(&k->identity, a->identity) ?:
	       dup_string(&k->alpn, a->alpn) ?: kssl_peer_new(&k->peer, a);
}

static void keep_free(struct keep *k)
{
	kfree(k->peer_name);
	kfree(k->identity);
	kfree(k->alpn);
	kssl_peer_free(k->peer);
	kssl_relay_free(k->relay);
}

/* The answer's copies become the session's; the old ones are freed with @k. */
static void store(struct kssl_session *s, struct kssl_hs_answer *a, struct keep *k)
{
	s->version = a->version;
	s->suite = a->suite;
	s->peer_verified = a->peer_verified;
	s->resumed = a->resumed;
	swap(s->master, a->master);
	swap(s->peer, k->peer);
	swap(s->relay, k->relay);
	swap(s->identity, k->identity);
	swap(s->alpn, k->alpn);
	if (s->role == KSSL_ROLE_SERVER)
		swap(s->peer_name, k->peer_name);
	if (a->record_limit)	/* RFC 8449, 4: in TLS 1.3 it counts the type */
		s->tx.limit = min_t(u16, a->record_limit - (a->version == TLS13), TLS_TEXT_MAX);
}

/* The worker's bytes go before the first record is sealed. */
static int finish(struct kssl_session *s, struct kssl_hs_answer *a, struct keep *k)
{
	int err = apply(s, a);

	if (err)
		return err;
	kssl_keys_install(s, &a->seal, &a->open);
	store(s, a, k);
	kssl_mib_inc(s->kn, KSSL_MIB_HS_DONE);
	if (s->resumed)
		kssl_mib_inc(s->kn, KSSL_MIB_HS_RESUMED);
	kssl_session_open(s);
	return 0;
}

/**
 * kssl_upcall_done() - a worker is done: bytes out, keys in
 * @s: the session
 * @a: its answer; @a->seal, @a->open and @a->master are taken over on success
 *
 * Return: 0; -EINVAL (keys missing, or more consumed than offered); -ENOENT (no
 * such question); -ENOMEM (the session has failed); or why bytes were not sent.
 */
int kssl_upcall_done(struct kssl_session *s, struct kssl_hs_answer *a)
{
	struct keep k = {};
	struct sock *sk;
	int err;

	if (!a->seal || !a->open)
		return -EINVAL;
	err = keep_copy(&k, a);
	sk = answer_begin(s, a->portid);
	if (sk) {
		s->hs->answered = true;
		if (err)
			kssl_session_fail(s, err, KSSL_ALERT_NONE, "out of memory");
		else
			err = finish(s, a, &k);
		answer_end(sk);
	} else {
		err = -ENOENT;
	}
	keep_free(&k);
	return err;
}

/**
 * kssl_upcall_fail() - a worker says that it cannot be
 * @s: the session
 * @a: its answer
 *
 * Return: 0; -ENOENT (no such question).
 */
int kssl_upcall_fail(struct kssl_session *s, struct kssl_hs_answer *a)
{
	struct sock *sk = answer_begin(s, a->portid);

	if (!sk)
		return -ENOENT;
	s->hs->answered = true;
	s->error.verify = a->verify;
	s->error.alert_received = a->alert_received;
	s->error.own = a->text ? kstrdup(a->text, GFP_KERNEL_ACCOUNT) : NULL;
	if (a->bytes_len && !kssl_tx_raw(s, a->bytes, a->bytes_len))
		s->error.alert_sent = a->alert;
	kssl_mib_inc(s->kn, KSSL_MIB_HS_FAILED);
	kssl_session_fail(s, -a->err, KSSL_ALERT_NONE, s->error.own ?: "handshake failed");
	answer_end(sk);
	return 0;
}

/**
 * kssl_upcall_net_init() - a network namespace's part
 * @kn: it
 */
void kssl_upcall_net_init(struct kssl_net *kn)
{
	spin_lock_init(&kn->lock);
	INIT_LIST_HEAD(&kn->workers);
	INIT_LIST_HEAD(&kn->waiting);
	xa_init_flags(&kn->shares, XA_FLAGS_LOCK_BH);
	kn->grace_ms = KSSL_GRACE_MS;
	kn->timeout_ms = KSSL_TIMEOUT_MS;
	kn->queue_max = KSSL_QUEUE_MAX;
}

/**
 * kssl_upcall_net_exit() - no worker's socket outlives its namespace
 * @kn: the namespace's part
 */
void kssl_upcall_net_exit(struct kssl_net *kn)
{
	struct kssl_worker *w, *next;

	spin_lock_bh(&kn->lock);
	list_for_each_entry_safe(w, next, &kn->workers, node)
		worker_free(kn, w);
	spin_unlock_bh(&kn->lock);
	xa_destroy(&kn->shares);
}

/**
 * kssl_upcall_init() - the queue that handshakes run on
 *
 * Return: 0 or -ENOMEM.
 */
int kssl_upcall_init(void)
{
	wq = alloc_workqueue("kssl", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return wq ? 0 : -ENOMEM;
}

/**
 * kssl_upcall_exit() - wait for what still runs; no session is left
 */
void kssl_upcall_exit(void)
{
	destroy_workqueue(wq);
}
