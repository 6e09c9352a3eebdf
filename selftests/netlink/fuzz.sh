#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Netlink requests and options at random: see fuzz.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
/usr/bin/python3 "$TOP/selftests/netlink/fuzz.py" "${FUZZ_SECONDS:-20}"
