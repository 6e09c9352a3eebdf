#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A user without privileges: see unprivileged.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf"
start_kssld "$TMP/conf"
echo content >"$TMP/file"
"$PEERS/server" 8443 "$TMP/file" & server=$!
defer "stop_pid $server"
wait_until 10 listening 8443
/usr/bin/python3 "$TOP/selftests/system/unprivileged.py" 8443
rc=$?
stop_pid $server
exit $rc
