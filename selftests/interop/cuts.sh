#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 900
# FIN and RST at every byte of a record, and at those of a handshake: see cuts.py.
# Of a handshake each eighth byte and those around the ends; all with LONG=1 (VM_ENV=LONG).
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf"
/usr/bin/python3 "$TOP/selftests/interop/cuts.py" "$TMP/conf" "$PKI"
