// SPDX-License-Identifier: GPL-2.0
/*
 * Deferred work against close(): close_notify is due and TCP has no room for it; the
 * work that would push it is queued, and the socket is closed with unread content,
 * which resets it.
 *
 * usage: leave SECONDS
 *
 * Both ends are kssl, with keys of zeros.  What is judged is the kernel's log.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/kssl.h>

static int listener;
static struct sockaddr_in at = { .sin_family = AF_INET };

static void must(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(2);
}

static void set(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

static void keys(int fd)
{
	struct kssl_key key = { .version = 0x304, .suite = 0x1301, .secret_len = 32 };

	must(!setsockopt(fd, SOL_TCP, TCP_ULP, "kssl", 4), "TCP_ULP");
	must(!setsockopt(fd, SOL_KSSL, KSSL_KEY_TX, &key, sizeof(key)), "keys");
	must(!setsockopt(fd, SOL_KSSL, KSSL_KEY_RX, &key, sizeof(key)), "keys");
}

static void round_of(unsigned int n)
{
	static char text[4096];
	int one, other, i;

	one = socket(AF_INET, SOCK_STREAM, 0);
	set(one, SOL_SOCKET, SO_RCVBUF, 2048);
	must(!connect(one, (void *)&at, sizeof(at)), "connect");
	other = accept(listener, NULL, NULL);
	must(other >= 0, "accept");
	set(other, SOL_SOCKET, SO_SNDBUF, 4096);
	keys(one);
	keys(other);
	must(send(one, text, 1, 0) == 1, "send");
	while (send(other, text, sizeof(text), MSG_DONTWAIT) > 0)
		;
	must(errno == EAGAIN, "full");
	shutdown(other, SHUT_WR);
	/* calls sk_write_space: the work is queued */
	set(other, SOL_TCP, TCP_NOTSENT_LOWAT, 1000000 + (int)(n & 1));
	for (i = rand() % 2000; i; i--)
		__asm__ volatile("" ::: "memory");
	close(other);
	set(one, SOL_SOCKET, SO_LINGER, 0);
	close(one);
}

int main(int argc, char **argv)
{
	time_t until = time(NULL) + (argc > 1 ? atoi(argv[1]) : 10);
	socklen_t len = sizeof(at);
	unsigned int n = 0;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	must(!bind(listener, (void *)&at, len) && !listen(listener, 8) &&
	     !getsockname(listener, (void *)&at, &len), "listen");
	while (time(NULL) < until)
		round_of(n++);
	printf("%u rounds\n", n);
	return 0;
}
