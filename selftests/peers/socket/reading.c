// SPDX-License-Identifier: GPL-2.0
/* Reading: every call, peeking, waiting, nothing and nowhere. */
#include "socket.h"

#include <sys/uio.h>

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

/* When the bytes came, as a control message. */
static void stamps(void)
{
	union { char room[256]; struct cmsghdr h; } c;
	struct msghdr m = { .msg_control = &c };
	struct ends e = ends();
	char buf[10];
	int tries;

	m.msg_iov = &(struct iovec){ buf, sizeof(buf) };
	m.msg_iovlen = 1;
	row("on", "%s", res(set(e.a, SOL_SOCKET, SO_TIMESTAMP, 1)));
	/* the kernel turns them on in the background */
	for (tries = 0; tries < 100 && !m.msg_controllen; tries++) {
		poll(NULL, 0, 5);
		put(e.b, "when");
		await(e.a);
		m.msg_controllen = sizeof(c);
		if (recvmsg(e.a, &m, 0) != 4)
			break;
	}
	row("stamp", "%s", CMSG_FIRSTHDR(&m) ? "there" : "none");
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

/*
 * The clock that time-outs of sockets go by: one that ticks.  Where the machine below
 * takes a CPU away for a while, ticks are late, and a time-out that was counted from a
 * late one is short by the clock that does not tick.
 */
static long ticked_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
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
	start = ticked_ms();
	row("time is up", "%s", res(recv(e.a, buf, 10, 0)));
	start = ticked_ms() - start;
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

const struct test_case reading_cases[] = {
	CASE(reading), CASE(stamps), CASE(peeking), CASE(waiting), CASE(zero), CASE(faults), { NULL, NULL }
};
