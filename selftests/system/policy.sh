#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 300
# Who may use what: see policy.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
# where other users can read
chmod 755 "$TMP"
cp "$TOP/selftests/system/policy.py" "$TOP/selftests/peers/tap.py" "$TMP"
for f in good evil; do cp "$(readlink -f /usr/bin/python3)" "$TMP/$f"; done
/usr/bin/python3 "$TOP/selftests/system/policy.py" "$TMP"
