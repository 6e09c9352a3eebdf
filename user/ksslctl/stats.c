// SPDX-License-Identifier: GPL-2.0-or-later
/* ksslctl stats: counters of the network namespace, and how long handshakes take. */
#include "ksslctl.h"

#include <stdio.h>

static void print(json_t *counts)
{
	const char *name;
	json_t *n, *took = latency();

	json_object_foreach(counts, name, n)
		printf("%-18s %llu\n", name, (unsigned long long)json_integer_value(n));
	if (took)
		latency_print(took);
	else
		printf("latency: not known: %s\n", daemon_why());
	json_decref(took);
}

int verb_stats(struct kssl_nl *nl, int argc, char **argv)
{
	json_t *counts, *took;
	int ret = 0;

	(void)argv;
	if (argc) {
		fprintf(stderr, "ksslctl: stats takes no arguments\n");
		return 2;
	}
	counts = counters();
	if (!counts)
		return 1;
	if (as_metrics) {
		ret = metrics_print(nl, counts);
		json_decref(counts);
	} else if (as_json) {
		took = latency();
		json_object_set_new(counts, "latency", took ? took : json_null());
		json_out(counts, false);
	} else {
		print(counts);
		json_decref(counts);
	}
	return ret;
}
