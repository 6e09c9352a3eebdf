// SPDX-License-Identifier: GPL-2.0
// LIBS: libssl libcrypto
// LINK: -Lbuild -lkssl -Wl,-rpath,'$ORIGIN/..'
/*
 * Handshakes without memory.  The peer is libssl, in a thread, and looks at each
 * byte that comes.
 *
 *	faults-handshake PKI program	  the n-th allocation of the program's calls
 *	faults-handshake PKI daemon PID	  of a thread of kssld's, during a handshake
 *	faults-handshake PKI queue N	  some of the kernel's own threads', at random,
 *					  during N handshakes
 *
 * A session then works, or is finished, or the call can be made again.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <kssl/kssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include "faults.h"

#define MARK "THIS MUST NOT BE SEEN ON THE WIRE"
#define TIMEOUT_MS 3000
#define RECORD_MAX (5 + 16384 + 256)

static char pki[300];
static SSL_CTX *contexts[2];		/* client, server */
static uint32_t usual_timeout;		/* of a handshake, in ms */
static int ours;			/* a listener with kssl on it */
static struct sockaddr_in plain_at, ours_at;	/* the peer that serves; @ours */

/* ---- the peer ---- */

/**
 * struct peer - the other end, in its thread
 * @server: it serves
 * @greets: it sends the mark first
 * @listener: one of its own if it serves: nobody else's connection is in its queue
 * @fd: its socket
 * @seen, @nr_seen: bytes that came, of a record that is not whole
 * @why: what was wrong with what came
 */
struct peer {
	pthread_t thread;
	bool server, greets;
	int listener, fd;
	SSL *ssl;
	unsigned char seen[2 * RECORD_MAX];
	size_t nr_seen;
	char why[200];
};

/* Records, as far as one can see without keys, and no plaintext. */
static bool check_bytes(struct peer *p, const unsigned char *bytes, size_t n)
{
	size_t at = 0, len;

	memcpy(p->seen + p->nr_seen, bytes, n);
	p->nr_seen += n;
	if (memmem(p->seen, p->nr_seen, MARK, strlen(MARK))) {
		snprintf(p->why, sizeof(p->why), "plaintext on the wire");
		return false;
	}
	while (p->nr_seen - at >= 5) {
		const unsigned char *h = p->seen + at;

		len = 5 + (size_t)(h[3] << 8 | h[4]);
		if (h[0] < 20 || h[0] > 23 || h[1] != 3 || len > RECORD_MAX) {
			snprintf(p->why, sizeof(p->why), "bytes that are no record");
			return false;
		}
		if (p->nr_seen - at < len)
			break;
		at += len;
	}
	memmove(p->seen, p->seen + at, p->nr_seen - at);
	p->nr_seen -= at;
	return true;
}

static bool flush(struct peer *p)
{
	char out[16384];
	int n;

	while ((n = BIO_read(SSL_get_wbio(p->ssl), out, sizeof(out))) > 0)
		if (send(p->fd, out, (size_t)n, MSG_NOSIGNAL) != n)
			return false;
	return true;
}

/* What comes, to libssl; false at the end. */
static bool fill(struct peer *p)
{
	unsigned char in[8192];
	ssize_t n = recv(p->fd, in, sizeof(in), 0);

	return n > 0 && check_bytes(p, in, (size_t)n) &&
	       BIO_write(SSL_get_rbio(p->ssl), in, (int)n) == n;
}

/* An alert of the other end's is no fault of the bytes. */
static void judge(struct peer *p, int ret)
{
	unsigned long err = ERR_peek_error();

	if (SSL_get_error(p->ssl, ret) == SSL_ERROR_SSL &&
	    ERR_GET_REASON(err) < SSL_AD_REASON_OFFSET && !*p->why)
		ERR_error_string_n(err, p->why, sizeof(p->why));
	ERR_clear_error();
}

