/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in of the fuzzers. */
#define INDIRECT_CALL_1(f, f1, ...) (f)(__VA_ARGS__)
#define INDIRECT_CALL_2(f, f2, f1, ...) (f)(__VA_ARGS__)
#define INDIRECT_CALLABLE_SCOPE static
