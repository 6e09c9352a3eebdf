/* SPDX-License-Identifier: GPL-2.0 */
/* A fuzzer's bytes, read as numbers; behind the last there are zeros. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/rand.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct input { const uint8_t *p; size_t left; };

static inline uint8_t in_u8(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->p++;
}

static inline uint16_t in_u16(struct input *in)
{
	uint16_t high = in_u8(in);

	return (uint16_t)(high << 8 | in_u8(in));
}

/* Up to @n bytes where they lie; how many there are comes back. */
static inline size_t in_bytes(struct input *in, size_t n, const uint8_t **bytes)
{
	if (n > in->left)
		n = in->left;
	*bytes = in->p;
	in->p += n;
	in->left -= n;
	return n;
}

/* libcrypto's random numbers are the same in every run. */
static uint64_t input_random;

static int input_rand_bytes(unsigned char *p, int n)
{
	while (n-- > 0) {
		input_random ^= input_random << 13;
		input_random ^= input_random >> 7;
		input_random ^= input_random << 17;
		*p++ = (unsigned char)input_random;
	}
	return 1;
}

static int input_rand_status(void) { return 1; }

static inline void input_seed(uint64_t seed)
{
	static const RAND_METHOD method = {
		.bytes = input_rand_bytes,
		.pseudorand = input_rand_bytes,
		.status = input_rand_status,
	};

	if (RAND_get_rand_method() != &method)
		RAND_set_rand_method(&method);
	input_random = seed;
}

/* A promise that was broken: the fuzzer keeps the input. */
static inline void fuzz_must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

#endif
