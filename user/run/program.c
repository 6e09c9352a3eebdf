// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Does a preload object reach a program?  One that it does not reach would go on in
 * plain TCP without a word, so kssl-run looks before it starts it.
 */
#include "run.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define HEADERS_MAX 64
#define NOTES_MAX 4096
#define SCRIPTS_MAX 4	/* as many as the kernel follows */

/* What an ELF file says of itself; in the words of this machine. */
struct image {
	bool is_elf;
	bool is_ours;		/* class and machine */
	bool is_go;
	char loader[256];	/* "" : none, so statically linked */
};

/* As execvp() finds it. */
static bool find(const char *name, char *path, size_t room)
{
	const char *at = getenv("PATH"), *end;

	if (strchr(name, '/'))
		return snprintf(path, room, "%s", name) < (int)room;
	if (!at)
		at = "/bin:/usr/bin";
	for (;; at = end + 1) {
		end = strchrnul(at, ':');
		if (snprintf(path, room, "%.*s%s%s", (int)(end - at), at, end > at ? "/" : "",
			     name) < (int)room && !access(path, X_OK))
			return true;
		if (!*end)
			return false;
	}
}

static bool read_at(int fd, void *to, size_t len, uint64_t at)
{
	return at <= INT64_MAX && pread(fd, to, len, (off_t)at) == (ssize_t)len;
}

/* The linker of Go leaves a note of its own, also with a C library beside it. */
static bool has_go_note(int fd, const ElfW(Phdr) *ph)
{
	size_t len = ph->p_filesz < NOTES_MAX ? ph->p_filesz : NOTES_MAX, at = 0;
	_Alignas(ElfW(Nhdr)) char notes[NOTES_MAX];
	ElfW(Nhdr) n;

	if (!read_at(fd, notes, len, ph->p_offset))
		return false;
	while (len - at >= sizeof(n)) {
		memcpy(&n, notes + at, sizeof(n));
		at += sizeof(n);
		if (n.n_namesz > len - at)
			return false;
		if (n.n_namesz >= sizeof("Go") && !memcmp(notes + at, "Go", sizeof("Go")))
			return true;
		at += (n.n_namesz + 3UL) & ~3UL;
		if (at > len || n.n_descsz > len - at)
			return false;
		at += (n.n_descsz + 3UL) & ~3UL;
		if (at > len)
			return false;
	}
	return false;
}

static void read_header(int fd, const ElfW(Phdr) *ph, struct image *image)
{
	size_t len = ph->p_filesz;

	if (ph->p_type == PT_NOTE && has_go_note(fd, ph))
		image->is_go = true;
	if (ph->p_type != PT_INTERP || !len || len >= sizeof(image->loader))
		return;
	if (!read_at(fd, image->loader, len, ph->p_offset))
		len = 0;
	image->loader[len] = 0;
}

/* Everything that we do not understand is left to execve() to refuse. */
static struct image look_at(int fd)
{
	struct image image = { 0 };
	ElfW(Ehdr) eh;
	ElfW(Phdr) ph;
	unsigned int i;

	if (!read_at(fd, eh.e_ident, EI_NIDENT, 0) || memcmp(eh.e_ident, ELFMAG, SELFMAG))
		return image;
	image.is_elf = true;
	if (eh.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
	    !read_at(fd, &eh, sizeof(eh), 0) || eh.e_phentsize != sizeof(ph))
		return image;
	image.is_ours = true;
	for (i = 0; i < eh.e_phnum && i < HEADERS_MAX; i++)
		if (read_at(fd, &ph, sizeof(ph), eh.e_phoff + i * sizeof(ph)))
			read_header(fd, &ph, &image);
	return image;
}

/* Our own loader is the one that can load our object: another one is another C library. */
static bool our_loader(const char *loader)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct image own = { 0 };

	if (fd < 0)
		return true;
	own = look_at(fd);
	close(fd);
	return !strcmp(basename(own.loader), basename(loader));
}

/* Of such a program the loader takes no objects from the environment. */
static bool gains_privileges(int fd)
{
	struct stat st;
	char caps[64];

	if (fstat(fd, &st))
		return false;
	if ((st.st_mode & S_ISUID && st.st_uid != getuid()) ||
	    (st.st_mode & S_ISGID && st.st_gid != getgid()))
		return true;
	return getuid() && fgetxattr(fd, "security.capability", caps, sizeof(caps)) > 0;
}

/* The program that runs a script: the first word behind "#!". */
static bool script_of(int fd, char *path, size_t room)
{
	char line[256] = "";
	ssize_t n = pread(fd, line, sizeof(line) - 1, 0);
	size_t len;
	char *word;

	if (n < 3 || memcmp(line, "#!", 2))
		return false;
	word = line + 2 + strspn(line + 2, " \t");
	len = strcspn(word, " \t\n");
	return len && snprintf(path, room, "%.*s", (int)len, word) < (int)room;
}

static const char *unreachable(int fd)
{
	struct image image = look_at(fd);

	if (!image.is_elf)
		return NULL;
	if (gains_privileges(fd))
		return "it runs with other privileges than ours";
	if (!image.is_ours)
		return "it is for another kind of processor than kssl-run";
	if (!*image.loader)
		return "it is statically linked";
	if (image.is_go)
		return "it is written in Go, which calls the kernel itself";
	if (!our_loader(image.loader))
		return "it uses another C library than kssl-run";
	return NULL;
}

/**
 * program_unreachable() - why a preload object does not reach a program
 * @name: of the program, as for execvp()
 *
 * Return: the reason; NULL if it does, or if the program cannot be started at all.
 */
const char *program_unreachable(const char *name)
{
	char path[PATH_MAX];
	const char *why;
	int fd, i;

	if (!find(name, path, sizeof(path)))
		return NULL;
	for (i = 0; i < SCRIPTS_MAX; i++) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return errno == EACCES ? "it may be run, but not be read" : NULL;
		why = unreachable(fd);
		if (why || !script_of(fd, path, sizeof(path)))
			i = SCRIPTS_MAX;
		close(fd);
	}
	return why;
}
