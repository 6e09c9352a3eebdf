// SPDX-License-Identifier: GPL-2.0
/*
 * HMAC (RFC 2104) for the suites that have a MAC of their own, and for the key
 * schedule.
 *
 * The digest's two states, after the inner and after the outer key block, are
 * made once per key and imported for each record.  The kernel's hmac does the
 * same inside; kept here, one block after the other can be looked at, which the
 * receipt of MAC-then-encrypt needs: kssl_mac_sum_hidden().
 *
 * That one relies on an exported state beginning with the chaining value, words
 * in native order, as it does for every SHA of the kernel; kssl_mac_can_hide()
 * tests it.
 *
 * A digest without a key has no secret and no state: one of each is allocated, when
 * it is needed first, and shared.
 */
#include "mac.h"

#include <crypto/hash.h>
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "ct.h"

#define BLOCK_MAX	128	/* SHA-384 */
#define DIGEST_MAX	48

/* digests_lock; once there, constant until kssl_mac_exit() */
static struct digest {
	const char *name;
	struct crypto_shash *hash;
} digests[] = {
	{ .name = "sha1" }, { .name = "sha256" }, { .name = "sha384" },
};

static DEFINE_MUTEX(digests_lock);

/**
 * struct kssl_mac - a keyed HMAC
 * @hash: the digest, shared
 * @len: its length, bytes
 * @block: its block, bytes
 * @word: bytes of a word of its state
 * @state_len: size of an exported state
 * @states: three of them: after the inner key block, after the outer one, and a
 *	place to look at one
 */
struct kssl_mac {
	struct crypto_shash *hash;
	u8 len;
	u8 block;
	u8 word;
	u16 state_len;
	u8 states[];
};

static u8 *inner(struct kssl_mac *mac)
{
	return mac->states;
}

static u8 *outer(struct kssl_mac *mac)
{
	return mac->states + mac->state_len;
}

static u8 *looked_at(struct kssl_mac *mac)
{
	return mac->states + 2 * mac->state_len;
}

/* The chaining value, as the digest it would be if nothing followed. */
static int chaining_value(struct kssl_mac *mac, struct shash_desc *desc, u8 *out)
{
	const u8 *state = looked_at(mac);
	int err = crypto_shash_export(desc, looked_at(mac));
	u32 i;

	for (i = 0; i < mac->len; i += mac->word) {
		u64 big;
		u32 small;

		if (mac->word == sizeof(big)) {
			memcpy(&big, state + i, sizeof(big));
			put_unaligned_be64(big, out + i);
		} else {
			memcpy(&small, state + i, sizeof(small));
			put_unaligned_be32(small, out + i);
		}
	}
	return err;
}

/**
 * kssl_mac_can_hide() - will kssl_mac_sum_hidden() find the chaining value?
 * @mac: an HMAC
 *
 * Is the state after the padding of nothing the digest of nothing?
 *
 * Return: 0; -EOPNOTSUPP: it lies elsewhere; or what the crypto API says.
 */
int kssl_mac_can_hide(struct kssl_mac *mac)
{
	SHASH_DESC_ON_STACK(desc, mac->hash);
	u8 block[BLOCK_MAX] = { 0x80 };
	u8 got[DIGEST_MAX], want[DIGEST_MAX];
	int err;

	desc->tfm = mac->hash;
	err = crypto_shash_digest(desc, block, 0, want) ?: crypto_shash_init(desc) ?:
	      crypto_shash_update(desc, block, mac->block) ?: chaining_value(mac, desc, got);
	if (err)
		return err;
	return memcmp(got, want, mac->len) ? -EOPNOTSUPP : 0;
}

static struct crypto_shash *digest_alloc(struct digest *d)
{
	struct crypto_shash *hash;

	mutex_lock(&digests_lock);
	hash = d->hash ?: crypto_alloc_shash(d->name, 0, 0);
	if (!IS_ERR(hash))
		smp_store_release(&d->hash, hash);	/* pairs with digest_get() */
	mutex_unlock(&digests_lock);
	return hash;
}

static struct crypto_shash *digest_get(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(digests); i++)
		if (!strcmp(digests[i].name, name))
			return smp_load_acquire(&digests[i].hash) ?: digest_alloc(&digests[i]);
	return ERR_PTR(-ENOENT);
}

/**
 * kssl_mac_exit() - free the shared digests; no HMAC is left
 */
