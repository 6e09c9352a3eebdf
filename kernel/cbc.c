// SPDX-License-Identifier: GPL-2.0
/*
 * Seal and open records of the CBC suites of TLS 1.2, with a random IV each.
 *
 *	MAC-then-encrypt (RFC 5246, 6.2.3.2)
 *		| header 5 | IV 16 | text | MAC | padding | padding_length 1 |
 *				   ^------------- encrypted -----------------^
 *		MAC over	seq | type | version | length of text | text
 *
 *	encrypt-then-MAC (RFC 7366)
 *		| header 5 | IV 16 | text | padding | padding_length 1 | MAC |
 *				   ^---------- encrypted --------------^
 *		MAC over	seq | type | version | length of the rest | IV .. encrypted
 *
 * Padding bytes all equal padding_length, and there may be up to 255 of them
 * whatever the block needs.
 *
 * With MAC-then-encrypt a receiver that lets show how a padding was, by an alert,
 * an errno or by time, decrypts for whoever asks (Vaudenay 2002; Lucky Thirteen,
 * 2013).  So from the decryption to the one verdict at the end everything takes
 * the same steps, which depend on the record's length alone: open_mte().
 */
#include <crypto/skcipher.h>
#include <crypto/utils.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "crypt.h"
#include "ct.h"
#include "mac.h"
#include "record.h"
#include "suite.h"

#define IV_LEN		TLS_CBC_BLOCK_LEN

/**
 * struct kssl_cbc_work - a record at work
 * @wait: for drivers that answer later
 * @sg: the buffer
 * @iv: the IV
 * @req: the request, followed by the driver's room
 */
struct kssl_cbc_work {
	struct crypto_wait wait;
	struct scatterlist sg;
	u8 iv[IV_LEN];
	struct skcipher_request req;
};

static int alloc_cipher(struct kssl_half *half)
{
	/* mask 0 for the same reason as in aead.c */
	half->cbc = crypto_alloc_skcipher(half->suite->cipher, 0, 0);
	if (IS_ERR(half->cbc)) {
		int err = PTR_ERR(half->cbc);

		half->cbc = NULL;
		return err;
	}
	half->cbc_work = kmalloc(sizeof(*half->cbc_work) + crypto_skcipher_reqsize(half->cbc),
				 GFP_KERNEL_ACCOUNT);
	return half->cbc_work ? 0 : -ENOMEM;
}

static int cbc_alloc(struct kssl_half *half)
{
	int err = alloc_cipher(half);

	if (err)
		return err;
	half->mac = kssl_mac_new(half->suite->digest);
	if (IS_ERR(half->mac)) {
		err = PTR_ERR(half->mac);
		half->mac = NULL;
	}
	return err ?: kssl_mac_can_hide(half->mac);
}

static int cbc_setkey(struct kssl_half *half, const u8 *key, const u8 *mac)
{
	return crypto_skcipher_setkey(half->cbc, key, half->suite->key_len) ?:
	       kssl_mac_setkey(half->mac, mac, half->suite->tag_len);
}

static void cbc_free(struct kssl_half *half)
{
	kfree_sensitive(half->cbc_work);
	if (half->cbc)
		crypto_free_skcipher(half->cbc);
	kssl_mac_free(half->mac);
}

static void cbc_driver(const struct kssl_half *half, char *name, size_t room)
{
	struct crypto_tfm *tfm = crypto_skcipher_tfm(half->cbc);

	snprintf(name, room, "%s, %s", crypto_tfm_alg_driver_name(tfm),
		 kssl_mac_driver(half->mac));
}

/* In place; the IV lies in front of @data and stays as it is. */
static int run(struct kssl_half *half, u8 *data, u32 len, int (*op)(struct skcipher_request *req))
{
	struct kssl_cbc_work *w = half->cbc_work;

	memcpy(w->iv, data - IV_LEN, IV_LEN);
	crypto_init_wait(&w->wait);
	sg_init_one(&w->sg, data, len);
	skcipher_request_set_tfm(&w->req, half->cbc);
	skcipher_request_set_callback(&w->req,
				      CRYPTO_TFM_REQ_MAY_BACKLOG | CRYPTO_TFM_REQ_MAY_SLEEP,
				      crypto_req_done, &w->wait);
	skcipher_request_set_crypt(&w->req, &w->sg, &w->sg, len, w->iv);
	return crypto_wait_req(op(&w->req), &w->wait);
}

