// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * OCSP responses that come along with a certificate (RFC 6066, 8): a server sends what
 * somebody has put into a file; a client checks what comes.  Nobody is asked.
 */
#include "kssld.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#define CLOCK_SKEW 300			/* seconds */
#define AGE_MAX (7 * 24 * 3600)		/* of one that does not say */
#define FEATURE_STATUS_REQUEST 5	/* RFC 7633 */

/* ---- what a response says ---- */

/* About a certificate; the responder has chosen the digest of its name. */
static OCSP_SINGLERESP *find(OCSP_BASICRESP *basic, const X509 *cert, const X509 *issuer)
{
	int i;

	for (i = 0; i < OCSP_resp_count(basic); i++) {
		OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
		OCSP_CERTID *id = (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single), *own = NULL;
		ASN1_OBJECT *digest;
		const EVP_MD *md;
		bool same;

		OCSP_id_get0_info(NULL, &digest, NULL, NULL, id);
		md = EVP_get_digestbyobj(digest);
		if (md)
			own = OCSP_cert_to_id(md, cert, issuer);
		same = own && !OCSP_id_cmp(own, id);
		OCSP_CERTID_free(own);
		if (same)
			return single;
	}
	return NULL;
}

static bool is_fresh(OCSP_SINGLERESP *single)
{
	ASN1_GENERALIZEDTIME *from, *to;

	OCSP_single_get0_status(single, NULL, NULL, &from, &to);
	return OCSP_check_validity(from, to, CLOCK_SKEW, to ? -1 : AGE_MAX) == 1;
}

static OCSP_BASICRESP *parse(const unsigned char *der, long len)
{
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &der, len);
	OCSP_BASICRESP *basic = NULL;

	if (response && OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL)
		basic = OCSP_response_get1_basic(response);
	OCSP_RESPONSE_free(response);
	return basic;
}

/* ---- a server's ---- */

/* The certificate of the identity that it is about. */
static const struct credential *about(const struct identity *id, const struct staple *s)
{
	const struct credential *cred = id->credentials;

	while (cred && !(sk_X509_num(cred->chain) > 0 &&
			 find(s->basic, cred->cert, sk_X509_value(cred->chain, 0))))
		cred = cred->next;
	return cred;
}

static bool read_der(struct staple *s)
{
	BIO *file = BIO_new_file(s->file.path, "rb");
	unsigned char der[65536];
	int len = file ? BIO_read(file, der, sizeof(der)) : -1;

	BIO_free(file);
	if (len <= 0)
		return false;
	s->der = OPENSSL_memdup(der, (size_t)len);
	s->len = (size_t)len;
	s->basic = s->der ? parse(s->der, len) : NULL;
	return s->basic;
}

/**
 * staple_load() - read a response
 * @c: configuration
 * @id: identity whose certificates are loaded
 * @s: one of its staples
 *
 * Return: false after a log line.
 */
bool staple_load(const struct config *c, const struct identity *id, struct staple *s)
{
	const struct credential *cred;

	ERR_clear_error();
	if (access(s->file.path, R_OK)) {
		config_bad_file(c, &s->file, strerror(errno));
		return false;
	}
	if (!read_der(s)) {
		config_bad_file(c, &s->file, "no OCSP response (DER) that is successful");
		return false;
	}
	cred = about(id, s);
	if (!cred) {
		config_bad_file(c, &s->file, "not about a certificate of this identity that comes with its issuer");
		return false;
	}
	s->cert = cred->cert;
	s->single = find(s->basic, cred->cert, sk_X509_value(cred->chain, 0));
	if (OCSP_single_get0_status(s->single, NULL, NULL, NULL, NULL) !=
	    V_OCSP_CERTSTATUS_GOOD) {
		config_bad_file(c, &s->file, "it says that the certificate is not good");
		return false;
	}
	return true;
}

/**
 * staple_times() - from when to when it is good
 * @s: loaded
 * @from: set
 * @to: set; NULL: it does not say
 */
