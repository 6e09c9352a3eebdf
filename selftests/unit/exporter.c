// SPDX-License-Identifier: GPL-2.0
// SOURCES: kernel/exporter.c kernel/suite.c
// LIBS: libcrypto
// CFLAGS: -Iselftests/unit/include -Iselftests/unit -Ikernel -Wno-unused-parameter -Wno-sign-compare
/* kernel/exporter.c against libcrypto's TLS13-KDF and TLS1-PRF. */
#include "standin.h"

#include "exporter.h"
#include "suite.h"

#include "standin-impl.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>

/* What is asked in all tests that do not say otherwise. */
static struct kssl_exporter question(const char *label, u16 context_len, u16 out_len)
{
	struct kssl_exporter x = { .out_len = out_len, .has_context = 1 };
	u16 i;

	x.label_len = (u16)strlen(label);
	memcpy(x.label, label, x.label_len);
	x.context_len = context_len;
	for (i = 0; i < context_len; i++)
		x.context[i] = (u8)(i * 7);
	return x;
}

/* ---- kssl_exporter_valid() ---- */

static void valid_sizes(void)
{
	struct kssl_exporter x = question("EXPERIMENTAL test", 4, 32), y;
	bool good = kssl_exporter_valid(&x);

	y = x; y.label_len = 0; good &= !kssl_exporter_valid(&y);
	y = x; y.label_len = 249; good &= kssl_exporter_valid(&y);
	y = x; y.label_len = 250; good &= !kssl_exporter_valid(&y);
	y = x; y.label_len = 65535; good &= !kssl_exporter_valid(&y);
	y = x; y.context_len = 1024; good &= kssl_exporter_valid(&y);
	y = x; y.context_len = 1025; good &= !kssl_exporter_valid(&y);
	y = x; y.context_len = 0; good &= kssl_exporter_valid(&y);
	y = x; y.out_len = 0; good &= !kssl_exporter_valid(&y);
	y = x; y.out_len = 512; good &= kssl_exporter_valid(&y);
	y = x; y.out_len = 513; good &= !kssl_exporter_valid(&y);
	y = x; y.has_context = 0; good &= !kssl_exporter_valid(&y);
	y.context_len = 0; good &= kssl_exporter_valid(&y);
	y = x; y.has_context = 2; good &= !kssl_exporter_valid(&y);
	y = x; y.reserved = 1; good &= !kssl_exporter_valid(&y);
	ok(good, "valid__sizes");
}

static void valid_labels(void)
{
	static const char *const no[] = { "client finished", "server finished", "master secret",
		"extended master secret", "key expansion", "key expansion of mine" };
	static const char *const yes[] = { "client EAP encryption", "client finishe", "key",
		"master secre", "extended", "Key expansion", "EXPORTER-Channel-Binding" };
	bool good = true;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(no); i++) {
		struct kssl_exporter x = question(no[i], 0, 32);

		good &= !kssl_exporter_valid(&x);
	}
	for (i = 0; i < ARRAY_SIZE(yes); i++) {
		struct kssl_exporter x = question(yes[i], 0, 32);

		good &= kssl_exporter_valid(&x);
	}
	ok(good, "valid__labels");
}

/* ---- kssl_exporter_new() ---- */

static void new_sizes(void)
{
	const struct kssl_suite *s13 = kssl_suite_find(TLS13, 0x1302);
	const struct kssl_suite *s12 = kssl_suite_find(TLS12, 0xc02f);
	u8 secret[64] = { 1 }, randoms[64] = { 2 };
	struct kssl_master *m;
	bool good = true;

	good &= PTR_ERR(kssl_exporter_new(s13, secret, 0, NULL, 0)) == -EINVAL;
	good &= PTR_ERR(kssl_exporter_new(s13, secret, 32, NULL, 0)) == -EINVAL;
	good &= PTR_ERR(kssl_exporter_new(s13, secret, 49, NULL, 0)) == -EINVAL;
	good &= PTR_ERR(kssl_exporter_new(s13, secret, 48, randoms, 64)) == -EINVAL;
	good &= PTR_ERR(kssl_exporter_new(s12, secret, 48, NULL, 0)) == -EINVAL;
	good &= PTR_ERR(kssl_exporter_new(s12, secret, 48, randoms, 63)) == -EINVAL;
	good &= PTR_ERR(kssl_exporter_new(s12, secret, 32, randoms, 64)) == -EINVAL;
	fail_at = allocs + 1;
	good &= PTR_ERR(kssl_exporter_new(s12, secret, 48, randoms, 64)) == -ENOMEM;
	fail_at = 0;
	m = kssl_exporter_new(s13, secret, 48, NULL, 0);
	good &= !IS_ERR(m);
	kssl_exporter_free(m);
	ok(good, "new__sizes");
}

/* ---- kssl_exporter_derive() ---- */

static bool kdf(const char *name, OSSL_PARAM *params, u8 *out, size_t len)
{
	EVP_KDF *k = EVP_KDF_fetch(NULL, name, NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(k);
	bool good = EVP_KDF_derive(ctx, out, len, params) == 1;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(k);
	return good;
}

/* HKDF-Expand-Label; libcrypto's wants a label of at most 249 bytes, too. */
static bool expand_label13(char *md, u8 *secret, size_t n, const char *label, size_t label_len,
			   const u8 *hash, u8 *out, size_t out_len)
{
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, md, strlen(md)),
		OSSL_PARAM_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, secret, n),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_PREFIX, "tls13 ", 6),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_LABEL, (void *)label, label_len),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_DATA, (void *)hash, n),
		OSSL_PARAM_END,
	};

	return kdf("TLS13-KDF", params, out, out_len);
}

