// SPDX-License-Identifier: GPL-2.0
/*
 * Every socket call, one line for each thing that a program can observe.  The
 * same program runs over plain TCP, over kssl with an OpenSSL peer (tlsproxy)
 * and over kssl with kssl; uapi/socket.sh compares what it printed.
 *
 * usage: socket plain|openssl|kssl client|server TO AT [CASE...]
 * TO is the port that is connected to, AT the one that is listened on.
 *
 * Each case runs in a process of its own.  a is the end under test, b the other
 * end: only data and the end of the stream are looked at there.
 */
#include "socket.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <linux/sockios.h>

#include "uring.h"

#define BIG (1 << 20)
#define NOWHERE ((void *)16)

/* ---- reading ---- */

static void reading(void)
{
	struct ends e = ends();
	struct iovec v[3];
	char x[4] = "", y[1] = "", z[100], buf[100];
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 3 };
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);

	put(e.b, "hello world");
	await(e.a);
	row("read", "%s", text(read(e.a, buf, 4), buf));
	row("recv", "%s", text(recv(e.a, buf, 100, 0), buf));
	put(e.b, "abcdefghij");
	await(e.a);
	v[0] = (struct iovec){ x, 4 };
	v[1] = (struct iovec){ y, 0 };
	v[2] = (struct iovec){ z, 100 };
	row("readv", "%s %.4s %.6s", res(readv(e.a, v, 3)), x, z);
	put(e.b, "0123456789");
	await(e.a);
	row("recvmsg", "%s %.4s %.6s", res(recvmsg(e.a, &m, 0)), x, z);
	row("recvmsg fields", "flags %#x name %d control %d", m.msg_flags, m.msg_namelen,
	    (int)m.msg_controllen);
	put(e.b, "from");
	await(e.a);
	row("recvfrom", "%s", res(recvfrom(e.a, buf, 100, 0, (void *)&from, &len)));
	row("recvfrom, address", "%d bytes", len);
	row("empty, do not wait", "%s", res(recv(e.a, buf, 10, MSG_DONTWAIT)));
	row("error queue", "%s", res(recv(e.a, buf, 10, MSG_ERRQUEUE)));
}

static void peeking(void)
{
	struct ends e = ends();
	char buf[100];
	int n = -1;

	row("nothing", "%s", res(recv(e.a, buf, 10, MSG_PEEK | MSG_DONTWAIT)));
	put(e.b, "0123456789");
	await(e.a);
	row("first", "%s", text(recv(e.a, buf, 4, MSG_PEEK), buf));
	row("again", "%s", text(recv(e.a, buf, 100, MSG_PEEK), buf));
	row("FIONREAD", "%s", res(ioctl(e.a, FIONREAD, &n) ? -1 : n));
	row("truncate", "%s", res(recv(e.a, NULL, 3, MSG_TRUNC)));
	row("after it", "%s", text(recv(e.a, buf, 2, 0), buf));
	ioctl(e.a, FIONREAD, &n);
	row("FIONREAD later", "%d", n);
	row("peek and truncate", "%s", res(recv(e.a, NULL, 100, MSG_TRUNC | MSG_PEEK)));
	row("rest", "%s", text(recv(e.a, buf, 100, 0), buf));
	ioctl(e.a, FIONREAD, &n);
	row("FIONREAD at the end", "%d", n);
	put(e.b, "two");
	settle();
	put(e.b, "writes");
	settle();
	row("over two writes", "%s", text(recv(e.a, buf, 100, MSG_PEEK), buf));
	ioctl(e.a, FIONREAD, &n);
	row("FIONREAD of two writes", "%d", n);
	row("one read of two writes", "%s", text(recv(e.a, buf, 100, 0), buf));
}

static void *put_two(void *arg)
{
	pause_ms(300);
	put(*(int *)arg, "later");
	pause_ms(300);
	put(*(int *)arg, "still");
	return NULL;
}

static void waiting(void)
{
	struct ends e = ends();
	char buf[100];
	pthread_t t;
	long start;

	pthread_create(&t, NULL, put_two, &e.b);
	row("blocks", "%s", text(recv(e.a, buf, 100, 0), buf));
	pthread_join(t, NULL);
	row("rest", "%s", text(recv(e.a, buf, 100, 0), buf));
	pthread_create(&t, NULL, put_two, &e.b);
	row("all", "%s", text(recv(e.a, buf, 10, MSG_WAITALL), buf));
	pthread_join(t, NULL);
	timeout(e.a, SO_RCVTIMEO, 200);
	start = now_ms();
	row("time is up", "%s", res(recv(e.a, buf, 10, 0)));
	start = now_ms() - start;
	row("time", "%s", start >= 150 && start < 10000 ? "right" : "wrong");
	put(e.b, "part");
	await(e.a);
	row("all, time is up", "%s", text(recv(e.a, buf, 10, MSG_WAITALL), buf));
	row("lowat", "%d", option(e.a, SOL_SOCKET, SO_RCVLOWAT));
	row("set lowat", "%s", res(set(e.a, SOL_SOCKET, SO_RCVLOWAT, 8)));
	row("get lowat", "%d", option(e.a, SOL_SOCKET, SO_RCVLOWAT));
	put(e.b, "less");
	settle();
	row("below lowat, poll", "%s", bits(e.a));
	row("below lowat, time is up", "%s", text(recv(e.a, buf, 100, 0), buf));
	put(e.b, "less");
	settle();
	row("below lowat, do not wait", "%s", text(recv(e.a, buf, 100, MSG_DONTWAIT), buf));
	put(e.b, "enough of it");
	await(e.a);
	row("above lowat, poll", "%s", bits(e.a));
	row("above lowat", "%s", text(recv(e.a, buf, 100, 0), buf));
	put(e.b, "12345");
	settle();
	put(e.b, "6789");
	settle();
	row("lowat over two writes, poll", "%s", bits(e.a));
	row("lowat over two writes", "%s", text(recv(e.a, buf, 100, 0), buf));
}

static void zero(void)
{
	struct ends e = ends();
	struct iovec none = { NULL, 0 };
	int p[2];
	char buf[10];

	must(!pipe(p), "pipe");
	row("recv, nothing there", "%s", res(recv(e.a, buf, 0, MSG_DONTWAIT)));
	row("send", "%s", res(send(e.a, "", 0, 0)));
	row("write", "%s", res(write(e.a, "", 0)));
	row("writev", "%s", res(writev(e.a, &none, 1)));
	row("readv of no vector", "%s", res(readv(e.a, &none, 0)));
	row("splice", "%s", res(splice(e.a, NULL, p[1], NULL, 0, 0)));
	row("other end", "%s", sees(e.b, 300));
	put(e.b, "data");
	await(e.a);
	row("recv, data there", "%s", res(recv(e.a, buf, 0, 0)));
	row("read, data there", "%s", res(read(e.a, buf, 0)));
	row("data", "%s", text(recv(e.a, buf, 10, 0), buf));
}

