// SPDX-License-Identifier: GPL-2.0-or-later
/* ksslctl kill: end a session by a fatal alert and a reset. */
#include "ksslctl.h"

#include <stdio.h>

int verb_kill(struct kssl_nl *nl, int argc, char **argv)
{
	uint32_t id;

	if (argc != 1 || !session_id(argv[0], &id)) {
		fprintf(stderr, "usage: ksslctl kill ID\n");
		return 2;
	}
	return kssl_nl_session_kill(nl, id) ? complain(nl, "kill") : acted();
}
