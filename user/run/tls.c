// SPDX-License-Identifier: GPL-2.0-or-later
/* A socket becomes TLS, as the environment says: in kssl-run and in its preload object. */
#include "run.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/kssl.h>

int tls_set_string(int fd, int option, const char *text)
{
	return text ? setsockopt(fd, SOL_KSSL, option, text, (socklen_t)strlen(text)) : 0;
}

/**
 * tls_attach() - make a socket TLS
 * @fd: socket of TCP
 *
 * One that is TLS already stays as it is, since programs may call connect() or
 * listen() again.
 *
 * Return: 1 it became TLS, 0 it was before, -1 with errno.
 */
int tls_attach(int fd)
{
	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, KSSL_ULP_NAME, strlen(KSSL_ULP_NAME)))
		return errno == EEXIST ? 0 : -1;
	if (tls_set_string(fd, KSSL_IDENTITY, getenv("KSSL_RUN_IDENTITY")) ||
	    tls_set_string(fd, KSSL_ALPN, getenv("KSSL_RUN_ALPN")))
		return -1;
	return 1;
}

/**
 * tls_attach_listener() - the same for a socket that listens, or is about to
 * @fd: it
 *
 * Return: as tls_attach().
 */
int tls_attach_listener(int fd)
{
	const uint32_t one = 1;
	int fresh = tls_attach(fd);

	if (fresh >= 0 && getenv("KSSL_RUN_ACCEPT") &&
	    setsockopt(fd, SOL_KSSL, KSSL_ACCEPT, &one, sizeof(one)))
		return -1;
	return fresh;
}
