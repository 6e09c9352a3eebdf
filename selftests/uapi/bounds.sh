#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# KSSL_RECORDS: see bounds.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
/usr/bin/python3 "$TOP/selftests/uapi/bounds.py"
