// SPDX-License-Identifier: GPL-2.0-or-later
// SOURCES: user/kssld/name.c
// LIBS: libssl libcrypto
// CFLAGS: -Iuser/kssld
/* user/kssld/name.c: names of hosts and what they become; lists and what fits them. */
#include "kssld.h"

#include <string.h>

static int count, bad;

static void ok(bool good, const char *what, const char *name)
{
	printf("%sok %d - %s: %.60s\n", good ? "" : "not ", ++count, what, name);
	bad |= !good;
}

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L61 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *name;
	const char *want;	/* NULL: none */
} table[] = {
	{ "server.test", "server.test" },
	{ "server.test.", "server.test" },
	{ "Server.TEST", "server.test" },
	{ "localhost", "localhost" },
	{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
	{ "XN--BCHER-KVA.example.", "xn--bcher-kva.example" },
	{ "_sip._tcp.test", "_sip._tcp.test" },
	{ "1.example", "1.example" },
	{ "127.0.0.1.test", "127.0.0.1.test" },
	{ L63 ".test", L63 ".test" },
	{ L63 "." L63 "." L63 "." L61, L63 "." L63 "." L63 "." L61 },
	{ L63 "." L63 "." L63 "." L61 ".", L63 "." L63 "." L63 "." L61 },
	{ "", NULL },
	{ ".", NULL },
	{ ".test", NULL },
	{ "server..test", NULL },
	{ "server.test..", NULL },
	{ "b\303\274cher.example", NULL },
	{ "*.test", NULL },
	{ "server test", NULL },
	{ "server.test/", NULL },
	{ "server.test:443", NULL },
	{ "[::1]", NULL },
	{ "::1", NULL },
	{ "127.0.0.1", NULL },
	{ "127.0.0.1.", NULL },
	{ "127.1", NULL },
	{ "2130706433", NULL },
	{ L63 "a.test", NULL },
	{ L63 "." L63 "." L63 "." L61 "a", NULL },
};

static const struct {
	const char *list;
	const char *name;
	enum name_fit want;
} lists[] = {
	{ "a.test,b.test", "b.test", NAME_FITS },
	{ "a.test,b.test", "c.test", NAME_FITS_NOT },
	{ "a.test,b.test", "b.tes", NAME_FITS_NOT },
	{ "a.test", "xa.test", NAME_FITS_NOT },
	{ "*.test", "a.test", NAME_FITS_WILDCARD },
	{ "*.test,a.test", "a.test", NAME_FITS },
	{ "*.test", "a.b.test", NAME_FITS_NOT },
	{ "*.test", "test", NAME_FITS_NOT },
	{ "*.test", "a.test.example", NAME_FITS_NOT },
	{ "*.b.test", "a.b.test", NAME_FITS_WILDCARD },
};

int main(void)
{
	static const char zero[] = "server\0.test";
	char out[NAME_ROOM];
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		bool good = name_normalise(table[i].name, strlen(table[i].name), out);

		ok(table[i].want ? good && !strcmp(out, table[i].want) : !good && !*out,
		   table[i].want ? "a name" : "none", table[i].name);
	}
	ok(!name_normalise(zero, sizeof(zero) - 1, out), "none", "with a zero byte");
	ok(!name_normalise("server.test\n", 12, out), "none", "with a line's end");
	ok(name_pattern("*.TEST.", 7, out) && !strcmp(out, "*.test"), "a pattern", "*.TEST.");
	ok(!name_pattern("*", 1, out) && !name_pattern("*.", 2, out) &&
	   !name_pattern("a.*.test", 8, out) && !name_pattern("*.*.test", 8, out) &&
	   !name_pattern("w*.test", 7, out), "none", "other wildcards");
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		ok(name_fits(lists[i].list, lists[i].name) == lists[i].want, lists[i].list,
		   lists[i].name);
	printf("1..%d\n", count);
	return bad;
}
