#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Keys are wiped: see peers/wipe.c.
# LIMIT: 400
. "$(dirname "$0")/../lib.sh"
insmod_kssl
ksslctl policy set mac-only=1 || exit 1
"$PEERS/wipe"
