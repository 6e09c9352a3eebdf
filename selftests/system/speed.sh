#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# VM: --icount
# FIRST: make -s build/bench/bench
# LIMIT: 20000
# DEBUG: no
# A few cases of make bench: is kssl within its budget of instructions?  The limit
# is the guest's time, which jumps ahead whenever it waits.
. "$(dirname "$0")/../lib.sh"

bench=$TOP/selftests/bench
cases="tx/64 tx/16384 sendfile/262144 rx/16384/16384 rx/1024/16384 pp/1024 keys memory"

# shellcheck disable=SC2086
"$bench/measure" kssl -- $cases >"$TMP/figures" || tap_not_ok "measuring"
tap_is "$(wc -l <"$TMP/figures")" "$(wc -w <<<"$cases")" "every case has a figure"
while read -r verdict text; do
	if [ "$verdict" = ok ]; then tap_ok "$text"; else tap_not_ok "$text"; fi
done < <("$bench/table" --verdicts "${VM_SERIES:-6.1}" "$bench/budget" <"$TMP/figures")
tap_is "$tap_n" $(($(wc -w <<<"$cases") + 1)) "every case has a verdict"
tap_done
