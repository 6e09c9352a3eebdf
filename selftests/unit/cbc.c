// SPDX-License-Identifier: GPL-2.0
// SOURCES: kernel/record.c kernel/suite.c kernel/keys.c kernel/crypt.c kernel/aead.c kernel/chacha.c kernel/cbc.c kernel/integrity.c kernel/mac.c
// LIBS: libcrypto
// CFLAGS: -Iselftests/unit/include -Iselftests/unit -Ikernel -Wno-unused-parameter -Wno-sign-compare
/*
 * CBC suites, MAC-then-encrypt and encrypt-then-MAC, against records by libcrypto
 * (peers/wire.h): every padding, every length, every byte changed, and the number
 * of compression calls.
 */
#include "standin.h"

#include "crypt.h"
#include "keys.h"
#include "record.h"
#include "session.h"
#include "suite.h"

#include "standin-impl.h"
#include "against.h"

/* One of each cipher and hash; unit/suites has all. */
static const u16 ids[] = { 0x002f, 0x003d, 0xc028 };

static void each(void (*fn)(struct both *b), bool mte, bool etm)
{
	struct both b;
	size_t i;
	int e;

	for (i = 0; i < ARRAY_SIZE(ids); i++)
		for (e = 0; e < 2; e++) {
			if (!(e ? etm : mte))
				continue;
			both_new(&b, wire_suite(ids[i]), e);
			fn(&b);
			both_free(&b);
		}
}

static size_t sealed(struct both *b, const struct wire_how *how, size_t len)
{
	return wire_seal(&b->wire, how, text, len, record);
}

/* ---- good records ---- */

static void every_length(struct both *b)
{
	struct wire_seen seen;
	bool opens = true, makes = true;
	size_t len;

	for (len = 0; len <= 600; len++) {
		struct wire_how how = { .pad = (u16)(wire_pad(&b->wire, len) + 16 * below(15)) };

		opens &= delivered(b, sealed(b, &usual, len), len);
		opens &= delivered(b, sealed(b, &how, len), len);
	}
	for (len = WIRE_TEXT - 300; len <= WIRE_TEXT; len++)
		opens &= delivered(b, sealed(b, &usual, len), len);
	okf(opens, &b->wire, "open__every_length");
	b->wire.seq = 0;
	for (len = 0; len <= 600; len++)
		makes &= seals(b, len, &seen) && seen.pad == wire_pad(&b->wire, len);
	for (len = WIRE_TEXT - 300; len <= WIRE_TEXT; len++)
		makes &= seals(b, len, &seen);
	okf(makes, &b->wire, "seal__every_length");
}

/* All 256, where text, MAC and padding meet a block in every way. */
static void every_padding(struct both *b)
{
	static const size_t from[] = { 0, 16, 192, 256, 1000, WIRE_TEXT - 15 };
	bool good = true;
	size_t i, len, pad;

	for (i = 0; i < ARRAY_SIZE(from); i++)
		for (len = from[i]; len < from[i] + 16; len++)
			for (pad = wire_pad(&b->wire, len); pad <= 256; pad += 16) {
				struct wire_how how = { .pad = (u16)pad };

				good &= delivered(b, sealed(b, &how, len), len);
			}
	okf(good, &b->wire, "open__every_padding");
}

/* Unpredictable (RFC 5246, 6.2.3.2), hence never the same, no bit more often than not. */
static void ivs(struct both *b)
{
	enum { N = 2000 };
	static u8 seen[N][16];
	unsigned int bits[128] = { 0 }, i, j, bit;
	struct wire_seen what;
	bool good = true, even = true;

	for (i = 0; i < N; i++) {
		good &= seals(b, 5, &what);
		memcpy(seen[i], what.iv, 16);
		for (bit = 0; bit < 128; bit++)
			bits[bit] += what.iv[bit / 8] >> bit % 8 & 1;
		for (j = 0; j < i; j++)
			good &= memcmp(seen[i], seen[j], 16) != 0;
	}
	/* six standard deviations */
	for (bit = 0; bit < 128; bit++)
		even &= bits[bit] > N / 2 - 135 && bits[bit] < N / 2 + 135;
	okf(good && even, &b->wire, "seal__iv");
}

/* ---- bad records ---- */

struct change {
	size_t at;	/* bytes from the end of what is encrypted */
	u8 with;
};

static void change(u8 *plain, size_t len, const void *arg)
{
	const struct change *c = arg;

	plain[len - 1 - c->at] ^= c->with;
}

