#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every way round the record layer, with a capture as proof: see ways-round.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf"
start_kssld "$TMP/conf"
for m in 9pnet_fd kcm smc; do modprobe -q $m; done
tcpdump -q -i lo -s 0 -B 16384 -U -w "$TMP/wire.pcap" tcp 2>"$TMP/tcpdump.log" & dump=$!
defer "stop_pid $dump"
wait_until 20 grep -q listening "$TMP/tcpdump.log" || { cat "$TMP/tcpdump.log" >&2; exit 1; }
/usr/bin/python3 "$TOP/selftests/uapi/ways-round.py" "$TMP" $dump
