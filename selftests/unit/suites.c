// SPDX-License-Identifier: GPL-2.0
// SOURCES: kernel/record.c kernel/suite.c kernel/keys.c kernel/crypt.c kernel/aead.c kernel/chacha.c kernel/cbc.c kernel/integrity.c kernel/mac.c
// LIBS: libcrypto
// CFLAGS: -Iselftests/unit/include -Iselftests/unit -Ikernel -Wno-unused-parameter -Wno-sign-compare
/*
 * Every suite against records by libcrypto (peers/wire.h), both ways.  What only
 * CBC has is in cbc.c.
 */
#include "standin.h"

#include "crypt.h"
#include "keys.h"
#include "record.h"
#include "session.h"
#include "suite.h"

#include "standin-impl.h"
#include "against.h"

static size_t sealed(struct both *b, const struct wire_how *how, size_t len)
{
	return wire_seal(&b->wire, how, text, len, record);
}

/* The module and wire.h know the same suites. */
static void tables(void)
{
	const struct kssl_suite *s;
	const struct wire_suite *w;
	bool good = true;
	unsigned int i;

	for (i = 0; (s = kssl_suite_at(i)); i++) {
		w = wire_suite(s->id);
		good &= w && w->version == s->version && w->tag == s->tag_len &&
			w->key == s->key_len && w->iv == s->iv_len;
		if (!good)
			printf("# %s\n", s->name);
	}
	ok(good && i == WIRE_SUITES, "suite_at__all_and_no_more");
}

static void both_ways(struct both *b)
{
	bool opens = true, makes = true, v13 = b->wire.suite->version == 0x304;
	struct wire_seen seen;
	size_t len;

	for (len = 0; len <= WIRE_TEXT; len += len < 300 || len > WIRE_TEXT - 50 ? 1 : 89) {
		struct wire_how how = { .type = 22 };

		if (v13)
			how.zeros = (u16)below(min((size_t)256, WIRE_TEXT - len + 1));
		opens &= delivered(b, sealed(b, &usual, len), len);
		opens &= !ask_last(b, sealed(b, &how, len)) && said.type == 22 && said.len == len;
	}
	opens &= delivered(b, sealed(b, &usual, WIRE_TEXT), WIRE_TEXT);
	okf(opens, &b->wire, "open__lengths");
	b->wire.seq = 0;
	for (len = 0; len <= WIRE_TEXT; len += len < 300 || len > WIRE_TEXT - 50 ? 1 : 89)
		makes &= seals(b, len, &seen);
	makes &= seals(b, WIRE_TEXT, &seen);
	okf(makes, &b->wire, "seal__lengths");
}

/* Sequence numbers near the end of their range are as good as others. */
static void numbers(struct both *b)
{
	static const u64 from[] = { 0, 0xff, 0xffffffff, 1ULL << 56, U64_MAX - 2 };
	bool good = true;
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE(from); i++) {
		b->wire.seq = from[i];
		good &= delivered(b, sealed(b, &usual, 20), 20);
		n = sealed(b, &usual, 20);
		good &= ask(b, from[i], record, n) == -EBADMSG &&
			said.alert == TLS_BAD_RECORD_MAC;
	}
	okf(good, &b->wire, "open__sequence_numbers");
}

static void on_the_way(struct both *b)
{
	bool v13 = b->wire.suite->version == 0x304, good = true;
	size_t n = sealed(b, &usual, 33), at, m;
	u8 *copy = malloc(WIRE_MAX);

	memcpy(copy, record, n);
	for (at = 0; at < 8 * n; at++) {
		size_t byte = at / 8;

		/* in 1.3 the version is only authenticated; the length is the framer's */
		if (byte == 3 || byte == 4 || (!v13 && byte > 0 && byte < 3))
			continue;
		memcpy(record, copy, n);
		record[byte] ^= (u8)(1 << at % 8);
		good &= refused(b, n) || (!byte && said.err == -EBADMSG &&
					  said.alert == TLS_UNEXPECTED_MESSAGE);
	}
	for (m = 5; m < n + 40; m++) {
		if (m == n)
			continue;
		memcpy(record, copy, n);
		memset(record + n, 0, 64);
		wire_be(record + 3, m - 5, 2);
		good &= refused(b, m);
	}
	memcpy(record, copy, n);
	good &= delivered(b, n, 33);
	okf(good, &b->wire, "open__changed_on_the_way");
	free(copy);
}

static void text_too_long(struct both *b)
{
	ask_last(b, sealed(b, &usual, WIRE_TEXT + 1));
	okf(said.err == -EMSGSIZE && said.alert == TLS_RECORD_OVERFLOW, &b->wire,
	    "open__text_too_long");
}

static void updates(struct both *b)
{
	struct wire_seen seen;
	bool good = true;
	int i;

	for (i = 0; i < 4; i++) {
		wire_update(&b->wire);
		good &= !kssl_keys_update(b->half) && seals(b, 100, &seen) &&
			delivered(b, sealed(b, &usual, 99), 99);
	}
	okf(good, &b->wire, "keys_update");
}

/* Anything but the sizes and flags of the suite is refused before a key is looked at. */
static void wrong_sizes(struct both *b)
{
	const struct kssl_key good = wire_key(&b->wire);
	struct kssl_key bad[8];
	const char *why;
	bool all = true;
	int i;

	for (i = 0; i < 8; i++)
		bad[i] = good;
	bad[0].secret_len ^= 1;
	bad[1].key_len ^= 1;
	bad[2].iv_len ^= 1;
	bad[3].mac_len ^= 1;
	bad[4].flags ^= 2;
	bad[5].flags ^= b->wire.suite->kind == WIRE_CBC ? 1U << 31 : KSSL_KEY_ETM;
	bad[6].version ^= 7;
	bad[7].suite ^= 0x4000;
	for (i = 0; i < 8; i++)
		all &= kssl_keys_new(&bad[i], &why) == ERR_PTR(-EINVAL) && why;
	okf(all, &b->wire, "keys_new__refuses");
}

static void allocations(struct both *b)
{
	struct kssl_half *half = ERR_PTR(-EIO);
	struct kssl_key key = wire_key(&b->wire);
	int n, before = live;
	const char *why;
	bool good = true;

	for (n = 1; n < 50 && IS_ERR(half); n++) {
		fail_at = n;
		allocs = 0;
		half = kssl_keys_new(&key, &why);
		good &= !IS_ERR(half) || (PTR_ERR(half) == -ENOMEM && live == before);
	}
	fail_at = 0;
	okf(good && n > 3 && !IS_ERR(half), &b->wire, "keys_new__fail_nth");
	kssl_keys_free(half);
}

static void one(const struct wire_suite *suite, bool etm)
{
	struct both b;

	both_new(&b, suite, etm);
	both_ways(&b);
	numbers(&b);
	on_the_way(&b);
	text_too_long(&b);
	if (suite->version == 0x304)
		updates(&b);
	wrong_sizes(&b);
	allocations(&b);
	both_free(&b);
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(text); i++)
		text[i] = (u8)(i * 31 + i / 256);
	tables();
	for (i = 0; i < WIRE_SUITES; i++) {
		one(&wire_suites[i], false);
		if (wire_suites[i].kind == WIRE_CBC)
			one(&wire_suites[i], true);
	}
	return tap_done();
}
