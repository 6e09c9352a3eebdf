// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that outlives the call which took it: a part of a record, content that
 * is unread, content of a record that is not sealed.  Its pages are spares
 * of a CPU (rx_buf.c) or the task's (frag.c) and on no account.  So the socket
 * is charged for it as TCP charges it for what is in its queues, and by it its
 * cgroup.  What a call takes and gives back costs nothing here.
 */
#include "charge.h"

#include <net/sock.h>

/**
 * kssl_mem_charge() - charge a socket for memory that stays
 * @sk: the socket; socket lock
 * @charged: what it is charged for this already, bytes; updated
 * @size: how much stays, bytes; looked at if nothing is charged
 * @kind: SK_MEM_SEND or SK_MEM_RECV
 *
 * A connection that nobody has accepted yet is not charged: it gets its cgroup by
 * that, and is charged then for what TCP knows of.
 *
 * Return: false if there is no room for it in the limits of TCP or the cgroup.
 */
bool kssl_mem_charge(struct sock *sk, u32 *charged, u32 size, int kind)
{
	sock_owned_by_me(sk);
	if (*charged || !sk->sk_socket)
		return true;
	if (sk->sk_forward_alloc < (int)size && !__sk_mem_schedule(sk, size, kind))
		return false;
	sk_mem_charge(sk, size);
	*charged = size;
	return true;
}

/**
 * kssl_mem_uncharge() - give back what a socket is charged for
 * @sk: the socket; socket lock, or its last reference
 * @charged: what it was charged for it, bytes; 0 afterwards
 */
void kssl_mem_uncharge(struct sock *sk, u32 *charged)
{
	if (!*charged)
		return;
	sk_mem_uncharge(sk, *charged);
	*charged = 0;
}
