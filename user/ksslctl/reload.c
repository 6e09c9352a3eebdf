// SPDX-License-Identifier: GPL-2.0-or-later
/* ksslctl reload: kssld reads its files again. */
#include "ksslctl.h"

#include <stdio.h>
#include <stdlib.h>

int verb_reload(struct kssl_nl *nl, int argc, char **argv)
{
	char *why;
	int good;

	(void)nl;
	(void)argv;
	if (argc) {
		fprintf(stderr, "ksslctl: reload takes no arguments\n");
		return 2;
	}
	good = daemon_ask("reload", &why);
	if (good < 0)
		return 1;
	if (as_json)
		json_out(json_pack("{sb ss}", "reloaded", good, "error", good ? "" : clean(why)),
			 false);
	else if (!good)
		fprintf(stderr, "ksslctl: reload: %s\n", clean(why));
	free(why);
	return !good;
}
