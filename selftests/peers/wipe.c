// SPDX-License-Identifier: GPL-2.0
// LIBS: libcrypto
/*
 * Are keys gone from memory?  Keys a socket, and searches all of the kernel's
 * direct map (/proc/kcore) for the key: it must be found while the socket is
 * open, or the search proves nothing, and not after close(), nor after a
 * setsockopt() that failed.  The same for what KSSL_EXPORTER exports from, with a
 * worker that is none.  The key itself is never stored here but masked, so that we
 * do not find ourselves.
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
#define DIRECT_MAP 0xffff888000000000ULL
#define DIRECT_END 0xffffc88000000000ULL

static unsigned char masked[KEY];
static unsigned char chunk[CHUNK + KEY];
static int tests, bad;

static void ok(int good, const char *name, int hits)
{
	printf("%sok %d - %s\n# found %d times\n", good ? "" : "not ", ++tests, name, hits);
	bad |= !good;
}

static int count(const unsigned char *p, size_t n)
{
	const unsigned char *end = p + n - KEY + 1;
	int hits = 0;
	size_t j;

	while ((p = memchr(p, masked[0] ^ MASK, (size_t)(end - p)))) {
		for (j = 1; j < KEY && (p[j] ^ MASK) == masked[j]; j++)
			;
		hits += j == KEY;
		if (++p == end)
			break;
	}
	return hits;
}

/* One segment; chunks overlap, so that no key is cut in two. */
static int search_segment(int fd, off_t at, size_t size)
{
	int hits = 0, found;

	while (size >= KEY) {
		size_t want = size < sizeof(chunk) ? size : sizeof(chunk);
		ssize_t n = pread(fd, chunk, want, at);

		if (n < KEY) {
			at += CHUNK;
			size -= size < CHUNK ? size : CHUNK;
			continue;
		}
		found = count(chunk, (size_t)n);
		if (found)	/* or the next search finds it here */
			explicit_bzero(chunk, sizeof(chunk));
		hits += found;
		at += n - KEY + 1;
		size -= (size_t)n - KEY + 1;
	}
	return hits;
}

static int search(void)
{
	int fd = open("/proc/kcore", O_RDONLY), i, hits = 0;
	Elf64_Ehdr head;
	Elf64_Phdr seg;

	if (fd < 0 || pread(fd, &head, sizeof(head), 0) != sizeof(head))
		exit(2);
	for (i = 0; i < head.e_phnum; i++) {
		if (pread(fd, &seg, sizeof(seg), (off_t)(head.e_phoff + i * sizeof(seg))) !=
		    sizeof(seg))
			exit(2);
		if (seg.p_type == PT_LOAD && seg.p_vaddr >= DIRECT_MAP && seg.p_vaddr < DIRECT_END)
			hits += search_segment(fd, (off_t)seg.p_offset, seg.p_memsz);
	}
	close(fd);
	return hits;
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

static int give_key(int fd, int option, const struct suite *s, enum what what)
{
	struct kssl_key key = { .version = s->version, .suite = s->id, .key_len = s->key_len,
				.iv_len = s->iv_len, .mac_len = s->mac_len };
	unsigned char *to = what == SECRET ? key.secret : what == WRITE_KEY ? key.key : key.mac;
	int i, ret;

	for (i = 0; i < KEY; i++)
		to[i] = masked[i] ^ MASK;
	if (s->version == 0x0304)
		key.secret_len = KEY;
	ret = setsockopt(fd, SOL_KSSL, option, &key, sizeof(key));
	explicit_bzero(&key, sizeof(key));
	return ret;
}

static void new_key(void)
{
	int fd = open("/dev/urandom", O_RDONLY);

	if (read(fd, masked, KEY) != KEY)	/* masked already: the key is its complement */
		exit(2);
	close(fd);
}

static void one(const struct suite *s, enum what what, const char *open_name,
		const char *closed_name)
{
	int fd = connected(), hits;

	new_key();
	if (give_key(fd, KSSL_KEY_TX, s, what) || give_key(fd, KSSL_KEY_RX, s, what) ||
	    send(fd, "x", 1, 0) != 1) {
		perror("keys");
		exit(2);
	}
	hits = search();
	/* of a MAC key only what HMAC makes of it is kept */
	ok(what == MAC_KEY ? hits == 0 : hits > 0, open_name, hits);
	close(fd);
	hits = search();
	ok(hits == 0, closed_name, hits);
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
static void put_secret(int kind, int inner, int flip)
{
	struct {
		struct nlattr a;
		unsigned char bytes[KEY];
	} nest = { { NLA_HDRLEN + KEY, (unsigned short)inner }, { 0 } };
	int i;

	for (i = 0; i < KEY; i++)
		nest.bytes[i] = (unsigned char)(masked[i] ^ MASK ^ flip);
	put(kind | NLA_F_NESTED, &nest, sizeof(nest));
	explicit_bzero(&nest, sizeof(nest));
}

static void answer(int exporter_first)
{
	unsigned short version = 0x0304, suite = 0x1301;
	unsigned int id;

	receive(family, KSSL_A_HS_SESSION, &id, sizeof(id));
	begin(family, KSSL_CMD_HS_DONE);
	put(KSSL_A_HS_SESSION, &id, sizeof(id));
	put(KSSL_A_HS_VERSION, &version, sizeof(version));
	if (!exporter_first)
		put(KSSL_A_HS_SUITE, &suite, sizeof(suite));
	put_secret(KSSL_A_HS_TX, KSSL_A_KEYS_SECRET, 1);
	put_secret(KSSL_A_HS_RX, KSSL_A_KEYS_SECRET, 2);
	put_secret(KSSL_A_HS_EXPORTER, KSSL_A_EXPORTER_SECRET, 0);
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

static void exporter(void)
{
	struct pollfd p = { .events = POLLOUT };
	int hits;

	be_worker();
	p.fd = asking();
	new_key();
	answer(0);
	if (poll(&p, 1, 10000) != 1 || export(p.fd)) {
		perror("exporter");
		exit(2);
	}
	hits = search();
	ok(hits > 0, "exporter secret: in memory while open", hits);
	close(p.fd);
	hits = search();
	ok(hits == 0, "and gone after close()", hits);
	p.fd = asking();
	new_key();
	answer(1);		/* there is no suite: refused */
	if (poll(&p, 1, 10000) != 1 || !export(p.fd)) {
		perror("refused");
		exit(2);
	}
	hits = search();
	ok(hits == 0, "that of a refused answer is gone", hits);
	close(p.fd);
	close(worker);
}

int main(void)
{
	int fd, hits;

	one(&gcm12, WRITE_KEY, "write key, TLS 1.2: in memory while open", "and gone after close()");
	one(&gcm13, SECRET, "traffic secret, TLS 1.3: in memory while open",
	    "and gone after close()");
	one(&chacha, WRITE_KEY, "write key of ChaCha20: in memory while open", "and gone after close()");
	one(&cbc, WRITE_KEY, "write key of CBC: in memory while open", "and gone after close()");
	one(&cbc, MAC_KEY, "MAC key of CBC: not in memory while open", "nor after close()");
	fd = connected();
	new_key();
	give_key(fd, KSSL_KEY_TX, &wrong, WRITE_KEY);
	hits = search();
	ok(hits == 0, "a refused key is gone", hits);
	close(fd);
	exporter();
	printf("1..%d\n", tests);
	return bad;
}
