// SPDX-License-Identifier: GPL-2.0
// LIBS: libcrypto
/*
 * Are keys gone from memory?  Keys sockets, and searches all of the kernel's direct
 * map (/proc/kcore) for the keys: they must be found while the sockets are open, or
 * the search proves nothing, and not after close(), nor after a setsockopt() that
 * failed.  The same for what KSSL_EXPORTER exports from, with a worker that is none.
 * A search takes long, so one looks for all keys, which begin alike.  The keys
 * themselves are never stored here but masked, so that we do not find ourselves.
 */
#include <arpa/inet.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/genetlink.h>
#include <linux/kssl.h>
#include <linux/kssl_netlink.h>
#include <linux/netlink.h>

#define MASK 0x5a
#define CHUNK (1 << 20)
#define KEY 32
#define ALIKE 8			/* bytes that begin every key */
#define DIRECT_MAP 0xffff888000000000ULL
#define DIRECT_END 0xffffc88000000000ULL

/* The keys, by what becomes of them. */
enum { GCM12, GCM13, CHACHA, CBC, CBC_MAC, REFUSED, EXPORTER, EXPORTER_REFUSED, FAILED, NR_KEYS };

static unsigned char masked[NR_KEYS][KEY];
static int hits[NR_KEYS];
static unsigned char chunk[CHUNK + KEY];
static int tests, bad;

static void ok(int good, const char *name, int n)
{
	printf("%sok %d - %s\n# found %d times\n", good ? "" : "not ", ++tests, name, n);
	bad |= !good;
}

static int is_key(const unsigned char *p, const unsigned char *key, int n)
{
	int i;

	for (i = 0; i < n && (p[i] ^ MASK) == key[i]; i++)
		;
	return i == n;
}

static int count(const unsigned char *p, size_t n)
{
	const unsigned char *end = p + n - KEY + 1;
	int found = 0, k;

	while ((p = memchr(p, masked[0][0] ^ MASK, (size_t)(end - p)))) {
		for (k = 0; k < NR_KEYS && is_key(p, masked[0], ALIKE); k++)
			if (is_key(p, masked[k], KEY)) {
				hits[k]++;
				found = 1;
			}
		if (++p == end)
			break;
	}
	return found;
}

/* One segment; chunks overlap, so that no key is cut in two. */
static void search_segment(int fd, off_t at, size_t size)
{
	while (size >= KEY) {
		size_t want = size < sizeof(chunk) ? size : sizeof(chunk);
		ssize_t n = pread(fd, chunk, want, at);

		if (n < KEY) {
			at += CHUNK;
			size -= size < CHUNK ? size : CHUNK;
			continue;
		}
		if (count(chunk, (size_t)n))	/* or the next search finds it here */
			explicit_bzero(chunk, sizeof(chunk));
		at += n - KEY + 1;
		size -= (size_t)n - KEY + 1;
	}
}

static void search(void)
{
	int fd = open("/proc/kcore", O_RDONLY), i;
	Elf64_Ehdr head;
	Elf64_Phdr seg;

	memset(hits, 0, sizeof(hits));
	if (fd < 0 || pread(fd, &head, sizeof(head), 0) != sizeof(head))
		exit(2);
	for (i = 0; i < head.e_phnum; i++) {
		if (pread(fd, &seg, sizeof(seg), (off_t)(head.e_phoff + i * sizeof(seg))) !=
		    sizeof(seg))
			exit(2);
		if (seg.p_type == PT_LOAD && seg.p_vaddr >= DIRECT_MAP && seg.p_vaddr < DIRECT_END)
			search_segment(fd, (off_t)seg.p_offset, seg.p_memsz);
	}
	close(fd);
}

static int connected(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int l = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(l, (struct sockaddr *)&addr, sizeof(addr)) || listen(l, 1) ||
	    getsockname(l, (struct sockaddr *)&addr, &len) ||
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    setsockopt(fd, SOL_TCP, TCP_ULP, "kssl", 4)) {
		perror("connected");
		exit(2);
	}
	return fd;
}

