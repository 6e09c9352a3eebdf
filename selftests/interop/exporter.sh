#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Exported keying material against OpenSSL: see exporter.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf"
start_kssld "$TMP/conf"
/usr/bin/python3 "$TOP/selftests/interop/exporter.py" "$TMP"
rc=$?
grep -v ready "$TMP/kssld.log" | sed 's/^/# /'
exit $rc
