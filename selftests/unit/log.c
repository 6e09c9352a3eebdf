// SPDX-License-Identifier: GPL-2.0-or-later
// SOURCES: user/kssld/log.c
// LIBS: libssl libcrypto
/* kssld/log.c: what peers cause does not fill the log. */
#include "../../user/kssld/kssld.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int count, bad;

static void ok(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++count, name);
	bad |= !good;
}

/* Lines that stderr has got, of those with @word in them. */
static int lines(FILE *file, const char *word)
{
	char line[1100];
	int n = 0;

	rewind(file);
	while (fgets(line, sizeof(line), file))
		n += strstr(line, word) != NULL;
	return n;
}

int main(void)
{
	FILE *file = tmpfile();
	time_t start;
	int i, before;

	dup2(fileno(file), STDERR_FILENO);
	log_setup(LOG_LEVEL_INFO, true);
	for (start = time(NULL); time(NULL) == start;)	/* a second's begin */
		;
	start = time(NULL);
	for (i = 0; i < 1000; i++)
		log_rated(LOG_FAILED_HANDSHAKE, "failed %d", i);
	ok(time(NULL) != start || lines(file, "failed") == 20, "rated__20_lines_a_second");
	log_rated(LOG_LEGACY_SUITE, "legacy");
	ok(lines(file, "legacy") == 1, "rated__another_cause_has_its_own");
	while (time(NULL) == start)
		;
	before = lines(file, "failed");
	log_rated(LOG_FAILED_HANDSHAKE, "failed again");
	ok(lines(file, "failed") == before + 1, "rated__next_second");
	info("always");
	ok(lines(file, "always") == 1, "msg__is_not_rated");
	log_setup(LOG_LEVEL_ERROR, true);
	log_rated(LOG_LEGACY_SUITE, "legacy");
	ok(lines(file, "legacy") == 1, "rated__below_the_level");
	printf("1..%d\n", count);
	return bad;
}
