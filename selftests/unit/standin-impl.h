/* SPDX-License-Identifier: GPL-2.0 */
/* Bodies of the stand-ins, included once by a test program. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <malloc.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>

static int live, fail_at, allocs;
static bool not_wiped;

void *test_alloc(size_t n)
{
	if (fail_at && ++allocs == fail_at)
		return NULL;
	live++;
	return calloc(1, n);
}

void test_free(void *p)
{
	live--;
	free(p);
}

/* kfree_sensitive() wipes; here we do, and look. */
void test_free_wiped(void *p)
{
	size_t i, n = malloc_usable_size(p);

	memzero_explicit(p, n);
	for (i = 0; i < n; i++)
		not_wiped |= ((u8 *)p)[i] != 0;
	test_free(p);
}

struct crypto_aead *crypto_alloc_aead(const char *name, u32 type, u32 mask)
{
	struct crypto_aead *tfm;

	if (type || mask)	/* a mask would lose AES-NI on 6.1 */
		return ERR_PTR(-EINVAL);
	tfm = test_alloc(sizeof(*tfm));
	if (!tfm)
		return ERR_PTR(-ENOMEM);
	tfm->name = name;
	return tfm;
}

void crypto_free_aead(struct crypto_aead *tfm) { test_free_wiped(tfm); }

int crypto_aead_setkey(struct crypto_aead *tfm, const u8 *key, u32 len)
{
	if (len != 16 && len != 32)
		return -EINVAL;
	memcpy(tfm->key, key, len);
	tfm->key_len = len;
	return 0;
}

int crypto_aead_setauthsize(struct crypto_aead *tfm, u32 len)
{
	tfm->tag_len = len;
	return len == 16 ? 0 : -EINVAL;
}

struct aead_request *aead_request_alloc(struct crypto_aead *tfm, gfp_t gfp)
{
	struct aead_request *req = test_alloc(sizeof(*req));

	(void)gfp;
	if (req)
		req->tfm = tfm;
	return req;
}

void aead_request_free(struct aead_request *req) { test_free_wiped(req); }

static const EVP_CIPHER *cipher_of(const struct crypto_aead *tfm)
{
	if (!strcmp(tfm->name, "rfc7539(chacha20,poly1305)"))
		return EVP_chacha20_poly1305();
	return tfm->key_len == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
}

/* Additional data, text and tag lie in one or two entries, without a gap. */
static bool lay_out(struct aead_request *req, u32 span, u8 **aad, u8 **text)
{
	if (req->src != req->dst || !req->tfm->tag_len || !req->tfm->key_len)
		return false;
	*aad = req->src[0].buf;
	if (req->src[1].buf) {
		*text = req->src[1].buf;
		return req->src[0].len == req->ad_len && req->src[1].len == span;
	}
	*text = *aad + req->ad_len;
	return req->src[0].len == req->ad_len + span;
}

int crypto_aead_encrypt(struct aead_request *req)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	u8 *aad, *text;
	int n;

	if (!lay_out(req, req->crypt_len + 16, &aad, &text))
		abort();
	EVP_EncryptInit_ex(ctx, cipher_of(req->tfm), NULL, req->tfm->key, req->iv);
	EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)req->ad_len);
	EVP_EncryptUpdate(ctx, text, &n, text, (int)req->crypt_len);
	EVP_EncryptFinal_ex(ctx, text + n, &n);
	EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, text + req->crypt_len);
	EVP_CIPHER_CTX_free(ctx);
	return 0;
}

int crypto_aead_decrypt(struct aead_request *req)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	u8 *aad, *text, last[16];
	u32 len = req->crypt_len - 16;
	bool good;
	int n;

	if (!lay_out(req, req->crypt_len, &aad, &text))
		abort();
	EVP_DecryptInit_ex(ctx, cipher_of(req->tfm), NULL, req->tfm->key, req->iv);
	EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, text + len);
	EVP_DecryptUpdate(ctx, NULL, &n, aad, (int)req->ad_len);
	EVP_DecryptUpdate(ctx, text, &n, text, (int)len);
	good = EVP_DecryptFinal_ex(ctx, last, &n) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return good ? 0 : -EBADMSG;
}

struct crypto_shash *crypto_alloc_shash(const char *name, u32 type, u32 mask)
{
	struct crypto_shash *tfm = test_alloc(sizeof(*tfm));

	(void)type;
	(void)mask;
	if (!tfm)
		return ERR_PTR(-ENOMEM);
	tfm->name = name;
	return tfm;
}

void crypto_free_shash(struct crypto_shash *tfm) { test_free_wiped(tfm); }

int crypto_shash_setkey(struct crypto_shash *tfm, const u8 *key, u32 len)
{
	memcpy(tfm->key, key, len);
	tfm->key_len = len;
	return 0;
}

u32 crypto_shash_digestsize(struct crypto_shash *tfm)
{
	return strstr(tfm->name, "384") ? 48 : 32;
}

int crypto_shash_digest(struct shash_desc *desc, const u8 *data, u32 len, u8 *out)
{
	struct crypto_shash *tfm = desc->tfm;
	const EVP_MD *md = strstr(tfm->name, "384") ? EVP_sha384() : EVP_sha256();
	unsigned int n;

	if (strncmp(tfm->name, "hmac(", 5))
		return EVP_Digest(data, len, out, &n, md, NULL) ? 0 : -EINVAL;
	return HMAC(md, tfm->key, (int)tfm->key_len, data, len, out, &n) ? 0 : -EINVAL;
}

/* ---- TAP ---- */

static int tap_n, tap_bad;

static void ok(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tap_n, name);
	tap_bad += !good;
}

static int tap_done(void)
{
	ok(!live, "nothing is left allocated");
	ok(!not_wiped, "everything secret was wiped");
	printf("1..%d\n", tap_n);
	return tap_bad != 0;
}

static __attribute__((unused)) size_t unhex(const char *hex, u8 *out)
{
	size_t n = 0;
	unsigned int v;

	for (; sscanf(hex, "%2x", &v) == 1; hex += 2 + (hex[2] == ' '))
		out[n++] = (u8)v;
	return n;
}
