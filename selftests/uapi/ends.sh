#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# How each direction of a connection ends, measured by plain TCP: see ends.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
/usr/bin/python3 "$TOP/selftests/uapi/ends.py"
