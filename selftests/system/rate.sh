#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# How often one address may ask: see rate.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf"
printf '[server]\naddress-rate = 1\naddress-burst = 4\naddress-failures = 2\n' >>"$TMP/conf"
start_kssld "$TMP/conf"
/usr/bin/python3 "$TOP/selftests/system/rate.py" "$TMP/kssld.log"
