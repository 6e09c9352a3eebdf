// SPDX-License-Identifier: GPL-2.0
/*
 * KSSL_DETACH while other threads use the socket in every way, and attach it again
 * as soon as they can.
 *
 * usage: detach SECONDS
 *
 * Both ends are kssl, with keys of zeros.  The other end must get sealed bytes up
 * to close_notify, whatever the threads do, and plain ones after it.  Prints the
 * number of rounds.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/kssl.h>

#define END 100		/* number of the descriptor that all threads use */

static int rounds;
static volatile bool plain, done;

static void must(bool good, const char *what)
{
	if (good)
		return;
	printf("round %d: %s: %s\n", rounds, what, strerror(errno));
	exit(1);
}

/* ---- the other threads ---- */

static void reads(void)
{
	char buf[100];

	recv(END, buf, sizeof(buf), 0);
	recv(END, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT);
}

static void writes(void)
{
	send(END, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	send(END, "xx", 2, MSG_MORE | MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void polls(void)
{
	struct pollfd p = { .fd = END, .events = POLLIN | POLLOUT | POLLRDHUP };

	poll(&p, 1, 1);
}

/* Both as TCP and as us; the name may be on its way while the socket changes. */
static void asks(void)
{
	char value[200];
	socklen_t len = sizeof(value);
	int n;

	getsockopt(END, SOL_TCP, TCP_ULP, value, &len);
	len = sizeof(value);
	getsockopt(END, SOL_KSSL, KSSL_INFO, value, &len);
	len = sizeof(value);
	getsockopt(END, SOL_KSSL, KSSL_ERROR, value, &len);
	ioctl(END, FIONREAD, &n);
}

static void sets(void)
{
	unsigned int n = 1;

	setsockopt(END, SOL_TCP, TCP_NODELAY, &n, sizeof(n));
	setsockopt(END, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof(n));
	setsockopt(END, SOL_KSSL, KSSL_RECORDS, &n, sizeof(n));
	setsockopt(END, SOL_KSSL, KSSL_PEER_NAME, "name", 4);
}

static void splices(void)
{
	static int p[2] = { -1, -1 };
	char buf[100];

	if (p[0] < 0 && pipe2(p, O_NONBLOCK))
		return;
	splice(END, NULL, p[1], NULL, 100, SPLICE_F_NONBLOCK);
	while (read(p[0], buf, sizeof(buf)) > 0)
		;
}

/* Only behind close_notify may this do anything. */
static void detaches(void)
{
	unsigned int now = KSSL_DETACH_NOW;

	if (!setsockopt(END, SOL_KSSL, KSSL_DETACH, &now, sizeof(now)))
		plain = true;
}

static void attaches(void)
{
	if (plain)
		setsockopt(END, SOL_TCP, TCP_ULP, "kssl", 4);
}

static void *again(void *what)
{
	void (*act)(void) = *(void (**)(void))what;

	while (!done)
		act();
	return NULL;
}

/* ---- a round ---- */

static void keys(int fd)
{
	struct kssl_key key = { .version = 0x304, .suite = 0x1301, .secret_len = 32 };

	must(!setsockopt(fd, SOL_TCP, TCP_ULP, "kssl", 4), "TCP_ULP");
	must(!setsockopt(fd, SOL_KSSL, KSSL_KEY_TX, &key, sizeof(key)), "KSSL_KEY_TX");
	must(!setsockopt(fd, SOL_KSSL, KSSL_KEY_RX, &key, sizeof(key)), "KSSL_KEY_RX");
}

static void detach(int fd, unsigned int how)
{
	must(!setsockopt(fd, SOL_KSSL, KSSL_DETACH, &how, sizeof(how)), "KSSL_DETACH");
}

static int listener(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	*at = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	must(!bind(l, (void *)at, len) && !listen(l, 1) && !getsockname(l, (void *)at, &len),
	     "listen");
	return l;
}

/* The other end reads up to an end of the stream that is no error. */
static void read_to_end(int fd)
{
	char buf[4096];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		must(strspn(buf, "x") >= (size_t)n, "text");
	must(!n, "close_notify");
}

/*
 * What comes in plain: our threads' text, until one attaches the socket again;
 * that one finds "plain" where a ServerHello should be, says so, and that is all but
 * for one send that had begun in plain and waited for the socket meanwhile.
 */
static void read_plain(int fd)
{
	static const char alert[] = "\x15\3\3\0\2\2\x0a";
	char buf[1 << 16] = "";
	size_t n = 0, text;
	ssize_t ret;

	while ((ret = recv(fd, buf + n, sizeof(buf) - 1 - n, MSG_DONTWAIT)) > 0)
		n += ret;
	for (text = 0; text < n && buf[text] == 'x'; text++)
		;
	if (text == n)
		return;
	if (n - text >= 7 && n - text <= 9 && !memcmp(buf + text, alert, 7) &&
	    strspn(buf + text + 7, "x") >= n - text - 7)
		return;
	printf("after %zu bytes of text:", text);
	for (; text < n; text++)
		printf(" %02x", buf[text] & 0xff);
	must(false, "\nplain text");
}

static void one_round(int l, const struct sockaddr_in *at)
{
	struct timeval little = { .tv_usec = 2000 }, much = { .tv_sec = 30 };
	struct linger hard = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM, 0), other;

	must(!connect(fd, (const void *)at, sizeof(*at)), "connect");
	other = accept(l, NULL, NULL);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &little, sizeof(little));
	setsockopt(other, SOL_SOCKET, SO_RCVTIMEO, &much, sizeof(much));
	setsockopt(other, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	keys(fd);
	keys(other);
	plain = false;
	dup2(fd, END);		/* the threads have it from now on */
	close(fd);
	usleep(rounds % 5 * 1000);
	must(send(other, "text", 4, 0) == 4, "send");
	detach(END, KSSL_DETACH_CLOSE);
	read_to_end(other);
	detach(other, KSSL_DETACH_CLOSE);
	detach(other, KSSL_DETACH_NOW);
	must(send(other, "plain", 5, MSG_NOSIGNAL) == 5, "send in plain");
	while (!plain)		/* one of the threads does it */
		usleep(100);
	usleep(rounds % 3 * 1000);
	read_plain(other);
	close(other);
	rounds++;
}

int main(int argc, char **argv)
{
	static void (*acts[])(void) = { reads, reads, writes, polls, asks, sets, splices, detaches,
					attaches };
	time_t until = time(NULL) + (argc > 1 ? atoi(argv[1]) : 10);
	struct sockaddr_in at;
	pthread_t t[sizeof(acts) / sizeof(acts[0])];
	int l = listener(&at);
	size_t i;

	for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		must(!pthread_create(&t[i], NULL, again, &acts[i]), "thread");
	while (time(NULL) < until)
		one_round(l, &at);
	done = true;
	for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		pthread_join(t[i], NULL);
	printf("%d rounds\n", rounds);
	return 0;
}
