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
 * @keys: where to
 *
 * Return: true if the line has that label and a secret that fits.
 */
bool export_secret(const char *line, const char *label, struct kssl_key *keys)
{
	size_t n = strlen(label);
	const char *hex;

	if (strncmp(line, label, n) || line[n] != ' ')
		return false;
	hex = strchr(line + n + 1, ' ');
	if (!hex || strlen(++hex) > 2 * sizeof(keys->secret) || strlen(hex) % 2)
		return false;
	for (n = 0; hex[2 * n]; n++) {
		int hi = hex_digit(hex[2 * n]), lo = hex_digit(hex[2 * n + 1]);

		if (hi < 0 || lo < 0)
			return false;
		keys->secret[n] = (uint8_t)(hi << 4 | lo);
	}
	keys->secret_len = (uint16_t)n;
	return n > 0;
}
