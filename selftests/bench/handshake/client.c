// SPDX-License-Identifier: GPL-2.0
/*
 * client PORT full|resumed	instructions of a connection, both ends and the kernel:
 *				all, and of these the client's thread
 * client CERT KEY full|resumed	of libssl's server alone, on memory buffers
 *
 * On one processor that counts instructions: one end waits while the other works, and
 * what little time neither does is left out.  A connection is a handshake of TLS 1.3 and
 * a clean end; the first ones warm up.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>

#define TIMES	160
#define WARMUP	12

static SSL_SESSION *ticket;

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "handshake: %s failed\n", what);
	exit(1);
}

static uint64_t now(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(ticket);
	ticket = session;
	return 1;
}

static SSL_CTX *client_ctx(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	must(ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION), "context");
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	return ctx;
}

/* OpenSSL's client uses a session of TLS 1.3 once. */
static void offer(SSL *ssl, SSL_SESSION *session)
{
	SSL_SESSION *copy = session ? SSL_SESSION_dup(session) : NULL;

	must(!session || SSL_set_session(ssl, copy), "session");
	SSL_SESSION_free(copy);
}

/* ---- over TCP ---- */

static int dial(int port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	/* nobody shall wait for an acknowledgement */
	setsockopt(fd, SOL_TCP, TCP_NODELAY, &one, sizeof(one));
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(fd >= 0 && !connect(fd, (struct sockaddr *)&addr, sizeof(addr)), "connect");
	return fd;
}

/* With a request and its answer: then a ticket has come as well. */
static void visit(SSL_CTX *ctx, int port, bool ask, SSL_SESSION *session)
{
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	SSL *ssl = SSL_new(ctx);
	int fd = dial(port);
	char buf[4096];

	must(SSL_set_fd(ssl, fd), "SSL");
	offer(ssl, session);
	must(SSL_connect(ssl) == 1, "handshake");
	must(SSL_session_reused(ssl) == !!session, "resumed as asked");
	if (ask)
		must(SSL_write(ssl, request, sizeof(request) - 1) > 0, "request");
	SSL_shutdown(ssl);
	shutdown(fd, SHUT_WR);
	while (ask ? SSL_read(ssl, buf, sizeof(buf)) > 0 : read(fd, buf, sizeof(buf)) > 0)
		;
	SSL_free(ssl);
	close(fd);
}

static uint64_t own(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Nanoseconds in which no processor had anything to do, to a hundredth of a second. */
static uint64_t idle(void)
{
	unsigned long long busy[3], idle = 0, wait = 0;
	FILE *f = fopen("/proc/stat", "r");

	must(f && fscanf(f, "cpu %llu %llu %llu %llu %llu", &busy[0], &busy[1], &busy[2], &idle,
			 &wait) == 5, "/proc/stat");
	fclose(f);
	return (idle + wait) * 10000000;
}

static void over_tcp(int port, bool resumed)
{
	SSL_CTX *ctx = client_ctx();
	uint64_t all = 0, mine = 0, none = 0;
	SSL_SESSION *session;
	int i;

	visit(ctx, port, true, NULL);
	must(ticket, "a ticket");
	session = resumed ? ticket : NULL;
	SSL_CTX_sess_set_new_cb(ctx, NULL);
	for (i = -WARMUP; i < TIMES; i++) {
		if (!i) {
			mine = own();
			none = idle();
			all = now();
		}
		visit(ctx, port, false, session);
	}
	all = now() - all - (idle() - none);
	mine = own() - mine;
	printf("%llu %llu\n", (unsigned long long)all / TIMES, (unsigned long long)mine / TIMES);
	SSL_CTX_free(ctx);
}

/* ---- libssl alone ---- */

struct pair {
	SSL *server;
	SSL *client;
	uint64_t sum;
};

static void serve(struct pair *p)
{
	uint64_t start = now();

	SSL_do_handshake(p->server);
	p->sum += now() - start;
}

static uint64_t in_memory(SSL_CTX *server, SSL_CTX *client, SSL_SESSION *session)
{
	struct pair p = { .client = SSL_new(client) };
	BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());
	uint64_t start;
	char byte;
	int i;

	start = now();
	p.server = SSL_new(server);
	p.sum = now() - start;
	BIO_up_ref(up);
	BIO_up_ref(down);
	SSL_set_bio(p.server, up, down);
	SSL_set_bio(p.client, down, up);
	SSL_set_accept_state(p.server);
	SSL_set_connect_state(p.client);
	offer(p.client, session);
	for (i = 0; i < 3; i++) {
		SSL_do_handshake(p.client);
		serve(&p);
	}
	must(SSL_is_init_finished(p.server) && SSL_is_init_finished(p.client), "handshake");
	must(SSL_session_reused(p.server) == !!session, "resumed as asked");
	SSL_read(p.client, &byte, 1);	/* tickets */
	start = now();
	SSL_free(p.server);
	p.sum += now() - start;
	SSL_set_quiet_shutdown(p.client, 1);
	SSL_shutdown(p.client);
	SSL_free(p.client);
	return p.sum;
}

static void alone(const char *cert, const char *key, bool resumed)
{
	SSL_CTX *server = SSL_CTX_new(TLS_server_method()), *client = client_ctx();
	SSL_SESSION *session;
	uint64_t sum = 0;
	int i;

	must(server && SSL_CTX_use_certificate_chain_file(server, cert) == 1 &&
	     SSL_CTX_use_PrivateKey_file(server, key, SSL_FILETYPE_PEM) == 1, "certificate");
	SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(server, (const uint8_t *)"x", 1);
	in_memory(server, client, NULL);
	must(ticket, "a ticket");
	session = resumed ? ticket : NULL;
	SSL_CTX_sess_set_new_cb(client, NULL);
	for (i = -WARMUP; i < TIMES; i++) {
		uint64_t n = in_memory(server, client, session);

		sum += i >= 0 ? n : 0;
	}
	printf("%llu\n", (unsigned long long)sum / TIMES);
}

int main(int argc, char **argv)
{
	bool resumed = !strcmp(argv[argc - 1], "resumed");

	if (argc == 3)
		over_tcp(atoi(argv[1]), resumed);
	else if (argc == 4)
		alone(argv[1], argv[2], resumed);
	else
		return 2;
	return 0;
}
