/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's crypto API over libcrypto: as strict as we can be. */
#ifndef STANDIN_CRYPTO_H
#define STANDIN_CRYPTO_H

struct scatterlist { u8 *buf; u32 len; };
struct crypto_wait { int n; };
#define CRYPTO_ALG_INTERNAL	0x2000
#define CRYPTO_ALG_ASYNC	0x80

struct crypto_alg { u32 cra_flags; };
struct aead_alg { struct crypto_alg base; };
struct crypto_aead { const char *name; u8 key[32]; u32 key_len; u32 tag_len; struct aead_alg alg; };
struct aead_request {
	struct crypto_aead *tfm;
	struct scatterlist *src, *dst;
	u32 crypt_len, ad_len;
	u8 *iv;
};
struct crypto_skcipher { u8 key[32]; u32 key_len; };
struct skcipher_request {
	struct crypto_skcipher *tfm;
	struct scatterlist *src, *dst;
	u32 len;
	u8 *iv;
};
struct crypto_shash { const char *name; u8 key[128]; u32 key_len; };
struct shash_desc { struct crypto_shash *tfm; void *__ctx[] __attribute__((aligned(16))); };

/* crypto/sha1.h and sha2.h: what the hashes of 6.1 export */
struct sha1_state { u32 state[5]; u64 count; u8 buffer[64]; };
struct sha256_state { u32 state[8]; u64 count; u8 buf[64]; };
struct sha512_state { u64 state[8]; u64 count[2]; u8 buf[128]; };

#define CRYPTO_TFM_REQ_MAY_BACKLOG 0
#define CRYPTO_TFM_REQ_MAY_SLEEP 0
#define crypto_req_done NULL
#define crypto_init_wait(w) ((w)->n = 0)
#define crypto_wait_req(err, w) ((w)->n++, (err))
#define HASH_MAX_DESCSIZE 512
#define HASH_MAX_DIGESTSIZE 64
#define HASH_MAX_STATESIZE 512
#define SHASH_DESC_ON_STACK(desc, tfm)							\
	char __##desc##_desc[sizeof(struct shash_desc) + HASH_MAX_DESCSIZE]		\
		__attribute__((aligned(16)));						\
	struct shash_desc *desc = (struct shash_desc *)__##desc##_desc
#define shash_desc_zero(desc) memset(desc, 0, sizeof(*(desc)) + HASH_MAX_DESCSIZE)

static inline void sg_init_table(struct scatterlist *sg, u32 n)
{
	memset(sg, 0, n * sizeof(*sg));
}

#define sg_mark_end(sg) ((void)(sg))

static inline void sg_set_buf(struct scatterlist *sg, void *buf, u32 len)
{
	sg->buf = buf;
	sg->len = len;
}

static inline void sg_init_one(struct scatterlist *sg, void *buf, u32 len)
{
	memset(sg, 0, sizeof(*sg));
	sg_set_buf(sg, buf, len);
}

struct crypto_aead *crypto_alloc_aead(const char *name, u32 type, u32 mask);
void crypto_free_aead(struct crypto_aead *tfm);
int crypto_aead_setkey(struct crypto_aead *tfm, const u8 *key, u32 len);
int crypto_aead_setauthsize(struct crypto_aead *tfm, u32 len);
u32 crypto_aead_reqsize(const struct crypto_aead *tfm);
#define crypto_aead_alg(aead) (&(aead)->alg)
#define aead_request_set_tfm(req, aead) ((req)->tfm = (aead))
#define aead_request_set_callback(req, flags, fn, data) ((void)(data))
#define aead_request_set_ad(req, n) ((req)->ad_len = (n))

static inline void aead_request_set_crypt(struct aead_request *req, struct scatterlist *src,
					  struct scatterlist *dst, u32 len, u8 *iv)
{
	req->src = src;
	req->dst = dst;
	req->crypt_len = len;
	req->iv = iv;
}

int crypto_aead_encrypt(struct aead_request *req);
int crypto_aead_decrypt(struct aead_request *req);

/* Drivers have no names here. */
struct crypto_tfm;
#define crypto_aead_tfm(tfm) ((struct crypto_tfm *)(tfm))
#define crypto_skcipher_tfm(tfm) ((struct crypto_tfm *)(tfm))
#define crypto_shash_tfm(tfm) ((struct crypto_tfm *)(tfm))
#define crypto_tfm_alg_driver_name(tfm) ((void)(tfm), "libcrypto")

struct crypto_shash *crypto_alloc_shash(const char *name, u32 type, u32 mask);
void crypto_free_shash(struct crypto_shash *tfm);
int crypto_shash_setkey(struct crypto_shash *tfm, const u8 *key, u32 len);
u32 crypto_shash_digestsize(struct crypto_shash *tfm);
u32 crypto_shash_blocksize(struct crypto_shash *tfm);
u32 crypto_shash_descsize(struct crypto_shash *tfm);
u32 crypto_shash_statesize(struct crypto_shash *tfm);
int crypto_shash_init(struct shash_desc *desc);
int crypto_shash_update(struct shash_desc *desc, const u8 *data, u32 len);
int crypto_shash_final(struct shash_desc *desc, u8 *out);
int crypto_shash_finup(struct shash_desc *desc, const u8 *data, u32 len, u8 *out);
int crypto_shash_export(struct shash_desc *desc, void *out);
int crypto_shash_import(struct shash_desc *desc, const void *in);
int crypto_shash_digest(struct shash_desc *desc, const u8 *data, u32 len, u8 *out);

struct crypto_skcipher *crypto_alloc_skcipher(const char *name, u32 type, u32 mask);
void crypto_free_skcipher(struct crypto_skcipher *tfm);
int crypto_skcipher_setkey(struct crypto_skcipher *tfm, const u8 *key, u32 len);
#define crypto_skcipher_reqsize(tfm) ((void)(tfm), 0u)
#define skcipher_request_set_tfm(req, cipher) ((req)->tfm = (cipher))
#define skcipher_request_set_callback(req, flags, fn, data) ((void)(data))

static inline void skcipher_request_set_crypt(struct skcipher_request *req,
					      struct scatterlist *src, struct scatterlist *dst,
					      u32 len, void *iv)
{
	req->src = src;
	req->dst = dst;
	req->len = len;
	req->iv = iv;
}

int crypto_skcipher_encrypt(struct skcipher_request *req);
int crypto_skcipher_decrypt(struct skcipher_request *req);

void get_random_bytes(void *p, size_t n);
unsigned long crypto_memneq(const void *a, const void *b, size_t n);

#endif
