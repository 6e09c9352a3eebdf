/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A connection with a kssl socket at one end and libcrypto at the other (witness.h),
 * its account of bytes, and what must hold of it after a fault.
 */
#ifndef ENDS_H
#define ENDS_H

#include <netinet/tcp.h>
#include <sys/mman.h>
#include <kssl/kssl.h>
#include <linux/tls.h>
#include "faults.h"
#include "witness.h"

#define SOL_TLS_ 282

/* How far our end has come: keys, ULP "kssl", none, ULP "tls" with keys. */
enum state { KEYED, ATTACHED, PLAIN, KTLS };

/**
 * struct ends - a connection
 * @fd: ours; @w: the other end
 * @tried, @sent: bytes that we gave to send calls, and that those took
 * @given, @got: bytes that the peer sent, and that our reads returned
 * @done: our end has shut down its writing
 * @more: the last call may keep something back
 * @session: number of the session
 */
struct ends {
	int fd;
	struct witness w;
	size_t tried, sent, given, got;
	bool done, more;
	uint32_t session;
};

static const struct wire_suite *suite;
static bool etm;
static int listener;
static struct sockaddr_in address = { .sin_family = AF_INET };
static unsigned char out_bytes[STREAM_MAX], in_bytes[STREAM_MAX], buf[STREAM_MAX];

/* Everything is in memory, or a page fault would be the fault. */
static inline void ends_init(void)
{
	size_t i;

	for (i = 0; i < STREAM_MAX; i++) {
		out_bytes[i] = (unsigned char)(i * 131 + (i >> 8) * 7 + (i >> 16));
		in_bytes[i] = (unsigned char)(i * 31 + (i >> 8) * 3 + 77);
		buf[i] = 1;
	}
	MUST(!mlockall(MCL_CURRENT | MCL_FUTURE));
}


static inline void set_int(int fd, int level, int name, int value)
{
	MUST(!setsockopt(fd, level, name, &value, sizeof(value)));
}

static inline int make_listener(void)
{
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	MUST(fd >= 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = 0;
	set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, 2 << 20);
	MUST(!bind(fd, (struct sockaddr *)&address, sizeof(address)) && !listen(fd, 8) &&
	     !getsockname(fd, (struct sockaddr *)&address, &len));
	return fd;
}

static inline int attach(int fd, const char *name)
{
	return setsockopt(fd, SOL_TCP, TCP_ULP, name, (socklen_t)strlen(name));
}

static inline int give_key(int fd, int option, const struct wire_half *k)
{
	struct kssl_key key = wire_key(k);

	return setsockopt(fd, SOL_KSSL, option, &key, sizeof(key));
}

/* The structure of in-tree kernel TLS: AES-128-GCM. */
static inline int give_tls_key(int fd, int option, const struct wire_half *k)
{
	struct tls12_crypto_info_aes_gcm_128 info = {
		.info = { .version = k->suite->version, .cipher_type = TLS_CIPHER_AES_GCM_128 },
	};

	memcpy(info.key, k->key, 16);
	memcpy(info.salt, k->iv, 4);
	memcpy(info.iv, k->iv + 4, 8);
	wire_be(info.rec_seq, k->seq, 8);
	return setsockopt(fd, SOL_TLS_, option, &info, sizeof(info));
}

static inline void set_keys(struct ends *e, bool tls)
{
	int (*give)(int fd, int option, const struct wire_half *k) = tls ? give_tls_key : give_key;

	MUST(!give(e->fd, tls ? TLS_TX : KSSL_KEY_TX, &e->w.in));
	MUST(!give(e->fd, tls ? TLS_RX : KSSL_KEY_RX, &e->w.out));
}

static inline void witness_init(struct witness *w, int fd)
{
	static uint8_t text[STREAM_MAX];

	memset(w, 0, sizeof(*w));
	w->fd = fd;
	w->alert = -1;
	w->text = text;
	wire_new(&w->in, suite, etm);
	wire_new(&w->out, suite, etm);
}

