// SPDX-License-Identifier: GPL-2.0
// SOURCES: kernel/record.c kernel/suite.c kernel/keys.c kernel/crypt.c kernel/aead.c kernel/chacha.c kernel/mac.c kernel/cbc.c kernel/integrity.c kernel/charge.c kernel/framer.c kernel/post.c kernel/message.c kernel/relay.c kernel/rx_buf.c kernel/rx_cmsg.c kernel/rx.c
// LIBS: libcrypto
// CFLAGS: -DSTANDIN_SOCKETS -Iselftests/fuzz/include -Iselftests/unit/include -Iselftests/unit -Ikernel
/*
 * A whole stream received: the peer seals records (by peers/wire.h, not by our own
 * code), breaks some, TCP delivers them in pieces, the program reads in all its
 * ways, allocations fail.  A model of what the program may see goes along:
 *
 *   - what it reads is what was sent, in order, and nothing behind the first
 *     violation or the end;
 *   - while the peer did nothing wrong all of it arrives and there is no error;
 *   - what must end the session does, FIN without close_notify included;
 *   - what KSSL_RECORDS tells are the records that were sent;
 *   - tickets reach the worker whole; bytes behind close_notify go back to TCP;
 *   - everything is freed, keys are wiped.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "standin.h"

#include "crypt.h"
#include "framer.h"
#include "keys.h"
#include "mib.h"
#include "netlink.h"
#include "relay.h"
#include "rx.h"
#include "rx_buf.h"
#include "rx_cmsg.h"
#include "session.h"
#include "tx.h"
#include "upcall.h"

#define ok unit_ok
#include "standin-impl.h"
#undef ok

#include "../peers/wire.h"
#include "input.h"

#define WIRE_ROOM	(1 << 19)
#define RECORDS_ROOM	4096
#define PORTID		77

/* What becomes of the session when all that was sent has arrived. */
enum fate { LIVES, ENDS, DIES, STUCK, UNKNOWN };

/**
 * struct model - what the peer has done, and what the program may see of it
 * @half: the peer's keys
 * @wire: bytes sent so far, of which @out are with TCP, in segments that end at @seg
 * @text: content in order, up to the end of what may be seen; @begin: where records
 *	begin in it
 * @got: bytes the program has read
 * @fate: as soon as it is not LIVES, nothing more is added to @text
 * @end_at: offset in @wire behind close_notify
 * @last: where the last record begins in @wire
 * @undo: length of @text without what that record has promised
 * @requests, @answers: for renegotiation
 */
struct model {
	struct wire_half half;
	u8 wire[WIRE_ROOM];
	size_t len, out, last, end_at, undo;
	size_t seg[RECORDS_ROOM], nr_seg;
	u8 text[WIRE_ROOM];
	size_t text_len, got;
	size_t begin[RECORDS_ROOM], nr_begin;
	u8 ticket[1 << 16];
	int tickets;
	enum fate fate;
	int empties, warnings, updates, requests, answers;
	bool no_memory;
};

static struct model m;
static struct sock sk;
static struct kssl_session session;
static struct kssl_net kn;
static u64 mib[KSSL_MIB_NR];
static u8 fill;

struct tcp_sock standin_tcp;
u64 standin_ns;
const int nosteal_pipe_buf_ops;

/* ---- TCP ---- */

int tcp_read_sock(struct sock *s, read_descriptor_t *desc,
		  int (*actor)(read_descriptor_t *, struct sk_buff *, unsigned int, size_t))
{
	struct tcp_sock *tp = tcp_sk(s);
	size_t i, begin = 0;
	int done = 0, n;

	for (i = 0; i < m.nr_seg && desc->count; begin = m.seg[i++]) {
		struct sk_buff skb = { .data = m.wire + begin, .len = (u32)(m.seg[i] - begin) };

		while (tp->copied_seq < m.seg[i] && desc->count) {
			n = actor(desc, &skb, (u32)(tp->copied_seq - begin),
				  m.seg[i] - tp->copied_seq);
			if (n <= 0)
				return done;
			tp->copied_seq += (u32)n;
			done += n;
		}
	}
	return done;
}

