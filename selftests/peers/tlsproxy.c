// SPDX-License-Identifier: GPL-2.0
// LIBS: libssl libcrypto
/*
 * OpenSSL between a TLS end and a plain one.  What happens on one side happens
 * on the other: end of stream (as close_notify and FIN), reset, back pressure.
 *
 * usage: tlsproxy server PORT TARGET CERT KEY	TLS on PORT, plain to TARGET
 *	  tlsproxy client PORT TARGET CA	plain on PORT, TLS to TARGET
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

static SSL_CTX *ctx;
static bool server;
static int target;

/* One direction: bytes read that are not written yet. */
struct flow {
	char buf[16384];
	int at, len;
	bool eof, shut;
};

struct relay {
	SSL *ssl;
	int tls, plain;
	struct flow in, out;	/* from and to the TLS side */
};

/* AGAIN: nothing now; LOST: the connection is dead. */
enum { AGAIN = -1, LOST = -2 };

static int ssl_result(SSL *ssl, int n)
{
	if (n > 0)
		return n;
	switch (SSL_get_error(ssl, n)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	}
	ERR_clear_error();
	return LOST;
}

static int plain_result(ssize_t n)
{
	return n >= 0 ? (int)n : errno == EAGAIN ? AGAIN : LOST;
}

/* Returns false when the connection is lost. */
static bool took(struct flow *f, int n)
{
	if (n == 0)
		f->eof = true;
	if (n > 0) {
		f->at = 0;
		f->len = n;
	}
	return n != LOST;
}

static bool gave(struct flow *f, int n)
{
	if (n > 0) {
		f->at += n;
		f->len -= n;
	}
	return n != LOST;
}

static bool inward(struct relay *r)
{
	struct flow *f = &r->in;

	if (!f->len && !f->eof &&
	    !took(f, ssl_result(r->ssl, SSL_read(r->ssl, f->buf, sizeof(f->buf)))))
		return false;
	if (f->len &&
	    !gave(f, plain_result(send(r->plain, f->buf + f->at, f->len, MSG_NOSIGNAL))))
		return false;
	if (f->eof && !f->len && !f->shut)
		f->shut = !shutdown(r->plain, SHUT_WR);
	return true;
}

static bool outward(struct relay *r)
{
	struct flow *f = &r->out;

	if (!f->len && !f->eof && !took(f, plain_result(recv(r->plain, f->buf, sizeof(f->buf), 0))))
		return false;
	if (f->len && !gave(f, ssl_result(r->ssl, SSL_write(r->ssl, f->buf + f->at, f->len))))
		return false;
	if (f->eof && !f->len && !f->shut) {
		SSL_shutdown(r->ssl);
		f->shut = !shutdown(r->tls, SHUT_WR);
	}
	return true;
}

static short events(const struct flow *from, const struct flow *to)
{
	return (from->len || from->eof ? 0 : POLLIN) | (to->len ? POLLOUT : 0);
}

static void reset(int fd)
{
	struct linger hard = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

static void run(struct relay *r)
{
	for (;;) {
		struct pollfd p[2] = { { .fd = r->tls }, { .fd = r->plain } };

		if (!inward(r) || !outward(r))
			break;
		if (r->in.shut && r->out.shut)
			return;
		p[0].events = events(&r->in, &r->out);
		p[1].events = events(&r->out, &r->in);
		if (SSL_pending(r->ssl) && !r->in.len)
			continue;
		poll(p, 2, -1);
		if ((p[0].revents | p[1].revents) & POLLERR)
			break;
	}
	reset(r->tls);
	reset(r->plain);
}

static int dial(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		close(fd);
		return -1;
	}
	return fd;
}

static void ready(int fd)
{
	int one = 1;

	setsockopt(fd, SOL_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(fd, F_SETFL, O_NONBLOCK);
}

static void *serve(void *arg)
{
	struct relay *r = arg;
	int other;

	if (server) {
		SSL_set_fd(r->ssl, r->tls);
		if (SSL_accept(r->ssl) <= 0)
			goto out;
		r->plain = other = dial(target);
	} else {
		r->tls = other = dial(target);
		SSL_set_fd(r->ssl, r->tls);
		if (other >= 0 && SSL_connect(r->ssl) <= 0)
			goto out;
	}
	if (other < 0)
		goto out;
	ready(r->tls);
	ready(r->plain);
	run(r);
out:
	SSL_free(r->ssl);
	close(r->tls);
	close(r->plain);
	free(r);
	return NULL;
}

static SSL_CTX *context(char **arg)
{
	SSL_CTX *c = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());

	SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (server && (SSL_CTX_use_certificate_chain_file(c, arg[0]) <= 0 ||
		       SSL_CTX_use_PrivateKey_file(c, arg[1], SSL_FILETYPE_PEM) <= 0))
		return NULL;
	if (!server) {
		SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
		if (SSL_CTX_load_verify_locations(c, arg[0], NULL) <= 0)
			return NULL;
	}
	return c;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	if (argc < 5)
		return 2;
	server = !strcmp(argv[1], "server");
	target = atoi(argv[3]);
	ctx = context(argv + 4);
	at.sin_port = htons(atoi(argv[2]));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!ctx || bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 64))
		return 1;
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		struct relay *r = calloc(1, sizeof(*r));
		pthread_t t;

		r->ssl = SSL_new(ctx);
		r->tls = r->plain = -1;
		*(server ? &r->tls : &r->plain) = accept(fd, NULL, NULL);
		pthread_create(&t, NULL, serve, r);
		pthread_detach(t);
	}
}
