#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TCP without memory: see pressure.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
/usr/bin/python3 "$TOP/selftests/uapi/pressure.py"
