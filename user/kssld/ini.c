// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An INI file, no byte of which is lost: what cannot be read as written is refused with
 * its line.
 *
 *	# comment
 *	[section]
 *	key = value		; comment
 *		more of the value
 *
 * Lines have any length.  An indented line continues the value above, with a blank in
 * between.  One that looks like a section or a key is refused, because whether it is
 * meant to be one cannot be told.
 */
#include "kssld.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY_CHARS "abcdefghijklmnopqrstuvwxyz0123456789-."

/**
 * struct reader - a file that is being read
 * @c: takes line and problem
 * @take: gets sections and keys
 * @entry: "key = value" that may be continued; NULL: none
 * @entry_line: where it begins
 */
struct reader {
	struct config *c;
	bool (*take)(struct config *c, const char *key, const char *value);
	char *entry;
	int entry_line;
};

static bool refuse(struct config *c, const char *why)
{
	if (!*c->problem)
		snprintf(c->problem, sizeof(c->problem), "%s", why);
	return false;
}

/* Cut the comment and what is blank at both ends. */
static char *strip(char *s)
{
	char *end, *p;

	s += strspn(s, " \t\r\n\f\v");
	if (*s == '#' || *s == ';')
		*s = 0;
	for (p = s; (p = strchr(p, ';')); p++)
		if (isspace((unsigned char)p[-1])) {
			*p = 0;
			break;
		}
	for (end = s + strlen(s); end > s && isspace((unsigned char)end[-1]);)
		*--end = 0;
	return s;
}

static bool looks_like_key(const char *s)
{
	size_t n = strspn(s, KEY_CHARS);
	const char *after = s + n + strspn(s + n, " \t");

	return n && (*after == '=' || (*after == ':' && isblank((unsigned char)after[1])));
}

/* The entry is whole. */
static bool end_entry(struct reader *r)
{
	int line = r->c->line;
	char *equals;
	bool good;

	if (!r->entry)
		return true;
	r->c->line = r->entry_line;
	equals = strchr(r->entry, '=');
	if (equals) {
		*equals = 0;
		good = r->take(r->c, strip(r->entry), strip(equals + 1));
	} else {
		good = refuse(r->c, "neither [section] nor key = value");
	}
	free(r->entry);
	r->entry = NULL;
	if (good)
		r->c->line = line;
	return good;
}

static bool continue_entry(struct reader *r, const char *s)
{
	char *longer;

	if (*s == '[' || looks_like_key(s))
		return refuse(r->c, "indented, so it would continue the value above");
	if (asprintf(&longer, "%s %s", r->entry, s) < 0)
		return refuse(r->c, "out of memory");
	free(r->entry);
	r->entry = longer;
	return true;
}

static bool take_section(struct reader *r, char *s)
{
	size_t len = strlen(s);

	if (s[len - 1] != ']')
		return refuse(r->c, "a section without ]");
	s[len - 1] = 0;
	return r->take(r->c, NULL, s + 1);
}

static bool take_line(struct reader *r, char *raw)
{
	bool indented = isblank((unsigned char)*raw);
	char *s = strip(raw);

	if (!*s)
		return true;
	if (indented && r->entry)
		return continue_entry(r, s);
	if (!end_entry(r))
		return false;
	if (*s == '[')
		return take_section(r, s);
	r->entry = strdup(s);
	r->entry_line = r->c->line;
	return r->entry || refuse(r->c, "out of memory");
}

static bool take_lines(struct reader *r, FILE *f)
{
	char *raw = NULL;
	bool good = true;
	size_t room = 0;
	ssize_t n;

	while (good && (n = getline(&raw, &room, f)) > 0) {
		r->c->line++;
		good = strlen(raw) == (size_t)n ? take_line(r, raw) :
						  refuse(r->c, "a zero byte");
	}
	free(raw);
	if (good && ferror(f))
		good = refuse(r->c, strerror(errno));
	return good && end_entry(r);
}

/**
 * ini_read() - read a file
 * @c: its path; its line and problem are set
 * @take: called for each section, with a NULL key and its name as value, and each key,
 *	with @c->line where it stands; false, with @c->problem: read no more
 *
 * Return: false with @c->problem if something is wrong in line @c->line; 0: with the file.
 */
bool ini_read(struct config *c, bool (*take)(struct config *c, const char *key, const char *value))
{
	struct reader r = { .c = c, .take = take };
	FILE *f = fopen(c->path, "re");
	bool good;

	c->line = 0;
	if (!f)
		return refuse(c, strerror(errno));
	good = take_lines(&r, f);
	free(r.entry);
	fclose(f);
	return good;
}
