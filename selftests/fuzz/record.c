// SPDX-License-Identifier: GPL-2.0
// SOURCES: kernel/record.c kernel/suite.c kernel/keys.c kernel/crypt.c kernel/aead.c kernel/chacha.c kernel/mac.c kernel/cbc.c kernel/integrity.c
// LIBS: libcrypto
// CFLAGS: -Iselftests/unit/include -Iselftests/unit -Ikernel
/*
 * One record, opened twice: by the module and by peers/wire.h, which must say the
 * same of it.  The peer may encrypt anything (padding, MAC, content type), and the
 * record may be changed afterwards.  And one sealed by the module, which wire.h
 * must be able to open.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "standin.h"

#include "crypt.h"
#include "keys.h"
#include "record.h"
#include "session.h"
#include "suite.h"

#define ok unit_ok
#include "standin-impl.h"
#include "against.h"
#undef ok
#include "input.h"

/* What is to be encrypted, changed at a few places. */
static void spoil(uint8_t *plain, size_t len, const void *arg)
{
	struct input *in = (struct input *)arg;
	u8 n = in_u8(in) % 4;

	while (n-- && len)
		plain[in_u16(in) % len] ^= in_u8(in);
}

/* The tail, where padding and MAC are. */
static void spoil_end(uint8_t *plain, size_t len, const void *arg)
{
	struct input *in = (struct input *)arg;
	u8 n = in_u8(in) % 4;

	while (n-- && len)
		plain[len - 1 - in_u8(in) % min(len, (size_t)320)] ^= in_u8(in);
}

static size_t made(struct both *b, struct input *in)
{
	static const uint8_t types[] = { 0, 20, 21, 22, 23 };
	u8 kind = in_u8(in);
	struct wire_how how = {
		.type = kind & 1 ? in_u8(in) : types[(kind >> 4) % sizeof(types)],
		.pad = kind & 2 && b->wire.suite->kind == WIRE_CBC ? in_u8(in) + 1 : 0,
		.zeros = b->wire.suite->version == 0x304 ? in_u16(in) % 400 : 0,
		.spoil = kind & 4 ? spoil : kind & 8 ? spoil_end : NULL,
		.arg = in,
	};
	size_t len = in_u16(in);

	len %= kind & 128 ? WIRE_TEXT + 64 : 300;
	memset(text, kind, len);
	if (how.pad) {	/* whole blocks */
		size_t rest = (len + how.pad + (b->wire.etm ? 0 : b->wire.suite->tag)) % 16;

		if (rest)
			how.pad = how.pad > rest ? how.pad - rest : how.pad + 16 - rest;
		if (how.pad > 256)
			how.pad -= 16;
	}
	return wire_seal(&b->wire, &how, text, len, record);
}

/* After it was sealed: a few bytes, or the length with the header that says it. */
static size_t changed(struct input *in, size_t n)
{
	u8 how = in_u8(in), times = how % 4;
	const u8 *bytes;

	while (times--) {
		size_t at = in_u16(in) % n;

		record[at] ^= in_u8(in);
	}
	if (how & 4) {
		size_t less = in_u8(in);

		n -= min(less, n - 5);
	}
	if (how & 8) {
		size_t more = in_bytes(in, in_u8(in), &bytes);

		more = min(more, (size_t)WIRE_MAX - n);
		memcpy(record + n, bytes, more);
		n += more;
	}
	if (how & 12)
		wire_be(record + 3, n - 5, 2);
	return n;
}

/* Headers are judged before lengths are used: wire.h sees only those that passed. */
static bool passes(const struct both *b, size_t n)
{
	u8 alert;
	u16 len;

	return !kssl_record_check(b->half->suite, record, &len, &alert) && 5u + len == n;
}

static void must_agree(struct both *b, size_t n)
{
	static u8 opened[WIRE_TEXT];
	struct wire_seen seen;
	const char *why;
	int err;

	if (n < 5 || !passes(b, n))
		return;
	/* in TLS 1.3 the version is only authenticated (RFC 8446, 5.1) */
	if (record[1] != 3 || record[2] != 3)
		why = "version";
	else {
		b->wire.seq = 0;
		why = wire_open(&b->wire, record, n, opened, &seen);
	}
	err = ask(b, 0, record, n);
	if (!why) {
		if (b->wire.suite->version == 0x304 && seen.len + 1 + seen.pad > WIRE_TEXT + 1) {
			fuzz_must(err == -EMSGSIZE, "padding counts");
			return;
		}
		fuzz_must(!err && said.len == seen.len && said.type == seen.type &&
			  !memcmp(said.text, opened, seen.len), "what wire.h reads");
		return;
	}
	fuzz_must(err == -EBADMSG || err == -EMSGSIZE, "what wire.h refuses");
	fuzz_must(said.alert == TLS_BAD_RECORD_MAC || said.alert == TLS_UNEXPECTED_MESSAGE ||
		  said.alert == TLS_RECORD_OVERFLOW, "its alert");
}

static void sealed_by_us(struct both *b, struct input *in)
{
	struct wire_seen seen;
	size_t len = in_u16(in) % (WIRE_TEXT + 1), i;

	for (i = 0; i < len; i++)
		text[i] = (u8)(i * 7);
	b->wire.seq = 0;
	fuzz_must(seals(b, len, &seen), "what we seal");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct input in = { bytes, len };
	const struct wire_suite *suite = wire_suites + in_u8(&in) % WIRE_SUITES;
	struct both b;
	u8 how;

	input_seed(1);
	how = in_u8(&in);
	both_new(&b, suite, suite->kind == WIRE_CBC && how & 1);
	if (how & 2) {	/* nothing of it is sealed */
		const u8 *raw;
		size_t n = in_bytes(&in, len, &raw);

		memcpy(record, raw, n);
		must_agree(&b, n);
	} else {
		must_agree(&b, changed(&in, made(&b, &in)));
	}
	if (how & 4)
		sealed_by_us(&b, &in);
	both_free(&b);
	kssl_mac_exit();
	fuzz_must(!live && !not_wiped, "freed and wiped");
	return 0;
}