static void faults(void)
{
	struct ends e = ends();
	char buf[100];
	struct iovec half[2] = { { "good", 4 }, { NOWHERE, 10 } };
	struct iovec in[2] = { { buf, 2 }, { NOWHERE, 10 } };

	row("send", "%s", res(send(e.a, NOWHERE, 10, 0)));
	row("writev, second half", "%s", res(writev(e.a, half, 2)));
	row("send, good again", "%s", res(send(e.a, "fine", 4, 0)));
	row("other end", "%s", sees(e.b, 2000));
	put(e.b, "hello");
	await(e.a);
	row("recv", "%s", res(recv(e.a, NOWHERE, 10, 0)));
	row("readv, second half", "%s", res(readv(e.a, in, 2)));
	row("data", "%s", text(recv(e.a, buf, 100, 0), buf));
	row("bad option", "%s", res(setsockopt(e.a, SOL_TCP, TCP_NODELAY, NOWHERE, 4)));
	row("FIONREAD", "%s", res(ioctl(e.a, FIONREAD, NOWHERE)));
}

/* ---- writing ---- */

static void writing(void)
{
	struct ends e = ends();
	struct iovec v[] = { { "one ", 4 }, { "", 0 }, { "two ", 4 }, { "three", 5 } };
	struct sockaddr_in other = address(9);
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 4 };

	row("write", "%s", res(write(e.a, "hello", 5)));
	row("write, there", "%s", gets_n(e.b, 5));
	row("writev", "%s", res(writev(e.a, v, 4)));
	row("writev, there", "%s", gets_n(e.b, 13));
	row("sendmsg", "%s", res(sendmsg(e.a, &m, 0)));
	row("sendmsg, there", "%s", gets_n(e.b, 13));
	row("sendto", "%s", res(sendto(e.a, "to", 2, 0, (void *)&other, sizeof(other))));
	row("sendto, there", "%s", gets_n(e.b, 2));
	row("end of record", "%s", res(send(e.a, "eor", 3, MSG_EOR)));
	row("end of record, there", "%s", gets_n(e.b, 3));
	row("do not route", "%s", res(send(e.a, "route", 5, MSG_DONTROUTE)));
	row("do not route, there", "%s", gets_n(e.b, 5));
	row("urgent", "%s", res(send(e.a, "!", 1, MSG_OOB)));
}

static void more(void)
{
	struct ends e = ends();
	char buf[10];

	row("send", "%s", res(send(e.a, "held ", 5, MSG_MORE)));
	row("at once", "%s", sees(e.b, 20));
	row("send the rest", "%s", res(send(e.a, "then sent", 9, 0)));
	row("there", "%s", gets_n(e.b, 14));
	send(e.a, "before a read", 13, MSG_MORE);
	timeout(e.a, SO_RCVTIMEO, 300);
	row("read", "%s", res(recv(e.a, buf, 10, 0)));
	row("there after a read", "%s", gets_n(e.b, 13));
	row("more and end of record", "%s", res(send(e.a, "both", 4, MSG_MORE | MSG_EOR)));
	row("more and end of record, there", "%s", gets_n(e.b, 4));
	row("cork", "%s", res(set(e.a, SOL_TCP, TCP_CORK, 1)));
	send(e.a, "corked", 6, 0);
	row("corked", "%s", sees(e.b, 20));
	send(e.a, " twice", 6, 0);
	row("uncork", "%s", res(set(e.a, SOL_TCP, TCP_CORK, 0)));
	row("uncorked", "%s", gets_n(e.b, 12));
	send(e.a, "alone", 5, MSG_MORE);
	row("alone for a second", "%s", sees(e.b, 1500));
}

static void more_and_shutdown(void)
{
	struct ends e = ends();

	send(e.a, "held", 4, MSG_MORE);
	row("shutdown", "%s", res(shutdown(e.a, SHUT_WR)));
	row("there", "%s", gets_n(e.b, 4));
	row("end", "%s", gets_n(e.b, 1));
}

static void more_and_close(void)
{
	struct ends e = ends();

	send(e.a, "held", 4, MSG_MORE);
	row("close", "%s", res(close(e.a)));
	row("there", "%s", gets_n(e.b, 4));
	row("end", "%s", gets_n(e.b, 1));
}

/* ---- bulk ---- */

struct bulk {
	int fd;
	size_t len;
	uint64_t hash;
};

static void *take_bulk(void *arg)
{
	static __thread unsigned char buf[65536];
	struct bulk *b = arg;
	ssize_t n;

	b->hash = MIX;
	for (b->len = 0; b->len < BIG && (n = read(b->fd, buf, sizeof(buf))) > 0; b->len += n)
		b->hash = mix(b->hash, buf, n);
	return NULL;
}

static unsigned char *pattern(void)
{
	unsigned char *p = malloc(BIG);
	uint64_t x = 88172645463325252ULL;
	int i;

	must(p, "malloc");
	for (i = 0; i < BIG; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = x;
	}
	return p;
}

struct give {
	int fd;
	const unsigned char *p;
};

static void *give_bulk(void *arg)
{
	struct give *g = arg;
	ssize_t n, at = 0;

	while (at < BIG && (n = write(g->fd, g->p + at, BIG - at)) > 0)
		at += n;
	return NULL;
}

