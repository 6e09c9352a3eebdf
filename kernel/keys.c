// SPDX-License-Identifier: GPL-2.0
/*
 * Life of key material: from the caller's struct kssl_key to a keyed transform,
 * the next generation at a KeyUpdate, the sequence number, the end.
 */
#include "keys.h"

#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "crypt.h"
#include "mac.h"
#include "session.h"
#include "suite.h"

#define LABEL_PREFIX	"tls13 "
#define LABEL_MAX	16
/* uint16 length, <label>, <context>, and HKDF's block counter */
#define INFO_MAX	(2 + 1 + sizeof(LABEL_PREFIX) + LABEL_MAX + 1 + 1)

static struct kmem_cache *halves __read_mostly;	/* kmalloc() would waste a third */

/*
 * HkdfLabel with an empty context (RFC 8446, 7.1), followed by the counter 1 of
 * HKDF-Expand's first block (RFC 5869, 2.3), which is all we ever need.
 */
static u8 hkdf_info(u8 *p, const char *label, u8 out_len)
{
	u8 label_len = strlen(LABEL_PREFIX) + strlen(label);
	u8 *q = p;

	put_unaligned_be16(out_len, q);
	q += 2;
	*q++ = label_len;
	memcpy(q, LABEL_PREFIX, strlen(LABEL_PREFIX));
	memcpy(q + strlen(LABEL_PREFIX), label, strlen(label));
	q += label_len;
	*q++ = 0;
	*q++ = 1;
	return q - p;
}

/* HKDF-Expand of one block; @hmac is keyed with the secret. */
static int expand(struct kssl_mac *hmac, const char *label, u8 *out, u8 out_len)
{
	u8 block[KSSL_SECRET_MAX];
	u8 info[INFO_MAX];
	u8 info_len;
	int err;

	if (strlen(label) > LABEL_MAX || out_len > kssl_mac_len(hmac))
		return -EINVAL;
	info_len = hkdf_info(info, label, out_len);
	err = kssl_mac_sum(hmac, info, 2, info + 2, info_len - 2, block);
	if (!err)
		memcpy(out, block, out_len);
	memzero_explicit(block, sizeof(block));
	return err;
}

static struct kssl_mac *hmac_new(const char *hash, const struct kssl_secret *secret)
{
	struct kssl_mac *hmac = kssl_mac_new(hash);
	int err;

	if (IS_ERR(hmac))
		return hmac;
	err = kssl_mac_setkey(hmac, secret->data, secret->len);
	if (err) {
		kssl_mac_free(hmac);
		return ERR_PTR(err);
	}
	return hmac;
}

/**
 * kssl_keys_expand_label() - HKDF-Expand-Label with an empty context
 * @hash: "sha256" or "sha384"
 * @secret: the secret
 * @label: without "tls13 "
 * @out: result
 * @out_len: its length, at most that of the hash
 *
 * RFC 8446, 7.1.  Context: process.  Return: 0, -EINVAL, or what the crypto API
 * says.
 */
int kssl_keys_expand_label(const char *hash, const struct kssl_secret *secret,
			   const char *label, u8 *out, u8 out_len)
{
	struct kssl_mac *hmac = hmac_new(hash, secret);
	int err;

	if (IS_ERR(hmac))
		return PTR_ERR(hmac);
	err = expand(hmac, label, out, out_len);
	kssl_mac_free(hmac);
	return err;
}

/* Key and IV of TLS 1.3 from the half's traffic secret (RFC 8446, 7.3). */
static int derive13(struct kssl_half *half)
{
	struct kssl_mac *hmac = hmac_new(half->suite->hash, &half->secret);
	u8 key[KSSL_SECRET_MAX];
	int err;

	if (IS_ERR(hmac))
		return PTR_ERR(hmac);
	err = expand(hmac, "key", key, half->suite->key_len);
	if (!err)
		err = expand(hmac, "iv", half->iv, half->suite->iv_len);
	if (!err)
		err = half->ops->setkey(half, key, NULL);
	memzero_explicit(key, sizeof(key));
	kssl_mac_free(hmac);
	return err;
}

static int take12(struct kssl_half *half, const struct kssl_key *key)
{
	memcpy(half->iv, key->iv, key->iv_len);
	return half->ops->setkey(half, key->key, key->mac);
}

static int take13(struct kssl_half *half, const struct kssl_key *key)
{
	half->secret.len = key->secret_len;
	memcpy(half->secret.data, key->secret, key->secret_len);
	return derive13(half);
}

/* Does the key material have the sizes that the suite wants? */
static bool fits(const struct kssl_suite *suite, const struct kssl_key *key)
{
	if (key->flags & ~(suite->kind == KSSL_CBC ? KSSL_KEY_ETM : 0))
		return false;
	if (suite->version == TLS13)
		return key->secret_len == suite->secret_len && !key->key_len && !key->iv_len &&
		       !key->mac_len;
	if (key->mac_len != (suite->kind == KSSL_AEAD ? 0 : suite->tag_len))
		return false;
	return key->key_len == suite->key_len && key->iv_len == suite->iv_len && !key->secret_len;
}

static struct kssl_half *half_new(const struct kssl_suite *suite, u64 seq)
{
	struct kssl_half *half = kmem_cache_zalloc(halves, GFP_KERNEL);
	int err;

	if (!half)
		return ERR_PTR(-ENOMEM);
	half->suite = suite;
	half->version = suite->version;
	half->seq = seq;
	half->since = get_jiffies_64();
	err = kssl_crypt_alloc(half);
	if (err) {
		kssl_keys_free(half);
		return ERR_PTR(err);
	}
	return half;
}

