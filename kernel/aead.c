// SPDX-License-Identifier: GPL-2.0
/*
 * Seal and open records of AEAD suites (see crypt.c for the buffer).
 *
 * The buffer around the text, for seal as for open:
 *
 *	TLS 1.3		| header 5 | text | type 1 | tag 16 |
 *	TLS 1.2 GCM, CCM | header 5 | explicit nonce 8 | text | tag 16 |
 *	TLS 1.2 ChaCha	| header 5 | text | tag 16 |
 *
 * and the scatterlist that the cipher sees:
 *
 *	TLS 1.3		[ header .. tag ], header is the additional data
 *	TLS 1.2 GCM	[ 13 bytes before the text .. tag ]: the additional data
 *			lie for the time of the call where header and explicit
 *			nonce go, which have the same size
 *
 * ChaCha20-Poly1305 is not the crypto API's but the library's (chacha.c), which
 * takes additional data from anywhere.
 *
 * The crypto API may answer later on some drivers; we always wait, so no
 * request outlives the call that made it.  With drivers that answer at once and
 * need no room of their own, which is every fast AES-GCM, the request lies on the
 * stack: nothing to allocate, and several CPUs can work for one direction.
 */
#include <crypto/aead.h>
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "chacha.h"
#include "crypt.h"
#include "record.h"
#include "suite.h"

/**
 * struct kssl_aead_work - a record at work
 * @wait: for drivers that answer later
 * @sg: the buffer
 * @iv: nonce, for CCM after the byte b0
 * @req: the request, followed by the driver's room
 */
struct kssl_aead_work {
	struct crypto_wait wait;
	struct scatterlist sg;
	u8 iv[KSSL_IV_MAX];
	struct aead_request req;
};

/*
 * On x86 before 6.16 the fast "gcm(aes)" is a wrapper around "__gcm(aes)", which
 * must not be used where vector registers are not at hand, in interrupts: there
 * the wrapper would leave the work to a thread, cryptd.  We are always in process
 * context, and so take what is inside: half the memory, and half the look-ups by
 * name.  NULL: there is none, as on other kernels.
 */
static struct crypto_aead *alloc_inside(const char *cipher)
{
	static bool missing;	/* asked once: the answer takes modprobe */
	struct crypto_aead *aead;

	if (READ_ONCE(missing) || strcmp(cipher, "gcm(aes)"))
		return NULL;
	aead = crypto_alloc_aead("__gcm(aes)", CRYPTO_ALG_INTERNAL,
				 CRYPTO_ALG_INTERNAL | CRYPTO_ALG_ASYNC);
	if (!IS_ERR(aead))
		return aead;
	if (PTR_ERR(aead) == -ENOENT)
		WRITE_ONCE(missing, true);
	return NULL;
}

static int chacha_alloc(struct kssl_half *half)
{
	half->chacha = kssl_chacha_new();
	return half->chacha ? 0 : -ENOMEM;
}

static int alloc_work(struct kssl_half *half)
{
	u32 flags = crypto_aead_alg(half->aead)->base.cra_flags;
	u32 room = crypto_aead_reqsize(half->aead);

	if (!room && !(flags & CRYPTO_ALG_ASYNC))
		return 0;
	half->work = kmalloc(sizeof(*half->work) + room, GFP_KERNEL_ACCOUNT);
	return half->work ? 0 : -ENOMEM;
}

static int aead_alloc(struct kssl_half *half)
{
	if (kssl_chacha_is(half->suite->cipher))
		return chacha_alloc(half);
	/*
	 * Mask 0: on 6.1 and 6.12 the AES-NI GCM counts as asynchronous, and
	 * without it only the slow generic one is left.  We wait anyway.
	 */
	half->aead = alloc_inside(half->suite->cipher) ?:
		     crypto_alloc_aead(half->suite->cipher, 0, 0);
	if (IS_ERR(half->aead)) {
		int err = PTR_ERR(half->aead);

		half->aead = NULL;
		return err;
	}
	return alloc_work(half) ?: crypto_aead_setauthsize(half->aead, half->suite->tag_len);
}

