// SPDX-License-Identifier: GPL-2.0-or-later
/* Secrets of TLS 1.3 out of OpenSSL, from its key log lines; TLS 1.2: lib/suite.c. */
#include "kssld.h"

#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/**
 * export_secret() - the secret of a key log line
 * @line: "LABEL client-random secret", the last two in hex
 * @label: the label wanted
 * @secret: where to, KSSL_SECRET_MAX bytes
 * @len: set to its length
 *
 * Return: true if the line has that label and a secret that fits.
 */
bool export_secret(const char *line, const char *label, uint8_t *secret, uint16_t *len)
{
	size_t n = strlen(label);
	const char *hex;

	if (strncmp(line, label, n) || line[n] != ' ')
		return false;
	hex = strchr(line + n + 1, ' ');
	if (!hex || strlen(++hex) > 2 * KSSL_SECRET_MAX || strlen(hex) % 2)
		return false;
	for (n = 0; hex[2 * n]; n++) {
		int hi = hex_digit(hex[2 * n]), lo = hex_digit(hex[2 * n + 1]);

		if (hi < 0 || lo < 0)
			return false;
		secret[n] = (uint8_t)(hi << 4 | lo);
	}
	*len = (uint16_t)n;
	return n > 0;
}

/**
 * export_master12() - what the kernel exports keying material from (RFC 5705, 4)
 * @ssl: a finished TLS 1.2 handshake
 * @x: filled; left empty without extended master secret, since nobody must rely
 *	on material that a man in the middle can have on both sides (RFC 7627, 5.4)
 */
void export_master12(SSL *ssl, struct hs_exporter *x)
{
	if (SSL_get_extms_support(ssl) != 1)
		return;
	x->secret_len = (uint16_t)SSL_SESSION_get_master_key(SSL_get_session(ssl), x->secret,
						   KSSL_SECRET_MAX);
	SSL_get_client_random(ssl, x->randoms, SSL3_RANDOM_SIZE);
	SSL_get_server_random(ssl, x->randoms + SSL3_RANDOM_SIZE, SSL3_RANDOM_SIZE);
	x->randoms_len = sizeof(x->randoms);
}
