// SPDX-License-Identifier: GPL-2.0
/*
 * The session object: number, references, table of the network namespace, and
 * the one place where a session ends.
 */
#include "session.h"

#include <linux/ktime.h>
#include <linux/slab.h>
#include <net/netns/generic.h>
#include <net/tcp.h>

#include "exporter.h"
#include "keys.h"
#include "ktls.h"
#include "linger.h"
#include "lobby.h"
#include "mib.h"
#include "netlink.h"
#include "owner.h"
#include "peer.h"
#include "relay.h"
#include "rx_buf.h"
#include "sock_own.h"
#include "trace.h"
#include "tx.h"
#include "tx_record.h"
#include "upcall.h"
#include "worker.h"

/* No honest peer changes keys as often; it costs as much as some hundred records. */
#define KSSL_UPDATE_RATE	1000

static unsigned int kssl_net_id __read_mostly;
static struct kmem_cache *sessions __read_mostly;	/* kmalloc() would waste half */

/**
 * kssl_net() - kssl's part of a network namespace
 * @net: the namespace
 *
 * Return: never NULL while the module is loaded.
 */
struct kssl_net *kssl_net(const struct net *net)
{
	return net_generic(net, kssl_net_id);
}

static int enter_table(struct kssl_session *s, gfp_t gfp)
{
	struct kssl_net *kn = s->kn;
	int err;

	/* softirqs take the array's lock too: accepted sockets are made there */
	err = xa_alloc_cyclic_bh(&kn->sessions, &s->id, s, XA_LIMIT(1, INT_MAX), &kn->next_id, gfp);
	return err < 0 ? err : 0;
}

static void leave_table(struct kssl_session *s)
{
	if (!s->plain)
		xa_erase_bh(&s->kn->sessions, s->id);
}

/* What is not zero in a new session. */
static void set_defaults(struct kssl_session *s)
{
	s->start = ktime_get_ns();
	s->close_handshake = true;
	s->tx.limit = TLS_TEXT_MAX;
	s->rx.limit = TLS_TEXT_MAX;
	s->rx.need = 1;
	s->rx.lowat = 1;
	INIT_LIST_HEAD(&s->rx.ahead);
	s->error.alert_sent = KSSL_ALERT_NONE;
	s->error.alert_received = KSSL_ALERT_NONE;
}

/**
 * kssl_session_alloc() - a session for a socket
 * @sk: the socket; keeps the one reference
 * @owner: who attached it; one reference, taken over in any case; NULL: no memory
 * @gfp: GFP_KERNEL, or GFP_ATOMIC in softirq
 *
 * The session is in the table when this returns; its fields are the zero
 * state KSSL_STATE_INIT.  Return: the session, or NULL (no memory).
 */
struct kssl_session *kssl_session_alloc(struct sock *sk, struct kssl_owner *owner, gfp_t gfp)
{
	struct kssl_session *s = owner ? kmem_cache_zalloc(sessions, gfp) : NULL;

	if (!s) {
		kssl_owner_put(owner);
		return NULL;
	}
	refcount_set(&s->ref, 1);
	spin_lock_init(&s->lock);
	kssl_sock_own_session(s);
	s->kn = kssl_net(sock_net(sk));
	s->owner = owner;
	s->sk = sk;
	set_defaults(s);
	if (kssl_upcall_alloc(s, gfp))
		goto err_free;
	if (enter_table(s, gfp))
		goto err_cancel;
	kssl_mib_inc(s->kn, KSSL_MIB_ATTACHED);
	return s;

err_cancel:
	kssl_upcall_cancel(s);
err_free:
	kssl_session_put(s);
	return NULL;
}

/**
 * kssl_session_get() - one more reference
 * @s: a session the caller has a reference of
 */
void kssl_session_get(struct kssl_session *s)
{
	refcount_inc(&s->ref);
}

static void session_free_rcu(struct rcu_head *rcu)
{
	struct kssl_session *s = container_of(rcu, struct kssl_session, rcu);

	kfree(s->ktls);
	kmem_cache_free(sessions, s);
}

static void free_texts(struct kssl_session *s)
{
	kfree(s->peer_name);
	kfree(s->identity);
	kfree(s->alpn);
	kfree(s->error.own);
	kssl_peer_free(s->peer);
}

/**
 * kssl_session_put() - drop a reference
 * @s: the session; gone for the caller afterwards.  Any context.
 */
void kssl_session_put(struct kssl_session *s)
{
	if (!refcount_dec_and_test(&s->ref))
		return;
	free_texts(s);
	kssl_owner_put(s->owner);
	call_rcu(&s->rcu, session_free_rcu);
}

