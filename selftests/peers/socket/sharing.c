// SPDX-License-Identifier: GPL-2.0
/* Several processes and threads on one socket, and signals. */
#include "socket.h"

#include <sys/mman.h>

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

const struct test_case sharing_cases[] = {
	CASE(forked), CASE(duplicated), CASE(passed), CASE(crowd), CASE(interrupted),
	{ NULL, NULL }
};
