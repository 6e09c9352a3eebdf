#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What sending may hold, and what happens when it cannot go on: see sending.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl ktls=1
/usr/bin/python3 "$TOP/selftests/uapi/sending.py"
rc=$?
# segments as short as where nothing is offloaded
unshare -n sh -c 'ip link set lo mtu 1500 gso_max_segs 1 up && exec "$@"' sh \
	/usr/bin/python3 "$TOP/selftests/uapi/sending.py" segments || rc=1
exit $rc
