// SPDX-License-Identifier: GPL-2.0
// SOURCES: kernel/record.c kernel/suite.c kernel/keys.c kernel/crypt.c kernel/aead.c kernel/chacha.c kernel/mac.c kernel/cbc.c kernel/integrity.c
// LIBS: libcrypto
// CFLAGS: -Iselftests/unit/include -Iselftests/unit -Ikernel -Wno-unused-parameter -Wno-sign-compare
/* Pure code of the module, against RFC 8448 and libcrypto. */
#include "standin.h"

#include "crypt.h"
#include "keys.h"
#include "record.h"
#include "session.h"
#include "suite.h"

#include "standin-impl.h"

/* ---- record.c ---- */

static void check_limits(u16 version, u16 id, const char *name)
{
	const struct kssl_suite *suite = kssl_suite_find(version, id);
	u32 min = suite->tag_len + (version == TLS13 ? 0 : suite->explicit_len);
	u32 max = version == TLS13 ? TLS_TEXT_MAX + 256 : TLS_TEXT_MAX + min;
	const struct { u32 len; int err; u8 alert; } rows[] = {
		{ 0, -EBADMSG, TLS_BAD_RECORD_MAC }, { min - 1, -EBADMSG, TLS_BAD_RECORD_MAC },
		{ min, 0, 0 }, { max, 0, 0 }, { max + 1, -EMSGSIZE, TLS_RECORD_OVERFLOW },
		{ 65535, -EMSGSIZE, TLS_RECORD_OVERFLOW },
	};
	bool good = true;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		u8 hdr[5], alert = 0;
		u16 len;

		kssl_record_header(hdr, TLS_APPDATA, (u16)rows[i].len);
		good &= kssl_record_check(suite, hdr, &len, &alert) == rows[i].err;
		good &= len == rows[i].len && alert == rows[i].alert;
	}
	ok(good, name);
}

/* Every level and description, from what the RFCs say and not from the code. */
static enum kssl_alert_sense sense(u16 version, unsigned int level, unsigned int desc)
{
	if (version == TLS13) {		/* RFC 8446, 6: "the 'level' field can safely be ignored" */
		switch (desc) {
		case 0: return KSSL_ALERT_CLOSES;
		case 90: return KSSL_ALERT_WARNS;
		default: return KSSL_ALERT_FAILS;
		}
	}
	switch (level) {		/* RFC 5246, 7.2 */
	case 1: return desc ? KSSL_ALERT_WARNS : KSSL_ALERT_CLOSES;
	case 2: return desc ? KSSL_ALERT_FAILS : KSSL_ALERT_CLOSES;
	default: return KSSL_ALERT_BROKEN;
	}
}

static void check_alerts(u16 version, const char *name)
{
	unsigned int level, desc;
	bool good = true;

	for (level = 0; level < 256; level++)
		for (desc = 0; desc < 256; desc++)
			good &= kssl_record_alert(version, (u8)level, (u8)desc) ==
				sense(version, level, desc);
	ok(good, name);
}

static void check_types(void)
{
	const struct kssl_suite *s13 = kssl_suite_find(TLS13, 0x1301);
	const struct kssl_suite *s12 = kssl_suite_find(TLS12, 0xc02f);
	bool good13 = true, good12 = true;
	unsigned int type;

	for (type = 0; type < 256; type++) {
		u8 hdr[5], alert = 0;
		u16 len;

		kssl_record_header(hdr, (u8)type, 100);
		good13 &= !kssl_record_check(s13, hdr, &len, &alert) == (type == 23);
		good12 &= !kssl_record_check(s12, hdr, &len, &alert) == (type >= 20 && type <= 23);
	}
	ok(good13, "record_check__outer_type_1.3");
	ok(good12, "record_check__type_1.2");
}

