// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A worker: one thread, one netlink socket, one event base, and the handshakes
 * that the kernel gave it.  Workers share nothing but the configuration; each
 * handshake goes by the one that was current when it began (reload.c).
 *
 * Every hs-ready and hs-data is answered by exactly one hs-data, hs-done or
 * hs-fail (include/netlink/kssl.yaml).
 */
#include "kssld.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <event2/event.h>
#include <linux/kssl_netlink.h>
#include <linux/netlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <openssl/crypto.h>

#define BUCKETS 256
#define RECEIVE_BUFFER (8 << 20)
#define MESSAGE_MAX (128 << 10)
#define LINGER_MAX 256		/* handshakes that wait for tickets; then the oldest goes */
#define GRACE_MS 1000		/* the kernel's own time-out comes first */
#define DEADLINE_MS 60000	/* if it does not say */
#define DEADLINE_MAX_MS 600000	/* whatever it says: what waits holds memory */

/**
 * struct entry - a handshake that the kernel gave us
 * @next: in its bucket
 * @session: the kernel's number for it
 * @hs: our side
 * @remote: the peer, for the log
 * @server: our role
 * @begun: monotonic microseconds
 * @deadline: forgets it; the kernel may have forgotten it without a word to us
 * @lingering: it is done, and only tickets are to come
 * @by_age: in worker->lingering
 */
struct entry {
	struct entry *next;
	uint32_t session;
	struct handshake *hs;
	struct sockaddr_storage remote;
	bool server;
	uint64_t begun;
	struct worker *worker;
	struct event *deadline;
	bool lingering;
	TAILQ_ENTRY(entry) by_age;
};

TAILQ_HEAD(entries, entry);

struct worker {
	int number;
	bool running;
	pthread_t thread;
	struct nl_sock *sock;
	int family;
	struct event_base *base;
	struct event *readable;
	struct event *quit;
	int quit_pipe[2];
	struct entry *buckets[BUCKETS];
	struct entries lingering;
	unsigned int nr_lingering;
};

/* ---- table of handshakes ---- */

static struct entry **slot(struct worker *w, uint32_t session)
{
	struct entry **p = &w->buckets[session % BUCKETS];

	while (*p && (*p)->session != session)
		p = &(*p)->next;
	return p;
}

static void forget(struct worker *w, uint32_t session)
{
	struct entry **p = slot(w, session), *e = *p;

	if (!e)
		return;
	*p = e->next;
	if (e->lingering) {
		TAILQ_REMOVE(&w->lingering, e, by_age);
		w->nr_lingering--;
	}
	event_free(e->deadline);
	handshake_free(e->hs);
	free(e);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct entry *e = arg;

	(void)fd;
	(void)what;
	debug("worker %d: session %u: %s", e->worker->number, e->session,
	      e->lingering ? "no more tickets" : "time is up");
	forget(e->worker, e->session);
}

static void arm_deadline(struct entry *e, uint32_t ms)
{
	const struct timeval delay = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(e->deadline, &delay);
}

static struct entry *remember(struct worker *w, uint32_t session, struct handshake *hs)
{
	struct entry *e = calloc(1, sizeof(*e)), **p;

	if (!e)
		return NULL;
	e->worker = w;
	e->deadline = evtimer_new(w->base, on_deadline, e);
	if (!e->deadline) {
		free(e);
		return NULL;
	}
	forget(w, session);
	p = slot(w, session);
	e->session = session;
	e->hs = hs;
	*p = e;
	return e;
}

/* ---- those that are done and wait for tickets ---- */

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void linger(struct worker *w, struct entry *e, uint32_t ms)
{
	handshake_linger(e->hs);
	if (w->nr_lingering == LINGER_MAX)
		forget(w, TAILQ_FIRST(&w->lingering)->session);
	e->lingering = true;
	arm_deadline(e, ms);
	TAILQ_INSERT_TAIL(&w->lingering, e, by_age);
	w->nr_lingering++;
}

/* Best effort both here and in the kernel. */
static void on_post(struct worker *w, struct nlattr **attrs)
{
	struct entry *e = *slot(w, nla_get_u32(attrs[KSSL_A_HS_SESSION]));
	struct nlattr *message = attrs[KSSL_A_HS_MESSAGE];

	if (!e || !e->lingering)
		return;
	if (!message || !handshake_post(e->hs, nla_data(message), (size_t)nla_len(message)))
		forget(w, e->session);
}

