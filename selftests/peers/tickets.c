// SPDX-License-Identifier: GPL-2.0
// LIBS: libssl libcrypto
/*
 * An OpenSSL server that says when tickets are sent.
 *
 * usage: tickets PORT CERT KEY VERSION CA ACTIONS
 *
 * VERSION 1.2 or 1.3; CA: ask for a client certificate of it, or "-".  For each
 * connection a line "new NAME" or "reused NAME" (NAME: the SNI, or "-"), then the
 * actions, until the client closes: d data (4 bytes), t ticket, k KeyUpdate, and
 * a number before any of them repeats it.  TLS 1.2 knows d only.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

static void die(const char *what)
{
	ERR_print_errors_fp(stderr);
	perror(what);
	exit(1);
}

static int listening(const char *port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	addr.sin_port = htons((unsigned short)atoi(port));
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 8))
		die("listen");
	return fd;
}

static bool act(SSL *ssl, char what)
{
	switch (what) {
	case 'd':
		return SSL_write(ssl, "data", 4) == 4;
	case 't':
		return SSL_new_session_ticket(ssl) == 1 && SSL_do_handshake(ssl) == 1;
	case 'k':
		return SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
		       SSL_do_handshake(ssl) == 1;
	}
	return false;
}

static void serve(SSL *ssl, const char *actions)
{
	const char *name, *p;
	long times, i;
	char buf[256];

	if (SSL_accept(ssl) != 1) {
		printf("failed\n");
		fflush(stdout);
		ERR_clear_error();
		return;
	}
	name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	printf("%s %s\n", SSL_session_reused(ssl) ? "reused" : "new", name ? name : "-");
	fflush(stdout);
	for (p = actions; *p; p++) {
		times = isdigit((unsigned char)*p) ? strtol(p, (char **)&p, 10) : 1;
		for (i = 0; i < times; i++)
			if (!act(ssl, *p))
				die("action");
	}
	while (SSL_read(ssl, buf, sizeof(buf)) > 0)
		;
	SSL_shutdown(ssl);
	ERR_clear_error();
}

int main(int argc, char **argv)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int listener, fd, version;
	SSL *ssl;

	if (argc != 7)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	version = strcmp(argv[4], "1.2") ? TLS1_3_VERSION : TLS1_2_VERSION;
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"test", 4);
	if (SSL_CTX_use_certificate_chain_file(ctx, argv[2]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, argv[3], SSL_FILETYPE_PEM) != 1)
		die("certificate");
	if (strcmp(argv[5], "-")) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
		if (SSL_CTX_load_verify_locations(ctx, argv[5], NULL) != 1)
			die("CA");
	}
	listener = listening(argv[1]);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		ssl = SSL_new(ctx);
		SSL_set_fd(ssl, fd);
		serve(ssl, argv[6]);
		SSL_free(ssl);
		close(fd);
	}
	return 0;
}
