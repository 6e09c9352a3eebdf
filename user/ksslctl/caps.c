// SPDX-License-Identifier: GPL-2.0-or-later
/* ksslctl caps: what the module can do, and by which drivers. */
#include "ksslctl.h"

#include <stdio.h>

static void print_json(const struct kssl_caps *caps)
{
	json_t *suites = json_array();
	unsigned int i;

	for (i = 0; i < caps->nr_suites; i++)
		json_array_append_new(suites, json_pack("{sI ss ss ss}",
			"id", (json_int_t)caps->suites[i].id, "name", caps->suites[i].name,
			"version", version_name(caps->suites[i].version),
			"driver", caps->suites[i].driver));
	json_out(json_pack("{sI ss sI sI so}", "abi", (json_int_t)caps->abi, "release", caps->release,
			   "workers", (json_int_t)caps->workers, "lingering",
			   (json_int_t)caps->lingering, "suites", suites), false);
}

int verb_caps(struct kssl_nl *nl, int argc, char **argv)
{
	struct kssl_caps caps;
	unsigned int i;

	(void)argv;
	if (argc) {
		fprintf(stderr, "ksslctl: caps takes no arguments\n");
		return 2;
	}
	if (kssl_nl_caps(nl, &caps))
		return complain(nl, "caps");
	if (as_json) {
		print_json(&caps);
		return 0;
	}
	printf("module %s, abi %u, %u workers\n", caps.release, caps.abi, caps.workers);
	for (i = 0; i < caps.nr_suites; i++)
		printf("  TLS %s 0x%04x %-46s %s\n", version_name(caps.suites[i].version),
		       caps.suites[i].id, caps.suites[i].name,
		       *caps.suites[i].driver ? caps.suites[i].driver : "not in this kernel");
	return 0;
}
