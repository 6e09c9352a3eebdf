/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Made from include/netlink/kssl.yaml by make nl-gen. Do not edit. */
#ifndef _KSSL_GENERATED_NETLINK_H
#define _KSSL_GENERATED_NETLINK_H

#include <net/netlink.h>
#include <uapi/linux/kssl_netlink.h>

extern const struct nla_policy kssl_keys_nl_policy[KSSL_A_KEYS_MAX + 1];
extern const struct nla_policy kssl_exporter_nl_policy[KSSL_A_EXPORTER_MAX + 1];
extern const struct nla_policy kssl_worker_nl_policy[KSSL_A_WORKER_MAX + 1];
extern const struct nla_policy kssl_hs_nl_policy[KSSL_A_HS_MAX + 1];
extern const struct nla_policy kssl_session_nl_policy[KSSL_A_SESSION_MAX + 1];
extern const struct nla_policy kssl_policy_nl_policy[KSSL_A_POLICY_MAX + 1];

#endif /* _KSSL_GENERATED_NETLINK_H */
