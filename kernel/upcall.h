/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_UPCALL_H
#define _KSSL_UPCALL_H

#include "kssl.h"

/**
 * struct kssl_hs_answer - what a worker said, checked by netlink_hs.c
 * @portid: the worker's netlink port
 * @bytes: to send to the peer, or NULL
 * @bytes_len: their length
 * @consumed: records used up of those last offered
 * @verify: X509_V_*, of hs-done and hs-fail
 * @seal: keys to send with; hs-fail: to send @alert with, or NULL.  Taken over by
 *	kssl_upcall_done() and kssl_upcall_fail() (set to NULL)
 *
 * hs-done:
 * @open: keys to receive with; likewise
 * @master: what keying material is exported from, or NULL; likewise
 * @post_max, @post_ms: tickets wanted, 0 for none, and for how long
 * @version, @suite, @record_limit, @fragment, @peer_verified, @resumed: as negotiated
 * @peer_cert, @peer_cert_len: DER or NULL
 * @peer_chain, @peer_chain_len: DER of those above it, or NULL
 * @peer_fingerprint: KSSL_FINGERPRINT_LEN bytes or NULL
 * @peer_subject, @peer_san, @identity, @alpn, @sni: strings or NULL
 *
 * hs-fail:
 * @err: positive errno
 * @alert: description, sent within @bytes or with @seal, or KSSL_ALERT_NONE
 * @alert_received: description, or KSSL_ALERT_NONE
 * @text: reason or NULL
 */
struct kssl_hs_answer {
	u32 portid;
	const void *bytes;
	u32 bytes_len;
	u32 consumed;
	u32 verify;
	struct kssl_half *seal;

	struct kssl_half *open;
	struct kssl_master *master;
	u16 version;
	u16 suite;
	u16 record_limit;
	u16 fragment;
	u8 post_max;
	u32 post_ms;
	bool peer_verified;
	bool resumed;
	const void *peer_cert;
	u32 peer_cert_len;
	const void *peer_chain;
	u32 peer_chain_len;
	const void *peer_fingerprint;
	const char *peer_subject;
	const char *peer_san;
	const char *identity;
	const char *alpn;
	const char *sni;

	int err;
	u8 alert;
	u8 alert_received;
	const char *text;
};

/* From the socket's side. */
int kssl_upcall_alloc(struct kssl_session *s, gfp_t gfp);
int kssl_upcall_start(struct kssl_session *s, u32 timeout_ms);
u32 kssl_upcall_time_left(const struct kssl_session *s);
void kssl_upcall_kick(struct kssl_session *s);
bool kssl_upcall_heard(const struct kssl_session *s);
void kssl_upcall_cancel(struct kssl_session *s);

/* From the worker's side (netlink_hs.c). */
int kssl_upcall_data(struct kssl_session *s, struct kssl_hs_answer *a);
int kssl_upcall_done(struct kssl_session *s, struct kssl_hs_answer *a);
int kssl_upcall_fail(struct kssl_session *s, struct kssl_hs_answer *a);

void kssl_upcall_net_init(struct kssl_net *kn);
int kssl_upcall_init(void);
void kssl_upcall_exit(void);

#endif /* _KSSL_UPCALL_H */