void staple_times(const struct staple *s, const ASN1_TIME **from, const ASN1_TIME **to)
{
	ASN1_GENERALIZEDTIME *this, *next;

	OCSP_single_get0_status(s->single, NULL, NULL, &this, &next);
	*from = this;
	*to = next;
}

/**
 * staple_free() - forget
 * @s: may be NULL
 */
void staple_free(struct staple *s)
{
	if (!s)
		return;
	OCSP_BASICRESP_free(s->basic);
	OPENSSL_free(s->der);
	free(s->file.path);
	free(s);
}

/* What has expired helps nobody. */
static int on_request(SSL *ssl, void *arg)
{
	const struct identity *id = arg;
	const X509 *cert = SSL_get_certificate(ssl);
	const struct staple *s;
	unsigned char *der;

	for (s = id->staples; s; s = s->next)
		if (s->cert == cert && is_fresh(s->single))
			break;
	der = s ? OPENSSL_memdup(s->der, s->len) : NULL;
	if (!der)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_tlsext_status_ocsp_resp(ssl, der, (long)s->len);	/* takes it */
	return SSL_TLSEXT_ERR_OK;
}

/**
 * staple_offer() - send them
 * @id: identity
 * @ctx: context of its servers
 */
void staple_offer(struct identity *id, SSL_CTX *ctx)
{
	if (!id->staples)
		return;
	SSL_CTX_set_tlsext_status_cb(ctx, on_request);
	SSL_CTX_set_tlsext_status_arg(ctx, id);
}

/* ---- a client's ---- */

/* RFC 7633: a certificate can say that it never comes without. */
static bool must_come(const X509 *cert)
{
	TLS_FEATURE *features = X509_get_ext_d2i(cert, NID_tlsfeature, NULL, NULL);
	bool must = false;
	int i;

	for (i = 0; i < sk_ASN1_INTEGER_num(features) && !must; i++)
		must = ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) ==
		       FEATURE_STATUS_REQUEST;
	sk_ASN1_INTEGER_pop_free(features, ASN1_INTEGER_free);
	return must;
}

static long judge(SSL *ssl, OCSP_BASICRESP *basic)
{
	X509_STORE *store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	OCSP_SINGLERESP *single;

	if (!basic || sk_X509_num(chain) < 2 || OCSP_basic_verify(basic, chain, store, 0) != 1)
		return X509_V_ERR_OCSP_VERIFY_FAILED;
	single = find(basic, sk_X509_value(chain, 0), sk_X509_value(chain, 1));
	if (!single)
		return X509_V_ERR_OCSP_CERT_UNKNOWN;
	switch (OCSP_single_get0_status(single, NULL, NULL, NULL, NULL)) {
	case V_OCSP_CERTSTATUS_GOOD:
		return is_fresh(single) ? X509_V_OK : X509_V_ERR_OCSP_VERIFY_FAILED;
	case V_OCSP_CERTSTATUS_REVOKED:
		return X509_V_ERR_CERT_REVOKED;
	default:
		return X509_V_ERR_OCSP_CERT_UNKNOWN;
	}
}

/* When the certificate has been verified. */
static int on_response(SSL *ssl, void *arg)
{
	const X509 *cert = SSL_get0_peer_certificate(ssl);
	OCSP_BASICRESP *basic;
	unsigned char *der;
	long len, verdict;

	(void)arg;
	len = SSL_get_tlsext_status_ocsp_resp(ssl, &der);
	if (SSL_get_verify_result(ssl) != X509_V_OK || SSL_session_reused(ssl))
		return 1;
	if (der && len > 0) {
		basic = parse(der, len);
		verdict = judge(ssl, basic);
		OCSP_BASICRESP_free(basic);
	} else {
		verdict = cert && must_come(cert) ? X509_V_ERR_OCSP_VERIFY_NEEDED : X509_V_OK;
	}
	ERR_clear_error();
	SSL_set_verify_result(ssl, verdict);
	return verdict == X509_V_OK;
}

/**
 * staple_expect() - ask servers for it, and check what comes
 * @ctx: context of clients
 */
void staple_expect(SSL_CTX *ctx)
{
	SSL_CTX_set_tlsext_status_cb(ctx, on_response);
}
