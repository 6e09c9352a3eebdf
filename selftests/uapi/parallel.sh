#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 300
# One connection on several CPUs, however few records a call has: peers/parallel.c.
# A CBC suite, which only one CPU works with, sees the same.
. "$(dirname "$0")/../lib.sh"
insmod_kssl parallel=1
"$PEERS/parallel" 1301 1303 c027
rc=$?
# once more where helpers are held up amid a record, so that the caller waits for them
for _ in 1 2 3; do
	while :; do :; done &
	defer "kill $!"
done
"$PEERS/parallel" c02f || rc=1
for way in Tx Rx; do
	n=$(counter ${way}RecordsHelped)
	all=$(counter ${way}Records)
	if [ "$n" -gt 0 ] && [ "$n" -lt "$all" ]; then echo "ok 900 - ${way}RecordsHelped: of all"
	else echo "not ok 900 - ${way}RecordsHelped: $n of $all"; rc=1; fi
done
exit $rc
