#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# OpenSSL sessions handed to the kernel: see peers/attach.c.
# LIMIT: 400
. "$(dirname "$0")/../lib.sh"
rmmod kssl 2>/dev/null
out=$("$PEERS/attach" "$PKI" missing) || tap_failed=1
grep -v '^1\.\.' <<<"$out"
tap_n=$(grep -c ok <<<"$out")
insmod_kssl
out=$("$PEERS/attach" "$PKI" 2>&1) || tap_failed=1
grep -v '^1\.\.' <<<"$out"
tap_n=$((tap_n + $(grep -cE '^(not )?ok' <<<"$out")))
# nine suites, two roles, a MiB each way twice, eight more once: the kernel did that
tap_run "the kernel sealed the records" [ "$(counter TxRecords)" -gt $((9 * 2 * 2 * 64)) ]
tap_run "the kernel opened the records" [ "$(counter RxRecords)" -gt $((9 * 2 * 2 * 64)) ]
tap_is "$(counter RxBadMac) $(counter RxProtocol) $(counter AlertSent) $(counter AlertReceived)" "0 0 0 0" \
	"no record was refused, on either side"
tap_run "CBC records too" [ "$(counter TxRecordsCbc)" -gt 600 ]
tap_run "both directions were keyed" [ "$(counter OwnKeys)" -gt 300 ]
tap_done