static void both_ways(void)
{
	struct ends e = ends();
	const unsigned char *p = pattern();
	struct bulk at_a = { .fd = e.a }, at_b = { .fd = e.b };
	struct give from_b = { e.b, p };
	uint64_t want = mix(MIX, p, BIG);
	pthread_t t[3];
	ssize_t sent;
	int i;

	pthread_create(&t[0], NULL, take_bulk, &at_a);
	pthread_create(&t[1], NULL, take_bulk, &at_b);
	pthread_create(&t[2], NULL, give_bulk, &from_b);
	sent = send(e.a, p, BIG, 0);
	for (i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	row("sent", "%s", res(sent));
	row("received", "%zu %s", at_a.len, at_a.hash == want ? "same" : "different");
	row("received there", "%zu %s", at_b.len, at_b.hash == want ? "same" : "different");
}

static void not_blocking(void)
{
	struct ends e = ends();
	const unsigned char *p = pattern();
	static unsigned char buf[65536];
	size_t sent = 0, got = 0;
	ssize_t n;
	int i;

	fcntl(e.a, F_SETFL, O_NONBLOCK);
	row("recv", "%s", res(recv(e.a, buf, 1, 0)));
	while ((n = send(e.a, p, 50000, 0)) > 0)
		sent += n;
	row("full", "%s", res(n));
	for (i = 0; i < 50 && poll_one(e.a, POLLOUT, 100); i++)
		while ((n = send(e.a, p, 1000, 0)) > 0)		/* a proxy still takes some */
			sent += n;
	row("full, poll", "%s", bits(e.a));
	fcntl(e.a, F_SETFL, 0);
	timeout(e.a, SO_SNDTIMEO, 200);
	while ((n = send(e.a, p, 1000, 0)) > 0)
		sent += n;
	row("full, time is up", "%s", res(n));
	while ((n = send(e.a, p, 1000, MSG_DONTWAIT)) > 0)
		sent += n;
	row("full, do not wait", "%s", res(n));
	timeout(e.b, SO_RCVTIMEO, 3000);
	while (got < sent && (n = recv(e.b, buf, sizeof(buf), 0)) > 0)
		got += n;
	row("all there", "%s", got == sent ? "yes" : "no");
	row("writable again", "%s", bits_text(poll_one(e.a, POLLOUT, 5000)));
}

/* ---- files and pipes ---- */

static int make_file(const void *p, size_t len)
{
	int fd = memfd_create("file", 0);

	must(fd >= 0 && write(fd, p, len) == (ssize_t)len, "file");
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void files(void)
{
	struct ends e = ends();
	const unsigned char *p = pattern();
	struct bulk at_b = { .fd = e.b };
	int f = make_file(p, BIG);
	off_t at = 0;
	ssize_t n = 0, sum = 0;
	pthread_t t;

	pthread_create(&t, NULL, take_bulk, &at_b);
	while (sum < BIG && (n = sendfile(e.a, f, &at, BIG - sum)) > 0)
		sum += n;
	pthread_join(t, NULL);
	row("sendfile", "%zd, offset %ld", sum, (long)at);
	row("there", "%zu %s", at_b.len, at_b.hash == mix(MIX, p, BIG) ? "same" : "different");
	at = BIG - 5;
	row("near the end", "%s", res(sendfile(e.a, f, &at, 100)));
	row("near the end, there", "%d", (int)strlen(gets_n(e.b, 5)) > 0);
	at = BIG;
	row("at the end", "%s", res(sendfile(e.a, f, &at, 100)));
	row("nothing", "%s", res(sendfile(e.a, f, NULL, 0)));
	row("to a file", "%s", res(sendfile(f, e.a, NULL, 100)));
	row("seek", "%s", res(lseek(e.a, 0, SEEK_CUR)));
	row("pread", "%s", res(pread(e.a, (char[1]){ 0 }, 1, 0)));
	row("map", "%s",
	    res(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, e.a, 0) == MAP_FAILED ? -1 : 0));
	row("sync", "%s", res(fsync(e.a)));
}

static void pipes(void)
{
	struct ends e = ends();
	int p[2], q[2];
	long start;
	char buf[100];

	must(!pipe(p) && !pipe(q), "pipe");
	timeout(e.a, SO_RCVTIMEO, 200);
	start = now_ms();
	splice(e.a, NULL, p[1], NULL, 100, SPLICE_F_NONBLOCK);
	row("from, nothing there", "%s", now_ms() - start < 150 ? "returns" : "waits");
	put(e.b, "0123456789");
	await(e.a);
	row("from", "%s", res(splice(e.a, NULL, p[1], NULL, 4, 0)));
	row("from, rest", "%s", res(splice(e.a, NULL, p[1], NULL, 100, 0)));
	row("tee", "%s", res(tee(p[0], q[1], 100, 0)));
	row("pipe", "%s", text(read(p[0], buf, 100), buf));
	row("to", "%s", res(splice(q[0], NULL, e.a, NULL, 100, 0)));
	row("to, there", "%s", gets_n(e.b, 10));
	must(write(q[1], "more", 4) == 4, "pipe");
	row("to, with more", "%s", res(splice(q[0], NULL, e.a, NULL, 100, SPLICE_F_MORE)));
	send(e.a, " comes", 6, 0);
	row("to, with more, there", "%s", gets_n(e.b, 10));
	row("vmsplice", "%s", res(vmsplice(q[1], &(struct iovec){ "pages", 5 }, 1, 0)));
	row("vmsplice, to", "%s", res(splice(q[0], NULL, e.a, NULL, 5, 0)));
	row("vmsplice, there", "%s", gets_n(e.b, 5));
	timeout(e.a, SO_RCVTIMEO, 200);
	row("from, time is up", "%s", res(splice(e.a, NULL, p[1], NULL, 100, 0)));
	fcntl(e.a, F_SETFL, O_NONBLOCK);
	row("from, not blocking", "%s", res(splice(e.a, NULL, p[1], NULL, 100, 0)));
	fcntl(e.a, F_SETFL, 0);
	row("with an offset", "%s", res(splice(e.a, &(loff_t){ 0 }, p[1], NULL, 100, 0)));
	shutdown(e.b, SHUT_WR);
	await(e.a);
	row("from, at the end", "%s", res(splice(e.a, NULL, p[1], NULL, 100, 0)));
	row("from, at the end again", "%s", res(splice(e.a, NULL, p[1], NULL, 100, 0)));
}

/* ---- poll, epoll, SIGIO ---- */

static void polling(void)
{
	struct ends e = ends();
	char buf[100];

	row("idle", "%s", bits(e.a));
	put(e.b, "0123456789");
	await(e.a);
	row("data", "%s", bits(e.a));
	recv(e.a, buf, 4, 0);
	row("rest of data", "%s", bits(e.a));
	recv(e.a, buf, 100, 0);
	row("read", "%s", bits(e.a));
	row("only out", "%s", bits_text(poll_one(e.a, POLLOUT, 0)));
	row("only in, time is up", "%s", bits_text(poll_one(e.a, POLLIN, 100)));
	shutdown(e.b, SHUT_WR);
	await(e.a);
	row("end", "%s", bits(e.a));
	recv(e.a, buf, 100, 0);
	row("end, read", "%s", bits(e.a));
	shutdown(e.a, SHUT_WR);
	settle();
	row("both ends", "%s", bits(e.a));
}

static const char *wait_epoll(int ep, int ms)
{
	struct epoll_event ev[4];
	char *s = scratch();
	int n = epoll_wait(ep, ev, 4, ms);

	snprintf(s, 256, "%d %s", n, n > 0 ? bits_text(ev[0].events) : "");
	return s;
}

static void epolling(void)
{
	struct ends e = ends();
	int ep = epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET };
	char buf[100];

	row("add", "%s", res(epoll_ctl(ep, EPOLL_CTL_ADD, e.a, &ev)));
	row("edge, idle", "%s", wait_epoll(ep, 100));
	put(e.b, "one");
	row("edge, data", "%s", wait_epoll(ep, 5000));
	row("edge, same data", "%s", wait_epoll(ep, 100));
	put(e.b, "two");
	row("edge, more data", "%s", wait_epoll(ep, 5000));
	row("both", "%s", text(recv(e.a, buf, 100, MSG_DONTWAIT), buf));
	row("edge, read", "%s", wait_epoll(ep, 100));
	ev.events = EPOLLIN;
	epoll_ctl(ep, EPOLL_CTL_MOD, e.a, &ev);
	row("level, idle", "%s", wait_epoll(ep, 100));
	put(e.b, "three");
	row("level, data", "%s", wait_epoll(ep, 5000));
	row("level, same data", "%s", wait_epoll(ep, 100));
	ev.events = EPOLLIN | EPOLLONESHOT;
	epoll_ctl(ep, EPOLL_CTL_MOD, e.a, &ev);
	row("once", "%s", wait_epoll(ep, 5000));
	row("not twice", "%s", wait_epoll(ep, 100));
	recv(e.a, buf, 100, 0);
	ev.events = EPOLLIN | EPOLLOUT | EPOLLET;
	epoll_ctl(ep, EPOLL_CTL_MOD, e.a, &ev);
	row("edge, out", "%s", wait_epoll(ep, 1000));
	ev.events = EPOLLIN | EPOLLRDHUP | EPOLLET;
	epoll_ctl(ep, EPOLL_CTL_MOD, e.a, &ev);
	shutdown(e.b, SHUT_WR);
	settle();	/* close_notify and FIN may be two events */
	row("edge, end", "%s", wait_epoll(ep, 5000));
	close(e.a);
	row("closed", "%s", wait_epoll(ep, 100));
}

