#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 300
# A server's tickets and the keys they are encrypted with: see tickets.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
mkdir "$TMP/pki"
exec /usr/bin/python3 "$TOP/selftests/interop/tickets.py" "$TMP"
