#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A client resumes its sessions: see resume.py.
# LIMIT: 400
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf"
exec /usr/bin/python3 "$TOP/selftests/interop/resume.py" "$TMP"