static volatile sig_atomic_t signals;

static void count_signal(int sig)
{
	(void)sig;
	signals++;
}

static void on_signal(int sig, int flags)
{
	struct sigaction act = { .sa_handler = count_signal, .sa_flags = flags };

	sigaction(sig, &act, NULL);
	signals = 0;
}

static void sigio(void)
{
	struct ends e = ends();
	char buf[100];

	on_signal(SIGIO, SA_RESTART);
	fcntl(e.a, F_SETOWN, getpid());
	fcntl(e.a, F_SETFL, O_ASYNC);
	put(e.b, "data");
	await(e.a);
	row("data", "%s", signals ? "signal" : "none");
	row("read", "%s", text(recv(e.a, buf, 100, 0), buf));
	signals = 0;
	shutdown(e.b, SHUT_WR);
	await(e.a);
	row("end", "%s", signals ? "signal" : "none");
}

/* ---- the end of a connection ---- */

static void shut_write(void)
{
	struct ends e = ends();
	char buf[100];

	on_signal(SIGPIPE, SA_RESTART);
	row("shutdown", "%s", res(shutdown(e.a, SHUT_WR)));
	row("poll", "%s", bits(e.a));
	row("there", "%s", gets_n(e.b, 1));
	row("send", "%s", res(send(e.a, "x", 1, 0)));
	row("signals", "%d", signals);
	row("write", "%s", res(write(e.a, "x", 1)));
	row("signals of two", "%d", signals);
	row("send, no signal", "%s", res(send(e.a, "x", 1, MSG_NOSIGNAL)));
	row("signals of three", "%d", signals);
	row("send nothing", "%s", res(send(e.a, "", 0, MSG_NOSIGNAL)));
	row("error", "%s", name(so_error(e.a)));
	row("shutdown again", "%s", res(shutdown(e.a, SHUT_WR)));
	settle();
	put(e.b, "still open");
	await(e.a);
	row("read", "%s", text(recv(e.a, buf, 100, 0), buf));
	row("poll, read", "%s", bits(e.a));
	close(e.b);
	await(e.a);
	row("end", "%s", res(recv(e.a, buf, 100, 0)));
	row("poll at the end", "%s", bits(e.a));
	row("shutdown at the end", "%s", res(shutdown(e.a, SHUT_RDWR)));
	row("error at the end", "%s", name(so_error(e.a)));
}

static void *shut_later(void *arg)
{
	pause_ms(300);
	shutdown(*(int *)arg, SHUT_RD);
	return NULL;
}

static void shut_read(void)
{
	struct ends e = ends();
	char buf[100];
	pthread_t t;

	pthread_create(&t, NULL, shut_later, &e.a);
	row("a sleeping reader", "%s", res(recv(e.a, buf, 100, 0)));
	pthread_join(t, NULL);
	row("read", "%s", res(recv(e.a, buf, 100, 0)));
	row("poll", "%s", bits(e.a));
	row("write", "%s", res(send(e.a, "out", 3, 0)));
	row("there", "%s", gets_n(e.b, 3));
	put(e.b, "late");
	settle();
	row("late data", "%s", text(recv(e.a, buf, 100, 0), buf));
	row("then", "%s", text(recv(e.a, buf, 100, 0), buf));
	row("bad how", "%s", res(shutdown(e.a, 3)));
}

static void shut_both(void)
{
	struct ends e = ends();
	char buf[100];

	on_signal(SIGPIPE, SA_RESTART);
	row("shutdown", "%s", res(shutdown(e.a, SHUT_RDWR)));
	row("read", "%s", res(recv(e.a, buf, 100, 0)));
	row("write", "%s", res(send(e.a, "x", 1, 0)));
	row("signals", "%d", signals);
	row("poll", "%s", bits(e.a));
	row("there", "%s", gets_n(e.b, 1));
	row("close", "%s", res(close(e.a)));
	row("write to closed", "%s", res(write(e.a, "x", 1)));
}

static void half_close(void)
{
	struct ends e = ends();
	char buf[100];

	put(e.b, "last words");
	shutdown(e.b, SHUT_WR);
	await(e.a);
	row("data", "%s", text(recv(e.a, buf, 100, 0), buf));
	row("end", "%s", res(recv(e.a, buf, 100, 0)));
	row("end again", "%s", res(recv(e.a, buf, 100, 0)));
	row("peek at the end", "%s", res(recv(e.a, buf, 100, MSG_PEEK)));
	row("all at the end", "%s", res(recv(e.a, buf, 100, MSG_WAITALL)));
	row("write", "%s", res(send(e.a, "answer", 6, MSG_NOSIGNAL)));
	row("there", "%s", gets_n(e.b, 6));
	row("poll", "%s", bits(e.a));
	row("shutdown", "%s", res(shutdown(e.a, SHUT_WR)));
	row("end there", "%s", gets_n(e.b, 1));
	settle();
	row("poll, both closed", "%s", bits(e.a));
	row("read, both closed", "%s", res(recv(e.a, buf, 100, 0)));
	row("write, both closed", "%s", res(send(e.a, "x", 1, MSG_NOSIGNAL)));
	row("error", "%s", name(so_error(e.a)));
}

