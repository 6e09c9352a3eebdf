#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 240
# LONG LIMIT: 800
# close(), and what the kernel still does for the socket: see linger.py.  LONG=1
# (VM_ENV=LONG hands it on): also a peer that reads slowly, for five minutes.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf"
start_kssld "$TMP/conf"
/usr/bin/python3 "$TOP/selftests/system/linger.py"
rc=$?
if [ -n "${LONG:-}" ]; then
	# short segments: TCP fills its last skb even if the buffer is full
	unshare -n sh -c 'ip link set lo mtu 1500 gso_max_segs 1 up && exec "$@"' sh \
		/usr/bin/python3 "$TOP/selftests/system/linger.py" slow || rc=1
fi
stop_kssld
ksslctl flush
if rmmod kssl; then
	echo "ok 99 - after ksslctl flush the module unloads at once"
else
	echo "not ok 99 - after ksslctl flush the module unloads at once"
	rc=1
fi
exit $rc
