// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a program may know of its peer's certificate.  Everything here comes from
 * the peer: what is too long is left out, never cut, and text has no byte that
 * could pass for the end of an entry.
 */
#include "kssld.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/bio.h>
#include <openssl/x509v3.h>

/* ---- names ---- */

/* What a memory BIO holds, as a string; "" if that does not fit. */
static void take_text(BIO *mem, char *out, size_t room)
{
	char *text;
	long n = BIO_get_mem_data(mem, &text);

	*out = 0;
	if (n <= 0 || (size_t)n >= room || memchr(text, 0, (size_t)n))
		return;
	memcpy(out, text, (size_t)n);
	out[n] = 0;
}

static bool put_subject(struct hs_peer *peer, X509 *cert)
{
	BIO *mem = BIO_new(BIO_s_mem());

	if (!mem)
		return false;
	if (X509_NAME_print_ex(mem, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0)
		take_text(mem, peer->subject, sizeof(peer->subject));
	BIO_free(mem);
	return true;
}

/* Visible ASCII as it is, but for the backslash; everything else as \xHH. */
static void put_escaped(BIO *out, const uint8_t *p, size_t len)
{
	for (; len--; p++) {
		if (*p > 0x20 && *p < 0x7f && *p != '\\')
			BIO_write(out, p, 1);
		else
			BIO_printf(out, "\\x%02X", *p);
	}
}

static void put_ia5(BIO *out, const char *kind, const ASN1_IA5STRING *s)
{
	BIO_printf(out, "%s:", kind);
	put_escaped(out, ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
	BIO_write(out, "\n", 1);
}

static void put_address(BIO *out, const ASN1_OCTET_STRING *s)
{
	int len = ASN1_STRING_length(s);
	char text[INET6_ADDRSTRLEN];

	if (len != 4 && len != 16)
		return;
	inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(s), text, sizeof(text));
	BIO_printf(out, "IP:%s\n", text);
}

static void put_directory_name(BIO *out, const X509_NAME *name)
{
	BIO *mem = BIO_new(BIO_s_mem());
	char *text;
	long n;

	if (!mem)
		return;
	X509_NAME_print_ex(mem, name, 0, XN_FLAG_RFC2253);
	n = BIO_get_mem_data(mem, &text);
	BIO_printf(out, "DirName:");
	put_escaped(out, (const uint8_t *)text, n > 0 ? (size_t)n : 0);
	BIO_write(out, "\n", 1);
	BIO_free(mem);
}

/* The kinds that have a text form of their own; others are in the DER only. */
static void put_general_name(BIO *out, const GENERAL_NAME *name)
{
	switch (name->type) {
	case GEN_DNS:
		put_ia5(out, "DNS", name->d.dNSName);
		break;
	case GEN_EMAIL:
		put_ia5(out, "email", name->d.rfc822Name);
		break;
	case GEN_URI:
		put_ia5(out, "URI", name->d.uniformResourceIdentifier);
		break;
	case GEN_IPADD:
		put_address(out, name->d.iPAddress);
		break;
	case GEN_DIRNAME:
		put_directory_name(out, name->d.directoryName);
		break;
	}
}

static bool put_san(struct hs_peer *peer, X509 *cert)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	BIO *mem = BIO_new(BIO_s_mem());
	int i;

	for (i = 0; mem && i < sk_GENERAL_NAME_num(names); i++)
		put_general_name(mem, sk_GENERAL_NAME_value(names, i));
	if (mem)
		take_text(mem, peer->san, sizeof(peer->san));
	BIO_free(mem);
	GENERAL_NAMES_free(names);
	return mem;
}

/* ---- certificates ---- */

/* One more certificate behind those that are there; false: it does not fit. */
static bool append(struct hs_peer *peer, X509 *cert)
{
	int len = i2d_X509(cert, NULL);
	uint8_t *p = peer->der + peer->chain_len;

	if (len <= 0 || (size_t)len > sizeof(peer->der) - peer->chain_len)
		return false;
	i2d_X509(cert, &p);
	peer->chain_len += (size_t)len;
	return true;
}

/*
 * Above the peer's own: the chain that was verified, without the root, which is in
 * the trust store; if none was, what the peer sent.  A server's resumed session has
 * neither.
 */
static void put_chain(struct hs_peer *peer, SSL *ssl, X509 *cert, STACK_OF(X509) *verified)
{
	bool good = peer->verify == X509_V_OK;
	STACK_OF(X509) *chain = good ? verified : SSL_get_peer_cert_chain(ssl);
	int i, n = sk_X509_num(chain);

	if (good && n > 1 && X509_self_signed(sk_X509_value(chain, n - 1), 0) == 1)
		n--;
	for (i = 0; i < n; i++) {
		X509 *one = sk_X509_value(chain, i);

		if ((i || X509_cmp(one, cert)) && !append(peer, one)) {
			peer->chain_len = peer->cert_len;
			return;
		}
	}
}

static void put_der(struct hs_peer *peer, SSL *ssl, X509 *cert, STACK_OF(X509) *verified)
{
	if (i2d_X509(cert, NULL) > KSSL_CERT_MAX || !append(peer, cert))
		return;
	peer->cert_len = peer->chain_len;
	put_chain(peer, ssl, cert, verified);
}

/* A name that is no RFC 2253 subject. */
static void put_psk(struct hs_peer *peer, const char *name)
{
	peer->psk = true;
	snprintf(peer->subject, sizeof(peer->subject), "PSK:%s", name);
}

/**
 * peer_describe() - what a finished handshake knows of the peer's certificate
 * @ssl: it
 * @verified: the chain that was verified, with the root; or NULL
 *
 * Return: free() it; NULL without memory.
 */
struct hs_peer *peer_describe(SSL *ssl, STACK_OF(X509) *verified)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);
	struct hs_peer *peer = calloc(1, sizeof(*peer));

	if (peer && psk_used(ssl))
		put_psk(peer, psk_used(ssl));
	if (!peer || peer->psk || !cert)
		return peer;
	peer->present = true;
	peer->verify = SSL_get_verify_result(ssl);
	peer->verified = peer->verify == X509_V_OK && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE;
	if (X509_digest(cert, EVP_sha256(), peer->fingerprint, NULL) == 1 &&
	    put_subject(peer, cert) && put_san(peer, cert)) {
		put_der(peer, ssl, cert, verified);
		return peer;
	}
	free(peer);
	return NULL;
}
