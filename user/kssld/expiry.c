// SPDX-License-Identifier: GPL-2.0-or-later
/* What ends soon: certificates and OCSP responses of identities, revocation lists. */
#include "kssld.h"

#include <openssl/asn1.h>
#include <openssl/x509.h>

#define DAY 86400

static double seconds(const ASN1_TIME *from, const ASN1_TIME *to)
{
	int days, rest;

	return ASN1_TIME_diff(&days, &rest, from, to) == 1 ? (double)days * DAY + rest : 0;
}

/* Soon: within the days of the configuration, but not in the first two thirds of a life. */
static void tell(const struct config *c, const struct file_name *file, const char *what,
		 const ASN1_TIME *begin, const ASN1_TIME *end)
{
	double left = seconds(NULL, end), life = seconds(begin, end);
	char why[80];

	if (left > (double)c->expiry_days * DAY || left > life / 3)
		return;
	if (left <= 0)
		snprintf(why, sizeof(why), "%s has expired", what);
	else if (left < 2 * DAY)
		snprintf(why, sizeof(why), "%s expires in %.0f hours", what, left / 3600);
	else
		snprintf(why, sizeof(why), "%s expires in %.0f days", what, left / DAY);
	config_bad_file(c, file, why);
}

static void tell_certificate(const struct config *c, const struct file_name *file,
			     const char *what, const X509 *cert)
{
	tell(c, file, what, X509_get0_notBefore(cert), X509_get0_notAfter(cert));
}

static void tell_credential(const struct config *c, const struct credential *cred)
{
	int i;

	tell_certificate(c, &cred->cert_file, "the certificate", cred->cert);
	for (i = 0; i < sk_X509_num(cred->chain); i++)
		tell_certificate(c, &cred->cert_file, "a certificate above it",
				 sk_X509_value(cred->chain, i));
}

static void tell_staple(const struct config *c, const struct staple *s)
{
	const ASN1_TIME *from, *to;

	staple_times(s, &from, &to);
	if (to)
		tell(c, &s->file, "the OCSP response", from, to);
}

static void tell_crls(const struct config *c)
{
	X509_STORE *store = SSL_CTX_get_cert_store(c->anonymous);
	STACK_OF(X509_OBJECT) *objects;
	int i;

	if (!c->crl.path || X509_STORE_lock(store) != 1)
		return;
	objects = X509_STORE_get0_objects(store);
	for (i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		X509_CRL *crl = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));

		if (crl && X509_CRL_get0_nextUpdate(crl))
			tell(c, &c->crl, "a revocation list", X509_CRL_get0_lastUpdate(crl),
			     X509_CRL_get0_nextUpdate(crl));
	}
	X509_STORE_unlock(store);
}

/**
 * expiry_tell() - log what has expired, or soon will
 * @c: configuration, loaded
 */
void expiry_tell(const struct config *c)
{
	const struct credential *cred;
	const struct identity *id;
	const struct staple *s;

	if (!c->expiry_days)
		return;
	for (id = c->identities; id; id = id->next) {
		for (cred = id->credentials; cred; cred = cred->next)
			tell_credential(c, cred);
		for (s = id->staples; s; s = s->next)
			tell_staple(c, s);
	}
	tell_crls(c);
}
