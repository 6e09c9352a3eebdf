// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Notices that a file of the configuration has changed, by looking at all of them now
 * and then: what their names lead to, so that an ACME client may turn symbolic links,
 * on whatever file system.  A change counts when it has been quiet for one look, since
 * certificate and key are not replaced at once.
 */
#include "kssld.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a name led to; all zero: to nothing. */
struct mark {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};

struct file {
	struct file *next;
	struct mark mark;
	char path[];
};

struct watch {
	struct file *files;
	bool changed;
};

/* False: not to be seen by us; then we cannot say that it changed. */
static bool look_at(const char *path, struct mark *mark)
{
	struct stat st;

	memset(mark, 0, sizeof(*mark));
	if (stat(path, &st))
		return errno != EACCES;
	mark->dev = st.st_dev;
	mark->ino = st.st_ino;
	mark->size = st.st_size;
	mark->changed = st.st_ctim;
	return true;
}

/**
 * watch_new() - nothing to look at yet
 *
 * Return: NULL without memory.
 */
struct watch *watch_new(void)
{
	return calloc(1, sizeof(struct watch));
}

/**
 * watch_add() - a file, as it is now; before it is read
 * @w: may be NULL
 * @path: may be NULL, may not exist
 */
void watch_add(struct watch *w, const char *path)
{
	struct file *f;

	if (!w || !path)
		return;
	f = malloc(sizeof(*f) + strlen(path) + 1);
	if (!f)
		return;
	strcpy(f->path, path);
	look_at(path, &f->mark);
	f->next = w->files;
	w->files = f;
}

/* Since the last look. */
static bool moved(struct watch *w)
{
	bool any = false;
	struct file *f;

	for (f = w->files; f; f = f->next) {
		struct mark mark;

		if (!look_at(f->path, &mark) || !memcmp(&mark, &f->mark, sizeof(mark)))
			continue;
		f->mark = mark;
		any = true;
	}
	return any;
}

/**
 * watch_look() - has something changed, and come to rest?
 * @w: may be NULL
 *
 * Return: true once for each change.
 */
bool watch_look(struct watch *w)
{
	if (!w)
		return false;
	if (moved(w)) {
		w->changed = true;
		return false;
	}
	if (!w->changed)
		return false;
	w->changed = false;
	return true;
}

/**
 * watch_put_unreadable() - files that we may not read as who we are now
 * @w: may be NULL
 * @to: "unreadable", path and reason, between tabs, a line each
 */
void watch_put_unreadable(const struct watch *w, FILE *to)
{
	const struct file *f;

	for (f = w ? w->files : NULL; f; f = f->next)
		if (eaccess(f->path, R_OK) && errno != ENOENT)
			fprintf(to, "unreadable\t%s\t%s\n", f->path, strerror(errno));
}

/**
 * watch_free() - look no more
 * @w: may be NULL
 */
void watch_free(struct watch *w)
{
	struct file *f;

	while (w && (f = w->files)) {
		w->files = f->next;
		free(f);
	}
	free(w);
}
