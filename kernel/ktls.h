/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_KTLS_H
#define _KSSL_KTLS_H

#include <linux/sockptr.h>
#include "kssl.h"
#include "kssl_compat.h"

/**
 * union kssl_ktls_info - what TLS_TX and TLS_RX take
 * @head: version and cipher, common to all
 * @bytes: as long as the longest: head, IV, key, salt, sequence number, the
 *	sizes of which depend on the cipher
 */
union kssl_ktls_info {
	struct tls_crypto_info head;
	u8 bytes[sizeof(struct tls12_crypto_info_aes_gcm_256)];
};

/**
 * struct kssl_ktls - what a "tls" socket has beyond a session; socket lock
 * @tx: what TLS_TX was set to; head is zero before
 * @rx: what TLS_RX was set to
 * @sends: has, or had, sending keys: never plain TCP again in that direction
 * @receives: has, or had, receiving keys
 * @zerocopy_ro: value of TLS_TX_ZEROCOPY_RO, which changes nothing
 * @no_pad: value of TLS_RX_EXPECT_NO_PAD, which changes nothing
 * @wait_key: a KeyUpdate was read: nothing more before TLS_RX is set again
 * @lost: the stream of records was lost, not one record
 */
struct kssl_ktls {
	union kssl_ktls_info tx;
	union kssl_ktls_info rx;
	bool sends;
	bool receives;
	bool zerocopy_ro;
	bool no_pad;
	bool wait_key;
	bool lost;
};

struct kssl_calls;

/* ktls.c */
struct kssl_half *kssl_ktls_keys(const union kssl_ktls_info *info, unsigned int len);
u16 kssl_ktls_cipher(const struct kssl_session *s);
int kssl_ktls_check(struct kssl_session *s, const u8 *hdr, u16 *len);
void kssl_ktls_fail(struct kssl_session *s, int err);
int kssl_ktls_setsockopt(struct sock *sk, int level, int name, sockptr_t val, unsigned int len);
int kssl_ktls_getsockopt(struct sock *sk, int level, int name, char __user *val,
			 int __user *len);

/* ktls_calls.c */
extern const struct kssl_calls kssl_ktls_calls;

#endif /* _KSSL_KTLS_H */
