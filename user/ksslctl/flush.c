// SPDX-License-Identifier: GPL-2.0-or-later
/* ksslctl flush: end the closed sockets that the kernel still holds. */
#include "ksslctl.h"

#include <stdio.h>

int verb_flush(struct kssl_nl *nl, int argc, char **argv)
{
	(void)argv;
	if (argc) {
		fprintf(stderr, "usage: ksslctl flush\n");
		return 2;
	}
	return kssl_nl_linger_flush(nl) ? complain(nl, "flush") : acted();
}
