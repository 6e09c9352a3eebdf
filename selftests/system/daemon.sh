#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The daemon dies and comes back: see daemon.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf"
/usr/bin/python3 "$TOP/selftests/system/daemon.py" "$TMP/conf"
