/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_TX_H
#define _KSSL_TX_H

#include <linux/socket.h>
#include "kssl.h"

int kssl_tx_send(struct kssl_session *s, u8 type, struct msghdr *msg);
bool kssl_tx_append(struct kssl_session *s, struct page *page, u32 off, u32 len);
int kssl_tx_flush(struct kssl_session *s);
int kssl_tx_control(struct kssl_session *s, u8 type, const void *text, u32 len);
int kssl_tx_raw(struct kssl_session *s, const void *bytes, size_t len);
void kssl_tx_close(struct kssl_session *s);
int kssl_tx_drain(struct kssl_session *s);
void kssl_tx_retry(struct kssl_session *s);
void kssl_tx_push_due(struct kssl_session *s);
int kssl_tx_ready(const struct kssl_session *s);
int kssl_tx_key_update(struct kssl_session *s, bool request);
bool kssl_tx_pending(const struct kssl_session *s);
void kssl_tx_release(struct kssl_session *s);

/* for bulk_tx.c */
u32 kssl_tx_size(const struct kssl_session *s, u32 ahead);
bool kssl_tx_due(const struct kssl_session *s);
int kssl_tx_fill(struct kssl_session *s, u8 type, struct msghdr *msg, u32 room);
u32 kssl_tx_pad(const struct kssl_session *s, u32 len);
int kssl_tx_finish(struct kssl_session *s, int err);

#endif /* _KSSL_TX_H */