/* Connected, with room for all that a case sends. */
static inline void connect_ends(struct ends *e)
{
	memset(e, 0, sizeof(*e));
	e->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	MUST(e->fd >= 0);
	set_int(e->fd, SOL_SOCKET, SO_RCVBUFFORCE, 2 << 20);
	set_int(e->fd, SOL_SOCKET, SO_SNDBUFFORCE, 2 << 20);
	MUST(!connect(e->fd, (struct sockaddr *)&address, sizeof(address)));
	witness_init(&e->w, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	MUST(e->w.fd >= 0);
	set_int(e->w.fd, SOL_TCP, TCP_NODELAY, 1);
}

static inline uint32_t session_of(int fd)
{
	struct kssl_info info;

	return kssl_info(fd, &info) ? 0 : info.session_id;
}

static inline void open_ends(struct ends *e, enum state state)
{
	connect_ends(e);
	if (state == PLAIN)
		return;
	MUST(!attach(e->fd, state == KTLS ? "tls" : "kssl"));
	if (state != ATTACHED)
		set_keys(e, state == KTLS);
	e->session = session_of(e->fd);
}

/* The peer resets: no socket of ours outlives the case for want of a FIN. */
static inline void close_ends(struct ends *e)
{
	if (e->fd >= 0)
		close(e->fd);
	if (e->w.fd >= 0)
		witness_reset(&e->w);
}

/* ---- calls, with the account of bytes ---- */

static inline long account(struct ends *e, long n, bool more)
{
	if (n > 0) {
		e->sent += (size_t)n;
		e->more = more;
	}
	return n;
}

static inline long send_n(struct ends *e, size_t n, int flags)
{
	const unsigned char *from = out_bytes + e->sent;

	e->tried = e->sent + n > e->tried ? e->sent + n : e->tried;
	return account(e, send(e->fd, from, n, flags | MSG_NOSIGNAL),
		       flags & (MSG_MORE | MSG_DONTWAIT));
}

static inline bool take(struct ends *e, const unsigned char *p, long n)
{
	if (n <= 0)
		return true;
	if (e->got + (size_t)n > e->given)
		return no("read %ld bytes at %zu, only %zu were sent", n, e->got, e->given);
	if (memcmp(p, in_bytes + e->got, (size_t)n))
		return no("wrong bytes at %zu", e->got);
	e->got += (size_t)n;
	return true;
}

static inline long recv_n(struct ends *e, size_t n, int flags)
{
	long ret = recv(e->fd, buf, n, flags);
	int err = errno;

	if (flags & MSG_PEEK) {
		size_t got = e->got;

		take(e, buf, ret);
		e->got = got;
	} else if (flags & MSG_TRUNC) {
		e->got += ret > 0 ? (size_t)ret : 0;
	} else {
		take(e, buf, ret);
	}
	errno = err;
	return ret;
}

static inline void give(struct ends *e, size_t n)
{
	MUST(witness_send(&e->w, DATA, in_bytes + e->given, n));
	e->given += n;
}

/* ---- what must hold afterwards ---- */

static inline bool wire_good(struct ends *e)
{
	if (!witness_drain(&e->w))
		return no("on the wire: %s", e->w.why);
	if (e->w.text_len > e->tried)
		return no("more was sent (%zu) than given (%zu)", e->w.text_len, e->tried);
	return !memcmp(e->w.text, out_bytes, e->w.text_len) || no("other bytes were sent");
}

static inline bool sends(struct ends *e)
{
	if (!CHECK(send_n(e, 10, 0) == 10))
		return false;
	if (!witness_text(&e->w, e->sent, 4000) && !e->w.why)
		return no("%zu bytes of %zu came", e->w.text_len, e->sent);
	if (!wire_good(e))
		return false;
	return e->w.text_len == e->sent || no("%zu were sent, %zu came", e->sent, e->w.text_len);
}

static inline bool receives(struct ends *e)
{
	give(e, 10);
	while (e->got < e->given) {
		long n = recv_n(e, sizeof(buf), 0);

		if (n <= 0)
			return no("read says %ld, %s; %zu of %zu read", n, strerror(errno), e->got,
				  e->given);
	}
	return !*reason;
}

/* The error stays, nothing more is sent, and what was, is records. */
static inline bool finished(struct ends *e, int err)
{
	long n;

	do
		n = recv_n(e, sizeof(buf), MSG_DONTWAIT);
	while (n > 0);
	return CHECK(n == -1 && errno == err) && CHECK(send(e->fd, "x", 1, MSG_NOSIGNAL) == -1) &&
	       CHECK(errno == EPIPE) && CHECK(recv_n(e, 1, 0) == -1 && errno == err) &&
	       wire_good(e);
}

/* What a blocking call has taken is on its way: no other call need push it. */
static inline bool arrived(struct ends *e)
{
	return e->more || witness_text(&e->w, e->sent, 4000) || e->w.why ||
	       no("%zu bytes of %zu came by themselves", e->w.text_len, e->sent);
}

static inline bool works(struct ends *e, long ret, int err)
{
	struct kssl_error error;

	(void)ret;
	(void)err;
	if (!CHECK(!kssl_error(e->fd, &error)))
		return false;
	if (error.err)
		return finished(e, error.err);
	return arrived(e) && (e->done || sends(e)) && receives(e);
}

#endif
