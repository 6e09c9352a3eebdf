/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in of the fuzzers. */
