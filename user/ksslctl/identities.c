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

static json_t *one_json(char **f)
{
	json_t *names = names_json(f[NAMES]);	/* by itself: clean() has few buffers */
	json_t *json = json_pack("{ss sb ss so}", "identity", clean(f[NAME]), "default",
				 !strcmp(f[DEFAULT], "yes"), "key", clean(f[KEY]), "names", names);

	if (strcmp(f[EXPIRES], "-"))
		json_object_set_new(json, "expires", json_string(clean(f[EXPIRES])));
	json_object_set_new(json, "file", json_string(clean(f[CERT])));
	return json;
}

static json_t *all_json(char *text)
{
	json_t *all = json_array();
	char *line, *fields[NR_FIELDS];

	while ((line = strsep(&text, "\n")))
		if (cut(line, fields))
			json_array_append_new(all, one_json(fields));
	return all;
}

/**
 * identities() - ask kssld
 *
 * Return: an array, or NULL: it does not answer.
 */
json_t *identities(void)
{
	json_t *all;
	char *text;

	if (daemon_try("identities", &text) != 1)
		return NULL;
	all = all_json(text);
	free(text);
	return all;
}

static void print(char *text)
{
	char *line, *f[NR_FIELDS];

	printf("%s%-16s %-7s %-9s %-20s %-30s %s%s\n", ink(INK_BOLD), "IDENTITY", "DEFAULT", "KEY",
	       "EXPIRES", "NAMES", "FILE", ink(INK_PLAIN));
	while ((line = strsep(&text, "\n"))) {
		if (!cut(line, f))
			continue;
		printf("%-16s %-7s %-9s %-20s ", clean(f[NAME]), f[DEFAULT], clean(f[KEY]),
		       clean(f[EXPIRES]));
		printf("%-30s %s\n", clean(f[NAMES]), clean(f[CERT]));
	}
}

int verb_identities(struct kssl_nl *nl, int argc, char **argv)
{
	char *text;

	(void)nl;
	(void)argv;
	if (argc) {
		fprintf(stderr, "ksslctl: identities takes no arguments\n");
		return 2;
	}
	if (daemon_ask("identities", &text) != 1)
		return 1;
	if (as_json)
		json_out(all_json(text), false);
	else
		print(text);
	free(text);
	return 0;
}