static void check_plain(void)
{
	static const struct { const char *hdr; int err; } rows[] = {
		{ "16 03 01 02 00", 0 }, { "15 03 03 00 02", 0 }, { "14 03 03 00 01", 0 },
		{ "47 45 54 20 2f", -EBADMSG }, { "16 02 00 00 10", -EBADMSG },
		{ "16 03 01 00 00", -EBADMSG }, { "16 03 03 48 00", 0 },
		{ "16 03 03 48 01", -EMSGSIZE }, { "18 03 03 00 01", -EBADMSG },
	};
	bool good = true;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		u8 hdr[5], alert;
		u16 len;

		unhex(rows[i].hdr, hdr);
		good &= kssl_record_check_plain(hdr, &len, &alert) == rows[i].err;
	}
	ok(good, "record_check_plain__table");
}

static void check_inner(void)
{
	u8 text[TLS_TEXT_MAX + 2] = { 0 }, type, alert;
	bool good = true;
	u32 pad, len;

	for (pad = 0; pad < 300; pad++) {
		memset(text, 0, sizeof(text));
		memcpy(text, "abc\27", 4);
		len = 4 + pad;
		good &= !kssl_record_inner(text, &len, &type, &alert) && len == 3 && type == 23;
	}
	ok(good, "record_inner__padding");
	memset(text, 0, sizeof(text));
	len = 100;
	ok(kssl_record_inner(text, &len, &type, &alert) == -EBADMSG &&
	   alert == TLS_UNEXPECTED_MESSAGE, "record_inner__only_zeros");
	len = 0;
	ok(kssl_record_inner(text, &len, &type, &alert) == -EBADMSG, "record_inner__empty");
	text[TLS_TEXT_MAX] = 23;
	len = TLS_TEXT_MAX + 1;
	ok(!kssl_record_inner(text, &len, &type, &alert) && len == TLS_TEXT_MAX, "record_inner__full");
	len = TLS_TEXT_MAX + 2;
	ok(kssl_record_inner(text, &len, &type, &alert) == -EMSGSIZE &&
	   alert == TLS_RECORD_OVERFLOW, "record_inner__too_long");
}

/* ---- keys.c, aead.c: RFC 8448, 3 ---- */

static const char client_secret[] =
	"9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
static const char server_secret[] =
	"a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";

/* Complete records, in the order they are sent with these keys. */
static const char client_data[] =
	"1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a"
	"20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4";
static const char client_alert[] = "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3";
static const char server_data[] =
	"17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb"
	"501a59a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d";
static const char server_alert[] = "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9";

static struct kssl_half *half_new(u16 version, u16 suite, const char *secret, u64 seq)
{
	const struct kssl_suite *row = kssl_suite_find(version, suite);
	struct kssl_key key = { .version = version, .suite = suite, .seq = seq };
	const char *why;
	unsigned int i;

	if (secret) {
		key.secret_len = (u16)unhex(secret, key.secret);
	} else if (version == TLS13) {
		key.secret_len = row->secret_len;
	} else {
		key.key_len = row->key_len;
		key.iv_len = row->iv_len;
		key.mac_len = row->kind == KSSL_AEAD ? 0 : row->tag_len;
	}
	for (i = 0; i < sizeof(key.key) && !secret; i++)
		key.key[i] = key.secret[i] = key.iv[i % 16] = (u8)(i * 7 + suite);
	return kssl_keys_new(&key, &why);
}

static bool is_hex(const u8 *p, size_t n, const char *hex)
{
	u8 want[256];

	return unhex(hex, want) == n && !memcmp(p, want, n);
}

/* A record of the RFC: sealing gives its bytes, opening gives its text. */
static void trace(const char *secret, u64 seq, u8 type, const u8 *text, u32 len, const char *hex,
		  const char *name)
{
	struct kssl_half *half = half_new(TLS13, 0x1301, secret, seq);
	u8 buf[128] = { 0 }, *got, got_type, alert;
	u32 got_len;
	u64 n;

	memcpy(buf + 5, text, len);
	kssl_keys_seq(half, &n);
	ok(n == seq && !kssl_crypt_seal(half, n, type, buf + 5, len, 0, &got_len) &&
	   is_hex(buf, 5 + len + 17, hex), name);
	ok(!kssl_crypt_open(half, seq, buf, 5 + len + 17, &got_type, &got, &got_len, &alert) &&
	   got_type == type && got_len == len && !memcmp(got, text, len), name);
	kssl_keys_free(half);
}

