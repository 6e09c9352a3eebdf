// SPDX-License-Identifier: GPL-2.0
// LIBS: libcrypto
// LINK: -Lbuild -lkssl -Wl,-rpath,'$ORIGIN/..'
/*
 * Everything against everything, for so many seconds:
 *
 *	races SECONDS SEED
 *
 * Threads take any socket of a few and do anything with it, while others close
 * it, kill its session by netlink, change its keys, register as workers and die,
 * and make network namespaces with sessions in them and leave.  system/races.sh has
 * kssld killed meanwhile, and then the module unloaded.
 *
 * What is judged is the kernel's log, that nothing hangs, and two streams that
 * nobody breaks but everybody disturbs: every byte must come, in order.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <kssl/kssl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include "wire.h"

#define NR_SLOTS 6
#define NR_THREADS 6
#define NR_STREAMS 2
#define CHUNK 40000

/* Two ends; what they are changes when somebody renews the slot. */
static struct slot {
	_Atomic int fd[2];
} slots[NR_SLOTS];

static struct stream {
	int fd[2];
	uint32_t id[2];
	_Atomic uint64_t bytes;
	_Atomic bool broken;
} streams[NR_STREAMS];

static const char *const what_names[] = { "calls", "renewed", "netlink", "workers", "namespaces" };
enum { CALLS, RENEWED, NETLINK, WORKERS, NAMESPACES, NR_WHAT };
static _Atomic long counts[NR_WHAT];
static _Atomic bool stop;
static int tls_listener;		/* with the ULP: kssld serves its children */
static struct sockaddr_in tls_at;
static __thread uint64_t seed;

static void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint32_t rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % n;
}

/* ---- sockets ---- */

static int attach(int fd)
{
	return setsockopt(fd, SOL_TCP, TCP_ULP, "kssl", 4);
}

static int set_number(int fd, int option, uint32_t n)
{
	return setsockopt(fd, SOL_KSSL, option, &n, sizeof(n));
}

static int listen_at(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	at->sin_family = AF_INET;
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	at->sin_port = 0;
	if (fd < 0 || bind(fd, (struct sockaddr *)at, len) || listen(fd, 16) ||
	    getsockname(fd, (struct sockaddr *)at, &len))
		die("listen");
	return fd;
}

/* Nothing waits for long. */
static void be_short(int fd)
{
	struct timeval t = { .tv_usec = 20000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

static bool plain_pair(int fd[2])
{
	struct sockaddr_in at;
	int l = listen_at(&at);
	struct pollfd p = { .fd = l, .events = POLLIN };

	fd[1] = -1;
	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd[0] >= 0 && !connect(fd[0], (struct sockaddr *)&at, sizeof(at)) &&
	    poll(&p, 1, 1000) == 1)
		fd[1] = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	close(l);
	if (fd[1] >= 0)
		return true;
	close(fd[0]);
	return false;
}

static int give_keys(int fd, const struct wire_half *tx, const struct wire_half *rx)
{
	struct kssl_key key[2] = { wire_key(tx), wire_key(rx) };

	return setsockopt(fd, SOL_KSSL, KSSL_KEY_TX, &key[0], sizeof(key[0])) ?:
	       setsockopt(fd, SOL_KSSL, KSSL_KEY_RX, &key[1], sizeof(key[1]));
}

/* Keys that fit nothing. */
static int give_any_keys(int fd)
{
	struct wire_half k;

	wire_new(&k, wire_suite(0x1301), false);
	return give_keys(fd, &k, &k);
}

static bool keyed_pair(int fd[2], uint16_t suite)
{
	struct wire_half k[2];

	wire_new(&k[0], wire_suite(suite), false);
	wire_new(&k[1], wire_suite(suite), false);
	return plain_pair(fd) && !attach(fd[0]) && !attach(fd[1]) &&
	       !give_keys(fd[0], &k[0], &k[1]) && !give_keys(fd[1], &k[1], &k[0]);
}

/* A client whose handshake goes to kssld, if there is one, and its server. */
static void handshake_pair(int fd[2])
{
	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (rnd(2) ? SOCK_NONBLOCK : 0), 0);
	if (fd[0] < 0)
		die("socket");
	be_short(fd[0]);
	attach(fd[0]);
	setsockopt(fd[0], SOL_KSSL, KSSL_PEER_NAME, "localhost", 9);
	connect(fd[0], (struct sockaddr *)&tls_at, sizeof(tls_at));
	fd[1] = accept4(tls_listener, NULL, NULL, SOCK_CLOEXEC);
}

