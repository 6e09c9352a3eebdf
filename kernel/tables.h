/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every member of the kernel's struct proto and struct proto_ops, and what becomes of
 * it in the tables of our sockets (tables.c).  A member that is in no list is NULL
 * there, so that what a newer kernel can do with a TCP socket is closed until it is
 * looked at; uapi/tables.py fails when the running kernel has one that is in no list.
 *
 * X(member, why).  The lists CLOSED and OURS are read by that test alone: a member of
 * CLOSED is NULL (or refuses, where the kernel calls it without a look), one of OURS is
 * set by the code that has the call.
 */
#ifndef _KSSL_TABLES_H
#define _KSSL_TABLES_H

#include "kssl_compat.h"

struct proto;
struct proto_ops;

#ifdef CONFIG_COMPAT
#define KSSL_IF_COMPAT(member)	member
#else
#define KSSL_IF_COMPAT(member)
#endif

#ifdef CONFIG_PROC_FS
#define KSSL_IF_PROC_FS(member)	member
#else
#define KSSL_IF_PROC_FS(member)
#endif

/* struct proto: values and addresses, which all tables for a family share. */
#define KSSL_PROTO_DATA(X)						\
	KSSL_IF_PROC_FS(X(inuse_idx, "sockets are counted as TCP's"))	\
	X(memory_allocated, "TCP's account, by address")		\
	X(per_cpu_fw_alloc, "likewise")					\
	X(sockets_allocated, "likewise")				\
	X(memory_pressure, "likewise")					\
	X(sysctl_mem, "TCP's limits, by address")			\
	X(sysctl_wmem, "likewise")					\
	X(sysctl_rmem, "likewise")					\
	X(sysctl_wmem_offset, "likewise, in struct net")		\
	X(sysctl_rmem_offset, "likewise")				\
	KSSL_BEFORE_7_3(X(orphan_count, "TCP's count, by address"))	\
	X(max_header, "a size")						\
	X(no_autobind, "a property of TCP")				\
	X(slab, "where the socket itself is from")			\
	X(obj_size, "its size")						\
	KSSL_FROM_6_6(X(ipv6_pinfo_offset, "where IPv6's part is"))	\
	X(slab_flags, "how it is freed")				\
	X(useroffset, "a part of it")					\
	X(usersize, "likewise")						\
	X(rsk_prot, "requests are TCP's, by address")			\
	X(twsk_prot, "and TIME_WAIT sockets")				\
	X(h, "TCP's hash tables, by address")				\
	X(owner, "of the slab")						\
	X(name, "as the program sees it")

/* struct proto: functions of TCP, of which those of kssl_calls_fill() are replaced. */
#define KSSL_PROTO_TCP(X)						\
	X(close, "ours where wrapped")					\
	X(disconnect, "ours where wrapped")				\
	X(ioctl, "ours where wrapped")					\
	X(shutdown, "ours where wrapped")				\
	X(setsockopt, "ours where wrapped")				\
	X(getsockopt, "ours where wrapped")				\
	X(release_cb, "ours where wrapped")				\
	X(pre_connect, "shows an address to BPF")			\
	X(connect, "TCP's handshake")					\
	X(accept, "of listeners, which are not wrapped")		\
	X(init, "of new sockets, which have TCP's table")		\
	X(destroy, "the end of the socket")				\
	X(keepalive, "a timer")						\
	X(backlog_rcv, "segments, before they are data")		\
	X(bpf_bypass_getsockopt, "which options BPF does not see")	\
	X(hash, "looked up by address")					\
	X(unhash, "likewise")						\
	X(get_port, "a port number")					\
	X(put_port, "likewise")						\
	X(stream_memory_free, "ours where wrapped")			\
	X(enter_memory_pressure, "a flag")				\
	X(leave_memory_pressure, "likewise")				\
	X(diag_destroy, "a reset by the administrator")

#define KSSL_PROTO_OURS(X)						\
	X(sendmsg, "data")						\
	X(recvmsg, "data")						\
	X(sendpage, "data")						\
	X(splice_eof, "data that MSG_MORE holds back")			\
	X(sock_is_readable, "tells of data")

#define KSSL_PROTO_CLOSED(X)						\
	X(psock_update_sk_prot, "sockmap: BPF reads and writes data")	\
	X(compat_ioctl, "TCP has none")					\
	X(bind, "TCP has none")						\
	X(bind_add, "TCP has none")					\
	X(rehash, "TCP has none")					\
	X(forward_alloc_get, "TCP has none")				\
	X(node, "of registered protos")					\
	X(freeptr_offset, "of registered protos")			\
	X(socks, "a count for debugging")

/* struct proto_ops: functions of TCP in all tables, unless the table has its own. */
#define KSSL_OPS_TCP(X)							\
	X(release, "goes to struct proto, as the following")		\
	X(bind, "an address")						\
	X(connect, "to struct proto")					\
	X(socketpair, "refuses")					\
	X(accept, "to struct proto")					\
	X(getname, "an address")					\
	X(set_peek_off, "a number, which our readers honour too")	\
	X(ioctl, "to struct proto")					\
	KSSL_IF_COMPAT(X(compat_ioctl, "routes; the rest to ioctl"))	\
	X(gettstamp, "a time")						\
	X(listen, "a state")						\
	X(shutdown, "to struct proto")					\
	X(setsockopt, "to struct proto")				\
	X(getsockopt, "to struct proto")				\
	X(sendmsg, "to struct proto")					\
	X(recvmsg, "to struct proto")					\
	KSSL_IF_SENDPAGE(X(sendpage, "to struct proto"))		\
	KSSL_IF_SPLICE_EOF(X(splice_eof, "to struct proto"))		\
	KSSL_FROM_7_3(X(set_rcvbuf, "a size"))

/* struct proto_ops: TCP's where data are TCP's (detached); else our own or NULL. */
#define KSSL_OPS_PLAIN(X)						\
	X(poll, "ours elsewhere")					\
	X(splice_read, "reads data: ours where wrapped")		\
	X(set_rcvlowat, "counts data: ours where wrapped")		\
	X(mmap, "maps received data")					\
	X(peek_len, "counts received data")				\
	X(read_sock, "reads data")					\
	X(read_skb, "reads data")					\
	X(sendmsg_locked, "writes data")				\
	KSSL_IF_SENDPAGE(X(sendpage_locked, "writes data"))

#define KSSL_OPS_OURS(X)						\
	X(family, "of addresses")					\
	X(owner, "the module that has the table")

#define KSSL_OPS_CLOSED(X)						\
	X(show_fdinfo, "TCP has none")					\
	X(getsockopt_iter, "would go past getsockopt; TCP has none")

void kssl_tables_proto(struct proto *prot, const struct proto *tcp);
void kssl_tables_ops(struct proto_ops *ops, const struct proto_ops *tcp);
void kssl_tables_plain_ops(struct proto_ops *ops, const struct proto_ops *tcp);

#endif /* _KSSL_TABLES_H */
