// SPDX-License-Identifier: GPL-2.0
// LIBS: libcrypto
// LINK: -Lbuild -lkssl -Wl,-rpath,'$ORIGIN/..'
/*
 * A listener's child is born in softirq, where there may be no memory for it.
 * Each allocation that the clone hook makes is failed in turn; the child must be
 * dead then: accept() says ECONNABORTED, the peer gets a RST and not one byte,
 * whatever the program would have sent.  Where nothing failed it must be TLS.
 *
 * fail-nth is for tasks; here failslab fails the first atomic allocation from the
 * caches that the hook uses after so many bytes of them ("space").  Now and then that
 * is one that TCP makes; then too the child is TLS or there is none.
 */
#include "ends.h"

#define FAULTS "/sys/kernel/debug/failslab/"
/* The smallest cache's objects are of so many bytes. */
#define STEP 8
#define SPACE_MAX 16384
/* A session, its handshake, two strings. */
#define SITES 4

static int port;

static void put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	MUST(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void put_number(const char *path, long n)
{
	char text[24];

	snprintf(text, sizeof(text), "%ld", n);
	put_file(path, text);
}

static long get_number(const char *path)
{
	char text[24] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	MUST(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return atol(text);
}

/*
 * Sessions and strings come from caches that vm/run has marked at boot
 * (slub_debug=A): this cannot be done later.  TCP must take nothing atomic from
 * those before the hook is called, or that is what fails.
 */
static void filter_caches(void)
{
	MUST(get_number("/sys/kernel/slab/kmalloc-cg-1k/failslab") == 1);
	put_file(FAULTS "cache-filter", "Y");
	put_file(FAULTS "ignore-gfp-wait", "Y");
	put_file(FAULTS "verbose", "0");
	put_file(FAULTS "interval", "1");
}

static void arm_softirq(long space)
{
	put_number(FAULTS "space", space);
	put_number(FAULTS "times", 1);
	put_number(FAULTS "probability", 100);
}

static bool disarm_softirq(void)
{
	put_number(FAULTS "probability", 0);
	return !get_number(FAULTS "times");
}

static int listen_at(int family)
{
	struct sockaddr_in6 at = { .sin6_family = (sa_family_t)family };
	socklen_t len = sizeof(at);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	MUST(fd >= 0 && !bind(fd, (struct sockaddr *)&at, family == AF_INET ? 16 : len) &&
	     !listen(fd, 8) && !attach(fd, "kssl") &&
	     !setsockopt(fd, SOL_KSSL, KSSL_IDENTITY, "rsa", 3) &&
	     !setsockopt(fd, SOL_KSSL, KSSL_ALPN, "http/1.1", 8) &&
	     !getsockname(fd, (struct sockaddr *)&at, &len));
	port = at.sin6_port;
	return fd;
}

static int dial(int family)
{
	struct sockaddr_in to4 = { .sin_family = AF_INET, .sin_port = (in_port_t)port };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6, .sin6_port = (in_port_t)port,
				    .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	MUST(fd >= 0 && !(family == AF_INET ?
			  connect(fd, (struct sockaddr *)&to4, sizeof(to4)) :
			  connect(fd, (struct sockaddr *)&to6, sizeof(to6))));
	return fd;
}

/* A program that believes in its socket; the peer must not get what it writes. */
static bool dead(struct ends *e)
{
	unsigned char byte;
	ssize_t n;

	if (errno != ECONNABORTED)
		return no("accept(): %s", strerror(errno));
	n = recv(e->w.fd, &byte, 1, 0);
	return n == -1 && errno == ECONNRESET ? true :
	       no("the peer got %zd, %s", n, strerror(errno));
}

static bool alive(struct ends *e)
{
	if (!CHECK(e->fd >= 0))
		return false;
	e->session = session_of(e->fd);
	if (!CHECK(e->session))
		return false;
	set_keys(e, false);
	return works(e, 0, 0);
}

/* Nobody accepts it, the peer sends, the listener is closed. */
static bool unaccepted(struct ends *e, int l)
{
	unsigned char byte;
	ssize_t n;

	MUST(send(e->w.fd, "hello", 5, MSG_NOSIGNAL) == 5);
	close(l);
	n = recv(e->w.fd, &byte, 1, 0);
	return n == -1 && errno == ECONNRESET ? true :
	       no("unaccepted: the peer got %zd, %s", n, strerror(errno));
}

/**
 * struct way - how the child comes to be
 * @client: the client's address family; @server: the listener's
 * @accepted: the program accepts
 * @cookies: for the third packet alone
 */
struct way {
	const char *name;
	int client, server;
	bool accepted, cookies;
};

/* @site: the fault hit the hook; if it hit something else the child must be TLS */
static bool one(const struct way *way, long space, bool *hit, bool *site)
{
	struct ends e = { .fd = -1 };
	int l = listen_at(way->server);
	bool good;

	doing = way->name;
	doing_nth = (int)space;
	alarm(60);
	arm_softirq(space);
	witness_init(&e.w, dial(way->client));
	*hit = disarm_softirq();
	*site = *hit;
	if (!way->accepted) {
		good = unaccepted(&e, l);
	} else {
		e.fd = accept4(l, NULL, NULL, SOCK_CLOEXEC);
		*site = *hit && e.fd < 0;
		good = *site ? dead(&e) : alive(&e);
		close(l);
	}
	close_ends(&e);
	alarm(0);
	return good && !*reason;
}

/*
 * What was used of the space tells which allocation it was that failed.  Steps
 * grow, and one that went too far is taken back.
 */
static bool sweep_space(const struct way *way, long *sites)
{
	long space, step = STEP, used = -1;
	bool hit, site;

	for (space = 1; space < SPACE_MAX; space += step) {
		if (!one(way, space, &hit, &site))
			return false;
		if (hit && space - get_number(FAULTS "space") == used) {
			step *= 2;
		} else if (step > STEP && used >= 0) {
			space -= step;
			step = STEP;
		} else if (hit) {
			used = space - get_number(FAULTS "space");
			*sites += site;
		} else {
			return true;
		}
	}
	return no("something is always hit");
}

static void sweep(const struct way *way)
{
	int tries = 4;
	bool good;
	long sites;

	put_file("/proc/sys/net/ipv4/tcp_syncookies", way->cookies ? "2" : "1");
	do {	/* again, if TCP was hit in place of one of them */
		sites = 0;
		good = sweep_space(way, &sites);
	} while (good && sites < SITES && --tries);
	if (good && sites < SITES)
		good = no("too few");
	result(good, way->name, sites);
	put_file("/proc/sys/net/ipv4/tcp_syncookies", "1");
}

int main(void)
{
	static const struct way ways[] = {
		{ "IPv4 child", AF_INET, AF_INET, true, false },
		{ "IPv6 child", AF_INET6, AF_INET6, true, false },
		{ "IPv4 child of an IPv6 listener", AF_INET, AF_INET6, true, false },
		{ "child of a SYN cookie", AF_INET, AF_INET, true, true },
		{ "child that is not accepted", AF_INET, AF_INET, false, false },
	};
	size_t i;

	faults_init(false);
	ends_init();
	suite = wire_suite(0x1301);
	filter_caches();
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		sweep(&ways[i]);
	put_file(FAULTS "cache-filter", "N");
	printf("# %ld sites were failed, one by one\n1..%d\n", all_sites, tests);
	return bad;
}
