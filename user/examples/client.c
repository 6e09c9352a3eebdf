// SPDX-License-Identifier: GPL-2.0-or-later
/* client ADDRESS PORT NAME PATH: HTTP GET to stdout.  Two lines make it TLS. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/kssl.h>

int main(int argc, char **argv)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0), body = 0;
	struct kssl_error e = { 0 };
	socklen_t len = sizeof(e);
	FILE *f;

	if (argc != 5 || inet_pton(AF_INET, argv[1], &addr.sin_addr) != 1)
		return 2;
	addr.sin_port = htons(atoi(argv[2]));
	if (setsockopt(fd, SOL_TCP, TCP_ULP, "kssl", 4) ||
	    setsockopt(fd, SOL_KSSL, KSSL_PEER_NAME, argv[3], strlen(argv[3])) ||
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		perror("connect");
		getsockopt(fd, SOL_KSSL, KSSL_ERROR, &e, &len);
		return fprintf(stderr, "kssl: %s\n", e.text), 1;
	}
	dprintf(fd, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", argv[4], argv[3]);
	for (f = fdopen(fd, "r"); f;) {
		char buf[65536];
		size_t n = body ? fread(buf, 1, sizeof(buf), f) : 0;

		if (!body)
			body = !fgets(buf, sizeof(buf), f) || !strcmp(buf, "\r\n");
		else if (!n || fwrite(buf, 1, n, stdout) != n)
			return ferror(f) ? perror("read"), 1 : 0;
	}
	return 1;
}
