// SPDX-License-Identifier: GPL-2.0
// LIBS: libcrypto
// LINK: -Lbuild -lkssl -Wl,-rpath,'$ORIGIN/..'
/*
 * Every call on a socket of ours with its n-th allocation failing, for all n
 * (faults.h).  The socket has keys of its own; the peer is libcrypto on plain TCP
 * (witness.h) and sees every byte.  After each fault: the errno makes sense, and the
 * session either works, both ways and without a byte lost or doubled, or is
 * finished: the same errno on every read, EPIPE on every write.
 *
 * What the kernel allocates elsewhere: faults-clone.c, faults-handshake.c.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include "ends.h"

#define BIG 100000
#define SMALL 100
#define PART 5000

struct test {
	const char *name;
	void (*before)(struct ends *e);
	long (*act)(struct ends *e);
	bool (*after)(struct ends *e, long ret, int err);
	int also;		/* one more errno that makes sense */
	enum state state;
	bool nothing;		/* it needs no memory */
	bool each;		/* with each suite */
};

static int file, pipes[2];
static struct kssl_nl *nl;

static void before_nl(struct ends *e);

static bool sensible_for(const struct test *t, int err)
{
	bool by_libnl = t->before == before_nl && err == EIO;	/* it knows no EFAULT */

	return sensible(err) || (t->also && err == t->also) || by_libnl ||
	       no("errno %d (%s) makes no sense", err, strerror(err));
}

/* ---- running a case ---- */

static bool one(const struct test *t, int nth, bool *hit)
{
	struct ends e;
	bool good;
	long ret;
	int err;

	doing = t->name;
	doing_nth = nth;
	alarm(60);
	open_ends(&e, t->state);
	if (t->before)
		t->before(&e);
	arm(nth);
	ret = t->act(&e);
	err = errno;
	*hit = disarm();
	good = ret >= 0 || sensible_for(t, err);
	good = good && !*reason && (t->after ?: works)(&e, ret, err);
	close_ends(&e);
	alarm(0);
	return good && !*reason;
}

static void sweep(const struct test *t)
{
	bool hit = true, good = true;
	char name[100];
	int nth = 0;

	snprintf(name, sizeof(name), "%s%s: %s", suite->name, etm ? ", EtM" : "", t->name);
	while (good && hit && ++nth < SITES_MAX)
		good = one(t, nth, &hit);
	if (nth == 1 && good && nth_fd >= 0 && !t->nothing)
		good = no("nothing was ever hit");
	result(good, name, nth - 1);
}

/* ---- cases: sending ---- */

static long act_send_small(struct ends *e) { return send_n(e, SMALL, 0); }
static long act_send_big(struct ends *e) { return send_n(e, BIG, 0); }
static long act_send_nowait(struct ends *e) { return send_n(e, BIG, MSG_DONTWAIT); }
static long act_send_more(struct ends *e) { return send_n(e, PART, MSG_MORE); }
static void before_more(struct ends *e) { MUST(send_n(e, PART, MSG_MORE) == PART); }

static long act_sendmsg(struct ends *e)
{
	struct iovec v[3];
	struct msghdr msg = { .msg_iov = v, .msg_iovlen = 3 };
	int i;

	for (i = 0; i < 3; i++)
		v[i] = (struct iovec){ out_bytes + e->sent + i * 7000, 7000 };
	e->tried += 21000;
	return account(e, sendmsg(e->fd, &msg, MSG_NOSIGNAL), false);
}

/* A program that must not wait polls. */
static bool after_nowait(struct ends *e, long ret, int err)
{
	struct pollfd p = { .fd = e->fd, .events = POLLIN | POLLOUT };

	MUST(poll(&p, 1, 0) >= 0);
	e->more = false;
	return works(e, ret, err);
}

static void before_zerocopy(struct ends *e) { set_int(e->fd, SOL_SOCKET, SO_ZEROCOPY, 1); }
static long act_zerocopy(struct ends *e) { return send_n(e, PART, MSG_ZEROCOPY); }

static long act_sendfile(struct ends *e)
{
	off_t at = (off_t)e->sent;
	long ret;

	e->tried += BIG;
	ret = sendfile(e->fd, file, &at, BIG);
	return account(e, ret, ret < BIG);	/* cut short, it believes to go on */
}

static void before_pipe(struct ends *e)
{
	(void)e;
	MUST(!pipe2(pipes, O_CLOEXEC | O_NONBLOCK));
	MUST(write(pipes[1], out_bytes, 30000) == 30000);
}

