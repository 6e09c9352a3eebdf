// SPDX-License-Identifier: GPL-2.0
/*
 * Content that was opened and not read yet.  Normally that is the one record in
 * the framer's buffer.  MSG_PEEK over several records, SO_RCVLOWAT and FIONREAD
 * have to look further: then what lies in the buffer moves to a list in front of
 * it, and the next record is opened there.  Text that the program's own library
 * had opened (KSSL_TEXT) is put there too.
 */
#include "rx_buf.h"

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/sock.h>

#include "framer.h"

/* Text given by the program may be this much whatever the receive buffer is. */
#define KSSL_TEXT_ROOM	65536

static struct kssl_rx_content *text_new(const u8 *data, u32 len, u8 type)
{
	struct kssl_rx_content *text = kvmalloc(struct_size(text, data, len), GFP_KERNEL_ACCOUNT);

	if (!text)
		return NULL;
	text->off = 0;
	text->len = len;
	text->type = type;
	text->begun = false;
	memcpy(text->data, data, len);
	return text;
}

static void push(struct kssl_rx *rx, struct kssl_rx_content *text)
{
	list_add_tail(&text->list, &rx->ahead);
	rx->ahead_len += text->len;
}

/**
 * kssl_rx_buf_spill() - make room for the next record
 * @s: the session; socket lock, process context
 *
 * What the buffer holds, even if it is a record without content, moves to the
 * end of the list.
 *
 * Return: 0; -ENOMEM; -ENOBUFS: more than the socket's receive buffer would be
 * held.
 */
int kssl_rx_buf_spill(struct kssl_session *s)
{
	struct kssl_rx *rx = &s->rx;
	struct kssl_rx_content *text;

	sock_owned_by_me(s->sk);
	if (!rx->held)
		return 0;
	if (rx->ahead_len + rx->text_len > (u32)READ_ONCE(s->sk->sk_rcvbuf))
		return -ENOBUFS;
	text = text_new(rx->buf + rx->text, rx->text_len, rx->type);
	if (!text)
		return -ENOMEM;
	text->begun = rx->begun;
	push(rx, text);
	rx->text_len = 0;
	rx->held = false;
	rx->begun = false;
	return 0;
}

/**
 * kssl_rx_buf_add() - text that did not come in a record of ours
 * @s: the session, which holds no record; socket lock, process context
 * @data: the text, copied
 * @len: its length
 *
 * Return: 0; -ENOMEM; -ENOBUFS: more would be unread than the receive buffer, or
 * KSSL_TEXT_ROOM, holds.
 */
int kssl_rx_buf_add(struct kssl_session *s, const u8 *data, u32 len)
{
	u32 room = max_t(u32, READ_ONCE(s->sk->sk_rcvbuf), KSSL_TEXT_ROOM);
	struct kssl_rx_content *text;

	sock_owned_by_me(s->sk);
	if (kssl_rx_buf_unread(&s->rx) + len > room)
		return -ENOBUFS;
	text = text_new(data, len, TLS_APPDATA);
	if (!text)
		return -ENOMEM;
	push(&s->rx, text);
	return 0;
}

/**
 * kssl_rx_buf_drop() - forget a record's content
 * @s: the session; socket lock
 * @text: an element of the list, or NULL for what lies in the buffer
 */
void kssl_rx_buf_drop(struct kssl_session *s, struct kssl_rx_content *text)
{
	struct kssl_rx *rx = &s->rx;

	if (text) {
		rx->ahead_len -= text->len;
		list_del(&text->list);
		kvfree(text);
		return;
	}
	rx->held = false;
	rx->begun = false;
	rx->text_len = 0;
	if (rx->head == rx->tail)
		kssl_framer_release(s);
}

/**
 * kssl_rx_buf_at() - find content
 * @rx: receiving side; socket lock
 * @skip: bytes of unread content to pass over
 * @piece: set to what lies together there
 *
 * Return: false: there is no more than @skip.
 */
bool kssl_rx_buf_at(const struct kssl_rx *rx, u32 skip, struct kssl_piece *piece)
{
	const struct kssl_rx_content *text;

	list_for_each_entry(text, &rx->ahead, list) {
		if (skip < text->len) {
			piece->data = text->data + text->off + skip;
			piece->len = text->len - skip;
			piece->type = text->type;
			piece->first = !text->begun && !skip;
			return true;
		}
		skip -= text->len;
	}
	if (skip >= rx->text_len)
		return false;
	piece->data = rx->buf + rx->text + skip;
	piece->len = rx->text_len - skip;
	piece->type = rx->type;
	piece->first = !rx->begun && !skip;
	return true;
}

/**
 * kssl_rx_buf_eat() - bytes at the front were read
 * @s: the session; socket lock
 * @n: how many, of those that kssl_rx_buf_at(.., 0, ..) showed
 */
void kssl_rx_buf_eat(struct kssl_session *s, u32 n)
{
	struct kssl_rx_content *text = list_first_entry_or_null(&s->rx.ahead, struct kssl_rx_content, list);
	struct kssl_rx *rx = &s->rx;

	if (text) {
		text->off += n;
		text->len -= n;
		text->begun = true;
		rx->ahead_len -= n;
		if (!text->len)
			kssl_rx_buf_drop(s, text);
		return;
	}
	rx->text += n;
	rx->text_len -= n;
	rx->begun = true;
	if (!rx->text_len)
		kssl_rx_buf_drop(s, NULL);
}

/**
 * kssl_rx_buf_release() - forget everything that was opened ahead
 * @s: the session; socket lock or last reference
 */
void kssl_rx_buf_release(struct kssl_session *s)
{
	struct kssl_rx_content *text, *next;

	list_for_each_entry_safe(text, next, &s->rx.ahead, list)
		kssl_rx_buf_drop(s, text);
}
