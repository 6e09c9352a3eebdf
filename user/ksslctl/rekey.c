// SPDX-License-Identifier: GPL-2.0-or-later
/* ksslctl rekey: KeyUpdate on a session. */
#include "ksslctl.h"

#include <stdio.h>
#include <string.h>

int verb_rekey(struct kssl_nl *nl, int argc, char **argv)
{
	uint32_t id;

	if (argc < 1 || argc > 2 || !session_id(argv[0], &id) ||
	    (argc == 2 && strcmp(argv[1], "request"))) {
		fprintf(stderr, "usage: ksslctl rekey ID [request]\n");
		return 2;
	}
	return kssl_nl_session_rekey(nl, id, argc == 2) ? complain(nl, "rekey") : acted();
}
