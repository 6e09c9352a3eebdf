/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_OUT_H
#define _KSSL_OUT_H

#include "kssl.h"

/**
 * enum kssl_hold - what TCP does with a segment that is not full
 * @KSSL_PUSH: sends it
 * @KSSL_CORK: keeps it for a moment, as after MSG_MORE
 * @KSSL_HOLD: keeps it; the same call sends more
 */
enum kssl_hold { KSSL_PUSH, KSSL_CORK, KSSL_HOLD };

/**
 * kssl_out_hold() - what to do with a record of a program's text
 * @left: bytes of the same call behind it
 * @more: MSG_MORE: they may all stay open, and push nothing
 *
 * Return: what TCP is to do with its last segment.
 */
static inline enum kssl_hold kssl_out_hold(size_t left, bool more)
{
	if (left && !(more && left < TLS_TEXT_MAX))
		return KSSL_HOLD;
	return more ? KSSL_CORK : KSSL_PUSH;
}

int kssl_out_record(struct kssl_session *s, struct page *page, u32 off, u32 len,
		    enum kssl_hold hold);
int kssl_out_retry(struct kssl_session *s);
void kssl_out_drop(struct kssl_session *s);

/* What kssl_out_retry() does, if there is something to send. */
static inline int kssl_out_flush(struct kssl_session *s)
{
	return likely(!s->tx.pend_len) ? 0 : kssl_out_retry(s);
}

#endif /* _KSSL_OUT_H */
