/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's crypto API over libcrypto: as strict as we can be. */
#ifndef STANDIN_CRYPTO_H
#define STANDIN_CRYPTO_H

struct scatterlist { u8 *buf; u32 len; };
struct crypto_wait { int n; };
struct crypto_aead { const char *name; u8 key[32]; u32 key_len; u32 tag_len; };
struct aead_request {
	struct crypto_aead *tfm;
	struct scatterlist *src, *dst;
	u32 crypt_len, ad_len;
	u8 *iv;
};
struct crypto_shash { const char *name; u8 key[64]; u32 key_len; };
struct shash_desc { struct crypto_shash *tfm; };

#define CRYPTO_TFM_REQ_MAY_BACKLOG 0
#define CRYPTO_TFM_REQ_MAY_SLEEP 0
#define crypto_req_done NULL
#define crypto_init_wait(w) ((w)->n = 0)
#define crypto_wait_req(err, w) ((w)->n++, (err))
#define SHASH_DESC_ON_STACK(desc, tfm_) struct shash_desc desc[1] = { { tfm_ } }
#define shash_desc_zero(desc) memset(desc, 0, sizeof(*(desc)))

static inline void sg_init_table(struct scatterlist *sg, u32 n)
{
	memset(sg, 0, n * sizeof(*sg));
}

static inline void sg_set_buf(struct scatterlist *sg, void *buf, u32 len)
{
	sg->buf = buf;
	sg->len = len;
}

static inline void sg_init_one(struct scatterlist *sg, void *buf, u32 len)
{
	memset(sg, 0, 2 * sizeof(*sg));
	sg_set_buf(sg, buf, len);
}

struct crypto_aead *crypto_alloc_aead(const char *name, u32 type, u32 mask);
void crypto_free_aead(struct crypto_aead *tfm);
int crypto_aead_setkey(struct crypto_aead *tfm, const u8 *key, u32 len);
int crypto_aead_setauthsize(struct crypto_aead *tfm, u32 len);
struct aead_request *aead_request_alloc(struct crypto_aead *tfm, gfp_t gfp);
void aead_request_free(struct aead_request *req);
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

struct crypto_shash *crypto_alloc_shash(const char *name, u32 type, u32 mask);
void crypto_free_shash(struct crypto_shash *tfm);
int crypto_shash_setkey(struct crypto_shash *tfm, const u8 *key, u32 len);
u32 crypto_shash_digestsize(struct crypto_shash *tfm);
int crypto_shash_digest(struct shash_desc *desc, const u8 *data, u32 len, u8 *out);

#endif
