// SPDX-License-Identifier: GPL-2.0-or-later
// SOURCES: user/kssld/rate.c
// LIBS: libssl libcrypto
// CFLAGS: -Iuser/kssld
/* user/kssld/rate.c: rates, bursts, addresses, and a table that is full. */
#include "kssld.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define SECOND 1000000000LL

static int tap_n, tap_bad;

static void ok(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tap_n, name);
	tap_bad += !good;
}

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage a = { .ss_family = AF_INET };

	if (inet_pton(AF_INET, text, &((struct sockaddr_in *)&a)->sin_addr) != 1) {
		a.ss_family = AF_INET6;
		inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&a)->sin6_addr);
	}
	return a;
}

/* How many of @n are admitted at once. */
static int admitted(const struct rate_limit *l, const char *text, int n, int64_t now)
{
	struct sockaddr_storage a = address(text);
	int yes = 0;

	while (n--)
		yes += !rate_admit(l, &a, now);
	return yes;
}

static void handshakes(void)
{
	const struct rate_limit l[NR_RATES] = { { 2, 1, 5 }, { 0, 60, 0 } };
	const struct rate_limit none[NR_RATES] = { { 0, 1, 0 }, { 0, 60, 0 } };
	int64_t t = 1000 * SECOND;

	ok(admitted(none, "192.0.2.9", 1000, t) == 1000, "no limit");
	ok(admitted(l, "192.0.2.1", 100, t) == 5, "a burst, and no more");
	ok(admitted(l, "192.0.2.1", 100, t + SECOND / 4) == 0, "not yet");
	ok(admitted(l, "192.0.2.1", 100, t + SECOND / 2) == 1, "one after half a second");
	ok(admitted(l, "192.0.2.1", 100, t + 3 * SECOND / 2) == 2, "two a second");
	ok(admitted(l, "192.0.2.1", 100, t + 1000 * SECOND) == 5, "quiet is not saved up");
	ok(admitted(l, "192.0.2.2", 100, t) == 5, "another address");
	ok(admitted(l, "::ffff:192.0.2.2", 100, t) == 0, "the same in IPv6's form");
	ok(admitted(l, "2001:db8::1", 100, t) == 5, "IPv6");
	ok(admitted(l, "2001:db8::2:3", 100, t) == 0, "the same network of 64 bits");
	ok(admitted(l, "2001:db8:0:1::1", 100, t) == 5, "another one");
	ok(admitted(l, "32.1.13.184", 100, t) == 5, "IPv4 with the same bytes");
}

static void failures(void)
{
	const struct rate_limit l[NR_RATES] = { { 0, 1, 0 }, { 3, 60, 3 } };
	struct sockaddr_storage a = address("192.0.2.3");
	int64_t t = 5000 * SECOND;
	int i;

	ok(admitted(l, "192.0.2.3", 100, t) == 100, "good ones cost nothing");
	for (i = 0; i < 2; i++)
		rate_failed(l, &a, t);
	ok(admitted(l, "192.0.2.3", 100, t) == 100, "two failures");
	rate_failed(l, &a, t);
	ok(admitted(l, "192.0.2.3", 100, t) == 0, "three");
	ok(admitted(l, "192.0.2.4", 100, t) == 100, "another address");
	ok(admitted(l, "192.0.2.3", 1, t + 21 * SECOND) == 1, "one is forgiven after a third");
	rate_failed(l, &a, t + 21 * SECOND);
	ok(admitted(l, "192.0.2.3", 1, t + 21 * SECOND) == 0, "and was used up");
}

/* The oldest go, not the busy one. */
static void full(void)
{
	const struct rate_limit l[NR_RATES] = { { 1, 1, 1 }, { 0, 60, 0 } };
	int64_t t = 9000 * SECOND;
	int i, wrong = 0;
	char text[32];

	ok(admitted(l, "198.51.100.1", 1, t) == 1, "the first");
	for (i = 0; i < 100000; i++) {
		snprintf(text, sizeof(text), "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
		wrong += admitted(l, text, 1, t) != 1;
		if (!(i % 1000))
			wrong += admitted(l, "198.51.100.1", 1, t) != 0;
	}
	ok(!wrong, "100,000 addresses, one of them busy");
	ok(admitted(l, "10.0.0.1", 1, t) == 1, "the oldest is forgotten");
}

int main(void)
{
	handshakes();
	failures();
	full();
	printf("1..%d\n", tap_n);
	return tap_bad != 0;
}
