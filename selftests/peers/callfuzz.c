// SPDX-License-Identifier: GPL-2.0
// LIBS: libcrypto
// LINK: -Lbuild -lkssl -Wl,-rpath,'$ORIGIN/..'
/*
 * The same calls, at random, on a kssl socket and on a TCP socket: a program must
 * not be able to tell them apart.
 *
 *	callfuzz model SECONDS SEED	one thread; results, errnos and bytes are compared
 *	callfuzz crowd SECONDS SEED	many threads on a few sockets; nothing is compared
 *
 * At the other end of a kssl socket is libcrypto (witness.h): what comes there must
 * open as the next record, and it sends records of odd kinds between those with
 * data, KeyUpdates among them.  The peer of the TCP socket sends the same text.
 *
 * What is not compared, because TCP itself does not promise it: how much a splice()
 * takes at once, and anything that waits for an acknowledgement.  Each call is made
 * when all that was sent has arrived (TCP_INFO), so that the rest is the same.  Nor
 * is what kssl(7), DIFFERENCES FROM TCP, has.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <linux/sockios.h>
#include "ends.h"

#define SEND_MAX 40000
#define GIVE_MAX 30000
#define STEPS 120
#define WAIT_MS 8000
#define BOTH_WAYS 3

enum { KSSL, TCP };

/**
 * struct play - two connections that are treated alike
 * @e: the kssl socket, its peer and the account of bytes, which both have in common
 * @fd: our two ends; @peer: the TCP socket's peer
 * @wire: bytes that the kssl socket's peer has sent
 * @came: text that the TCP socket's peer has got
 * @ended: the peer has said that no more will come
 * @shut: what we have shut down, a bit for each way: TCP resets a peer that sends when
 *	both are, so no more is sent then
 * @step: how many calls so far
 */
struct play {
	struct ends e;
	int fd[2], peer;
	uint64_t wire;
	size_t came;
	bool ended;
	int shut;
	int step;
};

/**
 * struct outcome - what a call made known
 * @ret, @err: its result
 * @more: revents, an option's value and the like
 * @what: which of its kind, for people
 * @len: bytes that it read, in @data
 * @eaten: how many of them are gone now
 */
struct outcome {
	long ret;
	int err;
	uint64_t more;
	int what;
	size_t len, eaten;
	unsigned char *data;
};

static int pipe_fd[2], text_fd;
static unsigned char data_of[2][SEND_MAX + 64];
static char history[STEPS][64];
static _Thread_local uint64_t seed;

static uint32_t rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % n;
}

/* Often small, seldom large, sometimes at the edge of a record. */
static uint32_t size_up_to(uint32_t most)
{
	static const uint32_t edges[] = { 0, 1, 2, 16383, 16384, 16385, 32768 };
	uint32_t n = rnd(8) ? 1 + rnd(rnd(3) ? 600 : most) : edges[rnd(7)];

	return n < most ? n : most;
}

static bool chance(uint32_t one_in)
{
	return !rnd(one_in);
}

/* ---- both ends have what was sent ---- */

/* Of linux/tcp.h, which the C library's header does not go along with; a FIN counts. */
static uint64_t bytes_received(int fd)
{
	struct { struct tcp_info old; uint64_t rates[2], acked, received; } info;
	socklen_t len = sizeof(info);

	_Static_assert(sizeof(info.old) == 104, "bytes_received is at 128");
	memset(&info, 0, sizeof(info));
	MUST(!getsockopt(fd, SOL_TCP, TCP_INFO, &info, &len));
	return info.received;
}

static bool arrived_at(const struct play *p, int fd, uint64_t bytes)
{
	return bytes_received(fd) >= bytes + p->ended;
}

static bool settle(struct play *p)
{
	long end = now_ms() + WAIT_MS;

	while (!arrived_at(p, p->fd[KSSL], p->wire) || !arrived_at(p, p->fd[TCP], p->e.given)) {
		if (now_ms() > end)
			return no("what the peer sent does not arrive");
		poll(NULL, 0, 1);
	}
	return true;
}

/* The TCP socket's peer reads what there is; it must be what was given. */
static bool drain_plain(struct play *p)
{
	static unsigned char got[SEND_MAX];
	long n;

	while ((n = recv(p->peer, got, sizeof(got), MSG_DONTWAIT)) > 0) {
		if (memcmp(got, out_bytes + p->came, (size_t)n))
			return no("TCP's peer got other bytes: the test is at fault");
		p->came += (size_t)n;
	}
	return true;
}

