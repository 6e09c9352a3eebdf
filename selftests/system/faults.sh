#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 900
# Every allocation fails, one at a time: see peers/faults*.c.  Afterwards check
# unloads the module, and on the debug kernel nothing is leaked.
# FAULTS=clone: only a listener's children.
. "$(dirname "$0")/../lib.sh"

debug=/sys/kernel/debug
if [ ! -w /proc/self/fail-nth ]; then
	if [ "${VM_SERIES:-}" = debug ]; then tap_not_ok "faults can be injected"; else
		tap_skip "every allocation fails once" "the kernel cannot inject faults"
	fi
	tap_done
fi

# By fail-nth those that may wait fail too, and single pages.
everything() {
	local d
	for d in failslab fail_page_alloc fail_usercopy; do
		[ $d = fail_usercopy ] || echo N >$debug/$d/ignore-gfp-wait
		echo 0 >$debug/$d/verbose
	done
	echo 0 >$debug/fail_page_alloc/min-order
}

rc=0
insmod_kssl ktls=1
everything
if [ "${FAULTS:-}" = clone ]; then exec "$PEERS/faults-clone"; fi
"$PEERS/faults" || rc=1
"$PEERS/faults-clone" || rc=1

everything
WORKERS=1 default_config "$TMP/conf"
start_kssld "$TMP/conf"
"$PEERS/faults-handshake" "$PKI" program || rc=1
"$PEERS/faults-handshake" "$PKI" daemon "$KSSLD_PID" || rc=1
"$PEERS/faults-handshake" "$PKI" queue 60 || rc=1
tap_run "kssld lives" kill -0 "$KSSLD_PID"
[ $tap_failed = 0 ] || rc=1
exit $rc