static void rfc8448(void)
{
	const u8 notify[] = { 1, 0 };
	struct kssl_half *half;
	u8 text[50], key[16];
	unsigned int i;

	for (i = 0; i < sizeof(text); i++)
		text[i] = (u8)i;
	trace(client_secret, 0, TLS_APPDATA, text, 50, client_data, "rfc8448__client_data");
	trace(client_secret, 1, TLS_ALERT, notify, 2, client_alert, "rfc8448__client_alert");
	trace(server_secret, 1, TLS_APPDATA, text, 50, server_data, "rfc8448__server_data");
	trace(server_secret, 2, TLS_ALERT, notify, 2, server_alert, "rfc8448__server_alert");
	half = half_new(TLS13, 0x1301, server_secret, 0);
	ok(is_hex(half->aead->key, 16, "9f02283b6c9c07efc26bb9f2ac92e356"), "rfc8448__server_key");
	ok(is_hex(half->iv, 12, "cf782b88dd83549aadf1e984"), "rfc8448__server_iv");
	ok(!kssl_keys_expand_label("sha256", &half->secret, "key", key, 16) &&
	   is_hex(key, 16, "9f02283b6c9c07efc26bb9f2ac92e356"), "keys_expand_label__key");
	kssl_keys_free(half);
}

/* HKDF-Expand-Label by OpenSSL's own TLS13-KDF. */
static bool openssl_label(const char *md, const u8 *secret, size_t n, const char *label, u8 *out)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM p[] = {
		OSSL_PARAM_construct_utf8_string("mode", (char *)"EXPAND_ONLY", 0),
		OSSL_PARAM_construct_utf8_string("digest", (char *)md, 0),
		OSSL_PARAM_construct_octet_string("key", (void *)secret, n),
		OSSL_PARAM_construct_octet_string("prefix", (void *)"tls13 ", 6),
		OSSL_PARAM_construct_octet_string("label", (void *)label, strlen(label)),
		OSSL_PARAM_construct_end(),
	};
	bool good = EVP_KDF_derive(ctx, out, n, p) == 1;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return good;
}

static void updates(u16 suite, const char *md, const char *name)
{
	struct kssl_half *half = half_new(TLS13, suite, NULL, 7);
	u8 want[48], before[48];
	size_t n = half->secret.len;
	bool good = true;
	u64 seq;
	int i;

	for (i = 0; i < 5; i++) {
		memcpy(before, half->secret.data, n);
		good &= openssl_label(md, before, n, "traffic upd", want);
		good &= !kssl_keys_update(half) && !memcmp(half->secret.data, want, n);
		good &= !kssl_keys_seq(half, &seq) && seq == 0;
	}
	ok(good, name);
	kssl_keys_free(half);
}

static void sequence(void)
{
	struct kssl_half *half = half_new(TLS12, 0xc02f, NULL, U64_MAX - 2);
	u64 a, b, c = 1;

	ok(!kssl_keys_seq(half, &a) && !kssl_keys_seq(half, &b) && a == U64_MAX - 2 &&
	   b == U64_MAX - 1 && kssl_keys_seq(half, &c) == -EPIPE &&
	   kssl_keys_seq(half, &c) == -EPIPE && c == 1, "keys_seq__never_wraps");
	kssl_keys_free(half);
}

/* Every allocation of kssl_keys_new() fails once. */
static void fail_nth(u16 version, u16 suite, const char *name)
{
	struct kssl_half *half = ERR_PTR(-EIO);
	bool good = true;
	int n;

	for (n = 1; n < 50 && IS_ERR(half); n++) {
		kssl_mac_exit();
		fail_at = n;
		allocs = 0;
		half = half_new(version, suite, NULL, 0);
		if (IS_ERR(half))
			kssl_mac_exit();
		good &= !IS_ERR(half) || (PTR_ERR(half) == -ENOMEM && !live);
	}
	fail_at = 0;
	ok(good && n > 3 && !IS_ERR(half), name);
	kssl_keys_free(half);
}

