// SPDX-License-Identifier: GPL-2.0
/*
 * Tickets (NewSessionTicket of TLS 1.3) to the worker that made the handshake, so
 * that its next one can resume.  As many and for as long as it asked for in
 * hs-done, and best effort: what does not fit its buffer or our memory is lost,
 * the data path never waits and never fails for it.
 */
#include "relay.h"

#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "mib.h"
#include "netlink.h"
#include "worker.h"

/* With all certificates of a client in it a ticket may be long, but not so long. */
#define KSSL_RELAY_MAX	16384

/**
 * struct kssl_relay - what a worker is still to get; socket lock
 * @portid: its netlink port
 * @left: messages
 * @until: and until when, jiffies
 * @msg: the message on its way in, or NULL
 * @have: bytes of it so far
 * @len: its length, bytes
 */
struct kssl_relay {
	u32 portid;
	u8 left;
	u64 until;
	u8 *msg;
	u32 have;
	u32 len;
};

/**
 * kssl_relay_new() - a worker asks for tickets
 * @portid: its netlink port
 * @max: how many, at least 1
 * @ms: for how long, milliseconds from now
 *
 * Return: what the caller owns until kssl_relay_free(), or NULL.
 */
struct kssl_relay *kssl_relay_new(u32 portid, u8 max, u32 ms)
{
	struct kssl_relay *r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);

	if (!r)
		return NULL;
	r->portid = portid;
	r->left = max;
	r->until = get_jiffies_64() + msecs_to_jiffies(ms);
	return r;
}

static void drop(struct kssl_relay *r)
{
	kfree_sensitive(r->msg);
	r->msg = NULL;
}

/**
 * kssl_relay_free() - forget it
 * @r: may be NULL
 */
void kssl_relay_free(struct kssl_relay *r)
{
	if (!r)
		return;
	drop(r);
	kfree(r);
}

/* A port without a worker may be anybody's by now. */
static bool wanted(const struct kssl_session *s)
{
	const struct kssl_relay *r = s->relay;

	return r->left && time_before64(get_jiffies_64(), r->until) &&
	       kssl_worker_is(s->kn, r->portid);
}

static void stop(struct kssl_session *s)
{
	kssl_relay_free(s->relay);
	s->relay = NULL;
}

/**
 * kssl_relay_begin() - the header of a ticket was received
 * @s: the session; socket lock, process context
 * @len: length of its body, as the peer says
 */
void kssl_relay_begin(struct kssl_session *s, u32 len)
{
	struct kssl_relay *r = s->relay;

	if (!r)
		return;
	if (!wanted(s)) {
		stop(s);
		return;
	}
	drop(r);
	if (!len || len > KSSL_RELAY_MAX)
		return;
	r->len = TLS_HS_HEADER_LEN + len;
	r->msg = kmalloc(r->len, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!r->msg)
		return;
	memcpy(r->msg, s->post.head, TLS_HS_HEADER_LEN);
	r->have = TLS_HS_HEADER_LEN;
}

/**
 * kssl_relay_body() - more of a ticket was received, perhaps the last of it
 * @s: the session; socket lock, process context
 * @text: the bytes
 * @len: how many
 */
void kssl_relay_body(struct kssl_session *s, const u8 *text, u32 len)
{
	struct kssl_relay *r = s->relay;

	if (!r || !r->msg)
		return;
	len = min(len, r->len - r->have);
	memcpy(r->msg + r->have, text, len);
	r->have += len;
	if (r->have < r->len)
		return;
	if (!kssl_nl_hs_send(KSSL_CMD_POST_DATA, r->portid, s, r->msg, r->len))
		kssl_mib_inc(s->kn, KSSL_MIB_TICKETS_RELAYED);
	drop(r);
	if (!--r->left)
		stop(s);
}

/**
 * kssl_relay_end() - the session ends: the worker need not wait for more
 * @s: the session; socket lock or last reference, any context
 */
void kssl_relay_end(struct kssl_session *s)
{
	if (!s->relay)
		return;
	if (wanted(s))
		kssl_nl_hs_send(KSSL_CMD_POST_DATA, s->relay->portid, s, NULL, 0);
	stop(s);
}
