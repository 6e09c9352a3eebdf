// SPDX-License-Identifier: GPL-2.0
// LIBS: libcrypto
/*
 * Every suite of the record layer with own keys: one end is a kssl socket, the
 * other plain TCP and wire.h, which shares nothing with the module.  Both ways,
 * then everything that must not be delivered.
 *
 *	suites [SUITE...]	numbers, as 0xc027; all if there are none
 *	suites refused		MAC-only suites, where the policy has them closed
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "wire.h"

#define MIB	(1 << 20)
#define ALERT	21
#define DATA	23
#define BAD_MAC	20

static uint8_t stream[MIB];
static int tests, bad;

struct peer {
	int kssl, tcp;
	struct wire_half out, back;	/* to kssl, from kssl */
};

static void ok(bool good, const struct wire_half *h, const char *name)
{
	printf("%sok %d - %s: %s%s\n", good ? "" : "not ", ++tests, name, h->suite->name,
	       h->etm ? ", EtM" : "");
	fflush(stdout);
	bad += !good;
}

/* Says what is not as it should be; the test goes on. */
static bool is(bool good, const char *what, long got, long wanted)
{
	if (!good)
		printf("# %s: %ld, wanted %ld\n", what, got, wanted);
	return good;
}

static bool same(const char *what, long got, long wanted)
{
	return is(got == wanted, what, got, wanted);
}

/* ---- a connection ---- */

static void tcp_pair(int *one, int *other)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(a);

	*one = socket(AF_INET, SOCK_STREAM, 0);
	wire_must(!bind(listener, (struct sockaddr *)&a, len) && !listen(listener, 1) &&
		  !getsockname(listener, (struct sockaddr *)&a, &len) &&
		  !connect(*one, (struct sockaddr *)&a, len), "connect");
	*other = accept(listener, NULL, NULL);
	wire_must(*other >= 0, "accept");
	close(listener);
}

static bool set_key(int fd, int option, const struct wire_half *h)
{
	struct kssl_key key = wire_key(h);

	return !setsockopt(fd, SOL_KSSL, option, &key, sizeof(key));
}

