/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of one handshake share: handshake.c and result.c. */
#ifndef KSSLD_HANDSHAKE_H
#define KSSLD_HANDSHAKE_H

#include "kssld.h"

/**
 * struct handshake - see handshake.c
 * @config: where the contexts come from
 * @req: what was asked
 * @v: what it gets by the policy
 * @ssl: OpenSSL's side
 * @in: records to OpenSSL
 * @out: bytes from OpenSSL
 * @result: failure until handshake_finish() says otherwise
 * @done: handshake_finish() has said so
 * @sealing: we send under the keys that @result.tx is about
 * @etm: TLS 1.2: encrypt-then-MAC was agreed on
 * @forbidden: what of policy and identity stands against it, or NULL
 * @keyed: client: it may resume, and has a key for that
 * @key: client: which sessions it may resume
 * @chain: client: what verified the certificate of the session offered, or NULL
 * @born: client: when certificates were exchanged, perhaps in an earlier session
 * @rewrap: client: how to give tickets to OpenSSL
 * @posts: how many it got
 */
struct handshake {
	struct config *config;
	struct hs_request req;
	struct verdict v;
	SSL *ssl;
	BIO *in;
	BIO *out;
	struct hs_result result;
	bool done;
	bool sealing;
	bool etm;
	const char *forbidden;
	bool keyed;
	struct resume_key key;
	STACK_OF(X509) *chain;
	time_t born;
	struct rewrap rewrap;
	unsigned int posts;
};

struct handshake *handshake_of(const SSL *ssl);
int handshake_verify_mode(const struct handshake *h);
int64_t handshake_now(void);

/* ---- result.c ---- */

enum hs_state handshake_failed(struct handshake *h, int err, const char *text);
enum hs_state handshake_failed_by_peer(struct handshake *h, enum hs_state state);
enum hs_state handshake_explain(struct handshake *h);
enum hs_state handshake_finish(struct handshake *h);

#endif
