// SPDX-License-Identifier: GPL-2.0
/* Writing: every call, MSG_MORE, much of it, and more than fits. */
#include "bulk.h"

#include <sys/uio.h>

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

const struct test_case writing_cases[] = {
	CASE(writing), CASE(more), CASE(more_and_shutdown), CASE(more_and_close),
	CASE(both_ways), CASE(not_blocking), { NULL, NULL }
};
