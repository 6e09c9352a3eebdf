#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# RSA key transport tells nothing of the encrypted secret: see keytransport.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf" "legacy = cbc, rsa-key-transport"
start_kssld "$TMP/conf"
/usr/bin/python3 "$TOP/selftests/interop/keytransport.py" "$PKI/rsa.key" "$TMP/kssld.log"
