// SPDX-License-Identifier: GPL-2.0
/* io_uring. */
#include "socket.h"
#include "uring.h"

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

const struct test_case uring_cases[] = {
	CASE(uring), CASE(multishot), { NULL, NULL }
};
