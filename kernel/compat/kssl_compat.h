/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels kssl supports: 6.1, 6.12, 7.3.  The only
 * place with version checks.
 */
#ifndef _KSSL_COMPAT_H
#define _KSSL_COMPAT_H

#include <linux/bvec.h>
#include <linux/fs.h>
#include <linux/mm_types.h>
#include <linux/net.h>
#include <linux/skbuff.h>
#include <linux/socket.h>
#include <linux/tls.h>
#include <linux/uio.h>
#include <linux/version.h>
#include <net/inet_common.h>
#include <net/tcp.h>

/* What SOL_TLS has learnt since 6.1 */
#ifndef TLS_TX_MAX_PAYLOAD_LEN
#define TLS_TX_MAX_PAYLOAD_LEN		5
#define TLS_INFO_TX_MAX_PAYLOAD_LEN	7
#endif

/* 6.5: sendpage is gone, pages travel as MSG_SPLICE_PAGES */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define KSSL_HAVE_SENDPAGE 1
#define KSSL_MORE_FLAGS	(MSG_MORE | MSG_SENDPAGE_NOTLAST)
#define KSSL_HOLD_FLAGS	(MSG_MORE | MSG_SENDPAGE_NOTLAST)
#define KSSL_SPLICE_FLAGS	(MSG_SENDPAGE_NOTLAST | MSG_SENDPAGE_NOPOLICY)

static inline int kssl_compat_send_page(struct sock *sk, struct page *page, u32 off, u32 len,
					int flags)
{
	return do_tcp_sendpages(sk, page, off, len, flags);
}
#else
#define KSSL_MORE_FLAGS	MSG_MORE
#define KSSL_HOLD_FLAGS	MSG_MORE
#define KSSL_SPLICE_FLAGS	(MSG_SPLICE_PAGES | MSG_SENDPAGE_NOPOLICY)

static inline int kssl_compat_send_page(struct sock *sk, struct page *page, u32 off, u32 len,
					int flags)
{
	struct msghdr msg = { .msg_flags = flags | MSG_SPLICE_PAGES };
	struct bio_vec vec;

	bvec_set_page(&vec, page, len, off);
	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, &vec, 1, len);
	return tcp_sendmsg_locked(sk, &msg, len);
}
#endif

/*
 * sendfile() says MSG_MORE until it has what it was asked for.  If the file is shorter,
 * splice_eof takes it back: from 6.5 and 6.1.72 on.  Kernels before never do, so that
 * splice()'s and sendfile()'s MSG_MORE cannot be honoured there.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0) || \
	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 1, 72) && \
	 LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0))
#define KSSL_HAVE_SPLICE_EOF 1
#define KSSL_SPLICE_NO_FLAGS	0
#define KSSL_IF_SPLICE_EOF(member)	member
#else
#define KSSL_SPLICE_NO_FLAGS	MSG_MORE
#define KSSL_IF_SPLICE_EOF(member)
#endif

#ifdef KSSL_HAVE_SENDPAGE
#define KSSL_IF_SENDPAGE(member)	member
#else
#define KSSL_IF_SENDPAGE(member)
#endif

/* Members of struct proto and struct proto_ops that not every kernel has (tables.h). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define KSSL_FROM_6_6(member)	member
#else
#define KSSL_FROM_6_6(member)
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
#define KSSL_FROM_7_3(member)	member
#define KSSL_BEFORE_7_3(member)
#else
#define KSSL_FROM_7_3(member)
#define KSSL_BEFORE_7_3(member)	member
#endif

/* Arguments of struct proto.recvmsg: 7.x dropped addr_len */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define KSSL_RECVMSG_ARGS	struct sock *sk, struct msghdr *msg, size_t len, int flags, \
				int *addr_len
