/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_NETLINK_HS_H
#define _KSSL_NETLINK_HS_H

struct genl_info;
struct sk_buff;

int kssl_nl_worker_register_doit(struct sk_buff *req, struct genl_info *info);
int kssl_nl_worker_leave_doit(struct sk_buff *req, struct genl_info *info);
int kssl_nl_hs_data_doit(struct sk_buff *req, struct genl_info *info);
int kssl_nl_hs_fail_doit(struct sk_buff *req, struct genl_info *info);
int kssl_nl_hs_done_doit(struct sk_buff *req, struct genl_info *info);

#endif /* _KSSL_NETLINK_HS_H */