/* What is searched for; the rest of the material is zeros. */
enum what { SECRET, WRITE_KEY, MAC_KEY };

struct suite {
	unsigned short version, id, key_len, iv_len, mac_len;
};

static const struct suite gcm12 = { 0x0303, 0xc030, KEY, 4, 0 };
static const struct suite gcm13 = { 0x0304, 0x1301, 0, 0, 0 };
static const struct suite chacha = { 0x0303, 0xcca8, KEY, 12, 0 };
static const struct suite cbc = { 0x0303, 0x003d, KEY, 0, 32 };
static const struct suite wrong = { 0x0303, 0xc02f, KEY, 4, 0 };	/* size of the key */

static int give_key(int fd, int option, const struct suite *s, enum what what, int k)
{
	struct kssl_key key = { .version = s->version, .suite = s->id, .key_len = s->key_len,
				.iv_len = s->iv_len, .mac_len = s->mac_len };
	unsigned char *to = what == SECRET ? key.secret : what == WRITE_KEY ? key.key : key.mac;
	int i, ret;

	for (i = 0; i < KEY; i++)
		to[i] = masked[k][i] ^ MASK;
	if (s->version == 0x0304)
		key.secret_len = KEY;
	ret = setsockopt(fd, SOL_KSSL, option, &key, sizeof(key));
	explicit_bzero(&key, sizeof(key));
	return ret;
}

static void new_keys(void)
{
	int fd = open("/dev/urandom", O_RDONLY), k;

	if (read(fd, masked, sizeof(masked)) != sizeof(masked))	/* masked: a key is its complement */
		exit(2);
	masked[0][0] = MASK ^ 0xd7;	/* a rare byte: the search is faster */
	for (k = 1; k < NR_KEYS; k++)
		memcpy(masked[k], masked[0], ALIKE);
	close(fd);
}

/* A socket with that key in both directions, which has used it. */
static int keyed(const struct suite *s, enum what what, int k)
{
	int fd = connected();

	if (give_key(fd, KSSL_KEY_TX, s, what, k) || give_key(fd, KSSL_KEY_RX, s, what, k) ||
	    send(fd, "x", 1, 0) != 1) {
		perror("keys");
		exit(2);
	}
	return fd;
}

/* ---- a worker that gives keys without a handshake ---- */

static unsigned char msg[4096];		/* the message under work */
static unsigned int msg_len;
static int worker, family;

static void put(int kind, const void *data, unsigned int len)
{
	struct nlattr *a = (struct nlattr *)(msg + msg_len);

	a->nla_type = (unsigned short)kind;
	a->nla_len = (unsigned short)(NLA_HDRLEN + len);
	memcpy(msg + msg_len + NLA_HDRLEN, data, len);
	msg_len += NLA_ALIGN(a->nla_len);
}

static void begin(int type, int cmd)
{
	struct nlmsghdr *hdr = (struct nlmsghdr *)msg;
	struct genlmsghdr *genl = NLMSG_DATA(hdr);

	memset(msg, 0, sizeof(msg));
	hdr->nlmsg_type = (unsigned short)type;
	hdr->nlmsg_flags = NLM_F_REQUEST;
	genl->cmd = (unsigned char)cmd;
	genl->version = KSSL_GENL_VERSION;
	msg_len = NLMSG_HDRLEN + GENL_HDRLEN;
}

static void send_and_wipe(void)
{
	((struct nlmsghdr *)msg)->nlmsg_len = msg_len;
	if (send(worker, msg, msg_len, 0) != (ssize_t)msg_len) {
		perror("netlink");
		exit(2);
	}
	explicit_bzero(msg, sizeof(msg));
}

