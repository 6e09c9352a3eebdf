/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bodies of the stand-ins for shash and skcipher, included once by a test program
 * (through standin-impl.h).  The compression functions are libcrypto's, and are
 * counted; blocks, lengths, HMAC and the exported state are made here, the state
 * as the kernel's own hashes have it: words, count, buffer.
 */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"	/* SHA256_Transform() */

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

/* Calls of a compression function so far, and their number at the last look. */
static unsigned long compressions;

/* What the ciphers put out is a secret: to memcheck, in unit/constant. */
static bool secret_output __attribute__((unused));

/* The exported state is not the kernel's. */
static bool export_backwards;

/* Calls by a name: fail_call names one that is to fail, after fail_after of them. */
static const char *fail_call;
static int fail_after;

static bool fails(const char *call)
{
	return fail_call && !strcmp(call, fail_call) && !fail_after--;
}

static const struct hash_kind {
	const char *name;
	u32 digest, block, words;	/* bytes; words: of the state */
	u32 state;			/* of the exported state */
} hash_kinds[] = {
	{ "sha1", 20, 64, 20, sizeof(struct sha1_state) },
	{ "sha256", 32, 64, 32, sizeof(struct sha256_state) },
	{ "sha384", 48, 128, 64, sizeof(struct sha512_state) },
};

static const struct hash_kind *hash_kind(const char *name)
{
	bool hmac = !strncmp(name, "hmac(", 5);
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE(hash_kinds); i++) {
		n = strlen(hash_kinds[i].name);
		if (!strncmp(name + 5 * hmac, hash_kinds[i].name, n) &&
		    !strcmp(name + 5 * hmac + n, hmac ? ")" : ""))
			return &hash_kinds[i];
	}
	return NULL;
}

/* What a descriptor holds: enough for any of them. */
struct hash_ctx {
	u64 words[8];		/* as u32 for SHA-1 and SHA-256 */
	u64 count;
	u8 buf[128];
	u32 magic;
};

#define HASH_MAGIC 0x48415348

static struct hash_ctx *hash_ctx(struct shash_desc *desc)
{
	struct hash_ctx *ctx = (void *)desc->__ctx;

	if (ctx->magic != HASH_MAGIC)	/* neither init nor import */
		abort();
	return ctx;
}

static void hash_start(const struct hash_kind *kind, struct hash_ctx *ctx)
{
	SHA_CTX sha1;
	SHA256_CTX sha256;
	SHA512_CTX sha384;

	memset(ctx, 0, sizeof(*ctx));
	ctx->magic = HASH_MAGIC;
	if (kind->digest == 20) {
		SHA1_Init(&sha1);
		memcpy(ctx->words, &sha1.h0, 20);
	} else if (kind->digest == 32) {
		SHA256_Init(&sha256);
		memcpy(ctx->words, sha256.h, 32);
	} else {
		SHA384_Init(&sha384);
		memcpy(ctx->words, sha384.h, 64);
	}
}

static void hash_compress(const struct hash_kind *kind, struct hash_ctx *ctx, const u8 *block)
{
	SHA_CTX sha1;
	SHA256_CTX sha256;
	SHA512_CTX sha384;

	compressions++;
	if (kind->digest == 20) {
		SHA1_Init(&sha1);
		memcpy(&sha1.h0, ctx->words, 20);
		SHA1_Transform(&sha1, block);
		memcpy(ctx->words, &sha1.h0, 20);
	} else if (kind->digest == 32) {
		SHA256_Init(&sha256);
		memcpy(sha256.h, ctx->words, 32);
		SHA256_Transform(&sha256, block);
		memcpy(ctx->words, sha256.h, 32);
	} else {
		SHA384_Init(&sha384);
		memcpy(sha384.h, ctx->words, 64);
		SHA512_Transform(&sha384, block);
		memcpy(ctx->words, sha384.h, 64);
	}
}

static void hash_add(const struct hash_kind *kind, struct hash_ctx *ctx, const u8 *data, u32 len)
{
	u32 have, part;

	for (; len; data += part, len -= part) {
		have = (u32)(ctx->count % kind->block);
		part = min(len, kind->block - have);
		memcpy(ctx->buf + have, data, part);
		ctx->count += part;
		if (have + part == kind->block)
			hash_compress(kind, ctx, ctx->buf);
	}
}

