#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 240
# Old suites: never by default, never more than allowed, never if there is better:
# see downgrade.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl

run() { # WHAT; the daemon runs
	local out
	out=$(/usr/bin/python3 "$TOP/selftests/interop/downgrade.py" "$1" "$TMP/kssld.log") || tap_failed=1
	while IFS= read -r line; do
		case $line in
		"ok "* | "not ok "*) tap_n=$((tap_n + 1)); echo "${line%% [0-9]*} $tap_n - $1: ${line#* - }" ;;
		"#"*) echo "$line" ;;
		esac
	done <<<"$out"
	echo "# $1: $SECONDS s"
	stop_kssld
}

refused() { # LINES-OF-GLOBAL LINES-OF-IDENTITY PATTERN NAME
	default_config "$TMP/conf" "$1"
	printf '%b\n' "$2" >>"$TMP/conf"
	tap_like "$(kssld -c "$TMP/conf" --check 2>&1; echo "status $?")" "$3.*" "$4"
	kssld -c "$TMP/conf" --check 2>/dev/null
	tap_is $? 1 "$4: status"
}

default_config "$TMP/conf"
start_kssld "$TMP/conf"
run default

default_config "$TMP/conf" "legacy = cbc, rsa-key-transport, null"
ksslctl policy set mac-only=1
start_kssld "$TMP/conf"
run legacy
ksslctl policy set mac-only=0

default_config "$TMP/conf" "legacy = cbc"
printf 'legacy = none\n[client]\nlegacy = none\n' >>"$TMP/conf"
start_kssld "$TMP/conf"
run identities

default_config "$TMP/conf" "legacy = cbc
suites-1.2 = AES128-SHA:ECDHE-ECDSA-AES128-CCM8:ECDHE-ECDSA-AES128-CCM:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256:AES128-GCM-SHA256"
start_kssld "$TMP/conf"
run named

refused "" "legacy = cbc" "\[identity ec\]: legacy: cbc is not allowed in \[global\]" "an identity beyond the default policy"
refused "legacy = cbc" "legacy = cbc, rsa-key-transport" "\[identity ec\]: legacy: rsa-key-transport is not" "an identity beyond [global]"
refused "legacy = rsa-key-transport" "[client]\nlegacy = null" "\[client\]: legacy: null is not" "clients beyond [global]"
refused "legacy = cbc, des" "" "bad value for legacy: cbc, des" "an unknown word"
refused "suites-1.2 = AES128-SHA" "" "no suite is left" "nothing is left"
refused "suites-1.2 = NONSENSE" "" "knows none of NONSENSE" "OpenSSL knows none"
tap_done
