/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_PEER_H
#define _KSSL_PEER_H

#include "kssl.h"

struct kssl_hs_answer;

/**
 * struct kssl_peer - the peer's certificate, as the worker told it
 * @verify: what verification said (X509_V_*)
 * @has_fingerprint: @fingerprint counts
 * @fingerprint: SHA-256 of the certificate
 * @subject: its subject, or NULL; behind @der
 * @san: its subjectAltNames, or NULL; behind that
 * @cert_len: its length in @der, bytes
 * @chain_len: length of @der: the certificate and those above it
 * @der: DER
 *
 * Constant from the end of the handshake until the session is freed.
 */
struct kssl_peer {
	u32 verify;
	bool has_fingerprint;
	u8 fingerprint[KSSL_FINGERPRINT_LEN];
	const char *subject;
	const char *san;
	u32 cert_len;
	u32 chain_len;
	u8 der[];
};

int kssl_peer_new(struct kssl_peer **peer, const struct kssl_hs_answer *a);
void kssl_peer_free(struct kssl_peer *peer);

#endif /* _KSSL_PEER_H */
