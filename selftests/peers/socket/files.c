// SPDX-License-Identifier: GPL-2.0
/* From and to files and pipes. */
#include "bulk.h"

#include <sys/sendfile.h>
#include <sys/uio.h>

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

const struct test_case file_cases[] = {
	CASE(files), CASE(pipes), { NULL, NULL }
};
