#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The suites that are off by default, both orders of CBC and MAC, against OpenSSL and
# GnuTLS: see legacy.py.
# LIMIT: 900
. "$(dirname "$0")/../lib.sh"
insmod_kssl
ksslctl policy set mac-only=1 || exit 1
default_config "$TMP/conf" "legacy = cbc, rsa-key-transport, null
suites = TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256
suites-1.2 = ALL:COMPLEMENTOFALL"
start_kssld "$TMP/conf"
/usr/bin/python3 "$TOP/selftests/interop/legacy.py" "$TMP"
rc=$?
grep -v -e ready -e 'legacy (' "$TMP/kssld.log" | sed 's/^/# /'
exit $rc
