#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Socket calls at random: as on TCP, and from many threads (peers/callfuzz.c).  First
# the seeds that have found something, then from another one on.  CALLS=n is how many
# seconds each (10; 60 on the debug kernel), and makes that seed a new one, which is
# told; CALLS_SEED=n is where to begin: VM_ENV="CALLS CALLS_SEED" hands them on; make
# fuzz-calls does.
# LIMIT: 400
. "$(dirname "$0")/../lib.sh"
seconds=10 seed=499147605
[ "${VM_SERIES:-}" != debug ] || seconds=60
[ -z "${CALLS:-}" ] || seconds=$CALLS seed=$((RANDOM * 32768 + RANDOM))
seed=${CALLS_SEED:-$seed}
insmod_kssl

calls() { # model|crowd SECONDS SEED NAME
	local out
	tap_diag "$1, seed $3"
	out=$("$PEERS/callfuzz" "$1" "$2" "$3" 2>&1)
	grep '^#' <<<"$out"
	tap_like "$out" '^ok' "socket calls at random, $1, from $4 on"
}
# 0x1e5e4a9b: poll() with SO_RCVLOWAT and more small records than it opens at once
for old in 0x1e5e4a9b; do calls model 1 $old $old; done
calls model "$seconds" "$seed" $seed
calls crowd "$seconds" "$seed" $seed
tap_run "then the module unloads" rmmod_kssl 20
tap_done
