/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_MESSAGE_H
#define _KSSL_MESSAGE_H

#include <linux/types.h>

/**
 * struct kssl_ticket_check - how far a NewSessionTicket is checked (message.c)
 * @skip: bytes that go by before the next length
 * @list: bytes of extensions after those
 * @len: what of the next length, or of an extension's type and length, is there
 * @field: the part of the message that it belongs to
 * @have: bytes of it
 */
struct kssl_ticket_check {
	u32 skip;
	u32 list;
	u32 len;
	u8 field;
	u8 have;
};

void kssl_message_ticket_begin(struct kssl_ticket_check *t);
bool kssl_message_ticket(struct kssl_ticket_check *t, const u8 *p, u32 n);
bool kssl_message_ticket_whole(const struct kssl_ticket_check *t);

#endif /* _KSSL_MESSAGE_H */
