/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_POST_H
#define _KSSL_POST_H

#include "kssl.h"

int kssl_post_record(struct kssl_session *s, u8 type, const u8 *text, u32 len);

#endif /* _KSSL_POST_H */