static bool drain(struct play *p)
{
	return drain_plain(p) && wire_good(&p->e);
}

/* ---- the peers ---- */

static void wire_send(struct play *p, uint8_t type, const void *text, size_t len)
{
	static uint8_t rec[WIRE_MAX];
	struct wire_how how = { .type = type };
	size_t size = wire_seal(&p->e.w.out, &how, text, len, rec);

	MUST(send(p->e.w.fd, rec, size, MSG_NOSIGNAL) == (ssize_t)size);
	p->wire += size;
}

/* Records of every size, in one piece for TCP. */
static void peer_gives(struct play *p, size_t len)
{
	size_t left = len, n;

	MUST(send(p->peer, in_bytes + p->e.given, len, MSG_NOSIGNAL) == (ssize_t)len);
	while (left) {
		n = size_up_to(WIRE_TEXT);
		n = n < left ? n : left;
		wire_send(p, DATA, in_bytes + p->e.given, n);
		p->e.given += n;
		left -= n;
	}
}

/* What is no data must not be seen. */
static void peer_is_odd(struct play *p)
{
	static const uint8_t update[2][5] = { { 24, 0, 0, 1, 0 }, { 24, 0, 0, 1, 1 } };
	static const uint8_t cancelled[2] = { 1, 90 };

	if (chance(2)) {
		wire_send(p, DATA, "", 0);
	} else if (p->e.w.out.suite->version == 0x304 && chance(2)) {
		wire_send(p, HANDSHAKE, update[rnd(2)], 5);
		wire_update(&p->e.w.out);
	} else if (p->e.w.out.suite->version == 0x304) {
		wire_send(p, ALERT, cancelled, 2);
	}
}

static void peer_ends(struct play *p)
{
	static const uint8_t close_notify[2] = { 1, 0 };

	wire_send(p, ALERT, close_notify, 2);
	shutdown(p->e.w.fd, SHUT_WR);
	shutdown(p->peer, SHUT_WR);
	p->ended = true;
}

/* ---- calls; each draws the same numbers for both sockets ---- */

static void data_read(struct outcome *o, long n, bool eaten)
{
	o->ret = n;
	o->len = n > 0 ? (size_t)n : 0;
	o->eaten = eaten ? o->len : 0;
}

static const unsigned char *text_at(const struct play *p)
{
	return out_bytes + p->e.sent;
}

static void call_send(struct play *p, int fd, struct outcome *o)
{
	static const int flags[] = { 0, MSG_DONTWAIT, MSG_MORE, MSG_EOR, MSG_NOSIGNAL, MSG_CONFIRM,
				     MSG_DONTROUTE, MSG_ZEROCOPY };
	uint32_t n = size_up_to(SEND_MAX);

	o->ret = send(fd, text_at(p), n, flags[rnd(8)] | MSG_NOSIGNAL);
}

static void call_write(struct play *p, int fd, struct outcome *o)
{
	o->ret = write(fd, text_at(p), size_up_to(SEND_MAX));
}

/* Pieces of any size, none too */
static int pieces(struct iovec *v, const unsigned char *at)
{
	int n = 1 + (int)rnd(6), i;

	for (i = 0; i < n; i++) {
		v[i].iov_base = (void *)(uintptr_t)at;
		v[i].iov_len = chance(4) ? 0 : rnd(chance(3) ? SEND_MAX / 8 : 100);
		at += v[i].iov_len;
	}
	return n;
}

static void call_writev(struct play *p, int fd, struct outcome *o)
{
	struct iovec v[8];

	o->ret = writev(fd, v, pieces(v, text_at(p)));
}

static void put_cmsg(struct msghdr *m, int level, int type, const void *value, size_t len)
{
	struct cmsghdr *c = m->msg_control;

	c->cmsg_len = CMSG_LEN(len);
	c->cmsg_level = level;
	c->cmsg_type = type;
	memcpy(CMSG_DATA(c), value, len);
	m->msg_controllen = CMSG_SPACE(len);
}