static void renew(struct slot *s)
{
	static const uint16_t suites[] = { 0x1301, 0x1303, 0xc02f, 0xc027 };
	int fd[2] = { -1, -1 }, i, old;
	struct linger hard = { .l_onoff = 1 };

	if (rnd(3))
		keyed_pair(fd, suites[rnd(4)]);
	else
		handshake_pair(fd);
	for (i = 0; i < 2; i++) {
		if (fd[i] >= 0)
			be_short(fd[i]);
		if (fd[i] >= 0 && !rnd(3))
			setsockopt(fd[i], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		old = atomic_exchange(&s->fd[i], fd[i]);
		if (old >= 0)
			close(old);
	}
	counts[RENEWED]++;
}

/* ---- calls ---- */

static char bytes[1 << 17];

static void call_splice(int fd, int other)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC | O_NONBLOCK))
		return;
	if (splice(fd, NULL, p[1], NULL, 1 + rnd(30000), SPLICE_F_NONBLOCK) > 0)
		splice(p[0], NULL, other, NULL, 30000, SPLICE_F_NONBLOCK);
	close(p[0]);
	close(p[1]);
}

static void call_get(int fd, char *buf)
{
	static const int names[] = { KSSL_INFO, KSSL_ERROR, KSSL_PEER_NAME, KSSL_IDENTITY, KSSL_ALPN,
				     KSSL_PEER_CERT, KSSL_PEER_SUBJECT, KSSL_PAD };
	socklen_t len = 1 << 16;

	getsockopt(fd, SOL_KSSL, names[rnd(8)], buf, &len);
}

static void call_set(int fd)
{
	switch (rnd(7)) {
	case 0: set_number(fd, KSSL_RECORD_SIZE, rnd(2) ? 0 : 64 + rnd(16000)); break;
	case 1: set_number(fd, KSSL_PAD, rnd(2) ? 0 : 2 + rnd(1000)); break;
	case 2: set_number(fd, KSSL_EOF_MODE, rnd(2)); break;
	case 3: setsockopt(fd, SOL_KSSL, KSSL_PEER_NAME, "server.test", 11); break;
	case 4: setsockopt(fd, SOL_KSSL, KSSL_ALPN, "h2", 2); break;
	case 5: give_any_keys(fd); break;
	default: setsockopt(fd, SOL_KSSL, KSSL_TEXT, bytes, rnd(300)); break;
	}
}

static void call(int fd, int other)
{
	static __thread char buf[1 << 17];
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP };
	int n;

	switch (rnd(16)) {
	case 0: send(fd, bytes, 1 + rnd(200), MSG_DONTWAIT | MSG_NOSIGNAL); break;
	case 1: send(fd, bytes, rnd(sizeof(bytes)), MSG_NOSIGNAL); break;
	case 2: send(fd, bytes, 1 + rnd(3000), MSG_MORE | MSG_DONTWAIT | MSG_NOSIGNAL); break;
	case 3: recv(fd, buf, 1 + rnd(200), MSG_DONTWAIT); break;
	case 4: recv(fd, buf, sizeof(buf), rnd(2) ? MSG_WAITALL : 0); break;
	case 5: recv(fd, buf, rnd(sizeof(buf)), MSG_PEEK | MSG_DONTWAIT); break;
	case 6: call_splice(fd, other); break;
	case 7: poll(&p, 1, (int)rnd(3)); break;
	case 8: ioctl(fd, FIONREAD, &n); break;
	case 9: set_number(fd, KSSL_KEY_UPDATE, rnd(2)); break;
	case 10: call_get(fd, buf); break;
	case 11: call_set(fd); break;
	case 12: n = 1 + (int)rnd(20000); setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof(n)); break;
	case 13: if (!rnd(8)) shutdown(fd, (int)rnd(3)); break;
	case 14: set_number(fd, KSSL_HANDSHAKE, 100); break;
	default: attach(fd); break;
	}
	counts[CALLS]++;
}

