#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kssld.conf: what is written is read, or refused with its line; nothing is lost.
. "$(dirname "$0")/../lib.sh"
make_pki

# conf LINE...: what kssld -t says of them
conf() { printf '%b\n' "$@" >"$TMP/conf"; kssld -t -c "$TMP/conf" 2>&1; }
# behind an identity x, of which lines 1 to 3 are
x=("[identity x]" "cert = $PKI/ec.pem" "key = $PKI/ec.key")
with() { conf "${x[@]}" "$@"; }
refused() { # WHERE: WHY NAME LINE...
	local want=$1 name=$2
	shift 2
	tap_like "$(with "$@")" "conf:$want" "refused: $name"
}
good() { # NAME LINE...
	local name=$1
	shift
	tap_like "$(with "$@")" "conf: good" "taken: $name"
}

many=$(printf 'x, %.0s' {1..100})
good "a line of 300 characters" "[policy p]" "identities = ${many%, }"
refused "4: .*no identity named nope" "what stands at the end of a long line" "[policy p]" "identities = ${many}nope"
refused "4: .*no identity named nope" "a value that is continued" "[policy p]" "identities = nope," "\tx"
refused "4: .*no identity named nope" "the line that continues it" "[policy p]" "identities = x," " # why" "" "  x," "  nope"
good "a continued value" "[policy p]" "identities = x," "\tx ; that one" " # not that" "\tx" "role = client"
refused "6: indented" "a key that is indented below another" "[policy p]" "identities = x" "  role = client"
refused "6: indented" "a section that is indented" "[policy p]" "identities = x" "  [policy q]"
good "the first key of a section, indented" "[policy p]" "  identities = x"
refused "6: role is in line 5 already" "a key that is there twice" "[policy p]" "role = client" "role = server"
refused "4: identity x is in line 1 already" "a section that is there twice" "${x[@]}"
long=$(printf 'y%.0s' {1..62})
good "two long names that differ at the end" "[identity ${long}1]" "${x[@]:1}" "[identity ${long}2]" "${x[@]:1}"
refused "4: unknown section" "a name that is too long" "[identity ${long}12]" "${x[@]:1}"
refused "4: unknown section \[polcy p\]" "an unknown section without keys" "[polcy p]" "[client]"
refused "4: .*needs a cert" "an identity without keys" "[identity y]"
refused "5: unknown key rols in \[policy p\]" "an unknown key" "[policy p]" "rols = client"
refused "5: neither" "a line without =" "[policy p]" "role client"
refused "5: neither" "a colon instead" "[policy p]" "role: client"
refused "4: a section without" "a section without ]" "[policy p" "role = client"
refused "5: a zero byte" "a zero byte" "[policy p]" "role = client\\0000" "identities = x"
tap_like "$(conf "workers = 1")" "conf:1: workers is in no section" "refused: a key in no section"
good "protocols with blanks between" "alpn = h2, http/1.1"
refused "4: bad value for alpn" "a blank in a protocol" "alpn = http 1.1"
printf '[client]\r\nverify = no\r\n[global]\nworkers = 1' >"$TMP/conf"
tap_like "$(kssld -t -c "$TMP/conf" 2>&1)" "conf: good" "taken: the other kind of line's end, and none"
tap_done
