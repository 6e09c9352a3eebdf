#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# rmmod says EBUSY while sockets are there, and works after the last close; 50
# times load, traffic, unload leave nothing behind.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf"

traffic() { # one connection to our server, one by our client, 256 KiB
	curl -sS --max-time 20 --cacert "$PKI/ca.pem" -o "$TMP/got" https://localhost:8443/ &&
		cmp -s "$TMP/got" "$TMP/file" &&
		timeout 20 "$PEERS/client" 127.0.0.1 8443 localhost / | cmp -s - "$TMP/file"
}
openssl rand -out "$TMP/file" 262144

start_kssld "$TMP/conf"
"$PEERS/server" 8443 "$TMP/file" & server=$!
defer "stop_pid $server"
wait_until 10 listening 8443
tap_run "traffic" traffic
out=$(rmmod kssl 2>&1)
tap_like "$out" "in use" "a listening socket keeps the module"
(sleep 5 | timeout 20 openssl s_client -quiet -connect 127.0.0.1:8443 >/dev/null 2>&1) & c=$!
wait_until 10 sh -c "ksslctl | grep -q 'server open'"
out=$(rmmod kssl 2>&1)
tap_like "$out" "in use" "so does a connection"
stop_pid $server
stop_pid $c
stop_kssld
tap_run "after the last close it unloads" rmmod_kssl 10

# no daemon now: keys by the programs, both directions, and close
/usr/bin/python3 "$TOP/selftests/system/reload.py" "$KO" >"$TMP/out" 2>&1
rc=$?
sed 's/^/# /' "$TMP/out"
tap_is $rc 0 "50 times load, traffic, unload; slab and per-CPU memory are flat"
tap_done