/* An attribute of the next message of that type; its first bytes. */
static void receive(int type, int kind, void *to, unsigned int len)
{
	const struct nlmsghdr *hdr = (const struct nlmsghdr *)msg;
	const struct nlattr *a;
	unsigned int at;

	do {
		if (recv(worker, msg, sizeof(msg), 0) <= 0)
			exit(2);
	} while (hdr->nlmsg_type != type);
	for (at = NLMSG_HDRLEN + GENL_HDRLEN; at < hdr->nlmsg_len; at += NLA_ALIGN(a->nla_len)) {
		a = (const struct nlattr *)(msg + at);
		if ((a->nla_type & NLA_TYPE_MASK) == kind) {
			memcpy(to, (const char *)a + NLA_HDRLEN, len);
			return;
		}
	}
	exit(2);
}

static void be_worker(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	unsigned int abi = KSSL_ABI, capacity = 1;
	unsigned short id;

	worker = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
	bind(worker, (struct sockaddr *)&addr, sizeof(addr));
	begin(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	put(CTRL_ATTR_FAMILY_NAME, KSSL_GENL_NAME, sizeof(KSSL_GENL_NAME));
	send_and_wipe();
	receive(GENL_ID_CTRL, CTRL_ATTR_FAMILY_ID, &id, sizeof(id));
	family = id;
	begin(family, KSSL_CMD_WORKER_REGISTER);
	put(KSSL_A_WORKER_ABI, &abi, sizeof(abi));
	put(KSSL_A_WORKER_CAPACITY, &capacity, sizeof(capacity));
	send_and_wipe();
}

/* A socket whose connect() waits for us. */
static int asking(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int l = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(l, (struct sockaddr *)&addr, sizeof(addr)) || listen(l, 1) ||
	    getsockname(l, (struct sockaddr *)&addr, &len) ||
	    setsockopt(fd, SOL_TCP, TCP_ULP, "kssl", 4) ||
	    !connect(fd, (struct sockaddr *)&addr, sizeof(addr)) || errno != EINPROGRESS) {
		perror("asking");
		exit(2);
	}
	return fd;
}

/* A nest with one secret: other bytes for the traffic keys than for the exporter. */
static void put_secret(int kind, int inner, int k, int flip)
{
	struct {
		struct nlattr a;
		unsigned char bytes[KEY];
	} nest = { { NLA_HDRLEN + KEY, (unsigned short)inner }, { 0 } };
	int i;

	for (i = 0; i < KEY; i++)
		nest.bytes[i] = (unsigned char)(masked[k][i] ^ MASK ^ flip);
	put(kind | NLA_F_NESTED, &nest, sizeof(nest));
	explicit_bzero(&nest, sizeof(nest));
}

/* An alert for the peer, and the keys that it goes under. */
static void answer_failed(unsigned int id)
{
	unsigned short version = 0x0304, suite = 0x1301;
	unsigned int err = EIO;
	unsigned char alert = 10;

	begin(family, KSSL_CMD_HS_FAIL);
	put(KSSL_A_HS_SESSION, &id, sizeof(id));
	put(KSSL_A_HS_ERR, &err, sizeof(err));
	put(KSSL_A_HS_ALERT, &alert, sizeof(alert));
	put(KSSL_A_HS_VERSION, &version, sizeof(version));
	put(KSSL_A_HS_SUITE, &suite, sizeof(suite));
	put_secret(KSSL_A_HS_TX, KSSL_A_KEYS_SECRET, FAILED, 0);
	send_and_wipe();
}

