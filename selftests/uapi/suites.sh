#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every suite with own keys, both ways and everything bad, against libcrypto: see
# peers/suites.c.
# LIMIT: 400
. "$(dirname "$0")/../lib.sh"
insmod_kssl
"$PEERS/suites" refused
rc=$?
ksslctl policy set mac-only=1 || exit 1
"$PEERS/suites" || rc=1
exit $rc
