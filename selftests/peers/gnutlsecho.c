// SPDX-License-Identifier: GPL-2.0
// LIBS: gnutls
/*
 * A GnuTLS peer: echo server, or a client that checks an echo.  What it sends goes
 * in records of odd sizes, each with as much random padding as the suite can have.
 *
 *	gnutlsecho server PORT CERT KEY PRIORITY
 *	gnutlsecho client PORT CA NAME PRIORITY
 *
 * The client's last line: "etm" or "mte", and the suite.
 */
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 65536

static const size_t sizes[] = { 1, 2, 100, 1024, 16383, 16384, 16385, 65536, 1 << 20 };
static gnutls_certificate_credentials_t cred;
static const char *priority;

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "gnutlsecho: %s\n", what);
	exit(1);
}

static void must_tls(int err, const char *what)
{
	if (err < 0)
		fprintf(stderr, "%s\n", gnutls_strerror(err));
	must(err >= 0, what);
}

static gnutls_session_t start(int fd, unsigned int flags)
{
	gnutls_session_t s;

	must_tls(gnutls_init(&s, flags), "init");
	must_tls(gnutls_priority_set_direct(s, priority, NULL), priority);
	must_tls(gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, cred), "credentials");
	gnutls_transport_set_int(s, fd);
	gnutls_handshake_set_timeout(s, 60000);
	return s;
}

static void shake(gnutls_session_t s)
{
	int err;

	do
		err = gnutls_handshake(s);
	while (err < 0 && !gnutls_error_is_fatal(err));
	must_tls(err, "handshake");
}

/* One record of odd size and padding, if the suite can hide lengths. */
static ssize_t put_some(gnutls_session_t s, const uint8_t *p, size_t len)
{
	gnutls_range_st range;

	if (len > 1)
		len = 1 + (size_t)random() % (len < 16384 ? len : 16384);
	range.low = len;
	range.high = len + (size_t)random() % 256;
	if (range.high > 16384 || !gnutls_record_can_use_length_hiding(s))
		return gnutls_record_send(s, p, len);
	return gnutls_record_send_range(s, p, len, &range);
}

static void put(gnutls_session_t s, const uint8_t *p, size_t len)
{
	ssize_t n;

	for (; len; p += n, len -= (size_t)n) {
		n = put_some(s, p, len);
		must_tls((int)n, "send");
	}
}

/* A ticket of TLS 1.3 is no data: once more. */
static ssize_t get(gnutls_session_t s, uint8_t *p, size_t room)
{
	ssize_t n;

	do
		n = gnutls_record_recv(s, p, room);
	while (n < 0 && !gnutls_error_is_fatal((int)n));
	must_tls((int)n, "receive");
	return n;
}

static void serve(int fd)
{
	static uint8_t buf[CHUNK];
	gnutls_session_t s = start(fd, GNUTLS_SERVER);
	ssize_t n;

	shake(s);
	while ((n = get(s, buf, sizeof(buf))) > 0)
		put(s, buf, (size_t)n);
	gnutls_bye(s, GNUTLS_SHUT_WR);
	gnutls_deinit(s);
	close(fd);
	exit(0);
}

static struct sockaddr_in here(const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return a;
}

static void server(char **arg)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1, fd;
	struct sockaddr_in a = here(arg[0]);

	must_tls(gnutls_certificate_set_x509_key_file(cred, arg[1], arg[2], GNUTLS_X509_FMT_PEM),
		 arg[1]);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	must(!bind(listener, (struct sockaddr *)&a, sizeof(a)) && !listen(listener, 16), "listen");
	signal(SIGCHLD, SIG_IGN);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (!fork())
			serve(fd);
		close(fd);
	}
}

/* Out and back, in parts that fit the buffers between. */
static void exchange(gnutls_session_t s, size_t size)
{
	uint8_t *data = malloc(size), *got = malloc(size);
	size_t done = 0, upto, i;

	for (i = 0; i < size; i++)
		data[i] = (uint8_t)random();
	while (done < size) {
		upto = size - done > CHUNK ? done + CHUNK : size;
		put(s, data + done, upto - done);
		while (done < upto) {
			ssize_t n = get(s, got + done, upto - done);

			must(n > 0, "early end");
			done += (size_t)n;
		}
	}
	must(!memcmp(got, data, size), "came back different");
	free(data);
	free(got);
}

static void client(char **arg)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = here(arg[0]);
	gnutls_session_t s;
	char *suite;
	size_t i;

	must_tls(gnutls_certificate_set_x509_trust_file(cred, arg[1], GNUTLS_X509_FMT_PEM), arg[1]);
	must(!connect(fd, (struct sockaddr *)&a, sizeof(a)), "connect");
	s = start(fd, GNUTLS_CLIENT);
	gnutls_server_name_set(s, GNUTLS_NAME_DNS, arg[2], strlen(arg[2]));
	gnutls_session_set_verify_cert(s, arg[2], 0);
	shake(s);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		exchange(s, sizes[i]);
	must_tls(gnutls_bye(s, GNUTLS_SHUT_RDWR), "bye");
	suite = gnutls_session_get_desc(s);
	printf("%s %s\n", gnutls_session_etm_status(s) ? "etm" : "mte", suite);
	gnutls_free(suite);
	gnutls_deinit(s);
}

int main(int argc, char **argv)
{
	must(argc == 6, "usage: gnutlsecho server|client PORT CERT|CA KEY|NAME PRIORITY");
	signal(SIGPIPE, SIG_IGN);
	srandom((unsigned int)getpid());
	priority = argv[5];
	must_tls(gnutls_certificate_allocate_credentials(&cred), "credentials");
	if (!strcmp(argv[1], "server"))
		server(argv + 2);
	else
		client(argv + 2);
	gnutls_certificate_free_credentials(cred);
	return 0;
}
