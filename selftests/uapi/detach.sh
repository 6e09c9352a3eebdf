#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# KSSL_DETACH: see detach.py, and peers/detach.c for what other threads do meanwhile.
# LIMIT: 400
. "$(dirname "$0")/../lib.sh"
insmod_kssl
/usr/bin/python3 "$TOP/selftests/uapi/detach.py"
rc=$?
tap_run "nine threads on one socket, ten seconds" "$PEERS/detach" 10
[ $tap_failed = 0 ] || rc=1
exit $rc
