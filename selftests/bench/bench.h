/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The same work over plain TCP, in-tree kernel TLS, OpenSSL in user space and
 * kssl, counted in instructions: run under QEMU's -icount with one instruction to
 * a nanosecond, where the time stamp counter counts them.
 *
 * A link is one TCP connection over loopback.  Its end A is what is measured; its
 * end B belongs to the bench, which seals and opens by libcrypto, so that nothing
 * wrong is measured; or, for request and response, both ends are measured.
 */
#ifndef BENCH_H
#define BENCH_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../peers/wire.h"
#include "mark.h"

/**
 * struct suite - what a link speaks
 * @name: suffix of the case, "" for the usual one
 * @id: IANA number
 * @ktls: cipher number of the in-tree ULP; 0: it has none
 * @openssl: OpenSSL's name
 * @etm: encrypt-then-MAC
 */
struct suite {
	const char *name;
	uint16_t id;
	uint16_t ktls;
	const char *openssl;
	bool etm;
};

/**
 * struct end - one end of a link
 * @fd: its socket
 * @ssl: OpenSSL's part
 * @tx: keys of what it sends
 * @rx: keys of what it receives
 */
struct end {
	int fd;
	SSL *ssl;
	struct wire_half tx, rx;
};

struct link {
	const struct way *way;
	const struct suite *suite;
	struct end a, b;
};

/**
 * struct way - who does the record layer
 * @name: column of the table
 * @can: does it have that suite?
 * @start: once per link, before keys
 * @keys: end A, and B if @both, is to protect what it sends and receives
 * @send: as send(); @recv: as recv(); @file: as sendfile(), from the file's begin
 * @seal: a record that end A will receive, made by the bench; its length
 * @open: what end A has sent, back to text; its length
 * @stop: keys off
 */
struct way {
	const char *name;
	bool (*can)(const struct suite *suite);
	void (*start)(struct link *l, bool both);
	void (*keys)(struct link *l, bool both);
	ssize_t (*send)(struct end *e, const void *text, size_t len, int flags);
	ssize_t (*recv)(struct end *e, void *text, size_t len);
	ssize_t (*file)(struct end *e, int file, size_t len);
	size_t (*seal)(struct link *l, const uint8_t *text, size_t len, uint8_t *out);
	size_t (*open)(struct link *l, const uint8_t *bytes, size_t len, uint8_t *text);
	void (*stop)(struct link *l);
};

extern const struct way ways[];
extern const struct suite suites[];

void must(bool good, const char *what);
void link_up(struct link *l, const struct way *way, const struct suite *suite);
void link_down(struct link *l);
void reset_close(int fd);

/* Instructions so far.  Ends a translation block under -icount, so it is exact. */
static inline uint64_t now(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* The measured part begins. */
static inline uint64_t begin(bool counts)
{
	if (counts)
		MARK(MARK_ON);
	return now();
}

/* It ends: instructions since @start. */
static inline uint64_t end(uint64_t start)
{
	start = now() - start;
	MARK(MARK_OFF);
	return start;
}

#endif
