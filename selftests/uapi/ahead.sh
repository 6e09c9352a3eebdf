#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 400
# Content opened ahead of the reader: see ahead.py.
. "$(dirname "$0")/../lib.sh"
ktls_load
/usr/bin/python3 "$TOP/selftests/uapi/ahead.py"
