#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Negotiated record sizes: see limits.py.
# LIMIT: 300
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf"
start_kssld "$TMP/conf"
/usr/bin/python3 "$TOP/selftests/interop/limits.py" "$TMP"
rc=$?
grep -v ready "$TMP/kssld.log" | sed 's/^/# /'
exit $rc
