// SPDX-License-Identifier: GPL-2.0
// LINK: -static
/*
 * A server that no preload object reaches, and that takes its listening socket by
 * LISTEN_FDS: sends every line back in capitals, until the peer ends.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
	const char *pid = getenv("LISTEN_PID"), *nr = getenv("LISTEN_FDS");
	char buf[4096];
	ssize_t n, i;
	int fd;

	if (!pid || !nr || atoi(pid) != getpid() || atoi(nr) < 1) {
		fprintf(stderr, "no sockets for us\n");
		return 1;
	}
	while ((fd = accept(3 + atoi(nr) - 1, NULL, NULL)) >= 0) {
		while ((n = read(fd, buf, sizeof(buf))) > 0) {
			for (i = 0; i < n; i++)
				buf[i] = (char)toupper(buf[i]);
			if (write(fd, buf, (size_t)n) != n)
				break;
		}
		close(fd);
	}
	perror("accept");
	return 1;
}
