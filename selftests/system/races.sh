#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 400
# Everything against everything (peers/races.c), while kssld is killed and
# started; then loading and unloading against programs that attach.  RACES=n is
# how many seconds (60 on the debug kernel, 600 with LONG=1, 10 elsewhere),
# RACES_SEED=n which order: VM_ENV="RACES RACES_SEED" hands them on.
. "$(dirname "$0")/../lib.sh"
case ${VM_SERIES:-},${LONG:-} in
debug,) seconds=60 ;;
debug,*) seconds=600 ;;
*) seconds=10 ;;
esac
seconds=${RACES:-$seconds}
seed=${RACES_SEED:-$RANDOM}
tap_diag "seed $seed"

insmod_kssl
default_config "$TMP/conf"

# Never for long, and never in good order; none is left when it is told to end.
daemons() {
	local pid=
	trap 'kill -9 $pid; exit' TERM
	while :; do
		kssld -c "$TMP/conf" --foreground & pid=$!
		sleep 1.$((RANDOM % 10))
		kill -9 $pid
		wait $pid
	done
}
daemons >/dev/null 2>&1 & d=$!
defer "stop_pid $d"
"$PEERS/races" "$seconds" "$seed" >"$TMP/out" 2>&1
rc=$?
stop_pid $d
grep -v "^ok\|^not ok" "$TMP/out"
tap_is $rc 0 "$seconds s of everything against everything"
tap_run "then the module unloads" rmmod_kssl 20

# A program that attaches, with keys, and closes, as fast as it can.
attaching() {
	/usr/bin/python3 - "$TOP" "$seconds" <<-'P'
	import os, sys, time
	sys.path.insert(0, sys.argv[1] + '/selftests/peers')
	import records, tap
	end, n = time.time() + int(sys.argv[2]) / 2, 0
	while time.time() < end:
	    one, other = tap.pair()
	    try:
	        tap.attach(one)
	        one.setsockopt(tap.SOL_KSSL, tap.KEY_TX, records.Half(0x1301).uapi())
	        one.send(b'x' * 5000)
	        n += 1
	    except OSError:
	        time.sleep(0.01)
	    one.close()
	    other.close()
	print(n)
	P
}
attaching >"$TMP/n1" & a=$!
attaching >"$TMP/n2" & b=$!
unloads=0 refused=0
while kill -0 $a 2>/dev/null; do
	insmod "$KO" 2>/dev/null
	sleep 0.$((RANDOM % 3))
	if rmmod kssl 2>/dev/null; then unloads=$((unloads + 1)); else refused=$((refused + 1)); fi
done
wait $a $b
n=$(($(cat "$TMP/n1") + $(cat "$TMP/n2")))
tap_diag "$n times attached, $unloads times unloaded, $refused times refused"
tap_run "unloading against attaching" test $n -ge 20 -a $unloads -ge 3
tap_run "and it unloads for good" sh -c "! [ -d /sys/module/kssl ] || timeout 20 sh -c 'until rmmod kssl; do sleep 0.2; done'"
tap_done
