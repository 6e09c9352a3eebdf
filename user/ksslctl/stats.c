// SPDX-License-Identifier: GPL-2.0-or-later
/* ksslctl stats: counters of the network namespace. */
#include "ksslctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_NAME "/proc/self/net/kssl_stat"

int verb_stats(struct kssl_nl *nl, int argc, char **argv)
{
	json_t *json = as_json ? json_object() : NULL;
	unsigned long long n;
	char name[64];
	FILE *f;

	(void)nl;
	(void)argv;
	if (argc) {
		fprintf(stderr, "ksslctl: stats takes no arguments\n");
		return 2;
	}
	f = fopen(FILE_NAME, "re");
	if (!f) {
		fprintf(stderr, "ksslctl: %s: %s\n", FILE_NAME, strerror(errno));
		return 1;
	}
	while (fscanf(f, "%63s %llu", name, &n) == 2) {
		if (json)
			json_object_set_new(json, name, json_integer((json_int_t)n));
		else
			printf("%-18s %llu\n", name, n);
	}
	fclose(f);
	if (json)
		json_out(json, false);
	return 0;
}
