// SPDX-License-Identifier: GPL-2.0
/*
 * Keying material for the program (RFC 5705; RFC 8446, 7.5).  The keys of the
 * records are made elsewhere (keys.c).
 */
#include "exporter.h"

#include <crypto/hash.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "suite.h"

#define MASTER_LEN	48	/* RFC 5246, 8.1 */
#define LABEL_PREFIX	"tls13 "
/* HkdfLabel: uint16 length, <label>, <hash>; and HKDF's block counter */
#define INFO_MAX	(2 + 1 + 255 + 1 + KSSL_SECRET_MAX + 1)
/* RFC 5705, 4: label, both randoms, uint16 length and context */
#define SEED_MAX	(KSSL_EXPORTER_LABEL_MAX + 2 * TLS_RANDOM_LEN + 2 + KSSL_EXPORTER_CONTEXT_MAX)

/**
 * struct derivation - one under way
 * @hmac: keyed with a secret
 * @size: of its hash, bytes
 * @secret: TLS 1.3: the second secret
 * @hash: TLS 1.3: of a context
 * @block: what the last HMAC gave
 * @in: what the next one takes: the block before, if any, ends at SEED_AT, and the
 *	HkdfLabel or the seed of the PRF begins there
 */
struct derivation {
	struct crypto_shash *hmac;
	u32 size;
	struct kssl_secret secret;
	u8 hash[KSSL_SECRET_MAX];
	u8 block[KSSL_SECRET_MAX];
	u8 in[KSSL_SECRET_MAX + SEED_MAX];
};

#define SEED_AT		KSSL_SECRET_MAX

/* The labels that TLS itself derives by (RFC 5705, 4; RFC 7627, 4). */
static const char *const reserved[] = {
	"client finished", "server finished", "master secret", "extended master secret",
	"key expansion",
};

/*
 * In the PRF a label runs into what follows it, so none may begin like one of
 * TLS's own either.
 */
static bool is_reserved(const char *label, u32 len)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(reserved); i++)
		if (len >= strlen(reserved[i]) && !memcmp(label, reserved[i], strlen(reserved[i])))
			return true;
	return false;
}

/**
 * kssl_exporter_valid() - may that be asked for?
 * @x: a program's question
 */
bool kssl_exporter_valid(const struct kssl_exporter *x)
{
	static_assert(sizeof(x->label) >= KSSL_EXPORTER_LABEL_MAX);
	static_assert(sizeof(x->context) == KSSL_EXPORTER_CONTEXT_MAX);
	static_assert(sizeof(x->out) == KSSL_EXPORTER_OUT_MAX);
	static_assert(sizeof(LABEL_PREFIX) - 1 + KSSL_EXPORTER_LABEL_MAX == 255);
	static_assert(INFO_MAX <= SEED_MAX);

	if (!x->label_len || x->label_len > KSSL_EXPORTER_LABEL_MAX ||
	    x->context_len > KSSL_EXPORTER_CONTEXT_MAX ||
	    !x->out_len || x->out_len > KSSL_EXPORTER_OUT_MAX ||
	    x->has_context > 1 || (x->context_len && !x->has_context) || x->reserved)
		return false;
	return !is_reserved(x->label, x->label_len);
}

/**
 * kssl_exporter_new() - keep what keying material is exported from
 * @suite: the session's
 * @secret: exporter_master_secret (TLS 1.3) or master_secret
 * @secret_len: its length
 * @randoms: TLS 1.2: client's random, then the server's
 * @randoms_len: their length, 0 for TLS 1.3
 *
 * Return: what the caller owns until kssl_exporter_free(); or ERR_PTR: -EINVAL
 * (sizes), -ENOMEM.
 */
struct kssl_master *kssl_exporter_new(const struct kssl_suite *suite, const u8 *secret,
				      u32 secret_len, const u8 *randoms, u32 randoms_len)
{
	bool tls13 = suite->version == TLS13;
	struct kssl_master *m;

	if (secret_len != (tls13 ? suite->secret_len : MASTER_LEN) ||
	    randoms_len != (tls13 ? 0 : sizeof(m->randoms)))
		return ERR_PTR(-EINVAL);
	m = kzalloc(sizeof(*m), GFP_KERNEL_ACCOUNT);
	if (!m)
		return ERR_PTR(-ENOMEM);
	m->suite = suite;
	m->secret.len = secret_len;
	memcpy(m->secret.data, secret, secret_len);
	if (randoms_len)
		memcpy(m->randoms, randoms, randoms_len);
	return m;
}

/**
 * kssl_exporter_free() - wipe and free
 * @m: may be NULL
 */
void kssl_exporter_free(struct kssl_master *m)
{
	kfree_sensitive(m);
}

static int digest(struct crypto_shash *tfm, const u8 *in, u32 len, u8 *out)
{
	SHASH_DESC_ON_STACK(desc, tfm);
	int err;

	desc->tfm = tfm;
	err = crypto_shash_digest(desc, in, len, out);
	shash_desc_zero(desc);
	return err;
}