/**
 * kssl_keys_new() - one direction's keys, ready to use
 * @key: version, suite, sequence number and material; the caller wipes it
 * @why: set on error to the reason in words
 *
 * Context: process, best without the socket lock: may load a module.
 * Return: a half that the caller owns until kssl_keys_install() or
 * kssl_keys_free(); or ERR_PTR: -EINVAL (version, suite or sizes), -ENOENT (the
 * kernel lacks the cipher), -ENOMEM.
 */
struct kssl_half *kssl_keys_new(const struct kssl_key *key, const char **why)
{
	const struct kssl_suite *suite = kssl_suite_find(key->version, key->suite);
	struct kssl_half *half;
	int err;

	*why = "version or cipher suite not supported";
	if (!suite)
		return ERR_PTR(-EINVAL);
	*why = "key material does not fit the cipher suite";
	if (!fits(suite, key))
		return ERR_PTR(-EINVAL);
	*why = "the kernel's crypto API refused the cipher";
	half = half_new(suite, key->seq);
	if (IS_ERR(half))
		return half;
	half->etm = key->flags & KSSL_KEY_ETM;
	err = suite->version == TLS13 ? take13(half, key) : take12(half, key);
	if (err) {
		kssl_keys_free(half);
		return ERR_PTR(err);
	}
	return half;
}

/**
 * kssl_keys_new_raw() - one direction's keys from write key and write IV
 * @suite: the suite; the caller's sizes are its sizes
 * @key: write key; the caller wipes it
 * @iv: write IV: 12 bytes, or the implicit part of the nonce
 * @seq: sequence number of the next record
 * @explicit_nonce: what goes on the wire with that record, where something does
 *
 * For those who have no traffic secret (SOL_TLS): such keys have no next
 * generation.  Context and return value as for kssl_keys_new().
 */
struct kssl_half *kssl_keys_new_raw(const struct kssl_suite *suite, const u8 *key, const u8 *iv,
				    u64 seq, u64 explicit_nonce)
{
	struct kssl_half *half = half_new(suite, seq);
	int err;

	if (IS_ERR(half))
		return half;
	memcpy(half->iv, iv, suite->explicit_len ? 4 : TLS_NONCE_LEN);
	if (suite->explicit_len)
		half->explicit_off = explicit_nonce - seq;
	err = half->ops->setkey(half, key, NULL);
	if (err) {
		kssl_keys_free(half);
		return ERR_PTR(err);
	}
	return half;
}

/**
 * kssl_keys_free() - wipe and free
 * @half: may be NULL
 *
 * Any context that may free memory.
 */
void kssl_keys_free(struct kssl_half *half)
{
	if (!half)
		return;
	kssl_crypt_free(half);
	memzero_explicit(half, sizeof(*half));
	kmem_cache_free(halves, half);
}

/**
 * kssl_keys_allowed() - may keys of that suite be used here?
 * @kn: network namespace
 * @half: the keys
 *
 * Return: false for a suite that does not encrypt, unless the policy opens them.
 */
bool kssl_keys_allowed(const struct kssl_net *kn, const struct kssl_half *half)
{
	return half->suite->kind != KSSL_MAC || READ_ONCE(kn->mac_only);
}

/**
 * kssl_keys_install() - give keys to a session
 * @s: the session
 * @seal: sending keys, or NULL for none; taken over, *@seal becomes NULL
 * @open: receiving keys, likewise
 *
 * A direction that has keys already keeps them, and the new ones stay the
 * caller's.  Context: socket lock.
 */
void kssl_keys_install(struct kssl_session *s, struct kssl_half **seal, struct kssl_half **open)
{
	if (seal && *seal && !s->seal) {
		WRITE_ONCE(s->seal, *seal);
		*seal = NULL;
	}
	if (open && *open && !s->open) {
		s->open = *open;
		*open = NULL;
	}
}

/**
 * kssl_keys_driver() - which drivers of the crypto API serve a suite
 * @suite: the suite
 * @name: set to their names
 * @room: bytes there
 *
 * Allocates them only to learn that.  Context: process.  Return: 0; -ENOENT (the
 * kernel lacks the cipher); -ENOMEM.
 */
int kssl_keys_driver(const struct kssl_suite *suite, char *name, size_t room)
{
	struct kssl_half *half = half_new(suite, 0);

	if (IS_ERR(half))
		return PTR_ERR(half);
	half->ops->driver(half, name, room);
	kssl_keys_free(half);
	return 0;
}

/**
 * kssl_keys_update() - next generation (RFC 8446, 7.2)
 * @half: TLS 1.3 keys
 *
 * The old secret and key are overwritten.  Context: process, socket lock.
 * Return: 0; -EKEYEXPIRED: keys without a secret; or what the crypto API says:
 * then no record can be made or opened with the half any more.
 */
int kssl_keys_update(struct kssl_half *half)
{
	u8 next[KSSL_SECRET_MAX];
	int err;

	if (!half->secret.len)
		return -EKEYEXPIRED;
	err = kssl_keys_expand_label(half->suite->hash, &half->secret, "traffic upd", next,
				     half->secret.len);
	if (!err) {
		memcpy(half->secret.data, next, half->secret.len);
		err = derive13(half);
	}
	memzero_explicit(next, sizeof(next));
	/* half changed keys must not count from 0 again: that would repeat nonces */
	half->seq = err ? U64_MAX : 0;
	half->used = 0;
	half->since = get_jiffies_64();
	return err;
}

/**
 * kssl_keys_init() - memory of halves
 *
 * Return: 0 or -ENOMEM.
 */
int kssl_keys_init(void)
{
	halves = KMEM_CACHE(kssl_half, SLAB_ACCOUNT);
	return halves ? 0 : -ENOMEM;
}

/**
 * kssl_keys_exit() - undo; no half is left
 */
void kssl_keys_exit(void)
{
	kmem_cache_destroy(halves);
}
