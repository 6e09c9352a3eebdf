#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# MAC-then-encrypt takes as many instructions whatever is inside: the short form of
# `make bench-ct`, and a module that must not pass.  The limit is the guest's time,
# which under --icount jumps ahead whenever it waits for its disk.
# VM: --icount
# DEBUG: no
# FIRST: selftests/bench/leaky/build
# LIMIT: 20000
. "$(dirname "$0")/../lib.sh"
measure() { /usr/bin/python3 "$TOP/selftests/bench/constant.py" "$1"; }
insmod_kssl
measure check
rc=$?
[ "${VM_SERIES:-6.1}" = 6.1 ] || exit $rc
rmmod_kssl || exit 1
KO=$TOP/build/leaky/kssl.ko
insmod_kssl
measure leaky || rc=1
exit $rc
