// SPDX-License-Identifier: GPL-2.0
/* Names and options; sockets before, in and without a connection. */
#include "bulk.h"

#include <linux/sockios.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

static void names(void)
{
	struct ends e = ends();
	struct sockaddr_in me, them;
	socklen_t n = sizeof(me), m = sizeof(them);
	struct tcp_info info;
	socklen_t size = sizeof(info);
	struct stat st;
	int v = -1;

	row("getsockname", "%s", res(getsockname(e.a, (void *)&me, &n)));
	row("getpeername", "%s", res(getpeername(e.a, (void *)&them, &m)));
	row("name", "%d bytes, family %d", m, them.sin_family);
	row("port", "%s", (setup.server ? ntohs(me.sin_port) == setup.at :
					  ntohs(them.sin_port) == setup.to) ? "right" : "wrong");
	row("type", "%d %d %d %d", option(e.a, SOL_SOCKET, SO_TYPE),
	    option(e.a, SOL_SOCKET, SO_DOMAIN), option(e.a, SOL_SOCKET, SO_PROTOCOL),
	    option(e.a, SOL_SOCKET, SO_ACCEPTCONN));
	row("stat", "%s", res(fstat(e.a, &st)));
	row("is a socket", "%d", S_ISSOCK(st.st_mode));
	row("tcp info", "%s", res(getsockopt(e.a, SOL_TCP, TCP_INFO, &info, &size)));
	row("tcp state", "%d", info.tcpi_state);
	row("keepalive", "%s %s %s %s", res(set(e.a, SOL_SOCKET, SO_KEEPALIVE, 1)),
	    res(set(e.a, SOL_TCP, TCP_KEEPIDLE, 1)), res(set(e.a, SOL_TCP, TCP_KEEPINTVL, 1)),
	    res(set(e.a, SOL_TCP, TCP_KEEPCNT, 2)));
	row("keepalive is", "%d %d %d %d", option(e.a, SOL_SOCKET, SO_KEEPALIVE),
	    option(e.a, SOL_TCP, TCP_KEEPIDLE), option(e.a, SOL_TCP, TCP_KEEPINTVL),
	    option(e.a, SOL_TCP, TCP_KEEPCNT));
	row("nodelay", "%s", res(set(e.a, SOL_TCP, TCP_NODELAY, 1)));
	row("nodelay is", "%d", option(e.a, SOL_TCP, TCP_NODELAY));
	row("user timeout", "%s", res(set(e.a, SOL_TCP, TCP_USER_TIMEOUT, 9000)));
	row("user timeout is", "%d", option(e.a, SOL_TCP, TCP_USER_TIMEOUT));
	row("maxseg", "%s", option(e.a, SOL_TCP, TCP_MAXSEG) > 500 ? "good" : "bad");
	row("buffers", "%s %s", res(set(e.a, SOL_SOCKET, SO_SNDBUF, 100000)),
	    res(set(e.a, SOL_SOCKET, SO_RCVBUF, 100000)));
	row("buffers are", "%d %d", option(e.a, SOL_SOCKET, SO_SNDBUF),
	    option(e.a, SOL_SOCKET, SO_RCVBUF));
	row("unknown option", "%s", res(set(e.a, SOL_TCP, 999, 1)));
	row("unknown level", "%s", res(set(e.a, 999, 1, 1)));
	row("tos", "%s", res(set(e.a, SOL_IP, 1 /* IP_TOS */, 16)));
	row("mark", "%s", res(ioctl(e.a, SIOCATMARK, &v)));
	row("at mark", "%d", v);
	pause_ms(2500);		/* keepalive probes were answered */
	row("out queue", "%s", res(ioctl(e.a, SIOCOUTQ, &v)));
	row("out queue is", "%d", v);
	row("alive", "%s", res(send(e.a, "alive", 5, 0)));
	row("there", "%s", gets_n(e.b, 5));
}

static void not_connected(void)
{
	int fd = make_socket(setup.here);
	struct sockaddr_in me;
	socklen_t n = sizeof(me);
	char buf[10];

	on_signal(SIGPIPE, SA_RESTART);
	row("read", "%s", res(recv(fd, buf, 10, 0)));
	row("write", "%s", res(send(fd, "x", 1, 0)));
	row("signals", "%d", signals);
	row("poll", "%s", bits(fd));
	row("getpeername", "%s", res(getpeername(fd, (void *)&me, &n)));
	row("getsockname", "%s", res(getsockname(fd, (void *)&me, &n)));
	row("shutdown", "%s", res(shutdown(fd, SHUT_WR)));
	row("accept", "%s", res(accept(fd, NULL, NULL)));
	row("sendfile", "%s", res(sendfile(fd, make_file("x", 1), NULL, 1)));
	row("close", "%s", res(close(fd)));
}

