#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 300
# Many processes at one connection: see shared.py.  SHARED=n is for how many seconds
# (5; 60 on the kernel that looks for data races, for which this is).
. "$(dirname "$0")/../lib.sh"
seconds=5
[ "${VM_SERIES:-}" != kcsan ] || seconds=60
for parallel in 0 1; do
	insmod_kssl parallel=$parallel
	/usr/bin/python3 "$TOP/selftests/uapi/shared.py" "${SHARED:-$seconds}" "parallel=$parallel"
	rmmod_kssl
done
