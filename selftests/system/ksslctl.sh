#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every verb of ksslctl as text and as JSON; statistics and metrics: see ksslctl.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf"
mkdir "$TMP/bin"	# where everybody may read
cp "$TOP"/build/{ksslctl,libkssl.so.0} "$TMP/bin"
chmod 755 "$TMP" "$TMP/bin"
exec /usr/bin/python3 "$TOP/selftests/system/ksslctl.py" "$TMP"
