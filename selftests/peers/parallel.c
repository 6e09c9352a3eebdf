// SPDX-License-Identifier: GPL-2.0
// LIBS: libcrypto
/*
 * One connection on several CPUs, with the module's parallel=1: large calls whose
 * records helpers seal and open.  The other end is plain TCP and wire.h.  Whatever
 * happens amid the records, what a program sees must be as if they were made or
 * opened one by one.
 *
 *	parallel SUITE...	numbers, as 1301, of which the first gets all of it
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "wire.h"

#define RECORDS	24
#define STREAM	(RECORDS * WIRE_TEXT)
#define BIG	(3 << 20)

static uint8_t stream[BIG], wire[2 * BIG], got[BIG + WIRE_TEXT];
static const struct wire_how usual;
static int tests, bad;

struct peer {
	int kssl, tcp;
	struct wire_half out, back;	/* to kssl, from kssl */
};

static void ok(bool good, const struct wire_suite *suite, const char *name)
{
	printf("%sok %d - %s: %s\n", good ? "" : "not ", ++tests, name, suite->name);
	fflush(stdout);
	bad += !good;
}

static bool same(const char *what, long is, long wanted)
{
	if (is != wanted)
		printf("# %s: %ld, wanted %ld\n", what, is, wanted);
	return is == wanted;
}

/* ---- a connection ---- */

static void set_int(int fd, int level, int name, int value)
{
	wire_must(!setsockopt(fd, level, name, &value, sizeof(value)), "setsockopt");
}

static void tcp_pair(int *one, int *other)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(a);

	*one = socket(AF_INET, SOCK_STREAM, 0);
	set_int(*one, SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20);
	wire_must(!bind(listener, (struct sockaddr *)&a, len) && !listen(listener, 1) &&
		  !getsockname(listener, (struct sockaddr *)&a, &len) &&
		  !connect(*one, (struct sockaddr *)&a, len), "connect");
	*other = accept(listener, NULL, NULL);
	wire_must(*other >= 0, "accept");
	close(listener);
}

static void set_key(int fd, int option, const struct wire_half *h)
{
	struct kssl_key key = wire_key(h);

	wire_must(!setsockopt(fd, SOL_KSSL, option, &key, sizeof(key)), "key");
}

