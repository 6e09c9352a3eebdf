// SPDX-License-Identifier: GPL-2.0-or-later
/* One line a message: to stderr in the foreground, else to syslog. */
#include "kssld.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <time.h>
#include <openssl/err.h>

#define PER_SECOND 20

static enum level limit = LOG_LEVEL_INFO;
static bool use_stderr = true;
static __thread char *copy;
static __thread size_t copy_room;

void log_setup(enum level level, bool to_stderr)
{
	limit = level;
	use_stderr = to_stderr;
	if (!to_stderr)
		openlog("kssld", LOG_PID, LOG_DAEMON);
}

void log_level(enum level level)
{
	limit = level;
}

/**
 * log_copy() - the first error that this thread logs from now on
 * @to: where to; NULL: no more
 * @room: of it
 */
void log_copy(char *to, size_t room)
{
	copy = to;
	copy_room = room;
	if (to)
		*to = 0;
}

static void put(enum level level, const char *fmt, va_list ap)
{
	static const int priority[] = { LOG_ERR, LOG_INFO, LOG_DEBUG };
	char line[1024];

	vsnprintf(line, sizeof(line), fmt, ap);
	if (copy && level == LOG_LEVEL_ERROR && !*copy)
		snprintf(copy, copy_room, "%s", line);
	if (use_stderr)
		fprintf(stderr, "kssld: %s\n", line);
	else
		syslog(priority[level], "%s", line);
}

void log_msg(enum level level, const char *fmt, ...)
{
	va_list ap;

	if (level > limit)
		return;
	va_start(ap, fmt);
	put(level, fmt, ap);
	va_end(ap);
}

/**
 * log_reason() - what OpenSSL says of its last error
 */
const char *log_reason(void)
{
	unsigned long e = ERR_peek_last_error();
	const char *text = e ? ERR_reason_error_string(e) : NULL;

	return text ? text : "unknown error";
}

static bool within_rate(enum log_cause cause)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static time_t second[NR_LOG_CAUSES];
	static unsigned int lines[NR_LOG_CAUSES];
	time_t now = time(NULL);
	bool show;

	pthread_mutex_lock(&lock);
	if (now != second[cause]) {
		second[cause] = now;
		lines[cause] = 0;
	}
	show = lines[cause]++ < PER_SECOND;
	pthread_mutex_unlock(&lock);
	return show;
}

void log_rated(enum log_cause cause, const char *fmt, ...)
{
	va_list ap;

	if (limit < LOG_LEVEL_INFO || !within_rate(cause))
		return;
	va_start(ap, fmt);
	put(LOG_LEVEL_INFO, fmt, ap);
	va_end(ap);
}
