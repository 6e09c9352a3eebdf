// SPDX-License-Identifier: GPL-2.0
// LIBS: libssl libcrypto
/*
 * An OpenSSL peer with an extension record_size_limit (RFC 8449) made by hand.
 *
 * usage: limit server PORT CERT KEY VERSION VALUE BYTES
 *	  limit client PORT CA - VERSION VALUE BYTES
 *
 * VERSION 1.2 or 1.3; VALUE what the extension says.  One connection: prints what
 * the other end's extension said or "none", takes BYTES, says "x", waits for the
 * other end to close, and prints how many bytes came.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#define RECORD_SIZE_LIMIT 28

static unsigned char value[2];
static int said = -1;

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

static int add(SSL *ssl, unsigned int type, unsigned int context, const unsigned char **out,
	       size_t *len, X509 *cert, size_t chain, int *alert, void *arg)
{
	(void)ssl;
	(void)type;
	(void)context;
	(void)cert;
	(void)chain;
	(void)alert;
	(void)arg;
	*out = value;
	*len = sizeof(value);
	return 1;
}

static int parse(SSL *ssl, unsigned int type, unsigned int context, const unsigned char *in,
		 size_t len, X509 *cert, size_t chain, int *alert, void *arg)
{
	(void)ssl;
	(void)type;
	(void)context;
	(void)cert;
	(void)chain;
	(void)alert;
	(void)arg;
	said = len == 2 ? in[0] << 8 | in[1] : 0;
	return 1;
}

int main(int argc, char **argv)
{
	bool server = argc == 8 && !strcmp(argv[1], "server");
	SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	long n, want, got = 0;
	char buf[16384];
	int version;
	SSL *ssl;

	if (argc != 8)
		return 2;
	version = strcmp(argv[5], "1.2") ? TLS1_3_VERSION : TLS1_2_VERSION;
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	SSL_CTX_set_cipher_list(ctx, "ECDHE-RSA-AES128-GCM-SHA256");
	SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256");
	value[0] = (unsigned char)(atoi(argv[6]) >> 8);
	value[1] = (unsigned char)atoi(argv[6]);
	want = atol(argv[7]);
	if (!SSL_CTX_add_custom_ext(ctx, RECORD_SIZE_LIMIT, SSL_EXT_CLIENT_HELLO |
				    SSL_EXT_TLS1_2_SERVER_HELLO |
				    SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS, add, NULL, NULL, parse,
				    NULL))
		die("extension");
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
	if (said < 0)
		printf("none\n");
	else
		printf("%d\n", said);
	fflush(stdout);
	if (!server)
		SSL_write(ssl, "hello", 5);
	for (; got < want && (n = SSL_read(ssl, buf, sizeof(buf))) > 0; got += n)
		;
	SSL_write(ssl, "x", 1);
	for (; (n = SSL_read(ssl, buf, sizeof(buf))) > 0; got += n)
		;
	printf("%ld\n", got);
	SSL_shutdown(ssl);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return 0;
}