/* ---- answers ---- */

static struct nl_msg *message(struct worker *w, uint8_t cmd, uint32_t session, size_t room)
{
	struct nl_msg *msg = nlmsg_alloc_size(room + 4096);

	if (msg && genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, w->family, 0, 0, cmd,
			       KSSL_GENL_VERSION) &&
	    !nla_put_u32(msg, KSSL_A_HS_SESSION, session))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

/* Secrets may be in it: wiped before it is freed. */
static void send_and_wipe(struct worker *w, struct nl_msg *msg)
{
	struct nlmsghdr *hdr = nlmsg_hdr(msg);
	int err = nl_send_auto(w->sock, msg);

	if (err < 0)
		error("worker %d: sending to the kernel: %s", w->number, nl_geterror(err));
	OPENSSL_cleanse(hdr, hdr->nlmsg_len);
	nlmsg_free(msg);
}

static int put_bytes(struct nl_msg *msg, const uint8_t *bytes, size_t len)
{
	return len ? nla_put(msg, KSSL_A_HS_BYTES, (int)len, bytes) : 0;
}

static int put_text(struct nl_msg *msg, int attr, const char *text)
{
	return *text ? nla_put_string(msg, attr, text) : 0;
}

static int put_some(struct nl_msg *msg, int attr, const uint8_t *data, size_t len)
{
	return len ? nla_put(msg, attr, (int)len, data) : 0;
}

static int put_keys(struct nl_msg *msg, int attr, const struct kssl_key *k)
{
	struct nlattr *nest = nla_nest_start(msg, attr);

	if (!nest || put_some(msg, KSSL_A_KEYS_SECRET, k->secret, k->secret_len) ||
	    put_some(msg, KSSL_A_KEYS_KEY, k->key, k->key_len) ||
	    put_some(msg, KSSL_A_KEYS_IV, k->iv, k->iv_len) ||
	    put_some(msg, KSSL_A_KEYS_MAC, k->mac, k->mac_len) ||
	    nla_put_u64(msg, KSSL_A_KEYS_SEQ, k->seq) ||
	    (k->flags && nla_put_u32(msg, KSSL_A_KEYS_FLAGS, k->flags)))
		return -1;
	return nla_nest_end(msg, nest);
}

static int put_exporter(struct nl_msg *msg, const struct hs_exporter *x)
{
	struct nlattr *nest;

	if (!x->secret_len)
		return 0;
	nest = nla_nest_start(msg, KSSL_A_HS_EXPORTER);
	if (!nest || put_some(msg, KSSL_A_EXPORTER_SECRET, x->secret, x->secret_len) ||
	    put_some(msg, KSSL_A_EXPORTER_RANDOMS, x->randoms, x->randoms_len))
		return -1;
	return nla_nest_end(msg, nest);
}

static int put_peer(struct nl_msg *msg, const struct hs_peer *p)
{
	if (p->psk)
		return nla_put_u8(msg, KSSL_A_HS_PEER_VERIFIED, true) ||
		       put_text(msg, KSSL_A_HS_PEER_SUBJECT, p->subject);
	if (!p->present)
		return 0;
	if (nla_put_u8(msg, KSSL_A_HS_PEER_VERIFIED, p->verified) ||
	    nla_put_u32(msg, KSSL_A_HS_VERIFY, (uint32_t)p->verify) ||
	    nla_put(msg, KSSL_A_HS_PEER_FINGERPRINT, sizeof(p->fingerprint), p->fingerprint) ||
	    put_text(msg, KSSL_A_HS_PEER_SUBJECT, p->subject) ||
	    put_text(msg, KSSL_A_HS_PEER_SAN, p->san) ||
	    put_some(msg, KSSL_A_HS_PEER_CERT, p->der, p->cert_len))
		return -1;
	return put_some(msg, KSSL_A_HS_PEER_CHAIN, p->der + p->cert_len,
			p->chain_len - p->cert_len);
}

/* How we send. */
static int put_tx(struct nl_msg *msg, const struct hs_result *r)
{
	return nla_put_u16(msg, KSSL_A_HS_VERSION, r->version) ||
	       nla_put_u16(msg, KSSL_A_HS_SUITE, r->suite) ||
	       put_keys(msg, KSSL_A_HS_TX, &r->tx);
}

