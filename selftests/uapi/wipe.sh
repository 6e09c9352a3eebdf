#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Keys are wiped: see peers/wipe.c.
# Freed memory of the debug kernel is poisoned whoever wiped it.
# LIMIT: 900
# DEBUG: no
. "$(dirname "$0")/../lib.sh"
insmod_kssl
"$PEERS/wipe"