static void deliver(size_t n)
{
	n = min(n, m.len - m.out);
	if (!n || sk.done || m.nr_seg == RECORDS_ROOM)
		return;
	m.out += n;
	m.seg[m.nr_seg++] = m.out;
	standin_tcp.rcv_nxt = (u32)m.out;
}

static void fin(void)
{
	if (sk.done)
		return;
	m.len = m.out;		/* what was not sent never will be */
	sk.done = true;
	standin_tcp.rcv_nxt++;
}

struct sk_buff *alloc_skb(u32 len, gfp_t gfp)
{
	struct sk_buff *skb = test_alloc(sizeof(*skb) + len);

	(void)gfp;
	if (skb)
		*skb = (struct sk_buff){ .data = (u8 *)(skb + 1), .truesize = len };
	return skb;
}

void kfree_skb(struct sk_buff *skb) { test_free(skb); }

void skb_put_data(struct sk_buff *skb, const u8 *bytes, u32 len)
{
	memcpy((u8 *)(skb + 1), bytes, len);
	skb->len = len;
}

static struct sk_buff *returned;

/* The same bytes as those that were taken from this place. */
void __skb_queue_head(struct sk_buff_head *head, struct sk_buff *skb)
{
	(void)head;
	fuzz_must(skb->end_seq - skb->seq == skb->len + !!(skb->tcp_flags & TCPHDR_FIN) ||
		  skb->end_seq - skb->seq == skb->len, "length of what goes back");
	fuzz_must(skb->seq + skb->len <= m.out &&
		  !memcmp(m.wire + skb->seq, skb->data, skb->len), "bytes that go back");
	returned = skb;
}

/* ---- the rest of the module ---- */

void kssl_nl_event(struct kssl_session *s, enum kssl_event_kind kind) { (void)s, (void)kind; }
bool kssl_worker_is(struct kssl_net *n, u32 portid)
{
	(void)n;
	return portid == PORTID;
}

#define TICKET_LEAST 14	/* a ticket of one byte, no nonce, no extensions */

/* RFC 8446, 4.6.1; without room for that, nonsense. */
static void make_ticket(u8 *p, size_t len)
{
	size_t i;

	p[0] = 4;
	wire_be(p + 1, len, 3);
	p += 4;
	for (i = 0; i < len; i++)
		p[i] = (u8)(i * 13);
	if (len < TICKET_LEAST)
		return;
	p[8] = 0;
	wire_be(p + 9, len - TICKET_LEAST + 1, 2);
	wire_be(p + len - 2, 0, 2);
}

static bool is_ticket(const u8 *p, size_t len)
{
	static u8 want[1 << 16];

	if (len < 4 + TICKET_LEAST || len > sizeof(want))
		return false;
	make_ticket(want, len - 4);
	return !memcmp(p, want, len);
}

int kssl_nl_hs_send(u8 cmd, u32 portid, struct kssl_session *s, const u8 *records, u32 len)
{
	(void)s;
	fuzz_must(cmd == KSSL_CMD_POST_DATA && portid == PORTID, "the relay's message");
	if (!len)
		return 0;
	fuzz_must(++m.tickets <= 3, "no more tickets than were asked for");
	if (m.fate == LIVES)
		fuzz_must(is_ticket(records, len), "a ticket");
	return 0;
}

/* As session.c: keys go at once, what was opened stays readable. */
void kssl_session_fail(struct kssl_session *s, int err, u8 alert, const char *text)
{
	(void)alert;
	(void)text;
	fuzz_must(err < 0, "an errno");
	if (s->state == KSSL_STATE_FAILED)
		return;
	s->error.err = (u32)-err;
	s->state = KSSL_STATE_FAILED;
	kssl_keys_free(s->open);
	s->open = NULL;
	kssl_relay_free(s->relay);
	s->relay = NULL;
	sk.sk_err = -err;
	m.no_memory |= err == -ENOMEM;
}

void kssl_session_closed(struct kssl_session *s)
{
	if (s->state == KSSL_STATE_OPEN && s->rx.end && s->tx.end)
		s->state = KSSL_STATE_CLOSED;
}

void kssl_session_end_rx(struct kssl_session *s, enum kssl_rx_end end)
{
	fuzz_must(!s->rx.end && end, "one end");
	s->rx.end = end;
	kssl_session_closed(s);
}

