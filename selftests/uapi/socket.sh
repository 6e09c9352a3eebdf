#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A program cannot tell: peers/socket.c runs every socket call, and prints what
# it sees, over
#
#   plain	a ------ TCP ------ b
#   openssl	a = kssl --- TLS --- tlsproxy --- TCP --- b
#   kssl	a = kssl --- TLS --- b = kssl
#
# with a as client and as server, and as a 32-bit program.  What differs must be
# what kssl.7 lists as differences, and all of that.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf"
start_kssld "$TMP/conf"

"$PEERS/tlsproxy" server 7001 7002 "$PKI/rsa.pem" "$PKI/rsa.key" &
defer "stop_pid $!"
"$PEERS/tlsproxy" client 7003 7004 "$PKI/ca.pem" &
defer "stop_pid $!"
wait_until 20 listening 7001 && wait_until 20 listening 7003 || exit 1

# run PROGRAM MODE ROLE TO AT: its rows to $TMP/PROGRAM.MODE.ROLE
run() {
	timeout 170 "$PEERS/$1" "$2" "$3" "$4" "$5" ${CASES:-} >"$TMP/$1.$2.$3" 2>&1
}

run socket plain client 7005 7005 &
a=$!
run socket plain server 7006 7006 &
b=$!
run socket openssl client 7001 7002 &
c=$!
run socket openssl server 7003 7004 &
d=$!
run socket kssl client 7007 7007 &
e=$!
run socket kssl server 7008 7008 &
f=$!
wait $a $b $c $d $e $f
for i in client server; do
	for j in openssl kssl; do
		echo "## $j $i"
		diff "$TMP/socket.plain.$i" "$TMP/socket.$j.$i" | grep '^[<>]'
	done
done
cat "$TMP/kssld.log"
