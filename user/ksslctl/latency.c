// SPDX-License-Identifier: GPL-2.0-or-later
/* How long handshakes take, as kssld counts it. */
#include "ksslctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MAX 64
#define BAR 40

static json_t *numbers(char *rest)
{
	json_t *all = json_array();
	char *word;

	while (json_array_size(all) < BUCKETS_MAX && (word = strsep(&rest, "\t")))
		json_array_append_new(all, json_integer(strtoll(word, NULL, 10)));
	return all;
}

/* "server TAB full TAB sum TAB count..."; one more count than there are bounds. */
static json_t *series(char *line, json_t *bounds)
{
	const char *role = strsep(&line, "\t"), *kind = strsep(&line, "\t");
	json_t *counts, *buckets, *n;
	json_int_t sum, all = 0;
	size_t i;

	if (!line)
		return NULL;
	sum = strtoll(line, &line, 10);
	counts = numbers(*line ? line + 1 : NULL);
	if (json_array_size(counts) != json_array_size(bounds) + 1) {
		json_decref(counts);
		return NULL;
	}
	buckets = json_array();
	json_array_foreach(counts, i, n) {
		json_t *bound = json_array_get(bounds, i);

		all += json_integer_value(n);
		json_array_append_new(buckets, json_pack("{sO? sO}", "le_us", bound, "count", n));
	}
	json_decref(counts);
	return json_pack("{ss ss sI sI so}", "role", role, "kind", kind, "count", all, "sum_us", sum,
			 "buckets", buckets);
}

/**
 * latency() - ask kssld
 *
 * Return: an array: role, kind (full or resumed), count, sum_us, and buckets with
 * le_us (null: infinite) and a count of their own; NULL: it does not answer.
 */
json_t *latency(void)
{
	char *text, *next, *line;
	json_t *all, *bounds, *one;

	if (daemon_try("latency", &text) != 1)
		return NULL;
	next = text;
	line = strsep(&next, "\n");
	bounds = numbers(strncmp(line, "bounds\t", 7) ? NULL : line + 7);
	all = json_array();
	while ((line = strsep(&next, "\n"))) {
		one = series(line, bounds);
		if (one)
			json_array_append_new(all, one);
	}
	json_decref(bounds);
	free(text);
	return all;
}

static void print_us(json_int_t us)
{
	if (us < 1000)
		printf("%7lld us", (long long)us);
	else if (us < 1000000)
		printf("%7.1f ms", (double)us / 1e3);
	else
		printf("%7.1f s ", (double)us / 1e6);
}

static json_int_t number(const json_t *of, const char *name)
{
	return json_integer_value(json_object_get(of, name));
}

static void print_bucket(const json_t *bucket, json_int_t most)
{
	json_int_t n = number(bucket, "count");
	int stars = (int)((n * BAR + most - 1) / most);

	if (!n)
		return;
	if (json_is_null(json_object_get(bucket, "le_us"))) {
		printf("  more        ");
	} else {
		printf("  <= ");
		print_us(number(bucket, "le_us"));
	}
	printf(" %8lld %.*s\n", (long long)n, stars, "########################################");
}

/**
 * latency_print() - as text, without what did not happen
 * @all: from latency()
 */
void latency_print(const json_t *all)
{
	const json_t *one, *bucket;
	json_int_t most, count;
	size_t i, j;

	json_array_foreach(all, i, one) {
		const json_t *buckets = json_object_get(one, "buckets");

		count = number(one, "count");
		if (!count)
			continue;
		most = 1;
		json_array_foreach(buckets, j, bucket)
			if (number(bucket, "count") > most)
				most = number(bucket, "count");
		printf("%s, %s handshakes: %lld, mean", json_string_value(json_object_get(one, "role")),
		       json_string_value(json_object_get(one, "kind")), (long long)count);
		print_us(number(one, "sum_us") / count);
		putchar('\n');
		json_array_foreach(buckets, j, bucket)
			print_bucket(bucket, most);
	}
}
