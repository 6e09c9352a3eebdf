// SPDX-License-Identifier: GPL-2.0-or-later
/* ksslctl close: close_notify on a session. */
#include "ksslctl.h"

#include <stdio.h>

int verb_close(struct kssl_nl *nl, int argc, char **argv)
{
	uint32_t id;

	if (argc != 1 || !session_id(argv[0], &id)) {
		fprintf(stderr, "usage: ksslctl close ID\n");
		return 2;
	}
	return kssl_nl_session_close(nl, id) ? complain(nl, "close") : acted();
}