static void peer_open(struct peer *p, const struct wire_suite *suite)
{
	struct timeval limit = { .tv_sec = 10 };

	tcp_pair(&p->kssl, &p->tcp);
	wire_new(&p->out, suite, false);
	wire_new(&p->back, suite, false);
	setsockopt(p->kssl, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(p->tcp, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	wire_must(!setsockopt(p->kssl, SOL_TCP, TCP_ULP, "kssl", 4), "TCP_ULP");
	set_key(p->kssl, KSSL_KEY_RX, &p->out);
	set_key(p->kssl, KSSL_KEY_TX, &p->back);
}

static void peer_close(struct peer *p)
{
	close(p->kssl);
	close(p->tcp);
}

static bool read_all(int fd, uint8_t *p, size_t n)
{
	ssize_t len;

	for (; n; p += len, n -= (size_t)len) {
		len = read(fd, p, n);
		if (len <= 0)
			return false;
	}
	return true;
}

/* The next record from kssl, opened; its type, 0 at the end, -1 if it is bad. */
static int take(struct peer *p, uint8_t *text, size_t *len)
{
	static uint8_t record[WIRE_MAX];
	struct wire_seen seen;
	const char *why;
	size_t n;

	if (!read_all(p->tcp, record, 5))
		return 0;
	n = (size_t)(record[3] << 8 | record[4]);
	if (!read_all(p->tcp, record + 5, n))
		return 0;
	why = wire_open(&p->back, record, 5 + n, text, &seen);
	if (why) {
		printf("# from kssl: %s\n", why);
		return -1;
	}
	*len = seen.len;
	return seen.type;
}

/* All that is sent lies in the queue of the receiver. */
static void settle(int from)
{
	int i, n;

	for (i = 0; i < 20000; i++) {
		wire_must(!ioctl(from, SIOCOUTQ, &n), "SIOCOUTQ");
		if (!n)
			return;
		usleep(1000);
	}
	wire_must(false, "settle");
}

/* ---- receiving: something among the records of a queue ---- */

static const uint8_t update[5] = { 24, 0, 0, 1, 0 }, update_asked[5] = { 24, 0, 0, 1, 1 };
static const uint8_t ticket[4 + 18] = { 4, 0, 0, 18, [12] = 1, [14] = 0, 4, 'x', 'y', 'z', '0' };

/**
 * struct event - what comes in place @at of the stream
 * @make: puts it at buf; text of the stream from there on; its length.  Sets how
 *	much of that text it carries, and whether what follows is read
 * @err: errno of the read after what was good; 0 and @ends: end of the stream
 * @alert: alert that kssl sends then
 */
struct event {
	const char *name;
	bool only13;
	size_t (*make)(struct wire_half *h, const uint8_t *text, uint8_t *buf, size_t *carried);
	bool ends;
	int err;
	int alert;
};

static size_t message(struct wire_half *h, uint8_t type, const void *text, size_t len, uint8_t *buf)
{
	struct wire_how how = { .type = type };

	return wire_seal(h, &how, text, len, buf);
}

static size_t ev_nothing(struct wire_half *h, const uint8_t *text, uint8_t *buf, size_t *carried)
{
	(void)h, (void)text, (void)buf, (void)carried;
	return 0;
}

static size_t ev_update(struct wire_half *h, const uint8_t *text, uint8_t *buf, size_t *carried)
{
	size_t n = message(h, 22, update, sizeof(update), buf);

	(void)text, (void)carried;
	wire_update(h);
	return n;
}

static size_t ev_asked(struct wire_half *h, const uint8_t *text, uint8_t *buf, size_t *carried)
{
	size_t n = message(h, 22, update_asked, sizeof(update_asked), buf);

	(void)text, (void)carried;
	wire_update(h);
	return n;
}

static size_t ev_ticket(struct wire_half *h, const uint8_t *text, uint8_t *buf, size_t *carried)
{
	(void)text, (void)carried;
	return message(h, 22, ticket, sizeof(ticket), buf);
}

static size_t ev_empty(struct wire_half *h, const uint8_t *text, uint8_t *buf, size_t *carried)
{
	(void)text, (void)carried;
	return message(h, 23, "", 0, buf);
}

static size_t ev_short(struct wire_half *h, const uint8_t *text, uint8_t *buf, size_t *carried)
{
	*carried = 7;
	return message(h, 23, text, 7, buf);
}

static size_t ev_padded(struct wire_half *h, const uint8_t *text, uint8_t *buf, size_t *carried)
{
	struct wire_how how = { .zeros = 9000 };

	*carried = 100;
	return wire_seal(h, &how, text, 100, buf);
}

static size_t full(struct wire_half *h, const uint8_t *text, uint8_t *buf)
{
	return wire_seal(h, &usual, text, WIRE_TEXT, buf);
}

static size_t ev_flip(struct wire_half *h, const uint8_t *text, uint8_t *buf, size_t *carried)
{
	size_t n = full(h, text, buf);

	(void)carried;
	buf[n / 3] ^= 4;
	return n;
}

static size_t ev_order(struct wire_half *h, const uint8_t *text, uint8_t *buf, size_t *carried)
{
	size_t n;

	(void)carried;
	h->seq++;
	n = full(h, text, buf);
	h->seq -= 2;
	n += full(h, text, buf + n);
	h->seq++;
	return n;
}

static size_t ev_again(struct wire_half *h, const uint8_t *text, uint8_t *buf, size_t *carried)
{
	size_t n;

	*carried = WIRE_TEXT;	/* the first of the two is good */
	n = full(h, text, buf);
	h->seq--;
	return n + full(h, text, buf + n);
}

static size_t ev_lost(struct wire_half *h, const uint8_t *text, uint8_t *buf, size_t *carried)
{
	(void)carried;
	h->seq++;
	return full(h, text, buf);
}

static size_t ev_long(struct wire_half *h, const uint8_t *text, uint8_t *buf, size_t *carried)
{
	(void)carried;
	return wire_seal(h, &usual, text, WIRE_TEXT + 1, buf);
}

static size_t ev_header(struct wire_half *h, const uint8_t *text, uint8_t *buf, size_t *carried)
{
	size_t n = full(h, text, buf);

	(void)carried;
	wire_be(buf + 3, 20000, 2);
	return n;
}

static size_t ev_close(struct wire_half *h, const uint8_t *text, uint8_t *buf, size_t *carried)
{
	(void)text, (void)carried;
	return message(h, 21, "\1\0", 2, buf);
}

static size_t ev_alert(struct wire_half *h, const uint8_t *text, uint8_t *buf, size_t *carried)
{
	(void)text, (void)carried;
	return message(h, 21, "\2\50", 2, buf);
}

static const struct event events[] = {
	{ "nothing", false, ev_nothing, false, 0, 0 },
	{ "KeyUpdate", true, ev_update, false, 0, 0 },
	{ "KeyUpdate that asks for one", true, ev_asked, false, 0, 0 },
	{ "ticket", true, ev_ticket, false, 0, 0 },
	{ "record without content", false, ev_empty, false, 0, 0 },
	{ "short record", false, ev_short, false, 0, 0 },
	{ "padded record", true, ev_padded, false, 0, 0 },
	{ "flipped bit", false, ev_flip, true, EBADMSG, 20 },
	{ "order", false, ev_order, true, EBADMSG, 20 },
	{ "again", false, ev_again, true, EBADMSG, 20 },
	{ "one is missing", false, ev_lost, true, EBADMSG, 20 },
	{ "text of 2^14 + 1 bytes", false, ev_long, true, EMSGSIZE, 22 },
	{ "length of 20000", false, ev_header, true, EMSGSIZE, 22 },
	{ "close_notify", false, ev_close, true, 0, 0 },
	{ "fatal alert", false, ev_alert, true, ECONNABORTED, 0 },
};

#define EVENTS (sizeof(events) / sizeof(events[0]))

/* The stream with an event before its record @at; its length on the wire. */
static size_t make(struct wire_half *h, const struct event *e, size_t at, size_t *good)
{
	size_t n = 0, done = 0, i;

	*good = STREAM;
	for (i = 0; done < STREAM; i++) {
		size_t len, carried = 0;

		if (i == at) {
			n += e->make(h, stream + done, wire + n, &carried);
			done += carried;
			*good = e->ends ? done : STREAM;
		}
		len = STREAM - done < WIRE_TEXT ? STREAM - done : WIRE_TEXT;
		n += wire_seal(h, &usual, stream + done, len, wire + n);
		done += len;
	}
	return n;
}

/* Reads of @want bytes until there are no more; errno of the last, 0 at the end. */
static int read_on(int fd, size_t want, size_t most, size_t *done)
{
	ssize_t n = 1;

	*done = 0;
	while (*done < most && n > 0) {
		n = recv(fd, got + *done, want < sizeof(got) - *done ? want : sizeof(got) - *done, 0);
		*done += n > 0 ? (size_t)n : 0;
	}
	return n < 0 ? errno : 0;
}

static bool answered(struct peer *p, const struct event *e)
{
	uint8_t text[WIRE_TEXT];
	size_t len;
	int type;

	if (e->make == ev_asked) {
		wire_must(send(p->kssl, "x", 1, 0) == 1, "send");
		type = take(p, text, &len);
		if (!same("type", type, 22) || !same("KeyUpdate", text[0], 24))
			return false;
		wire_update(&p->back);
		return same("data after it", take(p, text, &len), 23);
	}
	if (!e->alert)
		return true;
	type = take(p, text, &len);
	return same("type", type, 21) && same("level", text[0], 2) && same("alert", text[1], e->alert);
}

static bool receive(const struct wire_suite *suite, const struct event *e, size_t at, size_t want)
{
	size_t good, n, done;
	struct peer p;
	bool fine;
	int err;

	peer_open(&p, suite);
	set_int(p.tcp, SOL_SOCKET, SO_SNDBUFFORCE, 16 << 20);
	n = make(&p.out, e, at, &good);
	wire_must(send(p.tcp, wire, n, 0) == (ssize_t)n, "feed");
	settle(p.tcp);
	err = read_on(p.kssl, want, e->ends ? sizeof(got) : STREAM, &done);
	fine = same("bytes", (long)done, (long)good) & same("errno", err, e->err);
	fine &= !memcmp(got, stream, good) && answered(&p, e);
	if (!fine)
		printf("# that was: %s at %zu, by %zu\n", e->name, at, want);
	peer_close(&p);
	return fine;
}

static void receiving(const struct wire_suite *suite, bool thorough)
{
	static const size_t places[] = { 9, 0, 1, 2, 3, 17, 23 };
	size_t i, at, many = thorough ? sizeof(places) / sizeof(places[0]) : 1;
	char name[64];

	for (i = 0; i < EVENTS; i++) {
		bool good = true;

		if (events[i].only13 && suite->version != 0x304)
			continue;
		for (at = 0; at < many && good; at++)
			good = receive(suite, &events[i], places[at], 1 << 20) &&
				receive(suite, &events[i], places[at], 100000);
		snprintf(name, sizeof(name), "among records read at once: %s", events[i].name);
		ok(good, suite, name);
	}
}

/* FIN inside a record, or behind the last. */
static void cut(const struct wire_suite *suite)
{
	size_t good, n, done, less;
	bool fine = true;
	struct peer p;
	int err;

	for (less = 0; less < 20000; less += 9999) {
		peer_open(&p, suite);
		set_int(p.tcp, SOL_SOCKET, SO_SNDBUFFORCE, 16 << 20);
		n = make(&p.out, events, 0, &good) - less;
		wire_must(send(p.tcp, wire, n, 0) == (ssize_t)n && !shutdown(p.tcp, SHUT_WR), "feed");
		settle(p.tcp);
		err = read_on(p.kssl, 1 << 20, sizeof(got), &done);
		good = (STREAM - less) / WIRE_TEXT * WIRE_TEXT;
		fine &= same("bytes", (long)done, (long)good) & same("errno", err, ECONNRESET);
		fine &= !memcmp(got, stream, good);
		peer_close(&p);
	}
	ok(fine, suite, "the stream is cut");
}

/* Memory that cannot be written: what was not read comes with the next call. */
static void unwritable(const struct wire_suite *suite)
{
	uint8_t *page = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);
	size_t n, good, done = 0, wall;
	bool fine = true;
	struct peer p;

	for (wall = 4096; wall < STREAM; wall += 94208) {
		ssize_t ret;

		peer_open(&p, suite);
		set_int(p.tcp, SOL_SOCKET, SO_SNDBUFFORCE, 16 << 20);
		n = make(&p.out, events, 0, &good);
		wire_must(send(p.tcp, wire, n, 0) == (ssize_t)n, "feed");
		settle(p.tcp);
		mprotect(page + wall, 4096, PROT_NONE);
		ret = recv(p.kssl, page, STREAM, 0);
		fine &= same("errno", ret < 0 ? errno : EFAULT, EFAULT);
		done = ret > 0 ? (size_t)ret : 0;
		if (done > wall)
			fine = same("read up to the wall", (long)done, (long)wall);
		mprotect(page + wall, 4096, PROT_READ | PROT_WRITE);
		while (done < STREAM && (ret = recv(p.kssl, page + done, STREAM - done, 0)) > 0)
			done += (size_t)ret;
		fine &= same("bytes", (long)done, STREAM) && !memcmp(page, stream, STREAM);
		peer_close(&p);
	}
	munmap(page, 2 << 20);
	ok(fine, suite, "memory that cannot be written");
}

/* Records arrive while they are read. */
static void *feed(void *arg)
{
	struct peer *p = arg;
	size_t done = 0, n, len;

	while (done < BIG) {
		len = BIG - done < WIRE_TEXT ? BIG - done : WIRE_TEXT;
		if (done % 5 == 3)
			len = len / 2 + 1;
		n = wire_seal(&p->out, &usual, stream + done, len, wire);
		wire_must(send(p->tcp, wire, n, 0) == (ssize_t)n, "feed");
		if (p->out.suite->version == 0x304 && p->out.seq == 50) {
			n = message(&p->out, 22, update, sizeof(update), wire);
			wire_must(send(p->tcp, wire, n, 0) == (ssize_t)n, "feed");
			wire_update(&p->out);
		}
		done += len;
	}
	return NULL;
}

static void arriving(const struct wire_suite *suite)
{
	pthread_t feeder;
	struct peer p;
	ssize_t n;

	peer_open(&p, suite);
	pthread_create(&feeder, NULL, feed, &p);
	n = recv(p.kssl, got, BIG, MSG_WAITALL);
	ok(same("bytes", n, BIG) && !memcmp(got, stream, BIG), suite, "records that arrive meanwhile");
	pthread_join(feeder, NULL);
	peer_close(&p);
}

/* ---- sending ---- */

struct sink {
	struct peer *p;
	size_t want, have, records, updates;
	bool asks, good, closed;
	useconds_t pause;
};

/* Opens what kssl sends, and compares; asks for new keys in between. */
static void *drain(void *arg)
{
	static uint8_t text[WIRE_TEXT];
	struct sink *k = arg;
	size_t len, n;
	int type;

	k->good = true;
	while ((k->have < k->want || k->closed) && k->good) {
		type = take(k->p, text, &len);
		if (type == 22 && len == 5 && text[0] == 24) {
			wire_update(&k->p->back);
			k->updates++;
			continue;
		}
		if (type == 21 && k->closed && len == 2 && text[1] == 0)
			break;
		k->good = same("type", type, 23) && k->have + len <= BIG &&
			  !memcmp(text, stream + k->have, len);
		k->have += k->good ? len : 0;
		k->records++;
		if (k->asks && k->records % 20 == 0) {
			uint8_t record[256];

			n = message(&k->p->out, 22, update_asked, sizeof(update_asked), record);
			wire_must(send(k->p->tcp, record, n, 0) == (ssize_t)n, "ask");
			wire_update(&k->p->out);
		}
		if (k->pause)
			usleep(k->pause);
	}
	if (!k->good)	/* who sends need not wait for us */
		shutdown(k->p->tcp, SHUT_RDWR);
	return NULL;
}

/* Sends everything by calls of @call bytes; how many calls were cut short. */
static long send_all(int fd, size_t call, int flags)
{
	struct pollfd out = { .fd = fd, .events = POLLOUT };
	size_t done = 0;
	long cut_short = 0;

	while (done < BIG) {
		size_t len = BIG - done < call ? BIG - done : call;
		ssize_t n = send(fd, stream + done, len,
				 done + len == BIG ? flags & ~MSG_MORE : flags);

		if (n < 0 && errno == EAGAIN) {
			poll(&out, 1, 1000);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		cut_short += (size_t)n < len;
		done += (size_t)n;
	}
	return cut_short;
}

/* The sender cannot get far ahead of the other end. */
static void keep_back(struct peer *p)
{
	set_int(p->tcp, SOL_SOCKET, SO_RCVBUF, 65536);
	set_int(p->kssl, SOL_SOCKET, SO_SNDBUF, 150000);
}

enum way { PLAINLY, NONBLOCK, MORE, ASKED };

static void sending(const struct wire_suite *suite, enum way way, const char *name)
{
	struct sink k = { .want = BIG, .asks = way == ASKED, .closed = true,
			  .pause = way == NONBLOCK ? 1000 : 0 };
	pthread_t sink;
	struct peer p;
	long ret;

	peer_open(&p, suite);
	k.p = &p;
	if (way == NONBLOCK || way == ASKED)
		keep_back(&p);
	pthread_create(&sink, NULL, drain, &k);
	if (way == ASKED) {	/* who asks is heard by those who read */
		size_t done;

		for (ret = 0, done = 0; done < BIG && ret >= 0; done += (size_t)ret) {
			ret = send(p.kssl, stream + done, BIG - done < 300000 ? BIG - done : 300000, 0);
			recv(p.kssl, got, 1, MSG_DONTWAIT);
		}
	} else {
		ret = send_all(p.kssl, way == MORE ? 99999 : 1 << 20,
			       way == NONBLOCK ? MSG_DONTWAIT : way == MORE ? MSG_MORE : 0);
	}
	shutdown(p.kssl, SHUT_WR);
	pthread_join(sink, NULL);
	ok(k.good && same("bytes", (long)k.have, BIG) && ret >= 0 &&
	   (way != ASKED || suite->version != 0x304 || k.updates > 2) &&
	   (way != NONBLOCK || ret > 0) &&
	   (way != PLAINLY || k.records < BIG / WIRE_TEXT + 16), suite, name);
	peer_close(&p);
}

static void on_alarm(int sig) { (void)sig; }

/* A signal ends a call that waits for room; what it says it took is what was sent. */
static void interrupted(const struct wire_suite *suite)
{
	struct itimerval often = { { 0, 20000 }, { 0, 20000 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction action = { .sa_handler = on_alarm };
	struct sink k = { .want = BIG, .closed = true, .pause = 3000 };
	sigset_t alarm;
	pthread_t sink;
	struct peer p;
	long ret;

	peer_open(&p, suite);
	k.p = &p;
	keep_back(&p);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm, NULL);
	pthread_create(&sink, NULL, drain, &k);
	pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	ret = send_all(p.kssl, 1 << 20, 0);
	setitimer(ITIMER_REAL, &never, NULL);
	shutdown(p.kssl, SHUT_WR);
	pthread_join(sink, NULL);
	ok(k.good && same("bytes", (long)k.have, BIG) && ret > 0, suite, "sends that signals cut");
	peer_close(&p);
}

/* Text that cannot be read: what is sent is what the call says. */
static void unreadable(const struct wire_suite *suite)
{
	uint8_t *page = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool fine = true;
	size_t wall;

	memcpy(page, stream, BIG);
	for (wall = 4096; wall < STREAM; wall += 94208) {
		struct sink k = { .closed = true };
		struct peer p;
		ssize_t ret;

		peer_open(&p, suite);
		k.p = &p;
		set_int(p.kssl, SOL_SOCKET, SO_SNDBUFFORCE, 16 << 20);
		mprotect(page + wall, 4096, PROT_NONE);
		ret = send(p.kssl, page, STREAM, 0);
		fine &= ret < 0 ? same("errno", errno, EFAULT) :
				  same("sent up to the wall", ret, (long)(wall / WIRE_TEXT * WIRE_TEXT));
		mprotect(page + wall, 4096, PROT_READ | PROT_WRITE);
		shutdown(p.kssl, SHUT_WR);
		drain(&k);
		fine &= k.good && same("arrived", (long)k.have, ret > 0 ? ret : 0);
		peer_close(&p);
	}
	munmap(page, BIG);
	ok(fine, suite, "text that cannot be read");
}

static void *reset(void *arg)
{
	const struct linger now_please = { .l_onoff = 1 };
	struct peer *p = arg;

	read_all(p->tcp, wire, 300000);
	setsockopt(p->tcp, SOL_SOCKET, SO_LINGER, &now_please, sizeof(now_please));
	close(p->tcp);
	return NULL;
}

static void broken_off(const struct wire_suite *suite)
{
	pthread_t peer;
	struct peer p;
	long ret;
	int err;

	peer_open(&p, suite);
	set_int(p.kssl, SOL_SOCKET, SO_SNDBUF, 150000);
	pthread_create(&peer, NULL, reset, &p);
	ret = send_all(p.kssl, BIG, 0);
	err = errno;
	pthread_join(peer, NULL);
	ok(same("send", ret, -1) && (err == EPIPE || err == ECONNRESET), suite,
	   "the peer resets amid a send");
	close(p.kssl);
}

int main(int argc, char **argv)
{
	size_t i;
	int j;

	signal(SIGPIPE, SIG_IGN);
	RAND_bytes(stream, sizeof(stream));
	for (i = 0; i < WIRE_SUITES; i++) {
		const struct wire_suite *suite = &wire_suites[i];
		bool wanted = false;

		for (j = 1; j < argc && !wanted; j++)
			wanted = strtoul(argv[j], NULL, 16) == suite->id;
		if (!wanted)
			continue;
		receiving(suite, j == 2);
		cut(suite);
		unwritable(suite);
		arriving(suite);
		sending(suite, PLAINLY, "large sends");
		sending(suite, NONBLOCK, "large sends that do not wait");
		sending(suite, MORE, "large sends with MSG_MORE");
		if (suite->version == 0x304)
			sending(suite, ASKED, "large sends while the peer asks for new keys");
		interrupted(suite);
		unreadable(suite);
		broken_off(suite);
	}
	printf("1..%d\n", tests);
	return bad != 0;
}
