// SPDX-License-Identifier: GPL-2.0
/* poll, epoll, SIGIO. */
#include "socket.h"

#include <sys/epoll.h>

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

const struct test_case polling_cases[] = {
	CASE(polling), CASE(epolling), CASE(sigio), { NULL, NULL }
};
