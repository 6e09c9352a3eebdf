#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# KeyUpdate against OpenSSL, and seen in a capture: see keyupdate.py.
# LIMIT: 400
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf" "keylog = $TMP/keys"
start_kssld "$TMP/conf"
tcpdump -q -i lo -s 0 -B 8192 -U -w "$TMP/wire.pcap" 'tcp port 7460' 2>"$TMP/tcpdump.log" & dump=$!
defer "stop_pid $dump"
wait_until 20 grep -q listening "$TMP/tcpdump.log" || { cat "$TMP/tcpdump.log" >&2; exit 1; }
/usr/bin/python3 "$TOP/selftests/interop/keyupdate.py" "$TMP"
rc=$?
grep -v ready "$TMP/kssld.log" | sed 's/^/# /'
exit $rc