static int put_done(struct nl_msg *msg, const struct hs_result *r)
{
	if (put_tx(msg, r) || nla_put_u8(msg, KSSL_A_HS_RESUMED, r->resumed) ||
	    (r->record_limit && nla_put_u16(msg, KSSL_A_HS_RECORD_LIMIT, r->record_limit)) ||
	    (r->fragment && nla_put_u16(msg, KSSL_A_HS_FRAGMENT, r->fragment)) ||
	    put_text(msg, KSSL_A_HS_IDENTITY, r->identity) ||
	    put_text(msg, KSSL_A_HS_ALPN, r->alpn) || put_text(msg, KSSL_A_HS_SNI, r->sni) ||
	    put_keys(msg, KSSL_A_HS_RX, &r->rx) || put_exporter(msg, &r->exporter))
		return -1;
	if (r->post_max && (nla_put_u8(msg, KSSL_A_HS_POST_MAX, r->post_max) ||
			    nla_put_u32(msg, KSSL_A_HS_POST_MS, r->post_ms)))
		return -1;
	return put_peer(msg, r->peer);
}

static int put_fail(struct nl_msg *msg, const struct hs_result *r)
{
	if (nla_put_u32(msg, KSSL_A_HS_ERR, (uint32_t)r->err) ||
	    put_text(msg, KSSL_A_HS_TEXT, r->text) ||
	    (r->verify > 0 && nla_put_u32(msg, KSSL_A_HS_VERIFY, (uint32_t)r->verify)) ||
	    (r->alert_sent >= 0 && nla_put_u8(msg, KSSL_A_HS_ALERT, (uint8_t)r->alert_sent)) ||
	    (r->alert_sealed && put_tx(msg, r)))
		return -1;
	if (r->alert_received >= 0)
		return nla_put_u8(msg, KSSL_A_HS_ALERT_RECEIVED, (uint8_t)r->alert_received);
	return 0;
}

/* What put_peer() takes beyond the room that every message has. */
static size_t peer_room(const struct hs_peer *p)
{
	return p && p->present ? p->chain_len + strlen(p->san) : 0;
}

static void answer(struct worker *w, uint32_t session, enum hs_state state,
		   const struct hs_result *r, const uint8_t *bytes, size_t len,
		   unsigned int consumed)
{
	static const uint8_t cmds[] = { KSSL_CMD_HS_DATA, KSSL_CMD_HS_DONE, KSSL_CMD_HS_FAIL };
	struct nl_msg *msg = message(w, cmds[state], session, len + peer_room(r->peer));
	int err;

	if (!msg) {
		error("worker %d: out of memory", w->number);
		return;		/* the kernel's time-out ends it */
	}
	err = put_bytes(msg, bytes, len) || nla_put_u32(msg, KSSL_A_HS_CONSUMED, consumed);
	if (!err && state == HS_DONE)
		err = put_done(msg, r);
	if (!err && state == HS_FAILED)
		err = put_fail(msg, r);
	if (err)
		error("worker %d: an answer does not fit its message", w->number);
	send_and_wipe(w, msg);
}

struct peer_text {
	char address[INET6_ADDRSTRLEN];
	int port;
};

static struct peer_text peer_text(const struct sockaddr_storage *remote)
{
	const struct sockaddr_in *sin = (const void *)remote;
	const struct sockaddr_in6 *sin6 = (const void *)remote;
	struct peer_text text = { .address = "?" };
	bool v6 = remote->ss_family == AF_INET6;

	inet_ntop(v6 ? AF_INET6 : AF_INET, v6 ? (const void *)&sin6->sin6_addr :
		  (const void *)&sin->sin_addr, text.address, sizeof(text.address));
	text.port = ntohs(v6 ? sin6->sin6_port : sin->sin_port);
	return text;
}

static void log_failure(const struct sockaddr_storage *remote, const struct hs_result *r)
{
	struct peer_text peer = peer_text(remote);

	log_rated(LOG_FAILED_HANDSHAKE, "handshake with %s port %d failed: %s", peer.address,
		  peer.port, r->text);
}

/* Who wants to be rid of old suites must learn who still uses them. */
static void log_success(struct worker *w, const struct entry *e, const struct hs_result *r)
{
	struct peer_text peer = peer_text(&e->remote);
	char names[64];

	debug("worker %d: session %u: done, suite 0x%04x%s", w->number, e->session, r->suite,
	      r->resumed ? ", resumed" : "");
	if (*suites_legacy_names(r->legacy, names, sizeof(names)))
		log_rated(LOG_LEGACY_SUITE, "legacy (%s): suite 0x%04x with %s port %d%s%s", names,
			  r->suite, peer.address, peer.port, *r->identity ? ", identity " : "",
			  r->identity);
}