static void answer(int k)
{
	unsigned short version = 0x0304, suite = 0x1301;
	unsigned int id;

	receive(family, KSSL_A_HS_SESSION, &id, sizeof(id));
	if (k == FAILED) {
		answer_failed(id);
		return;
	}
	begin(family, KSSL_CMD_HS_DONE);
	put(KSSL_A_HS_SESSION, &id, sizeof(id));
	put(KSSL_A_HS_VERSION, &version, sizeof(version));
	if (k != EXPORTER_REFUSED)	/* there is no suite: refused */
		put(KSSL_A_HS_SUITE, &suite, sizeof(suite));
	put_secret(KSSL_A_HS_TX, KSSL_A_KEYS_SECRET, k, 1);
	put_secret(KSSL_A_HS_RX, KSSL_A_KEYS_SECRET, k, 2);
	put_secret(KSSL_A_HS_EXPORTER, KSSL_A_EXPORTER_SECRET, k, 0);
	send_and_wipe();
}

static int export(int fd)
{
	static struct kssl_exporter x = { .label_len = 5, .out_len = 100, .label = "label" };
	socklen_t len = sizeof(x);
	int ret = getsockopt(fd, SOL_KSSL, KSSL_EXPORTER, &x, &len);

	explicit_bzero(x.out, sizeof(x.out));
	return ret;
}

/* A socket that has its keys, or no keys, from our worker. */
static int answered(int k)
{
	struct pollfd p = { .fd = asking(), .events = POLLOUT };

	answer(k);
	if (poll(&p, 1, 10000) != 1 || !export(p.fd) != (k == EXPORTER)) {
		perror("exporter");
		exit(2);
	}
	return p.fd;
}

int main(void)
{
	int fds[9], n = 0;

	new_keys();
	be_worker();
	fds[n++] = keyed(&gcm12, WRITE_KEY, GCM12);
	fds[n++] = keyed(&gcm13, SECRET, GCM13);
	fds[n++] = keyed(&chacha, WRITE_KEY, CHACHA);
	fds[n++] = keyed(&cbc, WRITE_KEY, CBC);
	fds[n++] = keyed(&cbc, MAC_KEY, CBC_MAC);
	fds[n++] = connected();
	if (!give_key(fds[n - 1], KSSL_KEY_TX, &wrong, WRITE_KEY, REFUSED))
		exit(2);
	fds[n++] = answered(EXPORTER);
	fds[n++] = answered(EXPORTER_REFUSED);
	fds[n++] = answered(FAILED);
	search();
	ok(hits[GCM12] > 0, "write key, TLS 1.2: in memory while open", hits[GCM12]);
	ok(hits[GCM13] > 0, "traffic secret, TLS 1.3: in memory while open", hits[GCM13]);
	ok(hits[CHACHA] > 0, "write key of ChaCha20: in memory while open", hits[CHACHA]);
	ok(hits[CBC] > 0, "write key of CBC: in memory while open", hits[CBC]);
	/* only what HMAC makes of it is kept */
	ok(!hits[CBC_MAC], "MAC key of CBC: not in memory while open", hits[CBC_MAC]);
	ok(!hits[REFUSED], "a refused key is gone", hits[REFUSED]);
	ok(hits[EXPORTER] > 0, "exporter secret: in memory while open", hits[EXPORTER]);
	ok(!hits[EXPORTER_REFUSED], "that of a refused answer is gone", hits[EXPORTER_REFUSED]);
	ok(!hits[FAILED], "that of an alert is gone", hits[FAILED]);
	while (n)
		close(fds[--n]);
	close(worker);
	search();
	ok(!hits[GCM12], "write key, TLS 1.2: gone after close()", hits[GCM12]);
	ok(!hits[GCM13], "traffic secret, TLS 1.3: gone after close()", hits[GCM13]);
	ok(!hits[CHACHA], "write key of ChaCha20: gone after close()", hits[CHACHA]);
	ok(!hits[CBC], "write key of CBC: gone after close()", hits[CBC]);
	ok(!hits[CBC_MAC], "MAC key of CBC: nor after close()", hits[CBC_MAC]);
	ok(!hits[EXPORTER], "exporter secret: gone after close()", hits[EXPORTER]);
	printf("1..%d\n", tests);
	return bad;
}
