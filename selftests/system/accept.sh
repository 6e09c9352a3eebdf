#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 300
# accept() that returns when TLS is up: see accept.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf"
start_kssld "$TMP/conf"
/usr/bin/python3 "$TOP/selftests/system/accept.py"
