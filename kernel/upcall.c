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
 *   - the lists of waiting handshakes and of a worker's (worker.c): only with
 *     s->hs.
 * Whether an answer or a cancel comes first is decided under the socket lock.
 */
#include "upcall.h"

#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/tcp.h>

#include "framer.h"
#include "hs.h"
#include "keys.h"
#include "lobby.h"
#include "mib.h"
#include "netlink.h"
#include "peer.h"
#include "relay.h"
#include "session.h"
#include "tx.h"
#include "worker.h"

#define KSSL_TIMEOUT_MS		20000
#define KSSL_RETRY_MS		10	/* a worker's receive buffer was full */

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

/**
 * kssl_hs_arm() - queue one of a handshake's works
 * @hs: the handshake, which its session still has
 * @work: the work; holds a reference while it is queued or runs
 * @delay: jiffies
 *
 * Any context.
 */
void kssl_hs_arm(struct kssl_hs *hs, struct delayed_work *work, unsigned long delay)
{
	hs_get(hs);
	if (!queue_delayed_work(wq, work, delay))
		hs_put(hs);
}

/**
 * kssl_hs_disarm() - what is queued does not run; what runs goes on
 * @hs: the handshake; the caller has a reference
 * @work: the work
 *
 * Any context.
 */
void kssl_hs_disarm(struct kssl_hs *hs, struct delayed_work *work)
{
	if (cancel_delayed_work(work))
		hs_put(hs);
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
	kssl_session_set_state(s, KSSL_STATE_HANDSHAKE);
	kssl_mib_inc(kn, KSSL_MIB_HS_STARTED);
	timeout = msecs_to_jiffies(min_t(u32, timeout_ms ?: READ_ONCE(kn->timeout_ms), INT_MAX));
	hs->deadline = jiffies + timeout;
	kssl_hs_arm(hs, &hs->timeout, timeout);
	kssl_hs_arm(hs, &hs->pump, 0);
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
		kssl_hs_arm(s->hs, &s->hs->pump, 0);
}

/**
 * kssl_upcall_heard() - has the peer sent anything for a handshake?
 * @s: a session before keys are; socket lock
 */
bool kssl_upcall_heard(const struct kssl_session *s)
{
	return (s->hs && s->hs->told) || kssl_framer_partial(s);
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
	portid = hs->told && !hs->answered ? kssl_worker_port(kn, hs) : 0;
	if (portid)
		kssl_nl_hs_send(KSSL_CMD_HS_CANCEL, portid, s, NULL, 0);
	kssl_worker_release(kn, hs);
	kssl_hs_disarm(hs, &hs->pump);
	kssl_hs_disarm(hs, &hs->timeout);
	kssl_hs_disarm(hs, &hs->grace);
	hs_put(hs);
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
	if (!kssl_worker_is_lost(s->kn, hs))
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
		kssl_hs_arm(hs, &hs->pump, msecs_to_jiffies(KSSL_RETRY_MS));
	} else if (err == -ECONNREFUSED) {
		kssl_worker_died(s->kn, portid);
	} else {
		kssl_session_fail(s, err, KSSL_ALERT_NONE, "telling the handshake daemon failed");
	}
}

/* No worker knows of the peer yet, so nothing was sent: the alert goes in clear. */
static void refuse_early(struct kssl_session *s, int err, u8 alert)
{
	const u8 record[] = { TLS_ALERT, 3, 3, 0, 2, TLS_FATAL, alert };

	if (!kssl_tx_raw(s, record, sizeof(record)))
		s->error.alert_sent = alert;
	kssl_session_fail(s, err, KSSL_ALERT_NONE, "peer does not speak TLS");
}

/*
 * The peer left, or what it sent is no record (RFC 8446, 5).  Whether the alert goes
 * in clear or under which keys only the worker knows: it is told, and answers with
 * hs-fail.  Returns false if that is still to be done.
 */
static bool refuse(struct kssl_session *s, struct kssl_hs *hs, int err, u8 alert)
{
	if (err == -ECONNRESET) {
		kssl_mib_inc(s->kn, KSSL_MIB_RX_TRUNCATED);
		kssl_session_fail(s, err, KSSL_ALERT_NONE, "peer closed during the handshake");
		return true;
	}
	if (err == -ENOMEM) {
		kssl_session_fail(s, err, KSSL_ALERT_NONE, "out of memory");
		return true;
	}
	if (!hs->alert)		/* else the worker's receive buffer was full */
		kssl_mib_inc(s->kn, KSSL_MIB_RX_PROTOCOL);
	hs->alert = alert;
	if (hs->told)
		return false;
	refuse_early(s, err, alert);	/* @hs may be gone */
	return true;
}

static void pump(struct kssl_session *s, struct kssl_hs *hs)
{
	const u8 *records;
	u32 len, nr;
	s64 portid;
	u8 alert;
	int err;

	if (s->state > KSSL_STATE_HANDSHAKE || s->state == KSSL_STATE_LISTEN || !survive(s, hs))
		return;
	if (hs->busy)
		return;
	if (s->state == KSSL_STATE_INIT && s->role == KSSL_ROLE_CLIENT && !may_start(s, 0))
		return;
	err = kssl_framer_handshake(s, &records, &len, &nr, &alert);
	if (err && nr <= hs->kept && !s->own_keys && refuse(s, hs, err, alert))
		return;
	if (s->state == KSSL_STATE_INIT && (!may_start(s, nr) || kssl_upcall_start(s, 0)))
		return;
	if (hs->told && nr <= hs->kept && !hs->alert)	/* nothing the worker has not seen */
		return;
	if (!hs->told && !nr && s->role == KSSL_ROLE_SERVER)
		return;
	kssl_lobby_heard(s);
	/* its own, and none if that has died by now: then the pump runs again */
	portid = hs->told ? kssl_worker_port(s->kn, hs) : kssl_worker_assign(s->kn, hs);
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
	    kssl_worker_port(s->kn, hs) == portid)
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
	if (!hs->alert && a->consumed <= hs->offered)
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
 * consumed than offered, or the peer's alert was asked for; the session has
 * failed); or why bytes were not sent.
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
	if (a->fragment)
		s->rx.limit = a->fragment;
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
 * @a: its answer; @a->seal is taken over on success
 *
 * Return: 0; -ENOENT (no such question).
 */
int kssl_upcall_fail(struct kssl_session *s, struct kssl_hs_answer *a)
{
	struct sock *sk = answer_begin(s, a->portid);
	u8 alert = KSSL_ALERT_NONE;	/* to be sealed */

	if (!sk)
		return -ENOENT;
	s->hs->answered = true;
	s->error.verify = a->verify;
	s->error.alert_received = a->alert_received;
	s->error.own = a->text ? kstrdup(a->text, GFP_KERNEL_ACCOUNT) : NULL;
	if (!kssl_tx_raw(s, a->bytes, a->bytes_len)) {
		if (a->seal)
			alert = a->alert;
		else if (a->bytes_len)
			s->error.alert_sent = a->alert;
	}
	kssl_keys_install(s, &a->seal, NULL);
	kssl_mib_inc(s->kn, KSSL_MIB_HS_FAILED);
	kssl_session_fail(s, -a->err, alert, s->error.own ?: "handshake failed");
	answer_end(sk);
	return 0;
}

/**
 * kssl_upcall_net_init() - a network namespace's part
 * @kn: it
 */
void kssl_upcall_net_init(struct kssl_net *kn)
{
	kssl_worker_net_init(kn);
	kn->timeout_ms = KSSL_TIMEOUT_MS;
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
