#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The record protocol with own keys: see records.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl more_ms=60000	# pending content waits for the test, however slow that is
/usr/bin/python3 "$TOP/selftests/uapi/records.py"