static void peer_open(struct peer *p, const struct wire_suite *suite, bool etm)
{
	struct timeval limit = { .tv_sec = 20 };

	tcp_pair(&p->kssl, &p->tcp);
	wire_new(&p->out, suite, etm);
	wire_new(&p->back, suite, etm);
	setsockopt(p->kssl, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(p->tcp, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	wire_must(!setsockopt(p->kssl, SOL_TCP, TCP_ULP, "kssl", 4), "TCP_ULP");
	wire_must(set_key(p->kssl, KSSL_KEY_RX, &p->out), "KSSL_KEY_RX");
	wire_must(set_key(p->kssl, KSSL_KEY_TX, &p->back), "KSSL_KEY_TX");
}

static void peer_close(struct peer *p)
{
	close(p->kssl);
	close(p->tcp);
}

static bool read_all(int fd, uint8_t *p, size_t n)
{
	ssize_t got;

	for (; n; p += got, n -= (size_t)got) {
		got = read(fd, p, n);
		if (got <= 0)
			return false;
	}
	return true;
}

/* The next record from kssl, as it is; its length, 0 at the end. */
static size_t take(struct peer *p, uint8_t *record)
{
	size_t n;

	if (!read_all(p->tcp, record, 5))
		return 0;
	n = (size_t)(record[3] << 8 | record[4]);
	return read_all(p->tcp, record + 5, n) ? 5 + n : 0;
}

static size_t below(size_t n)
{
	uint32_t v;

	RAND_bytes((uint8_t *)&v, sizeof(v));
	return v % n;
}

/* ---- both ways ---- */

static const size_t sizes[] = { 1, 2, 3, 15, 16, 17, 31, 255, 256, 257, 1000, 4095, 8191, 16368,
				16383, 16384 };

#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

struct job {
	int fd;
	const uint8_t *data;
	size_t len;
	bool odd;		/* in pieces of odd sizes */
};

static void *write_all(void *arg)
{
	struct job *j = arg;
	size_t done = 0, n;
	ssize_t sent;

	while (done < j->len) {
		n = j->len - done;
		if (j->odd && n > 40000)
			n = 1 + below(40000);
		sent = write(j->fd, j->data + done, n);
		if (sent <= 0)
			break;
		done += (size_t)sent;
	}
	return NULL;
}

/* The stream in records that no peer would choose: sizes, padding. */
static size_t odd_records(struct wire_half *h, uint8_t *wire)
{
	size_t done = 0, n = 0, len, i;

	for (i = 0; done < MIB; i++, done += len) {
		struct wire_how how = { 0 };

		len = i < SIZES ? sizes[i] : 1 + below(WIRE_TEXT);
		len = len < MIB - done ? len : MIB - done;
		if (h->suite->kind == WIRE_CBC) {
			how.pad = (uint16_t)(wire_pad(h, len) + 16 * below(16));
			how.pad -= how.pad > 256 ? 16 : 0;
		} else if (h->suite->version == 0x304 && len + 255 <= WIRE_TEXT) {
			how.zeros = (uint16_t)below(256);
		}
		n += wire_seal(h, &how, stream + done, len, wire + n);
	}
	return n;
}

static void to_kssl(const struct wire_suite *suite, bool etm)
{
	static uint8_t wire[2 * MIB], got[MIB];
	struct job job;
	pthread_t writer;
	struct peer p;
	size_t done = 0;
	ssize_t n = 1;

	peer_open(&p, suite, etm);
	job = (struct job){ p.tcp, wire, odd_records(&p.out, wire), true };
	pthread_create(&writer, NULL, write_all, &job);
	while (done < MIB && n > 0) {
		size_t want = 1 + below(30000);

		n = read(p.kssl, got + done, want < MIB - done ? want : MIB - done);
		done += n > 0 ? (size_t)n : 0;
	}
	pthread_join(writer, NULL);
	ok(same("bytes", (long)done, MIB) && !memcmp(got, stream, MIB), &p.out,
	   "records of odd sizes and padding");
	peer_close(&p);
}

/* kssl's records of a text; false if they are not what they should be. */
static bool records_of(struct peer *p, const uint8_t *text, size_t len)
{
	static uint8_t record[WIRE_MAX], got[WIRE_TEXT];
	struct wire_seen seen;
	const char *why;
	size_t done, n;

	for (done = 0; done < len; done += seen.len) {
		n = take(p, record);
		why = n ? wire_open(&p->back, record, n, got, &seen) : "end of the stream";
		if (why) {
			printf("# after %zu of %zu bytes: %s\n", done, len, why);
			return false;
		}
		if (!same("type", seen.type, DATA) || seen.len > len - done ||
		    memcmp(got, text + done, seen.len))
			return false;
		if (p->back.suite->kind == WIRE_CBC && seen.pad > 16)
			return is(false, "padding", (long)seen.pad, 16);
	}
	return true;
}

static void from_kssl(const struct wire_suite *suite, bool etm)
{
	static const size_t lens[] = { 1, 2, 15, 16, 17, 1024, 16383, 16384, 16385, 65536, MIB };
	bool good = true;
	struct peer p;
	size_t i;

	peer_open(&p, suite, etm);
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]) && good; i++) {
		struct job job = { p.kssl, stream, lens[i], false };
		pthread_t writer;

		pthread_create(&writer, NULL, write_all, &job);
		good = records_of(&p, stream, lens[i]);
		if (!good)
			shutdown(p.tcp, SHUT_RDWR);
		pthread_join(writer, NULL);
	}
	ok(good, &p.back, "1 B to 1 MiB of kssl's records");
	peer_close(&p);
}

static uint64_t step(const uint8_t *now, const uint8_t *before)
{
	uint64_t a = 0, b = 0;
	int i;

	for (i = 8; i < 16; i++) {
		a = a << 8 | now[i];
		b = b << 8 | before[i];
	}
	return a - b;
}

/*
 * IVs of CBC are new for each record and cannot be foreseen (RFC 5246, 6.2.3.2):
 * never twice, not the block before, no steady step, no bit with a preference.
 * Explicit nonces of GCM and CCM only have to be new.
 */
static void ivs(const struct wire_suite *suite, bool etm)
{
	enum { N = 1000 };
	static uint8_t seen[N][16], record[WIRE_MAX], text[WIRE_TEXT];
	size_t len = suite->kind == WIRE_CBC ? 16 : 8, n, i, j, bit;
	unsigned int bits[128] = { 0 };
	bool fresh = true, random = true;
	uint8_t before[16] = { 0 };
	struct wire_seen what;
	struct peer p;

	peer_open(&p, suite, etm);
	for (i = 0; i < N; i++) {
		wire_must(write(p.kssl, "x", 1) == 1, "write");
		n = take(&p, record);
		wire_must(n && !wire_open(&p.back, record, n, text, &what), "a record of kssl");
		memcpy(seen[i], record + 5, len);
		random &= memcmp(seen[i], before, 16) != 0;
		memcpy(before, record + n - 16, 16);
		for (bit = 0; bit < 128; bit++)
			bits[bit] += seen[i][bit / 8] >> bit % 8 & 1;
		for (j = 0; j < i; j++)
			fresh &= memcmp(seen[i], seen[j], len) != 0;
	}
	for (bit = 0; bit < 128; bit++)		/* six standard deviations */
		random &= bits[bit] > N / 2 - 95 && bits[bit] < N / 2 + 95;
	for (i = 2; i < N; i++)
		random &= step(seen[i], seen[i - 1]) != step(seen[i - 1], seen[i - 2]);
	ok(fresh && (random || len == 8), &p.back, len == 16 ? "IVs" : "explicit nonces");
	peer_close(&p);
}

