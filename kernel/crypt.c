// SPDX-License-Identifier: GPL-2.0
/*
 * Seal and open records: which code does it for a kind of suite.  In place, in
 * one flat buffer that belongs to kssl alone: never in pages of an skb, which may
 * be somebody's page cache.
 */
#include "crypt.h"

#include <linux/unaligned.h>

#include "suite.h"

static const struct kssl_crypt_ops *const kinds[] = {
	[KSSL_AEAD] = &kssl_aead_ops,
	[KSSL_CBC] = &kssl_cbc_ops,
	[KSSL_MAC] = &kssl_mac_ops,
};

/**
 * kssl_crypt_alloc() - transforms for a half, not keyed yet
 * @half: a new half that knows its suite
 *
 * Context: process.  Return: 0; -ENOENT (the kernel lacks the cipher); -ENOMEM;
 * or what else the crypto API says.  kssl_crypt_free() undoes it, also after an
 * error.
 */
int kssl_crypt_alloc(struct kssl_half *half)
{
	const struct kssl_suite *suite = half->suite;

	half->ops = kinds[suite->kind];
	half->head = TLS_HEADER_LEN + suite->explicit_len;
	half->tail = suite->tag_len + (suite->version == TLS13) +
		     (suite->kind == KSSL_CBC ? TLS_CBC_BLOCK_LEN : 0);
	return half->ops->alloc(half);
}

/**
 * kssl_crypt_free() - wipe and free the transforms
 * @half: the half
 */
void kssl_crypt_free(struct kssl_half *half)
{
	if (half->ops)
		half->ops->free(half);
}

/**
 * kssl_crypt_is_shared() - can several CPUs use a direction's keys at a time?
 * @half: the keys
 *
 * They only read them then, and have all else on the stack.
 */
bool kssl_crypt_is_shared(const struct kssl_half *half)
{
	return half->suite->kind == KSSL_AEAD && !half->work;
}

/**
 * kssl_crypt_seal() - make a record of a text, in place
 * @half: sending keys
 * @seq: sequence number, from kssl_keys_seq(), for this record alone
 * @type: content type
 * @text: the text, with half->head bytes of room before it and half->tail and @pad
 *	after it; lowmem, physically contiguous
 * @len: its length, 0 to TLS_TEXT_MAX
 * @pad: zeros to put behind the type, TLS 1.3 only; @len + @pad is no more than
 *	TLS_TEXT_MAX
 * @record_len: set to the length of the record, which begins half->head bytes
 *	before the text
 *
 * Context: process, socket lock.  Return: 0, or what the crypto API says; then
 * the buffer's content must not be sent.
 */
int kssl_crypt_seal(struct kssl_half *half, u64 seq, u8 type, u8 *text, u32 len, u32 pad,
		    u32 *record_len)
{
	int err = half->ops->seal(half, seq, type, text, len, pad);

	*record_len = err ? 0 : TLS_HEADER_LEN + get_unaligned_be16(text - half->head + 3);
	return err;
}
