/* SPDX-License-Identifier: GPL-2.0 */
/* Where the measured part begins and ends: a long nop that no compiler makes. */
#ifndef MARK_H
#define MARK_H

#define MARK_ON		0x6b
#define MARK_OFF	0x73
/* nopl 0x6c737300 | which(%rax) */
#define MARK_BYTES(which)	0x0f, 0x1f, 0x80, which, 0x73, 0x73, 0x6c

#define MARK_STRING_(...)	#__VA_ARGS__
#define MARK_STRING(...)	MARK_STRING_(__VA_ARGS__)
#define MARK(which)	__asm__ volatile(".byte " MARK_STRING(MARK_BYTES(which)) : : : "memory")

#endif
