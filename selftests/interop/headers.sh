#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Headers that are no record's, at every stage of a handshake: see headers.py.
# LIMIT: 240
. "$(dirname "$0")/../lib.sh"
insmod_kssl
default_config "$TMP/conf"
exec /usr/bin/python3 "$TOP/selftests/interop/headers.py" "$TMP/conf"
