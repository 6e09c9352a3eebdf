#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Finished, cut and joined with what follows: see finished.py.
# Every third byte; all with LONG=1 (VM_ENV=LONG).
# LIMIT: 400
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf"
exec /usr/bin/python3 "$TOP/selftests/interop/finished.py" "$TMP/conf"