/* ---- what must not be delivered ---- */

struct offence {
	const char *name;
	/* puts a record or two at buf, the bytes; 0: not for this suite */
	size_t (*make)(struct wire_half *h, uint8_t *buf);
};

static const uint8_t never[] = "this must never be read, and it is not";
static const struct wire_how usual;

static size_t plain(struct wire_half *h, uint8_t *buf)
{
	return wire_seal(h, &usual, never, sizeof(never), buf);
}

static size_t flip_type(struct wire_half *h, uint8_t *buf)
{
	size_t n = plain(h, buf);

	buf[0] = 22;
	return h->suite->version == 0x303 ? n : 0;	/* 1.3: another alert */
}

static size_t flip_first(struct wire_half *h, uint8_t *buf)
{
	size_t n = plain(h, buf);

	buf[5] ^= 1;
	return n;
}

static size_t flip_middle(struct wire_half *h, uint8_t *buf)
{
	size_t n = plain(h, buf);

	buf[n / 2] ^= 0x80;
	return n;
}

static size_t flip_last(struct wire_half *h, uint8_t *buf)
{
	size_t n = plain(h, buf);

	buf[n - 1] ^= 1;
	return n;
}

/* The block before the last of MtE: garbles the padding's block in a chosen way. */
static size_t flip_before_last(struct wire_half *h, uint8_t *buf)
{
	size_t n = plain(h, buf);

	buf[n - 17] ^= 1;
	return n;
}

static size_t resize(struct wire_half *h, uint8_t *buf, int by)
{
	size_t n = plain(h, buf);

	memset(buf + n, 0, 16);
	n += (size_t)by;
	wire_be(buf + 3, n - 5, 2);
	return n;
}

static size_t cut_byte(struct wire_half *h, uint8_t *buf) { return resize(h, buf, -1); }
static size_t cut_block(struct wire_half *h, uint8_t *buf) { return resize(h, buf, -16); }
static size_t add_byte(struct wire_half *h, uint8_t *buf) { return resize(h, buf, 1); }
static size_t add_block(struct wire_half *h, uint8_t *buf) { return resize(h, buf, 16); }

/* As much as has room for a MAC; less than that is judged by its header (failures.py). */
static size_t tiny(struct wire_half *h, uint8_t *buf)
{
	size_t n = h->suite->tag + (h->suite->version == 0x304) + (h->suite->iv == 4) * 8 +
		   (h->suite->kind == WIRE_CBC) * 16;

	plain(h, buf);
	wire_be(buf + 3, n, 2);
	return 5 + n;
}

static size_t reorder(struct wire_half *h, uint8_t *buf)
{
	size_t n;

	h->seq++;
	n = plain(h, buf);
	h->seq -= 2;
	n += plain(h, buf + n);
	h->seq++;
	return n;
}

static size_t replay(struct wire_half *h, uint8_t *buf)
{
	size_t n;

	h->seq--;		/* the number of the good record before */
	n = plain(h, buf);
	h->seq++;
	return n;
}

static size_t lost(struct wire_half *h, uint8_t *buf)
{
	h->seq++;
	return plain(h, buf);
}

/* Under a good MAC of EtM that is still a violation: RFC 7366, 3, RFC 5246, 6.2.3.2. */
static void wrong_pad_byte(uint8_t *p, size_t len, const void *arg)
{
	(void)arg;
	p[len - 2] ^= 1;
}

static void wrong_pad_first(uint8_t *p, size_t len, const void *arg)
{
	(void)arg;
	p[len - 1 - p[len - 1]] ^= 0x80;
}

static void wrong_pad_length(uint8_t *p, size_t len, const void *arg)
{
	(void)arg;
	p[len - 1] ^= 0x80;
}

static void pad_255(uint8_t *p, size_t len, const void *arg)
{
	(void)arg;
	p[len - 1] = 255;
}

static void pad_everything(uint8_t *p, size_t len, const void *arg)
{
	(void)arg;
	memset(p, (int)len, len);	/* one more than there is room for */
}

