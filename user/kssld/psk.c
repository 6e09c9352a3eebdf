// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * External pre-shared keys of TLS 1.3 (RFC 8446, 4.2.11), for machines without
 * certificates: who has the key is the peer, at both ends.  An identity takes them from a
 * file, "name:key" on each line, as psktool(1) writes it: a server knows all of them, a
 * client shows the first.
 *
 * Which key a session rests on is noted in the session, so a resumed one is never taken
 * for one of these.
 */
#include "kssld.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

#define KEY_MIN 16
#define KEY_MAX 64
#define NAME_MAX_LEN 128

struct psk {
	struct psk *next;
	char name[NAME_MAX_LEN + 1];
	uint8_t key[KEY_MAX];
	size_t key_len;
};

static int ex_index;

__attribute__((constructor)) static void make_index(void)
{
	ex_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/* ---- the file ---- */

static const struct psk *named(const struct psk *p, const char *name, size_t len)
{
	while (p && !(strlen(p->name) == len && !memcmp(p->name, name, len)))
		p = p->next;
	return p;
}

static bool take_name(struct psk *p, const char *line, size_t len)
{
	size_t i;

	if (!len || len > NAME_MAX_LEN)
		return false;
	for (i = 0; i < len; i++)
		if (line[i] <= 0x20 || line[i] >= 0x7f)
			return false;
	memcpy(p->name, line, len);
	return true;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	       c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool take_key(struct psk *p, const char *hex, size_t len)
{
	size_t i;

	if (len % 2 || len < 2 * KEY_MIN || len > 2 * KEY_MAX)
		return false;
	for (i = 0; i < len; i += 2) {
		if (digit(hex[i]) < 0 || digit(hex[i + 1]) < 0)
			return false;
		p->key[i / 2] = (uint8_t)(digit(hex[i]) << 4 | digit(hex[i + 1]));
	}
	p->key_len = len / 2;
	return true;
}

/* NULL if it is good, else what is wrong with it. */
static const char *take_line(struct psk **list, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	size_t name_len = colon ? (size_t)(colon - line) : 0;
	struct psk *p;

	if (!len || *line == '#')
		return NULL;
	if (!colon)
		return "not \"name:key\"";
	if (named(*list, line, name_len))
		return "the name is there twice";
	while (*list)
		list = &(*list)->next;
	p = OPENSSL_zalloc(sizeof(*p));
	if (!p)
		return "out of memory";
	*list = p;
	if (!take_name(p, line, name_len))
		return "the name must be 1 to 128 visible characters";
	if (!take_key(p, colon + 1, len - name_len - 1))
		return "the key must be 16 to 64 bytes in hexadecimal";
	return NULL;
}

/**
 * psk_load() - read the file of an identity
 * @c: configuration
 * @id: identity that names one, or none
 *
 * Return: false after a log line.
 */
bool psk_load(const struct config *c, struct identity *id)
{
	const char *why = NULL, *p;
	char *text, where[128];
	int line = 0;
	size_t len;

	if (!id->psk_file.path)
		return true;
	text = secret_read(c, &id->psk_file, &len);
	if (!text)
		return false;
	for (p = text; *p && !why; p += len, p += *p == '\n') {
		len = strcspn(p, "\n");
		line++;
		why = take_line(&id->psks, p, len && p[len - 1] == '\r' ? len - 1 : len);
	}
	secret_free(text);
	if (!why && id->psks)
		return true;
	snprintf(where, sizeof(where), "line %d: %s", line, why ? why : "no key in it");
	config_bad_file(c, &id->psk_file, where);
	return false;
}

/**
 * psk_free() - wipe and free
 * @p: the first of them; may be NULL
 */
void psk_free(struct psk *p)
{
	struct psk *next;

	for (; p; p = next) {
		next = p->next;
		OPENSSL_clear_free(p, sizeof(*p));
	}
}

/* ---- what OpenSSL asks ---- */

/* SHA-256 goes with it, as RFC 8446 says of keys that do not say. */
static SSL_SESSION *session_of(SSL *ssl, const struct psk *p)
{
	static const unsigned char suite[] = { 0x13, 0x01 };
	const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, suite);
	SSL_SESSION *session = SSL_SESSION_new();

	if (session && cipher && SSL_SESSION_set1_master_key(session, p->key, p->key_len) == 1 &&
	    SSL_SESSION_set_cipher(session, cipher) == 1 &&
	    SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1 &&
	    SSL_SESSION_set_ex_data(session, ex_index, (void *)p) == 1)
		return session;
	SSL_SESSION_free(session);
	return NULL;
}

/* No ticket follows: a key that is taken out of the file is worth nothing at once. */
static int on_find(SSL *ssl, const unsigned char *name, size_t len, SSL_SESSION **session)
{
	const struct identity *id = handshake_identity(ssl);
	const struct psk *p = id ? named(id->psks, (const char *)name, len) : NULL;

	*session = p ? session_of(ssl, p) : NULL;
	if (!p)
		return 1;
	SSL_set_num_tickets(ssl, 0);
	return *session ? 1 : 0;
}

static int on_use(SSL *ssl, const EVP_MD *md, const unsigned char **name, size_t *len,
		  SSL_SESSION **session)
{
	const struct identity *id = handshake_identity(ssl);
	const struct psk *p = id ? id->psks : NULL;

	*session = NULL;
	if (!p || (md && EVP_MD_get_type(md) != NID_sha256))
		return 1;
	*name = (const unsigned char *)p->name;
	*len = strlen(p->name);
	*session = session_of(ssl, p);
	return *session ? 1 : 0;
}

/**
 * psk_offer() - the keys of the identity that a handshake chooses
 * @ctx: context
 * @server: of a server
 */
void psk_offer(SSL_CTX *ctx, bool server)
{
	if (server)
		SSL_CTX_set_psk_find_session_callback(ctx, on_find);
	else
		SSL_CTX_set_psk_use_session_callback(ctx, on_use);
}

/**
 * psk_used() - whose key it was
 * @ssl: a finished handshake
 *
 * Return: its name; NULL if it was none.
 */
const char *psk_used(const SSL *ssl)
{
	const SSL_SESSION *session = SSL_get_session(ssl);
	const struct psk *p = session && SSL_session_reused(ssl) ?
				      SSL_SESSION_get_ex_data(session, ex_index) : NULL;

	return p ? p->name : NULL;
}