static void call_sendmsg(struct play *p, int fd, struct outcome *o)
{
	union { char room[256]; struct cmsghdr align; } control;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = 1 };
	static const uint32_t stamp;	/* none is asked for */
	struct iovec v[8];
	struct msghdr m = { .msg_iov = v, .msg_control = &control };

	memset(&control, 0, sizeof(control));
	m.msg_iovlen = (size_t)pieces(v, text_at(p));
	if (chance(3)) {
		m.msg_name = &to;
		m.msg_namelen = sizeof(to);
	}
	switch (rnd(5)) {
	case 0: put_cmsg(&m, SOL_SOCKET, 9999, &stamp, 4); break;
	case 1: put_cmsg(&m, SOL_SOCKET, 37 /* SO_TIMESTAMPING */, &stamp, 4); break;
	case 2: put_cmsg(&m, IPPROTO_UDP, 103, &stamp, 2); break;
	case 3: put_cmsg(&m, SOL_SOCKET, SCM_RIGHTS, &pipe_fd[0], 4); break;
	default: m.msg_control = NULL;
	}
	o->ret = sendmsg(fd, &m, MSG_NOSIGNAL | (chance(3) ? MSG_MORE : 0));
}

static void call_sendfile(struct play *p, int fd, struct outcome *o)
{
	off_t at = (off_t)p->e.sent;

	o->ret = sendfile(fd, text_fd, &at, size_up_to(SEND_MAX));
	o->more = (uint64_t)at;
}

static void call_splice_in(struct play *p, int fd, struct outcome *o)
{
	uint32_t n = 1 + rnd(8000), have;
	long taken, sum = 0;

	have = (uint32_t)write(pipe_fd[1], text_at(p), n);
	while (have && (taken = splice(pipe_fd[0], NULL, fd, NULL, have,
				       chance(2) ? SPLICE_F_MORE : 0)) > 0) {
		sum += taken;
		have -= (uint32_t)taken;
	}
	o->ret = sum ?: -1;
	o->err = errno;
	while (have)
		have -= (uint32_t)read(pipe_fd[0], buf, have);
	errno = o->err;
}

static void call_recv(struct play *p, int fd, struct outcome *o)
{
	static const int flags[] = { 0, 0, 0, MSG_PEEK, MSG_PEEK, MSG_WAITALL, MSG_TRUNC,
				     MSG_PEEK | MSG_TRUNC, MSG_WAITALL | MSG_PEEK, MSG_CMSG_CLOEXEC,
				     MSG_ERRQUEUE };
	int flag = flags[rnd(11)];
	uint32_t n = size_up_to(SEND_MAX);

	(void)p;
	o->what = flag;
	data_read(o, recv(fd, o->data, n, flag | MSG_DONTWAIT), !(flag & MSG_PEEK));
	if (flag & MSG_TRUNC)
		o->len = 0;	/* TCP leaves the buffer as it is */
}

/* These wait, for so long as both have been told: see play(). */
static void call_read(struct play *p, int fd, struct outcome *o)
{
	(void)p;
	data_read(o, read(fd, o->data, 1 + rnd(SEND_MAX - 1)), true);
}

static void call_recvmsg(struct play *p, int fd, struct outcome *o)
{
	union { char room[256]; struct cmsghdr align; } control;
	struct sockaddr_in from;
	struct iovec v[8];
	struct msghdr m = { .msg_iov = v, .msg_control = &control, .msg_controllen = 256,
			    .msg_name = &from, .msg_namelen = sizeof(from), .msg_flags = 0x55 };
	int flag = chance(4) ? MSG_PEEK : 0;

	(void)p;
	m.msg_iovlen = (size_t)pieces(v, o->data);
	if (chance(3))
		m.msg_control = NULL, m.msg_controllen = 0;
	data_read(o, recvmsg(fd, &m, MSG_DONTWAIT | flag), !flag);
	if (o->ret >= 0)
		o->more = (uint64_t)m.msg_flags << 40 | (uint64_t)m.msg_namelen << 20 |
			  m.msg_controllen;
}

/* How much a splice takes is TCP's affair: see level(). */
static void call_splice_out(struct play *p, int fd, struct outcome *o)
{
	uint32_t most = 1 + rnd(30000);

	(void)p;
	data_read(o, splice(fd, NULL, pipe_fd[1], NULL, most, SPLICE_F_NONBLOCK), true);
	o->err = errno;
	if (o->len)
		MUST(read(pipe_fd[0], o->data, SEND_MAX) == (long)o->len);
	errno = o->err;
}

