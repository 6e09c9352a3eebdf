/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_RX_BUF_H
#define _KSSL_RX_BUF_H

#include "kssl.h"

/* A whole record of any kind, handshake included, and some. */
#define KSSL_RX_BUF	20480

/**
 * struct kssl_rx_content - content of a record that was opened ahead of the reader
 * @list: in kssl_rx.ahead, oldest first
 * @off: first byte that was not read yet
 * @len: how many follow from there
 * @type: content type
 * @begun: something in front of @off was read, here or before
 * @data: the content
 */
struct kssl_rx_content {
	struct list_head list;
	u32 off;
	u32 len;
	u8 type;
	bool begun;
	u8 data[];
};

/**
 * struct kssl_piece - unread content of one record, or a part of it
 * @data: where it lies
 * @len: how much up to the record's end, bytes
 * @type: content type
 * @first: it begins with the record's first byte
 */
struct kssl_piece {
	const u8 *data;
	u32 len;
	u8 type;
	bool first;
};

void kssl_rx_buf_free(struct kssl_session *s);
void kssl_rx_buf_charge(struct kssl_session *s);
int kssl_rx_buf_room(struct kssl_session *s, u32 want, u32 at);
int kssl_rx_buf_add(struct kssl_session *s, const u8 *data, u32 len);
int kssl_rx_buf_spill(struct kssl_session *s);
void kssl_rx_buf_drop(struct kssl_session *s, struct kssl_rx_content *text);
bool kssl_rx_buf_at(const struct kssl_rx *rx, u32 skip, struct kssl_piece *piece);
void kssl_rx_buf_eat(struct kssl_session *s, u32 n);
void kssl_rx_buf_release(struct kssl_session *s);
void kssl_rx_buf_exit(void);

/* Content that nobody has read yet, bytes. */
static inline u32 kssl_rx_buf_unread(const struct kssl_rx *rx)
{
	return rx->ahead_len + rx->text_len;
}

#endif /* _KSSL_RX_BUF_H */
