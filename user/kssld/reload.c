// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The configuration in force.  A new one takes its place whole or not at all.
 * Handshakes under way end with the one they began with; established sessions have
 * nothing to do with it.
 */
#include "kssld.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct config *current;
static struct watch *watch;	/* the main thread's */
static bool exists, verbose;

/*
 * With all the files that it names; or NULL after a log line.  In either case it is
 * their names that are watched from now on: the next change may mend them.
 */
static struct config *load(const char *path)
{
	struct watch *w = watch_new();
	struct config *c = config_read(path, exists, w);
	bool good = c && !identity_load(c);

	watch_free(watch);
	watch = w;
	if (c)
		c->watch = NULL;
	if (good)
		return c;
	config_put(c);
	return NULL;
}

/* Takes the caller's reference. */
static void replace(struct config *c)
{
	struct config *old;

	ticket_use(c);
	pthread_mutex_lock(&lock);
	old = current;
	current = c;
	pthread_mutex_unlock(&lock);
	log_level(verbose ? LOG_LEVEL_DEBUG : c->log);
	config_put(old);
	expiry_tell(c);
}

/**
 * reload_first() - read the configuration at start
 * @path: file
 * @must_exist: false: a missing file means all defaults
 * @log_all: whatever it says of the log
 *
 * Return: the configuration, the caller's to put; or NULL after a log line.
 */
struct config *reload_first(const char *path, bool must_exist, bool log_all)
{
	struct config *c;

	verbose = log_all;
	exists = must_exist || !access(path, F_OK);
	c = load(path);
	if (!c)
		return NULL;
	replace(c);
	return config_current();
}

static bool differ(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) : a != b;
}

/* Some things are settled at start. */
static void name_fixed(const struct config *old, const struct config *new)
{
	if (old->workers != new->workers || old->capacity != new->capacity ||
	    differ(old->user, new->user) || differ(old->control, new->control) ||
	    differ(old->keylog, new->keylog) || differ(old->netns, new->netns))
		info("workers, capacity, user, netns, control and keylog change at the next start");
}

/**
 * reload() - read the configuration again, and the files that it names
 *
 * Return: false after a log line; then everything is as before.
 */
bool reload(void)
{
	struct config *old = config_current(), *new = load(old->path);

	if (new) {
		name_fixed(old, new);
		replace(new);
		info("reloaded");
	} else {
		error("not reloaded, everything is as before");
	}
	config_put(old);
	return new;
}

/**
 * reload_if_changed() - reload if a file has changed since the last time
 */
void reload_if_changed(void)
{
	if (watch_look(watch)) {
		info("files have changed");
		reload();
	}
}

/**
 * reload_doubts() - what the next reload will not be able to read
 * @to: a line each, see watch_put_unreadable()
 */
void reload_doubts(FILE *to)
{
	watch_put_unreadable(watch, to);
}

/**
 * config_current() - the configuration in force
 *
 * Return: it, the caller's to put.
 */
struct config *config_current(void)
{
	struct config *c;

	pthread_mutex_lock(&lock);
	c = config_get(current);
	pthread_mutex_unlock(&lock);
	return c;
}

/**
 * reload_end() - nothing is in force any more
 */
void reload_end(void)
{
	config_put(current);
	current = NULL;
	watch_free(watch);
	watch = NULL;
	ticket_end();
}