static void call_poll(struct play *p, int fd, struct outcome *o)
{
	static const short events[] = { POLLIN, POLLOUT, POLLIN | POLLOUT, POLLRDHUP, POLLPRI,
					POLLIN | POLLRDHUP | POLLHUP | POLLERR, 0 };
	struct pollfd f = { .fd = fd, .events = events[rnd(7)] };

	(void)p;
	o->ret = poll(&f, 1, 0);
	o->more = (uint64_t)f.revents;
}

static void call_ioctl(struct play *p, int fd, struct outcome *o)
{
	static const unsigned long names[] = { FIONREAD, FIONREAD, SIOCATMARK, SIOCGIFADDR, TCGETS };
	union { int n; char room[256]; } value = { .n = 0 };

	(void)p;
	o->ret = ioctl(fd, names[rnd(5)], &value);
	o->more = o->ret ? 0 : (uint64_t)value.n;
}

static const struct { int level, name; } options[] = {
	{ SOL_TCP, TCP_NODELAY }, { SOL_TCP, TCP_CORK }, { SOL_TCP, TCP_KEEPIDLE },
	{ SOL_TCP, TCP_QUICKACK }, { SOL_TCP, TCP_USER_TIMEOUT }, { SOL_SOCKET, SO_RCVLOWAT },
	{ SOL_SOCKET, SO_KEEPALIVE }, { SOL_SOCKET, SO_PRIORITY }, { SOL_SOCKET, SO_LINGER },
	{ SOL_SOCKET, SO_ERROR }, { SOL_SOCKET, SO_TYPE }, { SOL_SOCKET, SO_DOMAIN },
	{ SOL_SOCKET, SO_PROTOCOL }, { SOL_SOCKET, SO_ACCEPTCONN },
	{ SOL_SOCKET, 9999 }, { SOL_IP, IP_TOS }, { SOL_IP, IP_TTL },
	{ 9999, 1 },
};

static bool is_option(uint32_t which, int level, int name)
{
	return options[which].level == level && options[which].name == name;
}

static void call_getsockopt(struct play *p, int fd, struct outcome *o)
{
	uint32_t which = rnd(sizeof(options) / sizeof(options[0]));
	socklen_t len = chance(4) ? rnd(5) : 4;
	int value = 0;

	(void)p;
	o->what = options[which].name;
	if (is_option(which, SOL_SOCKET, SO_RCVLOWAT))
		return;		/* reads as 1 */
	if (is_option(which, SOL_TCP, TCP_QUICKACK))
		return;		/* TCP's guess, from when what came and went */
	o->ret = getsockopt(fd, options[which].level, options[which].name, &value, &len);
	o->more = o->ret ? 0 : (uint64_t)(uint32_t)value << 8 | len;
}

static void call_setsockopt(struct play *p, int fd, struct outcome *o)
{
	uint32_t which = rnd(sizeof(options) / sizeof(options[0]));
	int value = (int)rnd(3);

	(void)p;
	o->what = options[which].name;
	if (is_option(which, SOL_SOCKET, SO_RCVLOWAT) && chance(2))
		value = (int)rnd(20000);
	if (is_option(which, SOL_IP, IP_TTL))
		value += 30;
	if (is_option(which, SOL_TCP, TCP_KEEPIDLE) || is_option(which, SOL_TCP, TCP_USER_TIMEOUT))
		value = 100000 + value;
	o->ret = setsockopt(fd, options[which].level, options[which].name, &value,
			    chance(8) ? rnd(4) : 4);
}

static void call_bad_pointer(struct play *p, int fd, struct outcome *o)
{
	void *nowhere = (void *)(uintptr_t)4096;

	(void)p;
	switch (rnd(4)) {
	case 0: o->ret = send(fd, nowhere, 100, MSG_NOSIGNAL); break;
	case 1: o->ret = recv(fd, nowhere, 100, MSG_DONTWAIT); break;
	case 2: o->ret = recvmsg(fd, nowhere, MSG_DONTWAIT); break;
	default: o->ret = sendmsg(fd, nowhere, MSG_DONTWAIT); break;
	}
}

