/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_WORKER_H
#define _KSSL_WORKER_H

#include "kssl.h"

/* For handshakes (upcall.c). */
s64 kssl_worker_assign(struct kssl_net *kn, struct kssl_hs *hs);
u32 kssl_worker_port(struct kssl_net *kn, struct kssl_hs *hs);
bool kssl_worker_is_lost(struct kssl_net *kn, struct kssl_hs *hs);
void kssl_worker_release(struct kssl_net *kn, struct kssl_hs *hs);

/* For the daemon (netlink.c, netlink_hs.c). */
int kssl_worker_join(struct kssl_net *kn, u32 portid, u32 capacity);
int kssl_worker_leave(struct kssl_net *kn, u32 portid);
void kssl_worker_died(struct kssl_net *kn, u32 portid);
bool kssl_worker_is(struct kssl_net *kn, u32 portid);

void kssl_worker_net_init(struct kssl_net *kn);
void kssl_worker_net_exit(struct kssl_net *kn);

#endif /* _KSSL_WORKER_H */
