/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_FRAMER_H
#define _KSSL_FRAMER_H

#include "kssl.h"

bool kssl_framer_ready(const struct kssl_session *s);
bool kssl_framer_fin(const struct kssl_session *s);
bool kssl_framer_partial(const struct kssl_session *s);
int kssl_framer_next(struct kssl_session *s, u32 *len);
int kssl_framer_handshake(struct kssl_session *s, const u8 **records, u32 *len, u32 *nr, u8 *alert);
int kssl_framer_consume(struct kssl_session *s, u32 nr);
int kssl_framer_return(struct kssl_session *s);

#endif /* _KSSL_FRAMER_H */
