// SPDX-License-Identifier: GPL-2.0
/*
 * Pure byte rules of handshake messages that come after the handshake.  No buffers, no
 * sockets; compiled in user space by the unit tests as it stands.
 *
 * NewSessionTicket (RFC 8446, 4.6.1), whose lengths must make up the message's:
 *
 *	| lifetime, age_add: 8 | 1 | nonce .. | 2 | ticket .. | 2 | extensions .. |
 *
 * and each extension is | type: 2 | 2 | data .. |.
 */
#include "message.h"

#include <linux/minmax.h>

#define FIXED_LEN	8
#define EARLY_DATA	42	/* RFC 8446, 4.2.10 */
#define EARLY_DATA_LEN	4

enum field { NONCE, TICKET, LIST, EXTENSION, END };

/**
 * kssl_message_ticket_begin() - begin to check the body of a NewSessionTicket
 * @t: set up
 */
void kssl_message_ticket_begin(struct kssl_ticket_check *t)
{
	*t = (struct kssl_ticket_check){ .skip = FIXED_LEN };
}

/* The length of @t->field is complete. */
static bool take_length(struct kssl_ticket_check *t)
{
	u32 len = t->len & 0xffff;
	bool good = true;

	switch (t->field) {
	case NONCE:
		t->field = TICKET;
		break;
	case TICKET:
		t->field = LIST;
		good = len;
		break;
	case LIST:
		t->list = len;
		len = 0;
		t->field = t->list ? EXTENSION : END;
		break;
	case EXTENSION:
		if (t->list < 4 + len || (t->len >> 16 == EARLY_DATA && len != EARLY_DATA_LEN))
			return false;
		t->list -= 4 + len;
		t->field = t->list ? EXTENSION : END;
		break;
	}
	t->skip = len;
	t->have = 0;
	t->len = 0;
	return good;
}

/**
 * kssl_message_ticket() - check the next bytes of a NewSessionTicket
 * @t: how far it is checked; kssl_message_ticket_begin() was called
 * @p: the bytes
 * @n: how many
 *
 * Return: false if no message can begin so.
 */
bool kssl_message_ticket(struct kssl_ticket_check *t, const u8 *p, u32 n)
{
	static const u8 width[] = { [NONCE] = 1, [TICKET] = 2, [LIST] = 2, [EXTENSION] = 4 };
	u32 skip;

	for (;;) {
		skip = min(n, t->skip);
		t->skip -= skip;
		p += skip;
		n -= skip;
		if (!n)
			return true;
		if (t->field == END)
			return false;
		t->len = t->len << 8 | *p++;
		n--;
		if (++t->have == width[t->field] && !take_length(t))
			return false;
	}
}

/**
 * kssl_message_ticket_whole() - tell whether the message may end here
 * @t: all of it was given to kssl_message_ticket()
 *
 * Return: true if the lengths make up the message's.
 */
bool kssl_message_ticket_whole(const struct kssl_ticket_check *t)
{
	return t->field == END && !t->skip;
}