static bool expected13(const struct kssl_exporter *x, u8 *secret, size_t n, u8 *out)
{
	char *md = n == 48 ? "SHA384" : "SHA256";
	u8 hash[64], next[64];

	return EVP_Q_digest(NULL, md, NULL, NULL, 0, hash, NULL) &&
	       expand_label13(md, secret, n, x->label, x->label_len, hash, next, n) &&
	       EVP_Q_digest(NULL, md, NULL, x->context, x->context_len, hash, NULL) &&
	       expand_label13(md, next, n, "exporter", 8, hash, out, x->out_len);
}

/* P_hash (RFC 5246, 5) over libcrypto's HMAC: TLS1-PRF takes 1024 bytes of seed. */
static bool p_hash12(const EVP_MD *md, const u8 *secret, const u8 *seed, size_t len, u8 *out,
		     size_t out_len)
{
	u8 in[64 + 2048], block[64], a[64];
	unsigned int n;
	size_t done;

	HMAC(md, secret, 48, seed, len, a, &n);
	for (done = 0; done < out_len; done += n) {
		memcpy(in, a, n);
		memcpy(in + n, seed, len);
		HMAC(md, secret, 48, in, n + len, block, &n);
		memcpy(out + done, block, min(n, out_len - done));
		HMAC(md, secret, 48, a, n, block, &n);
		memcpy(a, block, n);
	}
	return true;
}

static bool expected12(const struct kssl_exporter *x, char *md, u8 *secret, const u8 *randoms,
		       u8 *out)
{
	u8 seed[2048], *p = seed;
	OSSL_PARAM params[4] = {
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, md, strlen(md)),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SECRET, secret, 48),
	};

	memcpy(p, x->label, x->label_len);
	p += x->label_len;
	memcpy(p, randoms, 64);
	p += 64;
	if (x->has_context) {
		*p++ = (u8)(x->context_len >> 8);
		*p++ = (u8)x->context_len;
		memcpy(p, x->context, x->context_len);
		p += x->context_len;
	}
	params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed,
						      (size_t)(p - seed));
	params[3] = OSSL_PARAM_construct_end();
	if (p - seed > 1024)
		return p_hash12(EVP_get_digestbyname(md), secret, seed, (size_t)(p - seed), out,
				x->out_len);
	return kdf("TLS1-PRF", params, out, x->out_len);
}

static void derive_grid(u16 version, u16 id, const char *name)
{
	static const u16 contexts[] = { 0, 1, 5, 64, 1000, 1024 };
	static const u16 outs[] = { 1, 20, 31, 32, 33, 48, 49, 64, 96, 97, 511, 512 };
	const struct kssl_suite *suite = kssl_suite_find(version, id);
	bool tls13 = version == TLS13, good = true;
	size_t n = tls13 ? suite->secret_len : 48;
	char *md = strstr(suite->hash, "384") ? "SHA384" : "SHA256", label[250];
	u8 secret[48], randoms[64], want[512];
	unsigned int i, j, k, l;
	struct kssl_master *m;

	RAND_bytes(secret, sizeof(secret));
	RAND_bytes(randoms, sizeof(randoms));
	m = kssl_exporter_new(suite, secret, (u32)n, tls13 ? NULL : randoms, tls13 ? 0 : 64);
	for (i = 0; i < ARRAY_SIZE(contexts); i++)
		for (j = 0; j < ARRAY_SIZE(outs); j++)
			for (k = 0; k < 2; k++)
				for (l = 1; l < sizeof(label); l += 62) {
					struct kssl_exporter x;

					memset(label, 'x', l);
					label[l] = 0;
					x = question(label, k ? contexts[i] : 0, outs[j]);
					x.has_context = (u8)k;
					memset(x.out, 0x5a, sizeof(x.out));
					good &= kssl_exporter_valid(&x) &&
						!kssl_exporter_derive(m, &x) &&
						(tls13 ? expected13(&x, secret, n, want) :
						 expected12(&x, md, secret, randoms, want)) &&
						!memcmp(want, x.out, outs[j]) &&
						(outs[j] == 512 || x.out[outs[j]] == 0x5a);
				}
	kssl_exporter_free(m);
	ok(good, name);
}

/* No memory, at each allocation: an error, and nothing left. */
static void derive_no_memory(u16 version, u16 id, const char *name)
{
	const struct kssl_suite *suite = kssl_suite_find(version, id);
	struct kssl_exporter x = question("label", 0, 32);
	u8 secret[48] = { 1 }, randoms[64] = { 2 };
	bool tls13 = version == TLS13, good = true;
	struct kssl_master *m;
	int n, err = -1;

	m = kssl_exporter_new(suite, secret, tls13 ? suite->secret_len : 48, randoms,
			      tls13 ? 0 : 64);
	for (n = 1; err; n++) {
		allocs = 0;
		fail_at = n;
		err = kssl_exporter_derive(m, &x);
		good &= !err || err == -ENOMEM;
	}
	fail_at = 0;
	kssl_exporter_free(m);
	ok(good && n > 2, name);
}

int main(void)
{
	valid_sizes();
	valid_labels();
	new_sizes();
	derive_grid(TLS13, 0x1301, "derive__tls13_sha256");
	derive_grid(TLS13, 0x1302, "derive__tls13_sha384");
	derive_grid(TLS12, 0xc02f, "derive__tls12_sha256");
	derive_grid(TLS12, 0xc030, "derive__tls12_sha384");
	derive_no_memory(TLS13, 0x1301, "derive__no_memory_tls13");
	derive_no_memory(TLS12, 0xc02f, "derive__no_memory_tls12");
	return tap_done();
}
