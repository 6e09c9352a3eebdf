#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every failure, its alert and its errno: see failures.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
/usr/bin/python3 "$TOP/selftests/uapi/failures.py"