static void *caller(void *arg)
{
	seed = (uint64_t)(uintptr_t)arg;
	while (!stop) {
		struct slot *s = &slots[rnd(NR_SLOTS)];
		int end = (int)rnd(2);

		if (!rnd(60))
			renew(s);
		else
			call(s->fd[end], s->fd[!end]);
	}
	return NULL;
}

/* ---- netlink ---- */

static uint32_t ids[64];
static int nr_ids;

static int keep_id(const struct kssl_session_info *s, void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < NR_STREAMS; i++)
		if (s->id == streams[i].id[0] || s->id == streams[i].id[1])
			return 0;
	if (nr_ids < 64)
		ids[nr_ids++] = s->id;
	return 0;
}

/* The streams may be looked at and get new keys, nothing worse. */
static void *netlinker(void *arg)
{
	struct kssl_nl *nl = kssl_nl_open();
	static struct kssl_caps caps;
	struct kssl_session_info info;

	seed = (uint64_t)(uintptr_t)arg;
	while (!stop && nl) {
		uint32_t stream = streams[rnd(NR_STREAMS)].id[rnd(2)], id;

		nr_ids = 0;
		kssl_nl_sessions(nl, keep_id, NULL);
		id = nr_ids ? ids[rnd((uint32_t)nr_ids)] : 1;
		switch (rnd(6)) {
		case 0: kssl_nl_session(nl, id, &info); break;
		case 1: kssl_nl_session_rekey(nl, id, (int)rnd(2)); break;
		case 2: kssl_nl_session_rekey(nl, stream, (int)rnd(2)); break;
		case 3: kssl_nl_session_close(nl, id); break;
		case 4: kssl_nl_session_kill(nl, id); break;
		default: kssl_nl_caps(nl, &caps); break;
		}
		counts[NETLINK]++;
	}
	kssl_nl_close(nl);
	return NULL;
}

/* ---- a worker that takes requests and is gone ---- */

struct request {
	struct nlmsghdr n;
	struct genlmsghdr g;
	unsigned char attrs[64];
};

static void put_attr(struct request *r, uint16_t type, const void *data, uint16_t len)
{
	struct nlattr a = { .nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type };
	unsigned char *p = (unsigned char *)r + r->n.nlmsg_len;

	memcpy(p, &a, sizeof(a));
	memcpy(p + NLA_HDRLEN, data, len);
	r->n.nlmsg_len += NLA_ALIGN(a.nla_len);
}

static struct request make_request(uint16_t family, uint8_t cmd)
{
	return (struct request){ .n = { .nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN), .nlmsg_type = family,
					.nlmsg_flags = NLM_F_REQUEST },
				 .g = { .cmd = cmd, .version = 1 } };
}

static uint16_t family_of(int fd)
{
	struct request r = make_request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	unsigned char buf[8192];
	ssize_t n, at;

	put_attr(&r, CTRL_ATTR_FAMILY_NAME, "kssl", 5);
	if (send(fd, &r, r.n.nlmsg_len, 0) < 0)
		return 0;
	n = recv(fd, buf, sizeof(buf), 0);
	for (at = NLMSG_HDRLEN + GENL_HDRLEN; at + NLA_HDRLEN < n;) {
		struct nlattr a;
		uint16_t id;

		memcpy(&a, buf + at, sizeof(a));
		memcpy(&id, buf + at + NLA_HDRLEN, sizeof(id));
		if (a.nla_type == CTRL_ATTR_FAMILY_ID)
			return id;
		at += NLA_ALIGN(a.nla_len ?: n);
	}
	return 0;
}

