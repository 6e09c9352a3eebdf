#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A peer that does not read for long: see window.py.  WINDOW=n is how many seconds.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
/usr/bin/python3 "$TOP/selftests/uapi/window.py" "${WINDOW:-12}"
