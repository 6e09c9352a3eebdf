// SPDX-License-Identifier: GPL-2.0
/*
 * Tables of calls, built from lists: what of TCP's a table of ours takes over is
 * written down in tables.h, member by member.  Not for the calls themselves
 * (calls.c, ktls_calls.c, plain.c), which are put into the tables afterwards.
 */
#include "tables.h"

#include <linux/module.h>
#include <linux/net.h>
#include <linux/string.h>
#include <net/sock.h>

/* By size: some members are arrays or unions. */
#define TAKE_OVER(to, from, member)	\
	memcpy(&(to)->member, &(from)->member, sizeof((to)->member));

/**
 * kssl_tables_proto() - begin a struct proto
 * @prot: zeros; set to what is TCP's own in every table of ours
 * @tcp: TCP's
 */
void kssl_tables_proto(struct proto *prot, const struct proto *tcp)
{
#define X(member, why)	TAKE_OVER(prot, tcp, member)
	KSSL_PROTO_DATA(X)
	KSSL_PROTO_TCP(X)
#undef X
}

/**
 * kssl_tables_ops() - begin a struct proto_ops
 * @ops: zeros; set to what is TCP's own in every table of ours
 * @tcp: TCP's
 */
void kssl_tables_ops(struct proto_ops *ops, const struct proto_ops *tcp)
{
	ops->family = tcp->family;
	ops->owner = THIS_MODULE;
	ops->mmap = sock_no_mmap;	/* the kernel calls it without a look */
#define X(member, why)	TAKE_OVER(ops, tcp, member)
	KSSL_OPS_TCP(X)
#undef X
}

/**
 * kssl_tables_plain_ops() - begin the struct proto_ops of a detached socket
 * @ops: zeros; set to what is TCP's own there
 * @tcp: TCP's
 */
void kssl_tables_plain_ops(struct proto_ops *ops, const struct proto_ops *tcp)
{
	kssl_tables_ops(ops, tcp);
#define X(member, why)	TAKE_OVER(ops, tcp, member)
	KSSL_OPS_PLAIN(X)
#undef X
}
