/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One direction twice, with the same keys: the module's and peers/wire.h's, and
 * what the one says of the other's records.  Included once by a test program,
 * after standin-impl.h.
 */
#include "../peers/wire.h"

struct both {
	struct kssl_half *half;
	struct wire_half wire;
};

/* What kssl says of a record. */
struct said {
	int err;
	u8 alert;
	u8 type;
	u32 len;
	u8 text[WIRE_TEXT + 512];
};

static u8 record[WIRE_MAX], text[WIRE_MAX];
static struct said said;
static const struct wire_how usual;

static inline void both_new(struct both *b, const struct wire_suite *suite, bool etm)
{
	struct kssl_key key;
	const char *why;

	wire_new(&b->wire, suite, etm);
	key = wire_key(&b->wire);
	b->half = kssl_keys_new(&key, &why);
	wire_must(!IS_ERR(b->half), why);
}

static inline void both_free(struct both *b)
{
	kssl_keys_free(b->half);
}

/*
 * kssl opens a record, in memory of just its size: a look at the header first, as
 * framer.c has, and one at the length of the text, as rx.c.
 */
static inline int ask(struct both *b, u64 seq, const u8 *from, size_t n)
{
	u8 *buf = malloc(n), *got = buf;
	u16 len;

	memcpy(buf, from, n);
	memset(&said, 0xee, offsetof(struct said, text));
	said.err = kssl_record_check(b->half->suite, buf, &len, &said.alert);
	if (!said.err)
		said.err = kssl_crypt_open(b->half, seq, buf, (u32)n, &said.type, &got, &said.len,
					   &said.alert);
	if (!said.err) {
		wire_must(got >= buf && got + said.len <= buf + n &&
			  said.len <= sizeof(said.text), "the text is inside the record");
		memcpy(said.text, got, said.len);
		if (said.len > TLS_TEXT_MAX) {
			said.err = -EMSGSIZE;
			said.alert = TLS_RECORD_OVERFLOW;
		}
	}
	free(buf);
	return said.err;
}

/* The record at hand, whose number is the last that wire.h counted. */
static inline int ask_last(struct both *b, size_t n)
{
	return ask(b, b->wire.seq - 1, record, n);
}

/* It is delivered, with this content. */
static inline bool delivered(struct both *b, size_t n, size_t len)
{
	return !ask_last(b, n) && said.type == 23 && said.len == len &&
	       !memcmp(said.text, text, len);
}

/* It is refused as every record that does not verify. */
static inline bool refused(struct both *b, size_t n)
{
	return ask_last(b, n) == -EBADMSG && said.alert == TLS_BAD_RECORD_MAC;
}

/* The same as what wire.h says of it. */
static inline bool agreed(struct both *b, size_t n)
{
	static u8 opened[WIRE_TEXT];
	struct wire_seen seen;
	const char *why;

	b->wire.seq--;
	why = wire_open(&b->wire, record, n, opened, &seen);
	if (!why)
		return !ask_last(b, n) && said.len == seen.len && said.type == seen.type &&
		       !memcmp(said.text, opened, seen.len);
	b->wire.seq++;
	if (!strcmp(why, "text too long"))
		return ask_last(b, n) == -EMSGSIZE && said.alert == TLS_RECORD_OVERFLOW;
	return refused(b, n);
}

/* kssl makes a record with room for just that; wire.h opens it. */
static inline bool seals(struct both *b, size_t len, struct wire_seen *seen)
{
	size_t room = b->half->head + len + b->half->tail;
	u8 *buf = malloc(room), opened[WIRE_TEXT];
	u32 n = 0;
	u64 seq;
	bool good;

	memcpy(buf + b->half->head, text, len);
	good = !kssl_keys_seq(b->half, &seq) && seq == b->wire.seq &&
	       !kssl_crypt_seal(b->half, seq, 23, buf + b->half->head, (u32)len, 0, &n) &&
	       n <= room && !wire_open(&b->wire, buf, n, opened, seen) && seen->type == 23 &&
	       seen->len == len && !memcmp(opened, text, len);
	free(buf);
	return good;
}

static inline size_t below(size_t n)
{
	u32 v;

	RAND_bytes((u8 *)&v, sizeof(v));
	return v % n;
}

static inline void okf(bool good, const struct wire_half *w, const char *name)
{
	char line[160];

	snprintf(line, sizeof(line), "%s: %s%s", name, w->suite->name, w->etm ? ", EtM" : "");
	ok(good, line);
}