/* The suite's hash without a key. */
static int hash(const struct kssl_suite *suite, const u8 *in, u32 len, u8 *out)
{
	struct crypto_shash *tfm = crypto_alloc_shash(suite->hash, 0, 0);
	int err;

	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	err = digest(tfm, in, len, out);
	crypto_free_shash(tfm);
	return err;
}

/* HKDF-Expand (RFC 5869, 2.3); the info of @len bytes lies at SEED_AT. */
static int hkdf_expand(struct derivation *d, u32 len, u8 *out, u32 out_len)
{
	u8 *info = d->in + SEED_AT, *last = info - d->size;
	u32 done, n;
	int err;

	for (done = 0; done < out_len; done += n) {
		info[len] = done / d->size + 1;
		err = done ? digest(d->hmac, last, d->size + len + 1, d->block) :
			     digest(d->hmac, info, len + 1, d->block);
		if (err)
			return err;
		memcpy(last, d->block, d->size);
		n = min(out_len - done, d->size);
		memcpy(out + done, d->block, n);
	}
	return 0;
}

/* HKDF-Expand-Label (RFC 8446, 7.1); the context is always a hash, d->hash. */
static int expand_label(struct derivation *d, const struct kssl_secret *secret, const char *label,
			u32 label_len, u8 *out, u32 out_len)
{
	u32 prefix_len = strlen(LABEL_PREFIX);
	u8 *p = d->in + SEED_AT;
	int err;

	err = crypto_shash_setkey(d->hmac, secret->data, secret->len);
	if (err)
		return err;
	put_unaligned_be16(out_len, p);
	p[2] = prefix_len + label_len;
	memcpy(p + 3, LABEL_PREFIX, prefix_len);
	memcpy(p + 3 + prefix_len, label, label_len);
	p += 3 + prefix_len + label_len;
	*p++ = d->size;
	memcpy(p, d->hash, d->size);
	return hkdf_expand(d, p + d->size - (d->in + SEED_AT), out, out_len);
}

/* RFC 8446, 7.5 */
static int derive13(const struct kssl_master *m, struct derivation *d, struct kssl_exporter *x)
{
	int err;

	d->secret.len = d->size;
	err = hash(m->suite, d->in, 0, d->hash);
	if (!err)
		err = expand_label(d, &m->secret, x->label, x->label_len, d->secret.data, d->size);
	if (!err)
		err = hash(m->suite, x->context, x->context_len, d->hash);
	return err ?: expand_label(d, &d->secret, "exporter", 8, x->out, x->out_len);
}

/* P_hash (RFC 5246, 5); the seed of @len bytes lies at SEED_AT. */
static int p_hash(struct derivation *d, u32 len, u8 *out, u32 out_len)
{
	u8 *seed = d->in + SEED_AT, *a = seed - d->size;
	u32 done, n;
	int err;

	err = digest(d->hmac, seed, len, d->block);
	for (done = 0; !err && done < out_len; done += n) {
		memcpy(a, d->block, d->size);
		err = digest(d->hmac, a, d->size + len, d->block);
		n = min(out_len - done, d->size);
		memcpy(out + done, d->block, n);
		if (!err)
			err = digest(d->hmac, a, d->size, d->block);
	}
	return err;
}

/* RFC 5705, 4 */
static int derive12(const struct kssl_master *m, struct derivation *d, struct kssl_exporter *x)
{
	u8 *p = d->in + SEED_AT;
	int err;

	err = crypto_shash_setkey(d->hmac, m->secret.data, m->secret.len);
	if (err)
		return err;
	memcpy(p, x->label, x->label_len);
	p += x->label_len;
	memcpy(p, m->randoms, sizeof(m->randoms));
	p += sizeof(m->randoms);
	if (x->has_context) {
		put_unaligned_be16(x->context_len, p);
		memcpy(p + 2, x->context, x->context_len);
		p += 2 + x->context_len;
	}
	return p_hash(d, p - (d->in + SEED_AT), x->out, x->out_len);
}

/**
 * kssl_exporter_derive() - export keying material
 * @m: what from
 * @x: a question that kssl_exporter_valid() lets pass; the answer goes to its
 *	@out, which the caller wipes
 *
 * Context: process.  Return: 0; -ENOMEM, or what the crypto API says.
 */
int kssl_exporter_derive(const struct kssl_master *m, struct kssl_exporter *x)
{
	struct derivation *d = kzalloc(sizeof(*d), GFP_KERNEL);
	int err;

	if (!d)
		return -ENOMEM;
	d->hmac = crypto_alloc_shash(strcmp(m->suite->hash, "sha384") ? "hmac(sha256)" :
				     "hmac(sha384)", 0, 0);
	if (IS_ERR(d->hmac)) {
		err = PTR_ERR(d->hmac);
		goto out_free;
	}
	d->size = crypto_shash_digestsize(d->hmac);
	if (d->size > KSSL_SECRET_MAX)
		err = -EINVAL;
	else if (m->suite->version == TLS13)
		err = derive13(m, d, x);
	else
		err = derive12(m, d, x);
	crypto_free_shash(d->hmac);
out_free:
	kfree_sensitive(d);
	return err;
}
