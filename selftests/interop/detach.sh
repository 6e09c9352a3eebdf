#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# KSSL_DETACH with OpenSSL at the other end: see detach.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf"
start_kssld "$TMP/conf"
/usr/bin/python3 "$TOP/selftests/interop/detach.py" "$TMP"
rc=$?
grep -v ready "$TMP/kssld.log" | sed 's/^/# /'
exit $rc
