#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Whoever waits for text is woken: see peers/wake.c.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
tap_run "two threads, recv() and poll(), ten seconds" "$PEERS/wake" 10
tap_done
