// SPDX-License-Identifier: GPL-2.0
/*
 * KSSL_RECORDS: a control message that tells which records the bytes of one
 * recvmsg() came in.  Only for programs that ask for it.
 */
#include "rx_cmsg.h"

#include <linux/slab.h>
#include <linux/socket.h>
#include <net/compat.h>
#include <net/scm.h>

/* How many records the control buffer has room for. */
static u32 room(const struct msghdr *msg)
{
	size_t head = msg->msg_flags & MSG_CMSG_COMPAT ? sizeof(struct compat_cmsghdr) :
							  sizeof(struct cmsghdr);

	if (!msg->msg_control || msg->msg_controllen < head)
		return 0;
	return min_t(size_t, (msg->msg_controllen - head) / sizeof(struct kssl_record),
		     KSSL_RECORDS_MAX);
}

/**
 * kssl_rx_cmsg_begin() - prepare the control message of a call
 * @b: zero, to be filled; end it by kssl_rx_cmsg_end() if it has a list then
 * @msg: the call's message
 *
 * Without room for one record there are none, and MSG_CTRUNC says so.
 *
 * Context: process.
 *
 * Return: 0 or -ENOMEM.
 */
int kssl_rx_cmsg_begin(struct kssl_rx_cmsg *b, struct msghdr *msg)
{
	b->max = room(msg);
	if (!b->max) {
		msg->msg_flags |= MSG_CTRUNC;
		return 0;
	}
	b->list = kcalloc(b->max, sizeof(*b->list), GFP_KERNEL);
	return b->list ? 0 : -ENOMEM;
}

/**
 * kssl_rx_cmsg_add() - note which record bytes for the program are from
 * @b: has a list, which is not full
 * @piece: where they come from
 * @n: how many, from its beginning
 */
void kssl_rx_cmsg_add(struct kssl_rx_cmsg *b, const struct kssl_piece *piece, u32 n)
{
	struct kssl_record *record;

	if (!n)
		return;
	if (!piece->first && b->nr && !(b->list[b->nr - 1].flags & KSSL_RECORD_END))
		record = &b->list[b->nr - 1];	/* goes on */
	else
		record = &b->list[b->nr++];
	record->len += n;
	record->type = piece->type;
	if (piece->first)
		record->flags |= KSSL_RECORD_BEGIN;
	if (piece->last && n == piece->len)
		record->flags |= KSSL_RECORD_END;
}

/**
 * kssl_rx_cmsg_end() - give the program the control message of a call
 * @b: has a list: what was added
 * @msg: the call's message; gets the control message if there is something in it
 *
 * The list is freed.
 */
void kssl_rx_cmsg_end(struct kssl_rx_cmsg *b, struct msghdr *msg)
{
	if (b->nr && put_cmsg(msg, SOL_KSSL, KSSL_RECORDS, b->nr * sizeof(*b->list), b->list))
		msg->msg_flags |= MSG_CTRUNC;
	kfree(b->list);
}