void kssl_mac_exit(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(digests); i++) {
		if (digests[i].hash)
			crypto_free_shash(digests[i].hash);
		digests[i].hash = NULL;
	}
}

/**
 * kssl_mac_new() - an HMAC, not keyed yet
 * @digest: "sha1", "sha256" or "sha384"
 *
 * Context: process.  Return: the HMAC, the caller's until kssl_mac_free(); or
 * ERR_PTR: -ENOENT (the kernel lacks the digest), -ENOMEM.
 */
struct kssl_mac *kssl_mac_new(const char *digest)
{
	struct crypto_shash *hash = digest_get(digest);
	struct kssl_mac *mac;

	if (IS_ERR(hash))
		return ERR_CAST(hash);
	mac = kzalloc(sizeof(*mac) + 3 * crypto_shash_statesize(hash), GFP_KERNEL_ACCOUNT);
	if (!mac)
		return ERR_PTR(-ENOMEM);
	mac->hash = hash;
	mac->len = crypto_shash_digestsize(hash);
	mac->block = crypto_shash_blocksize(hash);
	mac->word = mac->block == BLOCK_MAX ? sizeof(u64) : sizeof(u32);
	mac->state_len = crypto_shash_statesize(hash);
	return mac;
}

/**
 * kssl_mac_free() - wipe and free
 * @mac: may be NULL
 */
void kssl_mac_free(struct kssl_mac *mac)
{
	if (mac)
		kfree_sensitive(mac);
}

/**
 * kssl_mac_len() - bytes of the MAC
 * @mac: the HMAC
 */
u32 kssl_mac_len(const struct kssl_mac *mac)
{
	return mac->len;
}

/**
 * kssl_mac_driver() - the driver of the digest
 * @mac: the HMAC
 */
const char *kssl_mac_driver(const struct kssl_mac *mac)
{
	return crypto_tfm_alg_driver_name(crypto_shash_tfm(mac->hash));
}

/* The state after a block of key XOR @pad. */
static int key_state(struct kssl_mac *mac, const u8 *key, u32 key_len, u8 pad, u8 *state)
{
	SHASH_DESC_ON_STACK(desc, mac->hash);
	u8 block[BLOCK_MAX];
	int err;
	u32 i;

	memset(block, pad, mac->block);
	for (i = 0; i < key_len; i++)
		block[i] ^= key[i];
	desc->tfm = mac->hash;
	err = crypto_shash_init(desc) ?: crypto_shash_update(desc, block, mac->block) ?:
	      crypto_shash_export(desc, state);
	memzero_explicit(block, sizeof(block));
	shash_desc_zero(desc);
	return err;
}

/**
 * kssl_mac_setkey() - set the key, or the next one
 * @mac: the HMAC
 * @key: the caller wipes it
 * @key_len: no more than the digest's block: TLS has none that would be hashed
 *
 * Return: 0, -EINVAL (too long), or what the crypto API says.
 */
int kssl_mac_setkey(struct kssl_mac *mac, const u8 *key, u32 key_len)
{
	if (key_len > mac->block)
		return -EINVAL;
	return key_state(mac, key, key_len, 0x36, inner(mac)) ?:
	       key_state(mac, key, key_len, 0x5c, outer(mac));
}

/* @out: the digest of the inner part, becomes the MAC. */
static int finish(struct kssl_mac *mac, struct shash_desc *desc, u8 *out)
{
	return crypto_shash_import(desc, outer(mac)) ?:
	       crypto_shash_finup(desc, out, mac->len, out);
}

/**
 * kssl_mac_sum() - the MAC of something
 * @mac: a keyed HMAC
 * @head: what comes first
 * @head_len: its length
 * @data: what follows
 * @len: its length
 * @out: the MAC, as long as the digest
 *
 * Context: process, one caller at a time.  Return: 0, or what the crypto API says.
 */
int kssl_mac_sum(struct kssl_mac *mac, const u8 *head, u32 head_len, const u8 *data, u32 len,
		 u8 *out)
{
	SHASH_DESC_ON_STACK(desc, mac->hash);
	int err;

	desc->tfm = mac->hash;
	err = crypto_shash_import(desc, inner(mac)) ?:
	      crypto_shash_update(desc, head, head_len) ?:
	      crypto_shash_finup(desc, data, len, out) ?: finish(mac, desc, out);
	shash_desc_zero(desc);
	return err;
}