static size_t spoilt(struct wire_half *h, uint8_t *buf, uint16_t more,
		     void (*spoil)(uint8_t *p, size_t len, const void *arg))
{
	struct wire_how how = { .spoil = spoil };

	if (h->suite->kind != WIRE_CBC)
		return 0;
	how.pad = (uint16_t)(wire_pad(h, sizeof(never)) + more);
	return wire_seal(h, &how, never, sizeof(never), buf);
}

static size_t pad_byte(struct wire_half *h, uint8_t *buf)
{
	return spoilt(h, buf, 16, wrong_pad_byte);
}

static size_t pad_first(struct wire_half *h, uint8_t *buf)
{
	return spoilt(h, buf, 224, wrong_pad_first);
}

static size_t pad_length(struct wire_half *h, uint8_t *buf)
{
	return spoilt(h, buf, 0, wrong_pad_length);
}

static size_t pad_too_long(struct wire_half *h, uint8_t *buf)
{
	return spoilt(h, buf, 0, pad_255);
}

static size_t only_padding(struct wire_half *h, uint8_t *buf)
{
	return spoilt(h, buf, 0, pad_everything);
}

/* A MAC over something else, under padding that is all right. */
static size_t bad_mac(struct wire_half *h, uint8_t *buf)
{
	size_t n;

	h->mac[0] ^= 1;
	n = plain(h, buf);
	h->mac[0] ^= 1;
	return h->suite->version == 0x303 && h->suite->kind != WIRE_AEAD ? n : 0;
}

static const struct offence offences[] = {
	{ "type", flip_type }, { "first byte", flip_first }, { "byte in the middle", flip_middle },
	{ "last byte", flip_last }, { "block before the last", flip_before_last },
	{ "a byte less", cut_byte }, { "a block less", cut_block }, { "a byte more", add_byte },
	{ "a block more", add_block }, { "next to nothing", tiny }, { "order", reorder },
	{ "again", replay }, { "one is missing", lost }, { "byte of padding", pad_byte },
	{ "first of 224 bytes of padding", pad_first }, { "length of padding", pad_length },
	{ "padding longer than the record", pad_too_long }, { "nothing but padding", only_padding },
	{ "MAC", bad_mac },
};

#define OFFENCES (sizeof(offences) / sizeof(offences[0]))

static const char *const counted[] = { "RxBadMac", "RxProtocol", "AlertSent", "RxRecords",
				       "RxRecordsCbc", "RxRecordsMac", "TxRecords" };

#define COUNTED (sizeof(counted) / sizeof(counted[0]))

static void counters(long *to)
{
	FILE *f = fopen("/proc/net/kssl_stat", "r");
	char name[64];
	size_t i;
	long n;

	wire_must(f != NULL, "/proc/net/kssl_stat");
	while (fscanf(f, "%63s %ld", name, &n) == 2)
		for (i = 0; i < COUNTED; i++)
			if (!strcmp(name, counted[i]))
				to[i] = n;
	fclose(f);
}

static bool counters_moved(const long *before, const struct wire_suite *suite)
{
	/* one that did not verify, one alert; one record opened, and the alert sealed */
	long want[COUNTED] = { 1, 0, 1, 1, suite->kind == WIRE_CBC, suite->kind == WIRE_MAC, 1 };
	long after[COUNTED] = { 0 };
	bool good = true;
	size_t i;

	counters(after);
	for (i = 0; i < COUNTED; i++)
		good &= same(counted[i], after[i] - before[i], want[i]);
	return good;
}

/* A read that must not succeed: its errno. */
static int read_errno(int fd)
{
	uint8_t buf[100];
	ssize_t n = read(fd, buf, sizeof(buf));

	return n < 0 ? errno : n ? -1 : 0;
}

static int write_errno(int fd)
{
	return write(fd, "x", 1) < 0 ? errno : 0;
}

/* The fatal alert bad_record_mac, and nothing else until the end. */
static bool alert_came(struct peer *p)
{
	static uint8_t record[WIRE_MAX], text[WIRE_TEXT];
	struct wire_seen seen;
	size_t n = take(p, record);

	if (!is(n && !wire_open(&p->back, record, n, text, &seen), "no alert", 0, 1))
		return false;
	shutdown(p->kssl, SHUT_WR);
	return same("type", seen.type, ALERT) && same("length", (long)seen.len, 2) &&
	       same("level", text[0], 2) && same("alert", text[1], BAD_MAC) &&
	       same("bytes after it", (long)take(p, record), 0);
}

