/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_TEXT_H
#define _KSSL_TEXT_H

#include "kssl.h"

/**
 * struct kssl_text - content of a record that was opened ahead of the reader
 * @list: in kssl_rx.ahead, oldest first
 * @off: first byte that was not read yet
 * @len: how many follow from there
 * @type: content type
 * @begun: something in front of @off was read, here or before
 * @data: the content
 */
struct kssl_text {
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

int kssl_text_add(struct kssl_session *s, const u8 *data, u32 len);
int kssl_text_spill(struct kssl_session *s);
void kssl_text_drop(struct kssl_session *s, struct kssl_text *text);
bool kssl_text_at(const struct kssl_rx *rx, u32 skip, struct kssl_piece *piece);
void kssl_text_eat(struct kssl_session *s, u32 n);
void kssl_text_release(struct kssl_session *s);

/* Content that nobody has read yet, bytes. */
static inline u32 kssl_text_unread(const struct kssl_rx *rx)
{
	return rx->ahead_len + rx->text_len;
}

#endif /* _KSSL_TEXT_H */
