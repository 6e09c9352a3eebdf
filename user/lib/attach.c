// SPDX-License-Identifier: LGPL-2.1-or-later
/* Socket options as functions. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
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

/* A socket that is not connected checks keys and then says so. */
int kssl_check_keys(const struct kssl_key *key)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), err = 0;

	if (fd < 0)
		return -1;
	if (set_ulp(fd) || setsockopt(fd, SOL_KSSL, KSSL_KEY_TX, key, sizeof(*key)))
		err = errno == ENOTCONN ? 0 : errno;
	close(fd);
	errno = err;
	return err ? -1 : 0;
}

static int check_attach(int fd, const struct kssl_key *tx, const struct kssl_key *rx)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	if (!tx || !rx || tx->version != rx->version || tx->suite != rx->suite) {
		errno = EINVAL;
		return -1;
	}
	if (getpeername(fd, (struct sockaddr *)&addr, &len))
		return -1;
	return kssl_check_keys(tx) || kssl_check_keys(rx) ? -1 : 0;
}

/* Attached, by us or before and idle. */
static int have_ulp(int fd)
{
	struct kssl_info info;

	if (!set_ulp(fd))
		return 0;
	if (errno == ENOPROTOOPT)
		errno = EOPNOTSUPP;
	if (errno != EEXIST)
		return -1;
	if (kssl_info(fd, &info)) {
		errno = EEXIST;
		return -1;
	}
	if (info.state != KSSL_STATE_INIT) {
		errno = EBUSY;
		return -1;
	}
	return 0;
}

int kssl_attach_keys(int fd, const struct kssl_key *tx, const struct kssl_key *rx)
{
	if (check_attach(fd, tx, rx) || have_ulp(fd) ||
	    setsockopt(fd, SOL_KSSL, KSSL_KEY_TX, tx, sizeof(*tx)))
		return -1;
	return setsockopt(fd, SOL_KSSL, KSSL_KEY_RX, rx, sizeof(*rx));
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
