// SPDX-License-Identifier: GPL-2.0
/* What is measured, and the check that the right bytes came out. */
#include "cases.h"

#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define WARM	8	/* operations before the first that counts */
#define QUEUE	65536	/* sent bytes that may lie at the other end */
#define TEXT	(1 << 20)

/* Bytes that do not repeat within a record; touched, so that no page is missing. */
static const uint8_t *text(void)
{
	static uint8_t *p;
	uint32_t x = 1;
	size_t i;

	if (p)
		return p;
	p = malloc(TEXT);
	must(p, "malloc");
	for (i = 0; i < TEXT; i++)
		p[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
	return p;
}

static uint8_t *room(size_t len)
{
	uint8_t *p = malloc(len);

	must(p, "malloc");
	memset(p, 0, len);
	return p;
}

/* How often, so that a case takes long enough to be sure and no longer. */
static int times(size_t n)
{
	return n > 65536 ? 24 : n > 4096 ? 96 : 256;
}

/* ---- sending ---- */

/* What has arrived at end B, opened, is what was sent. */
struct sink {
	uint8_t *bytes;
	size_t len, max;
};

static void drain(struct link *l, struct sink *sink, int least)
{
	int n;

	while (!ioctl(l->b.fd, FIONREAD, &n) && n >= least) {
		must(sink->len + (size_t)n <= sink->max, "room for what was sent");
		must(recv(l->b.fd, sink->bytes + sink->len, (size_t)n, 0) == n, "recv");
		sink->len += (size_t)n;
	}
}

static void check_sent(struct link *l, struct sink *sink, size_t n, int ops)
{
	uint8_t *got = room(sink->max);
	int i;

	must(l->way->open(l, sink->bytes, sink->len, got) == n * (size_t)ops, "all was sent");
	for (i = 0; i < ops; i++)
		must(!memcmp(got + n * (size_t)i, text(), n), "what was sent");
	free(got);
	free(sink->bytes);
}

static int text_file(size_t n)
{
	int fd = memfd_create("bench", 0);

	must(fd >= 0 && write(fd, text(), n) == (ssize_t)n, "file");
	return fd;
}

enum sending { SEND, MORE, FILES };

static double sending(const struct way *way, const struct suite *suite, size_t n, enum sending how)
{
	int ops = WARM * 16 + times(n), i, file = text_file(n);
	struct sink sink = { .max = (size_t)ops * (n + n / 64 + 128) };
	uint64_t sum = 0, start;
	struct link l;
	ssize_t ret;

	sink.bytes = room(sink.max);
	link_up(&l, way, suite);
	way->start(&l, false);
	way->keys(&l, false);
	for (i = 0; i < ops; i++) {
		int flags = how == MORE && i % 16 != 15 ? MSG_MORE : 0;

		start = begin(i >= WARM * 16);
		ret = how == FILES ? way->file(&l.a, file, n) :
				     way->send(&l.a, text(), n, flags);
		sum += i >= WARM * 16 ? end(start) : 0;
		must(ret == (ssize_t)n, "send");
		drain(&l, &sink, QUEUE);
	}
	drain(&l, &sink, 1);
	check_sent(&l, &sink, n, ops);
	link_down(&l);
	close(file);
	return (double)sum / times(n);
}

double case_tx(const struct way *way, const struct suite *suite, size_t n, size_t buf)
{
	(void)buf;
	return sending(way, suite, n, SEND);
}

double case_more(const struct way *way, const struct suite *suite, size_t n, size_t buf)
{
	(void)buf;
	return sending(way, suite, n, MORE);
}

double case_file(const struct way *way, const struct suite *suite, size_t n, size_t buf)
{
	(void)buf;
	return sending(way, suite, n, FILES);
}

/* ---- receiving ---- */

/* A batch of records, put into end A's queue at once. */
static void feed(struct link *l, size_t n, int records, uint8_t *out)
{
	size_t len = 0;
	int i;

	for (i = 0; i < records; i++)
		len += l->way->seal(l, text() + n * (size_t)i, n, out + len);
	must(send(l->b.fd, out, len, 0) == (ssize_t)len, "feed");
}

double case_rx(const struct way *way, const struct suite *suite, size_t n, size_t buf)
{
	int batch = (int)(262144 / n), rounds = n < 1024 ? 4 : 12, i;
	size_t all = n * (size_t)batch;
	uint8_t *out = room((n + 128) * (size_t)batch + WIRE_MAX), *got = room(all);
	uint64_t sum = 0;
	struct link l;

	link_up(&l, way, suite);
	way->start(&l, false);
	way->keys(&l, false);
	for (i = 0; i < rounds; i++) {
		uint64_t start;
		size_t at = 0;

		feed(&l, n, batch, out);
		memset(got, 0, all);
		start = begin(i >= rounds / 4);
		while (at < all) {
			size_t want = all - at < buf ? all - at : buf;
			ssize_t ret = way->recv(&l.a, got + at, want);

			must(ret > 0, "recv");
			at += (size_t)ret;
		}
		sum += i >= rounds / 4 ? end(start) : 0;
		must(!memcmp(got, text(), all), "what was received");
	}
	link_down(&l);
	free(out);
	free(got);
	return (double)sum / (rounds - rounds / 4) / batch;
}

/* ---- request and response ---- */

static void transfer(const struct way *way, struct end *from, struct end *to, size_t n,
		     uint8_t *got)
{
	size_t at = 0;

	must(way->send(from, text(), n, 0) == (ssize_t)n, "send");
	while (at < n) {
		ssize_t ret = way->recv(to, got + at, WIRE_TEXT);

		must(ret > 0, "recv");
		at += (size_t)ret;
	}
}

double case_pp(const struct way *way, const struct suite *suite, size_t n, size_t buf)
{
	uint8_t *request = room(WIRE_TEXT * 2), *response = room(WIRE_TEXT * 2);
	int ops = WARM * 4 + times(n), i;
	uint64_t sum = 0, start;
	struct link l;

	(void)buf;
	link_up(&l, way, suite);
	way->start(&l, true);
	way->keys(&l, true);
	for (i = 0; i < ops; i++) {
		start = begin(i >= WARM * 4);
		transfer(way, &l.a, &l.b, n, request);
		transfer(way, &l.b, &l.a, n, response);
		sum += i >= WARM * 4 ? end(start) : 0;
		must(!memcmp(request, text(), n) && !memcmp(response, text(), n), "transfer");
		memset(request, 0, n);
		memset(response, 0, n);
	}
	link_down(&l);
	free(request);
	free(response);
	return (double)sum / times(n);
}

/* ---- keys on and off ---- */

double case_beside;

#define LINKS	64
#define ROUNDS	6

/* Connections are made first, then keyed and closed one after the other. */
static double on_and_off(const struct way *way, const struct suite *suite)
{
	struct link l[LINKS];
	uint64_t sum = 0, start;
	int round, i;

	for (round = -2; round < ROUNDS; round++) {	/* the first two warm up */
		for (i = 0; i < LINKS; i++) {
			link_up(&l[i], way, suite);
			way->start(&l[i], false);
		}
		start = begin(round >= 0 && way != ways);
		for (i = 0; i < LINKS; i++) {
			way->keys(&l[i], false);
			reset_close(l[i].a.fd);	/* no alert is sent */
		}
		sum += round >= 0 ? end(start) : 0;
		for (i = 0; i < LINKS; i++)
			close(l[i].b.fd);
	}
	return (double)sum / ROUNDS / LINKS;
}

/* OpenSSL's keys come with its handshake: the object alone. */
static double new_and_free(const struct way *way, const struct suite *suite)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < 2 * LINKS; i++) {
		struct link l;
		uint64_t start;

		link_up(&l, way, suite);
		way->start(&l, true);
		start = begin(i >= LINKS);
		SSL_free(SSL_new(SSL_get_SSL_CTX(l.a.ssl)));
		sum += i >= LINKS ? end(start) : 0;
		link_down(&l);
	}
	return (double)sum / LINKS;
}

double case_keys(const struct way *way, const struct suite *suite, size_t n, size_t buf)
{
	(void)n;
	(void)buf;
	if (!strcmp(way->name, "openssl"))
		return new_and_free(way, suite);
	case_beside = on_and_off(&ways[0], suite);
	return on_and_off(way, suite) - case_beside;
}