static void *worker(void *arg)
{
	seed = (uint64_t)(uintptr_t)arg;
	while (!stop) {
		int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
		uint32_t abi = KSSL_ABI, capacity = 1 + rnd(4);
		struct request r = make_request(family_of(fd), KSSL_CMD_WORKER_REGISTER);
		unsigned char buf[8192];

		be_short(fd);
		put_attr(&r, KSSL_A_WORKER_ABI, &abi, 4);
		put_attr(&r, KSSL_A_WORKER_CAPACITY, &capacity, 4);
		if (send(fd, &r, r.n.nlmsg_len, 0) > 0)
			recv(fd, buf, sizeof(buf), 0);
		if (rnd(2)) {
			r = make_request(r.n.nlmsg_type, KSSL_CMD_WORKER_LEAVE);
			send(fd, &r, r.n.nlmsg_len, MSG_DONTWAIT);
		}
		poll(NULL, 0, (int)rnd(5));
		close(fd);
		counts[WORKERS]++;
		poll(NULL, 0, 20 + (int)rnd(200));
	}
	return NULL;
}

/* ---- a namespace with sessions in it, and everybody leaves ---- */

/*
 * A child of a process with threads: another thread may have held a lock of libcrypto
 * at the fork, so the child makes no keys.  It has copies of all sockets: one that hung
 * would keep them, and the module, after its parent.
 */
static void live_and_leave(const struct wire_half *keys)
{
	int fd[2], ctl = socket(AF_INET, SOCK_DGRAM, 0), i;
	struct { char name[16]; short flags; char room[22]; } up = { "lo", 0x41, "" };

	signal(SIGALRM, SIG_DFL);
	alarm(60);
	if (unshare(CLONE_NEWNET))
		_exit(2);
	close(ctl);
	ctl = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(ctl, 0x8914, &up))	/* SIOCSIFFLAGS */
		_exit(2);
	for (i = 0; i < 4; i++) {
		if (!plain_pair(fd))
			_exit(2);
		be_short(fd[0]);
		attach(fd[0]);
		if (rnd(2))
			give_keys(fd[0], keys, keys);
		send(fd[0], bytes, 1 + rnd(20000), MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	_exit(0);	/* a handshake waits for a worker, keys and text lie there */
}

static void *namespacer(void *arg)
{
	struct wire_half keys;

	seed = (uint64_t)(uintptr_t)arg;
	wire_new(&keys, wire_suite(0x1301), false);
	while (!stop) {
		int status;
		pid_t pid = fork();

		if (!pid)
			live_and_leave(&keys);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			die("namespace");
		counts[NAMESPACES]++;
		poll(NULL, 0, 50 + (int)rnd(100));
	}
	return NULL;
}

/* ---- streams ---- */

static unsigned char byte_at(uint64_t i)
{
	return (unsigned char)(i * 131 + (i >> 8) * 7 + (i >> 16));
}

static void *writer(void *arg)
{
	static __thread unsigned char out[CHUNK];
	struct stream *s = arg;
	uint64_t at = 0, i;
	ssize_t n;

	seed = (uint64_t)(uintptr_t)s;
	while (!stop) {
		size_t len = 1 + rnd(CHUNK);

		for (i = 0; i < len; i++)
			out[i] = byte_at(at + i);
		if (!rnd(3))	/* the others need their share of the CPUs */
			poll(NULL, 0, 2);
		n = send(s->fd[0], out, len, MSG_NOSIGNAL | (rnd(4) ? 0 : MSG_MORE));
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			printf("# a stream's send: %s\n", strerror(errno));
			s->broken = true;
			break;
		}
		at += n > 0 ? (uint64_t)n : 0;
	}
	shutdown(s->fd[0], SHUT_WR);
	return NULL;
}

