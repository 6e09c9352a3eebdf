/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_RECORD_H
#define _KSSL_RECORD_H

#include <linux/types.h>
#include "proto.h"

struct kssl_suite;

/**
 * enum kssl_alert_sense - what a received alert says
 * @KSSL_ALERT_CLOSES: the peer sends no more
 * @KSSL_ALERT_WARNS: nothing that changes anything
 * @KSSL_ALERT_FAILS: the connection is over
 * @KSSL_ALERT_BROKEN: it is no alert
 */
enum kssl_alert_sense {
	KSSL_ALERT_CLOSES,
	KSSL_ALERT_WARNS,
	KSSL_ALERT_FAILS,
	KSSL_ALERT_BROKEN,
};

void kssl_record_header(u8 *p, u8 type, u16 len);
void kssl_record_aad12(u8 *p, u64 seq, u8 type, u16 len);
void kssl_record_nonce(u8 *nonce, const struct kssl_suite *suite, const u8 *iv, u64 seq);
void kssl_record_nonce_explicit(u8 *nonce, const u8 *iv, const u8 *explicit_nonce);
int kssl_record_check_plain(const u8 *hdr, u16 *len, u8 *alert);
int kssl_record_check(const struct kssl_suite *suite, const u8 *hdr, u16 *len, u8 *alert);
enum kssl_alert_sense kssl_record_alert(u16 version, u8 level, u8 desc);
int kssl_record_inner(const u8 *text, u32 *len, u8 *type, u8 *alert);

#endif /* _KSSL_RECORD_H */