/* What a connected socket does not do */
static void call_wrong(struct play *p, int fd, struct outcome *o)
{
	socklen_t len = sizeof(address);
	struct sockaddr_in a;

	(void)p;
	switch (rnd(6)) {
	case 0: o->ret = connect(fd, (struct sockaddr *)&address, len); break;
	case 1: o->ret = bind(fd, (struct sockaddr *)&address, len); break;
	case 2: o->ret = listen(fd, 5); break;
	case 3: o->ret = accept4(fd, NULL, NULL, SOCK_NONBLOCK); break;
	case 4: o->ret = getpeername(fd, (struct sockaddr *)&a, &len); break;
	default: o->ret = lseek(fd, 0, SEEK_CUR); break;
	}
}

static void call_wait(struct play *p, int fd, struct outcome *o)
{
	int flag = chance(2) ? MSG_WAITALL : 0;

	(void)p;
	data_read(o, recv(fd, o->data, 1 + size_up_to(SEND_MAX - 1), flag), true);
}

/* In another process, or by another descriptor */
static void call_shared(struct play *p, int fd, struct outcome *o)
{
	uint32_t n = 1 + rnd(3000);
	int other, status;
	pid_t pid;

	if (chance(4)) {
		pid = fork();
		if (!pid)
			_exit(send(fd, text_at(p), n, MSG_NOSIGNAL) == n ? 0 : errno);
		MUST(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
		o->ret = WEXITSTATUS(status) ? -1 : (long)n;
		errno = WEXITSTATUS(status);
		return;
	}
	other = dup(fd);
	o->ret = send(other, text_at(p), n, MSG_NOSIGNAL);
	o->err = errno;
	close(other);
	errno = o->err;
}

static void call_shutdown(struct play *p, int fd, struct outcome *o)
{
	static const int hows[] = { SHUT_WR, SHUT_WR, SHUT_RD, SHUT_RDWR, 7 };

	int how = hows[rnd(5)];

	o->ret = shutdown(fd, how);
	if (!o->ret)
		p->shut |= how + 1;
}

/**
 * struct call - a call
 * @sends: what it takes goes out; @often: its share
 */
static const struct call {
	const char *name;
	void (*fn)(struct play *p, int fd, struct outcome *o);
	int often;
	bool sends, splices;
} calls[] = {
	{ "send", call_send, 12, true, false },
	{ "write", call_write, 4, true, false },
	{ "writev", call_writev, 4, true, false },
	{ "sendmsg", call_sendmsg, 4, true, false },
	{ "sendfile", call_sendfile, 4, true, false },
	{ "splice in", call_splice_in, 4, true, false },
	{ "recv", call_recv, 24, false, false },
	{ "read", call_read, 4, false, false },
	{ "recvmsg", call_recvmsg, 8, false, false },
	{ "splice out", call_splice_out, 8, false, true },
	{ "poll", call_poll, 16, false, false },
	{ "ioctl", call_ioctl, 6, false, false },
	{ "getsockopt", call_getsockopt, 6, false, false },
	{ "setsockopt", call_setsockopt, 6, false, false },
	{ "bad pointer", call_bad_pointer, 3, false, false },
	{ "wrong call", call_wrong, 3, false, false },
	{ "waiting recv", call_wait, 2, false, false },
	{ "shared", call_shared, 3, true, false },
	{ "shutdown", call_shutdown, 1, false, false },
};

#define NR_CALLS (sizeof(calls) / sizeof(calls[0]))

static const struct call *draw(void)
{
	int all = 0, at;
	size_t i;

	for (i = 0; i < NR_CALLS; i++)
		all += calls[i].often;
	at = (int)rnd((uint32_t)all);
	for (i = 0; at >= calls[i].often; i++)
		at -= calls[i].often;
	return &calls[i];
}

/* ---- compared ---- */

static bool took(struct play *p, const struct outcome *o, const char *who)
{
	if (o->len && p->e.got + o->len > p->e.given)
		return no("%s read %zu bytes at %zu, only %zu were sent", who, o->len, p->e.got,
			  p->e.given);
	if (o->len && memcmp(o->data, in_bytes + p->e.got, o->len))
		return no("%s read wrong bytes at %zu", who, p->e.got);
	return true;
}

/* The one that has read less reads the rest. */
static bool level(struct play *p, const struct outcome *o)
{
	int less = o[KSSL].eaten < o[TCP].eaten ? KSSL : TCP;
	size_t at = o[less].eaten, most = o[!less].eaten;

	while (at < most) {
		long n = recv(p->fd[less], buf, most - at, MSG_DONTWAIT);

		if (n <= 0)
			return no("the rest of %zu is not there: %ld, %s", most - at, n,
				  strerror(errno));
		if (memcmp(buf, in_bytes + p->e.got + at, (size_t)n))
			return no("wrong bytes at %zu", p->e.got + at);
		at += (size_t)n;
	}
	p->e.got += most;
	return true;
}

static bool same(const struct call *c, const struct outcome *o)
{
	if (c->splices && o[KSSL].ret > 0 && o[TCP].ret > 0)
		return true;
	if (o[KSSL].ret == o[TCP].ret && o[KSSL].more == o[TCP].more &&
	    (o[KSSL].ret >= 0 || o[KSSL].err == o[TCP].err))
		return true;
	return no("%s: kssl %ld (%s) %#llx, TCP %ld (%s) %#llx", c->name, o[KSSL].ret,
		  strerror(o[KSSL].err), (unsigned long long)o[KSSL].more, o[TCP].ret,
		  strerror(o[TCP].err), (unsigned long long)o[TCP].more);
}

static bool call_both(struct play *p)
{
	const struct call *c = draw();
	struct outcome o[2] = { { .data = data_of[KSSL] }, { .data = data_of[TCP] } };
	uint64_t start = seed;
	int i;

	doing = c->name;
	doing_nth = p->step;
	for (i = 0; i < 2; i++) {
		seed = start;
		errno = 0;
		c->fn(p, p->fd[i], &o[i]);
		o[i].err = errno;
	}
	snprintf(history[p->step], sizeof(history[0]), "%s %d: %ld, %s %#llx", c->name,
		 o[KSSL].what, o[KSSL].ret, o[KSSL].ret < 0 ? strerror(o[KSSL].err) : "", (unsigned long long)o[KSSL].more);
	if (c->sends && o[KSSL].ret > 0)
		p->e.sent += (size_t)o[KSSL].ret;
	p->e.tried = p->e.sent;
	return same(c, o) && took(p, &o[KSSL], "kssl") && took(p, &o[TCP], "TCP") && level(p, o);
}

static void set_number(int fd, int option, uint32_t n)
{
	setsockopt(fd, SOL_KSSL, option, &n, sizeof(n));
}

/* What TCP does not have, and must not change a thing. */
static void kssl_only(int fd)
{
	switch (rnd(3)) {
	case 0: set_number(fd, KSSL_KEY_UPDATE, rnd(2)); break;
	case 1: set_number(fd, KSSL_RECORD_SIZE, chance(2) ? 0 : 64 + rnd(16000)); break;
	default: set_number(fd, KSSL_PAD, chance(2) ? 0 : 2 + rnd(1000)); break;
	}
}

static bool step(struct play *p)
{
	bool listens = !p->ended && p->shut != BOTH_WAYS;
	const char *what = NULL;

	switch (rnd(12)) {
	case 0: case 1: case 2:
		if (listens && p->e.given - p->e.got < 100000) {
			what = "(the peer gives)";
			peer_gives(p, 1 + size_up_to(GIVE_MAX - 1));
		}
		break;
	case 3:
		if (listens)
			what = "(the peer is odd)", peer_is_odd(p);
		break;
	case 4:
		if (listens && suite->version == 0x304 && chance(12))
			what = "(the peer ends)", peer_ends(p);
		break;
	case 5:
		what = "(kssl only)";
		kssl_only(p->fd[KSSL]);
		break;
	default:
		return call_both(p);
	}
	if (what)
		snprintf(history[p->step], sizeof(history[0]), "%s", what);
	return true;
}

/* Everything that was taken came; everything that came is read, and the end. */
static bool finish(struct play *p)
{
	long n;

	if (!p->ended && p->shut != BOTH_WAYS)
		peer_ends(p);
	if (!settle(p))
		return false;
	shutdown(p->fd[KSSL], SHUT_WR);
	shutdown(p->fd[TCP], SHUT_WR);
	if (!witness_end(&p->e.w, WAIT_MS))
		return no("no end on the wire: %s", p->e.w.why);
	if (!wire_good(&p->e))
		return false;
	if (p->e.w.text_len != p->e.sent || p->e.w.alert)
		return no("%zu bytes were taken, %zu came, alert %d", p->e.sent, p->e.w.text_len,
			  p->e.w.alert);
	while ((n = recv_n(&p->e, sizeof(buf), MSG_DONTWAIT)) > 0)
		;
	return n == 0 && p->e.got == p->e.given && !*reason ? true :
	       no("%zu were given, %zu read; then %ld, %s", p->e.given, p->e.got, n,
		  strerror(errno));
}

static int tcp_pair(int *peer)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	MUST(fd >= 0);
	set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, 2 << 20);
	set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, 2 << 20);
	MUST(!connect(fd, (struct sockaddr *)&address, sizeof(address)));
	*peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	MUST(*peer >= 0);
	return fd;
}