/* Every byte of padding and of the MAC, and every bit of the last byte. */
static void every_byte(struct both *b)
{
	/* with EtM a good MAC may stand over padding that has become shorter: 1, 1 to 1, 0 */
	bool (*expected)(struct both *b, size_t n) = b->wire.etm ? agreed : refused;
	size_t mac = b->wire.etm ? 0 : b->wire.suite->tag, pad;
	bool good = true;
	struct change c;

	for (pad = 1; pad <= 256; pad += pad < 49 ? 1 : 9) {
		size_t len = 512 - mac - pad;
		struct wire_how how = { .pad = (u16)pad, .spoil = change, .arg = &c };

		for (c.at = 0; c.at < pad + mac; c.at++) {
			c.with = (u8)(1 << below(8));
			good &= expected(b, sealed(b, &how, len));
		}
		c.at = 0;
		for (c.with = 1; c.with; c.with <<= 1)
			good &= expected(b, sealed(b, &how, len));
	}
	okf(good, &b->wire, "open__byte_of_padding_or_mac");
}

static void set_last(u8 *plain, size_t len, const void *arg)
{
	plain[len - 1] = *(const u8 *)arg;
}

static void set_all(u8 *plain, size_t len, const void *arg)
{
	memset(plain, *(const u8 *)arg, len);
}

/*
 * A length that leaves no room for the MAC, or is beyond the record; a record that
 * is nothing but padding; in records of all short lengths.
 */
static void padding_too_long(struct both *b)
{
	bool (*expected)(struct both *b, size_t n) = b->wire.etm ? agreed : refused;
	bool good = true, all = true;
	unsigned int v;
	size_t len;
	u8 byte;

	for (len = 0; len <= 300; len += 16) {
		struct wire_how last = { .spoil = set_last, .arg = &byte };
		struct wire_how every = { .spoil = set_all, .arg = &byte };

		for (v = 0; v < 256; v++) {
			byte = (u8)v;
			if (v != wire_pad(&b->wire, len) - 1)
				good &= expected(b, sealed(b, &last, len));
			all &= expected(b, sealed(b, &every, len));
		}
	}
	okf(good, &b->wire, "open__length_of_padding");
	okf(all, &b->wire, "open__nothing_but_padding");
}

/* What anybody on the way can do: every bit of a record flipped, cut, lengthened. */
static void on_the_way(struct both *b)
{
	size_t n = sealed(b, &usual, 40), at, m;
	bool flips = true, cuts = true;
	u8 *copy = malloc(WIRE_MAX);

	memcpy(copy, record, n);
	for (at = 0; at < 8 * n; at++) {
		size_t byte = at / 8;

		if (byte >= 1 && byte <= 4)	/* version and length: record_check's */
			continue;
		memcpy(record, copy, n);
		record[byte] ^= (u8)(1 << at % 8);
		/* a content type that does not exist is refused as that */
		flips &= refused(b, n) || (!byte && said.err == -EBADMSG &&
					   said.alert == TLS_UNEXPECTED_MESSAGE);
	}
	okf(flips, &b->wire, "open__flipped");
	for (m = 5; m < n + 40; m++) {
		if (m == n)
			continue;
		memcpy(record, copy, n);
		memset(record + n, 0, 64);
		wire_be(record + 3, m - 5, 2);
		cuts &= refused(b, m);
	}
	okf(cuts, &b->wire, "open__cut_or_longer");
	memcpy(record, copy, n);
	cuts = delivered(b, n, 40);
	b->wire.seq++;			/* another number: lost, again, in another order */
	cuts &= refused(b, n);
	b->wire.seq -= 2;
	cuts &= refused(b, n);
	b->wire.seq++;
	okf(cuts, &b->wire, "open__sequence_number");
	free(copy);
}

/* RFC 5246, 6.2.1 and 6.2.3: 2^14 bytes of text, and not one more. */
static void text_too_long(struct both *b)
{
	bool good = true;
	size_t len;

	for (len = WIRE_TEXT + 1; len < WIRE_TEXT + 260; len++) {
		ask_last(b, sealed(b, &usual, len));
		good &= said.err == -EMSGSIZE && said.alert == TLS_RECORD_OVERFLOW;
	}
	okf(good, &b->wire, "open__text_too_long");
}

/* ---- random ones ---- */

