#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Socket diagnostics of "tls" and "kssl" sockets: see diag.py.
. "$(dirname "$0")/../lib.sh"
ktls_load
modprobe -q tcp_diag
/usr/bin/python3 "$TOP/selftests/ktls/diag.py"
