#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Network namespaces: one kssld that serves two others, and one that runs inside.
. "$(dirname "$0")/../lib.sh"
insmod_kssl
chmod 755 "$TMP"
head -c 10000 /dev/urandom | od -An -tx1 >"$TMP/file"
for ns in a b c; do
	ip netns add $ns
	ip -n $ns link set lo up
	defer "ip netns del $ns"
done

at() { local ns=$1; shift; ip netns exec "$ns" "$@"; }

# serve NS: a server there; sets server
serve() {
	ip netns exec "$1" "$PEERS/server" 8443 "$TMP/file" & server=$!	# no shell between
	defer "stop_pid $server"
	wait_until 10 at "$1" bash -c "$(declare -f listening); listening 8443"
}
fetch() { at "$1" curl -sS --max-time "${2:-20}" --cacert "$PKI/ca.pem" https://localhost:8443/ 2>&1; }
workers() { at "$1" ksslctl caps | sed -n '1s/.*, \([0-9]*\) workers/\1/p'; }
stat() { at "$1" awk -v n="$2" '$1 == n { print $2 }' /proc/net/kssl_stat; }

# ---- one for two others ----
default_config "$TMP/conf" "netns = a, /run/netns/b"
start_kssld "$TMP/conf"
tap_is "$(workers a) $(workers b) $(workers c) $(ksslctl caps | sed -n '1s/.*, //p')" "2 2 0 2 workers" "two workers in each, and in its own"
for ns in a b; do
	serve $ns
	tap_is "$(fetch $ns)" "$(cat "$TMP/file")" "$ns is served"
	tap_is "$(stat $ns HsDone)" 1 "and counts it"
done
tap_is "$(counter HsStarted)" 0 "its own namespace has nothing of it"
tap_is "$(at a ksslctl --json list | /usr/bin/python3 -c 'import json,sys; print({s["state"] for s in json.load(sys.stdin)} <= {"listening", "closed", "open"})') $(ksslctl --json list | /usr/bin/python3 -c 'import json,sys; print(json.load(sys.stdin))')" \
	"True []" "a shows its sessions, its own namespace none"
tap_is "$(for t in /proc/"$KSSLD_PID"/task/*; do readlink "$t/ns/net"; done | sort -u)" "$(readlink /proc/self/ns/net)" "every thread is back at home"
tap_is "$(for t in /proc/"$KSSLD_PID"/task/*; do sed -n 's/^CapEff:[[:space:]]*//p; s/^CapPrm:[[:space:]]*//p' "$t/status"; done | sort -u)" \
	"0000000000001000" "and has CAP_NET_ADMIN alone"
tap_like "$(ksslctl --json stats | /usr/bin/python3 -c 'import json,sys; print(sum(s["count"] for s in json.load(sys.stdin)["latency"]))')" "^2$" "its statistics are of all of them"
at c ksslctl policy set grace-ms=300
serve c
fetch c 10 >/dev/null
tap_is "$(stat c HsNoWorker) $(stat c HsDone)" "1 0" "c, which it does not serve, has no daemon"
tap_like "$(at c ksslctl doctor)" "^bad +daemon +kssld runs, but does not serve this network namespace" "and ksslctl doctor says so"
stop_kssld
tap_is "$(workers a) $(workers b)" "0 0" "it ends in all of them"

default_config "$TMP/bad" "netns = a, nowhere"
tap_like "$(timeout 20 kssld -f -c "$TMP/bad" 2>&1; echo "status $?")" "network namespace nowhere: No such file" "a namespace that is not there: named"
tap_is "$(timeout 20 kssld -f -c "$TMP/bad" 2>/dev/null; echo $?)" 1 "and kssld does not start"
tap_is "$(workers a)" 0 "not for the others either"

# ---- one inside, of a user who is root nowhere else ----
mkdir -p "$TMP/in/bin"
cp "$TOP"/build/{kssld,ksslctl,libkssl.so.0} "$PEERS/server" "$TMP/in/bin"
cp "$PKI"/{ca,rsa}.pem "$PKI/rsa.key" "$TMP/in"
cat >"$TMP/in/conf" <<C
[global]
workers = 1
control = $TMP/in/sock
[trust]
system = no
file = $TMP/in/ca.pem
[identity rsa]
cert = $TMP/in/rsa.pem
key = $TMP/in/rsa.key
C
cp "$TMP/file" "$TMP/in/file"
chown -R nobody "$TMP/in"
started=$(counter HsStarted)
cat >"$TMP/in/script" <<'S'
cd "$1"
PATH=$1/bin:/usr/sbin:/sbin:$PATH
ip link set lo up
kssld -f -c conf 2>log & daemon=$!
i=0; until grep -q 'ready, ' log || [ $i = 100 ]; do sleep 0.1; i=$((i + 1)); done
server 8443 file & server=$!
i=0; until ss -Hltn 'sport = :8443' | grep -q . || [ $i = 100 ]; do sleep 0.1; i=$((i + 1)); done
curl -sS --max-time 30 --cacert ca.pem https://localhost:8443/ >got 2>&1
ksslctl --json >status
ksslctl --socket "$1/sock" identities >identities
kill $server $daemon
wait
S
echo 1 >/proc/sys/kernel/unprivileged_userns_clone 2>/dev/null
tap_run "a daemon inside, as root of a user namespace" timeout 90 setpriv --reuid nobody --regid nogroup --clear-groups \
	unshare --user --map-root-user --net -- sh "$TMP/in/script" "$TMP/in"
tap_is "$(cat "$TMP/in/got")" "$(cat "$TMP/file")" "serves there"
tap_is "$(/usr/bin/python3 -c 'import json,sys; d = json.load(open(sys.argv[1])); print(d["workers"], d["handshakes"]["done"])' "$TMP/in/status")" "1 1" "and shows it there"
tap_like "$(cat "$TMP/in/identities")" "^rsa +(yes|no) +RSA 2048" "ksslctl asks it by its socket"
tap_is "$(counter HsStarted)" "$started" "nothing of it outside"
tap_is "$(setpriv --reuid nobody --regid nogroup --clear-groups "$TMP/in/bin/kssld" -f -c "$TMP/in/conf" 2>&1 | grep -c 'CAP_NET_ADMIN is needed')" 1 \
	"outside, that user may not serve"
[ "$(ksslctl caps | sed -n '1s/.*, //p')" = "0 workers" ]
tap_is $? 0 "and does not"
tap_done
