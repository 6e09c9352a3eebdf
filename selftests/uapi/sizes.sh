#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Sizes of records, sent and received: see sizes.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
/usr/bin/python3 "$TOP/selftests/uapi/sizes.py"