int kssl_session_cut_rx(struct kssl_session *s, const char *text)
{
	s->error.text = text;
	kssl_session_end_rx(s, KSSL_RX_CUT);
	return -ECONNRESET;
}

unsigned int kssl_crew_parallel;	/* 0: never more than one CPU */

u32 kssl_bulk_open(struct kssl_session *s, struct msghdr *msg, u32 len)
{
	(void)s, (void)msg, (void)len;
	abort();
}

void kssl_session_wake(struct kssl_session *s) { (void)s; }
int kssl_tx_flush(struct kssl_session *s) { (void)s; return 0; }
void kssl_tx_no_renegotiation(struct kssl_session *s) { (void)s, m.answers++; }

int kssl_ktls_check(struct kssl_session *s, const u8 *hdr, u16 *len)
{
	(void)s, (void)hdr, (void)len;
	abort();
}

/* keys.c wants it for kssl_keys_install() */
void kssl_session_open(struct kssl_session *s) { (void)s; }

/* ---- the peer ---- */

static bool room(size_t n) { return m.len + n < WIRE_ROOM && m.text_len + n < WIRE_ROOM; }

static size_t seal(u8 type, const u8 *text, size_t len, u16 zeros)
{
	const struct wire_how how = { .type = type, .zeros = zeros };

	m.last = m.len;
	if (type != 23)
		m.undo = m.text_len;
	m.len += wire_seal(&m.half, &how, text, len, m.wire + m.len);
	return m.len;
}

/* Content that the program may see, if all went well up to here. */
static void promise(const u8 *text, size_t len)
{
	m.undo = m.text_len;
	if (m.fate != LIVES && m.fate != UNKNOWN)
		return;
	if (m.nr_begin == RECORDS_ROOM) {
		m.fate = UNKNOWN;
		return;
	}
	m.begin[m.nr_begin++] = m.text_len;
	memcpy(m.text + m.text_len, text, len);
	m.text_len += len;
}

/* The first violation counts; behind what we cannot judge only one that is one anyway. */
static void fate(enum fate f)
{
	if (m.fate == LIVES)
		m.fate = f;
	else if (m.fate == UNKNOWN && f != UNKNOWN)
		m.fate = STUCK;
}

/* The last record is not what it was: nothing of it may be seen, or behind it. */
static void spoilt(void)
{
	m.fate = STUCK;
	if (m.undo == m.text_len)
		return;
	m.text_len = m.undo;
	m.nr_begin--;
}

static void count(int *n, int most)
{
	if (++*n > most)
		fate(DIES);
}

static void say_data(const u8 *text, size_t len, u16 zeros)
{
	m.undo = m.text_len;
	if ((m.half.suite->version == 0x304 && len + 1 + zeros > 16385) ||
	    len > session.rx.limit) {
		fate(DIES);
	} else if (!len) {
		count(&m.empties, 32);
	} else {
		promise(text, len);
		m.empties = m.warnings = m.updates = 0;
	}
	seal(23, text, len, zeros);
}

static void data(struct input *in, u16 zeros)
{
	static u8 text[WIRE_TEXT + 1];
	size_t len = in_u16(in) % (WIRE_TEXT + 1), i;

	if (!room(len + zeros + 2048))
		return;
	for (i = 0; i < len; i++)
		text[i] = (u8)(fill++ * 7);
	say_data(text, len, zeros);
}

/* An alert: RFC 8446, 6 and RFC 5246, 7.2. */
static void say_alert(const u8 *text, size_t len)
{
	bool old = m.half.suite->version == 0x303;

	if (len != 2 || (old && text[0] != 1 && text[0] != 2))
		fate(DIES);
	else if (!text[1])
		fate(ENDS);
	else if (old ? text[0] == 1 : text[1] == 90)
		count(&m.warnings, 4);
	else
		fate(DIES);
}

/* Any content type, any content. */
static void record(struct input *in)
{
	u8 type = in_u8(in);
	const u8 *text;
	size_t len = in_bytes(in, in_u8(in), &text);
	bool before = m.fate == LIVES;

	if (!room(len + 2048) || !type)
		return;
	if (type == 23) {
		say_data(text, len, 0);
		return;
	}
	if (type == 21)
		say_alert(text, len);
	else if (type != 22 || !len)
		fate(DIES);
	else
		fate(UNKNOWN);	/* a part of a message, or none */
	seal(type, text, len, 0);
	if (before && m.fate == ENDS)
		m.end_at = m.len;
}

