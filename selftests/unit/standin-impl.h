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
	if (!p)
		return;
	live--;
	free(p);
}

/* kfree_sensitive() wipes; here we do, and look. */
void test_free_wiped(void *p)
{
	size_t i, n = malloc_usable_size(p);

	if (!p)
		return;
	memzero_explicit(p, n);
	for (i = 0; i < n; i++)
		not_wiped |= ((u8 *)p)[i] != 0;
	test_free(p);
}

__attribute__((unused)) void *test_cache_alloc(const struct kmem_cache *c)
{
	return test_alloc(c->size);	/* NULL: kssl_keys_init() was not called */
}

__attribute__((unused)) void test_cache_free(const struct kmem_cache *c, void *p)
{
	size_t i;

	for (i = 0; i < c->size; i++)
		not_wiped |= ((u8 *)p)[i] != 0;
	test_free(p);
}

struct crypto_aead *crypto_alloc_aead(const char *name, u32 type, u32 mask)
{
	struct crypto_aead *tfm;

	if (!strcmp(name, "__gcm(aes)"))	/* what some kernels have inside */
		return ERR_PTR(-ENOENT);
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
	return len == 16 || (len == 8 && !strcmp(tfm->name, "ccm(aes)")) ? 0 : -EINVAL;
}

static bool is_ccm(const struct crypto_aead *tfm) { return !strcmp(tfm->name, "ccm(aes)"); }

/* As in the kernel: CCM needs room for its parts, a GCM in one piece none. */
u32 crypto_aead_reqsize(const struct crypto_aead *tfm) { return is_ccm(tfm) ? 64 : 0; }

static const EVP_CIPHER *cipher_of(const struct crypto_aead *tfm)
{
	if (is_ccm(tfm))
		return tfm->key_len == 16 ? EVP_aes_128_ccm() : EVP_aes_256_ccm();
	return tfm->key_len == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
}

/* The kernel's ccm wants its first block's flags in front of the nonce: 2 for 12 bytes. */
static const u8 *nonce_of(const struct aead_request *req)
{
	if (is_ccm(req->tfm) && req->iv[0] != 2)
		abort();
	return req->iv + is_ccm(req->tfm);
}

/* Additional data, text and tag lie in one entry, without a gap. */
static bool lay_out(struct aead_request *req, u32 span, u8 **aad, u8 **text)
{
	if (req->src != req->dst || !req->tfm->tag_len || !req->tfm->key_len)
		return false;
	*aad = req->src->buf;
	*text = *aad + req->ad_len;
	return req->src->len == req->ad_len + span;
}

/* CCM wants to know lengths, and on opening the tag, before anything else. */
static EVP_CIPHER_CTX *begin(struct aead_request *req, u32 len, bool encrypt, u8 *tag)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	EVP_CipherInit_ex(ctx, cipher_of(req->tfm), NULL, NULL, NULL, encrypt);
	EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, 12, NULL);
	if (!encrypt || is_ccm(req->tfm))
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)req->tfm->tag_len, tag);
	EVP_CipherInit_ex(ctx, NULL, NULL, req->tfm->key, nonce_of(req), encrypt);
	if (is_ccm(req->tfm))
		EVP_CipherUpdate(ctx, NULL, &n, NULL, (int)len);
	return ctx;
}

int crypto_aead_encrypt(struct aead_request *req)
{
	u32 tag_len = req->tfm->tag_len;
	u8 *aad, *text, last[16];
	EVP_CIPHER_CTX *ctx;
	int n;

	if (!lay_out(req, req->crypt_len + tag_len, &aad, &text))
		abort();
	ctx = begin(req, req->crypt_len, true, NULL);
	EVP_CipherUpdate(ctx, NULL, &n, aad, (int)req->ad_len);
	EVP_CipherUpdate(ctx, text, &n, text, (int)req->crypt_len);
	EVP_CipherFinal_ex(ctx, last, &n);
	EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, (int)tag_len, text + req->crypt_len);
	EVP_CIPHER_CTX_free(ctx);
	return 0;
}

int crypto_aead_decrypt(struct aead_request *req)
{
	u32 len = req->crypt_len - req->tfm->tag_len;
	u8 *aad, *text, last[16];
	EVP_CIPHER_CTX *ctx;
	bool good;
	int n;

	if (!lay_out(req, req->crypt_len, &aad, &text))
		abort();
	ctx = begin(req, len, false, text + len);
	EVP_CipherUpdate(ctx, NULL, &n, aad, (int)req->ad_len);
	good = EVP_CipherUpdate(ctx, text, &n, text, (int)len) == 1;
	/* CCM has verified in that call and has no other */
	if (!is_ccm(req->tfm))
		good = EVP_CipherFinal_ex(ctx, last, &n) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return good ? 0 : -EBADMSG;
}

#include "standin-hash.h"

/* ---- TAP ---- */

static int tap_n, tap_bad;

/* ---- ChaCha20 and Poly1305 of the library ---- */

__attribute__((unused)) void chacha_init(struct chacha_state *state, const u32 *key, const u8 *iv)
{
	memcpy(state->key, key, sizeof(state->key));
	memcpy(state->iv, iv, sizeof(state->iv));
}

__attribute__((unused)) void chacha20_crypt(struct chacha_state *state, u8 *dst, const u8 *src,
					    unsigned int len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	u32 block;
	int n = 0;

	assert(EVP_EncryptInit_ex(ctx, EVP_chacha20(), NULL, state->key, state->iv));
	assert(EVP_EncryptUpdate(ctx, dst, &n, src, (int)len) && n == (int)len);
	EVP_CIPHER_CTX_free(ctx);
	memcpy(&block, state->iv, sizeof(block));
	block += (len + CHACHA_BLOCK_SIZE - 1) / CHACHA_BLOCK_SIZE;
	memcpy(state->iv, &block, sizeof(block));
}

__attribute__((unused)) void poly1305_init(struct poly1305_desc_ctx *desc, const u8 *key)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "POLY1305", NULL);

	desc->mac = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac);
	assert(EVP_MAC_init(desc->mac, key, 32, NULL));
}

__attribute__((unused)) void poly1305_update(struct poly1305_desc_ctx *desc, const u8 *p,
					     unsigned int len)
{
	assert(EVP_MAC_update(desc->mac, p, len));
}

__attribute__((unused)) void poly1305_final(struct poly1305_desc_ctx *desc, u8 *tag)
{
	size_t n;

	assert(EVP_MAC_final(desc->mac, tag, &n, POLY1305_DIGEST_SIZE));
	EVP_MAC_CTX_free(desc->mac);
	desc->mac = NULL;
}

static void ok(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tap_n, name);
	tap_bad += !good;
}

/* Of the tests that link kernel/keys.c and mac.c: what the module does at its begin and end. */
__attribute__((weak)) int kssl_keys_init(void);
__attribute__((weak)) void kssl_mac_exit(void);

__attribute__((constructor)) static void module_begin(void)
{
	if (kssl_keys_init)
		kssl_keys_init();
}

static int tap_done(void)
{
	if (kssl_mac_exit)
		kssl_mac_exit();
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
