/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_CALLS_H
#define _KSSL_CALLS_H

#include <linux/poll.h>
#include <linux/sockptr.h>

#include "kssl.h"
#include "kssl_compat.h"

struct proto;

/**
 * struct kssl_calls - the calls of a wrapped socket that are not TCP's own
 * @close: in place of struct proto's
 * @disconnect: likewise, as the following
 * @shutdown: with the socket lock
 * @setsockopt: any level but SOL_SOCKET
 * @getsockopt: likewise
 * @sendmsg: write and the like
 * @recvmsg: read and the like
 * @sendpage: sendfile() and splice(), where the kernel has it (kssl_compat.h)
 * @splice_eof: sendfile() has met the end of the file; likewise
 * @ioctl: FIONREAD and the like
 * @readable: sock_is_readable
 * @poll: in place of struct proto_ops'
 * @splice_read: likewise
 * @set_rcvlowat: likewise; socket lock
 * @sendmsg_locked: likewise; NULL: there is none
 */
struct kssl_calls {
	void (*close)(struct sock *sk, long timeout);
	int (*disconnect)(struct sock *sk, int flags);
	void (*shutdown)(struct sock *sk, int how);
	int (*setsockopt)(struct sock *sk, int level, int name, sockptr_t val, unsigned int len);
	int (*getsockopt)(struct sock *sk, int level, int name, char __user *val,
			  int __user *len);
	int (*sendmsg)(struct sock *sk, struct msghdr *msg, size_t size);
	int (*recvmsg)(KSSL_RECVMSG_ARGS);
	int (*sendpage)(struct sock *sk, struct page *page, int off, size_t size, int flags);
	void (*splice_eof)(struct socket *sock);
	int (*ioctl)(struct sock *sk, int cmd, KSSL_IOCTL_ARG);
	bool (*readable)(struct sock *sk);
	__poll_t (*poll)(struct file *file, struct socket *sock, poll_table *wait);
	ssize_t (*splice_read)(struct socket *sock, loff_t *ppos, struct pipe_inode_info *pipe,
			       size_t len, unsigned int flags);
	int (*set_rcvlowat)(struct sock *sk, int val);
	int (*sendmsg_locked)(struct sock *sk, struct msghdr *msg, size_t size);
};

extern const struct kssl_calls kssl_own_calls;	/* "kssl" sockets */

int kssl_calls_await(struct kssl_session *s, long *timeo);
int kssl_calls_set_rcvlowat(struct sock *sk, int val);
int kssl_calls_close_notify(struct kssl_session *s);

void kssl_calls_fill(const struct kssl_calls *calls, struct proto *prot);
void kssl_calls_fill_ops(const struct kssl_calls *calls, struct proto_ops *ops);
void kssl_calls_dead_prot(struct proto *prot);
void kssl_calls_conn_ops(struct proto_ops *ops);
void kssl_calls_idle_ops(struct proto_ops *ops);

#endif /* _KSSL_CALLS_H */
