/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cipher suites that kssl.ko has, as OpenSSL's users must know them, and the
 * keys of TLS 1.2 out of OpenSSL.  Shared by libkssl-ssl and kssld, part of
 * neither's interface.
 */
#ifndef KSSL_SUITE_H
#define KSSL_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <openssl/types.h>
#include <linux/kssl.h>

/* What speaks against a suite (RFC 9325, 4.1 and 4.2); as a number, more is worse. */
#define KSSL_SUITE_TAG8		1	/* CCM_8: a tag of 64 bits */
#define KSSL_SUITE_CBC		2	/* CBC with HMAC */
#define KSSL_SUITE_RSA		4	/* RSA key transport: no forward secrecy */
#define KSSL_SUITE_NULL		8	/* MAC only: no secrecy */

/**
 * struct kssl_suite_row - a suite
 * @id: IANA number
 * @weak: KSSL_SUITE_*
 * @mac_len: TLS 1.2: MAC write key, bytes
 * @key_len: TLS 1.2: write key, bytes
 * @iv_len: TLS 1.2: fixed write IV in the key block, bytes
 */
struct kssl_suite_row {
	uint16_t id;
	uint8_t weak;
	uint8_t mac_len;
	uint8_t key_len;
	uint8_t iv_len;
};

const struct kssl_suite_row *kssl_suite_find(uint16_t id);
bool kssl_hello_etm(const uint8_t *msg, size_t len);
int kssl_keys12(SSL *ssl, bool etm, struct kssl_key *tx, struct kssl_key *rx);

#endif
