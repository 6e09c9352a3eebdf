/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_TX_RECORD_H
#define _KSSL_TX_RECORD_H

#include <linux/jiffies.h>
#include <linux/uio.h>
#include "keys.h"
#include "kssl.h"
#include "session.h"
#include "suite.h"
#include "tx.h"
#include "tx_tcp.h"

/**
 * enum kssl_gate - what a record may use of the send buffer
 * @KSSL_GATE_CONTENT: all but the reserve
 * @KSSL_GATE_CONTROL: the reserve too: alerts, KeyUpdate
 */
enum kssl_gate { KSSL_GATE_CONTENT, KSSL_GATE_CONTROL };

/* tx_record.c has the contracts. */
bool kssl_tx_memory_free(const struct sock *sk, int wake);
int kssl_tx_gate(struct kssl_session *s, u32 want, u32 ahead, enum kssl_gate what);
u32 kssl_tx_pad(const struct kssl_session *s, u32 len);
u32 kssl_tx_tail(const struct kssl_session *s, u32 room);
u32 kssl_tx_size(const struct kssl_session *s, u32 ahead);
int kssl_tx_begin(struct kssl_session *s, u8 type, u32 room);
int kssl_tx_copy(struct kssl_tx *tx, struct msghdr *msg);
void kssl_tx_trim(struct kssl_session *s);
bool kssl_tx_charge(struct kssl_session *s);
int kssl_tx_seal(struct kssl_session *s, enum kssl_push push);
int kssl_tx_seal_short(struct kssl_session *s, u8 type, const void *content, u32 len);
int kssl_tx_seal_failed(struct kssl_session *s, int err);
void kssl_tx_drop(struct kssl_session *s);

/* Has the sending key protected as many records as suite and policy allow? */
static inline bool kssl_tx_used_up(const struct kssl_session *s)
{
	u32 records = READ_ONCE(s->kn->key_records);

	return s->seal->used >= s->seal->suite->limit || (records && s->seal->used >= records);
}

/* Is it older than the policy wants?  Without a secret there is no other. */
static inline bool kssl_tx_too_old(const struct kssl_session *s)
{
	u32 seconds = READ_ONCE(s->kn->rekey_seconds);

	return seconds && s->seal->secret.len &&
	       time_after_eq64(get_jiffies_64(), s->seal->since + (u64)seconds * HZ);
}

/**
 * kssl_tx_due() - tell whether something goes before the next record of content
 * @s: a session with sending keys; socket lock
 *
 * Return: true if kssl_tx_serve_key() has something to do.
 */
static inline bool kssl_tx_due(const struct kssl_session *s)
{
	return unlikely(kssl_tx_used_up(s) || s->tx.update_due || kssl_tx_too_old(s)) && !s->ktls;
}

/* What kssl_tx_serve_key() does, if there is something to do. */
static inline int kssl_tx_before_content(struct kssl_session *s)
{
	return likely(!kssl_tx_due(s)) ? 0 : kssl_tx_serve_key(s);
}

#endif /* _KSSL_TX_RECORD_H */
