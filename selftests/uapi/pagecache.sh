#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Page cache safety: see pagecache.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
/usr/bin/python3 "$TOP/selftests/uapi/pagecache.py" "$TMP"
