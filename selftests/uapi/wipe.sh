#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Keys are wiped: see peers/wipe.c.
# LIMIT: 900
. "$(dirname "$0")/../lib.sh"
insmod_kssl
"$PEERS/wipe"