static void key_update(struct input *in)
{
	const u8 text[5] = { 24, 0, 0, 1, in_u8(in) & 1 };

	if (!room(2048) || m.half.suite->version != 0x304)
		return;
	count(&m.updates, 32);
	seal(22, text, 5, 0);
	wire_update(&m.half);
}

/*
 * A request for renegotiation, cut over records with data between them (RFC 5246,
 * 6.2.1).  The empties that data() may send count in a row, requests or not.
 */
static void renegotiate(struct input *in)
{
	bool client = session.role == KSSL_ROLE_CLIENT;
	u16 len = client ? 0 : 41 + in_u8(in), piece = in_u8(in) % 64 + 1, at, n;
	bool between = in_u8(in) & 1;
	u8 msg[4 + 41 + 255] = { !client, 0, (u8)(len >> 8), (u8)len };

	if (m.fate != LIVES)
		return;
	for (at = 0; at < len + 4; at += n) {
		n = min(piece, (u16)(len + 4 - at));
		if (!room(n + 2048u))
			return fate(UNKNOWN);
		if (at + n == len + 4) {
			count(&m.requests, 100);
			count(&m.warnings, 4);
		}
		seal(22, msg + at, n, 0);
		if (between && at + n < len + 4)
			data(in, 0);
	}
}

/* A ticket, cut over records; only a client gets one. */
static void ticket(struct input *in)
{
	size_t len = in_u16(in) % 20000, at, n;
	u16 piece = (u16)(in_u16(in) % 16384 + 1);

	if (m.half.suite->version != 0x304)
		return renegotiate(in);
	if (!room(len + 2048 + len / piece * 64) || len / piece > 100)
		return;
	make_ticket(m.ticket, len);
	if (session.role != KSSL_ROLE_CLIENT || len < TICKET_LEAST ||
	    min((size_t)piece, len + 4) > session.rx.limit)
		fate(DIES);
	for (at = 0; at < len + 4; at += n) {
		n = min((size_t)piece, len + 4 - at);
		seal(22, m.ticket + at, n, 0);
	}
}

static void raw(struct input *in)
{
	const u8 *bytes;
	size_t n = in_bytes(in, in_u8(in), &bytes);

	if (!n || !room(n))
		return;
	memcpy(m.wire + m.len, bytes, n);
	m.last = m.len;
	m.undo = m.text_len;
	m.len += n;
	fate(STUCK);
}

/* Of the last record, as far as it was not sent. */
static void flip(struct input *in)
{
	size_t at = in_u16(in);
	u8 by = in_u8(in);

	if (m.len == m.last)
		return;
	at = m.last + at % (m.len - m.last);
	if (at < m.out || !by)
		return;
	m.wire[at] ^= by;
	spoilt();
	m.last = m.len;		/* not back again */
	m.undo = m.text_len;
}

static void cut(struct input *in)
{
	size_t n = 8 + in_u8(in);	/* fewer could come back by chance */

	if (n > m.len || m.len - n <= m.last || m.len - n < m.out)
		return;
	m.len -= n;
	spoilt();
	m.last = m.len;
	m.undo = m.text_len;
}

/* Again what was sent: the last record. */
static void replay(void)
{
	size_t n = m.len - m.last;

	if (!n || !room(n))
		return;
	memcpy(m.wire + m.len, m.wire + m.last, n);
	m.last = m.len;
	m.undo = m.text_len;
	m.len += n;
	fate(STUCK);
}

/* ---- the program ---- */

static size_t told;	/* bytes that KSSL_RECORDS told of */

int put_cmsg(struct msghdr *msg, int level, int type, int len, void *what)
{
	const struct kssl_record *r = what;
	size_t i, n = (size_t)len / sizeof(*r), at = m.got;

	(void)level, (void)type, (void)msg;
	told = 0;
	for (i = 0; i < n; i++) {
		size_t k = 0;

		while (k < m.nr_begin && m.begin[k] <= at)
			k++;
		fuzz_must(k > 0, "a record that was sent");
		fuzz_must(!(r[i].flags & KSSL_RECORD_BEGIN) == (m.begin[k - 1] != at), "BEGIN");
		at += r[i].len;
		told += r[i].len;
		fuzz_must(at <= (k < m.nr_begin ? m.begin[k] : m.text_len), "one record");
		fuzz_must(!(r[i].flags & KSSL_RECORD_END) ==
			  (at != (k < m.nr_begin ? m.begin[k] : m.text_len)), "END");
		fuzz_must(r[i].type == 23, "type");
	}
	return 0;
}

