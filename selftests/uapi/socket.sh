#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A program cannot tell: peers/socket runs every socket call, and prints what
# it sees, over
#
#   plain	a ------ TCP ------ b
#   openssl	a = kssl --- TLS --- tlsproxy --- TCP --- b
#   kssl	a = kssl --- TLS --- b = kssl
#
# with a as client and as server, in TLS 1.3 and (a part) 1.2, and as a 32-bit
# program.  What differs must be in socket.differences, and all of that.
# LIMIT: 400
. "$(dirname "$0")/../lib.sh"
insmod_kssl
mkdir "$TMP/out"

# proxy PORT MODE...
proxy() {
	"$PEERS/tlsproxy" "$2" "$1" "${@:3}" &
	defer "stop_pid $!"
	wait_until 20 listening "$1" || exit 1
}
proxy 7001 server 7002 "$PKI/rsa.pem" "$PKI/rsa.key"
proxy 7003 client 7004 "$PKI/ca.pem"
proxy 7011 server 7012 "$PKI/rsa.pem" "$PKI/rsa.key"

# run OUT PROGRAM MODE ROLE TO AT [CASE...]: in the background
pids=()
run() {
	timeout $((160 * SLOW)) "$PEERS/$2" "${@:3}" >"$TMP/out/$1" 2>&1 &
	pids+=($!)
}

default_config "$TMP/conf"
start_kssld "$TMP/conf"
run socket.plain.client socket plain client 7005 7005
run socket.plain.server socket plain server 7006 7006
run socket.kssl.client socket kssl client 7007 7007
run socket.kssl.server socket kssl server 7008 7008
run socket.openssl.client socket openssl client 7001 7002
run socket.openssl.server socket openssl server 7003 7004
run socket32.openssl.client socket32 openssl client 7011 7012
wait "${pids[@]}"
handshakes=$(counter HsDone)
stop_kssld

default_config "$TMP/conf" "max-version = 1.2"
start_kssld "$TMP/conf"
part="reading waiting both_ways crowd pipes epolling shut_write half_close peer_gone we_reset"
# shellcheck disable=SC2086
run socket.openssl.client.1.2 socket openssl client 7001 7002 $part
# shellcheck disable=SC2086
run socket.openssl.server.1.2 socket openssl server 7003 7004 $part
wait "${pids[@]}"

/usr/bin/python3 "$TOP/selftests/uapi/socket-rows.py" "$TMP/out"
rc=$?
[ "$handshakes" -ge 200 ] || { echo "not ok - only $handshakes handshakes"; rc=1; }
exit $rc
