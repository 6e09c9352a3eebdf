// SPDX-License-Identifier: GPL-2.0-or-later
/* ksslctl without a verb: what is going on, on one screen. */
#include "ksslctl.h"

#include <stdio.h>

static const struct {
	const char *name;
	const char *counter;
} handshakes[] = {
	{ "done", "HsDone" },	    { "resumed", "HsResumed" },	      { "failed", "HsFailed" },
	{ "timeout", "HsTimeout" }, { "no_worker", "HsNoWorker" }, { "queue_full", "HsQueueFull" },
};

#define NR_HANDSHAKES (sizeof(handshakes) / sizeof(handshakes[0]))

static int count(const struct kssl_session_info *s, void *arg)
{
	unsigned int *states = arg;

	if (s->state < NR_STATES)
		states[s->state]++;
	return 0;
}

static void print_handshakes(const json_t *counts)
{
	printf("handshakes: %llu done", (unsigned long long)counter_of(counts, "HsDone"));
	if (counter_of(counts, "HsResumed"))
		printf(" (%llu resumed)", (unsigned long long)counter_of(counts, "HsResumed"));
	printf(", %llu failed", (unsigned long long)counter_of(counts, "HsFailed"));
	if (counter_of(counts, "HsTimeout"))
		printf(", %llu out of time", (unsigned long long)counter_of(counts, "HsTimeout"));
	if (counter_of(counts, "HsNoWorker"))
		printf(", %llu without a daemon",
		       (unsigned long long)counter_of(counts, "HsNoWorker"));
	if (counter_of(counts, "HsQueueFull"))
		printf(", %llu too many", (unsigned long long)counter_of(counts, "HsQueueFull"));
	putchar('\n');
}

static int print(struct kssl_nl *nl, const struct kssl_caps *caps, const json_t *counts)
{
	unsigned int states[NR_STATES] = { 0 }, i, all = 0;

	if (kssl_nl_sessions(nl, count, states))
		return complain(nl, "list");
	printf("kssl %s, ", caps->release);
	if (caps->workers)
		printf("%u worker%s\n", caps->workers, caps->workers == 1 ? "" : "s");
	else
		printf("%sno daemon: handshakes wait, then fail (ksslctl doctor)%s\n", ink(INK_BAD),
		       ink(INK_PLAIN));
	print_handshakes(counts);
	printf("sessions: ");
	for (i = 0; i < NR_STATES; i++) {
		if (!states[i])
			continue;
		printf("%s%u %s", all ? ", " : "", states[i], kssl_state_name((int)i));
		all += states[i];
	}
	fputs(all ? "" : "none", stdout);
	if (caps->lingering)
		printf(", %u closed that still linger", caps->lingering);
	puts(all ? "\n" : "");
	return all ? list_table(nl) : 0;
}

static int print_json(struct kssl_nl *nl, const struct kssl_caps *caps, const json_t *counts)
{
	json_t *numbers = json_object(), *sessions = list_json(nl);
	size_t i;

	if (!sessions) {
		json_decref(numbers);
		return 1;
	}
	for (i = 0; i < NR_HANDSHAKES; i++)
		json_object_set(numbers, handshakes[i].name,
				json_object_get(counts, handshakes[i].counter));
	json_out(json_pack("{ss sI so so}", "release", caps->release, "workers",
			   (json_int_t)caps->workers, "handshakes", numbers, "sessions", sessions),
		 false);
	return 0;
}

int verb_status(struct kssl_nl *nl, int argc, char **argv)
{
	struct kssl_caps caps;
	json_t *counts;
	int ret;

	(void)argv;
	if (argc) {
		fprintf(stderr, "ksslctl: status takes no arguments\n");
		return 2;
	}
	if (kssl_nl_caps(nl, &caps))
		return complain(nl, "caps");
	counts = counters();
	if (!counts)
		return 1;
	ret = as_json ? print_json(nl, &caps, counts) : print(nl, &caps, counts);
	json_decref(counts);
	return ret;
}
