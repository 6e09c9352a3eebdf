#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 240
# close(), and what the kernel still does for the socket: see linger.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf"
start_kssld "$TMP/conf"
/usr/bin/python3 "$TOP/selftests/system/linger.py"
rc=$?
stop_kssld
ksslctl flush
if rmmod kssl; then
	echo "ok 99 - after ksslctl flush the module unloads at once"
else
	echo "not ok 99 - after ksslctl flush the module unloads at once"
	rc=1
fi
exit $rc
