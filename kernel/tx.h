/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_TX_H
#define _KSSL_TX_H

#include <linux/socket.h>
#include "kssl.h"
#include "tx_tcp.h"

/* tx.c: the program's content */
int kssl_tx_send(struct kssl_session *s, u8 type, struct msghdr *msg, long timeo);
bool kssl_tx_append(struct kssl_session *s, struct page *page, u32 off, u32 len);

/* tx_control.c: what goes on its own, and the end */
void kssl_tx_set_end(struct kssl_session *s, enum kssl_tx_end end);
void kssl_tx_cut(struct kssl_session *s);
bool kssl_tx_pending(const struct kssl_session *s);
int kssl_tx_serve_key(struct kssl_session *s);
int kssl_tx_send_content(struct kssl_session *s, enum kssl_push push);
int kssl_tx_retry(struct kssl_session *s);
int kssl_tx_flush(struct kssl_session *s);
void kssl_tx_push_due(struct kssl_session *s);
int kssl_tx_ready(const struct kssl_session *s);
int kssl_tx_key_update(struct kssl_session *s, bool request);
void kssl_tx_no_renegotiation(struct kssl_session *s);
bool kssl_tx_alert(struct kssl_session *s, u8 alert);
int kssl_tx_raw(struct kssl_session *s, const void *bytes, size_t len);
void kssl_tx_close(struct kssl_session *s);
void kssl_tx_shutdown(struct kssl_session *s);
int kssl_tx_drain(struct kssl_session *s);
void kssl_tx_release(struct kssl_session *s);

#endif /* _KSSL_TX_H */
