/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_RX_CMSG_H
#define _KSSL_RX_CMSG_H

#include "kssl.h"
#include "rx_buf.h"

struct msghdr;

/**
 * struct kssl_rx_cmsg - the records in one answer of recvmsg()
 * @list: the records, oldest first; NULL: the program gets none
 * @nr: how many
 * @max: how many fit
 */
struct kssl_rx_cmsg {
	struct kssl_record *list;
	u32 nr;
	u32 max;
};

int kssl_rx_cmsg_begin(struct kssl_rx_cmsg *b, struct msghdr *msg);
void kssl_rx_cmsg_add(struct kssl_rx_cmsg *b, const struct kssl_piece *piece, u32 n);
void kssl_rx_cmsg_end(struct kssl_rx_cmsg *b, struct msghdr *msg);

/* There is no room to tell of another record. */
static inline bool kssl_rx_cmsg_full(const struct kssl_rx_cmsg *b)
{
	return b->list && b->nr == b->max && b->list[b->nr - 1].flags & KSSL_RECORD_END;
}

#endif /* _KSSL_RX_CMSG_H */
