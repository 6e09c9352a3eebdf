// SPDX-License-Identifier: GPL-2.0
/*
 * Nobody sleeps while there is text.  Two threads want one socket's text, one
 * waits in recv(), one in poll(); the peer sends two records at once.  Who comes
 * second finds his record in kssl's buffer, where no packet will tell of it.
 *
 * usage: wake SECONDS
 *
 * Both ends are kssl, with keys of zeros.  Prints the number of rounds; a thread
 * that is not woken is status 1.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/kssl.h>

#define LEN 1000	/* both records in one go */
#define PATIENCE 10	/* seconds */

static int ends[2];
static pthread_barrier_t start, end;
static long rounds;

static void must(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(2);
}

static void keys(int fd, int option)
{
	struct kssl_key key = { .version = 0x304, .suite = 0x1301, .secret_len = 32 };

	must(!setsockopt(fd, SOL_TCP, TCP_ULP, "kssl", 4), "TCP_ULP");
	must(!setsockopt(fd, SOL_KSSL, option, &key, sizeof(key)), "keys");
}

static void connect_ends(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { .tv_sec = PATIENCE };
	socklen_t len = sizeof(at);
	unsigned int size = LEN, one = 1;
	int l = socket(AF_INET, SOCK_STREAM, 0);

	must(!bind(l, (void *)&at, len) && !listen(l, 1) && !getsockname(l, (void *)&at, &len),
	     "listen");
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	must(!connect(ends[0], (void *)&at, len), "connect");
	ends[1] = accept(l, NULL, NULL);
	must(ends[1] >= 0, "accept");
	keys(ends[0], KSSL_KEY_TX);
	keys(ends[1], KSSL_KEY_RX);
	setsockopt(ends[0], SOL_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(ends[0], SOL_KSSL, KSSL_RECORD_SIZE, &size, sizeof(size));
	setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

/* Also true when poll() looks once more because its time is up: that is late. */
static ssize_t poll_and_read(char *buf)
{
	struct pollfd p = { .fd = ends[1], .events = POLLIN };
	time_t began = time(NULL);
	ssize_t n;

	do {
		poll(&p, 1, PATIENCE * 1000);
		n = recv(ends[1], buf, LEN, MSG_DONTWAIT);
	} while (n < 0 && errno == EAGAIN && time(NULL) < began + PATIENCE);
	if (time(NULL) < began + PATIENCE)
		return n;
	errno = ETIMEDOUT;
	return -1;
}

static void *reader(void *polls)
{
	static __thread char buf[LEN];
	ssize_t n;

	for (;;) {
		pthread_barrier_wait(&start);
		n = polls ? poll_and_read(buf) : recv(ends[1], buf, LEN, 0);
		if (n != LEN) {
			printf("round %ld, %s(): %s\n", rounds, polls ? "poll" : "recv",
			       strerror(errno));
			exit(1);
		}
		pthread_barrier_wait(&end);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	time_t until = time(NULL) + (argc > 1 ? atoi(argv[1]) : 10);
	static char text[2 * LEN];
	pthread_t t;
	int i;

	connect_ends();
	pthread_barrier_init(&start, NULL, 3);
	pthread_barrier_init(&end, NULL, 3);
	for (i = 0; i < 2; i++)
		must(!pthread_create(&t, NULL, reader, i ? ends : NULL), "thread");
	for (; time(NULL) < until; rounds++) {
		pthread_barrier_wait(&start);
		must(send(ends[0], text, sizeof(text), 0) == sizeof(text), "send");
		pthread_barrier_wait(&end);
	}
	printf("%ld rounds\n", rounds);
	return 0;
}
