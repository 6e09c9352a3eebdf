// SPDX-License-Identifier: GPL-2.0
/*
 * bench WAY CASE...: instructions per operation, one line a case; and how many
 * there are between the marks for a profile.
 *
 *	tx/N		one send of N bytes
 *	more/N		one send of N bytes, of which sixteen make one record
 *	sendfile/N	one sendfile of N bytes that the page cache has
 *	rx/N/B		one record of N bytes, read through a buffer of B
 *	pp/N		request and response of N bytes, both ends
 *	keys		keys on and off in both directions, key schedule included
 *	wide-tx, wide-rx	calls of 1 MiB: time on one CPU by time on all, in
 *			thousandths; not under -icount, kssl alone
 *	memory		bytes of an idle connection, keyed in both directions
 *
 * A case ends in @SUITE where it is not AES-128-GCM of TLS 1.3.
 */
#include "bench.h"

#include "cases.h"

static const struct {
	const char *name;
	double (*run)(const struct way *way, const struct suite *suite, size_t n, size_t buf);
} kinds[] = {
	{ "tx", case_tx }, { "more", case_more }, { "sendfile", case_file }, { "rx", case_rx },
	{ "pp", case_pp }, { "keys", case_keys },
	{ "memory", case_memory }, { "wide-tx", case_wide_tx }, { "wide-rx", case_wide_rx },
};

static const struct way *find_way(const char *name)
{
	const struct way *w = ways;

	while (w->name && strcmp(w->name, name))
		w++;
	must(w->name, name);
	return w;
}

static const struct suite *find_suite(const char *name)
{
	const struct suite *s = suites;

	while (s->name && strcmp(s->name, name))
		s++;
	must(s->name, name);
	return s;
}

static void run(const struct way *way, const char *name)
{
	char kind[16] = "", suite_name[16] = "";
	const struct suite *suite;
	size_t n = 0, buf = 0, i;
	double figure;

	sscanf(name, "%15[^/@]/%zu/%zu", kind, &n, &buf);
	if (strchr(name, '@'))
		sscanf(strchr(name, '@') + 1, "%15s", suite_name);
	suite = find_suite(suite_name);
	if (!way->can(suite))
		return;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, kind))
			continue;
		figure = kinds[i].run(way, suite, n, buf);
		printf("%s %s %.0f %.0f\n", name, way->name, figure, figure + case_beside);
		fflush(stdout);
		return;
	}
	must(false, name);
}

int main(int argc, char **argv)
{
	int i;

	must(argc > 2, "usage: bench WAY CASE...");
	for (i = 2; i < argc; i++)
		run(find_way(argv[1]), argv[i]);
	return 0;
}
