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
stop_pid $server
out=$(rmmod kssl 2>&1)
wait $c 2>/dev/null
stop_kssld
tap_run "after the last close it unloads" rmmod_kssl 10

slab() { awk '/^(TCP|TCPv6|kmalloc-1k|kmalloc-2k|kmalloc-512|kmalloc-cg-1k|kmalloc-cg-2k) /{s+=$2*$4} END{print int(s/1024)}' /proc/slabinfo; }
percpu() { awk '/^Percpu/{print $2}' /proc/meminfo; }
# no daemon between: keys by the programs, both directions, and close
round() {
	insmod "$TOP/kssl.ko" && /usr/bin/python3 - <<-PY && rmmod_kssl 5
	import sys
	sys.path.insert(0, "$TOP/selftests/peers")
	from records import Peer
	for suite in (0x1301, 0xcca8):
	    p = Peer(suite)
	    p.kssl.sendall(bytes(50000)); p.send(b"x" * 100)
	    assert p.kssl.recv(100) == b"x" * 100
	    p.got(); p.close()
	PY
}
bad=0
for _ in 1 2 3 4 5; do round || bad=1; done
sync; echo 3 >/proc/sys/vm/drop_caches
slab0=$(slab) percpu0=$(percpu)
for _ in $(seq 45); do round || bad=1; done
tap_is $bad 0 "50 times: load, traffic, unload"
echo 3 >/proc/sys/vm/drop_caches
grown=$(($(slab) - slab0)) percpu_grown=$(($(percpu) - percpu0))
tap_diag "slab grew by $grown KiB, per-CPU memory by $percpu_grown KiB"
tap_run "slab and per-CPU memory are flat" test $grown -lt 512 -a $percpu_grown -lt 64
tap_done
