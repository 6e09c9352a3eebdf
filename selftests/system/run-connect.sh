#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 240
# kssl-run: connecting programs that know nothing of TLS, and programs that it refuses.
. "$(dirname "$0")/../lib.sh"
. "$TOP/selftests/foreign.sh"

echo "127.0.0.1 other.test" >>/etc/hosts	# no certificate has that name

(cd "$TMP/www" && exec openssl s_server -quiet -WWW -port 9443 -cert "$PKI/rsa.pem" -key "$PKI/rsa.key" 2>/dev/null) & srv=$!
defer "stop_pid $srv"
wait_until 10 listening 9443
request='GET /file HTTP/1.0\r\n\r\n'
body() { sed '1,/^\r$/d' | sha256sum; }
tap_is "$({ printf "$request"; sleep 3; } | kssl-run -c 9443 -- "$busybox" nc localhost 9443 | body)" "$sum" "busybox nc to openssl s_server"
tap_is "$({ printf "$request"; sleep 3; } | kssl-run -c 9443 -- nc localhost 9443 | body)" "$sum" "netcat to openssl s_server"
tap_is "$({ printf "$request"; sleep 3; } | kssl-run -c 9443 -- socat - TCP4:localhost:9443 | body)" "$sum" "socat to openssl s_server"

cat >"$TMP/haproxy.conf" <<C
global
	nbthread 2
defaults
	mode http
	timeout connect 10s
	timeout client 30s
	timeout server 30s
frontend f
	bind 127.0.0.1:8450
	default_backend b
backend b
	server s 127.0.0.1:9443
C
start 8450 kssl-run -s 8450 -c 9443 -- haproxy -db -f "$TMP/haproxy.conf"
tap_is "$(fetch_sum https://localhost:8450/file)" "$sum" "haproxy (threads), plain on both sides: curl, openssl s_server"

start 6380 redis-server --save '' --dir "$TMP" --port 0 --tls-port 6380 --tls-auth-clients no \
	--tls-cert-file "$PKI/rsa.pem" --tls-key-file "$PKI/rsa.key" --tls-ca-cert-file "$PKI/ca.pem"
tap_is "$(kssl-run -c 6380 -- redis-cli -h localhost -p 6380 ping 2>&1)" PONG "redis-cli to redis-server with its own TLS"

# ---- names, as programs look them up ----
names='
import socket, sys
find = {
	"getaddrinfo": lambda name: socket.getaddrinfo(name, 9443, socket.AF_INET)[0][4],
	"gethostbyname_r": lambda name: (socket.gethostbyname_ex(name)[2][0], 9443),
	"gethostbyname": lambda name: (by_libc(name), 9443),
}
def by_libc(name):
	import ctypes
	class Hostent(ctypes.Structure):
		_fields_ = [("name", ctypes.c_char_p), ("aliases", ctypes.c_void_p), ("type", ctypes.c_int),
			("length", ctypes.c_int), ("list", ctypes.POINTER(ctypes.POINTER(ctypes.c_ubyte * 4)))]
	libc = ctypes.CDLL(None)
	libc.gethostbyname.restype = ctypes.POINTER(Hostent)
	return socket.inet_ntoa(bytes(libc.gethostbyname(name.encode()).contents.list[0].contents))
address = find[sys.argv[1]](sys.argv[2])
if len(sys.argv) > 3:
	socket.getaddrinfo(sys.argv[3], 9443)
try:
	socket.create_connection(address).close()
	print("connected")
except OSError as e:
	print(e.strerror)'
for how in getaddrinfo gethostbyname_r gethostbyname; do
	tap_is "$(kssl-run -c 9443 -- /usr/bin/python3 -c "$names" $how localhost 2>"$TMP/err")" connected "$how(): the name that the certificate has"
	tap_is "$(kssl-run -c 9443 -- /usr/bin/python3 -c "$names" $how other.test 2>"$TMP/err")" "Key was rejected by service" "$how(): a name that it does not have"
done
tap_is "$(kssl-run -c 9443 -- /usr/bin/python3 -c "$names" getaddrinfo localhost other.test 2>"$TMP/err")" "Key was rejected by service" \
	"two names of one address: the later counts"
tap_is "$(kssl-run -c 9443 -- /usr/bin/python3 -c "$names" getaddrinfo other.test localhost 2>"$TMP/err")" connected \
	"and so the other way round"
tap_is "$(kssl-run -c 9443 -- /usr/bin/python3 -c '
import socket
s = socket.socket()
try: s.sendto(b"x", socket.MSG_FASTOPEN, ("127.0.0.1", 9443))
except OSError as e: print(e.strerror)')" "Operation not supported" "sendto(MSG_FASTOPEN) does not go round"

# ---- programs that a preload object does not reach ----
refused() { # TEXT NAME COMMAND...
	local text=$1 name=$2 out
	shift 2
	out=$(timeout 20 "$@" 2>&1 </dev/null)
	tap_is "$?" 125 "$name is not started"
	tap_like "$out" "$text" "and the reason is said"
}
static=$(PATH=/bin:/usr/bin command -v busybox)
refused "statically linked.*|LISTEN_FDS" "a static program" kssl-run -s 8451 -- "$static" nc -l -p 8451
refused "written in Go" "a Go program" kssl-run -s 8451 -- prometheus-node-exporter --web.listen-address=127.0.0.1:8451
refused "another kind of processor|statically" "a 32-bit program" kssl-run -s 8451 -- "$PEERS/socket32"
printf '#!%s sh\necho started\n' "$static" >"$TMP/script"
chmod +x "$TMP/script"
refused "statically linked" "a script for a static program" kssl-run -c 1 -- "$TMP/script"
cp "$TOP"/build/kssl-run{,.so} "$TMP"	# where everybody may read
refused "other privileges" "a setuid program, by a user," setpriv --reuid 65534 --regid 65534 --clear-groups "$TMP/kssl-run" -c 1 -- /bin/su --version

tap_done