static void hash_end(const struct hash_kind *kind, struct hash_ctx *ctx, u8 *out)
{
	u8 bits[16] = { 0 }, one = 0x80, zero = 0;
	u32 i, tail = kind->block / 8, word = kind->block / 16;

	put_unaligned_be64(ctx->count * 8, bits + 8);
	hash_add(kind, ctx, &one, 1);
	while (ctx->count % kind->block != kind->block - tail)
		hash_add(kind, ctx, &zero, 1);
	hash_add(kind, ctx, bits + 16 - tail, tail);
	for (i = 0; i < kind->digest; i++)
		out[i] = ((u8 *)ctx->words)[i / word * word + word - 1 - i % word];
	memset(ctx, 0, sizeof(*ctx));
}

/* ---- shash ---- */

struct crypto_shash *crypto_alloc_shash(const char *name, u32 type, u32 mask)
{
	struct crypto_shash *tfm;

	if (type || mask || !hash_kind(name))
		return ERR_PTR(-ENOENT);
	tfm = test_alloc(sizeof(*tfm));
	if (!tfm)
		return ERR_PTR(-ENOMEM);
	tfm->name = name;
	return tfm;
}

void crypto_free_shash(struct crypto_shash *tfm)
{
	if (!IS_ERR(tfm) && tfm)
		test_free_wiped(tfm);
}

int crypto_shash_setkey(struct crypto_shash *tfm, const u8 *key, u32 len)
{
	const struct hash_kind *kind = hash_kind(tfm->name);

	if (strncmp(tfm->name, "hmac(", 5))
		return -ENOSYS;
	if (fails("shash_setkey"))
		return -EIO;
	if (len > kind->block)	/* no key of TLS is so long */
		abort();
	memset(tfm->key, 0, sizeof(tfm->key));
	memcpy(tfm->key, key, len);
	tfm->key_len = len;
	return 0;
}

u32 crypto_shash_digestsize(struct crypto_shash *tfm) { return hash_kind(tfm->name)->digest; }
u32 crypto_shash_blocksize(struct crypto_shash *tfm) { return hash_kind(tfm->name)->block; }
u32 crypto_shash_descsize(struct crypto_shash *tfm) { (void)tfm; return sizeof(struct hash_ctx); }
u32 crypto_shash_statesize(struct crypto_shash *tfm) { return hash_kind(tfm->name)->state; }

/* The key, as HMAC's first block. */
static void hmac_block(struct crypto_shash *tfm, struct hash_ctx *ctx, u8 with)
{
	const struct hash_kind *kind = hash_kind(tfm->name);
	u8 block[128];
	u32 i;

	if (!tfm->key_len)
		abort();
	for (i = 0; i < kind->block; i++)
		block[i] = tfm->key[i] ^ with;
	hash_add(kind, ctx, block, kind->block);
}

int crypto_shash_init(struct shash_desc *desc)
{
	struct hash_ctx *ctx = (void *)desc->__ctx;

	if (fails("shash_init"))
		return -EIO;
	hash_start(hash_kind(desc->tfm->name), ctx);
	if (desc->tfm->name[0] == 'h')
		hmac_block(desc->tfm, ctx, 0x36);
	return 0;
}

int crypto_shash_update(struct shash_desc *desc, const u8 *data, u32 len)
{
	if (fails("shash_update"))
		return -EIO;
	hash_add(hash_kind(desc->tfm->name), hash_ctx(desc), data, len);
	return 0;
}

int crypto_shash_final(struct shash_desc *desc, u8 *out)
{
	const struct hash_kind *kind = hash_kind(desc->tfm->name);
	struct hash_ctx *ctx = hash_ctx(desc);
	u8 inner[64];

	if (fails("shash_final"))
		return -EIO;
	hash_end(kind, ctx, out);
	if (desc->tfm->name[0] != 'h')
		return 0;
	memcpy(inner, out, kind->digest);
	hash_start(kind, ctx);
	hmac_block(desc->tfm, ctx, 0x5c);
	hash_add(kind, ctx, inner, kind->digest);
	hash_end(kind, ctx, out);
	return 0;
}

int crypto_shash_finup(struct shash_desc *desc, const u8 *data, u32 len, u8 *out)
{
	return crypto_shash_update(desc, data, len) ?: crypto_shash_final(desc, out);
}

