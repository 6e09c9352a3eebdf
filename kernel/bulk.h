/* SPDX-License-Identifier: GPL-2.0 */
/* Large calls, whose records several CPUs seal or open (crew.c). */
#ifndef _KSSL_BULK_H
#define _KSSL_BULK_H

#include <linux/socket.h>
#include <linux/uio.h>
#include "crew.h"
#include "proto.h"

int kssl_bulk_seal(struct kssl_session *s, u8 type, struct msghdr *msg, bool more);
u32 kssl_bulk_open(struct kssl_session *s, struct msghdr *msg, u32 len);

/* Does a call that moves @len bytes of content want several CPUs? */
static inline bool kssl_bulk_wants(size_t len)
{
	return unlikely(kssl_crew_least()) && len / TLS_TEXT_MAX >= kssl_crew_least();
}

/* kssl_bulk_seal() if it pays; else 0. */
static inline int kssl_bulk_send(struct kssl_session *s, u8 type, struct msghdr *msg, bool more)
{
	return kssl_bulk_wants(msg_data_left(msg)) ? kssl_bulk_seal(s, type, msg, more) : 0;
}

/* kssl_bulk_open() if it pays; else 0. */
static inline u32 kssl_bulk_recv(struct kssl_session *s, struct msghdr *msg, size_t len)
{
	return kssl_bulk_wants(len) ? kssl_bulk_open(s, msg, min_t(size_t, len, INT_MAX)) : 0;
}

#endif /* _KSSL_BULK_H */
