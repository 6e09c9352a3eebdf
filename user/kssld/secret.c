// SPDX-License-Identifier: GPL-2.0-or-later
/* Files that hold secrets: not for others to read, and wiped from memory after use. */
#include "kssld.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/crypto.h>

#define SECRET_MAX 65536

static bool is_exposed(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_mode & (S_IROTH | S_IWOTH);
}

/**
 * secret_exposed() - can everybody read or write a file?
 * @path: file; what is none, or cannot be seen, is not exposed
 */
bool secret_exposed(const char *path)
{
	struct stat st;

	return !stat(path, &st) && is_exposed(&st);
}

/* All of it, or -1 with errno. */
static ssize_t read_all(int fd, char *to, size_t room)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, to + len, room - len);
		if (n > 0)
			len += (size_t)n;
	} while (n > 0 && len < room);
	if (n >= 0 && len == room) {
		errno = EFBIG;
		return -1;
	}
	return n < 0 ? -1 : (ssize_t)len;
}

/**
 * secret_read() - a file, if it is for us alone
 * @c: for the log line
 * @file: its name
 * @len: set to its length
 *
 * Return: what it holds and a 0 behind it, secret_free() it; or NULL after a log line.
 */
char *secret_read(const struct config *c, const struct file_name *file, size_t *len)
{
	int fd = open(file->path, O_RDONLY | O_CLOEXEC);
	char *text = OPENSSL_malloc(SECRET_MAX);
	ssize_t n = -1;
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		config_bad_file(c, file, strerror(errno));
	} else if (is_exposed(&st)) {
		config_bad_file(c, file, "others can read or write it: chmod o= it");
	} else if (text) {
		n = read_all(fd, text, SECRET_MAX - 1);
		if (n < 0)
			config_bad_file(c, file, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	if (n < 0) {
		secret_free(text);
		return NULL;
	}
	text[n] = 0;
	*len = (size_t)n;
	return text;
}

/**
 * secret_free() - wipe and free
 * @text: from secret_read(); may be NULL
 */
void secret_free(char *text)
{
	OPENSSL_clear_free(text, SECRET_MAX);
}
