// SPDX-License-Identifier: GPL-2.0-or-later
/* ksslctl policy test: what kssld's policy would say to somebody. */
#include "ksslctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO 3	/* exit status */

/* The daemon's question: words between tabs. */
static char *question(int argc, char **argv)
{
	size_t room = sizeof("policy-test"), i;
	char *line;

	for (i = 0; i < (size_t)argc; i++)
		room += strlen(argv[i]) + 1;
	line = malloc(room);
	if (!line)
		return NULL;
	strcpy(line, "policy-test");
	for (i = 0; i < (size_t)argc; i++) {
		strcat(line, "\t");
		strcat(line, argv[i]);
	}
	return line;
}

static bool is_yes(const char *value)
{
	return !strcmp(value, "yes");
}

static void put(json_t *json, const char *key, const char *value)
{
	json_t *j = NULL;

	if (!strcmp(key, "allowed"))
		j = json_boolean(is_yes(value));
	else if (!strcmp(key, "line"))
		j = json_integer(atoi(value));
	else
		j = json_string(clean(value));
	json_object_set_new(json, key, j);
}

/* Text as it comes; the first line says yes or no.  Returns the exit status. */
static int print(char *text)
{
	json_t *json = as_json ? json_object() : NULL;
	char *line, *value;
	int ret = 1;

	while ((line = strsep(&text, "\n"))) {
		value = strchr(line, '\t');
		if (!value)
			continue;
		*value++ = 0;
		if (!strcmp(line, "allowed"))
			ret = is_yes(value) ? 0 : NO;
		if (json)
			put(json, line, value);
		else
			printf("%-12s %s\n", line, clean(value));
	}
	if (json)
		json_out(json, false);
	return ret;
}

int policy_test(int argc, char **argv)
{
	char *ask, *text;
	int i, good, ret = 1;

	for (i = 0; i < argc; i++)
		if (!strchr(argv[i], '=') || strpbrk(argv[i], "\t\n"))
			break;
	if (!argc || i < argc) {
		fprintf(stderr, "usage: ksslctl policy test user=.. [group=..] [exe=..] [cgroup=..] [port=..]\n"
				"       [role=client|server] [identity=..] [peer-auth=none|request|require]\n");
		return 2;
	}
	ask = question(argc, argv);
	good = ask ? daemon_ask(ask, &text) : -1;
	free(ask);
	if (good < 0)
		return 1;
	if (good)
		ret = print(text);
	else
		fprintf(stderr, "ksslctl: policy test: %s\n", clean(text));
	free(text);
	return good ? ret : 2;
}