static void scribble(u8 *plain, size_t len, const void *arg)
{
	size_t at;

	switch (below(4)) {
	case 0:
		plain[len - 1] = (u8)below(256);
		break;
	case 1:		/* near the end, where it matters */
		plain[len - 1 - below(min(len, (size_t)320))] ^= (u8)(1 << below(8));
		break;
	case 2:
		at = below(min(len, (size_t)256)) + 1;
		memset(plain + len - at, (int)at - 1, at);
		break;
	default:
		break;
	}
	(void)arg;
}

static void random_records(struct both *b)
{
	const unsigned int n = 100000 / (2 * ARRAY_SIZE(ids)) + 1;
	struct wire_how how = { .spoil = scribble };
	unsigned int i, fine = 0;
	bool good = true;

	for (i = 0; i < n; i++) {
		size_t len = below(i % 64 ? 700 : WIRE_TEXT + 1);

		RAND_bytes(text, (int)min(len, (size_t)64));
		how.pad = (u16)(wire_pad(&b->wire, len) + 16 * below(16));
		how.pad -= how.pad > 256 ? 16 : 0;
		good &= agreed(b, sealed(b, &how, len));
		fine += !said.err;
	}
	okf(good && fine > n / 20 && fine < n - n / 20, &b->wire, "open__random");
}

/* ---- the same work whatever is inside ---- */

static unsigned long work(struct both *b, size_t n)
{
	unsigned long before = compressions;

	ask_last(b, n);
	return compressions - before;
}

/*
 * Compression calls for each length of record from the shortest to some 1100
 * bytes: one number, whatever the padding, good, bad, or with a bad MAC.
 */
static void same_work(struct both *b)
{
	size_t mac = b->wire.suite->tag, n, pad;
	struct change last = { 0, 0x80 }, other = { 1, 1 }, in_mac = { 0, 1 };
	unsigned long most = 0, want = 0, got;
	bool good = true;
	int kind;

	for (n = (mac + 16) / 16 * 16; n <= 1100; n += 16) {
		for (pad = 1; pad <= 256 && pad + mac <= n; pad++) {
			struct wire_how hows[] = {
				{ .pad = (u16)pad },
				{ .pad = (u16)pad, .spoil = change, .arg = &last },
				{ .pad = (u16)pad, .spoil = change, .arg = &other },
				{ .pad = (u16)pad, .spoil = change, .arg = &in_mac },
			};

			in_mac.at = pad;
			for (kind = 0; kind < 4; kind++) {
				got = work(b, sealed(b, &hows[kind], n - mac - pad));
				if (pad == 1 && !kind)
					want = got;
				good &= got == want;
			}
		}
		good &= want >= most;	/* of course a longer record takes more */
		most = max(most, want);
	}
	okf(good && most >= 10, &b->wire, "open__compression_calls");
}

/* ---- failures that are nobody's fault ---- */

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
	okf(good && n > 4 && !IS_ERR(half), &b->wire, "keys_new__fail_nth");
	kssl_keys_free(half);
}

/* Each call of the crypto API fails once; the error is its own, nothing is delivered. */
static void calls(struct both *b)
{
	static const char *const names[] = { "shash_init", "shash_update", "shash_final",
					     "shash_export", "shash_import", "skcipher" };
	size_t n = sealed(b, &usual, 300), i;
	bool good = true;
	int after, hit = 0;
	u32 len;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		for (after = 0; after < 100; after++) {
			fail_call = names[i];
			fail_after = after;
			ask_last(b, n);
			if (fail_after >= 0)	/* there are no more of them */
				break;
			hit++;
			good &= said.err == -EIO && said.alert == TLS_INTERNAL_ERROR;
		}
	for (i = 0; i < ARRAY_SIZE(names); i++)
		for (after = 0; after < 100; after++) {
			u8 *buf = calloc(1, 2000);
			int err;

			fail_call = names[i];
			fail_after = after;
			err = kssl_crypt_seal(b->half, 0, 23, buf + b->half->head, 300, 0, &len);
			free(buf);
			if (fail_after >= 0)
				break;
			hit++;
			good &= err == -EIO && !len;
		}
	fail_call = NULL;
	okf(good && hit > 8 && delivered(b, n, 300), &b->wire, "open_seal__crypto_api_fails");
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(text); i++)
		text[i] = (u8)(i * 31 + i / 256);
	each(every_length, true, true);
	each(every_padding, true, true);
	each(ivs, true, true);
	each(every_byte, true, true);
	each(padding_too_long, true, true);
	each(on_the_way, true, true);
	each(text_too_long, true, true);
	each(random_records, true, true);
	each(same_work, true, false);
	each(allocations, true, true);
	each(calls, true, true);
	return tap_done();
}
