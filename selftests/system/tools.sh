#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kssld's configuration, ksslctl, kssl-run, identities, ALPN, client certificates.
. "$(dirname "$0")/../lib.sh"
insmod_kssl

# ---- kssld's configuration ----
conf() { printf '%s\n' "$@" >"$TMP/bad"; kssld -c "$TMP/bad" --check 2>&1; }
tap_like "$(conf '[global]' '' 'wrokers = 2')" "bad:3: unknown key wrokers" "unknown key: file and line"
tap_like "$(conf '[global]' 'workers = many')" "bad:2: bad value for workers" "bad value: file and line"
tap_like "$(conf '[nowhere]' 'a = b')" "bad:1: unknown section" "unknown section"
tap_like "$(conf '[identity x]' "cert = $PKI/rsa.pem")" "bad:2: .*rsa.pem: no private key in it" "identity without key: file and line"
tap_like "$(conf '[identity x]' "cert = $PKI/rsa.pem" "key = $PKI/ec.key")" "bad:3: .*ec.key: the key of another" "key of another certificate: file and line"
tap_like "$(conf '[trust]' "file = $TMP/none")" "bad:2: .*none: No such file" "missing trust file: file and line"
default_config "$TMP/conf"
tap_like "$(kssld -c "$TMP/conf" --check 2>&1)" "good" "a good configuration"
tap_like "$(kssld -c "$TOP/user/etc/kssld.conf" --check 2>&1)" "good" "the example"
tap_like "$(sed 's/^#\([a-z-]* = \)/\1/; /^user\|^port\|^identities\|^crl\|^ticket-keys\|^cert\|^key/d' "$TOP/user/etc/kssld.conf" >"$TMP/bad"; kssld -c "$TMP/bad" --check 2>&1)" \
	"good" "the example with its defaults said"
tap_like "$(kssld --version)" "kssld .*OpenSSL" "kssld --version"

# ---- without the daemon ----
tap_like "$(ksslctl caps)" "TLS 1.3 0x1301 TLS_AES_128_GCM_SHA256 +_*generic-gcm-aesni" "caps names the driver"
tap_is "$(ksslctl policy set grace-ms=1000; ksslctl policy)" \
	"grace-ms=1000 timeout-ms=20000 queue-max=4096 key-records=0 rekey-seconds=0 update-rate=1000 mac-only=0 linger-max=4096" "policy set and shown"
ksslctl policy set grace-ms=5000
ksslctl policy set nonsense=1 2>/dev/null
tap_is $? 2 "policy set with a bad name is wrong use"
out=$(ksslctl show 99999 2>&1)
tap_is "$? $out" "1 ksslctl: show: No such file or directory: no such session, or not yours" "show of nothing"
ksslctl frobnicate 2>/dev/null
tap_is $? 2 "an unknown verb is wrong use"

tap_like "$(ksslctl stats)" "^HsDone +[0-9]+$" "ksslctl stats"
tap_is "$(ksslctl --json stats | /usr/bin/python3 -c 'import json,sys; d=json.load(sys.stdin); print(d["HsDone"], d["HsResumed"])')" \
	"$(counter HsDone) $(counter HsResumed)" "ksslctl --json stats"

# ---- with it ----
cat >>"$TMP/conf" <<C
alpn = h2,http/1.1
[identity auth]
cert = $PKI/rsa.pem
key = $PKI/rsa.key
names = auth.test
client-auth = require
client-trust = $PKI/ca.pem
C
start_kssld "$TMP/conf"
ends=$(openssl x509 -in "$PKI/rsa.pem" -noout -enddate -dateopt iso_8601 | sed 's/.*=//; s/ /T/')
tap_like "$(ksslctl identities)" "^rsa +yes +RSA 2048 +$ends localhost,server.test +$PKI/rsa.pem$" "ksslctl identities"
tap_is "$(ksslctl --json identities | /usr/bin/python3 -c 'import json,sys; print([(d["identity"], d["default"], d["key"], d["names"]) for d in json.load(sys.stdin)])')" \
	"[('rsa', True, 'RSA 2048', ['localhost', 'server.test']), ('ec', False, 'EC 256', ['ec.test']), ('auth', False, 'RSA 2048', ['auth.test'])]" \
	"ksslctl --json identities"
ksslctl monitor >"$TMP/events" & monitor=$!
defer "stop_pid $monitor"
mkdir "$TMP/www"
openssl rand -hex 50000 >"$TMP/www/file"
(cd "$TMP/www" && exec kssl-run --server 8443 -- /usr/bin/python3 -m http.server 8443 >/dev/null 2>&1) & py=$!
defer "stop_pid $py"
wait_until 20 listening 8443
get() { curl -sS --max-time 20 --cacert "$PKI/ca.pem" "$@" 2>&1; }
tap_is "$(get https://localhost:8443/file)" "$(cat "$TMP/www/file")" "curl from python3 under kssl-run"
tap_like "$(get -v --resolve ec.test:8443:127.0.0.1 https://ec.test:8443/ 2>&1)" "CN=ec" "SNI chooses the identity"
tap_like "$(openssl s_client -connect 127.0.0.1:8443 -servername ec.test -alpn x,http/1.1 </dev/null 2>/dev/null)" "ALPN protocol: http/1.1" "ALPN of the identity"
tap_like "$(get --resolve auth.test:8443:127.0.0.1 -k https://auth.test:8443/file)" "certificate required|alert|56" "client certificate required, none: refused"
tap_is "$(get --resolve auth.test:8443:127.0.0.1 -k --cert "$PKI/client.pem" --key "$PKI/client.key" https://auth.test:8443/file | sha256sum)" \
	"$(sha256sum <"$TMP/www/file")" "client certificate given: served"