/**
 * kssl_session_find() - a session by its number
 * @kn: network namespace
 * @id: number
 *
 * Return: the session with a reference for the caller, or NULL.
 */
struct kssl_session *kssl_session_find(struct kssl_net *kn, u32 id)
{
	struct kssl_session *s;

	rcu_read_lock();
	s = xa_load(&kn->sessions, id);
	if (s && !refcount_inc_not_zero(&s->ref))
		s = NULL;
	rcu_read_unlock();
	return s;
}

/**
 * kssl_session_sock() - the socket of a session
 * @s: a session the caller has a reference of
 *
 * Return: the socket with a reference for the caller (sock_put()), or NULL if
 * it is not accepted yet or on its way out.  After lock_sock() check that @s->state still fits.
 */
struct sock *kssl_session_sock(struct kssl_session *s)
{
	struct sock *sk;

	spin_lock_bh(&s->lock);
	sk = s->published ? s->sk : NULL;
	if (sk)
		sock_hold(sk);
	spin_unlock_bh(&s->lock);
	return sk;
}

/**
 * kssl_session_publish() - the socket is a program's: others may find it now
 * @s: its session; socket lock
 */
void kssl_session_publish(struct kssl_session *s)
{
	spin_lock_bh(&s->lock);
	s->published = true;
	spin_unlock_bh(&s->lock);
}

/**
 * kssl_session_owned_by() - did that user attach the socket?
 * @s: a session the caller has a reference of; no lock
 * @uid: the user
 */
bool kssl_session_owned_by(struct kssl_session *s, kuid_t uid)
{
	bool yes;

	spin_lock_bh(&s->lock);
	yes = uid_eq(s->owner->cred->euid, uid);
	spin_unlock_bh(&s->lock);
	return yes;
}

static void wipe(struct kssl_session *s)
{
	if (s->ktls) {
		memzero_explicit(&s->ktls->tx, sizeof(s->ktls->tx));
		memzero_explicit(&s->ktls->rx, sizeof(s->ktls->rx));
	}
	kssl_keys_free(s->seal);
	WRITE_ONCE(s->seal, NULL);
	kssl_keys_free(s->open);
	s->open = NULL;
	kssl_exporter_free(s->master);
	s->master = NULL;
	kssl_relay_end(s);
	kssl_tx_drop(s);	/* what is sealed may still go */
	kssl_rx_buf_free(s);
}

/**
 * kssl_session_retire() - TLS is over and the socket lives on (plain.c)
 * @s: its session, closed both ways; socket lock, process context
 *
 * Nobody finds the session any more; keys and buffers are gone.  To calls that
 * still look at it it says that the end was reached.
 */
void kssl_session_retire(struct kssl_session *s)
{
	sock_owned_by_me(s->sk);
	leave_table(s);
	spin_lock_bh(&s->lock);
	s->published = false;
	spin_unlock_bh(&s->lock);
	kssl_upcall_cancel(s);
	wipe(s);
	kssl_rx_buf_release(s);
	s->own_keys = false;	/* no new ones */
	s->plain = true;
}

/* In the table it may be looked at. */
static void set_owner(struct kssl_session *s, struct kssl_owner *owner)
{
	spin_lock_bh(&s->lock);
	swap(s->owner, owner);
	spin_unlock_bh(&s->lock);
	kssl_owner_put(owner);
}

/**
 * kssl_session_renew() - a retired session begins anew
 * @s: the session; socket lock, process context
 *
 * With another number, and without anything of its former life.
 *
 * Return: 0 or -ENOMEM: it stays retired.
 */
int kssl_session_renew(struct kssl_session *s)
{
	struct kssl_owner *owner;
	struct kssl_hs *hs;
	int err;

	sock_owned_by_me(s->sk);
	owner = kssl_owner_current(s->kn);
	if (!owner)
		return -ENOMEM;
	set_owner(s, owner);
	err = enter_table(s, GFP_KERNEL);
	if (err)
		return err;
	err = kssl_upcall_alloc(s, GFP_KERNEL);
	if (err) {
		xa_erase_bh(&s->kn->sessions, s->id);
		return err;
	}
	hs = s->hs;
	free_texts(s);
	memset_startat(s, 0, plain);
	s->hs = hs;
	set_defaults(s);
	kssl_mib_inc(s->kn, KSSL_MIB_ATTACHED);
	return 0;
}

/**
 * kssl_session_detach() - the socket leaves
 * @s: its session; the socket's reference is dropped here
 *
 * Nobody finds the session or its socket afterwards; handshake, keys and
 * buffers are gone.  Context: socket lock, or the last reference of the socket.
 */