/* Records (or none, to begin a client's) or the end, by an alert; then its word to the kernel. */
static void advance(struct worker *w, struct entry *e, struct nlattr *records, struct nlattr *alert)
{
	struct hs_result *r = handshake_result(e->hs);
	unsigned int consumed = 0;
	enum hs_state state = alert ? handshake_refuse(e->hs, nla_get_u8(alert)) :
			      handshake_feed(e->hs, records ? nla_data(records) : NULL,
					     records ? (size_t)nla_len(records) : 0, &consumed);
	const uint8_t *bytes;
	size_t n = handshake_output(e->hs, &bytes);

	answer(w, e->session, state, r, bytes, n, consumed);
	handshake_sent(e->hs);
	if (state == HS_MORE)
		return;
	if (state == HS_FAILED) {
		log_failure(&e->remote, r);
	} else {
		latency_count(e->server, r->resumed, now_us() - e->begun);
		log_success(w, e, r);
	}
	if (state == HS_DONE && r->post_max)
		linger(w, e, r->post_ms);
	else
		forget(w, e->session);
}

/* ---- messages from the kernel ---- */

static void get_text(char *to, size_t room, struct nlattr *attr)
{
	if (attr)
		nla_strlcpy(to, attr, room);
}

static uint64_t get_u64(struct nlattr *attr)
{
	return attr ? nla_get_u64(attr) : 0;
}

static void read_owner(struct hs_owner *o, struct nlattr **attrs)
{
	struct nlattr *groups = attrs[KSSL_A_HS_GROUPS];

	memset(o, 0, sizeof(*o));
	/* nobody's, if it does not say: 0 is root's */
	o->gid = attrs[KSSL_A_HS_GID] ? nla_get_u32(attrs[KSSL_A_HS_GID]) : UINT32_MAX;
	if (groups && (size_t)nla_len(groups) <= sizeof(o->groups)) {
		o->nr_groups = (size_t)nla_len(groups) / sizeof(o->groups[0]);
		memcpy(o->groups, nla_data(groups), o->nr_groups * sizeof(o->groups[0]));
	}
	o->exe_dev = get_u64(attrs[KSSL_A_HS_EXE_DEV]);
	o->exe_ino = get_u64(attrs[KSSL_A_HS_EXE_INO]);
	o->exe_born = get_u64(attrs[KSSL_A_HS_EXE_BORN]);
	get_text(o->exe, sizeof(o->exe), attrs[KSSL_A_HS_EXE]);
	get_text(o->cgroup, sizeof(o->cgroup), attrs[KSSL_A_HS_CGROUP]);
}

/* The port lies at the same place for both families. */
static in_port_t port_of(struct nlattr *addr)
{
	struct sockaddr_in sin = { 0 };

	if (addr && (size_t)nla_len(addr) >= sizeof(sin))
		memcpy(&sin, nla_data(addr), sizeof(sin));
	return ntohs(sin.sin_port);
}

static void read_request(struct hs_request *req, struct nlattr **attrs)
{
	struct nlattr *remote = attrs[KSSL_A_HS_REMOTE];

	memset(req, 0, sizeof(*req));
	req->session = nla_get_u32(attrs[KSSL_A_HS_SESSION]);
	if (attrs[KSSL_A_HS_ROLE])
		req->server = nla_get_u8(attrs[KSSL_A_HS_ROLE]) == KSSL_ROLE_SERVER;
	if (attrs[KSSL_A_HS_PEER_AUTH])
		req->peer_auth = nla_get_u8(attrs[KSSL_A_HS_PEER_AUTH]);
	req->uid = attrs[KSSL_A_HS_UID] ? nla_get_u32(attrs[KSSL_A_HS_UID]) : UINT32_MAX;
	req->port = port_of(attrs[KSSL_A_HS_LOCAL]);
	get_text(req->peer_name, sizeof(req->peer_name), attrs[KSSL_A_HS_PEER_NAME]);
	get_text(req->identity, sizeof(req->identity), attrs[KSSL_A_HS_IDENTITY]);
	get_text(req->alpn, sizeof(req->alpn), attrs[KSSL_A_HS_ALPN]);
	if (remote && (size_t)nla_len(remote) <= sizeof(req->remote))
		memcpy(&req->remote, nla_data(remote), (size_t)nla_len(remote));
}