static void seen(const u8 *text, size_t n, bool peek)
{
	fuzz_must(m.got + n <= m.text_len, "nothing that was not sent in order");
	fuzz_must(!memcmp(m.text + m.got, text, n), "the bytes that were sent");
	if (!peek)
		m.got += n;
}

static int receive(size_t len, int flags)
{
	static u8 buf[1 << 16], control[1024];
	struct msghdr msg = { .msg_iter = { buf, sizeof(buf) } };
	int n;

	len = min(len, sizeof(buf));
	if (session.rx.records) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(struct cmsghdr) + (fill % 9) * sizeof(struct kssl_record);
	}
	if (session.state != KSSL_STATE_OPEN && !kssl_rx_buf_unread(&session.rx))
		return session.error.err ? -(int)session.error.err : 0;
	told = 0;
	n = kssl_rx_recv(&session, &kssl_rx_stream, &msg, len, flags | MSG_DONTWAIT, 0);
	fuzz_must(n <= (int)len, "no more than asked for");
	if (n <= 0)
		return n;
	if (msg.msg_control && msg.msg_controllen > sizeof(struct cmsghdr) &&
	    !(msg.msg_flags & MSG_CTRUNC))
		fuzz_must(told == (size_t)n, "records tell of every byte");
	if (flags & MSG_TRUNC)
		m.got += flags & MSG_PEEK ? 0 : (size_t)n;
	else
		seen(buf, (size_t)n, flags & MSG_PEEK);
	return n;
}

static void read_some(struct input *in)
{
	u8 how = in_u8(in);
	int flags = (how & 1 ? MSG_PEEK : 0) | (how & 2 ? MSG_WAITALL : 0) |
		    (how & 4 ? MSG_TRUNC : 0);

	session.rx.lowat = how & 8 ? 300 : 1;
	receive(in_u16(in), flags);
}

ssize_t splice_to_pipe(struct pipe_inode_info *pipe, struct splice_pipe_desc *spd)
{
	int i, room = fill % 5 + 1;	/* the pipe may be full half way */
	ssize_t done = 0;

	(void)pipe;
	for (i = 0; i < spd->nr_pages; i++) {
		if (i >= room) {
			spd->spd_release(spd, (u32)i);
			continue;
		}
		seen(page_address(spd->pages[i]) + spd->partial[i].offset, spd->partial[i].len,
		     false);
		done += spd->partial[i].len;
		put_page(spd->pages[i]);
	}
	return done;
}

static void give(struct input *in)
{
	const u8 *text;
	size_t n = in_bytes(in, in_u8(in), &text);
	bool begun = m.nr_begin || m.len;

	if (!n || begun || m.fate != LIVES)
		return;
	if (!kssl_rx_give(&session, text, (u32)n))
		promise(text, n);
}

/* ---- a life ---- */

static void born(struct input *in)
{
	const struct wire_suite *suite = wire_suites + in_u8(in) % ARRAY_SIZE(wire_suites);
	u8 how = in_u8(in);
	struct kssl_key key;
	const char *why;

	m.len = m.out = m.last = m.end_at = m.undo = 0;
	m.nr_seg = m.text_len = m.got = m.nr_begin = 0;
	m.empties = m.warnings = m.updates = m.tickets = m.requests = m.answers = 0;
	m.fate = LIVES;
	m.no_memory = false;
	fill = 0;
	input_seed(1);
	memset(&session, 0, sizeof(session));
	sk = (struct sock){ .sk_state = TCP_ESTABLISHED, .sk_rcvbuf = 1 << 17,
			    .sk_socket = &sk };
	standin_tcp = (struct tcp_sock){};
	kn.mib = mib;
	kn.update_rate = 0;
	fail_at = allocs = 0;
	wire_new(&m.half, suite, suite->kind == WIRE_CBC && how & 1);
	key = wire_key(&m.half);
	session.open = kssl_keys_new(&key, &why);
	fuzz_must(!IS_ERR(session.open), "keys");
	session.seal = session.open;	/* there are some: requests can be answered */
	session.kn = &kn;
	session.sk = &sk;
	session.state = KSSL_STATE_OPEN;
	session.own_keys = true;
	session.role = how & 2 ? KSSL_ROLE_CLIENT : KSSL_ROLE_SERVER;
	session.rx.lowat = 1;
	session.rx.records = how & 4;
	session.rx.lax = how & 8;
	session.rx.limit = how & 64 ? 2048 : WIRE_TEXT;
	session.rx.ahead.next = session.rx.ahead.prev = &session.rx.ahead;
	if (how & 16)
		session.relay = kssl_relay_new(PORTID, 3, 1000);
	fail_at = how & 32 ? 1 + in_u8(in) : 0;
	allocs = 0;
}