static int aead_setkey(struct kssl_half *half, const u8 *key, const u8 *mac)
{
	if (half->chacha) {
		kssl_chacha_setkey(half->chacha, key);
		return 0;
	}
	return crypto_aead_setkey(half->aead, key, half->suite->key_len);
}

/* The crypto API wipes the transform, with the expanded key. */
static void aead_free(struct kssl_half *half)
{
	kfree_sensitive(half->work);
	if (half->aead)
		crypto_free_aead(half->aead);
	kssl_chacha_free(half->chacha);
}

static void aead_driver(const struct kssl_half *half, char *name, size_t room)
{
	strscpy(name, half->chacha ? "chacha20-lib, poly1305-lib" :
		crypto_tfm_alg_driver_name(crypto_aead_tfm(half->aead)), room);
}

/**
 * struct place - where a record lies
 * @iv: what the cipher gets: the nonce, for CCM after the byte b0
 * @aad: additional data
 * @aad_len: their length
 * @text: the text, and behind it the tag
 * @len: length of the text
 */
struct place {
	u8 iv[KSSL_IV_MAX];
	u8 *aad;
	u32 aad_len;
	u8 *text;
	u32 len;
};

/* Where the nonce proper begins. */
static u8 *nonce(const struct kssl_half *half, struct place *p)
{
	p->iv[0] = half->suite->b0;
	return p->iv + (half->suite->b0 != 0);
}

/* The buffer in one piece, and the request that works on it. */
static __always_inline void aim(const struct kssl_half *half, struct place *p, u32 crypt_len,
				struct scatterlist *sg, struct aead_request *req, u8 *iv)
{
	memset(sg, 0, sizeof(*sg));
	sg_mark_end(sg);
	sg_set_buf(sg, p->aad, p->aad_len + p->len + half->suite->tag_len);
	aead_request_set_tfm(req, half->aead);
	aead_request_set_ad(req, p->aad_len);
	aead_request_set_crypt(req, sg, sg, crypt_len, iv);
}

static noinline int run_and_wait(const struct kssl_half *half, struct place *p, u32 crypt_len,
				 int (*op)(struct aead_request *req))
{
	struct kssl_aead_work *w = half->work;

	memcpy(w->iv, p->iv, sizeof(w->iv));
	crypto_init_wait(&w->wait);
	aim(half, p, crypt_len, &w->sg, &w->req, w->iv);
	aead_request_set_callback(&w->req, CRYPTO_TFM_REQ_MAY_BACKLOG | CRYPTO_TFM_REQ_MAY_SLEEP,
				  crypto_req_done, &w->wait);
	return crypto_wait_req(op(&w->req), &w->wait);
}

static int run(const struct kssl_half *half, struct place *p, u32 crypt_len,
	       int (*op)(struct aead_request *req))
{
	struct aead_request req;
	struct scatterlist sg;

	lockdep_assert_preemption_enabled();	/* see alloc_inside() */
	if (unlikely(half->work))
		return run_and_wait(half, p, crypt_len, op);
	aim(half, p, crypt_len, &sg, &req, p->iv);
	aead_request_set_callback(&req, CRYPTO_TFM_REQ_MAY_SLEEP, NULL, NULL);
	return op(&req);
}

static int encrypt(const struct kssl_half *half, struct place *p)
{
	if (!half->chacha)
		return run(half, p, p->len, crypto_aead_encrypt);
	kssl_chacha_seal(half->chacha, p->iv, p->aad, p->aad_len, p->text, p->len);
	return 0;
}

static int decrypt(const struct kssl_half *half, struct place *p)
{
	if (!half->chacha)
		return run(half, p, p->len + half->suite->tag_len, crypto_aead_decrypt);
	return kssl_chacha_open(half->chacha, p->iv, p->aad, p->aad_len, p->text, p->len);
}

static int seal13(const struct kssl_half *half, u64 seq, u8 type, u8 *text, u32 len, u32 pad)
{
	struct place p = {
		.aad = text - TLS_HEADER_LEN,
		.aad_len = TLS_HEADER_LEN,
		.text = text,
		.len = len + 1 + pad,
	};

	text[len] = type;
	memset(text + len + 1, 0, pad);	/* RFC 8446, 5.4 */
	kssl_record_nonce(nonce(half, &p), half->suite, half->iv, seq);
	kssl_record_header(p.aad, TLS_APPDATA, p.len + half->suite->tag_len);
	return encrypt(half, &p);
}

