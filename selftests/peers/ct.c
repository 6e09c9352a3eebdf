// SPDX-License-Identifier: GPL-2.0
// LIBS: libcrypto
/*
 * One sample a line for the measurement of constant time: a MAC-then-encrypt
 * record, good or bad in a chosen way, is given to a new kssl socket and read.
 *
 *	in:	SUITE LENGTH PADDING KIND	LENGTH: of what is encrypted, bytes;
 *						PADDING: 1 to 256, with padding_length
 *	out:	TICKS				time stamp counter over the read()
 *
 * KIND: good, padding (its first byte is wrong; if there is only one, padding_length
 * is), length (padding_length says 255 or more than there is), mac (a byte of it).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <x86intrin.h>

#include "wire.h"

static void tcp_pair(int *one, int *other)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	static int listener = -1;
	socklen_t len = sizeof(a);

	if (listener < 0) {
		listener = socket(AF_INET, SOCK_STREAM, 0);
		wire_must(!bind(listener, (struct sockaddr *)&a, len) && !listen(listener, 1),
			  "listen");
	}
	*one = socket(AF_INET, SOCK_STREAM, 0);
	wire_must(!getsockname(listener, (struct sockaddr *)&a, &len) &&
		  !connect(*one, (struct sockaddr *)&a, len), "connect");
	*other = accept(listener, NULL, NULL);
	wire_must(*other >= 0, "accept");
}

static void spoil(uint8_t *p, size_t len, const void *arg)
{
	const char *kind = arg;
	size_t pad = p[len - 1] + 1u;

	if (!strcmp(kind, "padding"))
		p[len - pad] ^= 0x80;
	else if (!strcmp(kind, "length"))
		p[len - 1] = p[len - 1] == 255 ? 254 : 255;
	else if (!strcmp(kind, "mac"))
		p[len - pad - 1] ^= 1;
}

static size_t make(struct wire_half *h, size_t len, unsigned int pad, const char *kind,
		   uint8_t *record)
{
	struct wire_how how = { .pad = (uint16_t)pad, .spoil = spoil, .arg = kind };
	static uint8_t text[WIRE_TEXT];

	wire_must(len >= h->suite->tag + pad && len <= sizeof(text), "sizes");
	RAND_bytes(text, (int)len);
	return wire_seal(h, &how, text, len - h->suite->tag - pad, record);
}

static uint64_t sample(const struct wire_suite *suite, size_t len, unsigned int pad,
		       const char *kind)
{
	static uint8_t record[WIRE_MAX], got[WIRE_TEXT];
	struct wire_half out, back;
	struct kssl_key key;
	uint64_t before, after;
	int kssl, tcp, err, want = EBADMSG;
	ssize_t n;

	wire_new(&out, suite, false);
	wire_new(&back, suite, false);
	tcp_pair(&kssl, &tcp);
	wire_must(!setsockopt(kssl, SOL_TCP, TCP_ULP, "kssl", 4), "TCP_ULP");
	key = wire_key(&out);
	wire_must(!setsockopt(kssl, SOL_KSSL, KSSL_KEY_RX, &key, sizeof(key)), "KSSL_KEY_RX");
	key = wire_key(&back);
	wire_must(!setsockopt(kssl, SOL_KSSL, KSSL_KEY_TX, &key, sizeof(key)), "KSSL_KEY_TX");
	n = (ssize_t)make(&out, len, pad, kind, record);
	wire_must(write(tcp, record, (size_t)n) == n, "write");
	/* on one CPU the record has arrived by now */
	before = __rdtsc();
	n = recv(kssl, got, sizeof(got), MSG_DONTWAIT);
	after = __rdtsc();
	err = n < 0 ? errno : 0;
	if (!strcmp(kind, "good"))	/* without text there is nothing to read */
		want = len > suite->tag + pad ? 0 : EAGAIN;
	wire_must(err == want, "verdict");
	close(kssl);
	close(tcp);
	return after - before;
}

int main(void)
{
	unsigned int id, len, pad;
	char kind[16];

	while (scanf("%x %u %u %15s", &id, &len, &pad, kind) == 4) {
		const struct wire_suite *suite = wire_suite((uint16_t)id);

		wire_must(suite && suite->kind == WIRE_CBC, "suite");
		printf("%llu\n", (unsigned long long)sample(suite, len, pad, kind));
	}
	return 0;
}
