// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Other network namespaces that we serve.  A netlink socket stays in the namespace in
 * which it was made: so we are there for as long as that takes, before the privilege for
 * it goes.
 */
#include "kssld.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "/run/netns/"
#define OWN "/proc/thread-self/ns/net"

static bool enter(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	bool good = fd >= 0 && !setns(fd, CLONE_NEWNET);

	err = errno;
	if (fd >= 0)
		close(fd);
	errno = err;
	return good;
}

/**
 * netns_each() - do something in our own network namespace, then in each of a list
 * @list: names as ip-netns(8) gives them, or paths, separated by commas; may be NULL
 * @fn: what; false: enough
 * @arg: for it
 *
 * Return: false if @fn said so, or after a log line.
 */
bool netns_each(const char *list, bool (*fn)(void *arg), void *arg)
{
	char path[4096];
	int own, back;
	size_t len;
	bool good = fn(arg);

	if (!good || !list)
		return good;
	own = open(OWN, O_RDONLY | O_CLOEXEC);
	for (; good && *list; list += len) {
		list += strspn(list, ", \t");
		len = strcspn(list, ", \t");
		if (!len)
			continue;
		if (snprintf(path, sizeof(path), "%s%.*s", *list == '/' ? "" : FOLDER, (int)len,
			     list) >= (int)sizeof(path) || !enter(path)) {
			error("network namespace %.*s: %s", (int)len, list, strerror(errno));
			good = false;
			break;
		}
		good = fn(arg);
	}
	back = own < 0 ? -1 : setns(own, CLONE_NEWNET);
	if (back)
		error("back in our own network namespace: %s", strerror(errno));
	if (own >= 0)
		close(own);
	return good && !back;
}
