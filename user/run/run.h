/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kssl-run and its preload object share, and the parts of kssl-run. */
#ifndef KSSL_RUN_H
#define KSSL_RUN_H

#include <stdbool.h>

/* ---- tls.c ---- */

int tls_attach(int fd);
int tls_attach_listener(int fd);
int tls_set_string(int fd, int option, const char *text);

/* ---- program.c ---- */

const char *program_unreachable(const char *name);

/* ---- listener.c ---- */

int listeners_pass(const char *list);

#endif
