#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Pre-shared keys instead of certificates: see psk.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
exec /usr/bin/python3 "$TOP/selftests/interop/psk.py" "$TMP"
