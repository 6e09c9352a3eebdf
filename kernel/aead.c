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
 * request outlives the call that made it.
 */
#include <crypto/aead.h>
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/scatterlist.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "chacha.h"
#include "crypt.h"
#include "record.h"
#include "suite.h"

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
	half->req = aead_request_alloc(half->aead, GFP_KERNEL);
	if (!half->req)
		return -ENOMEM;
	crypto_init_wait(&half->wait);
	aead_request_set_callback(half->req, CRYPTO_TFM_REQ_MAY_BACKLOG | CRYPTO_TFM_REQ_MAY_SLEEP,
				  crypto_req_done, &half->wait);
	half->nonce[0] = half->suite->b0;
	aead_request_set_ad(half->req, half->version == TLS13 ? TLS_HEADER_LEN : TLS12_AAD_LEN);
	sg_init_table(&half->sg, 1);
	return crypto_aead_setauthsize(half->aead, half->suite->tag_len);
}

static int aead_setkey(struct kssl_half *half, const u8 *key, const u8 *mac)
{
	if (half->chacha) {
		kssl_chacha_setkey(half->chacha, key);
		return 0;
	}
	return crypto_aead_setkey(half->aead, key, half->suite->key_len);
}

/* The crypto API wipes the transform, with the expanded key, and the request. */
static void aead_free(struct kssl_half *half)
{
	if (half->req)
		aead_request_free(half->req);
	if (half->aead)
		crypto_free_aead(half->aead);
	kssl_chacha_free(half->chacha);
}

static void aead_driver(const struct kssl_half *half, char *name, size_t room)
{
	strscpy(name, half->chacha ? "chacha20-lib, poly1305-lib" :
		crypto_tfm_alg_driver_name(crypto_aead_tfm(half->aead)), room);
}

/* Where the nonce proper begins in what the cipher gets. */
static u8 *nonce(struct kssl_half *half)
{
	return half->nonce + (half->suite->b0 != 0);
}

/* Additional data of @aad_len bytes, and behind them the text, @len without the tag. */
static void aim(struct kssl_half *half, u8 *aad, u32 aad_len, u32 len)
{
	sg_set_buf(&half->sg, aad, aad_len + len + half->suite->tag_len);
}

static int run(struct kssl_half *half, u32 crypt_len, int (*op)(struct aead_request *req))
{
	lockdep_assert_preemption_enabled();	/* see alloc_inside() */
	aead_request_set_crypt(half->req, &half->sg, &half->sg, crypt_len, half->nonce);
	return crypto_wait_req(op(half->req), &half->wait);
}

static int encrypt(struct kssl_half *half, u8 *aad, u32 aad_len, u8 *text, u32 len)
{
	if (half->chacha) {
		kssl_chacha_seal(half->chacha, half->nonce, aad, aad_len, text, len);
		return 0;
	}
	aim(half, aad, aad_len, len);
	return run(half, len, crypto_aead_encrypt);
}

static int decrypt(struct kssl_half *half, u8 *aad, u32 aad_len, u8 *text, u32 len)
{
	if (half->chacha)
		return kssl_chacha_open(half->chacha, half->nonce, aad, aad_len, text, len);
	aim(half, aad, aad_len, len);
	return run(half, len + half->suite->tag_len, crypto_aead_decrypt);
}

static int seal13(struct kssl_half *half, u64 seq, u8 type, u8 *text, u32 len, u32 pad)
{
	kssl_record_nonce(nonce(half), half->suite, half->iv, seq);
	text[len++] = type;
	memset(text + len, 0, pad);	/* RFC 8446, 5.4 */
	len += pad;
	kssl_record_header(text - TLS_HEADER_LEN, TLS_APPDATA, len + half->suite->tag_len);
	return encrypt(half, text - TLS_HEADER_LEN, TLS_HEADER_LEN, text, len);
}

/* Where the additional data of TLS 1.2 go: before the text if there is room. */
static u8 *aad12_at(u8 *text, const struct kssl_suite *suite, u8 *apart)
{
	return suite->explicit_len ? text - TLS12_AAD_LEN : apart;
}

static int seal12(struct kssl_half *half, u64 seq, u8 type, u8 *text, u32 len)
{
	u8 explicit_len = half->suite->explicit_len, apart[TLS12_AAD_LEN];
	u8 *aad = aad12_at(text, half->suite, apart), *head = text - half->head;
	int err;

	kssl_record_nonce(nonce(half), half->suite, half->iv, seq + half->explicit_off);
	kssl_record_aad12(aad, seq, type, len);
	err = encrypt(half, aad, TLS12_AAD_LEN, text, len);
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

static int open13(struct kssl_half *half, u64 seq, u8 *record, u32 len, u8 *type, u32 *text_len,
		  u8 *alert)
{
	u8 *text = record + TLS_HEADER_LEN;
	int err;

	kssl_record_nonce(nonce(half), half->suite, half->iv, seq);
	*text_len = len - TLS_HEADER_LEN - half->suite->tag_len;
	err = verdict(decrypt(half, record, TLS_HEADER_LEN, text, *text_len), alert);
	if (err)
		return err;
	return kssl_record_inner(text, text_len, type, alert);
}

static int open12(struct kssl_half *half, u64 seq, u8 *record, u32 len, u8 *type, u32 *text_len,
		  u8 *alert)
{
	u8 *text = record + half->head, apart[TLS12_AAD_LEN];
	u8 *aad = aad12_at(text, half->suite, apart);

	if (half->suite->explicit_len)
		kssl_record_nonce_explicit(nonce(half), half->iv, record + TLS_HEADER_LEN);
	else
		kssl_record_nonce(nonce(half), half->suite, half->iv, seq);
	*type = record[0];
	*text_len = len - half->head - half->suite->tag_len;
	kssl_record_aad12(aad, seq, *type, *text_len);
	return verdict(decrypt(half, aad, TLS12_AAD_LEN, text, *text_len), alert);
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
