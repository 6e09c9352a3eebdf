#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 240
# kssl-run: listening programs that know nothing of TLS, each against one that has its own.
. "$(dirname "$0")/../lib.sh"
. "$TOP/selftests/foreign.sh"

start 8443 kssl-run --server 8443 -- /usr/bin/python3 -m http.server -d "$TMP/www" -b ::1 8443
tap_is "$(fetch_sum "https://[::1]:8443/file")" "$sum" "python3 http.server (threads), IPv6: curl"

start 8444 kssl-run --server 8444 -- "$busybox" nc -l -p 8444 -e /bin/cat
tap_like "$(ask 8444 'to busybox\n' 'to busybox')" "^to busybox$" "busybox nc: openssl s_client"

start 8445 kssl-run -s 8445 -- nc -l -p 8445
{ echo to netcat; wait_until 10 grep -qx 'to netcat' "$TMP/out.8445"; } |
	timeout 30 openssl s_client -quiet -no_ign_eof -connect localhost:8445 >/dev/null 2>&1
tap_is "$(cat "$TMP/out.8445")" "to netcat" "netcat: openssl s_client"

start 6379 kssl-run -s 6379 -- redis-server --save '' --dir "$TMP"
redis() { redis-cli --tls --cacert "$PKI/ca.pem" -h localhost -p 6379 "$@" 2>&1; }
tap_is "$(redis set key value; redis get key)" "OK
value" "redis-server (epoll): redis-cli with its own TLS"
tap_like "$(ask 6379 'PING\r\n' PONG)" "PONG" "redis-server: openssl s_client"

nginx_conf 2 <<C
	server { listen 8446; listen [::]:8446; root $TMP/www; }
C
start 8446 kssl-run -s 8446 -i ec -- nginx -c "$TMP/nginx.conf"
for i in 1 2 3 4 5 6; do fetch_sum https://localhost:8446/file >"$TMP/sum.$i" & sums[i]=$!; done
wait "${sums[@]}"
tap_is "$(cat "$TMP"/sum.* | uniq -c | sed 's/^ *//')" "6 $sum" "nginx speaking plain http (two workers, sendfile): curl, six at once"
tap_like "$(fetch -v https://localhost:8446/ 2>&1)" "CN=ec" "and with the identity that was asked for"
worker=$(pgrep -P $started | head -n 1)
kill -HUP $started
tap_run "nginx reloads" wait_until 10 sh -c "! kill -0 $worker"
tap_is "$(fetch_sum "https://[::1]:8446/file")" "$sum" "nginx after a reload, IPv6: curl"
plain 8446 nginx

cat >"$TMP/lighttpd.conf" <<C
server.document-root = "$TMP/www"
server.port = 8447
C
start 8447 kssl-run -s 443,8447 -- lighttpd -D -f "$TMP/lighttpd.conf"
tap_is "$(fetch_sum https://localhost:8447/file)" "$sum" "lighttpd: curl"

# ports are whole numbers, and what was not chosen is left alone
start 8455 kssl-run -s 845,84550,455 -- /usr/bin/python3 -m http.server -d "$TMP/www" -b 127.0.0.1 8455
tap_is "$(fetch_sum http://localhost:8455/file)" "$sum" "a port that was not chosen stays plain: curl"

start 8456 kssl-run -s 8456 -a x,http/1.1 -- /usr/bin/python3 -m http.server -d "$TMP/www" -b 127.0.0.1 8456
tap_like "$(openssl s_client -connect localhost:8456 -alpn h2,http/1.1 </dev/null 2>/dev/null)" "ALPN protocol: http/1.1" "--alpn: openssl s_client"

start 8448 kssl-run -s 8448 -- memcached -u root -l 127.0.0.1 -p 8448 -t 2
tap_like "$(ask 8448 'set a 0 0 5\r\nhello\r\nget a\r\n' END)" "^hello" "memcached (threads, libevent): openssl s_client"

start 8449 kssl-run -s 8449 -- socat TCP-LISTEN:8449,fork,reuseaddr EXEC:/bin/cat
for i in 1 2 3; do tap_is "$(ask 8449 "fork $i\\n" "fork $i")" "fork $i" "socat, which forks: openssl s_client, $i"; done

# These two serve one after the other; with --accept none that is silent.
start 8450 kssl-run --accept --server 8450 -- "$busybox" nc -l -p 8450 -e /bin/cat
exec 6<>/dev/tcp/127.0.0.1/8450
tap_is "$(ask 8450 'past a silent one\n' silent)" "past a silent one" "busybox nc, --accept, a silent peer first: openssl s_client"
start 8451 kssl-run -A -l 8451 -- "$PEERS/activated"
exec 7<>/dev/tcp/127.0.0.1/8451
tap_is "$(ask 8451 'past a silent one\n' SILENT)" "PAST A SILENT ONE" "a static program, -A, a silent peer first: openssl s_client"
exec 6>&- 7>&-

# ---- socket activation ----
start 9100 kssl-run --listen localhost:9100 -- prometheus-node-exporter --web.systemd-socket --collector.disable-defaults
tap_like "$(fetch https://localhost:9100/metrics)" "^promhttp_metric_handler_requests_total" "a Go program by --listen: curl"
plain 9100 "a Go program"
start 8452 kssl-run -l '[::1]:8453,8452' -i ec -- "$PEERS/activated"
tap_is "$(ask 8452 'to static\n' STATIC)" "TO STATIC" "a static program by --listen, the second of two: openssl s_client"
tap_run "the first is there too" listening 8453
tap_like "$(ss -Hltn 'sport = :8452')" '\*:8452' "without a host: all addresses, of IPv4 too"
tap_like "$(openssl s_client -connect localhost:8452 </dev/null 2>/dev/null)" "CN ?= ?ec" "with the identity that was asked for"
out=$(kssl-run --listen 8452 -- true 2>&1)
tap_is "$? $out" "125 kssl-run: listening with TLS at 8452: Address already in use" "an address that is taken"
out=$(kssl-run --listen ::1:8454 -- true 2>&1)
tap_is "$? $out" "125 kssl-run: not an address to listen at: ::1:8454" "not an address"
exec 6<>/dev/tcp/127.0.0.1/8452
sleep 0.5	# until it is accepted
stop_pid $started
start 8452 kssl-run -l 8452 -- "$PEERS/activated"
tap_is "$(ask 8452 'once more\n' MORE)" "ONCE MORE" "started again beside the connections of before: openssl s_client"
exec 6>&-
out=$(kssl-run --listen "$(seq -s , 8460 8476)" -- true 2>&1)
tap_is "$? $out" "125 kssl-run: more than 16 addresses to listen at" "too many addresses"
tap_done
