#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The fuzzers, shortly: their corpus and a few seconds of their own.  Longer:
# make fuzz MINUTES=n
# LIMIT: 400
cd "$(dirname "$0")/../.." || exit 1
make -s fuzzers >&2 || { echo "not ok 1 - build"; exit 1; }
exec selftests/fuzz/run "${FUZZ_SECONDS:-6}"
