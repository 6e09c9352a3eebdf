// SPDX-License-Identifier: GPL-2.0
/* A TCP connection over loopback with room for everything a case sends at once. */
#include "bench.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM	(4 << 20)

void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static void prepare(int fd)
{
	const int one = 1, room = ROOM;

	must(!setsockopt(fd, SOL_TCP, TCP_NODELAY, &one, sizeof(one)), "TCP_NODELAY");
	must(!setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)), "SO_SNDBUF");
	must(!setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)), "SO_RCVBUF");
}

static int listener(struct sockaddr_in *addr)
{
	static struct sockaddr_in here = { .sin_family = AF_INET };
	socklen_t len = sizeof(here);
	static int fd = -1;

	if (fd < 0) {
		here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		fd = socket(AF_INET, SOCK_STREAM, 0);
		prepare(fd);
		must(!bind(fd, (struct sockaddr *)&here, sizeof(here)) && !listen(fd, 16) &&
		     !getsockname(fd, (struct sockaddr *)&here, &len), "listen");
	}
	*addr = here;
	return fd;
}

void link_up(struct link *l, const struct way *way, const struct suite *suite)
{
	struct sockaddr_in addr;
	int fd = listener(&addr);

	memset(l, 0, sizeof(*l));
	l->way = way;
	l->suite = suite;
	l->a.fd = socket(AF_INET, SOCK_STREAM, 0);
	prepare(l->a.fd);
	must(!connect(l->a.fd, (struct sockaddr *)&addr, sizeof(addr)), "connect");
	l->b.fd = accept(fd, NULL, NULL);
	must(l->b.fd >= 0, "accept");
	prepare(l->b.fd);
}

/* By a reset: no socket stays in TIME_WAIT, to be counted or freed later. */
void reset_close(int fd)
{
	const struct linger now_please = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now_please, sizeof(now_please));
	close(fd);
}

void link_down(struct link *l)
{
	l->way->stop(l);
	reset_close(l->a.fd);
	close(l->b.fd);
}