/* A port where nobody listens. */
static int closed_port(void)
{
	int fd = make_socket(false);
	struct sockaddr_in at = address(0);
	socklen_t n = sizeof(at);

	must(!bind(fd, (void *)&at, n) && !getsockname(fd, (void *)&at, &n), "bind");
	return ntohs(at.sin_port);	/* the socket stays: nobody else gets it */
}

static void refused(void)
{
	int port = closed_port(), fd = make_socket(setup.here);
	char buf[10];

	row("connect", "%s", res(dial(fd, port)));
	row("poll", "%s", bits(fd));
	row("read", "%s", res(recv(fd, buf, 10, MSG_DONTWAIT)));
	row("error", "%s", name(so_error(fd)));
	row("again", "%s", res(dial(fd, port)));
	close(fd);
	fd = make_socket(setup.here);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	row("not blocking", "%s", res(dial(fd, port)));
	poll_one(fd, POLLOUT, 5000);
	row("poll, not blocking", "%s", bits(fd));
	row("error, not blocking", "%s", name(so_error(fd)));
	row("error, read once", "%s", name(so_error(fd)));
}

static void *acceptor(void *arg)
{
	*(int *)arg = accept(*(int *)arg, NULL, NULL);
	return NULL;
}

static void connecting(void)
{
	int l = make_listener(setup.server ? setup.here : setup.there, setup.at);
	int s = l, fd = make_socket(setup.server ? setup.there : setup.here);
	char buf[10];
	pthread_t t;

	pthread_create(&t, NULL, acceptor, &s);
	if (setup.server) {		/* connect() is not the end under test */
		dial(fd, setup.to);
	} else {
		fcntl(fd, F_SETFL, O_NONBLOCK);
		row("connect", "%s", res(dial(fd, setup.to)));
		row("poll", "%s", bits_text(poll_one(fd, POLLOUT, 5000)));
		row("error", "%s", name(so_error(fd)));
		row("connect again", "%s", res(dial(fd, setup.to)));
		row("and again", "%s", res(dial(fd, setup.to)));
		row("read", "%s", res(recv(fd, buf, 10, 0)));
		fcntl(fd, F_SETFL, 0);
	}
	row("write", "%s", res(write(fd, "hello", 5)));
	pthread_join(t, NULL);
	row("there", "%s", gets_n(s, 5));
	row("listen when connected", "%s", res(listen(setup.server ? s : fd, 5)));
	row("attach once more", "%s", setup.here ? res(setsockopt(setup.server ? s : fd, SOL_TCP,
	    TCP_ULP, "kssl", 4)) : "EEXIST");
}

static void accepting(void)
{
	int l = make_listener(setup.server ? setup.here : setup.there, setup.at), s, c;
	struct sockaddr_in from;
	socklen_t n = sizeof(from);
	char buf[10];
	pthread_t t;

	if (!setup.server)
		return;
	fcntl(l, F_SETFL, O_NONBLOCK);
	row("nobody", "%s", res(accept(l, NULL, NULL)));
	row("poll, nobody", "%s", bits(l));
	row("read", "%s", res(recv(l, buf, 10, 0)));
	row("write", "%s", res(send(l, "x", 1, MSG_NOSIGNAL)));
	row("listening", "%d", option(l, SOL_SOCKET, SO_ACCEPTCONN));
	row("getpeername", "%s", res(getpeername(l, (void *)&from, &n)));
	c = make_socket(setup.there);
	pthread_create(&t, NULL, dialler, &c);
	poll_one(l, POLLIN, 5000);
	row("poll, somebody", "%s", bits(l));
	n = sizeof(from);
	s = accept4(l, (void *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
	row("accept", "%s, %d bytes, family %d", s >= 0 ? "good" : res(s), n, from.sin_family);
	row("flags", "%d %d", !!(fcntl(s, F_GETFL) & O_NONBLOCK),
	    !!(fcntl(s, F_GETFD) & FD_CLOEXEC));
	row("empty again", "%s", res(accept(l, NULL, NULL)));
	row("read, nothing there", "%s", res(recv(s, buf, 10, 0)));
	pthread_join(t, NULL);
	put(c, "hello");
	await(s);
	row("data", "%s", text(recv(s, buf, 10, 0), buf));
	row("listen again", "%s", res(listen(l, 20)));
	row("close", "%s", res(close(l)));
	row("write after close", "%s", res(write(s, "still", 5)));
	row("there", "%s", gets_n(c, 5));
}

/* A connection that nobody accepts dies with its listener. */
static void unaccepted(void)
{
	int l = make_listener(setup.server ? setup.here : setup.there, setup.at), c;

	if (!setup.server)
		return;
	c = make_socket(false);
	must(!dial(c, setup.at), "connect");	/* plain: there is no TLS to wait for */
	settle();
	close(l);
	row("there", "%s", gets_n(c, 1));
}

const struct test_case connecting_cases[] = {
	CASE(names), CASE(not_connected), CASE(refused), CASE(connecting), CASE(accepting),
	CASE(unaccepted), { NULL, NULL }
};
