// SPDX-License-Identifier: GPL-2.0
/*
 * One connection on several CPUs (module parameter parallel): how many times faster
 * large calls are with it than without.  Time of this machine, not instructions;
 * off and on by turns, so that what else goes on meets both.
 */
#include "cases.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALL	(1 << 20)
#define CALLS	8
#define PAIRS	15

static void set_parallel(const char *least)
{
	int fd = open("/sys/module/kssl/parameters/parallel", O_WRONLY);

	must(fd >= 0 && write(fd, least, strlen(least)) > 0, "parameter parallel");
	close(fd);
}

/* A counter of /proc/net/kssl_stat. */
static long counter(const char *name)
{
	FILE *f = fopen("/proc/net/kssl_stat", "r");
	char line[64];
	long n = -1;

	must(f, "/proc/net/kssl_stat");
	while (fscanf(f, "%63s %ld", line, &n) == 2 && strcmp(line, name))
		n = -1;
	fclose(f);
	must(n >= 0, name);
	return n;
}

static uint8_t *bytes(size_t len)
{
	uint8_t *p = malloc(len);
	size_t i;

	must(p, "malloc");
	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 2654435761u >> 13);
	return p;
}

static void *discard(void *arg)
{
	while (recv(*(int *)arg, NULL, CALL, MSG_TRUNC) > 0)
		;
	return NULL;
}

/* Large sends into a plain TCP socket that discards. */
static uint64_t send_all(struct link *l)
{
	static uint8_t *text;
	pthread_t sink;
	uint64_t start;
	int i;

	text = text ?: bytes(CALL);
	must(!pthread_create(&sink, NULL, discard, &l->b.fd), "thread");
	start = now();
	for (i = 0; i < CALLS; i++)
		must(l->way->send(&l->a, text, CALL, 0) == CALL, "send");
	start = now() - start;
	shutdown(l->b.fd, SHUT_RD);
	shutdown(l->a.fd, SHUT_RDWR);
	pthread_join(sink, NULL);
	return start;
}

/* Large reads of what was sealed beforehand and lies in the queue. */
static uint64_t recv_all(struct link *l)
{
	const int room = 4 * CALL * CALLS;
	static uint8_t *text, *sealed, *got;
	size_t at, len = 0;
	uint64_t start;
	int i;

	text = text ?: bytes(CALL);
	sealed = sealed ?: malloc(2 * CALL);
	got = got ?: malloc(CALL);
	must(!setsockopt(l->a.fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)), "SO_RCVBUF");
	for (i = 0; i < CALLS; i++, len = 0) {
		for (at = 0; at < CALL; at += WIRE_TEXT)
			len += l->way->seal(l, text + at, WIRE_TEXT, sealed + len);
		must(send(l->b.fd, sealed, len, 0) == (ssize_t)len, "feed");
	}
	memset(got, 0, CALL);
	start = now();
	for (i = 0; i < CALLS; i++)
		must(recv(l->a.fd, got, CALL, MSG_WAITALL) == CALL, "recv");
	start = now() - start;
	must(!memcmp(got, text, CALL), "what was received");
	return start;
}

static int by_size(const void *a, const void *b)
{
	return *(const double *)a < *(const double *)b ? -1 : 1;
}

static double gain(const struct way *way, const struct suite *suite,
		   uint64_t (*run)(struct link *l), const char *helped)
{
	static const char *const least[] = { "0", "4" };
	double ratio[PAIRS];
	long before;
	int i, on;

	for (i = -1; i < PAIRS; i++) {	/* the first warms up */
		uint64_t took[2];

		before = counter(helped);
		for (on = 0; on < 2; on++) {
			struct link l;

			set_parallel(least[on]);
			link_up(&l, way, suite);
			way->start(&l, false);
			way->keys(&l, false);
			took[on] = run(&l);
			link_down(&l);
			must(on || counter(helped) == before, "alone when it is off");
		}
		must(counter(helped) > before, "helped when it is on");
		if (i >= 0)
			ratio[i] = (double)took[0] / (double)took[1];
	}
	set_parallel("0");
	qsort(ratio, PAIRS, sizeof(*ratio), by_size);
	fprintf(stderr, "# %.2f %.2f %.2f\n", ratio[0], ratio[PAIRS / 2], ratio[PAIRS - 1]);
	return ratio[PAIRS / 2] * 1000;
}

double case_wide_tx(const struct way *way, const struct suite *suite, size_t n, size_t buf)
{
	(void)n;
	(void)buf;
	return gain(way, suite, send_all, "TxRecordsHelped");
}

double case_wide_rx(const struct way *way, const struct suite *suite, size_t n, size_t buf)
{
	(void)n;
	(void)buf;
	return gain(way, suite, recv_all, "RxRecordsHelped");
}