static void peer_gone(void)
{
	struct ends e = ends();
	char buf[100];

	on_signal(SIGPIPE, SA_RESTART);
	close(e.b);
	await(e.a);
	row("read", "%s", res(recv(e.a, buf, 100, 0)));
	row("poll", "%s", bits(e.a));
	row("write", "%s", res(send(e.a, "x", 1, 0)));
	poll_one(e.a, 0, 5000);
	row("poll, refused", "%s", bits(e.a));
	row("write again", "%s", res(send(e.a, "x", 1, 0)));
	row("signals", "%d", signals);
	row("write a third time", "%s", res(send(e.a, "x", 1, 0)));
	row("read after", "%s", res(recv(e.a, buf, 100, 0)));
}

static void peer_resets(void)
{
	struct ends e = ends();
	char buf[100];

	on_signal(SIGPIPE, SA_RESTART);
	hard_close(e.b);
	poll_one(e.a, 0, 5000);
	row("poll", "%s", bits(e.a));
	row("read", "%s", res(recv(e.a, buf, 100, 0)));
	row("poll, read", "%s", bits(e.a));
	row("read again", "%s", res(recv(e.a, buf, 100, 0)));
	row("write", "%s", res(send(e.a, "x", 1, 0)));
	row("signals", "%d", signals);
	row("error", "%s", name(so_error(e.a)));
	row("shutdown", "%s", res(shutdown(e.a, SHUT_RDWR)));
}

static void peer_resets_writer(void)
{
	struct ends e = ends();
	char buf[100];

	on_signal(SIGPIPE, SA_RESTART);
	hard_close(e.b);
	poll_one(e.a, 0, 5000);
	row("write", "%s", res(send(e.a, "x", 1, 0)));
	row("write again", "%s", res(send(e.a, "x", 1, 0)));
	row("signals", "%d", signals);
	row("read", "%s", res(recv(e.a, buf, 100, 0)));
}

static void peer_resets_error(void)
{
	struct ends e = ends();

	hard_close(e.b);
	poll_one(e.a, 0, 5000);
	row("error", "%s", name(so_error(e.a)));
	row("error again", "%s", name(so_error(e.a)));
	row("poll", "%s", bits(e.a));
}

static void *reset_later(void *arg)
{
	pause_ms(300);
	hard_close(*(int *)arg);
	return NULL;
}

static void peer_resets_reader(void)
{
	struct ends e = ends();
	char buf[100];
	pthread_t t;

	pthread_create(&t, NULL, reset_later, &e.b);
	row("a sleeping reader", "%s", res(recv(e.a, buf, 100, 0)));
	pthread_join(t, NULL);
}

static void we_reset(void)
{
	struct ends e = ends();

	hard_close(e.a);
	row("there", "%s", gets_n(e.b, 1));
}

static void close_unread(void)
{
	struct ends e = ends();

	put(e.b, "never read");
	await(e.a);
	row("close", "%s", res(close(e.a)));
	row("there", "%s", gets_n(e.b, 1));
}

static void linger(void)
{
	struct ends e = ends();
	struct linger soft = { .l_onoff = 1, .l_linger = 3 };
	long start = now_ms();

	row("set", "%s", res(setsockopt(e.a, SOL_SOCKET, SO_LINGER, &soft, sizeof(soft))));
	send(e.a, "soft", 4, 0);
	row("close", "%s", res(close(e.a)));
	row("time", "%s", now_ms() - start < 2500 ? "short" : "long");
	row("there", "%s", gets_n(e.b, 4));
	row("end", "%s", gets_n(e.b, 1));
}

/* ---- processes and threads ---- */

static void forked(void)
{
	struct ends e = ends();
	int status = -1;
	char buf[100];
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(write(e.a, "child", 5) != 5);
	waitpid(pid, NULL, 0);
	row("child's", "%s", gets_n(e.b, 5));
	row("no end by its exit", "%s", sees(e.b, 300));
	row("parent", "%s", res(write(e.a, "parent", 6)));
	row("parent's", "%s", gets_n(e.b, 6));
	put(e.b, "answer");
	row("read", "%s", text(recv(e.a, buf, 6, MSG_WAITALL), buf));
	pid = fork();
	if (!pid) {
		close(e.b);
		_exit(recv(e.a, buf, 5, MSG_WAITALL) != 5);
	}
	close(e.a);
	row("no end by the parent's close", "%s", sees(e.b, 300));
	put(e.b, "child");
	waitpid(pid, &status, 0);
	row("child reads", "%d", status);
	row("end with the last", "%s", gets_n(e.b, 1));
}

static void duplicated(void)
{
	struct ends e = ends();
	int copy = dup(e.a);
	char buf[100];

	row("close", "%s", res(close(e.a)));
	row("write", "%s", res(write(copy, "copy", 4)));
	row("there", "%s", gets_n(e.b, 4));
	row("no end", "%s", sees(e.b, 300));
	put(e.b, "data");
	row("read", "%s", text(recv(copy, buf, 4, MSG_WAITALL), buf));
	close(copy);
	row("end", "%s", gets_n(e.b, 1));
}

static void passed(void)
{
	struct ends e = ends();
	union { struct cmsghdr h; char room[CMSG_SPACE(sizeof(int))]; } c = { 0 };
	struct msghdr m = { .msg_iov = &(struct iovec){ "x", 1 }, .msg_iovlen = 1,
			    .msg_control = &c, .msg_controllen = sizeof(c) };
	char byte, buf[100];
	int way[2], got;

	must(!socketpair(AF_UNIX, SOCK_STREAM, 0, way), "socketpair");
	c.h.cmsg_len = CMSG_LEN(sizeof(int));
	c.h.cmsg_level = SOL_SOCKET;
	c.h.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&c.h), &e.a, sizeof(int));
	row("send", "%s", res(sendmsg(way[0], &m, 0)));
	close(e.a);
	settle();
	m.msg_iov = &(struct iovec){ &byte, 1 };
	m.msg_controllen = sizeof(c);
	row("receive", "%s", res(recvmsg(way[1], &m, 0)));
	memcpy(&got, CMSG_DATA(&c.h), sizeof(int));
	row("write", "%s", res(write(got, "passed", 6)));
	row("there", "%s", gets_n(e.b, 6));
	put(e.b, "data");
	row("read", "%s", text(recv(got, buf, 4, MSG_WAITALL), buf));
	close(got);
	row("end", "%s", gets_n(e.b, 1));
}

