#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 400
# OpenSSL, nginx and stunnel of this machine with kTLS switched on: see apps.py.
. "$(dirname "$0")/../lib.sh"
ktls_load
defer ktls_unload
export PKI KTLS
/usr/bin/python3 "$TOP/selftests/ktls/apps.py" "$TMP"
