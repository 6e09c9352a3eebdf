#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Record sizes by congestion window, from a capture: see adaptive.py.  In a network
# of its own, whose loopback device is slow and sends no more than a segment at once.
# It is about time, of which the debug kernel has none.
# DEBUG: no
[ -n "${ADAPTIVE:-}" ] || ADAPTIVE=1 exec unshare -n "$0"
. "$(dirname "$0")/../lib.sh"
insmod_kssl
modprobe -q sch_netem
ip link set lo mtu 1000 gso_max_segs 1 up && tc qdisc add dev lo root netem delay 100ms limit 20000 || exit 1
default_config "$TMP/conf" "keylog = $TMP/keys"
start_kssld "$TMP/conf"
tcpdump -q -i lo -s 0 -B 16384 -U -w "$TMP/wire.pcap" tcp 2>"$TMP/tcpdump.log" & dump=$!
defer "stop_pid $dump"
wait_until 20 grep -q listening "$TMP/tcpdump.log" || { cat "$TMP/tcpdump.log" >&2; exit 1; }
/usr/bin/python3 "$TOP/selftests/interop/adaptive.py" "$TMP"