static void *reader(void *arg)
{
	static __thread unsigned char in[CHUNK];
	struct stream *s = arg;
	uint64_t at = 0;
	ssize_t n, i;

	for (;;) {
		n = recv(s->fd[1], in, sizeof(in), 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			break;
		for (i = 0; i < n && in[i] == byte_at(at + (uint64_t)i); i++)
			;
		at += (uint64_t)i;
		if (i < n) {
			printf("# a stream has a wrong byte at %llu\n", (unsigned long long)at);
			n = -1;
			break;
		}
	}
	if (n)
		s->broken = true;
	s->bytes = at;
	return NULL;
}

/* What does not break them is done to them as well. */
static void *disturber(void *arg)
{
	static __thread char buf[1 << 16];
	int n;

	seed = (uint64_t)(uintptr_t)arg;
	while (!stop) {
		struct stream *s = &streams[rnd(NR_STREAMS)];
		int fd = s->fd[rnd(2)];
		struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

		switch (rnd(7)) {
		case 0: recv(fd, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT); break;
		case 1: poll(&p, 1, 0); break;
		case 2: ioctl(fd, FIONREAD, &n); break;
		case 3: set_number(fd, KSSL_KEY_UPDATE, rnd(2)); break;
		case 4: call_get(fd, buf); break;
		case 5: set_number(fd, KSSL_RECORD_SIZE, rnd(2) ? 0 : 64 + rnd(16000)); break;
		default: set_number(fd, KSSL_PAD, rnd(2) ? 0 : 2 + rnd(1000)); break;
		}
		counts[CALLS]++;
	}
	return NULL;
}

/* Signals at every wait. */
static void nothing(int sig)
{
	(void)sig;
}

static void hangs(int sig)
{
	static const char text[] = "Bail out! something hangs\n";

	(void)sig;
	_exit(write(1, text, sizeof(text) - 1) > 0 ? 1 : 3);
}

static uint32_t id_of(int fd)
{
	struct kssl_info info;

	if (kssl_info(fd, &info))
		die("KSSL_INFO");
	return info.session_id;
}

static pthread_t threads[64];
static int nr_threads;

static void start(void *(*fn)(void *arg), void *arg)
{
	if (pthread_create(&threads[nr_threads++], NULL, fn, arg))
		die("thread");
}

int main(int argc, char **argv)
{
	struct itimerval often = { { 0, 3000 }, { 0, 3000 } };
	struct sigaction interrupt = { .sa_handler = nothing };	/* no SA_RESTART */
	int seconds, i;
	bool good = true;

	if (argc != 3)
		return 2;
	seconds = atoi(argv[1]);
	seed = strtoull(argv[2], NULL, 0) * 0x9e3779b97f4a7c15ULL + 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, hangs);
	sigaction(SIGVTALRM, &interrupt, NULL);
	tls_listener = listen_at(&tls_at);
	if (attach(tls_listener))
		die("TCP_ULP");
	for (i = 0; i < NR_STREAMS; i++) {
		struct stream *s = &streams[i];

		if (!keyed_pair(s->fd, i ? 0xc027 : 0x1301))
			die("stream");
		be_short(s->fd[0]);
		be_short(s->fd[1]);
		s->id[0] = id_of(s->fd[0]);
		s->id[1] = id_of(s->fd[1]);
	}
	for (i = 0; i < NR_SLOTS; i++) {
		slots[i].fd[0] = slots[i].fd[1] = -1;
		renew(&slots[i]);
	}
	for (i = 0; i < NR_STREAMS; i++) {
		start(writer, &streams[i]);
		start(reader, &streams[i]);
	}
	for (i = 0; i < NR_THREADS; i++)
		start(caller, (void *)(uintptr_t)(((uint64_t)rnd(1 << 30) << 20) + 1));
	start(disturber, (void *)(uintptr_t)(rnd(1 << 30) + 1));
	start(netlinker, (void *)(uintptr_t)(rnd(1 << 30) + 1));
	start(worker, (void *)(uintptr_t)(rnd(1 << 30) + 1));
	start(namespacer, (void *)(uintptr_t)(rnd(1 << 30) + 1));
	setitimer(ITIMER_VIRTUAL, &often, NULL);
	alarm((unsigned int)seconds + 60);
	for (i = 0; i < seconds * 10; i++)
		poll(NULL, 0, 100);
	stop = true;
	for (i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	alarm(0);
	for (i = 0; i < NR_STREAMS; i++) {
		good &= !streams[i].broken && streams[i].bytes > 100000;
		printf("# stream %d: %llu bytes\n", i, (unsigned long long)streams[i].bytes);
	}
	for (i = 0; i < NR_WHAT; i++) {
		good &= counts[i] > 0;
		printf("# %s: %ld\n", what_names[i], (long)counts[i]);
	}
	printf("%sok 1 - %d s of everything against everything\n", good ? "" : "not ", seconds);
	return !good;
}