void kssl_session_detach(struct kssl_session *s)
{
	leave_table(s);
	kssl_sock_forget(s);
	kssl_tx_release(s);	/* what the socket is charged for */
	kssl_rx_buf_free(s);
	kssl_rx_buf_release(s);
	spin_lock_bh(&s->lock);
	s->sk = NULL;
	spin_unlock_bh(&s->lock);
	kssl_upcall_cancel(s);
	wipe(s);
	kssl_session_put(s);
}

/**
 * kssl_session_wake() - tell everyone who waits on the socket
 * @s: the session; socket lock
 */
void kssl_session_wake(struct kssl_session *s)
{
	struct sock *sk = s->sk;

	s->state_change(sk);	/* every sleeper */
	s->data_ready(sk);	/* and poll, with the keys that epoll wants */
	sk->sk_write_space(sk);
}

/**
 * kssl_session_set_state() - enter a state
 * @s: the session; socket lock, or nothing else knows it yet
 * @state: the state
 */
void kssl_session_set_state(struct kssl_session *s, enum kssl_state state)
{
	trace_kssl_state(s, state);
	WRITE_ONCE(s->state, state);
}

/**
 * kssl_session_open() - keys are in place
 * @s: the session; socket lock, process context
 *
 * Ends the handshake if there is one, and wakes everyone.
 */
void kssl_session_open(struct kssl_session *s)
{
	sock_owned_by_me(s->sk);
	kssl_upcall_cancel(s);
	s->start = ktime_get_ns();
	kssl_session_set_state(s, KSSL_STATE_OPEN);
	s->rx.need = 0;
	kssl_nl_event(s, KSSL_EVENT_KIND_ESTABLISHED);
	if (s->shutdown_due)
		kssl_tx_shutdown(s);
	kssl_lobby_done(s);
	kssl_session_wake(s);
}

/**
 * kssl_session_closed() - close the session if both directions have ended
 * @s: the session; socket lock
 *
 * It fails instead if the receiving direction was cut.
 */
void kssl_session_closed(struct kssl_session *s)
{
	if (s->state != KSSL_STATE_OPEN || !s->rx.end || !s->tx.end || kssl_tx_pending(s))
		return;
	if (s->rx.end == KSSL_RX_CUT)
		kssl_session_fail(s, -ECONNRESET, KSSL_ALERT_NONE, s->error.text);
	else
		kssl_session_set_state(s, KSSL_STATE_CLOSED);
}

/**
 * kssl_session_end_rx() - end the receiving direction
 * @s: an open session; socket lock, process context
 * @end: how the receiving direction ended
 *
 * Sending goes on until the program or TCP ends it.
 */
void kssl_session_end_rx(struct kssl_session *s, enum kssl_rx_end end)
{
	sock_owned_by_me(s->sk);
	s->rx.end = end;
	kssl_relay_end(s);	/* no ticket comes any more */
	kssl_session_closed(s);
	kssl_session_wake(s);
}

/**
 * kssl_session_cut_rx() - end the receiving direction without close_notify
 * @s: an open session; socket lock, process context
 * @text: the reason in words, a constant
 *
 * Later reads are ECONNRESET.  Nothing was forged: sending goes on while TCP does,
 * so sk_err stays clear, with which TCP would take nothing more.
 *
 * Return: -ECONNRESET.
 */
int kssl_session_cut_rx(struct kssl_session *s, const char *text)
{
	if (s->sk->sk_state == TCP_CLOSE) {
		kssl_session_fail(s, -ECONNRESET, KSSL_ALERT_NONE, text);
	} else {
		s->error.text = text;
		kssl_session_end_rx(s, KSSL_RX_CUT);
	}
	return -ECONNRESET;
}

static void send_alert(struct kssl_session *s, u8 alert)
{
	if (!kssl_tx_alert(s, alert))
		return;
	s->error.alert_sent = alert;
	kssl_mib_inc(s->kn, KSSL_MIB_ALERT_SENT);
	trace_kssl_alert_tx(s, TLS_FATAL, alert);
}

static void end(struct kssl_session *s, int err, u8 alert, const char *text)
{
	/* first: sending the alert may fail as well; a reader may have another error already */
	WRITE_ONCE(s->error.err, kssl_session_errno(s) ?: -err);
	if (s->rx.end != KSSL_RX_CUT)
		s->error.text = text;
	send_alert(s, alert);
	kssl_upcall_cancel(s);
	wipe(s);
	kssl_session_set_state(s, KSSL_STATE_FAILED);
	if (s->shutdown_due)
		kssl_tx_shutdown(s);
	kssl_lobby_done(s);
	kssl_nl_event(s, KSSL_EVENT_KIND_FAILED);
}

