/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_BOUNDS_H
#define _KSSL_BOUNDS_H

#include "kssl.h"
#include "rx_buf.h"

struct msghdr;

/**
 * struct kssl_bounds - the records in one answer of recvmsg()
 * @list: the records, oldest first; NULL: the program gets none
 * @nr: how many
 * @max: how many fit
 */
struct kssl_bounds {
	struct kssl_record *list;
	u32 nr;
	u32 max;
};

int kssl_bounds_begin(struct kssl_bounds *b, const struct kssl_session *s, struct msghdr *msg);
void kssl_bounds_add(struct kssl_bounds *b, const struct kssl_piece *piece, u32 n);
void kssl_bounds_end(struct kssl_bounds *b, struct msghdr *msg);

/* What comes next could not be told any more. */
static inline bool kssl_bounds_full(const struct kssl_bounds *b)
{
	return b->list && b->nr == b->max;
}

#endif /* _KSSL_BOUNDS_H */