tap_like "$(get --resolve auth.test:8443:127.0.0.1 -k --cert "$PKI/stranger.pem" --key "$PKI/stranger.key" https://auth.test:8443/file)" \
	"unknown ca|alert" "client certificate of another CA: refused"

(cd "$TMP/www" && exec openssl s_server -quiet -WWW -port 9443 -cert "$PKI/rsa.pem" -key "$PKI/rsa.key" 2>/dev/null) & srv=$!
defer "stop_pid $srv"
wait_until 10 listening 9443
fetch="import urllib.request as u, sys; sys.stdout.write(u.urlopen('http://' + sys.argv[1] + '/file', timeout=20).read().decode())"
tap_is "$(kssl-run --connect 9443 -- /usr/bin/python3 -c "$fetch" localhost:9443 2>&1)" "$(cat "$TMP/www/file")" \
	"python3's http client under kssl-run, name from getaddrinfo()"
tap_like "$(kssl-run --connect 9443 --name other.test -- /usr/bin/python3 -c "$fetch" localhost:9443 2>&1)" \
	"Key was rejected" "and with a wrong name it is refused"
kssl-run -- true 2>/dev/null
tap_is $? 2 "kssl-run without ports is wrong use"

timeout 30 openssl s_client -quiet -connect 127.0.0.1:8443 >/dev/null 2>&1 < <(sleep 20) & c=$!
defer "stop_pid $c"
wait_until 10 sh -c "ksslctl | grep -q 'server open'"
id=$(ksslctl | awk '/server open/{print $1; exit}')
tap_like "$(ksslctl show "$id")" "suite +TLS_AES" "ksslctl show"
tap_is "$(ksslctl --json show "$id" | /usr/bin/python3 -c 'import json,sys; d=json.load(sys.stdin); print(d["state"], d["version"], d["identity"], d["role"])')" \
	"open 1.3 rsa server" "ksslctl --json show"
tap_is "$(ksslctl --json list | /usr/bin/python3 -c "import json,sys; print([d['state'] for d in json.load(sys.stdin) if d['id'] == $id])")" \
	"['open']" "ksslctl --json list"
tap_run "ksslctl rekey" ksslctl rekey "$id"
tap_run "ksslctl rekey request" ksslctl rekey "$id" request
tap_like "$(ksslctl show "$id")" "keys sent +2" "and the keys were changed twice"
tap_run "ksslctl close" ksslctl close "$id"
tap_run "and both ends leave" wait_until 10 sh -c "! ksslctl show $id"
ksslctl rekey "$id" now 2>/dev/null
tap_is $? 2 "rekey with a wrong word is wrong use"
timeout 30 openssl s_client -connect 127.0.0.1:8443 >"$TMP/killed" 2>&1 < <(sleep 20) & c2=$!
defer "stop_pid $c2"
newest() { ksslctl | awk -v old="$id" '/server open/ && $1 > old {print $1; exit}'; }
wait_until 10 sh -c "ksslctl | awk -v old=$id '/server open/ && \$1 > old {f = 1} END {exit !f}'"
tap_run "ksslctl kill" ksslctl kill "$(newest)"
tap_run "the peer of a killed session ends" wait_until 10 grep -q "alert internal error" "$TMP/killed"
tap_like "$(ksslctl kill 99999 2>&1)" "no such session" "kill of nothing"
stop_pid $c2
stop_pid $c
tap_like "$(cat "$TMP/events")" "established session [0-9]+ server .*TLS 1.3 TLS_AES" "monitor saw sessions come"
tap_like "$(cat "$TMP/events")" "closed session [0-9]+ server" "and go"
tap_like "$(cat "$TMP/events")" "failed session .*error" "and fail, with the reason"
tap_like "$(cat "$TMP/kssld.log")" "handshake with .* failed: peer did not return a certificate" "one log line with reason and peer"
! grep -qiE 'secret|[0-9a-f]{64}' "$TMP/kssld.log"
tap_is $? 0 "no secret in the log"
tap_like "$(cat /proc/$KSSLD_PID/status)" "CapPrm:.0000000000001000" "kssld keeps CAP_NET_ADMIN alone"
tap_is "$(cat /proc/$KSSLD_PID/limits | awk '/core file/{print $5}')" 0 "kssld dumps no core"
stop_pid $py
tap_done