static long act_splice_in(struct ends *e)
{
	e->tried += 30000;
	return account(e, splice(pipes[0], NULL, e->fd, NULL, 30000, 0), true);
}

static bool after_pipe(struct ends *e, long ret, int err)
{
	close(pipes[0]);
	close(pipes[1]);
	return works(e, ret, err);
}

/* ---- cases: receiving ---- */

static void before_small(struct ends *e) { give(e, 1000); }
static long act_recv_small(struct ends *e) { return recv_n(e, SMALL, 0); }

static void before_records(struct ends *e)
{
	int i;

	for (i = 0; i < 6; i++)
		give(e, 3000);
}

static void before_big(struct ends *e) { give(e, BIG); }
static long act_recv_big(struct ends *e) { return recv_n(e, BIG, 0); }
static long act_recv_all(struct ends *e) { return recv_n(e, BIG, MSG_WAITALL); }
static long act_recv_records(struct ends *e) { return recv_n(e, 18000, 0); }
static long act_peek(struct ends *e) { return recv_n(e, 18000, MSG_PEEK); }
static long act_trunc(struct ends *e) { return recv_n(e, 4000, MSG_TRUNC); }

/* Nobody will send anything. */
static long act_recv_nothing(struct ends *e) { return recv_n(e, SMALL, MSG_DONTWAIT); }

static long act_recvmsg(struct ends *e)
{
	struct iovec v[2] = { { buf, 2000 }, { buf + 2000, 2500 } };
	struct msghdr msg = { .msg_iov = v, .msg_iovlen = 2 };
	long ret = recvmsg(e->fd, &msg, 0);
	int err = errno;

	take(e, buf, ret);
	errno = err;
	return ret;
}

static void before_bounds(struct ends *e)
{
	set_int(e->fd, SOL_KSSL, KSSL_RECORDS, 1);
	before_records(e);
}

/* Without the bounds the call says that they are missing. */
static long act_bounds(struct ends *e)
{
	unsigned char control[CMSG_SPACE(8 * sizeof(struct kssl_record))];
	struct iovec v = { buf, 7000 };
	struct msghdr msg = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	long ret = recvmsg(e->fd, &msg, 0);
	int err = errno;

	take(e, buf, ret);
	if (ret > 0 && !CMSG_FIRSTHDR(&msg) && !(msg.msg_flags & MSG_CTRUNC))
		no("no bounds of records");
	errno = err;
	return ret;
}

static long act_fionread(struct ends *e)
{
	int n;

	if (ioctl(e->fd, FIONREAD, &n))
		return -1;
	if ((size_t)n > e->given - e->got)
		no("FIONREAD says %d", n);
	return 0;
}

static long act_poll(struct ends *e)
{
	struct pollfd p = { .fd = e->fd, .events = POLLIN | POLLOUT };

	return poll(&p, 1, 0);
}

static void before_lowat(struct ends *e)
{
	set_int(e->fd, SOL_SOCKET, SO_RCVLOWAT, 9000);
	before_records(e);
}

static bool after_lowat(struct ends *e, long ret, int err)
{
	set_int(e->fd, SOL_SOCKET, SO_RCVLOWAT, 1);
	return works(e, ret, err);
}

static void before_splice_out(struct ends *e)
{
	MUST(!pipe2(pipes, O_CLOEXEC | O_NONBLOCK));
	before_records(e);
}

static long act_splice_out(struct ends *e)
{
	return splice(e->fd, NULL, pipes[1], NULL, 9000, 0);
}

static bool after_splice_out(struct ends *e, long ret, int err)
{
	if (ret > 0)
		MUST(read(pipes[0], buf, (size_t)ret) == ret);
	take(e, buf, ret);
	return after_pipe(e, ret, err);
}

/* ---- cases: the end, and what else is no data ---- */

static void before_bytes(struct ends *e)
{
	MUST(send_n(e, SMALL, 0) == SMALL);
	MUST(witness_text(&e->w, SMALL, 4000));
}

static long act_shutdown(struct ends *e)
{
	e->done = true;
	return shutdown(e->fd, SHUT_WR);
}

