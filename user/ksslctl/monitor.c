// SPDX-License-Identifier: GPL-2.0-or-later
/* ksslctl monitor: one line an event, until interrupted. */
#include "ksslctl.h"

#include <stdio.h>
#include <time.h>

static int print(const struct kssl_session_info *s, void *arg)
{
	struct timespec now;
	struct tm tm;
	char when[32];

	(void)arg;
	if (as_json) {
		json_out(session_json(s), true);
		return 0;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	strftime(when, sizeof(when), "%H:%M:%S", localtime_r(&now.tv_sec, &tm));
	printf("%s.%03ld %s session %u %s %s", when, now.tv_nsec / 1000000, event_name(s->event),
	       s->id, role_name(s->role), s->remote);
	if (s->version)
		printf(" TLS %s %s", version_name(s->version), clean(s->suite_name));
	if (*s->peer_name)
		printf(" peer %s", clean(s->peer_name));
	if (*s->text)
		printf(" error %u: %s", s->err, clean(s->text));
	putchar('\n');
	return fflush(stdout) != 0;
}

int verb_monitor(struct kssl_nl *nl, int argc, char **argv)
{
	(void)argv;
	if (argc) {
		fprintf(stderr, "ksslctl: monitor takes no arguments\n");
		return 2;
	}
	return kssl_nl_monitor(nl, print, NULL) ? complain(nl, "monitor") : 0;
}
