#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# First data with Finished, and many connections: see flight.py.
# LIMIT: 400
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf"
start_kssld "$TMP/conf"
/usr/bin/python3 "$TOP/selftests/interop/flight.py"
rc=$?
grep -v ready "$TMP/kssld.log" | sed 's/^/# /'
exit $rc