/**
 * struct hidden - a message whose end must not show
 * @head: what comes first, public length
 * @head_len: its length, bytes
 * @data: what follows
 * @end: where the message ends, counted from @head; secret
 * @most: where it ends at the latest
 * @last: number of the block that ends the inner digest; secret
 * @bits: length of key block and message in bits, big endian; secret
 */
struct hidden {
	const u8 *head;
	u32 head_len;
	const u8 *data;
	u32 end;
	u32 most;
	u32 last;
	u8 bits[8];
};

/* A byte of the message, at a public place; zero behind what can be message. */
static u8 byte_at(const struct hidden *h, u32 at)
{
	if (at < h->head_len)
		return h->head[at];
	return at < h->most ? h->data[at - h->head_len] : 0;
}

/*
 * Block number @nr of message, 0x80, zeros and length (FIPS 180-4, 5.1), the same
 * steps wherever the message ends.
 */
static void make_block(const struct hidden *h, u32 nr, u32 size, u8 *block)
{
	u32 last = kssl_ct_eq(nr, h->last), at = nr * size, i;

	for (i = 0; i < size; i++, at++)
		block[i] = (byte_at(h, at) & kssl_ct_lt(at, h->end)) |
			   (0x80 & kssl_ct_eq(at, h->end));
	for (i = 0; i < sizeof(h->bits); i++)
		block[size - sizeof(h->bits) + i] |= h->bits[i] & last;
}

/* Blocks @nr to @blocks one by one; the state after the last of the message stays. */
static int hidden_blocks(struct kssl_mac *mac, struct shash_desc *desc, const struct hidden *h,
			 u32 nr, u32 blocks, u8 *out)
{
	u8 block[BLOCK_MAX], value[DIGEST_MAX];
	int err = 0;
	u32 i;

	memset(out, 0, mac->len);
	for (; nr < blocks && !err; nr++) {
		u32 last = kssl_ct_eq(nr, h->last);

		make_block(h, nr, mac->block, block);
		err = crypto_shash_update(desc, block, mac->block) ?:
		      chaining_value(mac, desc, value);
		for (i = 0; i < mac->len; i++)
			out[i] |= value[i] & last;
	}
	memzero_explicit(block, sizeof(block));
	memzero_explicit(value, sizeof(value));
	return err;
}

/**
 * kssl_mac_sum_hidden() - the MAC of a text whose length must not show
 * @mac: a keyed HMAC
 * @head: what comes first; may depend on @len
 * @head_len: its length
 * @data: the text, in @most readable bytes
 * @least: the text has at least so many bytes; public
 * @most: and no more than so many; public
 * @len: its length; secret
 * @out: the MAC
 *
 * Whole blocks that are text in any case go through the digest at once.  Those
 * that may hold the end are made with masks, and after each the chaining value
 * is taken or not with a mask.  So the number of blocks, the order of memory
 * accesses and the instructions depend on @head_len, @least and @most alone
 * (Lucky Thirteen: AlFardan and Paterson, 2013).
 *
 * Context: process, one caller at a time.  Return: 0, or what the crypto API says.
 */
int kssl_mac_sum_hidden(struct kssl_mac *mac, const u8 *head, u32 head_len, const u8 *data,
			u32 least, u32 most, u32 len, u8 *out)
{
	SHASH_DESC_ON_STACK(desc, mac->hash);
	/* 0x80 and the length, which takes an eighth of a block */
	u32 shift = ilog2(mac->block), field = mac->block / 8;
	u32 first = (head_len + least) >> shift;
	struct hidden h = {
		.head = head, .head_len = head_len, .data = data,
		.end = head_len + len, .most = head_len + most,
		.last = (head_len + len + field) >> shift,
	};
	int err;

	put_unaligned_be64((u64)(mac->block + h.end) * 8, h.bits);
	desc->tfm = mac->hash;
	err = crypto_shash_import(desc, inner(mac));
	if (!err && first)
		err = crypto_shash_update(desc, head, head_len) ?:
		      crypto_shash_update(desc, data, (first << shift) - head_len);
	err = err ?: hidden_blocks(mac, desc, &h, first, ((h.most + field) >> shift) + 1, out) ?:
	      finish(mac, desc, out);
	shash_desc_zero(desc);
	return err;
}