static int sum(struct kssl_half *half, u64 seq, u8 type, const u8 *data, u32 len, u8 *out)
{
	u8 head[TLS12_AAD_LEN];

	kssl_record_aad12(head, seq, type, len);
	return kssl_mac_sum(half->mac, head, sizeof(head), data, len, out);
}

/* Padding behind @len bytes, to a whole block; returns the new length. */
static u32 add_padding(u8 *data, u32 len)
{
	u32 padded = round_down(len, TLS_CBC_BLOCK_LEN) + TLS_CBC_BLOCK_LEN;

	memset(data + len, padded - len - 1, padded - len);
	return padded;
}

static int seal_mte(struct kssl_half *half, u64 seq, u8 type, u8 *text, u32 len)
{
	u8 *head = text - half->head;
	int err;

	err = sum(half, seq, type, text, len, text + len);
	if (err)
		return err;
	len = add_padding(text, len + half->suite->tag_len);
	kssl_record_header(head, type, IV_LEN + len);
	return run(half, text, len, crypto_skcipher_encrypt);
}

static int seal_etm(struct kssl_half *half, u64 seq, u8 type, u8 *text, u32 len)
{
	u8 *head = text - half->head;
	int err;

	len = add_padding(text, len);
	kssl_record_header(head, type, IV_LEN + len + half->suite->tag_len);
	err = run(half, text, len, crypto_skcipher_encrypt);
	return err ?: sum(half, seq, type, text - IV_LEN, IV_LEN + len, text + len);
}

static int cbc_seal(struct kssl_half *half, u64 seq, u8 type, u8 *text, u32 len, u32 pad)
{
	get_random_bytes(text - IV_LEN, IV_LEN);
	return half->etm ? seal_etm(half, seq, type, text, len) :
			   seal_mte(half, seq, type, text, len);
}

/*
 * How many bytes padding and padding_length take; 0 if they are bad, or leave no
 * room for @least bytes before them.  Looks at the same bytes in any case.
 */
static u32 pad_len(const u8 *data, u32 len, u32 least)
{
	u32 looked_at = min_t(u32, len, TLS_CBC_PAD_MAX), pad = data[len - 1], bad = 0, i;

	for (i = 1; i < looked_at; i++)
		bad |= kssl_ct_ge(pad, i) & (pad ^ data[len - 1 - i]);
	return kssl_ct_eq(bad, 0) & kssl_ct_ge(len, least + pad + 1) & (pad + 1);
}

/*
 * Turn @mac of @len bytes left by @by places, a secret number below @len: by one,
 * two, four places and so on, each or not.
 */
static void rotate(u8 *mac, u32 len, u32 by)
{
	u8 turned[KSSL_MAC_MAX];
	u32 step, i;

	for (step = 1; step < len; step <<= 1) {
		u32 take = ~kssl_ct_eq(by & step, 0);

		for (i = 0; i < len; i++)
			turned[i] = mac[(i + step) % len];
		for (i = 0; i < len; i++)
			mac[i] = (mac[i] & ~take) | (turned[i] & take);
	}
}

/*
 * Copy out the @mac_len bytes that begin at @at, a secret place no further than
 * TLS_CBC_PAD_MAX before the last possible one.  Every byte where it may be is looked at;
 * byte n of that stretch goes to place n modulo @mac_len.
 */
static void extract(const u8 *data, u32 len, u32 at, u32 mac_len, u8 *mac)
{
	u32 from = len > mac_len + TLS_CBC_PAD_MAX ? len - mac_len - TLS_CBC_PAD_MAX : 0;
	u32 place = 0, first = 0, i;

	memset(mac, 0, mac_len);
	for (i = from; i < len; i++) {
		u32 inside = kssl_ct_ge(i, at) & kssl_ct_lt(i, at + mac_len);

		mac[place] |= data[i] & inside;
		first |= place & kssl_ct_eq(i, at);
		place = place + 1 == mac_len ? 0 : place + 1;
	}
	rotate(mac, mac_len, first);
}

