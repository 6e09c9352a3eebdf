// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of the receiving side: the buffer, where records are opened in place, and
 * the queue of content that was opened and not read yet.
 *
 * Normally a reader takes content from the buffer.  MSG_PEEK over several records,
 * SO_RCVLOWAT and FIONREAD have to look further: what lies in the buffer then moves
 * to the end of the queue, and the next record is opened there.  Content that the
 * program's own library had opened (KSSL_TEXT) is put into the queue, too.
 *
 * The queue is a list of pages.  Content of many records lies together from the
 * front of a page, and their bounds grow towards it from its end:
 *
 *	| head | content of records 0, 1, 2 ... | free | bound 2 | bound 1 | bound 0 |
 *
 * A record that does not fit a page goes on in the next.  So an opened byte costs
 * about a byte, a record four more.  Pages are charged to the socket as TCP charges
 * what it has in its queue, and no more of them are used than the receive buffer
 * has bytes; but one, so that there is progress with the smallest of buffers.
 */
#include "rx_buf.h"

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/string.h>
#include <net/sock.h>

#include "charge.h"
#include "crypt.h"

/* Content given by the program may be this much whatever the receive buffer is. */
#define KSSL_TEXT_ROOM	65536

enum {
	BOUND_FIRST = 1,	/* the record begins here */
	BOUND_LAST = 2,		/* it ends here */
};

struct bound {
	u16 len;
	u8 type;
	u8 flags;
};

/**
 * struct kssl_rx_chunk - a page of the queue; some of its content is unread
 * @list: in kssl_rx.ahead, oldest first
 * @charged: what the socket is charged for it, bytes (charge.c)
 * @nr: bounds in it
 * @end: content in it, bytes
 * @bound: the first that is unread, as in struct kssl_rx_place; so are
 * @pos: and
 * @off: this
 * @data: content, free space, bounds
 */
struct kssl_rx_chunk {
	struct list_head list;
	u32 charged;
	u16 nr;
	u16 end;
	u16 bound;
	u16 pos;
	u32 off;
	u8 data[];
};

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
 * kssl_rx_buf_charge_now() - do what kssl_rx_buf_charge() does, if it is due
 * @s: the session; socket lock, process context
 *
 * The spare buffers are on no account (charge.c).  If TCP is over its limits, to which
 * others contribute, the content moves to a buffer on the account of the program's
 * cgroup.  If the cgroup is at its limit, too, nothing is lost: what was in TCP's queue
 * before, and charged, is here now, and the next call tries again.
 *
 * The buffer may be another one afterwards: positions hold, pointers do not.
 */
void kssl_rx_buf_charge_now(struct kssl_session *s)
{
	struct kssl_rx *rx = &s->rx;

	if (!kssl_mem_charge(s->sk, &rx->charged, KSSL_RX_BUF, SK_MEM_RECV))
		move_to_account(rx);
}

/**
 * kssl_rx_buf_room() - make room for @want bytes from head on
 * @s: the session, whose opened record is read; socket lock, process context
 * @want: bytes, those that are there included
 * @at: where a record is to begin in an empty buffer, bytes
 *
 * Records that are there may move to @at.
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

static struct bound *bound_at(const struct kssl_rx_chunk *chunk, u32 i)
{
	return (struct bound *)((u8 *)chunk + PAGE_SIZE) - 1 - i;
}

/* Bytes between content and bounds. */
static u32 chunk_free(const struct kssl_rx_chunk *chunk)
{
	return (u8 *)(bound_at(chunk, 0) + 1 - chunk->nr) - (chunk->data + chunk->end);
}

static struct kssl_rx_chunk *last_chunk(const struct kssl_rx *rx)
{
	return list_empty(&rx->ahead) ? NULL :
	       list_entry(rx->ahead.prev, struct kssl_rx_chunk, list);
}

static int add_chunk(struct kssl_session *s, u32 bound)
{
	struct kssl_rx_chunk *chunk;
	struct kssl_rx *rx = &s->rx;

	if (rx->ahead_size && rx->ahead_size + PAGE_SIZE > bound)
		return -ENOBUFS;
	chunk = (struct kssl_rx_chunk *)__get_free_page(GFP_KERNEL);
	if (!chunk)
		return -ENOMEM;
	*chunk = (struct kssl_rx_chunk){};
	if (!kssl_mem_charge(s->sk, &chunk->charged, PAGE_SIZE, SK_MEM_RECV)) {
		free_page((unsigned long)chunk);
		return -ENOBUFS;
	}
	list_add_tail(&chunk->list, &rx->ahead);
	rx->ahead_size += PAGE_SIZE;
	return 0;
}

