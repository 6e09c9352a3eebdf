/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Central types, and how they are locked.
 *
 * One TLS socket has one struct kssl_session: the socket's icsk_ulp_data, and
 * the object that netlink shows.  While a handshake runs it also has a struct
 * kssl_hs (upcall.c); once keys are in place two struct kssl_half (keys.c),
 * one per direction.
 *
 * Locks
 * -----
 * socket lock (lock_sock)	everything in the session unless said otherwise:
 *				state, halves, pending content, receive buffer.
 *				All record work is done under it, in process
 *				context.  It may be held while sleeping for
 *				memory or for the crypto API, never while
 *				waiting for a worker.  Softirq callbacks
 *				(sk_data_ready, sk_state_change) run with the
 *				socket's spinlock and no owner, or as backlog
 *				of the owner, so they may read it too.
 *				Work of a queue that sockets share only takes
 *				the lock if it is free (sock_own.c).
 * session->lock		spinlock, bh: the back pointer session->sk, for
 *				those who came by netlink and hold no socket;
 *				the strings of a listener's settings, which its
 *				new children copy in softirq; and the owner.
 * kssl_net->lock		spinlock, bh: workers, waiting handshakes, and
 *				which worker has which (worker.c).
 *
 * lobby->lock			spinlock, bh: who waits for accept() (lobby.c).
 *
 * kssl_net->lingers.lock	spinlock, bh: closed sockets that the kernel holds, and
 *				how many are each user's (linger.c).
 *
 * Order: socket lock, then kssl_net->lock, then session->lock; or socket lock,
 * then lobby->lock or lingers.lock.
 *
 * Life
 * ----
 * A session is born at attach (ulp.c) with one reference, the socket's, and is
 * entered into the table of its network namespace.  Others that can hold a
 * reference, and why each ends:
 *   - netlink requests: for the length of the call;
 *   - the work item @deferred: while it is queued or runs;
 *   - the handshake object: until the handshake is done, failed or cancelled,
 *     which close() does at the latest.
 * A listener's child is published only when TCP's accept() has returned it: closing
 * the listener destroys children in its queue and insists (by a WARN) that
 * nobody owns their socket lock.
 *
 * close() may leave the socket to the kernel (linger.c).  The end of that, or close()
 * itself, or the socket's destruction (ulp.c) first makes it unreachable
 * (session->sk = NULL, out of the table), then cancels the handshake, wipes
 * keys and buffers, and drops the socket's reference.  Memory goes by RCU.
 */
#ifndef _KSSL_KSSL_H
#define _KSSL_KSSL_H

#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/inet_connection_sock.h>
#include <uapi/linux/kssl.h>

#include "message.h"
#include "proto.h"

struct kssl_crew;
struct kssl_half;
struct kssl_guest;
struct kssl_hs;
struct kssl_ktls;
struct kssl_lobby;
struct kssl_master;
struct kssl_net;
struct kssl_owner;
struct kssl_peer;
struct kssl_relay;
struct proto_ops;

#define KSSL_RELEASE	"0.1"

/**
 * enum kssl_tx_end - how far the sending direction has come to its end
 * @KSSL_TX_OPEN: content may follow
 * @KSSL_TX_NOTIFY_DUE: pending content and close_notify follow, nothing else
 * @KSSL_TX_NOTIFIED: close_notify was sent
 * @KSSL_TX_CUT: it ended without: a fatal alert, an error of TCP, FIN or RST
 *
 * It only grows; kssl_tx_set_end() sets it.
 */
enum kssl_tx_end { KSSL_TX_OPEN, KSSL_TX_NOTIFY_DUE, KSSL_TX_NOTIFIED, KSSL_TX_CUT };

/**
 * struct kssl_tx - sending side
 * @page: page of the record that is begun, one reference; NULL if there is none
 * @off: where its content begins in @page, bytes
 * @room: content that fits, bytes
 * @len: pending content: what is in it so far, bytes
 * @type: its content type
 * @late: when pending content goes although MSG_MORE promised more, jiffies
 * @pend: page with sealed bytes that TCP did not take; NULL if none
 * @pend_off: where they begin, bytes
 * @pend_len: how many
 * @behind: records behind those, which several CPUs have sealed; NULL if none
 * @charged: what the socket is charged for pending content, bytes (charge.c)
 * @limit: most plaintext bytes in one record (RFC 8449)
 * @size: what KSSL_RECORD_SIZE asked for; 0: adaptive
 * @pad: content and type are padded to a multiple of this; 0: not
 * @end: enum kssl_tx_end
 * @fin_due: TCP's FIN follows when nothing else is due
 * @pushing: a sealed record is on its way into TCP's queue
 * @content_due: pending content goes as soon as there is room
 * @reneg_due: a no_renegotiation warning goes as soon as there is room
 * @update_due: a KeyUpdate(update_not_requested) must go before the next content
 * @update_asked: a KeyUpdate(update_requested) was sent; none came since
 * @updates: KeyUpdates sent with nothing in between
 */