#define CROWD 4
#define EACH 60000

struct one_of_many {
	int fd;
	char c;
	size_t done;
};

static void *write_many(void *arg)
{
	struct one_of_many *o = arg;
	char buf[3000];

	memset(buf, o->c, sizeof(buf));
	while (o->done < EACH && write(o->fd, buf, sizeof(buf)) == sizeof(buf))
		o->done += sizeof(buf);
	return NULL;
}

static void *read_many(void *arg)
{
	struct one_of_many *o = arg;
	char buf[1000];
	ssize_t n;

	while ((n = read(o->fd, buf, sizeof(buf))) > 0)
		o->done += n;
	return NULL;
}

static void crowd(void)
{
	struct ends e = ends();
	struct one_of_many w[CROWD], r[CROWD], b = { .fd = e.b, .c = 'b' };
	pthread_t wt[CROWD], rt[CROWD], bt;
	size_t sum = 0, there = 0, count[CROWD] = { 0 };
	char buf[4096];
	ssize_t n, j;
	int i;

	for (i = 0; i < CROWD; i++) {
		w[i] = (struct one_of_many){ e.a, 'a' + i, 0 };
		r[i] = (struct one_of_many){ e.a, 0, 0 };
		pthread_create(&wt[i], NULL, write_many, &w[i]);
		pthread_create(&rt[i], NULL, read_many, &r[i]);
	}
	pthread_create(&bt, NULL, write_many, &b);
	while (there < CROWD * EACH && (n = read(e.b, buf, sizeof(buf))) > 0) {
		there += n;
		for (j = 0; j < n; j++)
			if (buf[j] >= 'a' && buf[j] < 'a' + CROWD)
				count[buf[j] - 'a']++;
	}
	pthread_join(bt, NULL);
	shutdown(e.b, SHUT_WR);		/* wakes all readers, and for good */
	for (i = 0; i < CROWD; i++) {
		pthread_join(wt[i], NULL);
		pthread_join(rt[i], NULL);
		sum += r[i].done;
	}
	row("writers", "%zu: %zu %zu %zu %zu", there, count[0], count[1], count[2], count[3]);
	row("readers", "%zu", sum);
}

static void alarm_in(int ms)
{
	struct itimerval t = { .it_value = { ms / 1000, ms % 1000 * 1000 } };

	setitimer(ITIMER_REAL, &t, NULL);
}

