#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Options and socket calls with own keys: see sockopt.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
/usr/bin/python3 "$TOP/selftests/uapi/sockopt.py" "$TMP"
