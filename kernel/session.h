/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_SESSION_H
#define _KSSL_SESSION_H

#include <linux/xarray.h>
#include "kssl.h"

/**
 * struct kssl_lingers - sockets that linger after close() (linger.c)
 * @lock: bh; for all that follows
 * @list: struct kssl_linger, oldest first
 * @nr: how many; also read without the lock
 * @shares: user to how many of them are the user's
 * @max: most at once; read and written without the lock
 */
struct kssl_lingers {
	spinlock_t lock;
	struct list_head list;
	u32 nr;
	struct xarray shares;
	u32 max;
};

/**
 * struct kssl_net - what kssl keeps per network namespace
 * @net: the namespace
 * @sessions: id to session; lookups under RCU
 * @next_id: for xa_alloc_cyclic
 * @lock: protects what follows, down to @owner (worker.c)
 * @workers: registered workers
 * @waiting: handshakes that wait for a worker
 * @nr_waiting: how many
 * @shares: user to how many of them are his
 * @nr_workers: how many
 * @grace_ms: how long a handshake waits for a first worker, ms
 * @timeout_ms: time for a whole handshake, ms
 * @queue_max: most handshakes that may wait
 * @owner: of the last socket attached, one reference (owner.c)
 * @lingers: sockets that were closed and still read; has a lock of its own
 * @mib: counters, per CPU (mib.c)
 *
 * Read and written without a lock (READ_ONCE, WRITE_ONCE):
 * @key_records: most records sent with one key; 0: as the suite says
 * @rekey_seconds: age at which a sending key is changed; 0: any
 * @update_rate: KeyUpdates a second that a peer may send; 0: any number
 * @mac_only: suites that do not encrypt may be used
 */
struct kssl_net {
	struct net *net;
	struct xarray sessions;
	u32 next_id;

	spinlock_t lock;
	struct list_head workers;
	struct list_head waiting;
	u32 nr_waiting;
	struct xarray shares;
	u32 nr_workers;
	u32 grace_ms;
	u32 timeout_ms;
	u32 queue_max;
	struct kssl_owner *owner;

	struct kssl_lingers lingers;

	u64 __percpu *mib;

	u32 key_records;
	u32 rekey_seconds;
	u32 update_rate;
	u32 mac_only;
};

struct kssl_net *kssl_net(const struct net *net);

/* All of these: session.c has the contracts. */
struct kssl_session *kssl_session_alloc(struct sock *sk, struct kssl_owner *owner, gfp_t gfp);
void kssl_session_get(struct kssl_session *s);
void kssl_session_put(struct kssl_session *s);
struct kssl_session *kssl_session_find(struct kssl_net *kn, u32 id);
struct sock *kssl_session_sock(struct kssl_session *s);
void kssl_session_publish(struct kssl_session *s);
bool kssl_session_owned_by(struct kssl_session *s, kuid_t uid);
void kssl_session_retire(struct kssl_session *s);
int kssl_session_renew(struct kssl_session *s);
void kssl_session_detach(struct kssl_session *s);
void kssl_session_set_state(struct kssl_session *s, enum kssl_state state);
void kssl_session_open(struct kssl_session *s);
void kssl_session_closed(struct kssl_session *s);
void kssl_session_end_rx(struct kssl_session *s, enum kssl_rx_end end);
int kssl_session_cut_rx(struct kssl_session *s, const char *text);
void kssl_session_fail(struct kssl_session *s, int err, u8 alert, const char *text);
void kssl_session_wake(struct kssl_session *s);
int kssl_session_kill(struct kssl_session *s);

/* What reads return once the content is used up, positive; 0: there is no error. */
static inline u32 kssl_session_errno(const struct kssl_session *s)
{
	return s->error.err ?: s->rx.end == KSSL_RX_CUT ? ECONNRESET : 0;
}

int kssl_session_init(void);
void kssl_session_exit(void);

#endif /* _KSSL_SESSION_H */
