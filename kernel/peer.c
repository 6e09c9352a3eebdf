// SPDX-License-Identifier: GPL-2.0
/*
 * What a session keeps of its peer's certificate.  The kernel looks into none of
 * it: it was read and verified by the worker, and programs get it by getsockopt().
 */
#include "peer.h"

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "upcall.h"

/* With its NUL. */
static size_t text_len(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

/* The text, copied to @p, which moves behind it. */
static const char *append(u8 **p, const char *text)
{
	void *copy = *p;

	if (!text)
		return NULL;
	*p += text_len(text);
	return memcpy(copy, text, text_len(text));
}

/**
 * kssl_peer_new() - keep what a worker told of the peer
 * @peer: set to it; NULL if the peer had no certificate
 * @a: the answer, checked by netlink_hs.c: at most KSSL_CHAIN_MAX bytes of DER
 *
 * Context: process.  Return: 0 or -ENOMEM.
 */
int kssl_peer_new(struct kssl_peer **peer, const struct kssl_hs_answer *a)
{
	u32 der_len = a->peer_cert_len + a->peer_chain_len;
	struct kssl_peer *p;
	u8 *end;

	*peer = NULL;
	if (!der_len && !a->peer_fingerprint && !a->peer_subject && !a->peer_san)
		return 0;
	p = kvzalloc(struct_size(p, der, der_len) + text_len(a->peer_subject) +
		     text_len(a->peer_san), GFP_KERNEL_ACCOUNT);
	if (!p)
		return -ENOMEM;
	p->verify = a->verify;
	p->cert_len = a->peer_cert_len;
	p->chain_len = der_len;
	memcpy(p->der, a->peer_cert, a->peer_cert_len);
	memcpy(p->der + p->cert_len, a->peer_chain, a->peer_chain_len);
	end = p->der + der_len;
	p->subject = append(&end, a->peer_subject);
	p->san = append(&end, a->peer_san);
	if (a->peer_fingerprint) {
		p->has_fingerprint = true;
		memcpy(p->fingerprint, a->peer_fingerprint, sizeof(p->fingerprint));
	}
	*peer = p;
	return 0;
}

/**
 * kssl_peer_free() - the session is freed, or the answer was not wanted
 * @peer: may be NULL.  Any context.
 */
void kssl_peer_free(struct kssl_peer *peer)
{
	kvfree(peer);
}
