/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_CRYPT_H
#define _KSSL_CRYPT_H

#include "keys.h"

/**
 * struct kssl_crypt_ops - how one kind of suite protects records
 * @alloc: transforms for a new half; what was made before an error is freed by
 *	@free.  Context: process
 * @setkey: write key of the suite's length, and MAC key of the tag's length where
 *	the suite has one; again at each KeyUpdate.  Context: process
 * @free: also of a half that @alloc did not finish; keys are wiped.  Any context
 *	that may free memory
 * @driver: names of the drivers at work, for people
 * @seal: see kssl_crypt_seal()
 * @open: see kssl_crypt_open()
 */
struct kssl_crypt_ops {
	int (*alloc)(struct kssl_half *half);
	int (*setkey)(struct kssl_half *half, const u8 *key, const u8 *mac);
	void (*free)(struct kssl_half *half);
	void (*driver)(const struct kssl_half *half, char *name, size_t room);
	int (*seal)(struct kssl_half *half, u64 seq, u8 type, u8 *text, u32 len, u32 pad);
	int (*open)(struct kssl_half *half, u64 seq, u8 *record, u32 len, u8 *type, u8 **text,
		    u32 *text_len, u8 *alert);
};

extern const struct kssl_crypt_ops kssl_aead_ops;
extern const struct kssl_crypt_ops kssl_cbc_ops;
extern const struct kssl_crypt_ops kssl_mac_ops;

/* Most bytes of a record around its text, whatever the suite. */
#define KSSL_EXPAND_MAX	(TLS_HEADER_LEN + TLS_CBC_BLOCK_LEN + KSSL_MAC_MAX + TLS_CBC_BLOCK_LEN)

/*
 * Ciphers go through a buffer page by page.  A page's end amid a cipher block
 * costs extra work, so the text of a long record begins at a multiple of this.
 */
#define KSSL_TEXT_ALIGN	16

bool kssl_crypt_is_shared(const struct kssl_half *half);
int kssl_crypt_alloc(struct kssl_half *half);
void kssl_crypt_free(struct kssl_half *half);
int kssl_crypt_seal(struct kssl_half *half, u64 seq, u8 type, u8 *text, u32 len, u32 pad,
		    u32 *record_len);

/**
 * kssl_crypt_open() - verify and decrypt a record, in place
 * @half: receiving keys
 * @seq: sequence number, from kssl_keys_seq(), for this record alone
 * @record: the record, header first; kssl_record_check() has passed; in memory
 *	that belongs to kssl alone, physically contiguous
 * @len: its length with header
 * @type: set to the content type
 * @text: set to where the text begins
 * @text_len: set to its length
 * @alert: set on error
 *
 * Context: process, socket lock.  Return: 0; -EBADMSG (did not verify, or no
 * content type); -EMSGSIZE; else what the crypto API says.  On error the
 * buffer's content must not be used.
 */
static inline int kssl_crypt_open(struct kssl_half *half, u64 seq, u8 *record, u32 len, u8 *type,
				  u8 **text, u32 *text_len, u8 *alert)
{
	return half->ops->open(half, seq, record, len, type, text, text_len, alert);
}

/* What a suite's code says of a record it refuses: errno, and alert for the peer. */
static inline int kssl_crypt_refuse(int err, u8 why, u8 *alert)
{
	*alert = why;
	return err;
}

#endif /* _KSSL_CRYPT_H */