/*
 * The kernel says how much time is left, and that does not grow.  A program may have asked
 * for any time, so it is bounded here as well.
 */
static uint32_t deadline_ms(struct nlattr *left)
{
	uint32_t ms = left ? nla_get_u32(left) : DEADLINE_MS;

	return (ms < DEADLINE_MAX_MS ? ms : DEADLINE_MAX_MS) + GRACE_MS;
}

/* It waits for an answer, though we know the handshake no more. */
static void answer_unknown(struct worker *w, uint32_t session)
{
	const struct hs_result r = {
		.err = ETIMEDOUT, .alert_sent = -1, .alert_received = -1,
		.text = "the daemon's time for the handshake is up",
	};

	answer(w, session, HS_FAILED, &r, NULL, 0, 0);
}

static struct entry *on_ready(struct worker *w, struct nlattr **attrs)
{
	struct config *c = config_current();
	struct hs_request req;
	struct hs_owner owner;
	struct hs_result why;
	struct handshake *hs;
	uint8_t alert[HS_ALERT_LEN];
	struct entry *e;

	read_request(&req, attrs);
	read_owner(&owner, attrs);
	req.owner = &owner;
	hs = handshake_new(c, &req, &why);
	config_put(c);
	e = hs ? remember(w, req.session, hs) : NULL;
	if (e) {
		e->remote = req.remote;
		e->server = req.server;
		e->begun = now_us();
		arm_deadline(e, deadline_ms(attrs[KSSL_A_HS_TIMEOUT_MS]));
		return e;
	}
	handshake_free(hs);
	log_failure(&req.remote, &why);
	answer(w, req.session, HS_FAILED, &why, alert, handshake_refusal(&why, alert), 0);
	return NULL;
}

static int on_message(struct nl_msg *msg, void *arg)
{
	struct genlmsghdr *hdr = genlmsg_hdr(nlmsg_hdr(msg));
	struct nlattr *attrs[KSSL_A_HS_MAX + 1];
	struct worker *w = arg;
	struct entry *e;

	if (nlmsg_hdr(msg)->nlmsg_type != w->family ||
	    genlmsg_parse(nlmsg_hdr(msg), 0, attrs, KSSL_A_HS_MAX, NULL) < 0 ||
	    !attrs[KSSL_A_HS_SESSION])
		return NL_OK;
	if (hdr->cmd == KSSL_CMD_HS_CANCEL) {
		forget(w, nla_get_u32(attrs[KSSL_A_HS_SESSION]));
		return NL_OK;
	}
	if (hdr->cmd == KSSL_CMD_POST_DATA) {
		on_post(w, attrs);
		return NL_OK;
	}
	if (hdr->cmd == KSSL_CMD_HS_READY)
		e = on_ready(w, attrs);
	else if (hdr->cmd == KSSL_CMD_HS_DATA)
		e = *slot(w, nla_get_u32(attrs[KSSL_A_HS_SESSION]));
	else
		return NL_OK;
	if (!e && hdr->cmd == KSSL_CMD_HS_DATA)
		answer_unknown(w, nla_get_u32(attrs[KSSL_A_HS_SESSION]));
	else if (e && !e->lingering)
		advance(w, e, attrs[KSSL_A_HS_RECORDS], attrs[KSSL_A_HS_ALERT]);
	return NL_OK;
}

/* The kernel refused an answer: the session is gone, and it tells who was asked. */
static int on_error(struct sockaddr_nl *from, struct nlmsgerr *err, void *arg)
{
	struct worker *w = arg;

	(void)from;
	debug("worker %d: the kernel refused: %s", w->number, strerror(-err->error));
	return NL_SKIP;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	int err = nl_recvmsgs_default(w->sock);

	(void)fd;
	(void)what;
	if (err < 0 && err != -NLE_AGAIN)
		error("worker %d: receiving from the kernel: %s", w->number, nl_geterror(err));
}

static void on_quit(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	event_base_loopbreak(w->base);
}

/* ---- life ---- */