static void act(struct input *in)
{
	switch (in_u8(in) % 16) {
	case 0:
	case 1: data(in, 0); break;
	case 2: data(in, in_u16(in) % 20000); break;
	case 3: record(in); break;
	case 4: key_update(in); break;
	case 5: ticket(in); break;
	case 6: raw(in); break;
	case 7: flip(in); break;
	case 8: cut(in); break;
	case 9: replay(); break;
	case 10:
	case 11: deliver(in_u16(in)); break;
	case 12: deliver(m.len); break;
	case 13: read_some(in); break;
	case 14:
		if (session.state == KSSL_STATE_OPEN)
			kssl_rx_text(&session, 1 + in_u16(in), 1 + in_u8(in));
		break;
	case 15:
		if (in_u8(in) & 1)
			give(in);
		else if (session.state == KSSL_STATE_OPEN)
			kssl_rx_splice(&session, &kssl_rx_stream, NULL, 1 + in_u16(in), 0);
		break;
	}
}

/* All that was sent arrives and is read: what must have become of it? */
static void judge(void)
{
	int ret;

	deliver(m.len);
	if (m.nr_seg == RECORDS_ROOM)
		return;
	while ((ret = receive(60000, 0)) > 0)
		;
	if (m.no_memory || (fail_at && allocs >= fail_at))
		return;
	if (m.fate == LIVES) {
		fuzz_must(ret == -EAGAIN && !session.error.err, "a good peer's session lives");
		fuzz_must(m.answers == m.requests, "each request is answered");
		fuzz_must(m.got == m.text_len, "all that was sent arrives");
	}
	if (m.fate == ENDS) {
		fuzz_must(!ret && session.rx.end == KSSL_RX_NOTIFIED, "close_notify ends the stream");
		fuzz_must(m.got == m.text_len, "all before close_notify arrives");
		ret = kssl_framer_return(&session);
		if (ret == -ENOMEM && fail_at && allocs >= fail_at)
			return;
		fuzz_must(!ret, "kssl_framer_return()");
		fuzz_must(standin_tcp.copied_seq <= m.end_at, "what is behind goes back");
	}
	if (m.fate == DIES)
		fuzz_must(ret < 0 && session.error.err, "a violation ends the session");
}

static void end_of_stream(void)
{
	int ret;

	fin();
	ret = receive(100, 0);
	if (m.fate != LIVES || m.no_memory || (fail_at && allocs >= fail_at))
		return;
	fuzz_must(ret == (session.rx.lax ? 0 : -ECONNRESET), "FIN without close_notify");
}

static void buried(void)
{
	kssl_rx_buf_release(&session);
	kssl_rx_buf_free(&session);
	kssl_keys_free(session.open);
	kssl_relay_free(session.relay);
	kfree_skb(returned);
	returned = NULL;
	kssl_mac_exit();
	fuzz_must(!session.rx.ahead_len && !session.rx.ahead_size, "the queue is empty");
	fuzz_must(!sk.charged, "nothing is charged any more");
	fuzz_must(live <= 1, "everything is freed");	/* a spare buffer stays */
	fuzz_must(!not_wiped, "everything secret is wiped");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct input in = { bytes, len };

	born(&in);
	while (in.left)
		act(&in);
	judge();
	end_of_stream();
	buried();
	return 0;
}
