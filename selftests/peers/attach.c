// SPDX-License-Identifier: GPL-2.0
// LIBS: libssl libcrypto
// LINK: -Lbuild -lkssl-ssl -lkssl -Wl,-rpath,'$ORIGIN/..'
/*
 * kssl_attach_ssl() and kssl_attach_keys().  Two SSL objects at the ends of a TCP
 * connection: "ours" is handed to the kernel, "peer" stays plain libssl and is
 * the oracle.  Every byte of a stream is a function of its position, so whoever
 * reads checks order and content; what is lost, doubled or moved shows.
 *
 *	attach PKI missing	without kssl.ko
 *	attach PKI		all else
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <kssl/kssl.h>

static const char *pki;
static size_t read_buffer;	/* of our SSL objects, if not the default */
static int tests, bad;
static char why[300];

static bool no(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!*why)
		vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	return false;
}

#define CHECK(x) ((x) || no("line %d: %s, errno %d (%s)", __LINE__, #x, errno, strerror(errno)))

static void ok(bool good, const char *format, ...)
{
	va_list args;

	printf("%sok %d - ", good ? "" : "not ", ++tests);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	if (!good)
		printf("# %s\n", why);
	fflush(stdout);
	*why = 0;
	bad |= !good;
}

/* ---- a connection ---- */

struct suite {
	uint16_t id;
	int version;
	const char *name;	/* OpenSSL's, with " MtE" for MAC-then-encrypt */
	const char *cert;
};