/* A KeyUpdate that fails leaves keys that give out no number any more. */
static void update_fails(void)
{
	struct kssl_half *half;
	bool good = true;
	int n, err = -ENOMEM;
	u64 seq;

	for (n = 1; n < 50 && err; n++) {
		half = half_new(TLS13, 0x1302, NULL, 5);
		fail_at = n;
		allocs = 0;
		err = kssl_keys_update(half);
		fail_at = 0;
		good &= err ? kssl_keys_seq(half, &seq) == -EPIPE :
			      !kssl_keys_seq(half, &seq) && !seq;
		kssl_keys_free(half);
	}
	ok(good && n > 2 && !err, "keys_update__fail_nth");
}

/* Records back to back: neighbours stay, any flipped bit is found. */
static void neighbours(u16 version, u16 id, const char *name)
{
	static const u32 sizes[] = { 0, 1, 15, 16, 17, 1000, 16383, 16384 };
	const struct kssl_suite *s = kssl_suite_find(version, id);
	struct kssl_half *half = half_new(version, id, NULL, 0);
	u32 head = half->head, len, got_len, span;
	u8 *buf = malloc(40000), *copy = malloc(40000), *got, type, alert;
	bool good = true, flips = true;
	unsigned int i, bit;
	u64 seq;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		len = sizes[i];
		memset(buf, 0xa5, 40000);
		memset(buf + 1000 + head, (int)i, len);
		kssl_keys_seq(half, &seq);
		good &= !kssl_crypt_seal(half, seq, TLS_APPDATA, buf + 1000 + head, len, 0, &span) &&
			span <= head + len + half->tail &&
			(s->kind == KSSL_CBC || span == head + len + half->tail);
		memcpy(copy, buf, 40000);
		good &= !kssl_crypt_open(half, seq, buf + 1000, span, &type, &got, &got_len,
					&alert);
		good &= type == TLS_APPDATA && got_len == len && got == buf + 1000 + head;
		for (bit = 0; bit < len; bit++)
			good &= got[bit] == (u8)i;
		for (bit = 0; bit < 1000; bit++)
			good &= buf[bit] == 0xa5 && buf[1000 + span + bit] == 0xa5;
		if (len != 17)
			continue;
		for (bit = 0; bit < 8 * (span); bit++) {
			if (bit / 8 == 3 || bit / 8 == 4)	/* length: the framer's */
				continue;
			memcpy(buf, copy, 40000);
			buf[1000 + bit / 8] ^= (u8)(1 << bit % 8);
			if (version == TLS12 && (bit / 8 == 1 || bit / 8 == 2))
				continue;	/* version: kssl_record_check()'s */
			flips &= kssl_crypt_open(half, seq, buf + 1000, span, &type, &got,
						&got_len, &alert) == -EBADMSG &&
				 alert == TLS_BAD_RECORD_MAC;
		}
		memcpy(buf, copy, 40000);
		flips &= kssl_crypt_open(half, seq + 1, buf + 1000, span, &type, &got,
					&got_len, &alert) == -EBADMSG;
	}
	ok(good, name);
	ok(flips, name);
	kssl_keys_free(half);
	free(buf);
	free(copy);
}

int main(void)
{
	unsigned int i;
	const struct kssl_suite *s;

	check_limits(TLS13, 0x1301, "record_check__limits_1.3");
	check_limits(TLS12, 0xc02f, "record_check__limits_1.2_gcm");
	check_limits(TLS12, 0xcca8, "record_check__limits_1.2_chacha");
	check_types();
	check_alerts(TLS13, "record_alert__1.3");
	check_alerts(TLS12, "record_alert__1.2");
	check_plain();
	check_inner();
	ok(!kssl_suite_find(TLS12, 0x1301) && !kssl_suite_find(TLS13, 0xc02f) &&
	   !kssl_suite_find(TLS13, 0), "suite_find__version_counts");
	rfc8448();
	updates(0x1301, "SHA256", "keys_update__sha256");
	updates(0x1302, "SHA384", "keys_update__sha384");
	sequence();
	update_fails();
	fail_nth(TLS13, 0x1302, "keys_new__fail_nth_1.3");
	fail_nth(TLS12, 0xcca8, "keys_new__fail_nth_1.2");
	for (i = 0; (s = kssl_suite_at(i)); i++)
		neighbours(s->version, s->id, s->name);
	return tap_done();
}
