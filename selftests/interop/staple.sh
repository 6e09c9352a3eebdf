#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# OCSP responses that come along with a certificate: see staple.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
mkdir "$TMP/pki"
exec /usr/bin/python3 "$TOP/selftests/interop/staple.py" "$TMP"
