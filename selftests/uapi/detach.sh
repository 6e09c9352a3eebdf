#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# KSSL_DETACH: see detach.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
/usr/bin/python3 "$TOP/selftests/uapi/detach.py"