/* Echoes until the end. */
static void serve(struct peer *p)
{
	char text[4096];
	bool up = false;
	int ret;

	for (;;) {
		if (!up) {
			ret = SSL_do_handshake(p->ssl);
			up = ret == 1;
			if (up && p->greets)
				SSL_write(p->ssl, MARK, (int)strlen(MARK));
		} else {
			ret = SSL_read(p->ssl, text, sizeof(text));
			if (ret > 0)
				SSL_write(p->ssl, text, ret);
		}
		if (!flush(p) || (ret <= 0 && SSL_get_error(p->ssl, ret) != SSL_ERROR_WANT_READ)) {
			judge(p, ret);
			return;
		}
		if (ret <= 0 && !fill(p))
			return;
	}
}

static void *peer_main(void *arg)
{
	struct linger hard = { .l_onoff = 1 };
	struct peer *p = arg;

	if (p->server) {
		p->fd = accept(p->listener, NULL, NULL);
	} else {
		p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		MUST(!connect(p->fd, (struct sockaddr *)&ours_at, sizeof(ours_at)));
	}
	if (p->fd < 0)
		return NULL;
	setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	p->ssl = SSL_new(contexts[p->server]);
	MUST(p->ssl);
	SSL_set_bio(p->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	BIO_set_mem_eof_return(SSL_get_rbio(p->ssl), -1);
	(p->server ? SSL_set_accept_state : SSL_set_connect_state)(p->ssl);
	serve(p);
	SSL_free(p->ssl);
	close(p->fd);
	return NULL;
}

static int listen_at(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at->sin_family = AF_INET;
	at->sin_port = 0;
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	MUST(fd >= 0 && !bind(fd, (struct sockaddr *)at, len) && !listen(fd, 8) &&
	     !getsockname(fd, (struct sockaddr *)at, &len));
	return fd;
}

static struct peer *peer_start(bool server, bool greets)
{
	struct peer *p = calloc(1, sizeof(*p));

	MUST(p);
	p->server = server;
	p->greets = greets;
	p->fd = -1;
	if (server)
		p->listener = listen_at(&plain_at);
	MUST(!pthread_create(&p->thread, NULL, peer_main, p));
	return p;
}

/* One that still waits for somebody waits no longer. */
static bool peer_end(struct peer *p)
{
	bool good;

	if (p->server)
		shutdown(p->listener, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	if (p->server)
		close(p->listener);
	good = !*p->why || no("the peer: %s", p->why);
	free(p);
	return good;
}

/* ---- our end ---- */

static int attach(int fd)
{
	return setsockopt(fd, SOL_TCP, TCP_ULP, "kssl", 4);
}

static int make_client(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	MUST(fd >= 0 && !attach(fd));
	MUST(!setsockopt(fd, SOL_KSSL, KSSL_PEER_NAME, "localhost", 9));
	return fd;
}

static int dial(int fd)
{
	return connect(fd, (struct sockaddr *)&plain_at, sizeof(plain_at));
}

static int make_connected(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	MUST(fd >= 0 && !dial(fd) && !attach(fd));
	MUST(!setsockopt(fd, SOL_KSSL, KSSL_PEER_NAME, "localhost", 9));
	return fd;
}

static bool echoes(int fd)
{
	char got[sizeof(MARK)];
	ssize_t n;

	if (!CHECK(send(fd, MARK, strlen(MARK), MSG_NOSIGNAL) == (ssize_t)strlen(MARK)))
		return false;
	n = recv(fd, got, strlen(MARK), MSG_WAITALL);
	return (n == (ssize_t)strlen(MARK) && !memcmp(got, MARK, strlen(MARK))) ||
	       no("the echo is %zd, %s", n, strerror(errno));
}

static bool finished(int fd, int err)
{
	char c;

	return CHECK(recv(fd, &c, 1, 0) == -1 && errno == err) &&
	       CHECK(send(fd, MARK, 5, MSG_NOSIGNAL) == -1 && errno == EPIPE) &&
	       CHECK(recv(fd, &c, 1, 0) == -1 && errno == err);
}

/* What a handshake may end with when somebody else had no memory. */
static bool acceptable(int err, const char *text)
{
	return sensible(err) || err == ETIMEDOUT || err == ECONNRESET || err == ESRCH ||
	       err == ECONNABORTED ||
	       no("errno %d (%s) makes no sense: %s", err, strerror(err), text);
}

static char last_end[300];	/* why the last session that was over was */

/* 1: it is finished, as it should be; 0: not; -1: but badly. */
static int over(int fd)
{
	struct kssl_error error;

	if (!CHECK(!kssl_error(fd, &error)))
		return -1;
	if (!error.err)
		return 0;
	snprintf(last_end, sizeof(last_end), "%s (%s)", strerror(error.err), error.text);
	return acceptable(error.err, error.text) && finished(fd, error.err) ? 1 : -1;
}

/* ---- the program's own calls ---- */

struct test {
	const char *name;
	int (*make)(void);
	long (*act)(int *fd);
	bool greets;		/* the peer does, and the call reads it */
	bool server;		/* we serve */
};

static long act_connect(int *fd)
{
	long ret = dial(*fd);

	return ret && errno == EISCONN ? 0 : ret;
}

static long act_handshake(int *fd)
{
	uint32_t ms = 0;

	return setsockopt(*fd, SOL_KSSL, KSSL_HANDSHAKE, &ms, sizeof(ms));
}

static long act_send(int *fd)
{
	return send(*fd, MARK, strlen(MARK), MSG_NOSIGNAL) == (ssize_t)strlen(MARK) ? 0 : -1;
}

static long act_recv(int *fd)
{
	char got[sizeof(MARK)] = "";
	ssize_t n = recv(*fd, got, strlen(MARK), MSG_WAITALL);

	if (n > 0 && strcmp(got, MARK))
		no("read \"%s\"", got);
	return n > 0 ? 0 : -1;
}

static long act_poll(int *fd)
{
	struct pollfd p = { .fd = *fd, .events = POLLOUT };

	return poll(&p, 1, 10000) < 0 ? -1 : 0;
}

static long act_accept(int *fd)
{
	if (*fd < 0)
		*fd = accept4(ours, NULL, NULL, SOCK_CLOEXEC);
	return *fd < 0 ? -1 : act_recv(fd);
}

static int make_nothing(void)
{
	return -1;
}

/* The peer that accept() failed for may be in the queue still: it shall not wait. */
static void turn_away(void)
{
	struct pollfd p = { .fd = ours, .events = POLLIN };

	if (poll(&p, 1, 3000) == 1)
		close(accept4(ours, NULL, NULL, SOCK_CLOEXEC));
}

/* Again, now with memory, if it is not over. */
static bool program_after(const struct test *t, int *fd, long ret, int err)
{
	int ended;

	if (t->server && *fd < 0) {
		turn_away();
		return err == ECONNABORTED || sensible(err) || err == ENFILE ||
		       no("accept: %s", strerror(err));
	}
	ended = over(*fd);
	if (ended)
		return ended > 0;
	if (ret && !sensible(err))
		return no("errno %d (%s) makes no sense", err, strerror(err));
	if (ret && !CHECK(!t->act(fd)))
		return false;
	if (t->act == act_send) {
		char got[sizeof(MARK)] = "";

		if (!CHECK(recv(*fd, got, strlen(MARK), MSG_WAITALL) > 0 && !strcmp(got, MARK)))
			return false;
	}
	return echoes(*fd);
}

static bool program_one(const struct test *t, int nth, bool *hit)
{
	struct peer *p = peer_start(!t->server, t->greets);
	int fd, err;
	bool good;
	long ret;

	doing = t->name;
	doing_nth = nth;
	alarm(60);
	fd = t->make();
	arm(nth);
	ret = t->act(&fd);
	err = errno;
	*hit = disarm();
	good = !*reason && program_after(t, &fd, ret, err);
	if (fd >= 0)
		close(fd);
	good &= peer_end(p);
	alarm(0);
	return good;
}

static void program(void)
{
	static const struct test cases[] = {
		{ "connect", make_client, act_connect, false, false },
		{ "HANDSHAKE", make_connected, act_handshake, false, false },
		{ "first send", make_connected, act_send, false, false },
		{ "first recv", make_connected, act_recv, true, false },
		{ "first poll", make_connected, act_poll, false, false },
		{ "accept and first recv", make_nothing, act_accept, true, true },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool hit = true, good = true;
		int nth = 0;

		while (good && hit && ++nth < SITES_MAX)
			good = program_one(&cases[i], nth, &hit);
		result(good, cases[i].name, nth - 1);
	}
}

/* ---- kssld and the kernel's queue ---- */

/* A handshake's time; returns what it was. */
static uint32_t set_timeout(uint32_t ms)
{
	struct kssl_nl *nl = kssl_nl_open();
	struct kssl_policy policy;
	uint32_t was;

	MUST(nl && !kssl_nl_policy_get(nl, &policy));
	was = policy.timeout_ms;
	policy.timeout_ms = ms;
	MUST(!kssl_nl_policy_set(nl, &policy));
	kssl_nl_close(nl);
	return was;
}

/* A whole handshake and an echo; 1: good, 0: over, -1: bad. */
static int whole(bool server)
{
	struct peer *p = peer_start(!server, false);
	int fd = server ? accept4(ours, NULL, NULL, SOCK_CLOEXEC) : make_connected();
	int ret = -1, ended;

	alarm(60);
	if (fd >= 0) {
		act_handshake(&fd);
		ended = over(fd);
		if (ended)
			ret = ended > 0 ? 0 : -1;
		else
			ret = echoes(fd) ? 1 : over(fd) > 0 ? 0 : -1;
		/* over() may have said why the echo is no wonder */
		if (ret >= 0)
			*reason = 0;
		close(fd);
	} else if (acceptable(errno, "accept")) {
		snprintf(last_end, sizeof(last_end), "accept: %s", strerror(errno));
		ret = 0;
	}
	if (!peer_end(p))
		ret = -1;
	alarm(0);
	return ret;
}

/* Without faults, and with all the time that a handshake has else. */
static bool well(void)
{
	int role, ret;

	set_timeout(usual_timeout);
	for (role = 0; role < 2; role++) {
		ret = whole(role);
		if (ret != 1)
			return no("%s: %s", role ? "server" : "client", ret ? "bad" : last_end);
	}
	set_timeout(TIMEOUT_MS);
	return true;
}

static int nr_threads(const char *pid, char names[][64], int max)
{
	char path[300];
	struct dirent *d;
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	dir = opendir(path);
	MUST(dir);
	while ((d = readdir(dir)) && n < max)
		if (*d->d_name != '.')
			snprintf(names[n++], 64, "%.60s", d->d_name);
	closedir(dir);
	return n;
}

/* The thread that serves is the one whose count goes down. */
static void daemon_sweep(const char *pid, const char *thread, bool server)
{
	const char *name = server ? "kssld, serving" : "kssld, as a client";
	char path[300];
	int nth = 0, fd, ret;
	bool hit = true, good = true;

	snprintf(path, sizeof(path), "/proc/%s/task/%s/fail-nth", pid, thread);
	fd = open(path, O_RDWR | O_CLOEXEC);
	MUST(fd >= 0);
	doing = name;
	while (good && hit && ++nth < SITES_MAX) {
		doing_nth = nth;
		arm_fd(fd, nth);
		ret = whole(server);
		hit = disarm_fd(fd);
		good = ret >= 0 && (hit || ret == 1 || no("failed without a fault"));
	}
	close(fd);
	if (nth > 1 || !good)
		result(good, name, nth - 1);
}

static void daemon_mode(const char *pid)
{
	char threads[16][64];
	int n = nr_threads(pid, threads, 16), i;

	for (i = 0; i < n; i++) {
		daemon_sweep(pid, threads[i], false);
		daemon_sweep(pid, threads[i], true);
	}
	doing_nth = 0;
	result(well(), "kssld serves as before", 0);
}

static void put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	MUST(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static long get_number(const char *path)
{
	char text[24] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	MUST(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return atol(text);
}

#define SLAB "/sys/kernel/debug/failslab/"
#define PAGE "/sys/kernel/debug/fail_page_alloc/"

/* Threads of work queues, and who makes new ones: those inherit it. */
static void mark_workers(const char *value)
{
	char path[300], comm[64];
	struct dirent *d;
	DIR *dir = opendir("/proc");
	int fd;

	MUST(dir);
	while ((d = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%.20s/comm", d->d_name);
		memset(comm, 0, sizeof(comm));
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (read(fd, comm, sizeof(comm) - 1) > 0 &&
		    (!strncmp(comm, "kworker/", 8) || !strcmp(comm, "kthreadd\n"))) {
			snprintf(path, sizeof(path), "/proc/%.20s/make-it-fail", d->d_name);
			close(fd);
			fd = open(path, O_WRONLY | O_CLOEXEC);
			if (fd >= 0 && write(fd, value, 1) != 1)
				perror(path);
		}
		close(fd);
	}
	closedir(dir);
}

static void probability(const char *percent)
{
	static const char *const dirs[] = { SLAB, PAGE };
	char path[100];
	size_t i;

	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%sverbose", dirs[i]);
		put_file(path, "0");
		snprintf(path, sizeof(path), "%stask-filter", dirs[i]);
		put_file(path, "Y");
		snprintf(path, sizeof(path), "%stimes", dirs[i]);
		put_file(path, "1000000");
		snprintf(path, sizeof(path), "%sprobability", dirs[i]);
		put_file(path, percent);
	}
}

static long faults_left(void)
{
	return get_number(SLAB "times") + get_number(PAGE "times");
}

static void queue_mode(int count)
{
	int i, ret = 0, good = 0, ended = 0;
	long hits;

	doing = "the kernel's queue";
	mark_workers("1");
	probability("10");
	for (i = 0; i < count && ret >= 0; i++) {
		doing_nth = i;
		ret = whole(i & 1);
		good += ret == 1;
		ended += ret == 0;
	}
	hits = 2000000 - faults_left();
	probability("0");
	mark_workers("0");
	printf("# %d good, %d over\n", good, ended);
	if (ret >= 0 && (!good || !ended || !hits))
		ret = no("not a mixture") ? 0 : -1;
	result(ret >= 0, "faults in work queues", hits);
	result(well(), "afterwards all is well", 0);
}

/* ---- all of it ---- */

static void make_contexts(void)
{
	char path[400];

	contexts[0] = SSL_CTX_new(TLS_client_method());
	contexts[1] = SSL_CTX_new(TLS_server_method());
	MUST(contexts[0] && contexts[1]);
	snprintf(path, sizeof(path), "%s/ec.pem", pki);
	MUST(SSL_CTX_use_certificate_chain_file(contexts[1], path) == 1);
	snprintf(path, sizeof(path), "%s/ec.key", pki);
	MUST(SSL_CTX_use_PrivateKey_file(contexts[1], path, SSL_FILETYPE_PEM) == 1);
	SSL_CTX_set_num_tickets(contexts[1], 0);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	snprintf(pki, sizeof(pki), "%s", argv[1]);
	faults_init(false);
	make_contexts();
	ours = listen_at(&ours_at);
	MUST(!attach(ours));
	usual_timeout = set_timeout(TIMEOUT_MS);
	MUST(well());	/* also loads all that is lazy */
	MUST(!mlockall(MCL_CURRENT));
	if (!strcmp(argv[2], "program"))
		program();
	else if (!strcmp(argv[2], "daemon") && argc == 4)
		daemon_mode(argv[3]);
	else if (!strcmp(argv[2], "queue") && argc == 4)
		queue_mode(atoi(argv[3]));
	else
		return 2;
	printf("# %ld sites were failed\n1..%d\n", all_sites, tests);
	return bad;
}