struct kssl_tx {
	struct page *page;
	u32 off;
	u32 room;
	u32 len;
	u8 type;
	unsigned long late;
	struct page *pend;
	u32 pend_off;
	u32 pend_len;
	struct kssl_crew *behind;
	u32 charged;
	u16 limit;
	u16 size;
	u16 pad;
	u8 end;
	bool fin_due;
	bool pushing;
	bool content_due;
	bool reneg_due;
	bool update_due;
	bool update_asked;
	u8 updates;
};

/**
 * enum kssl_rx_end - how the receiving direction ended
 * @KSSL_RX_OPEN: it has not
 * @KSSL_RX_NOTIFIED: by close_notify
 * @KSSL_RX_FIN: by a FIN at the end of a record, which KSSL_EOF_LAX lets pass
 * @KSSL_RX_CUT: by a FIN alone, or inside a record: reads are ECONNRESET
 *
 * Set once, by kssl_session_end_rx().  The sending direction does not depend on it.
 */
enum kssl_rx_end { KSSL_RX_OPEN, KSSL_RX_NOTIFIED, KSSL_RX_FIN, KSSL_RX_CUT };

/**
 * struct kssl_rx - receiving side
 *
 * buf:	| done | content . | tag | raw records, whole or not ... | free |
 *	       ^text, text_len         ^head                     ^tail
 *
 * @buf: KSSL_RX_BUF bytes, or NULL while there is nothing in it
 * @charged: what the socket is charged for @buf, bytes (charge.c)
 * @accounted: @buf is no spare, the cgroup has paid for it
 * @head: first byte not yet opened
 * @tail: end of what came from TCP
 * @text: where unread content of the opened record begins in @buf, bytes
 * @text_len: its length, bytes; 0 if none
 * @held: there is a record at @text, perhaps without content
 * @begun: a part of it was read
 * @type: its content type
 * @limit: most plaintext bytes in one record of the peer's (RFC 6066, 4)
 * @ahead: content of records before that one: pages of a queue (rx_buf.c)
 * @ahead_len: its length, bytes
 * @ahead_size: memory that it takes, bytes
 * @need: bytes that must be in TCP's queue before it pays to wake a reader
 * @gulp: how many bytes to take from TCP at once when they are there
 * @lowat: what SO_RCVLOWAT asked for, plaintext bytes
 * @empties: records without data in a row
 * @warnings: warning alerts and requests for renegotiation in a row
 * @renegotiations: requests for renegotiation in all
 * @updates: KeyUpdates in a row that were not asked for
 * @updates_at: bytes of content that had been sent when the last of them came
 * @updates_paid: ktime (ns) up to which the allowed rate of KeyUpdates is used
 * @data_seen: a protected record was opened
 * @end: enum kssl_rx_end
 * @urg_inline: SO_OOBINLINE was on before the socket became ours
 * @lax: a FIN at the end of a record counts as close_notify
 * @records: KSSL_RECORDS was asked for
 */
struct kssl_rx {
	u8 *buf;
	u32 charged;
	u32 head;
	u32 tail;
	u32 text;
	u32 text_len;
	bool accounted;
	bool held;
	bool begun;
	u8 type;
	u16 limit;
	struct list_head ahead;
	u32 ahead_len;
	u32 ahead_size;
	u32 need;
	u32 gulp;
	int lowat;
	u8 empties;
	u8 warnings;
	u8 renegotiations;
	u8 updates;
	u64 updates_at;
	u64 updates_paid;
	bool data_seen;
	u8 end;
	bool urg_inline;
	bool lax;
	bool records;
};

/**
 * struct kssl_post - a handshake message after the handshake, on its way in
 * @have: header bytes seen
 * @head: msg_type and uint24 length
 * @left: body bytes to come
 * @ticket: NewSessionTicket: how far it is checked
 */
struct kssl_post {
	u8 have;
	u8 head[TLS_HS_HEADER_LEN];
	u32 left;
	struct kssl_ticket_check ticket;
};

/**
 * struct kssl_failure - why a session has failed, or reading was cut
 * @err: the errno that every call returns (positive); 0 if the session has not failed
 * @verify: the daemon's certificate verification code, 0 if none
 * @alert_sent, @alert_received: descriptions, or KSSL_ALERT_NONE
 * @text: the reason in words: a constant, or @own; NULL if none
 * @own: the daemon's words, or NULL
 */
