// SPDX-License-Identifier: GPL-2.0-or-later
/* ksslctl policy: limits of the network namespace. */
#include "ksslctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool set_one(struct kssl_policy *p, const char *word)
{
	const struct {
		const char *name;
		uint32_t *to;
	} fields[] = {
		{ "grace-ms", &p->grace_ms },
		{ "timeout-ms", &p->timeout_ms },
		{ "queue-max", &p->queue_max },
		{ "key-records", &p->key_records },
		{ "rekey-seconds", &p->rekey_seconds },
		{ "update-rate", &p->update_rate },
		{ "mac-only", &p->mac_only },
		{ "linger-max", &p->linger_max },
	};
	const char *value = strchr(word, '=');
	unsigned long n;
	char *end;
	size_t i;

	if (!value || !value[1])
		return false;
	n = strtoul(value + 1, &end, 10);
	if (*end || n > UINT32_MAX)
		return false;
	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strlen(fields[i].name) == (size_t)(value - word) &&
		    !strncmp(fields[i].name, word, (size_t)(value - word))) {
			*fields[i].to = (uint32_t)n;
			return true;
		}
	return false;
}

static void print(const struct kssl_policy *p)
{
	if (as_json)
		json_out(json_pack("{sI sI sI sI sI sI sI sI}", "grace_ms", (json_int_t)p->grace_ms,
				   "timeout_ms", (json_int_t)p->timeout_ms, "queue_max",
				   (json_int_t)p->queue_max, "key_records",
				   (json_int_t)p->key_records, "rekey_seconds",
				   (json_int_t)p->rekey_seconds, "update_rate",
				   (json_int_t)p->update_rate, "mac_only",
				   (json_int_t)p->mac_only, "linger_max",
				   (json_int_t)p->linger_max), false);
	else
		printf("grace-ms=%u timeout-ms=%u queue-max=%u key-records=%u rekey-seconds=%u update-rate=%u mac-only=%u linger-max=%u\n",
		       p->grace_ms, p->timeout_ms, p->queue_max, p->key_records,
		       p->rekey_seconds, p->update_rate, p->mac_only, p->linger_max);
}

int verb_policy(struct kssl_nl *nl, int argc, char **argv)
{
	struct kssl_policy p = { 0 };
	int i;

	if (argc && !strcmp(argv[0], "test"))
		return policy_test(argc - 1, argv + 1);
	if (argc && (strcmp(argv[0], "set") || argc < 2)) {
		fprintf(stderr, "usage: ksslctl policy [set NAME=NUMBER... | test KEY=VALUE...]\n");
		return 2;
	}
	if (kssl_nl_policy_get(nl, &p))
		return complain(nl, "policy");
	for (i = 1; i < argc; i++)
		if (!set_one(&p, argv[i])) {
			fprintf(stderr, "ksslctl: policy set: bad argument %s\n", argv[i]);
			return 2;
		}
	if (argc && kssl_nl_policy_set(nl, &p))
		return complain(nl, "policy set");
	if (argc)
		return acted();
	print(&p);
	return 0;
}
