// SPDX-License-Identifier: GPL-2.0
// SOURCES: kernel/mac.c
// LIBS: libcrypto
// CFLAGS: -Iselftests/unit/include -Iselftests/unit -Ikernel -Wno-unused-parameter -Wno-sign-compare
/* HMAC: RFC 2202 and 4231, and the sum of a hidden length against libcrypto's. */
#include "standin.h"

#include "mac.h"

#include "standin-impl.h"
#include "../peers/wire.h"

/* Key and data of one byte repeated, or text. */
static const struct {
	const char *hash, *key, *data, *want;
} vectors[] = {
	/* RFC 2202, 3: cases 1 to 3 */
	{ "sha1", "0b*20", "Hi There", "b617318655057264e28bc0b6fb378c8ef146be00" },
	{ "sha1", "Jefe", "what do ya want for nothing?",
	  "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
	{ "sha1", "aa*20", "dd*50", "125d7342b9ac11cd91a39af48aa17b4f63f175d3" },
	/* RFC 4231, 4.2 to 4.4 */
	{ "sha256", "0b*20", "Hi There",
	  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
	{ "sha256", "Jefe", "what do ya want for nothing?",
	  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	{ "sha256", "aa*20", "dd*50",
	  "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
	{ "sha384", "0b*20", "Hi There",
	  "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
	  "faea9ea9076ede7f4af152e8b2fa9cb6" },
	{ "sha384", "Jefe", "what do ya want for nothing?",
	  "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
	  "8e2240ca5e69e2c78b3239ecfab21649" },
	{ "sha384", "aa*20", "dd*50",
	  "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b"
	  "2a5ab39dc13814b94e3ab6e101a34f27" },
};

static void okf(bool good, const char *name, const char *digest)
{
	char line[80];

	snprintf(line, sizeof(line), "%s: %s", name, digest);
	ok(good, line);
}

static u32 bytes(const char *what, u8 *out)
{
	unsigned int v, n;

	if (sscanf(what, "%2x*%u", &v, &n) != 2) {
		memcpy(out, what, strlen(what));
		return (u32)strlen(what);
	}
	memset(out, (int)v, n);
	return n;
}

/* Each vector, its data in one piece and in every two. */
static void published(void)
{
	u8 key[64], data[64], want[64], got[64];
	bool good;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		struct kssl_mac *mac = kssl_mac_new(vectors[i].hash);
		u32 n = bytes(vectors[i].data, data), at;
		size_t len = unhex(vectors[i].want, want);

		good = !IS_ERR(mac) && !kssl_mac_setkey(mac, key, bytes(vectors[i].key, key));
		for (at = 0; at <= n && good; at++)
			good = !kssl_mac_sum(mac, data, at, data + at, n - at, got) &&
			       !memcmp(got, want, len);
		okf(good, "mac_sum__vector", vectors[i].hash);
		kssl_mac_free(mac);
	}
}

/* Every length of a text within every bounds that a record may have. */
static void hidden(u16 suite)
{
	const struct wire_suite *s = wire_suite(suite);
	const char *digest = s->tag == 20 ? "sha1" : s->tag == 32 ? "sha256" : "sha384";
	struct kssl_mac *mac = kssl_mac_new(digest);
	u8 key[48], head[13], want[64], got[64];
	u32 least, most, len;
	bool good = true;

	RAND_bytes(key, sizeof(key));
	RAND_bytes(head, sizeof(head));
	kssl_mac_setkey(mac, key, s->tag);
	for (most = 0; most < 700; most += most < 300 ? 1 : 13) {
		u8 *data = malloc(most);	/* AddressSanitizer minds its end */

		RAND_bytes(data, (int)most);
		least = most > 256 ? most - 256 : 0;
		for (len = least; len <= most; len++) {
			wire_mac(s, key, s->tag, head, 13, data, len, data, 0, want);
			good &= !kssl_mac_sum_hidden(mac, head, 13, data, least, most, len, got) &&
				!memcmp(got, want, s->tag);
		}
		free(data);
	}
	okf(good, "mac_sum_hidden__every_length", digest);
	kssl_mac_free(mac);
}

static void refusals(void)
{
	struct kssl_mac *mac = kssl_mac_new("sha256");
	u8 key[65] = { 0 };

	ok(!kssl_mac_setkey(mac, key, 64) && kssl_mac_setkey(mac, key, 65) == -EINVAL,
	   "mac_setkey__longest");
	kssl_mac_free(mac);
	ok(kssl_mac_new("md5") == ERR_PTR(-ENOENT), "mac_new__unknown");
}

/* A kernel whose hashes export something else is found out, and not used. */
static void other_layout(void)
{
	struct kssl_mac *mac = kssl_mac_new("sha256");

	ok(!kssl_mac_can_hide(mac), "mac_can_hide__layout");
	export_backwards = true;
	ok(kssl_mac_can_hide(mac) == -EOPNOTSUPP, "mac_can_hide__other_layout");
	export_backwards = false;
	kssl_mac_free(mac);
}

int main(void)
{
	published();
	hidden(0x002f);
	hidden(0x003c);
	hidden(0xc028);
	refusals();
	other_layout();
	return tap_done();
}