static void new_suite(void)
{
	static const uint16_t ids[] = { 0x1301, 0x1302, 0x1303, 0x1304, 0xc02f, 0xcca8, 0xc027,
					0xc013 };

	suite = wire_suite(ids[rnd(8)]);
	etm = (suite->id == 0xc027 || suite->id == 0xc013) && rnd(2);
}

static bool play(void)
{
	struct timeval soon = { .tv_usec = 10000 };
	struct play p;
	bool good = true;

	memset(&p, 0, sizeof(p));
	new_suite();
	open_ends(&p.e, KEYED);
	p.fd[KSSL] = p.e.fd;
	p.fd[TCP] = tcp_pair(&p.peer);
	for (p.step = 0; p.step < 2; p.step++)
		MUST(!setsockopt(p.fd[p.step], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)));
	for (p.step = 0; good && p.step < STEPS; p.step++) {
		snprintf(history[p.step], sizeof(history[0]), "-");
		good = step(&p) && drain(&p) && settle(&p);
	}
	good = good && finish(&p) && !*reason;
	close(p.fd[TCP]);
	close(p.peer);
	close_ends(&p.e);
	doing_nth = p.step;
	return good;
}

static void tell(uint64_t from)
{
	int i;

	printf("# seed %#llx, suite %#x%s, step %d: %s\n", (unsigned long long)from, suite->id,
	       etm ? " etm" : "", doing_nth, reason);
	for (i = doing_nth > 25 ? doing_nth - 25 : 0; i < doing_nth && i < STEPS; i++)
		printf("#   %d %s\n", i, history[i]);
}

