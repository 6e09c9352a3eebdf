/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_HS_H
#define _KSSL_HS_H

#include <linux/workqueue.h>
#include "kssl.h"

struct kssl_worker;

/**
 * struct kssl_hs - a handshake
 * @ref: see upcall.c
 * @s: the session, one reference
 * @pump: moves it on
 * @timeout: ends it
 * @grace: ends it if there is still no worker
 *
 * Under kn->lock:
 * @node: in kn->waiting or worker->sessions, or empty
 * @uid: while it waits: whose share it is in
 * @worker: who has it, or NULL
 * @orphan: the worker died when it was too late for another
 *
 * Socket lock:
 * @told: the worker has got READY
 * @busy: the worker owes an answer
 * @answered: it gave its last one
 * @moved: records were consumed or bytes sent, so nobody else can take over
 * @alert: what the peer's last header has earned, 0 if nothing
 * @offered: records in the message that the worker answers
 * @kept: records it has seen and not consumed
 * @deadline: when @timeout ends it, jiffies
 */
struct kssl_hs {
	refcount_t ref;
	struct kssl_session *s;
	struct delayed_work pump;
	struct delayed_work timeout;
	struct delayed_work grace;

	struct list_head node;
	kuid_t uid;
	struct kssl_worker *worker;
	bool orphan;

	bool told;
	bool busy;
	bool answered;
	bool moved;
	u8 alert;
	u32 offered;
	u32 kept;
	unsigned long deadline;
};

void kssl_hs_arm(struct kssl_hs *hs, struct delayed_work *work, unsigned long delay);
void kssl_hs_disarm(struct kssl_hs *hs, struct delayed_work *work);

#endif /* _KSSL_HS_H */
