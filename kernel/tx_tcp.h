/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_TX_TCP_H
#define _KSSL_TX_TCP_H

#include "kssl.h"

/**
 * enum kssl_push - what TCP does with a segment that is not full
 * @KSSL_PUSH_NOW: sends it
 * @KSSL_PUSH_CORK: keeps it for a moment, as after MSG_MORE
 * @KSSL_PUSH_MORE: keeps it; the same call sends more
 */
enum kssl_push { KSSL_PUSH_NOW, KSSL_PUSH_CORK, KSSL_PUSH_MORE };

/**
 * kssl_push_for() - choose what TCP does with a record of a program's content
 * @left: bytes of the same call behind it
 * @more: MSG_MORE: all of them may become pending content, and push nothing
 *
 * Return: what TCP is to do with its last segment.
 */
static inline enum kssl_push kssl_push_for(size_t left, bool more)
{
	if (left && !(more && left < TLS_TEXT_MAX))
		return KSSL_PUSH_MORE;
	return more ? KSSL_PUSH_CORK : KSSL_PUSH_NOW;
}

int kssl_tx_tcp_record(struct kssl_session *s, struct page *page, u32 off, u32 len,
		       enum kssl_push push);
int kssl_tx_tcp_retry(struct kssl_session *s);
void kssl_tx_tcp_drop(struct kssl_session *s);
void kssl_tx_blocked(struct kssl_session *s);

/* What kssl_tx_tcp_retry() does, if there is something to send. */
static inline int kssl_tx_tcp_flush(struct kssl_session *s)
{
	return likely(!s->tx.pend_len) ? 0 : kssl_tx_tcp_retry(s);
}

#endif /* _KSSL_TX_TCP_H */