static int model(int seconds, uint64_t first)
{
	long end = now_ms() + seconds * 1000L, plays = 0;
	uint64_t from = first;
	bool good = true;

	do {
		alarm(60);
		seed = from * 0x9e3779b97f4a7c15ULL + 1;
		good = play();
		plays++;
		if (good)
			from++;
	} while (good && now_ms() < end);
	alarm(0);
	if (!good)
		tell(from);
	printf("# %ld times %d calls\n%sok 1 - a kssl socket does as a TCP socket does\n1..1\n",
	       plays, STEPS, good ? "" : "not ");
	return !good;
}

/* ---- many threads, a few sockets ---- */

#define NR_SHARED 3
#define NR_CROWD 5
#define FD_BASE 500	/* their numbers are theirs for ever: a stray call hits no witness */

/**
 * struct shared - a kssl socket that everybody uses
 * @w: its peer; only one thread touches it
 * @until: when it is exchanged for a new one
 * @shut: somebody has called shutdown(): if for both ways, TCP resets when more comes
 */
static struct shared {
	struct witness w;
	long until;
	_Atomic bool shut;
} shared[NR_SHARED];

static _Atomic bool stop;
static _Atomic long nr_calls, nr_renewed, nr_bytes;

static void *crowd_thread(void *arg)
{
	static _Thread_local unsigned char room[SEND_MAX + 64];
	struct play p;

	memset(&p, 0, sizeof(p));
	seed = (uint64_t)(uintptr_t)arg;
	while (!stop) {
		int which = (int)rnd(NR_SHARED);
		const struct call *c = draw();
		struct outcome o = { .data = room };

		if (c->fn == call_shared || c->fn == call_splice_in || c->fn == call_splice_out)
			continue;	/* a pipe for all, and forks */
		if (c->fn == call_shutdown && rnd(10))
			continue;
		p.e.sent = rnd(STREAM_MAX - 10 * SEND_MAX);
		/* before and behind it: the socket may be exchanged meanwhile */
		if (c->fn == call_shutdown)
			shared[which].shut = true;
		if (chance(20))
			kssl_only(FD_BASE + which);
		else
			c->fn(&p, FD_BASE + which, &o);
		if (c->fn == call_shutdown)
			shared[which].shut = true;
		nr_calls++;
	}
	return NULL;
}

