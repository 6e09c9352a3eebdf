// SPDX-License-Identifier: GPL-2.0
// SOURCES: kernel/message.c
// CFLAGS: -Iselftests/unit/include -Iselftests/unit -Ikernel -Wno-unused-parameter -Wno-sign-compare
/* Messages after the handshake, in any pieces, against a parser that has all of them at once. */
#include "standin.h"

#include "message.h"

#include "standin-impl.h"

/* ---- RFC 8446, 4.6.1, read as it stands ---- */

struct rest {
	const u8 *p;
	u32 n;
};

static bool vector(struct rest *from, u32 width, struct rest *to)
{
	u32 n = 0;

	if (from->n < width)
		return false;
	for (from->n -= width; width; width--)
		n = n << 8 | *from->p++;
	if (from->n < n)
		return false;
	*to = (struct rest){ from->p, n };
	from->p += n;
	from->n -= n;
	return true;
}

static bool is_ticket(const u8 *p, u32 n)
{
	struct rest all = { p, n }, nonce, ticket, list, data;

	if (n < 8)
		return false;
	all.p += 8;
	all.n -= 8;
	if (!vector(&all, 1, &nonce) || !vector(&all, 2, &ticket) || !ticket.n ||
	    !vector(&all, 2, &list) || all.n)
		return false;
	while (list.n) {
		u32 type;

		if (list.n < 2)
			return false;
		type = list.p[0] << 8 | list.p[1];
		list.p += 2;
		list.n -= 2;
		if (!vector(&list, 2, &data) || (type == 42 && data.n != 4))
			return false;
	}
	return true;
}

/* ---- the two of them ---- */

static bool checked(const u8 *p, u32 n, u32 piece)
{
	struct kssl_ticket_check t;
	u32 at, k;

	kssl_message_ticket_begin(&t);
	for (at = 0; at < n; at += k) {
		k = min(piece, n - at);
		if (!kssl_message_ticket(&t, p + at, k))
			return false;
	}
	return kssl_message_ticket_whole(&t);
}

static bool agree(const u8 *p, u32 n)
{
	bool want = is_ticket(p, n), good = true;
	u32 piece;

	for (piece = 1; piece <= n + 1; piece += 1 + piece / 8)
		good &= checked(p, n, piece) == want;
	return good;
}

static u32 make(u8 *p, u32 nonce, u32 ticket, const char *extensions)
{
	u8 list[64];
	u32 at = 8, n = unhex(extensions, list);

	memset(p, 7, 8 + 1 + nonce + 2 + ticket + 2 + n);
	p[at++] = (u8)nonce;
	at += nonce;
	p[at++] = (u8)(ticket >> 8);
	p[at++] = (u8)ticket;
	at += ticket;
	p[at++] = (u8)(n >> 8);
	p[at++] = (u8)n;
	memcpy(p + at, list, n);
	return at + n;
}

static const struct { u32 nonce, ticket; const char *extensions; bool good; } rows[] = {
	{ 0, 1, "", true }, { 255, 65535, "", true }, { 8, 200, "ffff0000", true },
	{ 8, 200, "002a000401020304", true }, { 8, 200, "ffff0002abcd002a000401020304", true },
	{ 0, 0, "", false }, { 8, 200, "002a0003010203", false }, { 8, 200, "ffff", false },
	{ 8, 200, "ffff0001", false }, { 8, 200, "ffff000000", false },
	{ 8, 200, "002a00050102030405", false },
};

static u8 message[1 << 17];

static void table(void)
{
	bool good = true;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		u32 n = make(message, rows[i].nonce, rows[i].ticket, rows[i].extensions);

		good &= checked(message, n, n) == rows[i].good && agree(message, n);
	}
	ok(good, "message_ticket__table");
}

static void every_cut(void)
{
	bool good = true;
	unsigned int i;
	u32 n, cut;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].ticket > 1000)
			continue;
		n = make(message, rows[i].nonce, rows[i].ticket, rows[i].extensions);
		for (cut = 0; cut < n; cut++)
			good &= !checked(message, cut, n) && agree(message, cut);
		message[n] = 0;
		good &= !checked(message, n + 1, n) && agree(message, n + 1);
	}
	ok(good, "message_ticket__cut");
}

static void every_byte(void)
{
	bool good = true;
	u32 n, at, i;

	for (at = 0;; at++) {
		n = make(message, 3, 9, "ffff0002abcd002a000401020304");
		if (at == n)
			break;
		for (i = 0; i < 256; i++) {
			message[at] = (u8)i;
			good &= agree(message, n);
		}
	}
	ok(good, "message_ticket__byte_changed");
}

int main(void)
{
	table();
	every_cut();
	every_byte();
	return tap_done();
}
