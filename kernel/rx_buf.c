// SPDX-License-Identifier: GPL-2.0
/*
 * Content that was opened and not read yet.  Normally that is the one record in
 * the framer's buffer.  MSG_PEEK over several records, SO_RCVLOWAT and FIONREAD
 * have to look further: then what lies in the buffer moves to a list in front of
 * it, and the next record is opened there.  Text that the program's own library
 * had opened (KSSL_TEXT) is put there too.
 */
#include "rx_buf.h"

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/sock.h>

#include "charge.h"
#include "crypt.h"

static_assert(KSSL_RX_BUF >= KSSL_TEXT_ALIGN + TLS_HEADER_LEN + TLS_TEXT_MAX + TLS12_EXPAND_MAX);
static_assert(KSSL_RX_BUF % PAGE_SIZE == 0);

/* One spare buffer per CPU, so that a request and its answer need no allocation. */
static DEFINE_PER_CPU(u8 *, spare_buf);

static u8 *buf_get(void)
{
	u8 *buf = this_cpu_xchg(spare_buf, NULL);

	return buf ?: alloc_pages_exact(KSSL_RX_BUF, GFP_KERNEL);
}

static void buf_put(u8 *buf)
{
	if (this_cpu_cmpxchg(spare_buf, NULL, buf))
		free_pages_exact(buf, KSSL_RX_BUF);
}

/**
 * kssl_rx_buf_free() - give the buffer back
 * @s: the session; socket lock, or the last reference of the socket
 *
 * What is in the buffer is lost.
 */
void kssl_rx_buf_free(struct kssl_session *s)
{
	struct kssl_rx *rx = &s->rx;

	if (rx->buf && rx->accounted)
		free_pages_exact(rx->buf, KSSL_RX_BUF);
	else if (rx->buf)
		buf_put(rx->buf);
	kssl_mem_uncharge(s->sk, &rx->charged);
	rx->accounted = false;
	rx->buf = NULL;
	rx->head = 0;
	rx->tail = 0;
	rx->text_len = 0;
	rx->held = false;
	rx->begun = false;
}

/* What the buffer holds, in one that the program's cgroup has paid for, if it can. */
static void move_to_account(struct kssl_rx *rx)
{
	u8 *buf = alloc_pages_exact(KSSL_RX_BUF, GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN);

	if (!buf)
		return;
	memcpy(buf, rx->buf, rx->tail);
	buf_put(rx->buf);
	rx->buf = buf;
	rx->accounted = true;
}

/**
 * kssl_rx_buf_charge() - the call ends: what is in the buffer stays there
 * @s: the session; socket lock, process context
 *
 * The spare buffers are on nobody's account (charge.c).  If TCP is over its limits,
 * which is not this program's fault alone, one that is on the program's takes its
 * place.  If the cgroup is at its limit, too, nothing is lost for that: what was in
 * TCP's queue before, and charged, is here now, and the next call tries again.
 *
 * The buffer may be another one afterwards: positions hold, pointers do not.
 */
void kssl_rx_buf_charge(struct kssl_session *s)
{
	struct kssl_rx *rx = &s->rx;

	if (likely(!rx->buf) || rx->accounted ||
	    kssl_mem_charge(s->sk, &rx->charged, KSSL_RX_BUF, SK_MEM_RECV))
		return;
	move_to_account(rx);
}

/**
 * kssl_rx_buf_room() - make room for @want bytes from head on
 * @s: the session, whose opened record is read; socket lock, process context
 * @want: bytes, those that are there included
 * @at: where a record is to begin in an empty buffer
 *
 * Return: 0 or -ENOMEM.
 */
int kssl_rx_buf_room(struct kssl_session *s, u32 want, u32 at)
{
	struct kssl_rx *rx = &s->rx;

	if (!rx->buf) {
		rx->buf = buf_get();
		if (!rx->buf)
			return -ENOMEM;
	}
	if (rx->head == rx->tail) {
		rx->head = at;
		rx->tail = rx->head;
	} else if (rx->head + want > KSSL_RX_BUF) {
		u32 have = rx->tail - rx->head;

		memmove(rx->buf + at, rx->buf + rx->head, have);
		rx->head = at;
		rx->tail = at + have;
	}
	return 0;
}

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
		kssl_rx_buf_free(s);
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

/**
 * kssl_rx_buf_exit() - free the spare buffers
 */
void kssl_rx_buf_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		u8 *buf = per_cpu(spare_buf, cpu);

		if (buf)
			free_pages_exact(buf, KSSL_RX_BUF);
	}
}
