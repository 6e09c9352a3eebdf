/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_RELAY_H
#define _KSSL_RELAY_H

#include "kssl.h"

struct kssl_relay *kssl_relay_new(u32 portid, u8 max, u32 ms);
void kssl_relay_free(struct kssl_relay *r);
void kssl_relay_begin(struct kssl_session *s, u32 len);
void kssl_relay_body(struct kssl_session *s, const u8 *text, u32 len);
void kssl_relay_end(struct kssl_session *s);

#endif /* _KSSL_RELAY_H */
