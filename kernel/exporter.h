/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_EXPORTER_H
#define _KSSL_EXPORTER_H

#include "keys.h"

#define TLS_RANDOM_LEN		32	/* RFC 5246, 7.4.1.2 */

/**
 * struct kssl_master - what keying material is exported from
 * @suite: row of the suite table
 * @secret: exporter_master_secret (RFC 8446, 7.1), or master_secret (RFC 5246, 8.1)
 * @randoms: TLS 1.2: client's and server's
 */
struct kssl_master {
	const struct kssl_suite *suite;
	struct kssl_secret secret;
	u8 randoms[2 * TLS_RANDOM_LEN];
};

struct kssl_master *kssl_exporter_new(const struct kssl_suite *suite, const u8 *secret,
				      u32 secret_len, const u8 *randoms, u32 randoms_len);
void kssl_exporter_free(struct kssl_master *m);
bool kssl_exporter_valid(const struct kssl_exporter *x);
int kssl_exporter_derive(const struct kssl_master *m, struct kssl_exporter *x);

#endif /* _KSSL_EXPORTER_H */
