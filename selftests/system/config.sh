#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kssld reads its files again while it serves: see config.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
exec /usr/bin/python3 "$TOP/selftests/system/config.py" "$TMP"
