#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Deferred work against close(): see peers/leave.c.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
tap_run "close() while the work that pushes close_notify runs" "$PEERS/leave" "${LEAVE:-10}"
tap_done
