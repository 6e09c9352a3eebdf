#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What administrators see inside: tracepoints and the key log.  See inside.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
exec /usr/bin/python3 "$TOP/selftests/system/inside.py" "$TMP"