/* Where the additional data of TLS 1.2 go: before the text if there is room. */
static u8 *aad12_at(u8 *text, const struct kssl_suite *suite, u8 *apart)
{
	return suite->explicit_len ? text - TLS12_AAD_LEN : apart;
}

static int seal12(const struct kssl_half *half, u64 seq, u8 type, u8 *text, u32 len)
{
	u8 explicit_len = half->suite->explicit_len, apart[TLS12_AAD_LEN];
	struct place p = {
		.aad = aad12_at(text, half->suite, apart),
		.aad_len = TLS12_AAD_LEN,
		.text = text,
		.len = len,
	};
	u8 *head = text - half->head;
	int err;

	kssl_record_nonce(nonce(half, &p), half->suite, half->iv, seq + half->explicit_off);
	kssl_record_aad12(p.aad, seq, type, len);
	err = encrypt(half, &p);
	kssl_record_header(head, type, explicit_len + len + half->suite->tag_len);
	if (explicit_len)
		put_unaligned_be64(seq + half->explicit_off, head + TLS_HEADER_LEN);
	return err;
}

static int aead_seal(struct kssl_half *half, u64 seq, u8 type, u8 *text, u32 len, u32 pad)
{
	if (half->version == TLS13)
		return seal13(half, seq, type, text, len, pad);
	return seal12(half, seq, type, text, len);
}

/* What the crypto API said, as errno and alert. */
static int verdict(int err, u8 *alert)
{
	if (err == -EBADMSG)
		return kssl_crypt_refuse(-EBADMSG, TLS_BAD_RECORD_MAC, alert);
	return err ? kssl_crypt_refuse(err, TLS_INTERNAL_ERROR, alert) : 0;
}

static int open13(const struct kssl_half *half, u64 seq, u8 *record, u32 len, u8 *type,
		  u32 *text_len, u8 *alert)
{
	struct place p = {
		.aad = record,
		.aad_len = TLS_HEADER_LEN,
		.text = record + TLS_HEADER_LEN,
		.len = len - TLS_HEADER_LEN - half->suite->tag_len,
	};
	int err;

	kssl_record_nonce(nonce(half, &p), half->suite, half->iv, seq);
	err = verdict(decrypt(half, &p), alert);
	if (err)
		return err;
	*text_len = p.len;
	return kssl_record_inner(p.text, text_len, type, alert);
}

static int open12(const struct kssl_half *half, u64 seq, u8 *record, u32 len, u8 *type,
		  u32 *text_len, u8 *alert)
{
	u8 *text = record + half->head, apart[TLS12_AAD_LEN];
	struct place p = {
		.aad = aad12_at(text, half->suite, apart),
		.aad_len = TLS12_AAD_LEN,
		.text = text,
		.len = len - half->head - half->suite->tag_len,
	};

	if (half->suite->explicit_len)
		kssl_record_nonce_explicit(nonce(half, &p), half->iv, record + TLS_HEADER_LEN);
	else
		kssl_record_nonce(nonce(half, &p), half->suite, half->iv, seq);
	*type = record[0];
	*text_len = p.len;
	kssl_record_aad12(p.aad, seq, *type, p.len);
	return verdict(decrypt(half, &p), alert);
}

static int aead_open(struct kssl_half *half, u64 seq, u8 *record, u32 len, u8 *type, u8 **text,
		     u32 *text_len, u8 *alert)
{
	*text = record + half->head;
	if (half->version == TLS13)
		return open13(half, seq, record, len, type, text_len, alert);
	return open12(half, seq, record, len, type, text_len, alert);
}

const struct kssl_crypt_ops kssl_aead_ops = {
	.alloc = aead_alloc,
	.setkey = aead_setkey,
	.free = aead_free,
	.driver = aead_driver,
	.seal = aead_seal,
	.open = aead_open,
};