/**
 * kssl_session_fail() - the session ends by an error
 * @s: the session; socket lock, process context
 * @err: negative errno; every later call on the socket returns it
 * @alert: fatal alert to send with the sending keys, or KSSL_ALERT_NONE
 * @text: the reason in words, for KSSL_ERROR: a constant, or @s->error.own
 *
 * The only place that sets sk_err, beside kssl_session_kill() and ktls.c.  Only
 * the first call counts.  Keys are wiped here, not at close (RFC 8446, 6.2).
 */
void kssl_session_fail(struct kssl_session *s, int err, u8 alert, const char *text)
{
	struct sock *sk = s->sk;

	sock_owned_by_me(sk);
	if (s->error.err)
		return;
	if (s->ktls) {
		kssl_ktls_fail(s, err);
		return;
	}
	if (err == -ENOMEM)
		kssl_mib_inc(s->kn, KSSL_MIB_NO_MEMORY);
	end(s, err, alert, text);
	WRITE_ONCE(sk->sk_err, s->error.err);
	sk_error_report(sk);
	kssl_session_wake(s);
}

/* TCP got as far as a connection, and TLS has not failed. */
static int may_kill(const struct kssl_session *s)
{
	const int before = TCPF_CLOSE | TCPF_LISTEN | TCPF_SYN_SENT | TCPF_SYN_RECV;

	if (!s->sk || s->state == KSSL_STATE_FAILED)
		return -EPIPE;
	if (s->plain)
		return -ENOENT;
	return (1 << s->sk->sk_state) & before ? -ENOTCONN : 0;
}

/**
 * kssl_session_kill() - end a session from outside: fatal alert and RST
 * @s: a session the caller has a reference of; no lock
 *
 * Every later call of the program fails as after an alert of the peer.
 *
 * Context: process.  Return: 0; -ENOENT (the socket is gone); -ENOTCONN (not a
 * connection); -EPIPE (failed already).
 */
int kssl_session_kill(struct kssl_session *s)
{
	struct sock *sk = kssl_session_sock(s);
	int err;

	if (!sk)
		return -ENOENT;
	lock_sock(sk);
	err = may_kill(s);
	if (!err)
		end(s, -ECONNABORTED, TLS_INTERNAL_ERROR, "ended by the administrator");
	release_sock(sk);
	/*
	 * Sets sk_err and wakes everyone; takes the lock itself.  Nobody was woken
	 * yet, so the program has hardly closed the socket meanwhile.
	 */
	if (!err && !sock_flag(sk, SOCK_DEAD))
		tcp_abort(sk, ECONNABORTED);
	sock_put(sk);
	return err;
}

static int __net_init net_init(struct net *net)
{
	struct kssl_net *kn = kssl_net(net);

	kn->net = net;
	kn->update_rate = KSSL_UPDATE_RATE;
	xa_init_flags(&kn->sessions, XA_FLAGS_ALLOC1 | XA_FLAGS_LOCK_BH);
	kssl_upcall_net_init(kn);
	kssl_linger_net_init(kn);
	return kssl_mib_net_init(kn);
}

static void __net_exit net_exit(struct net *net)
{
	struct kssl_net *kn = kssl_net(net);

	/* every session has a socket, and every socket holds the namespace */
	WARN_ON_ONCE(!xa_empty(&kn->sessions));
	kssl_linger_net_exit(kn);
	kssl_worker_net_exit(kn);
	kssl_owner_put(kn->owner);
	kssl_mib_net_exit(kn);
	xa_destroy(&kn->sessions);
}

static struct pernet_operations net_ops = {
	.init = net_init,
	.exit = net_exit,
	.id = &kssl_net_id,
	.size = sizeof(struct kssl_net),
};

/**
 * kssl_session_init() - memory of sessions, and per-namespace parts
 *
 * Return: 0 or negative errno.
 */
int kssl_session_init(void)
{
	int err;

	sessions = KMEM_CACHE(kssl_session, SLAB_ACCOUNT);
	if (!sessions)
		return -ENOMEM;
	err = register_pernet_subsys(&net_ops);
	if (err)
		kmem_cache_destroy(sessions);
	return err;
}

/**
 * kssl_session_exit() - undo; no session is left, their memory may be on its way
 */
void kssl_session_exit(void)
{
	unregister_pernet_subsys(&net_ops);
	rcu_barrier();
	kmem_cache_destroy(sessions);
}
