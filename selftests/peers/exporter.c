// SPDX-License-Identifier: GPL-2.0
// LIBS: libssl libcrypto
/*
 * An OpenSSL peer that prints exported keying material (RFC 5705).
 *
 * usage: exporter server PORT CERT KEY VERSION EMS QUESTION...
 *	  exporter client PORT CA - VERSION EMS QUESTION...
 *
 * VERSION 1.2 or 1.3; EMS yes or no: extended master secret; QUESTION is
 * LABEL:CONTEXT:LENGTH, the context in hex, or "-" for none.  One connection: a
 * line of hex for each question, then it waits for the other end to close.
 */
#include <arpa/inet.h>
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

static int connection(bool server, const char *port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1, conn;

	addr.sin_port = htons((unsigned short)atoi(port));
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
	close(fd);
	return conn;
}

static void answer(SSL *ssl, char *question)
{
	char *label = strtok(question, ":"), *hex = strtok(NULL, ":"), *len = strtok(NULL, ":");
	unsigned char context[2048], out[1024];
	size_t n = (size_t)atoi(len), context_len = 0, i;
	bool none = !strcmp(hex, "-");

	if (!none && strcmp(hex, "empty"))
		for (; sscanf(hex + 2 * context_len, "%2hhx", context + context_len) == 1; )
			context_len++;
	if (n > sizeof(out) || SSL_export_keying_material(ssl, out, n, label, strlen(label), context,
							  context_len, !none) != 1)
		die("SSL_export_keying_material");
	for (i = 0; i < n; i++)
		printf("%02x", out[i]);
	printf("\n");
}

int main(int argc, char **argv)
{
	bool server = argc > 6 && !strcmp(argv[1], "server");
	SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	int version, i;
	char byte = 0;
	SSL *ssl;

	if (argc < 8)
		return 2;
	version = strcmp(argv[5], "1.2") ? TLS1_3_VERSION : TLS1_2_VERSION;
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	if (!strcmp(argv[6], "no"))
		SSL_CTX_set_options(ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	if (server && (SSL_CTX_use_certificate_chain_file(ctx, argv[3]) != 1 ||
		       SSL_CTX_use_PrivateKey_file(ctx, argv[4], SSL_FILETYPE_PEM) != 1))
		die("certificate");
	if (!server) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
		if (SSL_CTX_load_verify_locations(ctx, argv[3], NULL) != 1)
			die("CA");
	}
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, connection(server, argv[2]));
	if ((server ? SSL_accept(ssl) : SSL_connect(ssl)) != 1)
		die("handshake");
	for (i = 7; i < argc; i++)
		answer(ssl, argv[i]);
	fflush(stdout);
	SSL_write(ssl, "x", 1);
	while (SSL_read(ssl, &byte, 1) == 1)
		;
	SSL_shutdown(ssl);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return 0;
}
