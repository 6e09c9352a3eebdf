// SPDX-License-Identifier: GPL-2.0
// SOURCES: kernel/chacha.c
// LIBS: libcrypto
// CFLAGS: -Iselftests/unit/include -Iselftests/unit -Ikernel -Wno-unused-parameter -Wno-sign-compare
/*
 * kernel/chacha.c against RFC 8439 and libcrypto's AEAD: the parts that it is made
 * of here are libcrypto's stream and MAC.
 */
#include "standin.h"

#include "chacha.h"
#include "proto.h"

#include "standin-impl.h"

#include <openssl/rand.h>

#define TAG	16
#define MOST	700	/* past the blocks of key stream that are made at once */

static u8 key[CHACHA_KEY_SIZE], nonce[TLS_NONCE_LEN], aad[64], text[MOST + TAG], want[MOST + TAG];

static struct kssl_chacha *keyed(void)
{
	struct kssl_chacha *c = kssl_chacha_new();

	kssl_chacha_setkey(c, key);
	return c;
}

/* RFC 8439, 2.8.2 */
static void published(void)
{
	static const char sunscreen[] = "Ladies and Gentlemen of the class of '99: If I could "
		"offer you only one tip for the future, sunscreen would be it.";
	u32 len = sizeof(sunscreen) - 1;
	struct kssl_chacha *c;
	u8 i;

	for (i = 0; i < sizeof(key); i++)
		key[i] = 0x80 + i;
	unhex("070000004041424344454647", nonce);
	unhex("50515253c0c1c2c3c4c5c6c7", aad);
	unhex("d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca96712"
	      "82fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58"
	      "fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116"
	      "1ae10b594f09e26a7e902ecbd0600691", want);
	c = keyed();
	memcpy(text, sunscreen, len);
	kssl_chacha_seal(c, nonce, aad, 12, text, len);
	ok(!memcmp(text, want, len + TAG), "chacha_seal__vector");
	ok(!kssl_chacha_open(c, nonce, aad, 12, text, len) && !memcmp(text, sunscreen, len),
	   "chacha_open__vector");
	kssl_chacha_free(c);
}

static void oracle(const u8 *in, u32 len, u32 aad_len, u8 *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	assert(EVP_EncryptInit_ex(ctx, EVP_chacha20_poly1305(), NULL, key, nonce));
	assert(EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aad_len));
	assert(EVP_EncryptUpdate(ctx, out, &n, in, (int)len));
	assert(EVP_EncryptFinal_ex(ctx, out + n, &n));
	assert(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, out + len));
	EVP_CIPHER_CTX_free(ctx);
}

/* Every length of the text and some of the additional data, at every alignment. */
static void lengths(void)
{
	static u8 plain[MOST];
	bool seals = true, opens = true;
	struct kssl_chacha *c;
	u32 len, aad_len;

	RAND_bytes(key, sizeof(key));
	RAND_bytes(nonce, sizeof(nonce));
	RAND_bytes(aad, sizeof(aad));
	RAND_bytes(plain, sizeof(plain));
	c = keyed();
	for (len = 0; len <= MOST; len++) {
		u8 *mine = malloc(len + TAG + len % 16);	/* AddressSanitizer minds its end */
		u8 *at = mine + len % 16;

		aad_len = len % 2 ? 5 : len % 3 ? 13 : len % sizeof(aad);
		oracle(plain, len, aad_len, want);
		memcpy(at, plain, len);
		kssl_chacha_seal(c, nonce, aad, aad_len, at, len);
		seals &= !memcmp(at, want, len + TAG);
		opens &= !kssl_chacha_open(c, nonce, aad, aad_len, at, len) &&
			 !memcmp(at, plain, len);
		free(mine);
	}
	ok(seals, "chacha_seal__every_length");
	ok(opens, "chacha_open__every_length");
	kssl_chacha_free(c);
}

static bool refused(const struct kssl_chacha *c, u8 *byte, u32 len)
{
	u8 before[MOST + TAG];
	bool good;

	*byte ^= 1;
	memcpy(before, text, sizeof(before));
	good = kssl_chacha_open(c, nonce, aad, 13, text, len) == -EBADMSG &&
	       !memcmp(before, text, sizeof(before));	/* and nothing was decrypted */
	*byte ^= 1;
	return good;
}

/* A byte changed anywhere: nothing opens. */
static void refusals(void)
{
	struct kssl_chacha *c = keyed();
	u32 len = 300, i;
	bool good = true;

	kssl_chacha_seal(c, nonce, aad, 13, text, len);
	for (i = 0; i < len + TAG; i++)
		good &= refused(c, &text[i], len);
	ok(good, "chacha_open__text_or_tag_changed");
	for (good = true, i = 0; i < 13; i++)
		good &= refused(c, &aad[i], len);
	ok(good, "chacha_open__additional_data_changed");
	for (good = true, i = 0; i < sizeof(nonce); i++)
		good &= refused(c, &nonce[i], len);
	ok(good, "chacha_open__nonce_changed");
	good = kssl_chacha_open(c, nonce, aad, 13, text, len - 1) == -EBADMSG &&
	       kssl_chacha_open(c, nonce, aad, 12, text, len) == -EBADMSG;
	ok(good, "chacha_open__shorter");
	key[31] ^= 1;
	kssl_chacha_setkey(c, key);
	ok(kssl_chacha_open(c, nonce, aad, 13, text, len) == -EBADMSG, "chacha_open__other_key");
	key[31] ^= 1;
	kssl_chacha_setkey(c, key);
	ok(!kssl_chacha_open(c, nonce, aad, 13, text, len), "chacha_open__unchanged");
	kssl_chacha_free(c);
}

int main(void)
{
	ok(kssl_chacha_is("rfc7539(chacha20,poly1305)") && !kssl_chacha_is("gcm(aes)"), "chacha_is");
	published();
	lengths();
	refusals();
	return tap_done();
}