int crypto_shash_digest(struct shash_desc *desc, const u8 *data, u32 len, u8 *out)
{
	return crypto_shash_init(desc) ?: crypto_shash_finup(desc, data, len, out);
}

int crypto_shash_export(struct shash_desc *desc, void *out)
{
	const struct hash_kind *kind = hash_kind(desc->tfm->name);
	struct hash_ctx *ctx = hash_ctx(desc);
	u8 *count = (u8 *)out + kind->words + (kind->digest == 20 ? 4 : 0);

	if (fails("shash_export"))
		return -EIO;
	memset(out, 0, kind->state);
	memcpy(out, ctx->words, kind->words);
	if (export_backwards)
		((u8 *)out)[0] ^= 1;
	memcpy(count, &ctx->count, 8);
	memcpy((u8 *)out + kind->state - kind->block, ctx->buf, kind->block);
	return 0;
}

int crypto_shash_import(struct shash_desc *desc, const void *in)
{
	const struct hash_kind *kind = hash_kind(desc->tfm->name);
	struct hash_ctx *ctx = (void *)desc->__ctx;
	const u8 *count = (const u8 *)in + kind->words + (kind->digest == 20 ? 4 : 0);

	if (fails("shash_import"))
		return -EIO;
	memset(ctx, 0, sizeof(*ctx));
	ctx->magic = HASH_MAGIC;
	memcpy(ctx->words, in, kind->words);
	memcpy(&ctx->count, count, 8);
	memcpy(ctx->buf, (const u8 *)in + kind->state - kind->block, kind->block);
	return 0;
}

/* ---- skcipher ---- */

struct crypto_skcipher *crypto_alloc_skcipher(const char *name, u32 type, u32 mask)
{
	struct crypto_skcipher *tfm;

	if (type || mask || strcmp(name, "cbc(aes)"))
		return ERR_PTR(-ENOENT);
	tfm = test_alloc(sizeof(*tfm));
	if (!tfm)
		return ERR_PTR(-ENOMEM);
	return tfm;
}

void crypto_free_skcipher(struct crypto_skcipher *tfm)
{
	if (!IS_ERR(tfm) && tfm)
		test_free_wiped(tfm);
}

int crypto_skcipher_setkey(struct crypto_skcipher *tfm, const u8 *key, u32 len)
{
	if (len != 16 && len != 32)
		return -EINVAL;
	if (fails("skcipher_setkey"))
		return -EIO;
	memcpy(tfm->key, key, len);
	tfm->key_len = len;
	return 0;
}

/* As the kernel: in place, the IV becomes the last block of ciphertext. */
static int cbc(struct skcipher_request *req, bool encrypt)
{
	struct crypto_skcipher *tfm = req->tfm;
	u8 *p = req->src[0].buf, next[16];
	static EVP_CIPHER_CTX *ctx;
	static EVP_CIPHER *ciphers[2];
	int n, i = tfm->key_len == 32;

	if (fails("skcipher"))
		return -EIO;
	if (req->src != req->dst || !tfm->key_len || req->len % 16 || !req->len ||
	    req->src[0].len < req->len)
		return -EINVAL;
	if (!ctx)
		ctx = EVP_CIPHER_CTX_new();
	if (!ciphers[i])	/* slow */
		ciphers[i] = EVP_CIPHER_fetch(NULL, i ? "AES-256-CBC" : "AES-128-CBC", NULL);
	memcpy(next, p + req->len - 16, 16);
	EVP_CipherInit_ex(ctx, ciphers[i], NULL, tfm->key, req->iv, encrypt);
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	EVP_CipherUpdate(ctx, p, &n, p, (int)req->len);
	memcpy(req->iv, encrypt ? p + req->len - 16 : next, 16);
#ifdef VALGRIND_MAKE_MEM_UNDEFINED
	if (secret_output)
		VALGRIND_MAKE_MEM_UNDEFINED(p, req->len);
#endif
	return 0;
}

int crypto_skcipher_encrypt(struct skcipher_request *req) { return cbc(req, true); }
int crypto_skcipher_decrypt(struct skcipher_request *req) { return cbc(req, false); }

/* ---- the rest ---- */

void get_random_bytes(void *p, size_t n) { RAND_bytes(p, (int)n); }

unsigned long crypto_memneq(const void *a, const void *b, size_t n)
{
	return (unsigned long)CRYPTO_memcmp(a, b, n);
}

#pragma GCC diagnostic pop
