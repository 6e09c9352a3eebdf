/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CASES_H
#define CASES_H

#include "bench.h"

double case_tx(const struct way *way, const struct suite *suite, size_t n, size_t buf);
double case_more(const struct way *way, const struct suite *suite, size_t n, size_t buf);
double case_file(const struct way *way, const struct suite *suite, size_t n, size_t buf);
double case_rx(const struct way *way, const struct suite *suite, size_t n, size_t buf);
double case_pp(const struct way *way, const struct suite *suite, size_t n, size_t buf);
double case_memory(const struct way *way, const struct suite *suite, size_t n, size_t buf);
double case_wide_tx(const struct way *way, const struct suite *suite, size_t n, size_t buf);
double case_wide_rx(const struct way *way, const struct suite *suite, size_t n, size_t buf);
double case_keys(const struct way *way, const struct suite *suite, size_t n, size_t buf);

/* What was between the marks too, and is not in the figure. */
extern double case_beside;

#endif
