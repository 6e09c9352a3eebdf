// SPDX-License-Identifier: GPL-2.0
// SOURCES: kernel/record.c kernel/suite.c kernel/keys.c kernel/crypt.c kernel/aead.c kernel/chacha.c kernel/cbc.c kernel/integrity.c kernel/mac.c
// LIBS: libcrypto
// CFLAGS: -Iselftests/unit/include -Iselftests/unit -Ikernel -Wno-unused-parameter -Wno-sign-compare
// SANITIZE: no
/*
 * MAC-then-encrypt: does a branch, or the address of a memory access, depend on
 * what was decrypted?  What the cipher puts out is declared undefined to
 * valgrind's memcheck, which then reports every such place on the way.  The one
 * verdict at the end is allowed, and nothing else; that the method finds others
 * is shown with three ways to do it wrong.
 */
#include <unistd.h>
#include <valgrind/memcheck.h>

#include "standin.h"

#include "crypt.h"
#include "keys.h"
#include "mac.h"
#include "record.h"
#include "session.h"
#include "suite.h"

#include "standin-impl.h"
#include "against.h"

enum how { RIGHT, BAD_PADDING, BAD_LENGTH, BAD_MAC, HOWS };

static void spoil(u8 *plain, size_t len, const void *arg)
{
	size_t pad = plain[len - 1] + 1u;

	switch (*(const enum how *)arg) {
	case BAD_PADDING:
		plain[len - (pad > 1 ? 2 : 1)] ^= 0x40;
		break;
	case BAD_LENGTH:
		plain[len - 1] ^= 0x80;
		break;
	case BAD_MAC:
		plain[len - 1 - pad] ^= 1;
		break;
	default:
		break;
	}
}

/* A record of @n encrypted bytes, @pad of them padding. */
static size_t make(struct both *b, size_t n, size_t pad, enum how how)
{
	struct wire_how h = { .pad = (u16)pad, .spoil = spoil, .arg = &how };

	return wire_seal(&b->wire, &h, text, n - pad - b->wire.suite->tag, record);
}

/* How often memcheck found a secret where none may be. */
static unsigned int found(int (*open)(struct both *b, size_t n), struct both *b, size_t n,
			  int *err)
{
	unsigned int before = VALGRIND_COUNT_ERRORS;

	secret_output = true;
	*err = open(b, n);
	secret_output = false;
	VALGRIND_MAKE_MEM_DEFINED(err, sizeof(*err));
	return VALGRIND_COUNT_ERRORS - before;
}

static int by_kssl(struct both *b, size_t n)
{
	u32 len;
	u8 *got, type, alert;

	return kssl_crypt_open(b->half, b->wire.seq - 1, record, (u32)n, &type, &got, &len, &alert);
}

static void every_padding(struct both *b)
{
	size_t mac = b->wire.suite->tag, n, pad;
	bool good = true;
	int how, err;

	for (n = (mac + 16) / 16 * 16; n <= 640; n += n < 352 ? 16 : 144)
		for (pad = 1; pad <= 256 && pad + mac <= n; pad += pad < 33 ? 1 : 15)
			for (how = RIGHT; how < HOWS; how++) {
				size_t len = make(b, n, pad, how);

				good &= found(by_kssl, b, len, &err) == 1;
				good &= err == (how == RIGHT ? 0 : -EBADMSG);
			}
	okf(good, &b->wire, "open__one_verdict");
}

/* ---- how not to do it ---- */

static u8 *decrypted(struct both *b, size_t n, size_t *len)
{
	u8 *data = record + 5 + 16, iv[16];
	struct skcipher_request req;
	struct scatterlist sg;

	*len = n - 5 - 16;
	memcpy(iv, record + 5, 16);
	sg_init_one(&sg, data, (u32)*len);
	skcipher_request_set_tfm(&req, b->half->cbc);
	skcipher_request_set_crypt(&req, &sg, &sg, (u32)*len, iv);
	crypto_skcipher_decrypt(&req);
	return data;
}

static int by_early_exit(struct both *b, size_t n)
{
	size_t len, i;
	u8 *data = decrypted(b, n, &len), pad = data[len - 1];

	for (i = 1; i < 256 && i < len; i++)
		if (i <= pad && data[len - 1 - i] != pad)
			return -EBADMSG;
	return 0;
}

/* Where the MAC lies is in the address: what a cache line tells. */
static int by_index(struct both *b, size_t n)
{
	size_t len, at, i;
	u8 *data = decrypted(b, n, &len), all = 0;

	at = (len - data[len - 1]) % len;
	for (i = 0; i < 20; i++)
		all |= data[(at + i) & 511];
	VALGRIND_MAKE_MEM_DEFINED(&all, sizeof(all));
	return all ? 0 : -EBADMSG;
}

/* As much is hashed as there is text: Lucky Thirteen. */
static int by_length(struct both *b, size_t n)
{
	size_t len;
	u8 *data = decrypted(b, n, &len), sum[64];
	u32 text_len = (u32)(len - 1 - data[len - 1]) & 511;

	return kssl_mac_sum(b->half->mac, data, 13, data, text_len, sum);
}

static void wrong_ways(struct both *b)
{
	static const struct { int (*open)(struct both *b, size_t n); const char *name; } ways[] = {
		{ by_early_exit, "early exit" }, { by_index, "secret index" },
		{ by_length, "secret length" },
	};
	char name[80];
	size_t i;
	int err;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		snprintf(name, sizeof(name), "memcheck finds it: %s", ways[i].name);
		okf(found(ways[i].open, b, make(b, 320, 100, RIGHT), &err) > 1, &b->wire, name);
	}
}

int main(int argc, char **argv)
{
	static const u16 ids[] = { 0x002f, 0x003c, 0xc028 };
	struct both b;
	size_t i;

	if (!RUNNING_ON_VALGRIND) {
		/* what memcheck reports is counted here and of no use to a reader */
		execlp("valgrind", "valgrind", "-q", "--log-file=/dev/null", "--leak-check=no",
		       "--error-limit=no", argv[0], NULL);
		puts("not ok 1 - there is no valgrind");
		return 1;
	}
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		both_new(&b, wire_suite(ids[i]), false);
		every_padding(&b);
		wrong_ways(&b);
		both_free(&b);
	}
	(void)argc;
	return tap_done();
}