/*
 * A record whose padding is bad has none, as far as the MAC is concerned (RFC
 * 5246, 6.2.3.2): its MAC is computed all the same, and found wrong.
 */
static int open_mte(struct kssl_half *half, u64 seq, u8 type, u8 *data, u32 len, u32 *text_len,
		    u8 *alert)
{
	u32 mac_len = half->suite->tag_len, most = len - mac_len, pad;
	u8 head[TLS12_AAD_LEN], want[KSSL_MAC_MAX], got[KSSL_MAC_MAX];
	int err;

	err = run(half, data, len, crypto_skcipher_decrypt);
	if (err)
		return kssl_crypt_refuse(err, TLS_INTERNAL_ERROR, alert);
	pad = pad_len(data, len, mac_len);
	*text_len = most - pad;
	kssl_record_aad12(head, seq, type, *text_len);
	err = kssl_mac_sum_hidden(half->mac, head, sizeof(head), data,
				  most > TLS_CBC_PAD_MAX ? most - TLS_CBC_PAD_MAX : 0, most, *text_len, want);
	if (err)
		return kssl_crypt_refuse(err, TLS_INTERNAL_ERROR, alert);
	extract(data, len, *text_len, mac_len, got);
	if (kssl_ct_eq(pad, 0) | (u32)crypto_memneq(want, got, mac_len))
		err = kssl_crypt_refuse(-EBADMSG, TLS_BAD_RECORD_MAC, alert);
	memzero_explicit(want, sizeof(want));
	memzero_explicit(got, sizeof(got));
	return err;
}

/* Nothing is decrypted before the MAC is found right (RFC 7366, 3). */
static int open_etm(struct kssl_half *half, u64 seq, u8 type, u8 *data, u32 len, u32 *text_len,
		    u8 *alert)
{
	u8 want[KSSL_MAC_MAX];
	u32 pad;
	int err;

	err = sum(half, seq, type, data - IV_LEN, IV_LEN + len, want);
	if (!err && crypto_memneq(want, data + len, half->suite->tag_len))
		err = -EBADMSG;
	memzero_explicit(want, sizeof(want));
	if (!err)
		err = run(half, data, len, crypto_skcipher_decrypt);
	if (err)
		return kssl_crypt_refuse(err, err == -EBADMSG ? TLS_BAD_RECORD_MAC :
								TLS_INTERNAL_ERROR, alert);
	pad = pad_len(data, len, 0);
	if (!pad)
		return kssl_crypt_refuse(-EBADMSG, TLS_BAD_RECORD_MAC, alert);
	*text_len = len - pad;
	return 0;
}

/* Whole blocks, and room for what must be in them? All of it is public. */
static bool good_length(const struct kssl_half *half, u32 len)
{
	u32 least = half->etm ? 1 : half->suite->tag_len + 1;

	return len >= least && !(len % TLS_CBC_BLOCK_LEN);
}

static int cbc_open(struct kssl_half *half, u64 seq, u8 *record, u32 len, u8 *type, u8 **text,
		    u32 *text_len, u8 *alert)
{
	u32 encrypted = len - half->head - (half->etm ? half->suite->tag_len : 0);

	*type = record[0];
	*text = record + half->head;
	if (!good_length(half, encrypted))
		return kssl_crypt_refuse(-EBADMSG, TLS_BAD_RECORD_MAC, alert);
	return half->etm ? open_etm(half, seq, *type, *text, encrypted, text_len, alert) :
			   open_mte(half, seq, *type, *text, encrypted, text_len, alert);
}

const struct kssl_crypt_ops kssl_cbc_ops = {
	.alloc = cbc_alloc,
	.setkey = cbc_setkey,
	.free = cbc_free,
	.driver = cbc_driver,
	.seal = cbc_seal,
	.open = cbc_open,
};
