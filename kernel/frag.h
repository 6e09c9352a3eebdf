/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_FRAG_H
#define _KSSL_FRAG_H

#include <linux/types.h>

struct page_frag;
struct sock;

struct page_frag *kssl_frag_refill(struct sock *sk, u32 need);
void kssl_frag_exit(void);

#endif /* _KSSL_FRAG_H */