static void interrupted(void)
{
	struct ends e = ends();
	const size_t much = 64 << 20;	/* more than all buffers on the way hold */
	const void *p = mmap(NULL, much, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char buf[100];
	struct itimerval every = { 0 };
	bool part = false;
	pthread_t t;
	sigset_t set_;
	ssize_t n;

	on_signal(SIGALRM, 0);
	alarm_in(200);
	row("read", "%s", res(recv(e.a, buf, 100, 0)));
	timeout(e.a, SO_RCVTIMEO, 5000);
	on_signal(SIGALRM, SA_RESTART);
	alarm_in(200);
	row("read with a time limit, restart", "%s", res(recv(e.a, buf, 100, 0)));
	timeout(e.a, SO_RCVTIMEO, 0);
	sigemptyset(&set_);
	sigaddset(&set_, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set_, NULL);	/* not in the thread */
	pthread_create(&t, NULL, put_two, &e.b);
	pthread_sigmask(SIG_UNBLOCK, &set_, NULL);
	alarm_in(100);
	row("read, restart", "%s", text(recv(e.a, buf, 5, 0), buf));
	pthread_join(t, NULL);
	row("signals", "%d", signals);
	recv(e.a, buf, 5, MSG_WAITALL);
	on_signal(SIGALRM, 0);
	put(e.b, "part");
	await(e.a);
	alarm_in(200);
	row("read all, part there", "%s", text(recv(e.a, buf, 100, MSG_WAITALL), buf));
	alarm_in(200);
	row("poll", "%s", res(poll_one(e.a, POLLIN, 5000) == -EINTR ? -1 : 0));
	every.it_value.tv_usec = every.it_interval.tv_usec = 300000;
	setitimer(ITIMER_REAL, &every, NULL);
	while ((n = send(e.a, p, much, 0)) > 0)
		part |= n < (ssize_t)much;
	row("write", "%s", res(n));
	row("write, part taken", "%s", part ? "part" : "never");
}

/* ---- names and options ---- */

static void names(void)
{
	struct ends e = ends();
	struct sockaddr_in me, them;
	socklen_t n = sizeof(me), m = sizeof(them);
	struct tcp_info info;
	socklen_t size = sizeof(info);
	struct stat st;
	int v = -1;

	row("getsockname", "%s", res(getsockname(e.a, (void *)&me, &n)));
	row("getpeername", "%s", res(getpeername(e.a, (void *)&them, &m)));
	row("name", "%d bytes, family %d", m, them.sin_family);
	row("port", "%s", (setup.server ? ntohs(me.sin_port) == setup.at :
					  ntohs(them.sin_port) == setup.to) ? "right" : "wrong");
	row("type", "%d %d %d %d", option(e.a, SOL_SOCKET, SO_TYPE),
	    option(e.a, SOL_SOCKET, SO_DOMAIN), option(e.a, SOL_SOCKET, SO_PROTOCOL),
	    option(e.a, SOL_SOCKET, SO_ACCEPTCONN));
	row("stat", "%s", res(fstat(e.a, &st)));
	row("is a socket", "%d", S_ISSOCK(st.st_mode));
	row("tcp info", "%s", res(getsockopt(e.a, SOL_TCP, TCP_INFO, &info, &size)));
	row("tcp state", "%d", info.tcpi_state);
	row("keepalive", "%s %s %s %s", res(set(e.a, SOL_SOCKET, SO_KEEPALIVE, 1)),
	    res(set(e.a, SOL_TCP, TCP_KEEPIDLE, 1)), res(set(e.a, SOL_TCP, TCP_KEEPINTVL, 1)),
	    res(set(e.a, SOL_TCP, TCP_KEEPCNT, 2)));
	row("keepalive is", "%d %d %d %d", option(e.a, SOL_SOCKET, SO_KEEPALIVE),
	    option(e.a, SOL_TCP, TCP_KEEPIDLE), option(e.a, SOL_TCP, TCP_KEEPINTVL),
	    option(e.a, SOL_TCP, TCP_KEEPCNT));
	row("nodelay", "%s", res(set(e.a, SOL_TCP, TCP_NODELAY, 1)));
	row("nodelay is", "%d", option(e.a, SOL_TCP, TCP_NODELAY));
	row("user timeout", "%s", res(set(e.a, SOL_TCP, TCP_USER_TIMEOUT, 9000)));
	row("user timeout is", "%d", option(e.a, SOL_TCP, TCP_USER_TIMEOUT));
	row("maxseg", "%s", option(e.a, SOL_TCP, TCP_MAXSEG) > 500 ? "good" : "bad");
	row("buffers", "%s %s", res(set(e.a, SOL_SOCKET, SO_SNDBUF, 100000)),
	    res(set(e.a, SOL_SOCKET, SO_RCVBUF, 100000)));
	row("buffers are", "%d %d", option(e.a, SOL_SOCKET, SO_SNDBUF),
	    option(e.a, SOL_SOCKET, SO_RCVBUF));
	row("unknown option", "%s", res(set(e.a, SOL_TCP, 999, 1)));
	row("unknown level", "%s", res(set(e.a, 999, 1, 1)));
	row("tos", "%s", res(set(e.a, SOL_IP, 1 /* IP_TOS */, 16)));
	row("mark", "%s", res(ioctl(e.a, SIOCATMARK, &v)));
	row("at mark", "%d", v);
	pause_ms(2500);		/* keepalive probes were answered */
	row("out queue", "%s", res(ioctl(e.a, SIOCOUTQ, &v)));
	row("out queue is", "%d", v);
	row("alive", "%s", res(send(e.a, "alive", 5, 0)));
	row("there", "%s", gets_n(e.b, 5));
}

static void not_connected(void)
{
	int fd = make_socket(setup.here);
	struct sockaddr_in me;
	socklen_t n = sizeof(me);
	char buf[10];

	on_signal(SIGPIPE, SA_RESTART);
	row("read", "%s", res(recv(fd, buf, 10, 0)));
	row("write", "%s", res(send(fd, "x", 1, 0)));
	row("signals", "%d", signals);
	row("poll", "%s", bits(fd));
	row("getpeername", "%s", res(getpeername(fd, (void *)&me, &n)));
	row("getsockname", "%s", res(getsockname(fd, (void *)&me, &n)));
	row("shutdown", "%s", res(shutdown(fd, SHUT_WR)));
	row("accept", "%s", res(accept(fd, NULL, NULL)));
	row("sendfile", "%s", res(sendfile(fd, make_file("x", 1), NULL, 1)));
	row("close", "%s", res(close(fd)));
}

/* A port where nobody listens. */
static int closed_port(void)
{
	int fd = make_socket(false);
	struct sockaddr_in at = address(0);
	socklen_t n = sizeof(at);

	must(!bind(fd, (void *)&at, n) && !getsockname(fd, (void *)&at, &n), "bind");
	return ntohs(at.sin_port);	/* the socket stays: nobody else gets it */
}

static void refused(void)
{
	int port = closed_port(), fd = make_socket(setup.here);
	char buf[10];

	row("connect", "%s", res(dial(fd, port)));
	row("poll", "%s", bits(fd));
	row("read", "%s", res(recv(fd, buf, 10, MSG_DONTWAIT)));
	row("error", "%s", name(so_error(fd)));
	row("again", "%s", res(dial(fd, port)));
	close(fd);
	fd = make_socket(setup.here);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	row("not blocking", "%s", res(dial(fd, port)));
	poll_one(fd, POLLOUT, 5000);
	row("poll, not blocking", "%s", bits(fd));
	row("error, not blocking", "%s", name(so_error(fd)));
	row("error, read once", "%s", name(so_error(fd)));
}

static void *acceptor(void *arg)
{
	*(int *)arg = accept(*(int *)arg, NULL, NULL);
	return NULL;
}

static void connecting(void)
{
	int l = make_listener(setup.server ? setup.here : setup.there, setup.at);
	int s = l, fd = make_socket(setup.server ? setup.there : setup.here);
	char buf[10];
	pthread_t t;

	pthread_create(&t, NULL, acceptor, &s);
	if (setup.server) {		/* connect() is not the end under test */
		dial(fd, setup.to);
	} else {
		fcntl(fd, F_SETFL, O_NONBLOCK);
		row("connect", "%s", res(dial(fd, setup.to)));
		row("poll", "%s", bits_text(poll_one(fd, POLLOUT, 5000)));
		row("error", "%s", name(so_error(fd)));
		row("connect again", "%s", res(dial(fd, setup.to)));
		row("and again", "%s", res(dial(fd, setup.to)));
		row("read", "%s", res(recv(fd, buf, 10, 0)));
		fcntl(fd, F_SETFL, 0);
	}
	row("write", "%s", res(write(fd, "hello", 5)));
	pthread_join(t, NULL);
	row("there", "%s", gets_n(s, 5));
	row("listen when connected", "%s", res(listen(setup.server ? s : fd, 5)));
	row("attach once more", "%s", setup.here ? res(setsockopt(setup.server ? s : fd, SOL_TCP,
	    TCP_ULP, "kssl", 4)) : "EEXIST");
}

static void accepting(void)
{
	int l = make_listener(setup.server ? setup.here : setup.there, setup.at), s, c;
	struct sockaddr_in from;
	socklen_t n = sizeof(from);
	char buf[10];
	pthread_t t;

	if (!setup.server)
		return;
	fcntl(l, F_SETFL, O_NONBLOCK);
	row("nobody", "%s", res(accept(l, NULL, NULL)));
	row("poll, nobody", "%s", bits(l));
	row("read", "%s", res(recv(l, buf, 10, 0)));
	row("write", "%s", res(send(l, "x", 1, MSG_NOSIGNAL)));
	row("listening", "%d", option(l, SOL_SOCKET, SO_ACCEPTCONN));
	row("getpeername", "%s", res(getpeername(l, (void *)&from, &n)));
	c = make_socket(setup.there);
	pthread_create(&t, NULL, dialler, &c);
	poll_one(l, POLLIN, 5000);
	row("poll, somebody", "%s", bits(l));
	n = sizeof(from);
	s = accept4(l, (void *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
	row("accept", "%s, %d bytes, family %d", s >= 0 ? "good" : res(s), n, from.sin_family);
	row("flags", "%d %d", !!(fcntl(s, F_GETFL) & O_NONBLOCK),
	    !!(fcntl(s, F_GETFD) & FD_CLOEXEC));
	row("empty again", "%s", res(accept(l, NULL, NULL)));
	row("read, nothing there", "%s", res(recv(s, buf, 10, 0)));
	pthread_join(t, NULL);
	put(c, "hello");
	await(s);
	row("data", "%s", text(recv(s, buf, 10, 0), buf));
	row("listen again", "%s", res(listen(l, 20)));
	row("close", "%s", res(close(l)));
	row("write after close", "%s", res(write(s, "still", 5)));
	row("there", "%s", gets_n(c, 5));
}

/* A connection that nobody accepts dies with its listener. */
static void unaccepted(void)
{
	int l = make_listener(setup.server ? setup.here : setup.there, setup.at), c;

	if (!setup.server)
		return;
	c = make_socket(false);
	must(!dial(c, setup.at), "connect");	/* plain: there is no TLS to wait for */
	settle();
	close(l);
	row("there", "%s", gets_n(c, 1));
}

/* ---- io_uring ---- */

static void uring(void)
{
	struct ends e = ends();
	char buf[100];
	int p[2];

	if (!uring_open()) {
		printf("# io_uring is not there\n");
		return;
	}
	must(!pipe(p), "pipe");
	row("send", "%s", uring_result(uring_rw(IORING_OP_SEND, e.a, "hello", 5, 0), NULL));
	row("there", "%s", gets_n(e.b, 5));
	row("write", "%s", uring_result(uring_rw(IORING_OP_WRITE, e.a, "write", 5, 0), NULL));
	row("write, there", "%s", gets_n(e.b, 5));
	put(e.b, "data");
	row("recv", "%s", uring_result(uring_rw(IORING_OP_RECV, e.a, buf, 100, 0), buf));
	uring_submit(uring_rw(IORING_OP_RECV, e.a, buf, 100, 0));
	pause_ms(100);
	put(e.b, "later");
	row("recv that waits", "%s", uring_result(NULL, buf));
	uring_submit(uring_rw(IORING_OP_RECV, e.a, buf, 10, MSG_WAITALL));
	put(e.b, "first");
	settle();
	put(e.b, "other");
	row("recv all", "%s", uring_result(NULL, buf));
	put(e.b, "read it");
	row("read", "%s", uring_result(uring_rw(IORING_OP_READ, e.a, buf, 100, 0), buf));
	put(e.b, "peeked");
	row("peek", "%s", uring_result(uring_rw(IORING_OP_RECV, e.a, buf, 100, MSG_PEEK), buf));
	row("do not wait", "%s", text(recv(e.a, buf, 100, MSG_DONTWAIT), buf));
	row("do not wait, empty", "%s",
	    uring_result(uring_rw(IORING_OP_RECV, e.a, buf, 100, MSG_DONTWAIT), buf));
	put(e.b, "spliced");
	row("splice", "%s", uring_result(uring_splice(e.a, p[1], 100), NULL));
	row("pipe", "%s", text(read(p[0], buf, 100), buf));
	must(write(p[1], "back", 4) == 4, "pipe");
	row("splice to", "%s", uring_result(uring_splice(p[0], e.a, 4), NULL));
	row("splice to, there", "%s", gets_n(e.b, 4));
	uring_submit(uring_poll(e.a, POLLIN));
	put(e.b, "polled");
	row("poll", "%s", uring_bits());
	recv(e.a, buf, 100, 0);
	row("fault", "%s", uring_result(uring_rw(IORING_OP_SEND, e.a, NOWHERE, 5, 0), NULL));
	row("send without a copy", "%s",
	    uring_result(uring_rw(IORING_OP_SEND_ZC, e.a, "zc", 2, 0), NULL));
	row("send without a copy, there", "%s", gets_n(e.b, 2));
	row("send without a copy, completion", "%s", uring_zerocopy(e.a, "used?", 5));
	row("send without a copy, there again", "%s", gets_n(e.b, 5));
	shutdown(e.b, SHUT_WR);
	row("end", "%s", uring_result(uring_rw(IORING_OP_RECV, e.a, buf, 100, 0), buf));
}

static void multishot(void)
{
	struct ends e = ends();

	if (!uring_open())
		return;
	uring_provide(4, 64);
	uring_submit(uring_multishot(e.a));
	put(e.b, "one");
	row("first", "%s", uring_shot());
	put(e.b, "two");
	row("second", "%s", uring_shot());
	put(e.b, "three");
	row("third", "%s", uring_shot());
	shutdown(e.b, SHUT_WR);
	row("end", "%s", uring_shot());
}

/* ---- all of them ---- */

#define CASE(fn) { #fn, fn }
static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	CASE(reading), CASE(peeking), CASE(waiting), CASE(zero), CASE(faults), CASE(writing),
	CASE(more), CASE(more_and_shutdown), CASE(more_and_close), CASE(both_ways),
	CASE(not_blocking), CASE(files), CASE(pipes), CASE(polling), CASE(epolling), CASE(sigio),
	CASE(shut_write), CASE(shut_read), CASE(shut_both), CASE(half_close), CASE(peer_gone),
	CASE(peer_resets), CASE(peer_resets_writer), CASE(peer_resets_error),
	CASE(peer_resets_reader), CASE(we_reset), CASE(close_unread), CASE(linger), CASE(forked),
	CASE(duplicated), CASE(passed), CASE(crowd), CASE(interrupted), CASE(names),
	CASE(not_connected), CASE(refused), CASE(connecting), CASE(accepting), CASE(unaccepted),
	CASE(uring), CASE(multishot),
};

/* In a process of its own; one that hangs is a row too. */
static void run_case(size_t i)
{
	int status = 0, ms;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		case_name = cases[i].name;
		cases[i].run();
		fflush(stdout);
		_exit(0);
	}
	for (ms = 0; ms < 30000 && !waitpid(pid, &status, WNOHANG); ms += 10)
		pause_ms(10);
	if (ms >= 30000) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		printf("%s: hangs\n", cases[i].name);
	} else if (WIFSIGNALED(status)) {
		printf("%s: dies of signal %d\n", cases[i].name, WTERMSIG(status));
	}
}

static bool wanted(const char *what, int argc, char **argv)
{
	int i;

	for (i = 5; i < argc; i++)
		if (!strcmp(what, argv[i]))
			return true;
	return argc == 5;
}

int main(int argc, char **argv)
{
	bool kssl, openssl;
	size_t i;

	if (argc < 5)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	kssl = !strcmp(argv[1], "kssl");
	openssl = !strcmp(argv[1], "openssl");
	setup.here = kssl || openssl;
	setup.there = kssl;
	setup.server = !strcmp(argv[2], "server");
	setup.to = atoi(argv[3]);
	setup.at = atoi(argv[4]);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (wanted(cases[i].name, argc, argv))
			run_case(i);
	return 0;
}
