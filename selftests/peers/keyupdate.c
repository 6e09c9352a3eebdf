// SPDX-License-Identifier: GPL-2.0
// LIBS: libssl libcrypto
/*
 * A libssl peer that changes keys all the time (TLS 1.3).
 *
 * usage: keyupdate client|server PORT SUITE CERT KEY flow|storm COUNT
 *
 * flow   COUNT messages each way at the same time, a KeyUpdate before each of
 *	  ours, every tenth with update_requested; close_notify after the other's.
 * storm  COUNT KeyUpdates and not a byte of data.  Looks for an alert only when
 *	  it cannot send any more.
 *
 * Prints one line, "key=value ...", of what OpenSSL saw.  Message i is 8 bytes of
 * i, big endian, and i * 37 % 200 bytes of i % 251.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#define MESSAGE_MAX 256

static struct {
	unsigned long updates_sent, updates_received, requests_received;
	unsigned long sent, received, bad;
	int alert;
} saw = { .alert = -1 };

static void die(const char *what)
{
	perror(what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static size_t message(unsigned long i, unsigned char *out)
{
	size_t fill = i * 37 % 200;
	int k;

	for (k = 0; k < 8; k++)
		out[k] = (unsigned char)((uint64_t)i >> (56 - 8 * k));
	memset(out + 8, (int)(i % 251), fill);
	return 8 + fill;
}

static void on_message(int out, int version, int type, const void *buf, size_t len, SSL *ssl,
		       void *arg)
{
	const unsigned char *p = buf;

	(void)version;
	(void)ssl;
	(void)arg;
	if (type == SSL3_RT_ALERT && !out && len == 2 && p[0] == SSL3_AL_FATAL)
		saw.alert = p[1];
	if (type != SSL3_RT_HANDSHAKE || len != 5 || p[0] != SSL3_MT_KEY_UPDATE)
		return;
	if (out) {
		saw.updates_sent++;
	} else {
		saw.updates_received++;
		saw.requests_received += p[4];
	}
}

static int tcp(int server, int port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1, conn;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!server) {
		if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
			die("connect");
		return fd;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 1))
		die("listen");
	conn = accept(fd, NULL, NULL);
	if (conn < 0)
		die("accept");
	close(fd);
	return conn;
}

static SSL *tls(int server, int port, char **argv)
{
	SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	SSL *ssl;
	int fd;

	if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) ||
	    !SSL_CTX_set_ciphersuites(ctx, argv[0]))
		die("context");
	if (server && (SSL_CTX_use_certificate_chain_file(ctx, argv[1]) != 1 ||
		       SSL_CTX_use_PrivateKey_file(ctx, argv[2], SSL_FILETYPE_PEM) != 1))
		die("certificate");
	SSL_CTX_set_msg_callback(ctx, on_message);
	SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY);
	ssl = SSL_new(ctx);
	fd = tcp(server, port);
	if (!ssl || !SSL_set_fd(ssl, fd) || (server ? SSL_accept(ssl) : SSL_connect(ssl)) != 1)
		die("handshake");
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return ssl;
}

/* Waits as the last call wants; 0 if nothing happens for that long, or at its end. */
static int again(SSL *ssl, int ret, int events, int ms)
{
	struct pollfd p = { .fd = SSL_get_fd(ssl), .events = (short)events };
	int err = SSL_get_error(ssl, ret);

	if (err != SSL_ERROR_WANT_READ && err != SSL_ERROR_WANT_WRITE)
		return 0;
	return poll(&p, 1, ms) > 0;
}

/* Compares what came with the messages that must come. */
static void check(const unsigned char *got, size_t len)
{
	static unsigned char want[MESSAGE_MAX];
	static size_t at, size;

	while (len) {
		size_t n;

		if (at == size) {
			size = message(saw.received, want);
			at = 0;
		}
		n = len < size - at ? len : size - at;
		saw.bad += memcmp(got, want + at, n) != 0;
		got += n;
		len -= n;
		at += n;
		saw.received += at == size;
	}
}

/* Reads all that is there; 0 at the end, -1 on an error. */
static int take(SSL *ssl)
{
	static unsigned char buf[16384];
	int n;

	while ((n = SSL_read(ssl, buf, sizeof(buf))) > 0)
		check(buf, (size_t)n);
	switch (SSL_get_error(ssl, n)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return 1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		return -1;
	}
}

/* One message with its KeyUpdate, or the rest of it; 1 when it is out. */
static int give(SSL *ssl, int *fresh)
{
	unsigned char text[MESSAGE_MAX];
	size_t len = message(saw.sent, text);
	int ret;

	if (*fresh && !SSL_key_update(ssl, saw.sent % 10 ? SSL_KEY_UPDATE_NOT_REQUESTED :
							   SSL_KEY_UPDATE_REQUESTED))
		die("SSL_key_update");
	ret = SSL_write(ssl, text, (int)len);
	*fresh = ret > 0;
	if (ret > 0)
		saw.sent++;
	else if (SSL_get_error(ssl, ret) != SSL_ERROR_WANT_WRITE &&
		 SSL_get_error(ssl, ret) != SSL_ERROR_WANT_READ)
		return -1;
	return ret > 0;
}

static int flow(SSL *ssl, unsigned long count)
{
	int fresh = 1, open = 1, ret;

	while (saw.sent < count || open == 1) {
		struct pollfd p = { .fd = SSL_get_fd(ssl), .events = POLLIN };

		ret = saw.sent < count ? give(ssl, &fresh) : 0;
		if (ret < 0)
			return 1;
		if (open == 1)
			open = take(ssl);
		if (open < 0)
			return 1;
		if (ret > 0)
			continue;
		p.events |= saw.sent < count ? POLLOUT : 0;
		if (poll(&p, 1, 60000) <= 0)
			return 1;
	}
	/* not before: answers to requests behind our close_notify go unread */
	do
		ret = SSL_shutdown(ssl);
	while (ret < 0 && again(ssl, ret, POLLOUT, 2000));
	return 0;
}

/*
 * Stops between two records, when there has been no room for two seconds: libssl
 * cannot read while it has something to write.
 */
static int storm(SSL *ssl, unsigned long count)
{
	struct pollfd p = { .fd = SSL_get_fd(ssl), .events = POLLOUT };
	int ret, small = 65536;
	char c;

	setsockopt(p.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	while (saw.updates_sent < count && poll(&p, 1, 2000) > 0) {
		if (!SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) ||
		    SSL_do_handshake(ssl) != 1)
			break;
	}
	do
		ret = SSL_read(ssl, &c, 1);
	while (saw.alert < 0 && again(ssl, ret, POLLIN, 2000));
	return 0;
}

int main(int argc, char **argv)
{
	int server, ret;
	SSL *ssl;

	if (argc != 8)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	server = !strcmp(argv[1], "server");
	ssl = tls(server, atoi(argv[2]), argv + 3);
	ret = (!strcmp(argv[6], "storm") ? storm : flow)(ssl, strtoul(argv[7], NULL, 10));
	printf("sent=%lu received=%lu bad=%lu updates_sent=%lu updates_received=%lu requests_received=%lu alert=%d\n",
	       saw.sent, saw.received, saw.bad, saw.updates_sent, saw.updates_received,
	       saw.requests_received, saw.alert);
	if (ret)
		ERR_print_errors_fp(stderr);
	return ret;
}
