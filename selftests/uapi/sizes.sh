#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Text that a program's own TLS library had opened: see sizes.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
/usr/bin/python3 "$TOP/selftests/uapi/sizes.py"