/* A FIN that TCP had no memory for is lost, which is TCP's affair. */
static bool after_shutdown(struct ends *e, long ret, int err)
{
	witness_end(&e->w, 100);
	if (!wire_good(e))
		return false;
	if (e->w.alert == 0 && e->w.text_len != e->sent)
		return no("close_notify after %zu of %zu bytes", e->w.text_len, e->sent);
	return CHECK(send(e->fd, "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE) &&
	       works(e, ret, err);
}

static long act_close(struct ends *e)
{
	int ret = close(e->fd);

	e->fd = -1;
	return ret;
}

/* An end in good order says that all was sent. */
static bool after_close(struct ends *e, long ret, int err)
{
	(void)ret;
	(void)err;
	witness_end(&e->w, 100);
	if (!wire_good(e))
		return false;
	return e->w.alert != 0 || e->w.text_len == e->sent ||
	       no("close_notify after %zu of %zu bytes", e->w.text_len, e->sent);
}

static bool after_close_unread(struct ends *e, long ret, int err)
{
	return after_close(e, ret, err) && (e->w.alert != 0 || no("close_notify, with data unread"));
}

static void before_close_notify(struct ends *e)
{
	MUST(witness_send(&e->w, ALERT, "\1\0", 2));
}

static bool after_close_notify(struct ends *e, long ret, int err)
{
	struct kssl_error error;

	(void)err;
	if (!CHECK(!kssl_error(e->fd, &error)))
		return false;
	if (error.err)
		return finished(e, error.err);
	if (!CHECK(ret != 0 || recv_n(e, 1, 0) == 0) || !CHECK(recv_n(e, 1, 0) == 0))
		return false;
	return suite->version == 0x0304 ? sends(e) : wire_good(e);
}

static void before_fatal_alert(struct ends *e)
{
	MUST(witness_send(&e->w, ALERT, "\2\50", 2));
}

static bool after_fatal(struct ends *e, long ret, int err)
{
	struct kssl_error error;

	(void)ret;
	(void)err;
	/* the fault may have come before the record was read */
	recv_n(e, 1, MSG_DONTWAIT);
	return CHECK(!kssl_error(e->fd, &error)) && CHECK(error.err) && finished(e, error.err);
}

static void before_bad_record(struct ends *e)
{
	unsigned char rec[5 + 64] = { DATA, 3, 3, 0, 64, 1, 2, 3 };

	MUST(send(e->w.fd, rec, sizeof(rec), MSG_NOSIGNAL) == sizeof(rec));
}

static void before_update(struct ends *e)
{
	MUST(witness_update(&e->w, true));
	give(e, SMALL);
}

static void before_answer(struct ends *e)
{
	before_update(e);
	MUST(recv_n(e, SMALL, 0) == SMALL);
}

static long act_update(struct ends *e)
{
	uint32_t n = KSSL_UPDATE_REQUESTED;

	return setsockopt(e->fd, SOL_KSSL, KSSL_KEY_UPDATE, &n, sizeof(n));
}

/* ---- cases: options ---- */

/* What is set, and read back. */
static const struct option {
	const char *name;
	int number;
	const void *value;
	socklen_t len;
} options[] = {
#define TEXT(name_, value_) { #name_, KSSL_##name_, value_, sizeof(value_) - 1 }
#define NUMBER(name_, value_) { #name_, KSSL_##name_, &(const uint32_t){ value_ }, 4 }
	TEXT(PEER_NAME, "server.test"),
	TEXT(IDENTITY, "rsa"),
	TEXT(ALPN, "h2,http/1.1"),
	NUMBER(PEER_AUTH, KSSL_PEER_AUTH_NONE),
	NUMBER(ROLE, KSSL_ROLE_SERVER),
	NUMBER(RECORD_SIZE, 1000),
	NUMBER(PAD, 64),
	NUMBER(EOF_MODE, KSSL_EOF_LAX),
};

static const struct option *option;

static long act_set(struct ends *e)
{
	return setsockopt(e->fd, SOL_KSSL, option->number, option->value, option->len);
}

static bool holds(struct ends *e, bool set)
{
	socklen_t len = sizeof(buf);

	memset(buf, 0, 16);
	if (!CHECK(!getsockopt(e->fd, SOL_KSSL, option->number, buf, &len)))
		return false;
	return (len == option->len && !memcmp(buf, option->value, len)) == set ||
	       no("%s is %s", option->name, set ? "not set" : "set all the same");
}

/* As it was, or as it is to be; and the keys can follow. */
static bool after_set(struct ends *e, long ret, int err)
{
	(void)err;
	if (!holds(e, !ret) || !CHECK(!act_set(e)) || !holds(e, true))
		return false;
	set_keys(e, false);
	return works(e, ret, err);
}

static void before_get(struct ends *e)
{
	MUST(!act_set(e));
}

/* Nothing was changed by looking. */
static bool after_get(struct ends *e, long ret, int err)
{
	if (!holds(e, true))
		return false;
	set_keys(e, false);
	return works(e, ret, err);
}

static long act_get(struct ends *e)
{
	socklen_t len = sizeof(buf);

	return getsockopt(e->fd, SOL_KSSL, option->number, buf, &len);
}

static long act_get_error(struct ends *e)
{
	struct kssl_error error;

	return kssl_error(e->fd, &error);
}

static long act_get_info(struct ends *e)
{
	struct kssl_info info;

	return kssl_info(e->fd, &info);
}

static long act_key_tx(struct ends *e) { return give_key(e->fd, KSSL_KEY_TX, &e->w.in); }
static long act_key_rx(struct ends *e) { return give_key(e->fd, KSSL_KEY_RX, &e->w.out); }
static long act_tls_tx(struct ends *e) { return give_tls_key(e->fd, TLS_TX, &e->w.in); }
static long act_tls_rx(struct ends *e) { return give_tls_key(e->fd, TLS_RX, &e->w.out); }
static void before_key_rx(struct ends *e) { MUST(!act_key_tx(e)); }
static void before_tls_rx(struct ends *e) { MUST(!act_tls_tx(e)); }

static bool after_key_tx(struct ends *e, long ret, int err)
{
	return (!ret || CHECK(!act_key_tx(e))) && CHECK(!act_key_rx(e)) && works(e, ret, err);
}

static bool after_key_rx(struct ends *e, long ret, int err)
{
	return (!ret || CHECK(!act_key_rx(e))) && works(e, ret, err);
}

static bool after_tls_tx(struct ends *e, long ret, int err)
{
	return (!ret || CHECK(!act_tls_tx(e))) && CHECK(!act_tls_rx(e)) && works(e, ret, err);
}

static bool after_tls_rx(struct ends *e, long ret, int err)
{
	return (!ret || CHECK(!act_tls_rx(e))) && works(e, ret, err);
}

static long act_text(struct ends *e)
{
	return setsockopt(e->fd, SOL_KSSL, KSSL_TEXT, in_bytes, SMALL);
}

static bool after_text(struct ends *e, long ret, int err)
{
	if (!ret)
		e->given += SMALL;
	return works(e, ret, err);
}

/* ---- cases: attaching ---- */

static long act_attach(struct ends *e) { return attach(e->fd, "kssl"); }
static long act_attach_tls(struct ends *e) { return attach(e->fd, "tls"); }

/* Plain TCP still, if it failed; and the next try is good. */
static bool plain(struct ends *e)
{
	struct kssl_info info;

	return CHECK(kssl_info(e->fd, &info) == -1) && CHECK(send(e->fd, "plain", 5, 0) == 5) &&
	       CHECK(recv(e->w.fd, buf, 5, 0) == 5 && !memcmp(buf, "plain", 5)) &&
	       CHECK(send(e->w.fd, "plain", 5, 0) == 5) && CHECK(recv(e->fd, buf, 9, 0) == 5);
}

static bool after_attach(struct ends *e, long ret, int err)
{
	if (ret && (!plain(e) || !CHECK(!act_attach(e))))
		return false;
	set_keys(e, false);
	return works(e, ret, err);
}

static void before_close_wait(struct ends *e)
{
	MUST(!shutdown(e->w.fd, SHUT_WR));
	MUST(recv(e->fd, buf, 1, 0) == 0);
}

/* One-way: the peer has sent its FIN. */
static bool after_attach_close_wait(struct ends *e, long ret, int err)
{
	(void)err;
	if (ret && (!CHECK(send(e->fd, "plain", 5, 0) == 5) ||
		    !CHECK(recv(e->w.fd, buf, 5, 0) == 5) || !CHECK(!act_attach(e))))
		return false;
	return CHECK(!act_key_tx(e)) && sends(e);
}

static void before_closed(struct ends *e)
{
	close_ends(e);
	e->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static bool after_attach_closed(struct ends *e, long ret, int err)
{
	(void)err;
	return !ret || CHECK(!act_attach(e));
}

static void before_listening(struct ends *e)
{
	before_closed(e);
	MUST(!listen(e->fd, 1));
}

/* A listener with a full queue drops the SYN. */
static void before_syn_sent(struct ends *e)
{
	static struct sockaddr_in full;
	static int fillers[2];
	socklen_t len = sizeof(full);
	int l, i;

	before_closed(e);
	if (!full.sin_port) {
		l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		MUST(!listen(l, 0) && !getsockname(l, (struct sockaddr *)&full, &len));
		full.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		for (i = 0; i < 2; i++) {
			fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
			connect(fillers[i], (struct sockaddr *)&full, sizeof(full));
		}
	}
	MUST(!fcntl(e->fd, F_SETFL, O_NONBLOCK));
	MUST(connect(e->fd, (struct sockaddr *)&full, sizeof(full)) && errno == EINPROGRESS);
}

/* ---- cases: accepting ---- */

static int ours, ours_port;

static void wire_dial(struct ends *e)
{
	struct sockaddr_in to = address;

	to.sin_port = (in_port_t)ours_port;
	witness_init(&e->w, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	MUST(!connect(e->w.fd, (struct sockaddr *)&to, sizeof(to)));
}

static void listen_ours(struct ends *e)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);

	before_closed(e);
	ours = e->fd;
	e->fd = -1;
	MUST(!listen(ours, 4) && !getsockname(ours, (struct sockaddr *)&at, &len));
	ours_port = at.sin_port;
}

static void before_accept(struct ends *e)
{
	listen_ours(e);
	MUST(!attach(ours, "kssl"));
	wire_dial(e);
}

static void before_accept_late(struct ends *e)
{
	listen_ours(e);
	wire_dial(e);
	MUST(!attach(ours, "kssl"));
}

static long act_accept(struct ends *e)
{
	e->fd = accept4(ours, NULL, NULL, SOCK_CLOEXEC);
	return e->fd;
}

static bool after_accept(struct ends *e, long ret, int err)
{
	bool good;

	if (ret < 0 && err == ECONNABORTED) {
		good = witness_end(&e->w, 4000) && wire_good(e);
	} else {
		if (ret < 0 && witness_wait(&e->w, 0)) {	/* the call had taken it off the queue */
			good = witness_end(&e->w, 4000) && wire_good(e);
			close(ours);
			return good;
		}
		if (ret < 0)
			act_accept(e);
		good = CHECK(e->fd >= 0);
		if (good) {
			set_keys(e, false);
			good = works(e, ret, err);
		}
	}
	close(ours);
	return good;
}

/* ---- cases: netlink ---- */

static bool seen;

static int see(const struct kssl_session_info *s, void *arg)
{
	const struct ends *e = arg;

	seen |= s->id == e->session;
	return 0;
}

static void before_nl(struct ends *e)
{
	(void)e;
	nl = kssl_nl_open();
	MUST(nl);
}

static bool after_nl(struct ends *e, long ret, int err)
{
	kssl_nl_close(nl);
	return works(e, ret, err);
}

static long act_nl_dump(struct ends *e)
{
	long ret;

	seen = false;
	ret = kssl_nl_sessions(nl, see, e);
	if (!ret && !seen)
		no("the dump lacks our session");
	return ret;
}

static long act_nl_get(struct ends *e)
{
	struct kssl_session_info info;
	long ret = kssl_nl_session(nl, e->session, &info);

	if (!ret && info.id != e->session)
		no("another session");
	return ret;
}

static long act_nl_caps(struct ends *e)
{
	static struct kssl_caps caps;

	(void)e;
	return kssl_nl_caps(nl, &caps);
}

static long act_nl_policy(struct ends *e)
{
	struct kssl_policy policy;

	(void)e;
	return kssl_nl_policy_get(nl, &policy) ?: kssl_nl_policy_set(nl, &policy);
}

static long act_nl_rekey(struct ends *e)
{
	return kssl_nl_session_rekey(nl, e->session, 1);
}

static long act_nl_close(struct ends *e)
{
	return kssl_nl_session_close(nl, e->session);
}

static long act_nl_kill(struct ends *e)
{
	return kssl_nl_session_kill(nl, e->session);
}

static bool after_nl_close(struct ends *e, long ret, int err)
{
	kssl_nl_close(nl);
	witness_drain(&e->w);
	e->done = send(e->fd, out_bytes + e->sent, 1, MSG_NOSIGNAL) == -1 && errno == EPIPE;
	if (!e->done) {
		e->sent++;
		e->tried = e->sent;
	}
	return (e->done || CHECK(ret)) && works(e, ret, err);
}

static bool after_nl_kill(struct ends *e, long ret, int err)
{
	struct kssl_error error;

	kssl_nl_close(nl);
	if (!CHECK(!kssl_error(e->fd, &error)))
		return false;
	return error.err ? finished(e, error.err) : CHECK(ret) && works(e, ret, err);
}

/* ---- cases: ULP "tls" ---- */

/* An error of that kind of socket is told once, by in-tree rules. */
static bool works_tls(struct ends *e, long ret, int err)
{
	long n;

	(void)ret;
	(void)err;
	n = recv_n(e, sizeof(buf), MSG_DONTWAIT);
	if (n > 0)
		n = send_n(e, 1, 0);
	if (n < 0 && errno != EAGAIN)
		return wire_good(e);
	return sends(e) && receives(e);
}

static bool after_attach_tls(struct ends *e, long ret, int err)
{
	if (ret && (!plain(e) || !CHECK(!act_attach_tls(e))))
		return false;
	set_keys(e, true);
	return works_tls(e, ret, err);
}

static bool after_tls_keys(struct ends *e, long ret, int err)
{
	if (ret && !CHECK(!act_tls_tx(e)))
		return false;
	return CHECK(!act_tls_rx(e)) && works_tls(e, ret, err);
}

static void before_tls(struct ends *e) { MUST(!attach(e->fd, "tls")); }

static long act_tls_control(struct ends *e)
{
	union {
		struct cmsghdr h;
		unsigned char room[CMSG_SPACE(1)];
	} c = { .h = { .cmsg_level = SOL_TLS_, .cmsg_type = TLS_SET_RECORD_TYPE,
		       .cmsg_len = CMSG_LEN(1) } };
	struct iovec v = { (void *)"\1\150", 2 };	/* no_renegotiation */
	struct msghdr msg = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &c,
			      .msg_controllen = sizeof(c) };

	*CMSG_DATA(&c.h) = ALERT;
	return sendmsg(e->fd, &msg, MSG_NOSIGNAL);
}

static bool after_tls_control(struct ends *e, long ret, int err)
{
	(void)err;
	if (ret > 0 && !CHECK(witness_wait(&e->w, 4000)))
		return false;
	if (!wire_good(e))
		return false;
	e->w.alert = -1;
	return works_tls(e, ret, err);
}

/* ---- cases: plain TCP again ---- */

static long detach_how(struct ends *e, uint32_t how)
{
	return setsockopt(e->fd, SOL_KSSL, KSSL_DETACH, &how, sizeof(how));
}

static long act_detach_close(struct ends *e) { return detach_how(e, KSSL_DETACH_CLOSE); }
static long act_detach(struct ends *e) { return detach_how(e, KSSL_DETACH_NOW); }

static bool after_detach_close(struct ends *e, long ret, int err)
{
	struct kssl_error error;

	(void)err;
	if (!CHECK(!kssl_error(e->fd, &error)))
		return false;
	if (error.err)
		return finished(e, error.err);
	if (ret && !CHECK(!act_detach_close(e)))
		return false;
	e->done = true;
	return after_shutdown(e, 0, 0) && CHECK(e->w.alert == 0);
}

static bool close_notify_comes(struct ends *e)
{
	while (witness_drain(&e->w) && e->w.alert < 0 && !e->w.end && witness_wait(&e->w, 10000))
		;
	return !e->w.why && e->w.alert == 0;
}

/* Ended both ways, and what the peer sent next was read with its close_notify. */
static void before_detach(struct ends *e)
{
	before_small(e);
	MUST(recv_n(e, 1000, 0) == 1000);
	before_close_notify(e);
	MUST(send(e->w.fd, "plain", 5, 0) == 5);
	MUST(!act_detach_close(e));
	MUST(recv_n(e, 1, 0) == 0);
	MUST(close_notify_comes(e));
}

/* If it failed the socket is still what it was: nothing is sent in clear. */
static bool after_detach(struct ends *e, long ret, int err)
{
	(void)err;
	if (ret && (!CHECK(send(e->fd, "plain", 5, MSG_NOSIGNAL) == -1 && errno == EPIPE) ||
		    !CHECK(!witness_wait(&e->w, 0)) || !CHECK(!act_detach(e))))
		return false;
	return CHECK(recv(e->fd, buf, 9, 0) == 5 && !memcmp(buf, "plain", 5)) && plain(e);
}

static void before_once_more(struct ends *e)
{
	before_detach(e);
	MUST(!act_detach(e) && recv(e->fd, buf, 9, 0) == 5);
}

static bool after_once_more(struct ends *e, long ret, int err)
{
	if (ret && (!plain(e) || !CHECK(!act_attach(e))))
		return false;
	witness_init(&e->w, e->w.fd);
	e->tried = e->sent = e->given = e->got = 0;
	set_keys(e, false);
	return works(e, ret, err);
}

#define CASE(name_, act_, ...) { .name = name_, .act = act_, ##__VA_ARGS__ }

static const struct test cases[] = {
	CASE("send a little", act_send_small, .each = true),
	CASE("send much", act_send_big, .each = true),
	CASE("send much without waiting", act_send_nowait, .after = after_nowait, .also = EAGAIN),
	CASE("send with MSG_MORE", act_send_more, .each = true),
	CASE("send after MSG_MORE", act_send_small, .before = before_more, .each = true),
	CASE("sendmsg of three", act_sendmsg),
	CASE("send with MSG_ZEROCOPY", act_zerocopy, .before = before_zerocopy),
	CASE("sendfile", act_sendfile),
	CASE("splice to the socket", act_splice_in, .before = before_pipe, .after = after_pipe),
	CASE("recv a little", act_recv_small, .before = before_small),
	CASE("recv much", act_recv_big, .before = before_big),
	CASE("recv with MSG_WAITALL", act_recv_all, .before = before_big),
	CASE("recv of several records", act_recv_records, .before = before_records, .each = true),
	CASE("recvmsg of two", act_recvmsg, .before = before_records, .each = true),
	CASE("recvmsg with RECORDS", act_bounds, .before = before_bounds),
	CASE("peek over several records", act_peek, .before = before_records, .each = true),
	CASE("recv with MSG_TRUNC", act_trunc, .before = before_records,
	     .nothing = true),
	CASE("FIONREAD", act_fionread, .before = before_records),
	CASE("poll", act_poll, .before = before_records),
	CASE("poll with SO_RCVLOWAT", act_poll, .before = before_lowat, .after = after_lowat),
	CASE("splice from the socket", act_splice_out, .before = before_splice_out,
	     .after = after_splice_out, .each = true),
	CASE("recv that sends what MSG_MORE held", act_recv_nothing, .before = before_more,
	     .also = EAGAIN),
	CASE("shutdown", act_shutdown, .before = before_bytes, .after = after_shutdown),
	CASE("shutdown after MSG_MORE", act_shutdown, .before = before_more,
	     .after = after_shutdown, .each = true),
	CASE("close", act_close, .before = before_bytes, .after = after_close, .each = true),
	CASE("close after MSG_MORE", act_close, .before = before_more, .after = after_close),
	CASE("close with data unread", act_close, .before = before_small,
	     .after = after_close_unread),
	CASE("recv of close_notify", act_recv_small, .before = before_close_notify,
	     .after = after_close_notify, .nothing = true, .each = true),
	CASE("recv of a fatal alert", act_recv_small, .before = before_fatal_alert,
	     .after = after_fatal, .also = ECONNABORTED, .nothing = true),
	CASE("recv of a bad record", act_recv_small, .before = before_bad_record,
	     .after = after_fatal, .also = EBADMSG, .each = true),
	CASE("KEY_UPDATE", act_update, .also = EAGAIN),
	CASE("recv of a KeyUpdate", act_recv_small, .before = before_update),
	CASE("answer to a KeyUpdate", act_send_small, .before = before_answer),
	CASE("get ERROR", act_get_error),
	CASE("get INFO", act_get_info),
	CASE("set KEY_TX", act_key_tx, .after = after_key_tx, .state = ATTACHED, .each = true),
	CASE("set KEY_RX", act_key_rx, .before = before_key_rx, .after = after_key_rx,
	     .state = ATTACHED, .each = true),
	CASE("set TLS_TX", act_tls_tx, .after = after_tls_tx, .state = ATTACHED),
	CASE("set TLS_RX", act_tls_rx, .before = before_tls_rx, .after = after_tls_rx,
	     .state = ATTACHED),
	CASE("set TEXT", act_text, .after = after_text),
	CASE("attach, established", act_attach, .after = after_attach, .state = PLAIN),
	CASE("attach, close wait", act_attach, .before = before_close_wait,
	     .after = after_attach_close_wait, .state = PLAIN),
	CASE("attach, closed", act_attach, .before = before_closed,
	     .after = after_attach_closed, .state = PLAIN),
	CASE("attach, listening", act_attach, .before = before_listening,
	     .after = after_attach_closed, .state = PLAIN),
	CASE("attach, connecting", act_attach, .before = before_syn_sent,
	     .after = after_attach_closed, .state = PLAIN),
	CASE("accept", act_accept, .before = before_accept, .after = after_accept,
	     .also = ENFILE, .state = PLAIN),
	CASE("accept of a socket older than the ULP", act_accept, .before = before_accept_late,
	     .after = after_accept, .also = ENFILE, .state = PLAIN),
	CASE("DETACH_CLOSE", act_detach_close, .before = before_bytes,
	     .after = after_detach_close, .also = EAGAIN),
	CASE("DETACH_CLOSE after MSG_MORE", act_detach_close, .before = before_more,
	     .after = after_detach_close, .also = EAGAIN),
	CASE("DETACH", act_detach, .before = before_detach, .after = after_detach),
	CASE("attach, plain again", act_attach, .before = before_once_more,
	     .after = after_once_more),
	CASE("netlink: all sessions", act_nl_dump, .before = before_nl, .after = after_nl),
	CASE("netlink: one session", act_nl_get, .before = before_nl, .after = after_nl),
	CASE("netlink: capabilities", act_nl_caps, .before = before_nl, .after = after_nl),
	CASE("netlink: policy", act_nl_policy, .before = before_nl, .after = after_nl),
	CASE("netlink: rekey", act_nl_rekey, .before = before_nl, .after = after_nl,
	     .also = EAGAIN),
	CASE("netlink: close", act_nl_close, .before = before_nl, .after = after_nl_close,
	     .also = EAGAIN),
	CASE("netlink: kill", act_nl_kill, .before = before_nl, .after = after_nl_kill),
	CASE("tls: attach", act_attach_tls, .after = after_attach_tls, .state = PLAIN),
	CASE("tls: set TLS_TX", act_tls_tx, .before = before_tls, .after = after_tls_keys,
	     .state = PLAIN),
	CASE("tls: send much", act_send_big, .after = works_tls, .also = EBADMSG, .state = KTLS),
	CASE("tls: sendfile", act_sendfile, .after = works_tls, .also = EBADMSG, .state = KTLS),
	CASE("tls: a record of another type", act_tls_control, .after = after_tls_control,
	     .also = EBADMSG, .state = KTLS),
	CASE("tls: recv of several records", act_recv_records, .before = before_records,
	     .after = works_tls, .also = EBADMSG, .state = KTLS),
	CASE("tls: close", act_close, .before = before_bytes, .after = after_close,
	     .state = KTLS),
};

static bool wanted(int argc, char **argv, const char *name)
{
	int i;

	for (i = 1; i < argc; i++)
		if (strstr(name, argv[i]))
			return true;
	return argc == 1;
}

static void sweep_options(void)
{
	char name[60];
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		struct test set = { name, NULL, act_set, after_set, .state = ATTACHED };
		struct test get = { name, before_get, act_get, after_get, .state = ATTACHED };

		option = &options[i];
		snprintf(name, sizeof(name), "set %s", option->name);
		sweep(&set);
		snprintf(name, sizeof(name), "get %s", option->name);
		sweep(&get);
	}
}

