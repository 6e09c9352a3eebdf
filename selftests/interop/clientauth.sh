#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 240
# Client certificates: every reason to refuse, both roles, both versions, against
# OpenSSL and GnuTLS: see clientauth.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
mkdir "$TMP/pki"
/usr/bin/python3 "$TOP/selftests/peers/pki.py" "$TMP/pki" || exit 1

# conf LINES-OF-TRUST LINES-OF-CLIENT
conf() {
	printf '[global]\nworkers = 1\n[trust]\nsystem = no\nfile = %s/pki/ca.pem\n%b\n[client]\n%b\n' \
		"$TMP" "$1" "${2:-}"
	for id in plain:none req:request auth:require; do
		printf '[identity %s]\ncert = %s\nkey = %s\nclient-auth = %s\nnames = %s\nclient-trust = %s\n' \
			"${id%:*}" "$TMP/pki/server.pem" "$TMP/pki/server.key" "${id#*:}" "${id%:*}.test" \
			"$TMP/pki/ca.pem"
	done
	for id in client under expired early stranger wrong unfit revoked; do
		printf '[identity %s]\ncert = %s\nkey = %s\nnames = none.invalid\n' "$id" \
			"$TMP/pki/$id.pem" "$TMP/pki/$id.key"
	done
}

run() { # WHAT
	local out
	out=$(/usr/bin/python3 "$TOP/selftests/interop/clientauth.py" "$TMP/pki" "$1") || tap_failed=1
	while IFS= read -r line; do
		case $line in
		"ok "* | "not ok "*) tap_n=$((tap_n + 1)); echo "${line%% [0-9]*} $tap_n - $1: ${line#* - }" ;;
		"#"*) echo "$line" ;;
		esac
	done <<<"$out"
	[ $tap_failed = 0 ] || sed 's/^/# /' "$TMP/kssld.log"
}

with() { # WHAT LINES-OF-TRUST [LINES-OF-CLIENT]
	conf "$2" "${3:-}" >"$TMP/conf"
	start_kssld "$TMP/conf"
	run "$1"
	stop_kssld
	echo "# $1: $SECONDS s"
}

with all "crl = $TMP/pki/crl.pem"
with known "crl = $TMP/pki/crl-ca.pem"
with strict "crl = $TMP/pki/crl-ca.pem\ncrl-check = yes"
with stale "crl = $TMP/pki/crl-stale.pem"
with unchecked "crl = $TMP/pki/crl.pem\ncrl-check = no"
with lenient "" "verify = no"
tap_like "$(conf "crl = $TMP/none" >"$TMP/conf"; kssld -c "$TMP/conf" --check 2>&1)" "none: " "missing revocation list"
tap_like "$(conf "crl = $TMP/pki/ca.pem" >"$TMP/conf"; kssld -c "$TMP/conf" --check 2>&1)" "ca.pem: " "a file without revocation lists"
tap_like "$(conf 'crl-check = perhaps' >"$TMP/conf"; kssld -c "$TMP/conf" --check 2>&1)" "conf:6: bad value for crl-check" "bad crl-check"
tap_done