static void renew(int which)
{
	struct timeval soon = { .tv_usec = 10000 };
	struct ends e;

	new_suite();
	open_ends(&e, KEYED);
	MUST(!setsockopt(e.fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)));
	MUST(!setsockopt(e.fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon)));
	if (shared[which].w.fd)
		witness_reset(&shared[which].w);
	MUST(dup3(e.fd, FD_BASE + which, O_CLOEXEC) >= 0);
	close(e.fd);
	shared[which].w = e.w;
	shared[which].shut = false;
	shared[which].until = now_ms() + 200 + rnd(3000);
	nr_renewed++;
}

/* All that comes are records, in order; what it sends may be read by anybody. */
static bool attend(struct shared *s)
{
	struct play p = { .e = { .w = s->w } };
	bool good;

	if (rnd(2) && !s->w.end) {
		struct pollfd f = { .fd = s->w.fd, .events = POLLOUT };

		if (poll(&f, 1, 0) == 1 && f.revents == POLLOUT) {
			if (rnd(4))
				wire_send(&p, DATA, in_bytes, size_up_to(3000));
			else
				peer_is_odd(&p);
		}
	}
	s->w = p.e.w;
	good = witness_drain(&s->w);
	nr_bytes += (long)s->w.text_len;
	s->w.text_len = 0;
	return good || no("on the wire: %s", s->w.why);
}

/* No call of a program makes TLS fail; TCP may have reset: see play.shut. */
static bool alive(int which)
{
	struct kssl_error error;

	if (kssl_error(FD_BASE + which, &error))
		return no("no KSSL_ERROR: %s", strerror(errno));
	if (!error.err || (shared[which].shut && !strcmp(error.text, "the connection failed")))
		return true;
	return no("it has failed: %s (%s)", error.text, strerror(error.err));
}

static int crowd(int seconds, uint64_t from)
{
	long end = now_ms() + seconds * 1000L;
	pthread_t threads[NR_CROWD];
	bool good = true;
	int i;

	alarm((unsigned int)seconds + 120);
	doing = "the crowd";
	seed = from * 0x9e3779b97f4a7c15ULL + 1;
	for (i = 0; i < NR_SHARED; i++)
		renew(i);
	for (i = 0; i < NR_CROWD; i++)
		MUST(!pthread_create(&threads[i], NULL, crowd_thread,
				     (void *)(uintptr_t)(rnd(1 << 30) + 1)));
	for (i = 0; good && now_ms() < end; i = (i + 1) % NR_SHARED) {
		good = attend(&shared[i]);
		if (good && now_ms() > shared[i].until) {
			good = alive(i);
			renew(i);
		}
		poll(NULL, 0, 1);
	}
	stop = true;
	for (i = 0; i < NR_CROWD; i++)
		pthread_join(threads[i], NULL);
	alarm(0);
	if (good && (nr_calls < 200 || nr_bytes < 10000 || nr_renewed <= NR_SHARED))
		good = no("nothing happened");
	if (!good)
		printf("# seed %#llx: %s\n", (unsigned long long)from, reason);
	printf("# %ld calls by %d threads, %ld bytes seen, %ld sockets\n"
	       "%sok 1 - many threads on shared sockets, and every byte in a record\n1..1\n",
	       (long)nr_calls, NR_CROWD, (long)nr_bytes, (long)nr_renewed, good ? "" : "not ");
	return !good;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	faults_init(true);
	ends_init();
	text_fd = memfd_create("text", MFD_CLOEXEC);
	MUST(text_fd >= 0 && write(text_fd, out_bytes, STREAM_MAX) == STREAM_MAX);
	MUST(!pipe2(pipe_fd, O_CLOEXEC));
	MUST(fcntl(pipe_fd[1], F_SETPIPE_SZ, 1 << 18) > 0);
	listener = make_listener();
	if (!strcmp(argv[1], "model"))
		return model(atoi(argv[2]), strtoull(argv[3], NULL, 0));
	if (!strcmp(argv[1], "crowd"))
		return crowd(atoi(argv[2]), strtoull(argv[3], NULL, 0));
	return 2;
}
