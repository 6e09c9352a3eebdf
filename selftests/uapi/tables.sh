#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# DEBUG: no
# The kernel's tables of socket calls against the lists of kernel/tables.h: tables.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl ktls=1
/usr/bin/python3 "$TOP/selftests/uapi/tables.py"
