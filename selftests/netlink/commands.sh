#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Netlink commands and workers that misbehave: see commands.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
/usr/bin/python3 "$TOP/selftests/netlink/commands.py"