struct kssl_failure {
	s32 err;
	s32 verify;
	u8 alert_sent;
	u8 alert_received;
	const char *text;
	char *own;
};

/**
 * struct kssl_session - TLS on one socket
 * @ref: see above
 * @rcu: for freeing
 * @kn: the network namespace's part
 * @id: number in the namespace's table
 * @lock: protects @sk, @published and @owner, and a listener's strings
 * @sk: the socket; NULL once it is on its way out
 * @published: kssl_session_sock() may hand out @sk
 *
 * Set at attach, then constant (but see kssl_session_renew()):
 * @owner: who attached the socket, or its listener (owner.c)
 * @ktls: the socket is a "tls" one and follows the in-tree rules (ktls.c); NULL
 *	otherwise
 *
 * Socket lock:
 * @wrapped: the socket's calls and callbacks come to kssl
 * @data_ready, @state_change, @write_space: callbacks of TCP that kssl put its own in front of
 * @deferred: does what @todo says (sock_own.c)
 * @todo: bits of enum kssl_todo; atomic
 * @plain: TLS is over and the socket is plain TCP again (plain.c)
 *
 * Settings, socket lock, constant from the start of the handshake (which @settings
 * has been counted up to, of a listener under @lock):
 * @role: enum kssl_role
 * @peer_auth: enum kssl_peer_auth
 * @own_keys: keys come by KSSL_KEY_TX and KSSL_KEY_RX; no handshake
 * @peer_name: client: name to verify; server: SNI received; or NULL
 * @identity: identity asked for, then the one used; or NULL
 * @alpn: list asked for, then the one chosen; or NULL
 * @lobby: where connections wait for TLS (lobby.c), or NULL
 * @close_handshake: a server's handshake is done also after close(), see linger.c
 * @settings: how often they and others were set
 *
 * Socket lock:
 * @state: enum kssl_state; also read without the lock (READ_ONCE) by poll
 * @shutdown_due: shutdown() was called before TLS was up, close_notify and FIN follow
 * @connected: a connect() has told the program that TLS is up
 * @guest: the program has not accepted it yet (lobby.c), or NULL
 * @autostart: the handshake begins by itself when TCP is connected
 * @hs: handshake, NULL when it is over or was never wanted
 * @tx, @rx: buffers of the two directions
 * @post: handshake message on its way in
 * @relay: where tickets go (relay.c), or NULL
 * @seal: sending keys or NULL
 * @open: receiving keys or NULL
 * @master: what KSSL_EXPORTER exports from, or NULL
 * @peer: peer's certificate and what is in it (peer.c), or NULL
 * @version, @suite: negotiated, 0 before
 * @peer_verified, @resumed: what the worker said
 * @start: ktime (ns) of attach, then of the end of the handshake
 * @error: what KSSL_ERROR tells; @error.err is sticky, see kssl_session_errno()
 * @tx_bytes, @rx_bytes, @tx_records, @rx_records, @tx_generation,
 * @rx_generation: counters; also read without the lock
 */
struct kssl_session {
	refcount_t ref;
	struct rcu_head rcu;
	struct kssl_net *kn;
	u32 id;
	spinlock_t lock;
	struct sock *sk;
	bool published;

	struct kssl_owner *owner;
	struct kssl_ktls *ktls;

	bool wrapped;
	void (*data_ready)(struct sock *sk);
	void (*state_change)(struct sock *sk);
	void (*write_space)(struct sock *sk);
	struct delayed_work deferred;
	unsigned long todo;

	/* from here on: one life of TLS, see kssl_session_renew() */
	bool plain;
	u8 role;
	u8 peer_auth;
	bool own_keys;
	char *peer_name;
	char *identity;
	char *alpn;
	bool close_handshake;
	u32 settings;
	struct kssl_lobby *lobby;

	u8 state;
	bool shutdown_due;
	bool connected;
	bool autostart;
	struct kssl_guest *guest;
	struct kssl_hs *hs;
	struct kssl_tx tx;
	struct kssl_rx rx;
	struct kssl_post post;
	struct kssl_relay *relay;
	struct kssl_half *seal;
	struct kssl_half *open;
	struct kssl_master *master;
	struct kssl_peer *peer;
	u16 version;
	u16 suite;
	bool peer_verified;
	bool resumed;
	u64 start;
	struct kssl_failure error;
	u64 tx_bytes;
	u64 rx_bytes;
	u64 tx_records;
	u64 rx_records;
	u32 tx_generation;
	u32 rx_generation;
};

/* The session of a socket; NULL if there is none. Socket lock, or a callback. */
static inline struct kssl_session *kssl_of(const struct sock *sk)
{
	return (__force struct kssl_session *)inet_csk(sk)->icsk_ulp_data;
}

#endif /* _KSSL_KSSL_H */
