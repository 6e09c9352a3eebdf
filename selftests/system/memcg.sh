#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 300
# Programs in a memory cgroup at its limit: see memcg.py.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
# The OOM killer's reports have call traces that are no complaint, and are many: they
# stay off the console, and memcg.py looks at the log itself.
console=$(cut -f1 /proc/sys/kernel/printk)
defer "echo $console >/proc/sys/kernel/printk"
echo 1 >/proc/sys/kernel/printk
echo 0 >/proc/sys/vm/oom_dump_tasks
# TIME_WAIT has memory of the cgroup, too
tw=$(cat /proc/sys/net/ipv4/tcp_max_tw_buckets)
defer "echo $tw >/proc/sys/net/ipv4/tcp_max_tw_buckets"
echo 0 >/proc/sys/net/ipv4/tcp_max_tw_buckets
while :; do cat /dev/kmsg; done >"$TMP/kmsg" 2>/dev/null & # ends when lines were lost
defer "stop_pid $!"
/usr/bin/python3 "$TOP/selftests/system/memcg.py" "$TMP"
