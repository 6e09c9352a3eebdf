/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_NETLINK_H
#define _KSSL_NETLINK_H

#include <uapi/linux/kssl_netlink.h>
#include "kssl.h"

int kssl_nl_hs_send(u8 cmd, u32 portid, struct kssl_session *s, const u8 *records, u32 len);
void kssl_nl_event(struct kssl_session *s, enum kssl_event_kind kind);

int kssl_nl_init(void);
void kssl_nl_exit(void);

#endif /* _KSSL_NETLINK_H */
