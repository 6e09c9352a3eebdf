#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Which certificate a client gets, and from what kinds of files: see identities.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
mkdir "$TMP/pki"
exec /usr/bin/python3 "$TOP/selftests/interop/identities.py" "$TMP"