static void make_file(void)
{
	file = memfd_create("file", MFD_CLOEXEC);
	MUST(file >= 0 && write(file, out_bytes, BIG * 2) == BIG * 2);
}

/*
 * The crypto API makes each cipher once, in a thread of its own.  If that gets no
 * memory the call waits for a minute, which is no fault of ours.
 */
static void make_ciphers(void)
{
	MUST((nl = kssl_nl_open()) && !act_nl_caps(NULL));
	kssl_nl_close(nl);
}

int main(int argc, char **argv)
{
	static const struct { uint16_t id; bool etm; } with[] = {
		{ 0x1301, false }, { 0xc02f, false }, { 0xcca8, false }, { 0xc0ac, false },
		{ 0xc027, false }, { 0xc027, true },
	};
	size_t i, v;

	bool dry = argc > 1 && !strcmp(argv[1], "dry");

	faults_init(dry);
	argc -= dry;
	argv += dry;
	ends_init();
	make_file();
	make_ciphers();
	listener = make_listener();
	for (v = 0; v < sizeof(with) / sizeof(with[0]); v++) {
		suite = wire_suite(with[v].id);
		etm = with[v].etm;
		for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			if (wanted(argc, argv, cases[i].name) && (!v || cases[i].each))
				sweep(&cases[i]);
		if (!v && wanted(argc, argv, "options"))
			sweep_options();
	}
	printf("# %ld sites were failed, one by one\n1..%d\n", all_sites, tests);
	return bad;
}
