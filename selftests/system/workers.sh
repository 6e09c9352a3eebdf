#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 300
# Workers of kssld are threads that do not wait for each other: see workers.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf"
/usr/bin/python3 "$TOP/selftests/system/workers.py" "$TMP/conf"