static bool register_worker(struct worker *w, int capacity)
{
	struct nl_msg *msg = nlmsg_alloc();
	int err;

	if (!msg || !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, w->family, 0, NLM_F_ACK,
				 KSSL_CMD_WORKER_REGISTER, KSSL_GENL_VERSION) ||
	    nla_put_u32(msg, KSSL_A_WORKER_ABI, KSSL_ABI) ||
	    nla_put_u32(msg, KSSL_A_WORKER_CAPACITY, (uint32_t)capacity)) {
		nlmsg_free(msg);
		return false;
	}
	err = nl_send_sync(w->sock, msg);	/* frees it */
	if (err == -NLE_PERM)
		error("not permitted to serve handshakes: CAP_NET_ADMIN is needed");
	else if (err == -NLE_PROTO_MISMATCH || err == -NLE_OPNOTSUPP)
		error("kssl.ko speaks another version than this daemon");
	else if (err < 0)
		error("registering with the kernel: %s", nl_geterror(err));
	return err >= 0;
}

static bool open_socket(struct worker *w)
{
	int size = RECEIVE_BUFFER, one = 1, fd;

	w->sock = nl_socket_alloc();
	if (!w->sock || genl_connect(w->sock) < 0) {
		error("no generic netlink socket");
		return false;
	}
	w->family = genl_ctrl_resolve(w->sock, KSSL_GENL_NAME);
	if (w->family < 0) {
		error("kernel module kssl is not loaded: modprobe kssl");
		return false;
	}
	fd = nl_socket_get_fd(w->sock);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &one, sizeof(one));
	nl_socket_set_msg_buf_size(w->sock, MESSAGE_MAX);
	return true;
}

static bool open_events(struct worker *w)
{
	int fd = nl_socket_get_fd(w->sock);

	/* a handshake may come before the answer to our registration */
	nl_socket_disable_seq_check(w->sock);
	nl_socket_modify_cb(w->sock, NL_CB_VALID, NL_CB_CUSTOM, on_message, w);
	w->base = event_base_new();
	if (!w->base)
		return false;
	w->readable = event_new(w->base, fd, EV_READ | EV_PERSIST, on_readable, w);
	w->quit = event_new(w->base, w->quit_pipe[0], EV_READ, on_quit, w);
	return w->readable && w->quit && !event_add(w->readable, NULL) &&
	       !event_add(w->quit, NULL);
}

/* From now on nothing waits for answers. */
static void wait_no_more(struct worker *w)
{
	nl_socket_disable_auto_ack(w->sock);
	nl_socket_set_nonblocking(w->sock);
	nl_socket_modify_err_cb(w->sock, NL_CB_CUSTOM, on_error, w);
}

static void *run(void *arg)
{
	struct worker *w = arg;

	event_base_dispatch(w->base);
	return NULL;
}

static void worker_free(struct worker *w)
{
	int i;

	for (i = 0; i < BUCKETS; i++)
		while (w->buckets[i])
			forget(w, w->buckets[i]->session);
	if (w->readable)
		event_free(w->readable);
	if (w->quit)
		event_free(w->quit);
	if (w->base)
		event_base_free(w->base);
	nl_socket_free(w->sock);
	close(w->quit_pipe[0]);
	close(w->quit_pipe[1]);
	free(w);
}

/**
 * worker_open() - a worker of the network namespace in which the caller is
 * @number: for the log
 *
 * Return: the worker, which takes nothing yet; or NULL after a log line.
 */
struct worker *worker_open(int number)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w || pipe2(w->quit_pipe, O_CLOEXEC)) {
		free(w);
		return NULL;
	}
	w->number = number;
	TAILQ_INIT(&w->lingering);
	if (open_socket(w) && open_events(w))
		return w;
	worker_free(w);
	return NULL;
}

/**
 * worker_start() - register with the kernel and serve in a thread of its own
 * @w: worker, the caller's to stop in any case
 * @capacity: handshakes at once
 *
 * Return: false after a log line.
 */
bool worker_start(struct worker *w, int capacity)
{
	if (!register_worker(w, capacity))
		return false;
	wait_no_more(w);
	w->running = !pthread_create(&w->thread, NULL, run, w);
	return w->running;
}

/**
 * worker_stop() - end the thread; handshakes under way are lost
 * @w: worker, freed
 */
void worker_stop(struct worker *w)
{
	if (w->running && write(w->quit_pipe[1], "", 1) == 1)
		pthread_join(w->thread, NULL);
	worker_free(w);
}
