// SPDX-License-Identifier: GPL-2.0-or-later
/* ksslctl identities: what kssld serves with, and until when. */
#include "ksslctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum field { NAME, DEFAULT, KEY, EXPIRES, NAMES, CERT, NR_FIELDS };

/* A line, cut at its tabs; false: it is not one of ours. */
static bool cut(char *line, char **fields)
{
	int i;

	for (i = 0; i < NR_FIELDS; i++)
		fields[i] = strsep(&line, "\t");
	return fields[CERT];
}

static json_t *names_json(char *names)
{
	json_t *all = json_array();
	char *one;

	while ((one = strsep(&names, ", ")))
		if (*one)
			json_array_append_new(all, json_string(clean(one)));
	return all;
}

static void print(char **f, json_t *all)
{
	json_t *json;

	if (!all) {
		printf("%-16s %-7s %-9s %-20s ", clean(f[NAME]), f[DEFAULT], clean(f[KEY]),
		       clean(f[EXPIRES]));
		printf("%-30s %s\n", clean(f[NAMES]), clean(f[CERT]));
		return;
	}
	json = json_pack("{ss sb ss so}", "identity", clean(f[NAME]), "default",
			 !strcmp(f[DEFAULT], "yes"), "key", clean(f[KEY]), "names",
			 names_json(f[NAMES]));
	if (strcmp(f[EXPIRES], "-"))
		json_object_set_new(json, "expires", json_string(clean(f[EXPIRES])));
	json_object_set_new(json, "file", json_string(clean(f[CERT])));
	json_array_append_new(all, json);
}

int verb_identities(struct kssl_nl *nl, int argc, char **argv)
{
	json_t *all = as_json ? json_array() : NULL;
	char *text, *next, *line, *fields[NR_FIELDS];

	(void)nl;
	(void)argv;
	if (argc) {
		fprintf(stderr, "ksslctl: identities takes no arguments\n");
		return 2;
	}
	if (daemon_ask("identities", &text) != 1)
		return 1;
	if (!all)
		printf("%-16s %-7s %-9s %-20s %-30s %s\n", "IDENTITY", "DEFAULT", "KEY", "EXPIRES",
		       "NAMES", "FILE");
	next = text;
	while ((line = strsep(&next, "\n")))
		if (cut(line, fields))
			print(fields, all);
	free(text);
	if (all)
		json_out(all, false);
	return 0;
}
