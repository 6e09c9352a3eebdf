// SPDX-License-Identifier: GPL-2.0-or-later
/* What identities there are, for ksslctl: a line each, its fields between tabs. */
#include "kssld.h"

#include <stdio.h>
#include <openssl/x509v3.h>

static void put_names(const X509 *cert, FILE *to)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	const char *comma = "";
	int i;

	for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type != GEN_DNS)
			continue;
		fprintf(to, "%s%.*s", comma, ASN1_STRING_length(name->d.dNSName),
			(const char *)ASN1_STRING_get0_data(name->d.dNSName));
		comma = ",";
	}
	GENERAL_NAMES_free(names);
}

static void put_time(const ASN1_TIME *time, FILE *to)
{
	char text[32] = "-";
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) == 1)
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	fputs(text, to);
}

static void put_credential(const struct identity *id, const struct credential *cred, FILE *to)
{
	fprintf(to, "%s\t%s\t%s %d\t", id->name, id->is_default ? "yes" : "no",
		EVP_PKEY_get0_type_name(cred->key), EVP_PKEY_get_bits(cred->key));
	put_time(X509_get0_notAfter(cred->cert), to);
	fputc('\t', to);
	if (id->names)
		fputs(id->names, to);
	else
		put_names(cred->cert, to);
	fprintf(to, "\t%s\n", cred->cert_file.path);
}

/**
 * inventory_put() - identities, one line for each certificate and file of pre-shared keys
 * @c: configuration
 * @to: name, default, kind of key, end of the certificate, host names, file
 */
void inventory_put(const struct config *c, FILE *to)
{
	const struct credential *cred;
	const struct identity *id;

	for (id = c->identities; id; id = id->next) {
		for (cred = id->credentials; cred; cred = cred->next)
			put_credential(id, cred, to);
		if (id->psks)
			fprintf(to, "%s\t%s\tPSK\t-\t%s\t%s\n", id->name,
				id->is_default ? "yes" : "no", id->names ? id->names : "",
				id->psk_file.path);
	}
}

/**
 * inventory_put_exposed() - private keys that everybody may read
 * @c: configuration
 * @to: "exposed" and path, between tabs, a line each
 */
void inventory_put_exposed(const struct config *c, FILE *to)
{
	const struct credential *cred;
	const struct identity *id;

	for (id = c->identities; id; id = id->next)
		for (cred = id->credentials; cred; cred = cred->next) {
			const char *path = cred->key_file.path ? cred->key_file.path :
								 cred->cert_file.path;

			if (!credential_is_uri(path) && secret_exposed(path))
				fprintf(to, "exposed\t%s\n", path);
		}
}
