// SPDX-License-Identifier: LGPL-2.1-or-later
/* Socket options as functions. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <kssl/kssl.h>

static int set_ulp(int fd)
{
	return setsockopt(fd, IPPROTO_TCP, TCP_ULP, KSSL_ULP_NAME, strlen(KSSL_ULP_NAME));
}

static int set_string(int fd, int option, const char *text)
{
	return text ? setsockopt(fd, SOL_KSSL, option, text, (socklen_t)strlen(text)) : 0;
}

int kssl_attach(int fd, const char *peer_name)
{
	return set_ulp(fd) ? -1 : set_string(fd, KSSL_PEER_NAME, peer_name);
}

int kssl_listen(int fd, const char *identity)
{
	return set_ulp(fd) ? -1 : set_string(fd, KSSL_IDENTITY, identity);
}

int kssl_info(int fd, struct kssl_info *info)
{
	socklen_t len = sizeof(*info);

	return getsockopt(fd, SOL_KSSL, KSSL_INFO, info, &len);
}

int kssl_error(int fd, struct kssl_error *error)
{
	socklen_t len = sizeof(*error);

	return getsockopt(fd, SOL_KSSL, KSSL_ERROR, error, &len);
}

const char *kssl_state_name(int state)
{
	static const char *const names[] = {
		[KSSL_STATE_INIT] = "idle",	    [KSSL_STATE_LISTEN] = "listening",
		[KSSL_STATE_HANDSHAKE] = "handshake", [KSSL_STATE_OPEN] = "open",
		[KSSL_STATE_CLOSED] = "closed",	    [KSSL_STATE_FAILED] = "failed",
	};

	if (state < 0 || state >= (int)(sizeof(names) / sizeof(names[0])))
		return "unknown";
	return names[state];
}
