// SPDX-License-Identifier: GPL-2.0-or-later
/* server PORT FILE: answers every request with FILE.  One line makes it TLS. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6 };
	int one = 1, fd = socket(AF_INET6, SOCK_STREAM, 0);
	int file = argc == 3 ? open(argv[2], O_RDONLY) : -1;
	struct stat st;

	if (file < 0 || fstat(file, &st))
		return 2;
	addr.sin6_port = htons(atoi(argv[1]));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 64) ||
	    setsockopt(fd, SOL_TCP, TCP_ULP, "kssl", 4))
		return perror("listen"), 1;
	for (;;) {
		char request[4096];
		off_t at = 0;
		int c = accept(fd, NULL, NULL);

		if (c >= 0 && read(c, request, sizeof(request)) > 0) {
			dprintf(c, "HTTP/1.0 200 OK\r\nContent-Length: %lld\r\n\r\n",
				(long long)st.st_size);
			while (at < st.st_size && sendfile(c, file, &at, 1 << 20) > 0)
				;
		}
		close(c);
	}
}
