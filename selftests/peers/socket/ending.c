// SPDX-License-Identifier: GPL-2.0
/* The end of a connection: shutdown, close, reset, by either end. */
#include "socket.h"

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
	poll_one(e.a, 0, 5000);	/* if only the second one is refused, that takes a moment */
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

const struct test_case ending_cases[] = {
	CASE(shut_write), CASE(shut_read), CASE(shut_both), CASE(half_close), CASE(peer_gone),
	CASE(peer_resets), CASE(peer_resets_writer), CASE(peer_resets_error),
	CASE(peer_resets_reader), CASE(we_reset), CASE(close_unread), CASE(linger),
	{ NULL, NULL }
};
