// SPDX-License-Identifier: GPL-2.0
/*
 * One recvmsg() with KSSL_RECORDS, by a program that may be a 32-bit one.
 *
 * usage: bounds FD LEN ROOM
 *
 * Prints what was returned, whether MSG_CTRUNC is set, and LEN/TYPE/FLAGS of each
 * record.  ROOM: size of the control buffer, in records.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <linux/kssl.h>

int main(int argc, char **argv)
{
	int fd = argc == 4 ? atoi(argv[1]) : -1;
	static char data[1 << 16];
	static _Alignas(struct cmsghdr) char control[1 << 12];
	struct iovec v = { data, argc == 4 ? atoi(argv[2]) : 0 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control };
	const struct kssl_record *r;
	struct cmsghdr *c;
	ssize_t ret;
	size_t n;

	m.msg_controllen = argc == 4 ? CMSG_LEN(atoi(argv[3]) * sizeof(*r)) : 0;
	ret = recvmsg(fd, &m, 0);
	printf("%zd %d", ret, !!(m.msg_flags & MSG_CTRUNC));
	for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level != SOL_KSSL || c->cmsg_type != KSSL_RECORDS)
			continue;
		r = (const void *)CMSG_DATA(c);
		for (n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(*r); n; n--, r++)
			printf(" %u/%u/%u", r->len, r->type, r->flags);
	}
	printf("\n");
	return 0;
}
