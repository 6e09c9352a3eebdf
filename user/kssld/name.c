// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names of hosts, in the one form that everything here compares: lower case, no dot at
 * the end, A-labels as they are (RFC 6125, RFC 5890).  A name of another form, such as
 * ".test", which would mean every name below to OpenSSL, is none.
 */
#include "kssld.h"

#include <ctype.h>
#include <string.h>
#include <openssl/x509v3.h>

#define LABEL_MAX 63
#define LABEL_CHARS "abcdefghijklmnopqrstuvwxyz0123456789-_"

/* Labels of 1 to 63 bytes; the last one has a letter, or it is an address. */
static bool has_labels(const char *name)
{
	size_t len, digits = 0;

	for (;; name += len + 1) {
		len = strspn(name, LABEL_CHARS);
		digits = strspn(name, "0123456789");
		if (!len || len > LABEL_MAX || (name[len] && name[len] != '.'))
			return false;
		if (!name[len])
			return digits != len;
	}
}

/**
 * name_normalise() - a host's name as it is compared
 * @name: as a program, a peer or the configuration has it
 * @len: its length
 * @out: gets it, of NAME_ROOM bytes
 *
 * Return: false, with an empty @out, if it is none.
 */
bool name_normalise(const char *name, size_t len, char *out)
{
	size_t i;

	*out = 0;
	if (len && name[len - 1] == '.')
		len--;
	if (len >= NAME_ROOM)
		return false;
	for (i = 0; i < len; i++)
		out[i] = (char)tolower((unsigned char)name[i]);
	out[len] = 0;
	if (strlen(out) == len && has_labels(out))
		return true;
	*out = 0;
	return false;
}

/**
 * name_pattern() - a host's name, or all below one: "*.example.org"
 * @name: as the configuration has it
 * @len: its length
 * @out: gets it, of NAME_ROOM bytes
 *
 * Return: false if it is none.
 */
bool name_pattern(const char *name, size_t len, char *out)
{
	bool wild = len > 2 && !strncmp(name, "*.", 2);
	char rest[NAME_ROOM];

	if (!name_normalise(name + 2 * wild, len - 2 * wild, rest) ||
	    strlen(rest) + 2 * wild >= NAME_ROOM)
		return false;
	snprintf(out, NAME_ROOM, "%s%.*s", wild ? "*." : "", NAME_ROOM - 3, rest);
	return true;
}

/* "*.example.org" covers one label. */
static enum name_fit fit_of(const char *pattern, size_t len, const char *host)
{
	const char *dot = strchr(host, '.');

	if (!strncmp(pattern, "*.", 2))
		return dot && strlen(dot) == len - 1 && !strncmp(pattern + 1, dot, len - 1) ?
			       NAME_FITS_WILDCARD : NAME_FITS_NOT;
	return strlen(host) == len && !strncmp(pattern, host, len) ? NAME_FITS : NAME_FITS_NOT;
}

/**
 * name_fits() - is a name in a list?
 * @list: of name_pattern()s, with commas in between
 * @name: from name_normalise()
 *
 * Return: how well the best of them fits.
 */
enum name_fit name_fits(const char *list, const char *name)
{
	enum name_fit best = NAME_FITS_NOT, one;
	size_t len;

	for (; *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		one = fit_of(list, len, name);
		if (one > best)
			best = one;
	}
	return best;
}

static bool lists(const char *list, const char *uri)
{
	size_t len;

	for (; *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		if (strlen(uri) == len && !strncmp(list, uri, len))
			return true;
	}
	return false;
}

static bool allows(const char *list, const GENERAL_NAME *name)
{
	const ASN1_IA5STRING *s = name->d.ia5;
	const char *text;
	char host[NAME_ROOM];
	size_t len;

	if (name->type != GEN_DNS && name->type != GEN_URI)
		return false;
	text = (const char *)ASN1_STRING_get0_data(s);
	len = (size_t)ASN1_STRING_length(s);
	if (name->type == GEN_DNS)
		return name_normalise(text, len, host) && name_fits(list, host);
	return strlen(text) == len && strchr(text, ':') && lists(list, text);
}

/**
 * name_allows() - does one of a certificate's names stand in a list?
 * @list: of name_pattern()s and URIs, with commas in between
 * @cert: certificate of a client
 */
bool name_allows(const char *list, const X509 *cert)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool good = false;
	int i;

	for (i = 0; !good && i < sk_GENERAL_NAME_num(names); i++)
		good = allows(list, sk_GENERAL_NAME_value(names, i));
	GENERAL_NAMES_free(names);
	return good;
}