static void del_chunk(struct kssl_session *s, struct kssl_rx_chunk *chunk)
{
	s->rx.ahead_size -= PAGE_SIZE;
	list_del(&chunk->list);
	kssl_mem_uncharge(s->sk, &chunk->charged);
	free_page((unsigned long)chunk);
}

/* Reading passes over data records without content: many in a row are as one. */
static bool same_nothing(const struct kssl_rx_chunk *chunk, u32 len, u8 type)
{
	const struct bound *b = bound_at(chunk, chunk->nr - 1);

	return !len && type == TLS_APPDATA && !b->len && b->type == TLS_APPDATA;
}

/*
 * Add as much of a record as fits the last page, or one more.
 *
 * Return: how many bytes that were; -ENOBUFS, -ENOMEM.
 */
static int append(struct kssl_session *s, const u8 *data, u32 len, u8 type, bool first, u32 bound)
{
	struct kssl_rx_chunk *chunk = last_chunk(&s->rx);
	struct bound *b;
	int err;
	u32 n;

	if (!chunk || chunk_free(chunk) < sizeof(*b) + !!len) {
		err = add_chunk(s, bound);
		if (err)
			return err;
		chunk = last_chunk(&s->rx);
	} else if (same_nothing(chunk, len, type)) {
		return 0;
	}
	n = min_t(u32, len, chunk_free(chunk) - sizeof(*b));
	b = bound_at(chunk, chunk->nr++);
	b->len = n;
	b->type = type;
	b->flags = (first ? BOUND_FIRST : 0) | (n == len ? BOUND_LAST : 0);
	memcpy(chunk->data + chunk->end, data, n);
	chunk->end += n;
	s->rx.ahead_len += n;
	return n;
}

/**
 * kssl_rx_buf_spill() - make room for the next record
 * @s: the session; socket lock, process context
 *
 * What the buffer holds, even if it is a record without content, moves to the end
 * of the queue.
 *
 * Return: 0; -ENOMEM; -ENOBUFS: more than the socket's receive buffer, or than TCP
 * and the cgroup have room for, would be held.  Some of it may have moved then.
 */
int kssl_rx_buf_spill(struct kssl_session *s)
{
	struct kssl_rx *rx = &s->rx;
	int n;

	sock_owned_by_me(s->sk);
	while (rx->held) {
		n = append(s, rx->buf + rx->text, rx->text_len, rx->type, !rx->begun,
			   READ_ONCE(s->sk->sk_rcvbuf));
		if (n < 0)
			return n;
		rx->text += n;
		rx->text_len -= n;
		rx->held = rx->text_len;
		rx->begun = rx->held;
	}
	return 0;
}

/* Take away what was put behind @end bytes and @nr bounds of @last. */
static void cut_back(struct kssl_session *s, struct kssl_rx_chunk *last, u16 nr, u16 end)
{
	struct kssl_rx_chunk *chunk;

	while ((chunk = last_chunk(&s->rx)) != last) {
		s->rx.ahead_len -= chunk->end;
		del_chunk(s, chunk);
	}
	if (!last)
		return;
	s->rx.ahead_len -= last->end - end;
	last->end = end;
	last->nr = nr;
}

/**
 * kssl_rx_buf_add() - queue content that did not come in a record of ours
 * @s: the session, which holds no record; socket lock, process context
 * @data: the content, copied
 * @len: its length, at least 1
 *
 * Return: 0; -ENOMEM; -ENOBUFS: more would be unread than the receive buffer, or
 * KSSL_TEXT_ROOM, holds, or TCP or the cgroup has no room for it.
 */
int kssl_rx_buf_add(struct kssl_session *s, const u8 *data, u32 len)
{
	u32 room = max_t(u32, READ_ONCE(s->sk->sk_rcvbuf), KSSL_TEXT_ROOM), done;
	struct kssl_rx_chunk *last = last_chunk(&s->rx);
	u16 nr = last ? last->nr : 0, end = last ? last->end : 0;
	int n;

	sock_owned_by_me(s->sk);
	if (kssl_rx_buf_unread(&s->rx) + len > room)
		return -ENOBUFS;
	for (done = 0; done < len; done += n) {
		n = append(s, data + done, len - done, TLS_APPDATA, !done, UINT_MAX);
		if (n < 0) {
			cut_back(s, last, nr, end);
			return n;
		}
	}
	return 0;
}

