// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ksslctl stats --openmetrics: for Prometheus, as a file for the textfile collector of
 * its node exporter.  That reads the older text format, so what is written is valid in
 * both: no types, units or exemplars that one of them does not know.
 */
#include "ksslctl.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void type(const char *name, const char *kind, const char *help)
{
	printf("# TYPE kssl_%s %s\n", name, kind);
	if (!help)
		return;
	printf("# HELP kssl_%s ", name);
	for (; *help; help++)
		if (*help != '"')	/* the two formats escape it differently */
			putchar(*help);
	putchar('\n');
}

/* HsDone: hs_done */
static void snake(const char *from, char *to, size_t room)
{
	size_t n = 0, i;

	for (i = 0; from[i] && n + 2 < room; i++) {
		if (i && isupper((unsigned char)from[i]))
			to[n++] = '_';
		to[n++] = (char)tolower((unsigned char)from[i]);
	}
	to[n] = 0;
}

static void put_counters(const json_t *counts)
{
	const char *key;
	char name[80];
	json_t *n;

	json_object_foreach((json_t *)counts, key, n) {
		snake(key, name, sizeof(name));
		type(name, "counter", counter_help(key));
		printf("kssl_%s_total %lld\n", name, (long long)json_integer_value(n));
	}
}

/* name="value", with what the format wants escaped */
static void put_label(const char *name, const char *value)
{
	printf("%s=\"", name);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			putchar('\\');
		putchar(*value);
	}
	putchar('"');
}

static int count(const struct kssl_session_info *s, void *arg)
{
	unsigned int *states = arg;

	if (s->state < NR_STATES)
		states[s->state]++;
	return 0;
}

static int put_sessions(struct kssl_nl *nl)
{
	unsigned int states[NR_STATES] = { 0 };
	int i;

	if (kssl_nl_sessions(nl, count, states))
		return complain(nl, "list");
	type("sessions", "gauge", "sockets by state");
	for (i = 0; i < NR_STATES; i++)
		printf("kssl_sessions{state=\"%s\"} %u\n", kssl_state_name(i), states[i]);
	return 0;
}

static int put_module(struct kssl_nl *nl)
{
	struct kssl_caps caps;

	if (kssl_nl_caps(nl, &caps))
		return complain(nl, "caps");
	type("module_info", "gauge", "version of the kernel module");
	printf("kssl_module_info{");
	put_label("release", caps.release);
	printf("} 1\n");
	type("workers", "gauge", "threads of kssld that take handshakes");
	printf("kssl_workers %u\n", caps.workers);
	type("lingering", "gauge", "closed sockets that the kernel holds");
	printf("kssl_lingering %u\n", caps.lingering);
	return 0;
}

static const char *text_of(const json_t *of, const char *name)
{
	const char *text = json_string_value(json_object_get(of, name));

	return text ? text : "";
}

static void put_series(const json_t *one)
{
	json_int_t below = 0;
	json_t *bucket;
	size_t i;

	json_array_foreach(json_object_get(one, "buckets"), i, bucket) {
		const json_t *bound = json_object_get(bucket, "le_us");

		below += json_integer_value(json_object_get(bucket, "count"));
		printf("kssl_handshake_seconds_bucket{role=\"%s\",kind=\"%s\",le=\"",
		       text_of(one, "role"), text_of(one, "kind"));
		if (json_is_null(bound))
			printf("+Inf");
		else
			printf("%.6f", (double)json_integer_value(bound) / 1e6);
		printf("\"} %lld\n", (long long)below);
	}
	printf("kssl_handshake_seconds_count{role=\"%s\",kind=\"%s\"} %lld\n", text_of(one, "role"),
	       text_of(one, "kind"), (long long)below);
	printf("kssl_handshake_seconds_sum{role=\"%s\",kind=\"%s\"} %.6f\n", text_of(one, "role"),
	       text_of(one, "kind"),
	       (double)json_integer_value(json_object_get(one, "sum_us")) / 1e6);
}

static void put_latency(const json_t *all)
{
	json_t *one;
	size_t i;

	type("handshake_seconds", "histogram", "how long handshakes took that ended with keys");
	json_array_foreach(all, i, one)
		put_series(one);
}

static void put_certificates(const json_t *all)
{
	struct tm tm;
	json_t *one;
	size_t i;

	type("certificate_end_seconds", "gauge", "when a certificate ends, since 1970");
	json_array_foreach(all, i, one) {
		memset(&tm, 0, sizeof(tm));
		if (!strptime(text_of(one, "expires"), "%Y-%m-%dT%H:%M:%SZ", &tm))
			continue;
		printf("kssl_certificate_end_seconds{");
		put_label("identity", text_of(one, "identity"));
		putchar(',');
		put_label("key", text_of(one, "key"));
		putchar(',');
		put_label("file", text_of(one, "file"));
		printf("} %lld\n", (long long)timegm(&tm));
	}
}

/**
 * metrics_print() - all there is, whole or not at all as far as the kernel goes
 * @nl: handle
 * @counts: from counters()
 *
 * Return: the exit status.
 */
int metrics_print(struct kssl_nl *nl, const json_t *counts)
{
	json_t *took = latency(), *certificates = took ? identities() : NULL;
	int ret = put_module(nl) || put_sessions(nl);

	if (!ret) {
		put_counters(counts);
		type("daemon_up", "gauge", "kssld answers");
		printf("kssl_daemon_up %d\n", !!took);
		if (took)
			put_latency(took);
		if (certificates)
			put_certificates(certificates);
		puts("# EOF");
	}
	json_decref(took);
	json_decref(certificates);
	return ret;
}
