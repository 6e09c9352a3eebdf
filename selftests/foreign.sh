# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Programs that are not ours, as servers and as peers with a TLS of their own; and a
# kssld that serves.  For scripts of system/ that read this after lib.sh.
insmod_kssl
default_config "$TMP/conf"
start_kssld "$TMP/conf"
busybox=${XDG_CACHE_HOME:-$HOME/.cache}/kssl/busybox/bin/busybox	# by setup; with libraries
mkdir "$TMP/www"
chmod 755 "$TMP" "$TMP/www"
openssl rand -hex 50000 >"$TMP/www/file"
sum=$(sha256sum <"$TMP/www/file")

# start PORT COMMAND...: in the background until the end; sets started
start() {
	local port=$1
	shift
	"$@" </dev/null >"$TMP/out.$port" 2>&1 &
	started=$!
	defer "stop_pid $started"
	wait_until 20 listening "$port" || tap_diag "$* does not listen: $(cat "$TMP/out.$port")"
}

fetch() { curl -sS --max-time 30 --cacert "$PKI/ca.pem" "$@" 2>&1; }
fetch_sum() { fetch "$@" | sha256sum; }

# ask PORT TEXT PATTERN: openssl says TEXT there, and waits for PATTERN
ask() {
	rm -f "$TMP/fifo"
	mkfifo "$TMP/fifo"
	openssl s_client -quiet -verify_return_error -CAfile "$PKI/ca.pem" -verify_hostname localhost \
		-connect "localhost:$1" <"$TMP/fifo" >"$TMP/said" 2>"$TMP/said.err" &
	local pid=$!
	exec 5>"$TMP/fifo"
	printf '%b' "$2" >&5
	wait_until 10 grep -qE "$3" "$TMP/said"
	exec 5>&-
	stop_pid $pid
	cat "$TMP/said"
}

# plain PORT NAME: who speaks without TLS gets an alert for an answer
plain() {
	tap_is "$(printf 'GET /file HTTP/1.0\r\n\r\n' | timeout 10 socat - "TCP4:127.0.0.1:$1" | od -An -tx1 -N2)" " 15 03" "$2: nothing without TLS"
}
