// SPDX-License-Identifier: GPL-2.0
// LIBS: libcrypto
/*
 * Are keys gone from memory?  Keys a socket, and searches all of the kernel's
 * direct map (/proc/kcore) for the key: it must be found while the socket is
 * open, or the search proves nothing, and not after close(), nor after a
 * setsockopt() that failed.  The key itself is never stored here but masked, so
 * that we do not find ourselves.
 */
#include <arpa/inet.h>
#include <elf.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/kssl.h>

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
	int hits = 0;
	size_t i, j;

	for (i = 0; i + KEY <= n; i++) {
		if ((p[i] ^ MASK) != masked[0])
			continue;
		for (j = 1; j < KEY && (p[i + j] ^ MASK) == masked[j]; j++)
			;
		hits += j == KEY;
	}
	return hits;
}

/* One segment; chunks overlap, so that no key is cut in two. */
static int search_segment(int fd, off_t at, size_t size)
{
	int hits = 0;

	while (size >= KEY) {
		size_t want = size < sizeof(chunk) ? size : sizeof(chunk);
		ssize_t n = pread(fd, chunk, want, at);

		if (n < KEY) {
			at += CHUNK;
			size -= size < CHUNK ? size : CHUNK;
			continue;
		}
		hits += count(chunk, (size_t)n);
		explicit_bzero(chunk, sizeof(chunk));
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
static const struct suite cbc = { 0x0303, 0x003d, KEY, 0, 32 };
static const struct suite mac13 = { 0x0304, 0xc0b4, 0, 0, 0 };
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

int main(void)
{
	int fd, hits;

	one(&gcm12, WRITE_KEY, "write key, TLS 1.2: in memory while open", "and gone after close()");
	one(&gcm13, SECRET, "traffic secret, TLS 1.3: in memory while open",
	    "and gone after close()");
	one(&cbc, WRITE_KEY, "write key of CBC: in memory while open", "and gone after close()");
	one(&cbc, MAC_KEY, "MAC key of CBC: not in memory while open", "nor after close()");
	one(&mac13, SECRET, "traffic secret, MAC only: in memory while open",
	    "and gone after close()");
	fd = connected();
	new_key();
	give_key(fd, KSSL_KEY_TX, &wrong, WRITE_KEY);
	hits = search();
	ok(hits == 0, "a refused key is gone", hits);
	close(fd);
	printf("1..%d\n", tests);
	return bad;
}
