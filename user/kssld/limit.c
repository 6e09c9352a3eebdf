// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How long a record the peer takes: record_size_limit (RFC 8449), which OpenSSL
 * 3.0 leaves to us, and max_fragment_length (RFC 6066, 4), which it answers to
 * clients by itself and which binds both sides.  Our own limit is the protocol's.
 */
#include "kssld.h"

#define RECORD_SIZE_LIMIT 28	/* extension */
#define LIMIT_MIN 64		/* RFC 8449, 4 */
#define TEXT_MAX 16384
#define FRAGMENT_MIN 512	/* the least that OpenSSL can be told */

static int ex_index;

__attribute__((constructor)) static void make_index(void)
{
	ex_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/* What the peer said; 0 if it said nothing. */
static unsigned int said(const SSL *ssl)
{
	return (unsigned int)(uintptr_t)SSL_get_ex_data(ssl, ex_index);
}

/**
 * limit_of_both() - the longest text that a record of either side may have
 * @ssl: a handshake, its hellos exchanged
 *
 * Return: bytes, 512 to 4096 (RFC 6066, 4); 0: no max_fragment_length.
 */
uint16_t limit_of_both(const SSL *ssl)
{
	const SSL_SESSION *session = SSL_get_session(ssl);
	uint8_t mode = session ? SSL_SESSION_get_max_fragment_length(session) : 0;

	return mode >= TLSEXT_max_fragment_length_512 && mode <= TLSEXT_max_fragment_length_4096 ?
	       256U << mode : 0;
}

/* In TLS 1.3 the limit counts the content type, too. */
static bool counts_type(const SSL *ssl)
{
	return SSL_version(ssl) == TLS1_3_VERSION;
}

/*
 * May the server answer?  Not when OpenSSL answers max_fragment_length: a client
 * must not be given both (RFC 8449, 5), and OpenSSL cannot be kept from it.  Nor
 * when its own messages may not fit; the kernel keeps to either limit anyway.
 */
static bool may_answer(const SSL *ssl)
{
	if (limit_of_both(ssl))
		return false;
	return !counts_type(ssl) || said(ssl) > FRAGMENT_MIN;
}

static int add(SSL *ssl, unsigned int type, unsigned int context, const unsigned char **out,
	       size_t *len, X509 *cert, size_t chain, int *alert, void *arg)
{
	static const unsigned char tls13[] = { (TEXT_MAX + 1) >> 8, (TEXT_MAX + 1) & 255 };
	static const unsigned char tls12[] = { TEXT_MAX >> 8, TEXT_MAX & 255 };
	long max = SSL_get_max_proto_version(ssl);
	bool long_one = !max || max >= TLS1_3_VERSION;

	(void)type;
	(void)cert;
	(void)chain;
	(void)alert;
	(void)arg;
	if (!(context & SSL_EXT_CLIENT_HELLO)) {
		if (!may_answer(ssl))
			return 0;
		long_one = counts_type(ssl);
	}
	*out = long_one ? tls13 : tls12;
	*len = sizeof(tls13);
	return 1;
}

/* What OpenSSL itself still sends counts as well. */
static int parse(SSL *ssl, unsigned int type, unsigned int context, const unsigned char *in,
		 size_t len, X509 *cert, size_t chain, int *alert, void *arg)
{
	unsigned int limit, text;

	(void)type;
	(void)context;
	(void)cert;
	(void)chain;
	(void)arg;
	if (len != 2) {
		*alert = SSL_AD_DECODE_ERROR;
		return 0;
	}
	limit = (unsigned int)in[0] << 8 | in[1];
	if (limit < LIMIT_MIN) {
		*alert = SSL_AD_ILLEGAL_PARAMETER;
		return 0;
	}
	text = limit - counts_type(ssl);
	if (text > TEXT_MAX)
		text = TEXT_MAX;
	if (text >= FRAGMENT_MIN)
		SSL_set_max_send_fragment(ssl, text);
	if (SSL_set_ex_data(ssl, ex_index, (void *)(uintptr_t)limit))
		return 1;
	*alert = SSL_AD_INTERNAL_ERROR;
	return 0;
}

/**
 * limit_offer() - offer and answer record_size_limit
 * @ctx: context of a server or client
 *
 * Return: false without memory.
 */
bool limit_offer(SSL_CTX *ctx)
{
	const unsigned int where = SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO |
				   SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS;

	if (SSL_extension_supported(RECORD_SIZE_LIMIT))	/* an OpenSSL that knows it */
		return true;
	return SSL_CTX_add_custom_ext(ctx, RECORD_SIZE_LIMIT, where, add, NULL, NULL, parse, NULL);
}

/**
 * limit_of_peer() - the longest record that the peer takes
 * @ssl: a finished handshake
 *
 * Return: as RFC 8449 counts it; 0: no limit but the protocol's.
 */
uint16_t limit_of_peer(const SSL *ssl)
{
	unsigned int limit = said(ssl), most = limit_of_both(ssl);

	if (most && (!limit || most + counts_type(ssl) < limit))
		limit = most + counts_type(ssl);
	return (uint16_t)limit;
}
