/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_RX_BUF_H
#define _KSSL_RX_BUF_H

#include "kssl.h"

/* A whole record of any kind, handshake included, and some. */
#define KSSL_RX_BUF	20480

struct kssl_rx_chunk;

/**
 * struct kssl_rx_place - a place in the unread content
 * @chunk: where it lies in the queue; NULL: in the buffer
 * @bound: number of the record, or of the part of one, in @chunk; in the buffer 0,
 *	or 1: behind the record there
 * @pos: byte in @chunk's content
 * @off: byte in the record, or in the part of it
 *
 * Valid until content is read or the socket lock is released.
 */
struct kssl_rx_place {
	struct kssl_rx_chunk *chunk;
	u16 bound;
	u16 pos;
	u32 off;
};

/**
 * struct kssl_piece - unread content that lies together
 * @data: where it lies
 * @len: how much, bytes
 * @type: content type
 * @first: it begins with a record's first byte
 * @last: it ends with a record's last byte
 */
struct kssl_piece {
	const u8 *data;
	u32 len;
	u8 type;
	bool first;
	bool last;
};

void kssl_rx_buf_free(struct kssl_session *s);
void kssl_rx_buf_charge_now(struct kssl_session *s);
int kssl_rx_buf_room(struct kssl_session *s, u32 want, u32 at);
int kssl_rx_buf_spill(struct kssl_session *s);
int kssl_rx_buf_add(struct kssl_session *s, const u8 *data, u32 len);
void kssl_rx_buf_seek(const struct kssl_rx *rx, u32 skip, struct kssl_rx_place *at);
void kssl_rx_buf_look_chunk(const struct kssl_rx_place *at, bool merge, struct kssl_piece *piece);
bool kssl_rx_buf_pass(const struct kssl_rx *rx, struct kssl_rx_place *at, u32 n);
bool kssl_rx_buf_read_chunk(struct kssl_session *s, u32 n);
void kssl_rx_buf_release(struct kssl_session *s);
void kssl_rx_buf_exit(void);

/**
 * kssl_rx_buf_charge() - charge the socket for a buffer that outlives the call
 * @s: the session; socket lock, process context
 *
 * The buffer may be another one afterwards: positions hold, pointers do not.
 */
static inline void kssl_rx_buf_charge(struct kssl_session *s)
{
	if (unlikely(s->rx.buf && !s->rx.accounted && !s->rx.charged))
		kssl_rx_buf_charge_now(s);
}

/* Unread content, bytes. */
static inline u32 kssl_rx_buf_unread(const struct kssl_rx *rx)
{
	return rx->ahead_len + rx->text_len;
}

/* Is there an unread record, perhaps without content? */
static inline bool kssl_rx_buf_any(const struct kssl_rx *rx)
{
	return rx->held || !list_empty(&rx->ahead);
}

/**
 * kssl_rx_buf_look() - look at unread content at a place
 * @rx: receiving side; socket lock
 * @at: the place
 * @merge: content of several records, of one type, may be one piece
 * @piece: set to what lies there
 *
 * Return: whether there is a piece; if not, this is the end of what was opened.
 */
static inline bool kssl_rx_buf_look(const struct kssl_rx *rx, const struct kssl_rx_place *at,
				    bool merge, struct kssl_piece *piece)
{
	if (unlikely(at->chunk)) {
		kssl_rx_buf_look_chunk(at, merge, piece);
		return true;
	}
	if (!rx->held || at->bound)
		return false;
	*piece = (struct kssl_piece){ rx->buf + rx->text + at->off, rx->text_len - at->off,
				      rx->type, !rx->begun && !at->off, true };
	return true;
}

/**
 * kssl_rx_buf_read() - take away content at the front, which was read
 * @s: the session; socket lock
 * @n: bytes, of what kssl_rx_buf_look() shows there; 0 drops a record without any
 *
 * Return: true if the end of a record was passed.
 */
static inline bool kssl_rx_buf_read(struct kssl_session *s, u32 n)
{
	struct kssl_rx *rx = &s->rx;

	if (unlikely(!list_empty(&rx->ahead)))
		return kssl_rx_buf_read_chunk(s, n);
	rx->text += n;
	rx->text_len -= n;
	rx->held = rx->text_len;
	rx->begun = rx->held && (rx->begun || n);
	if (!rx->held && rx->head == rx->tail)
		kssl_rx_buf_free(s);
	return !rx->held;
}

#endif /* _KSSL_RX_BUF_H */
