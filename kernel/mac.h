/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_MAC_H
#define _KSSL_MAC_H

#include <linux/types.h>

struct kssl_mac;

struct kssl_mac *kssl_mac_new(const char *digest);
void kssl_mac_free(struct kssl_mac *mac);
int kssl_mac_can_hide(struct kssl_mac *mac);
void kssl_mac_exit(void);
u32 kssl_mac_len(const struct kssl_mac *mac);
const char *kssl_mac_driver(const struct kssl_mac *mac);
int kssl_mac_setkey(struct kssl_mac *mac, const u8 *key, u32 key_len);
int kssl_mac_sum(struct kssl_mac *mac, const u8 *head, u32 head_len, const u8 *data, u32 len,
		 u8 *out);
int kssl_mac_sum_hidden(struct kssl_mac *mac, const u8 *head, u32 head_len, const u8 *data,
			u32 least, u32 most, u32 len, u8 *out);

#endif /* _KSSL_MAC_H */
