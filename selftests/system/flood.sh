#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 300
# Peers that say nothing, or slowly: see flood.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
/usr/bin/python3 "$TOP/selftests/system/flood.py" "$TMP"
