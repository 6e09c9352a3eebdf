#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 300
# ROOT: debian13
# OpenSSL 3.5 with kTLS, in a Debian 13 guest: see openssl35.py.
. "$(dirname "$0")/../lib.sh"
ktls_load
defer ktls_unload
export PKI KTLS
/usr/bin/python3 "$TOP/selftests/ktls/openssl35.py" "$TMP"