/* The first unread content. */
static void front(const struct kssl_rx *rx, struct kssl_rx_place *at)
{
	const struct kssl_rx_chunk *chunk;

	*at = (struct kssl_rx_place){};
	if (likely(list_empty(&rx->ahead)))
		return;
	chunk = list_entry(rx->ahead.next, struct kssl_rx_chunk, list);
	*at = (struct kssl_rx_place){ (struct kssl_rx_chunk *)chunk, chunk->bound, chunk->pos,
				      chunk->off };
}

/* All of a page was passed. */
static void next_chunk(const struct kssl_rx *rx, struct kssl_rx_place *at)
{
	struct list_head *next = at->chunk->list.next;

	*at = (struct kssl_rx_place){};
	if (next != &rx->ahead)
		at->chunk = list_entry(next, struct kssl_rx_chunk, list);
}

/**
 * kssl_rx_buf_seek() - find a place in the unread content
 * @rx: receiving side; socket lock
 * @skip: bytes of content to pass over; if there are not so many, it is the end
 * @at: set to the place
 */
void kssl_rx_buf_seek(const struct kssl_rx *rx, u32 skip, struct kssl_rx_place *at)
{
	front(rx, at);
	while (skip && at->chunk && skip >= at->chunk->end - at->pos) {
		skip -= at->chunk->end - at->pos;
		next_chunk(rx, at);
	}
	if (skip && (at->chunk || rx->held))
		kssl_rx_buf_pass(rx, at, at->chunk ? skip : min(skip, rx->text_len));
}

/**
 * kssl_rx_buf_look_chunk() - do what kssl_rx_buf_look() does, in the queue
 * @at: the place
 * @merge: content of several records, of one type, may be one piece
 * @piece: set to what lies there
 */
void kssl_rx_buf_look_chunk(const struct kssl_rx_place *at, bool merge, struct kssl_piece *piece)
{
	const struct bound *b = bound_at(at->chunk, at->bound);
	u32 i = at->bound;

	*piece = (struct kssl_piece){ at->chunk->data + at->pos, b->len - at->off, b->type,
				      b->flags & BOUND_FIRST && !at->off, b->flags & BOUND_LAST };
	while (merge && ++i < at->chunk->nr) {
		b = bound_at(at->chunk, i);
		if (b->type != piece->type)
			break;
		piece->len += b->len;
		piece->last = b->flags & BOUND_LAST;
	}
}

/**
 * kssl_rx_buf_pass() - move a place over content
 * @rx: receiving side; socket lock
 * @at: a place where there is content; the place behind it afterwards
 * @n: bytes, of those that kssl_rx_buf_look() shows; 0 passes a record without any
 *
 * Return: true if the end of a record was passed.
 */
bool kssl_rx_buf_pass(const struct kssl_rx *rx, struct kssl_rx_place *at, u32 n)
{
	bool ended = false;

	if (likely(!at->chunk)) {
		at->off += n;
		at->bound = at->off == rx->text_len;
		return at->bound;
	}
	at->pos += n;
	do {
		const struct bound *b = bound_at(at->chunk, at->bound);

		if (n < b->len - at->off) {
			at->off += n;
			break;
		}
		n -= b->len - at->off;
		at->off = 0;
		ended |= b->flags & BOUND_LAST;
		if (++at->bound == at->chunk->nr) {
			next_chunk(rx, at);
			break;
		}
	} while (n);
	return ended;
}

/**
 * kssl_rx_buf_read_chunk() - do what kssl_rx_buf_read() does, in the queue
 * @s: the session, whose queue is not empty; socket lock
 * @n: bytes, of what kssl_rx_buf_look() shows there; 0 drops a record without any
 *
 * Return: true if the end of a record was passed.
 */
bool kssl_rx_buf_read_chunk(struct kssl_session *s, u32 n)
{
	struct kssl_rx *rx = &s->rx;
	struct kssl_rx_chunk *chunk;
	struct kssl_rx_place at;
	bool ended;

	front(rx, &at);
	chunk = at.chunk;
	ended = kssl_rx_buf_pass(rx, &at, n);
	rx->ahead_len -= n;
	if (at.chunk != chunk) {
		del_chunk(s, chunk);
		return ended;
	}
	chunk->bound = at.bound;
	chunk->pos = at.pos;
	chunk->off = at.off;
	return ended;
}

/**
 * kssl_rx_buf_release() - forget everything that was opened ahead
 * @s: the session; socket lock, or the last reference of the socket
 */
void kssl_rx_buf_release(struct kssl_session *s)
{
	cut_back(s, NULL, 0, 0);
	s->rx.ahead_len = 0;
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