/* All that can be seen of it, which is the same for each of them. */
static bool outcome(struct peer *p)
{
	struct kssl_error e;
	socklen_t len = sizeof(e);
	bool good = same("first read", read_errno(p->kssl), EBADMSG);

	good &= same("second read", read_errno(p->kssl), EBADMSG);
	good &= same("write", write_errno(p->kssl), EPIPE);
	good &= !getsockopt(p->kssl, SOL_KSSL, KSSL_ERROR, &e, &len);
	good &= same("error", e.err, EBADMSG) && same("alert sent", e.alert_sent, BAD_MAC) &&
		same("alert received", e.alert_received, KSSL_ALERT_NONE);
	if (strcmp(e.text, "record did not verify"))
		good = is(false, e.text, 0, 0);
	return good & alert_came(p);
}

/* A good record, the offence, a good one again: only the first is delivered. */
static bool refused(const struct wire_suite *suite, bool etm, const struct offence *o)
{
	static uint8_t buf[4 * WIRE_MAX];
	long before[COUNTED] = { 0 };
	uint8_t got[8] = { 0 };
	struct peer p;
	size_t n, m;
	bool good;

	peer_open(&p, suite, etm);
	counters(before);
	n = wire_seal(&p.out, &usual, (const uint8_t *)"good", 4, buf);
	m = o->make(&p.out, buf + n);
	good = !m;
	if (m) {
		n += m;
		n += plain(&p.out, buf + n);
		wire_must(write(p.tcp, buf, n) == (ssize_t)n, "write");
		good = same("the good record", read(p.kssl, got, 4), 4) && !memcmp(got, "good", 4);
		good &= outcome(&p) & counters_moved(before, suite);
		if (!good)
			printf("# that was: %s\n", o->name);
	}
	peer_close(&p);
	return good;
}

/* RFC 5246, 6.2.1: a byte too much; the MAC is right. */
static bool too_long(const struct wire_suite *suite, bool etm)
{
	static uint8_t buf[WIRE_MAX];
	struct kssl_error e;
	socklen_t len = sizeof(e);
	struct peer p;
	size_t n;
	bool good;

	peer_open(&p, suite, etm);
	n = wire_seal(&p.out, &usual, stream, WIRE_TEXT + 1, buf);
	wire_must(write(p.tcp, buf, n) == (ssize_t)n, "write");
	good = same("read", read_errno(p.kssl), EMSGSIZE);
	getsockopt(p.kssl, SOL_KSSL, KSSL_ERROR, &e, &len);
	good &= same("alert", e.alert_sent, 22);
	peer_close(&p);
	return good;
}

static void negative(const struct wire_suite *suite, bool etm)
{
	struct wire_half h = { .suite = suite, .etm = etm };
	bool good = true;
	size_t i;

	for (i = 0; i < OFFENCES; i++)
		good &= refused(suite, etm, &offences[i]);
	ok(good, &h, "nothing bad is delivered, and all of it looks the same");
	ok(too_long(suite, etm), &h, "text of 2^14 + 1 bytes");
}

static void one(const struct wire_suite *suite, bool etm)
{
	to_kssl(suite, etm);
	from_kssl(suite, etm);
	if (suite->kind == WIRE_CBC || suite->iv == 4)
		ivs(suite, etm);
	negative(suite, etm);
}

/* Without the administrator's leave nobody gets a suite that does not encrypt. */
static void closed(void)
{
	struct wire_half h;
	size_t i;
	int a, b;

	for (i = 0; i < WIRE_SUITES; i++) {
		if (wire_suites[i].kind != WIRE_MAC)
			continue;
		wire_new(&h, &wire_suites[i], false);
		tcp_pair(&a, &b);
		setsockopt(a, SOL_TCP, TCP_ULP, "kssl", 4);
		ok(!set_key(a, KSSL_KEY_TX, &h) && errno == EACCES &&
		   !set_key(a, KSSL_KEY_RX, &h) && errno == EACCES, &h, "closed by default");
		close(a);
		close(b);
	}
}

int main(int argc, char **argv)
{
	size_t i;
	int j;

	signal(SIGPIPE, SIG_IGN);
	RAND_bytes(stream, sizeof(stream));
	if (argc == 2 && !strcmp(argv[1], "refused"))
		closed();
	for (i = 0; i < WIRE_SUITES && (argc != 2 || strcmp(argv[1], "refused")); i++) {
		bool wanted = argc == 1;

		for (j = 1; j < argc; j++)
			wanted |= strtoul(argv[j], NULL, 16) == wire_suites[i].id;
		if (!wanted)
			continue;
		one(&wire_suites[i], false);
		if (wire_suites[i].kind == WIRE_CBC)
			one(&wire_suites[i], true);
	}
	printf("1..%d\n", tests);
	return bad != 0;
}