static const struct suite suites[] = {
	{ 0x1301, TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", "rsa" },
	{ 0x1302, TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384", "ec" },
	{ 0x1303, TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256", "rsa" },
	{ 0xc02b, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", "ec" },
	{ 0xc02c, TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384", "ec" },
	{ 0xc02f, TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256", "rsa" },
	{ 0xc030, TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384", "rsa" },
	{ 0xcca8, TLS1_2_VERSION, "ECDHE-RSA-CHACHA20-POLY1305", "rsa" },
	{ 0xcca9, TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", "ec" },
	/* less common ones */
	{ 0x1304, TLS1_3_VERSION, "TLS_AES_128_CCM_SHA256", "rsa" },
	{ 0xc09d, TLS1_2_VERSION, "AES256-CCM", "rsa" },
	{ 0xc0ae, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-CCM8", "ec" },
	{ 0xc00a, TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA", "ec" },
	{ 0xc00a, TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA MtE", "ec" },
	{ 0xc028, TLS1_2_VERSION, "ECDHE-RSA-AES256-SHA384", "rsa" },
	{ 0x003c, TLS1_2_VERSION, "AES128-SHA256 MtE", "rsa" },
	{ 0x003d, TLS1_2_VERSION, "AES256-SHA256", "rsa" },
	{ 0x00ba, TLS1_2_VERSION, "CAMELLIA128-SHA256", "rsa" },	/* not kssl's */
};
#define NR_SUITES 9
#define NR_ALL 17		/* and one that is not ours */
#define ETM (&suites[14])
#define S13 (&suites[1])
#define S12 (&suites[5])

/**
 * struct conn - two ends
 * @out, @back: positions in the streams from and to us: written and read
 */
struct conn {
	const struct suite *suite;
	bool server;
	int fd, peer_fd;
	SSL *ours, *peer;
	size_t out_written, out_read, back_written, back_read;
};

static unsigned char byte_at(size_t i, bool back)
{
	return (unsigned char)(i * 131 + (i >> 8) * 7 + (i >> 16) + back * 77);
}

static unsigned char *make(size_t from, size_t n, bool back)
{
	unsigned char *p = malloc(n + 1);
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = byte_at(from + i, back);
	return p;
}

static bool same(const unsigned char *p, size_t n, size_t from, bool back)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] != byte_at(from + i, back))
			return no("%s stream differs at %zu", back ? "peer's" : "our", from + i);
	return true;
}

static void pair(int *a, int *b)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	struct timeval limit = { .tv_sec = 20 };
	int l = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	*a = socket(AF_INET, SOCK_STREAM, 0);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(l, (struct sockaddr *)&addr, sizeof(addr)) || listen(l, 1) ||
	    getsockname(l, (struct sockaddr *)&addr, &len) ||
	    connect(*a, (struct sockaddr *)&addr, sizeof(addr)) || (*b = accept(l, NULL, NULL)) < 0) {
		perror("pair");
		exit(2);
	}
	close(l);
	setsockopt(*a, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(*b, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(*a, SOL_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(*b, SOL_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

static SSL_CTX *context(const struct suite *s, bool server)
{
	SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	char cert[300], key[300], list[64];

	snprintf(list, sizeof(list), "%s", s->name);
	if (strchr(list, ' ')) {
		*strchr(list, ' ') = 0;
		SSL_CTX_set_options(ctx, SSL_OP_NO_ENCRYPT_THEN_MAC);
	}
	SSL_CTX_set_min_proto_version(ctx, s->version);
	SSL_CTX_set_max_proto_version(ctx, s->version);
	if (s->version == TLS1_3_VERSION)
		SSL_CTX_set_ciphersuites(ctx, list);
	else
		SSL_CTX_set_cipher_list(ctx, list);
	snprintf(cert, sizeof(cert), "%s/%s.pem", pki, s->cert);
	snprintf(key, sizeof(key), "%s/%s.key", pki, s->cert);
	if (server && (SSL_CTX_use_certificate_file(ctx, cert, SSL_FILETYPE_PEM) != 1 ||
		       SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)) {
		ERR_print_errors_fp(stderr);
		exit(2);
	}
	return ctx;
}

static bool again(SSL *ssl, int ret)
{
	int e = SSL_get_error(ssl, ret);

	return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE;
}

static bool handshake(struct conn *c)
{
	int a = 0, b = 0;

	nonblock(c->fd, true);
	nonblock(c->peer_fd, true);
	while (a != 1 || b != 1) {
		a = SSL_do_handshake(c->ours);
		if (a != 1 && !again(c->ours, a))
			return no("our handshake: %s", ERR_reason_error_string(ERR_peek_error()));
		b = SSL_do_handshake(c->peer);
		if (b != 1 && !again(c->peer, b))
			return no("peer's handshake: %s", ERR_reason_error_string(ERR_peek_error()));
	}
	nonblock(c->fd, false);
	nonblock(c->peer_fd, false);
	return true;
}

static void setup(struct conn *c, SSL_CTX *ours, SSL_CTX *peer)
{
	pair(&c->fd, &c->peer_fd);
	c->ours = SSL_new(ours);
	c->peer = SSL_new(peer);
	SSL_CTX_free(ours);
	SSL_CTX_free(peer);
	if (read_buffer)
		SSL_set_default_read_buffer_len(c->ours, read_buffer);
	SSL_set_fd(c->ours, c->fd);
	SSL_set_fd(c->peer, c->peer_fd);
	if (c->server) {
		SSL_set_accept_state(c->ours);
		SSL_set_connect_state(c->peer);
	} else {
		SSL_set_connect_state(c->ours);
		SSL_set_accept_state(c->peer);
	}
}

/* A finished handshake. */
static bool begin(struct conn *c, const struct suite *s, bool server)
{
	SSL_CTX *ours = context(s, server);

	memset(c, 0, sizeof(*c));
	c->suite = s;
	c->server = server;
	kssl_ctx_prepare(ours);
	setup(c, ours, context(s, !server));
	return handshake(c);
}

static void end(struct conn *c)
{
	SSL_free(c->ours);
	SSL_free(c->peer);
	if (c->fd >= 0)
		close(c->fd);
	if (c->peer_fd >= 0)
		close(c->peer_fd);
}

/* ---- data; the last letter says through what: SSL object or socket ---- */

static bool peer_write(struct conn *c, size_t n)
{
	unsigned char *p = make(c->back_written, n, true);
	bool good = SSL_write(c->peer, p, (int)n) == (int)n;

	free(p);
	c->back_written += n;
	return good || no("peer cannot write");
}

static bool peer_read(struct conn *c, size_t upto)
{
	unsigned char buf[16384];
	bool good = true;

	while (good && c->out_read < upto) {
		size_t n = upto - c->out_read;

		if (!SSL_read_ex(c->peer, buf, n < sizeof(buf) ? n : sizeof(buf), &n))
			return no("peer cannot read at %zu: error %d, %s", c->out_read,
				  SSL_get_error(c->peer, 0),
				  ERR_reason_error_string(ERR_peek_error()));
		good = same(buf, n, c->out_read, false);
		c->out_read += n;
	}
	return good;
}

static bool write_ssl(struct conn *c, size_t n)
{
	unsigned char *p = make(c->out_written, n, false);
	bool good = SSL_write(c->ours, p, (int)n) == (int)n;

	free(p);
	c->out_written += n;
	return good || no("we cannot SSL_write");
}

static bool read_ssl(struct conn *c, size_t upto)
{
	unsigned char buf[16384];
	bool good = true;

	while (good && c->back_read < upto) {
		size_t n = upto - c->back_read;

		if (!SSL_read_ex(c->ours, buf, n < sizeof(buf) ? n : sizeof(buf), &n))
			return no("we cannot SSL_read at %zu", c->back_read);
		good = same(buf, n, c->back_read, true);
		c->back_read += n;
	}
	return good;
}

static bool write_fd(struct conn *c, size_t n)
{
	unsigned char *p = make(c->out_written, n, false);
	size_t done = 0;

	while (done < n) {
		ssize_t ret = write(c->fd, p + done, n - done);

		if (ret <= 0)
			break;
		done += (size_t)ret;
	}
	free(p);
	c->out_written += done;
	return done == n || no("write: %s", strerror(errno));
}

static bool read_fd(struct conn *c, size_t upto)
{
	unsigned char buf[16384];

	while (c->back_read < upto) {
		size_t left = upto - c->back_read;
		ssize_t n = read(c->fd, buf, left < sizeof(buf) ? left : sizeof(buf));

		if (n <= 0) {
			struct kssl_error e = { 0 };

			kssl_error(c->fd, &e);
			return no("read at %zu of %zu: %zd, %s, %s", c->back_read, upto, n,
				  strerror(errno), e.text);
		}
		if (!same(buf, (size_t)n, c->back_read, true))
			return false;
		c->back_read += (size_t)n;
	}
	return true;
}

/* Wait for bytes in TCP's queue of a socket that is plain still. */
static bool arrived(int fd, int n)
{
	int i, have = 0;

	for (i = 0; i < 2000; i++) {
		if (!ioctl(fd, FIONREAD, &have) && have >= n)
			return true;
		usleep(5000);
	}
	return no("only %d of %d bytes arrived", have, n);
}

/* OpenSSL has it all. */
static bool none_queued(struct conn *c)
{
	int have = 1;

	return CHECK(!ioctl(c->fd, FIONREAD, &have) && !have);
}

/* ---- the peer's bytes, held back ---- */

/* From here on what the peer sends goes into memory; *real is its socket. */
static void hold(struct conn *c, BIO **real)
{
	*real = SSL_get_wbio(c->peer);
	BIO_up_ref(*real);
	SSL_set0_wbio(c->peer, BIO_new(BIO_s_mem()));
}

static int held(struct conn *c, unsigned char **bytes)
{
	return (int)BIO_get_mem_data(SSL_get_wbio(c->peer), bytes);
}

struct later {
	int fd;
	unsigned char *bytes;
	size_t len;
	int ms;
	pthread_t thread;
};

static void *send_later(void *arg)
{
	struct later *l = arg;

	usleep((useconds_t)l->ms * 1000);
	if (send(l->fd, l->bytes, l->len, 0) != (ssize_t)l->len)
		abort();
	return NULL;
}

/* Send the first bytes now; the last @back ones are *rest's. */
static bool release(struct conn *c, BIO *real, int back, struct later *rest)
{
	unsigned char *bytes;
	int n = held(c, &bytes), now = n - back;

	rest->fd = c->peer_fd;
	rest->len = (size_t)back;
	rest->bytes = malloc((size_t)back + 1);
	memcpy(rest->bytes, bytes + now, (size_t)back);
	if (now < 0 || send(c->peer_fd, bytes, (size_t)now, 0) != now)
		return no("send");
	SSL_set0_wbio(c->peer, real);
	return arrived(c->fd, now);
}

/* ---- after the hand-over ---- */

#define BULK (1 << 20)

struct bulk {
	struct conn *c;
	size_t n;
	bool good;
};

static void *peer_bulk_read(void *arg)
{
	struct bulk *b = arg;

	b->good = peer_read(b->c, b->c->out_read + b->n);
	if (!b->good)	/* nobody shall wait for us */
		shutdown(b->c->peer_fd, SHUT_RDWR);
	return NULL;
}

static void *peer_bulk_write(void *arg)
{
	struct bulk *b = arg;
	size_t done;

	b->good = true;
	for (done = 0; done < b->n && b->good; done += 16384)
		b->good = peer_write(b->c, 16384);
	return NULL;
}

static bool bulk(struct conn *c, size_t n)
{
	struct bulk b = { .c = c, .n = n + c->out_written - c->out_read };
	pthread_t thread;
	bool good;

	pthread_create(&thread, NULL, peer_bulk_read, &b);
	good = write_fd(c, n);
	if (!good)
		shutdown(c->fd, SHUT_RDWR);
	pthread_join(thread, NULL);
	if (!good || !b.good)
		return false;
	b.n = n;
	good = read_fd(c, c->back_written);	/* what was on its way before */
	pthread_create(&thread, NULL, peer_bulk_write, &b);
	good = good && read_fd(c, c->back_read + n);
	if (!good)
		shutdown(c->fd, SHUT_RDWR);
	pthread_join(thread, NULL);
	return good && b.good;
}

static bool peer_sees_end(struct conn *c)
{
	char x;
	int ret = SSL_read(c->peer, &x, 1);

	return CHECK(ret == 0 && SSL_get_error(c->peer, ret) == SSL_ERROR_ZERO_RETURN);
}

/* close_notify both ways, either side first. */
static bool closing(struct conn *c, bool peer_first)
{
	char x;

	if (peer_first)
		return CHECK(SSL_shutdown(c->peer) == 0) && CHECK(read(c->fd, &x, 1) == 0) &&
		       CHECK(!shutdown(c->fd, SHUT_WR)) && peer_sees_end(c);
	return CHECK(!shutdown(c->fd, SHUT_WR)) && peer_sees_end(c) &&
	       CHECK(SSL_shutdown(c->peer) == 1) && CHECK(read(c->fd, &x, 1) == 0);
}

/* The kernel did the records, of the right suite, role and number. */
static bool by_kernel(struct conn *c, size_t n)
{
	struct kssl_info i;

	return CHECK(!kssl_info(c->fd, &i)) && CHECK(i.suite == c->suite->id) &&
	       CHECK(i.version == c->suite->version) &&
	       CHECK(i.role == (c->server ? KSSL_ROLE_SERVER : KSSL_ROLE_CLIENT)) &&
	       CHECK(i.tx_bytes == n && i.rx_bytes >= n) &&
	       CHECK(i.tx_records >= n / 16384 && i.rx_records >= n / 16384);
}

static bool is_plain(int fd)
{
	char ulp[16] = "";
	socklen_t len = sizeof(ulp);

	return !getsockopt(fd, SOL_TCP, TCP_ULP, ulp, &len) && (!len || !*ulp);
}

/* SSL calls on the object do nothing to the socket any more. */
static bool object_is_dead(struct conn *c)
{
	char x;

	ERR_clear_error();
	return CHECK(SSL_write(c->ours, "x", 1) <= 0) && CHECK(SSL_read(c->ours, &x, 1) <= 0) &&
	       CHECK(SSL_shutdown(c->ours) == 1) && CHECK(SSL_get_session(c->ours) != NULL);
}

static bool rest_of_it(struct conn *c, size_t n)
{
	bool good = object_is_dead(c);

	SSL_free(c->ours);
	c->ours = NULL;
	ERR_clear_error();
	return good && bulk(c, n) && by_kernel(c, n) && closing(c, c->server);
}

/* ---- the matrix ---- */

static bool before(struct conn *c)
{
	size_t i;
	static const size_t sizes[] = { 1, 700, 16384, 20000 };

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		if (!write_ssl(c, sizes[i]) || !peer_read(c, c->out_written) ||
		    !peer_write(c, sizes[i]) || !read_ssl(c, c->back_written))
			return false;
	return true;
}

static bool attached(struct conn *c)
{
	return CHECK(!kssl_attach_ssl(c->ours));
}

static void plainly(const struct suite *s, bool server)
{
	struct conn c;

	ok(begin(&c, s, server) && before(&c) && attached(&c) && rest_of_it(&c, BULK),
	   "%s, %s: nothing is on its way", s->name, server ? "server" : "client");
	end(&c);
}

/* Straight from the handshake. */
static void at_once(const struct suite *s, bool server)
{
	struct conn c;

	ok(begin(&c, s, server) && attached(&c) && rest_of_it(&c, 16384),
	   "%s, %s: no data before", s->name, server ? "server" : "client");
	end(&c);
}

/*
 * Records lie in OpenSSL's buffer, the last without its last @back bytes; the
 * program has read one byte.
 */
static bool buffered(struct conn *c, int back, struct later *rest)
{
	BIO *real;

	SSL_set_read_ahead(c->ours, 1);
	hold(c, &real);
	return peer_write(c, 1) && peer_write(c, 100) && peer_write(c, 5000) &&
	       peer_write(c, 3000) && peer_write(c, 2000) && release(c, real, back, rest) &&
	       read_ssl(c, c->back_read + 1) && none_queued(c);
}

static bool wait_for_rest(struct conn *c, struct later *rest)
{
	bool good;

	rest->ms = 60;
	pthread_create(&rest->thread, NULL, send_later, rest);
	good = attached(c);
	pthread_join(rest->thread, NULL);
	return good;
}

static bool try_again(struct conn *c, struct later *rest)
{
	bool good;

	nonblock(c->fd, true);
	good = CHECK(kssl_attach_ssl(c->ours) == -1 && errno == EAGAIN) && CHECK(is_plain(c->fd)) &&
	       CHECK(SSL_want(c->ours) == SSL_READING) &&
	       CHECK(kssl_attach_ssl(c->ours) == -1 && errno == EAGAIN) && CHECK(is_plain(c->fd)) &&
	       /* sending goes on meanwhile, unless OpenSSL is amid a message */
	       (!SSL_is_init_finished(c->ours) || write_ssl(c, 333));
	send_later(rest);
	good = good && arrived(c->fd, (int)rest->len) && attached(c);
	nonblock(c->fd, false);
	return good;
}

static void in_buffer(const struct suite *s, bool server, int back, bool blocking)
{
	struct later rest = { 0 };
	struct conn c;
	bool good = begin(&c, s, server) && before(&c) && buffered(&c, back, &rest);

	if (good && !back)
		good = attached(&c);
	else if (good)
		good = blocking ? wait_for_rest(&c, &rest) : try_again(&c, &rest);
	ok(good && rest_of_it(&c, blocking ? 65536 : BULK), "%s, %s: records buffered, %d bytes short, %sblocking",
	   s->name, server ? "server" : "client", back, blocking ? "" : "non-");
	free(rest.bytes);
	end(&c);
}

/* One record only, begun by OpenSSL without read-ahead; @now bytes are there. */
static void without_ahead(const struct suite *s, bool server, int now)
{
	struct later rest = { 0 };
	unsigned char *bytes, x;
	struct conn c;
	BIO *real;
	bool good = begin(&c, s, server) && before(&c);

	hold(&c, &real);
	good = good && peer_write(&c, 1000) && release(&c, real, held(&c, &bytes) - now, &rest);
	nonblock(c.fd, true);
	good = good && CHECK(SSL_read(c.ours, &x, 1) == -1) && try_again(&c, &rest);
	ok(good && rest_of_it(&c, 16384), "%s, %s: %d bytes of a record, no read-ahead", s->name,
	   server ? "server" : "client", now);
	free(rest.bytes);
	end(&c);
}

static void matrix(void)
{
	int i, server;

	for (i = 0; i < NR_SUITES; i++)
		for (server = 0; server < 2; server++) {
			at_once(&suites[i], server);
			plainly(&suites[i], server);
			in_buffer(&suites[i], server, 0, true);
			in_buffer(&suites[i], server, 700, true);
			in_buffer(&suites[i], server, 700, false);
		}
	for (; i < NR_ALL; i++)
		for (server = 0; server < 2; server++) {
			plainly(&suites[i], server);
			in_buffer(&suites[i], server, 700, true);
		}
}

static void cuts(const struct suite *s)
{
	static const int now[] = { 1, 4, 5, 6, 1000 };
	int server;
	size_t i;

	for (server = 0; server < 2; server++) {
		int whole = 2000 + (s->version == TLS1_3_VERSION ? 22 : s == S12 ? 29 : 21);

		for (i = 0; i < sizeof(now) / sizeof(*now); i++)
			without_ahead(s, server, now[i]);
		in_buffer(s, server, 1, true);
		in_buffer(s, server, whole - 5, false);		/* the header alone */
		in_buffer(s, server, whole - 2, false);		/* less than that */
		in_buffer(s, server, whole, true);		/* nothing of it */
		in_buffer(s, server, whole - 5, true);
		in_buffer(s, server, whole - 2, true);
	}
}

/* ---- KeyUpdate before ---- */

static bool update(SSL *ssl, int type)
{
	return CHECK(SSL_key_update(ssl, type) == 1) && CHECK(SSL_do_handshake(ssl) == 1);
}

static bool update_ours(struct conn *c)
{
	return update(c->ours, SSL_KEY_UPDATE_NOT_REQUESTED) && write_ssl(c, 100) &&
	       peer_read(c, c->out_written);
}

static bool update_ours_noted(struct conn *c)
{
	return CHECK(SSL_key_update(c->ours, SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
}

static bool ticket_noted(struct conn *c)
{
	return !c->server || CHECK(SSL_new_session_ticket(c->ours) == 1);
}

/* The answer comes with the hand-over. */
static bool update_ours_asked(struct conn *c)
{
	return update(c->ours, SSL_KEY_UPDATE_REQUESTED) && write_ssl(c, 100) &&
	       peer_read(c, c->out_written) && peer_write(c, 50);
}

static bool update_peer(struct conn *c)
{
	return update(c->peer, SSL_KEY_UPDATE_NOT_REQUESTED) && peer_write(c, 100) &&
	       read_ssl(c, c->back_written);
}

static bool update_peer_asks(struct conn *c)
{
	return update(c->peer, SSL_KEY_UPDATE_REQUESTED) && peer_write(c, 100) &&
	       read_ssl(c, c->back_written);
}

/* In OpenSSL's buffer, behind data: drained, answered. */
static bool update_peer_buffered(struct conn *c)
{
	int before_it = 0;

	SSL_set_read_ahead(c->ours, 1);
	if (!peer_write(c, 100) || !peer_write(c, 100) || !arrived(c->fd, 2 * 122) ||
	    ioctl(c->fd, FIONREAD, &before_it))
		return false;
	return update(c->peer, SSL_KEY_UPDATE_REQUESTED) && peer_write(c, 100) &&
	       arrived(c->fd, before_it + 27 + 122) && read_ssl(c, c->back_read + 1);
}

/* In TCP's queue: the kernel's. */
static bool update_peer_queued(struct conn *c)
{
	return update(c->peer, SSL_KEY_UPDATE_REQUESTED) && peer_write(c, 100);
}

static bool updates_many(struct conn *c)
{
	int i;

	for (i = 0; i < 20; i++)
		if (!update_ours(c) || !update_peer(c) || !update_peer_asks(c))
			return false;
	return true;
}

static void updates(void)
{
	static const struct {
		bool (*fn)(struct conn *c);
		const char *name;
	} rows[] = {
		{ update_ours, "ours" }, { update_ours_noted, "ours, not sent yet" },
		{ ticket_noted, "none, but a ticket of ours to be sent" },
		{ update_ours_asked, "ours, answer on its way" }, { update_peer, "peer's" },
		{ update_peer_asks, "peer's, answered" },
		{ update_peer_buffered, "peer's, in OpenSSL's buffer" },
		{ update_peer_queued, "peer's, in TCP's queue" }, { updates_many, "many" },
	};
	struct conn c;
	int server;
	size_t i;

	for (server = 0; server < 2; server++)
		for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
			ok(begin(&c, &suites[i % 3], server) && before(&c) && rows[i].fn(&c) &&
			   attached(&c) && rest_of_it(&c, 65536), "KeyUpdate before, %s, %s",
			   rows[i].name, server ? "server" : "client");
			end(&c);
		}
}

/* ---- what else OpenSSL may hold ---- */

/* More text than one KSSL_TEXT takes. */
static void much_text(const struct suite *s, bool server)
{
	struct later rest = { 0 };
	struct conn c;
	BIO *real;
	bool good;
	int i;

	read_buffer = 60000;
	good = begin(&c, s, server) && before(&c);
	read_buffer = 0;
	SSL_set_read_ahead(c.ours, 1);
	hold(&c, &real);
	for (i = 0; good && i < 40; i++)
		good = peer_write(&c, 999);
	good = good && peer_write(&c, 16384) && release(&c, real, 9000, &rest) &&
	       read_ssl(&c, c.back_read + 1) && none_queued(&c) && wait_for_rest(&c, &rest);
	ok(good && rest_of_it(&c, 65536), "%s, %s: 55 KiB drained", s->name,
	   server ? "server" : "client");
	free(rest.bytes);
	end(&c);
}

/* Data and close_notify in the buffer; data by the other way. */
static void end_in_buffer(const struct suite *s, bool server)
{
	struct later rest = { 0 };
	struct conn c;
	bool good = begin(&c, s, server) && before(&c);
	BIO *real;
	char x;

	SSL_set_read_ahead(c.ours, 1);
	hold(&c, &real);
	good = good && peer_write(&c, 10) && peer_write(&c, 2000);
	SSL_shutdown(c.peer);
	good = good && release(&c, real, 0, &rest) && read_ssl(&c, c.back_read + 1) && attached(&c) &&
	       read_fd(&c, c.back_written) && CHECK(read(c.fd, &x, 1) == 0) &&
	       CHECK(read(c.fd, &x, 1) == 0);
	/* half-closed: we may still write */
	good = good && write_fd(&c, 40000) && peer_read(&c, c.out_written) &&
	       CHECK(!shutdown(c.fd, SHUT_WR));
	ok(good && peer_sees_end(&c), "%s, %s: close_notify in the buffer", s->name,
	   server ? "server" : "client");
	free(rest.bytes);
	end(&c);
}

/* The program has seen the end already. */
static void end_seen(const struct suite *s, bool server)
{
	struct conn c;
	char x;
	bool good = begin(&c, s, server) && before(&c) && CHECK(SSL_shutdown(c.peer) == 0) &&
		    CHECK(SSL_read(c.ours, &x, 1) == 0) && attached(&c) &&
		    CHECK(read(c.fd, &x, 1) == 0) && CHECK(!shutdown(c.fd, SHUT_WR));

	ok(good && peer_sees_end(&c), "%s, %s: close_notify was read", s->name,
	   server ? "server" : "client");
	end(&c);
}

static int big_ticket(SSL *ssl, void *arg)
{
	static unsigned char data[3000];

	(void)arg;
	return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), data, sizeof(data));
}

static SSL_TICKET_RETURN any_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
				    size_t len, SSL_TICKET_STATUS status, void *arg)
{
	(void)ssl, (void)session, (void)name, (void)len, (void)status, (void)arg;
	return SSL_TICKET_RETURN_IGNORE;
}

/*
 * A ticket cut over records: OpenSSL has its first part, at a record's end or
 * within one, so it must have the others too.
 */
static void ticket(int records, int extra, bool auto_retry)
{
	SSL_CTX *server = context(S13, true), *client = context(S13, false);
	struct conn c = { .suite = S13 };
	struct later rest = { 0 };
	unsigned char *bytes, x;
	bool good;
	BIO *real;

	SSL_CTX_set_session_ticket_cb(server, big_ticket, any_ticket, NULL);
	SSL_CTX_set_max_send_fragment(server, 512);
	kssl_ctx_prepare(client);
	setup(&c, client, server);
	good = handshake(&c) && peer_write(&c, 10) && read_ssl(&c, 10);	/* two tickets gone by */
	hold(&c, &real);
	good = good && CHECK(SSL_new_session_ticket(c.peer) == 1) && CHECK(SSL_do_handshake(c.peer) == 1) &&
	       peer_write(&c, 100) && CHECK(held(&c, &bytes) > 5 * 534) &&
	       release(&c, real, held(&c, &bytes) - records * 534 - extra, &rest);
	SSL_set_read_ahead(c.ours, 1);
	if (!auto_retry)
		SSL_clear_mode(c.ours, SSL_MODE_AUTO_RETRY);
	nonblock(c.fd, true);
	good = good && CHECK(SSL_read(c.ours, &x, 1) == -1) && try_again(&c, &rest);
	ok(good && rest_of_it(&c, 65536), "%d records and %d bytes of a ticket in OpenSSL%s", records,
	   extra, auto_retry ? "" : ", no SSL_MODE_AUTO_RETRY");
	free(rest.bytes);
	end(&c);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* A signal while the rest of a record is awaited. */
static void interrupted(void)
{
	/* again and again: the first may come before we wait */
	struct itimerval soon = { { 0, 50000 }, { 0, 50000 } }, never = { 0 };
	struct sigaction act = { .sa_handler = on_alarm };
	struct later rest = { 0 };
	struct timeval forever = { 0 };
	struct conn c;
	bool good = begin(&c, S13, false) && before(&c) && buffered(&c, 700, &rest);

	sigaction(SIGALRM, &act, NULL);
	setsockopt(c.fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever));
	setitimer(ITIMER_REAL, &soon, NULL);
	good = good && CHECK(kssl_attach_ssl(c.ours) == -1 && errno == EINTR);
	setitimer(ITIMER_REAL, &never, NULL);
	good = good && CHECK(is_plain(c.fd)) && wait_for_rest(&c, &rest);
	ok(good && rest_of_it(&c, 16384), "a signal interrupts, another call goes on");
	free(rest.bytes);
	end(&c);
}

/* ---- going on with the SSL object ---- */

static bool take_back(struct conn *c, size_t want)
{
	unsigned char buf[1000];
	size_t n, sum = 0;

	while ((n = kssl_ssl_drained(c->ours, buf, sizeof(buf)))) {
		if (!same(buf, n, c->back_read, true))
			return false;
		c->back_read += n;
		sum += n;
	}
	return sum == want || no("%zu bytes drained, not %zu", sum, want);
}

static bool on_by_ssl(struct conn *c)
{
	return CHECK(is_plain(c->fd)) && read_ssl(c, c->back_written) && before(c);
}

static void give_up_waiting(const struct suite *s)
{
	struct later rest = { 0 };
	struct conn c;
	bool good = begin(&c, s, false) && before(&c) && buffered(&c, 700, &rest);

	nonblock(c.fd, true);
	good = good && CHECK(kssl_attach_ssl(c.ours) == -1 && errno == EAGAIN) &&
	       take_back(&c, 8100);
	nonblock(c.fd, false);
	send_later(&rest);
	ok(good && on_by_ssl(&c), "%s: EAGAIN, and on with the SSL object", s->name);
	free(rest.bytes);
	end(&c);
}

/* What is drained does not fit a receive buffer that was made small meanwhile. */
static void too_much(void)
{
	struct later rest = { 0 };
	int small = 4096, i, large = 1 << 20;
	struct conn c;
	BIO *real;
	bool good;

	read_buffer = 100000;
	good = begin(&c, S13, true) && before(&c);
	read_buffer = 0;
	setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
	SSL_set_read_ahead(c.ours, 1);
	hold(&c, &real);
	for (i = 0; good && i < 80; i++)
		good = peer_write(&c, 1000);
	good = good && release(&c, real, 0, &rest) && read_ssl(&c, c.back_read + 1) &&
	       none_queued(&c);
	setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	good = good && CHECK(kssl_attach_ssl(c.ours) == -1 && errno == ENOBUFS) &&
	       take_back(&c, 79999) && on_by_ssl(&c) && attached(&c);
	ok(good && rest_of_it(&c, 16384), "ENOBUFS, on with the SSL object, then handed over");
	free(rest.bytes);
	end(&c);
}

/* ---- wrong uses ---- */

static bool refused(SSL *ssl, int err)
{
	int ret;

	errno = 0;
	ret = kssl_attach_ssl(ssl);
	return (ret == -1 && errno == err) || no("returned %d, errno %d (%s), not %d (%s)", ret, errno,
						  strerror(errno), err, strerror(err));
}

static void not_prepared(const struct suite *s)
{
	struct conn c = { .suite = s };
	bool good;

	setup(&c, context(s, false), context(s, true));
	good = handshake(&c) && refused(c.ours, ENOKEY);
	ok(good && on_by_ssl(&c), "%s: not prepared: ENOKEY", s->name);
	end(&c);
}

static void too_early(void)
{
	SSL_CTX *ours = context(S12, false);
	struct conn c = { .suite = S12 };
	bool good;

	kssl_ctx_prepare(ours);
	setup(&c, ours, context(S12, true));
	nonblock(c.fd, true);
	good = refused(c.ours, EBUSY) && CHECK(SSL_do_handshake(c.ours) == -1) && refused(c.ours, EBUSY);
	ok(good && handshake(&c) && on_by_ssl(&c), "handshake not finished: EBUSY");
	end(&c);
}

/* A record is half sent; SSL_want_write() tells it only until the next SSL_read(). */
static void half_sent(const struct suite *s)
{
	static unsigned char zeros[16384];
	struct conn c;
	bool good = begin(&c, s, false) && before(&c);
	size_t n, i;
	char x;

	nonblock(c.fd, true);
	for (i = 0; good && i < 10000 && SSL_write_ex(c.ours, zeros, sizeof(zeros), &n); i++)
		;
	good = good && CHECK(i < 10000) && CHECK(SSL_want_write(c.ours)) && refused(c.ours, EBUSY) &&
	       CHECK(SSL_read(c.ours, &x, 1) == -1) && CHECK(!SSL_want_write(c.ours)) &&
	       refused(c.ours, EBUSY);
	for (; good && !SSL_write_ex(c.ours, zeros, sizeof(zeros), &n);)
		good = SSL_read_ex(c.peer, (char[16384]){ 0 }, 16384, &n);
	ok(good && attached(&c), "%s: SSL_write() not finished: EBUSY", s->name);
	end(&c);
}

static void over_memory(void)
{
	SSL_CTX *ours = context(S13, false);
	SSL_CTX *peer = context(S13, true);
	SSL *a, *b;
	BIO *one, *two;
	bool good = true;
	int i;

	kssl_ctx_prepare(ours);
	a = SSL_new(ours);
	b = SSL_new(peer);
	BIO_new_bio_pair(&one, 0, &two, 0);
	SSL_set_bio(a, one, one);
	SSL_set_bio(b, two, two);
	SSL_set_connect_state(a);
	SSL_set_accept_state(b);
	for (i = 0; i < 20; i++) {
		SSL_do_handshake(a);
		SSL_do_handshake(b);
	}
	good = CHECK(SSL_is_init_finished(a)) && refused(a, EOPNOTSUPP);
	ok(good, "a BIO that is not a socket: EOPNOTSUPP");
	SSL_free(a);
	SSL_free(b);
	SSL_CTX_free(ours);
	SSL_CTX_free(peer);
}

static bool fragment_limit(struct conn *c)
{
	SSL_CTX *ours = context(S13, false);

	SSL_CTX_set_tlsext_max_fragment_length(ours, TLSEXT_max_fragment_length_1024);
	kssl_ctx_prepare(ours);
	setup(c, ours, context(S13, true));
	return handshake(c);
}

static int ulp(int fd)
{
	return setsockopt(fd, SOL_TCP, TCP_ULP, "kssl", 4);
}

static void refusals(void)
{
	struct conn c = { .suite = S13 };

	not_prepared(S13);
	not_prepared(S12);
	too_early();
	half_sent(S13);
	half_sent(S12);
	over_memory();
	ok(begin(&c, &suites[NR_ALL], false) && refused(c.ours, EOPNOTSUPP) && on_by_ssl(&c),
	   "a suite that kssl does not have: EOPNOTSUPP");
	end(&c);
	memset(&c, 0, sizeof(c));
	c.suite = S13;
	ok(fragment_limit(&c) && refused(c.ours, EOPNOTSUPP) && on_by_ssl(&c),
	   "max_fragment_length: EOPNOTSUPP");
	end(&c);
	ok(begin(&c, S13, false) && before(&c) && CHECK(SSL_shutdown(c.ours) == 0) &&
	   refused(c.ours, EPIPE), "after SSL_shutdown(): EPIPE");
	end(&c);
	ok(begin(&c, S13, false) && attached(&c) && refused(c.ours, EPIPE), "twice: EPIPE");
	end(&c);
	ok(begin(&c, S13, false) && CHECK(!ulp(c.fd)) && refused(c.ours, EEXIST),
	   "the socket has a ULP: EEXIST");
	end(&c);
}

static void flipped(void)
{
	struct later rest = { 0 };
	struct conn c;
	bool good = begin(&c, S12, true) && before(&c) && buffered(&c, 700, &rest);

	if (good) {
		rest.bytes[699] ^= 1;
		send_later(&rest);
	}
	ok(good && refused(c.ours, EBADMSG), "a bit flipped: EBADMSG");
	free(rest.bytes);
	end(&c);
}

/* The peer is gone, or what it sent was changed on the way. */
static void broken(void)
{
	struct linger hard = { 1, 0 };
	struct later rest = { 0 };
	struct conn c;
	bool good = begin(&c, S13, false) && before(&c) && buffered(&c, 700, &rest);

	shutdown(c.peer_fd, SHUT_WR);
	ok(good && refused(c.ours, ECONNRESET) && take_back(&c, 8100), "FIN inside a record: ECONNRESET");
	free(rest.bytes);
	end(&c);
	flipped();

	good = begin(&c, S13, true) && before(&c);
	setsockopt(c.peer_fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(c.peer_fd);
	c.peer_fd = -1;
	ok(good && refused(c.ours, ENOTCONN), "reset: ENOTCONN");
	end(&c);

	good = begin(&c, S13, false) && before(&c);
	SSL_set_read_ahead(c.ours, 1);
	good = good && peer_write(&c, 10) && peer_write(&c, 10) && CHECK(send(c.peer_fd, "\x17\3\3\0\x20"
		"01234567890123456789012345678901", 37, 0) == 37) && arrived(c.fd, 2 * 32 + 37) &&
	       read_ssl(&c, c.back_read + 1) && refused(c.ours, EBADMSG) && take_back(&c, 19);
	ok(good, "a bad record in the buffer: EBADMSG, after what was good");
	end(&c);
}

static int logged, seen;

static void own_keylog(const SSL *ssl, const char *line)
{
	(void)ssl, (void)line;
	logged++;
}

static void own_message(int write_p, int version, int type, const void *buf, size_t len, SSL *ssl,
			void *arg)
{
	seen++;
	kssl_ssl_message(write_p, version, type, buf, len, ssl, arg);
}

static void own_callbacks(const struct suite *s)
{
	SSL_CTX *ours = context(s, true);
	struct conn c = { .suite = s, .server = true };
	bool good;

	logged = seen = 0;
	SSL_CTX_set_keylog_callback(ours, own_keylog);
	kssl_ctx_prepare(ours);
	kssl_ctx_prepare(ours);
	SSL_CTX_set_msg_callback(ours, own_message);
	setup(&c, ours, context(s, false));
	good = handshake(&c) && before(&c) && CHECK(seen > 5) &&
	       CHECK(logged == (s->version == TLS1_3_VERSION ? 5 : 1)) && attached(&c);
	ok(good && rest_of_it(&c, 16384), "%s: the program's own callbacks", s->name);
	end(&c);
}

static void headers_alone(int write_p, int version, int type, const void *buf, size_t len,
			  SSL *ssl, void *arg)
{
	if (type == SSL3_RT_HEADER)
		kssl_ssl_message(write_p, version, type, buf, len, ssl, arg);
}

/* Nobody knows then where the MAC is: not a guess, but an error. */
static void no_hello(const struct suite *s)
{
	SSL_CTX *ours = context(s, true);
	struct conn c = { .suite = s, .server = true };

	kssl_ctx_prepare(ours);
	SSL_CTX_set_msg_callback(ours, headers_alone);
	setup(&c, ours, context(s, false));
	ok(handshake(&c) && before(&c) && refused(c.ours, ENOKEY) && on_by_ssl(&c),
	   "%s: the ServerHello was kept from us: ENOKEY", s->name);
	end(&c);
}

/* ---- kssl_attach_keys() ---- */

static struct kssl_key key12(void)
{
	struct kssl_key key = { .version = 0x303, .suite = 0xc02f, .key_len = 16, .iv_len = 4 };

	memset(key.key, 7, 16);
	memset(key.iv, 9, 4);
	return key;
}

static bool keys_refused(int fd, const struct kssl_key *tx, const struct kssl_key *rx, int err)
{
	errno = 0;
	return CHECK(kssl_attach_keys(fd, tx, rx) == -1) && CHECK(errno == err);
}

static void attach_keys(void)
{
	struct kssl_key good = key12(), other = key12(), wrong = key12(), k13 = { 0 };
	char buf[100];
	int a, b, u;

	other.suite = 0xcca8;
	wrong.key_len = 15;
	k13.version = 0x304;
	k13.suite = 0x1301;
	k13.secret_len = 32;
	pair(&a, &b);
	ok(keys_refused(a, &good, &other, EINVAL) && keys_refused(a, &good, &wrong, EINVAL) &&
	   keys_refused(a, &wrong, &good, EINVAL) && keys_refused(a, &good, &k13, EINVAL) &&
	   keys_refused(a, &good, NULL, EINVAL) && keys_refused(a, NULL, &good, EINVAL) &&
	   keys_refused(-1, &good, &good, EBADF) && keys_refused(0, &good, &good, ENOTSOCK) &&
	   CHECK(is_plain(a)) && CHECK(send(a, "plain", 5, 0) == 5) && CHECK(recv(b, buf, 9, 0) == 5),
	   "attach_keys: refused, and the socket is plain TCP still");
	u = socket(AF_INET, SOCK_STREAM, 0);
	ok(keys_refused(u, &good, &good, ENOTCONN) && CHECK(is_plain(u)), "attach_keys: ENOTCONN");
	close(u);
	ok(CHECK(kssl_attach_keys(a, &good, &good) == 0) && CHECK(kssl_attach_keys(b, &good, &good) == 0) &&
	   CHECK(write(a, "hello", 5) == 5) && CHECK(read(b, buf, 9) == 5) &&
	   keys_refused(a, &good, &good, EBUSY), "attach_keys: both ends, then EBUSY");
	close(a);
	close(b);
}

/* Keys of a session of OpenSSL's, given by hand: the oracle for kssl_attach_keys(). */
static unsigned char secrets[2][48];

static void grab(const SSL *ssl, const char *line)
{
	int which = !strncmp(line, "SERVER_TRAFFIC_SECRET_0", 23) ? 1 :
		    !strncmp(line, "CLIENT_TRAFFIC_SECRET_0", 23) ? 0 : -1;
	const char *hex = strrchr(line, ' ') + 1;
	size_t i;

	(void)ssl;
	for (i = 0; which >= 0 && hex[2 * i]; i++)
		sscanf(hex + 2 * i, "%2hhx", &secrets[which][i]);
}

static void attach_keys_openssl(bool server)
{
	SSL_CTX *ours = context(S13, server), *peer = context(S13, !server);
	struct conn c = { .suite = S13, .server = server };
	struct kssl_key tx = { .version = 0x304, .suite = 0x1302, .secret_len = 48 }, rx = tx;
	int role = server ? KSSL_ROLE_SERVER : KSSL_ROLE_CLIENT;
	bool good;

	SSL_CTX_set_keylog_callback(ours, grab);
	SSL_CTX_set_num_tickets(server ? ours : peer, 0);
	setup(&c, ours, peer);
	good = handshake(&c) && CHECK(!ulp(c.fd)) &&
	       CHECK(!setsockopt(c.fd, SOL_KSSL, KSSL_ROLE, &role, sizeof(role)));
	memcpy(tx.secret, secrets[server], 48);
	memcpy(rx.secret, secrets[!server], 48);
	good = good && CHECK(!kssl_attach_keys(c.fd, &tx, &rx)) && bulk(&c, 65536) &&
	       by_kernel(&c, 65536) && closing(&c, server);
	ok(good, "attach_keys: %s, peer is OpenSSL", server ? "server, role set before" : "client");
	end(&c);
}

/* ---- secrets ---- */

#define MASK 0x5a

/*
 * How often a secret lies in our memory; it is kept masked here, so that we do
 * not find ourselves.  @p: one writable mapping.
 */
static int count_in(const unsigned char *p, size_t n, const unsigned char *masked)
{
	int hits = 0;
	size_t i, j;

	for (i = 0; i + 32 <= n; i++) {
		for (j = 0; j < 32 && (p[i + j] ^ MASK) == masked[j]; j++)
			;
		hits += j == 32;
	}
	return hits;
}

static int count_everywhere(const unsigned char *masked)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	char line[600], mode[8];
	int hits = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) == 3 && !strncmp(mode, "rw", 2))
			hits += count_in((unsigned char *)from, to - from, masked);
	if (f)
		fclose(f);
	return hits;
}

static void grab_masked(const SSL *ssl, const char *line)
{
	size_t i;

	grab(ssl, line);
	for (i = 0; i < sizeof(secrets) && !strncmp(line, "CLIENT_TRAFFIC_SECRET_0", 23); i++)
		((unsigned char *)secrets)[i] ^= MASK;
}

/*
 * One copy is the library's, and goes; no new one is left behind.  OpenSSL's own
 * stay: 3.0 does not wipe them even in SSL_free().
 */
static void wiped(void)
{
	SSL_CTX *ours = context(&suites[0], false);
	struct conn c = { .suite = &suites[0] };
	int tx, rx;
	bool good;

	SSL_CTX_set_keylog_callback(ours, grab_masked);
	kssl_ctx_prepare(ours);
	setup(&c, ours, context(&suites[0], true));
	good = handshake(&c) && before(&c);
	tx = count_everywhere(secrets[0]);
	rx = count_everywhere(secrets[1]);
	good = good && CHECK(tx > 0 && rx > 0) && attached(&c);
	tx -= count_everywhere(secrets[0]);
	rx -= count_everywhere(secrets[1]);
	ok(good && ((tx == 1 && rx == 1) || no("%d and %d copies are gone", tx, rx)),
	   "the library wipes its copy of the secrets");
	end(&c);
}

static void missing(void)
{
	struct kssl_key key = key12();
	struct later rest = { 0 };
	struct conn c;
	bool good = begin(&c, S13, false) && before(&c) && buffered(&c, 700, &rest);

	send_later(&rest);
	good = good && refused(c.ours, ENOENT) && CHECK(!kssl_ssl_drained(c.ours, &key, 1));
	ok(good && on_by_ssl(&c), "no module: ENOENT, nothing drained, on with the SSL object");
	key = key12();
	ok(keys_refused(c.fd, &key, &key, ENOENT) && on_by_ssl(&c), "attach_keys, no module: ENOENT");
	free(rest.bytes);
	end(&c);
}

static void all(void)
{
	int server;

	matrix();
	cuts(S13);
	cuts(S12);
	updates();
	for (server = 0; server < 2; server++) {
		much_text(S13, server);
		much_text(S12, server);
		end_in_buffer(S13, server);
		end_in_buffer(S12, server);
		end_seen(S13, server);
		end_seen(S12, server);
		attach_keys_openssl(server);
	}
	ticket(2, 0, true);
	ticket(2, 3, true);
	ticket(0, 100, true);
	ticket(5, 100, false);
	interrupted();
	give_up_waiting(S13);
	give_up_waiting(S12);
	too_much();
	refusals();
	broken();
	wiped();
	own_callbacks(S13);
	own_callbacks(S12);
	own_callbacks(ETM);
	no_hello(ETM);
	attach_keys();
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	pki = argv[1];
	signal(SIGPIPE, SIG_IGN);
	if (argc > 2)
		missing();
	else
		all();
	printf("1..%d\n", tests);
	return bad;
}
