#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 1500
# FIRST: selftests/ktls/build
# The kernel's own test of TLS sockets (see build), one result a case, judges
# whoever serves TCP_ULP "tls".  A part of it, or with UPSTREAM=full every suite
# that Debian's kernels can do: not SM4 and ARIA, they lack the ciphers.
. "$(dirname "$0")/../lib.sh"

suites="12_aes_gcm 13_aes_gcm"
[ "${UPSTREAM:-}" != full ] || suites="$suites 12_aes_gcm_256 13_aes_gcm_256 12_chacha 13_chacha 12_aes_ccm 13_aes_ccm 13_nopad"
per_suite=68 others=43
program=$("$TOP/selftests/ktls/build") || exit 1

# One suite of the large fixture, or all that is not in that fixture.
run_part() { # PART
	local filter=(-F tls_err -v "$1")
	[ "$1" != others ] || filter=(-F tls)
	# its temporary files have no name, which overlayfs of 6.1 cannot do
	unshare -m sh -c 'mount -t tmpfs tmpfs /tmp && exec "$@"' sh \
		timeout -k 5 600 "$program" "${filter[@]}" >"$TMP/$1.out" 2>&1
	echo "# status $?" >>"$TMP/$1.out"
}
export -f run_part
export program TMP

# The harness' results, numbered anew; what it says only for a case that failed.
# A skip is a failure: it means that there was no TLS.
collect() { # PART CASES
	local line name said='' ran=0
	while IFS= read -r line; do
		case $line in
		"ok "* | "not ok "*)
			name=${line#*ok * }
			ran=$((ran + 1))
			case $line in
			"ok "*"SKIP"* | "not ok"*) tap_not_ok "$name"; [ -z "$said" ] || tap_diag "$said" ;;
			*) tap_ok "$name" ;;
			esac
			said='' ;;
		"#  RUN "* | "#            OK "*) said='' ;;
		"# "*) said="$said${said:+$'\n'}${line#\# }" ;;
		esac
	done <"$TMP/$1.out"
	tap_is "$ran" "$2" "$1: $2 cases ran" || tap_diag "$(tail -n 5 "$TMP/$1.out")"
}

ktls_load
defer ktls_unload
tx=$(ktls_records tx) rx=$(ktls_records rx)
# The slow ones wait, they do not compute: two at a time.  Where all is slow, a case
# that expects the other process within 20 ms has both CPUs.
at_once=2
[ "$SLOW" = 1 ] || at_once=1
printf '%s\n' others $suites | xargs -P $at_once -I{} bash -c 'run_part {}'
collect others $others
for s in $suites; do
	collect "$s" $per_suite
done
# every case of the large fixture keys one direction of each end, at least
n=$(($(wc -w <<<"$suites") * per_suite))
tx=$(($(ktls_records tx) - tx)) rx=$(($(ktls_records rx) - rx))
tap_diag "$tx sent, $rx received"
tap_run "$KTLS sealed records" test "$tx" -ge $n
tap_run "$KTLS opened records" test "$rx" -ge $n
tap_run "$KTLS alone served" ktls_alone
tap_done
