// SPDX-License-Identifier: GPL-2.0-or-later
/* The counters of the network namespace, /proc/net/kssl_stat. */
#include "ksslctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_NAME "/proc/self/net/kssl_stat"

/* Made from kernel/mib.h: { name, what it counts } */
static const struct {
	const char *name;
	const char *help;
} helps[] = {
#include "counters.h"
};

/**
 * counters() - read them
 *
 * Return: an object of numbers in the file's order, or NULL after a message.
 */
json_t *counters(void)
{
	json_t *all = json_object();
	unsigned long long n;
	char name[64];
	FILE *f = fopen(FILE_NAME, "re");

	if (!f) {
		fprintf(stderr, "ksslctl: %s: %s\n", FILE_NAME, strerror(errno));
		json_decref(all);
		return NULL;
	}
	while (fscanf(f, "%63s %llu", name, &n) == 2)
		json_object_set_new(all, name, json_integer((json_int_t)n));
	fclose(f);
	return all;
}

uint64_t counter_of(const json_t *all, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(all, name));
}

/* Return: what it counts; NULL: it is younger than this program. */
const char *counter_help(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(helps) / sizeof(helps[0]); i++)
		if (!strcmp(helps[i].name, name))
			return helps[i].help;
	return NULL;
}