#define KSSL_RECVMSG_PASS	sk, msg, len, flags, addr_len
#define kssl_compat_recv_error(sk, msg, len) inet_recv_error(sk, msg, len, addr_len)
#else
#define KSSL_RECVMSG_ARGS	struct sock *sk, struct msghdr *msg, size_t len, int flags
#define KSSL_RECVMSG_PASS	sk, msg, len, flags
#define kssl_compat_recv_error(sk, msg, len) inet_recv_error(sk, msg, len)
#endif

/* struct tcp_ulp_ops.get_info: 7.x asks for others than the administrator too */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define KSSL_GET_INFO_ARGS	struct sock *sk, struct sk_buff *skb
#define KSSL_GET_INFO_SIZE_ARGS	const struct sock *sk
#else
#define KSSL_GET_INFO_ARGS	struct sock *sk, struct sk_buff *skb, bool net_admin
#define KSSL_GET_INFO_SIZE_ARGS	const struct sock *sk, bool net_admin
#endif

/* 6.17 taught msg_zerocopy_realloc() about device memory */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#define kssl_compat_zerocopy(sk, size)	msg_zerocopy_realloc(sk, size, NULL)
#else
#define kssl_compat_zerocopy(sk, size)	msg_zerocopy_realloc(sk, size, NULL, false)
#endif

/* struct proto.ioctl: 6.5 moved the copy to user space to the caller */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define KSSL_IOCTL_ARG		unsigned long arg
#define kssl_compat_ioctl_put(arg, n)	put_user(n, (int __user *)(arg))
#else
#define KSSL_IOCTL_ARG		int *arg
#define kssl_compat_ioctl_put(arg, n)	({ *(arg) = (n); 0; })
#endif

/* struct proto_ops.accept: 6.10 put flags and kern into a struct */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#define KSSL_ACCEPT_ARGS	struct socket *sock, struct socket *newsock, int flags, bool kern
#define KSSL_ACCEPT_PASS	sock, newsock, flags, kern
#define KSSL_ACCEPT_FLAGS	flags

static inline int kssl_compat_accept(const struct proto_ops *ops, struct socket *sock,
				     struct socket *newsock, int flags)
{
	return ops->accept(sock, newsock, flags, false);
}
#else
#define KSSL_ACCEPT_ARGS	struct socket *sock, struct socket *newsock, \
				struct proto_accept_arg *arg
#define KSSL_ACCEPT_PASS	sock, newsock, arg
#define KSSL_ACCEPT_FLAGS	(arg->flags)

static inline int kssl_compat_accept(const struct proto_ops *ops, struct socket *sock,
				     struct socket *newsock, int flags)
{
	struct proto_accept_arg arg = { .flags = flags };

	return ops->accept(sock, newsock, &arg);
}
#endif

/* The memory cgroup that a socket belongs to, or NULL; 6.18 hid the field */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
static inline struct mem_cgroup *kssl_compat_memcg(const struct sock *sk)
{
	return sk->sk_memcg;
}
#else
#define kssl_compat_memcg(sk)	mem_cgroup_from_sk(sk)
#endif

/* struct proto_ops.connect: 6.19 made it sockaddr_unsized */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define KSSL_SOCKADDR		struct sockaddr
#else
#define KSSL_SOCKADDR		struct sockaddr_unsized
#endif

/* 6.6 moved defer_connect into inet_flags */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define kssl_compat_defer_connect(sk)	(inet_sk(sk)->defer_connect)
#else
#define kssl_compat_defer_connect(sk)	inet_test_bit(DEFER_CONNECT, sk)
#endif

/* The program that an address space runs, with a reference, or NULL. */
static inline struct file *kssl_compat_exe_file(struct mm_struct *mm)
{
	struct file *file;

	rcu_read_lock();
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	file = rcu_dereference(mm->exe_file);
	if (file && !get_file_rcu(file))
		file = NULL;
#else
	file = get_file_rcu(&mm->exe_file);
#endif
	rcu_read_unlock();
	return file;
}

#endif /* _KSSL_COMPAT_H */
