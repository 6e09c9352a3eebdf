/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_POST_H
#define _KSSL_POST_H

#include "keys.h"
#include "kssl.h"

/*
 * A handshake message is only partly there, and no other record may come before the
 * rest (RFC 8446, 5.1).  In TLS 1.2 they may, data above all (RFC 5246, 6.2.1).
 */
static inline bool kssl_post_amid(const struct kssl_session *s)
{
	return unlikely(s->post.have) && s->open->version == TLS13;
}

int kssl_post_record(struct kssl_session *s, u8 type, const u8 *text, u32 len);

#endif /* _KSSL_POST_H */
