#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# ksslctl doctor in broken situations: it names each, and it alone, and what it says mends.
# DEBUG: no
. "$(dirname "$0")/../lib.sh"
cp "$TOP"/build/kssld /usr/local/sbin	# where a user would have it
mkdir -p /etc/kssl

# bad CHECK WHAT MEND NAME: that, and nothing else, as text and as JSON
bad() {
	local out rc json
	out=$(ksslctl doctor 2>&1)
	rc=$?
	tap_is "$rc $(grep -c '^bad' <<<"$out")" "1 1" "$4: one thing is wrong"
	tap_like "$out" "^bad +$1 +.*$2" "$4: named"
	tap_like "$out" "mend: .*$3" "$4: and what mends it"
	json=$(ksslctl --json doctor)
	rc=$?
	tap_is "$rc $(/usr/bin/python3 -c '
import json, re, sys
d = json.load(sys.stdin)
print(d["well"], [c["check"] for c in d["checks"] if c["verdict"] == "bad" and re.search(sys.argv[1], c["what"]) and re.search(sys.argv[2], c["mend"])])' "$2" "$3" <<<"$json" 2>&1)" "1 False ['$1']" "$4: as JSON"
}

well() { # NAME
	local out rc
	out=$(ksslctl doctor 2>&1)
	rc=$?
	tap_is "$rc $(grep -vE '^(ok|note)|mend:' <<<"$out")" "0 " "$1: all is well"
	tap_is "$(ksslctl --json doctor | /usr/bin/python3 -c 'import json,sys; d = json.load(sys.stdin); print(d["well"], {c["verdict"] for c in d["checks"]} <= {"ok", "note"})')" "True True" "$1: all is well, as JSON"
}

# ---- the module ----
release=$(uname -r) release=${release//+/[+]}	# in a pattern
bad module "no kssl.ko for this kernel, $release" "linux-headers-$release && dkms autoinstall" "module not there"
modules_overlay
bad module "the module is not loaded" "modprobe kssl" "module not loaded"

# ---- the daemon ----
insmod_kssl
rm -f /etc/kssl/kssld.conf
bad daemon "no kssld serves this network namespace" "kssld" "no daemon"
printf '[global]\nwrokers = 2\n' >/etc/kssl/kssld.conf
bad daemon "does not start: .*/etc/kssl/kssld.conf:2: unknown key wrokers" "kssld --check" "a configuration that is bad"
rm /etc/kssl/kssld.conf
default_config "$TMP/conf"
start_kssld "$TMP/conf"
well "with a daemon"
tap_like "$(ksslctl doctor)" "^ok +daemon +kssld serves with 2 workers" "and it says what it saw"
out=$(unshare -n ksslctl doctor)
tap_like "$? $out" "^bad +daemon +kssld runs, but does not serve this network namespace" "a daemon of another network namespace"
mkdir -p "$TMP/bin"	# where everybody may read
cp "$TOP"/build/{ksslctl,libkssl.so.0} "$TMP/bin"
chmod 755 "$TMP" "$TMP/bin"
out=$(setpriv --reuid nobody --clear-groups "$TMP/bin/ksslctl" doctor 2>&1)
tap_is "$? $(grep -vE '^(ok|note)|mend:' <<<"$out")" "0 " "somebody else: all is well"
tap_like "$out" "^note daemon +kssld serves with 2 workers; only root and its user may ask it more" "and why he learns less"
tap_is "$(ksslctl --socket "$TMP/none" doctor >/dev/null; echo $?)" 0 "a control socket elsewhere is not wrong"
stop_kssld

# ---- files ----
mkdir -m 755 "$TMP/keys"
chmod 755 "$TMP"
cp "$PKI"/rsa.{pem,key} "$TMP/keys"
cat >"$TMP/conf2" <<C
[global]
workers = 1
user = nobody
[trust]
system = no
file = $TMP/keys/rsa.pem
[identity www]
cert = $TMP/keys/rsa.pem
key = $TMP/keys/rsa.key
C
start_kssld "$TMP/conf2"
bad files "cannot read $TMP/keys/rsa.key again: Permission denied" "let the daemon's user read" "a key that is root's"
chown nobody "$TMP/keys/rsa.key"
well "and when the user may"
chmod 644 "$TMP/keys/rsa.key"
bad files "rsa.key holds a private key, and everybody may read it" "chmod o-rwx '$TMP/keys/rsa.key'" "a key for everybody"
eval "$(ksslctl doctor | sed -n 's/.*mend: \(chmod.*\)/\1/p')"
well "and after that command"

# ---- the policy ----
tap_like "$(ksslctl doctor)" "^ok +policy " "the policy has refused nothing"
tap_is "$(setpriv --reuid 4711 --regid 4711 --clear-groups /usr/bin/python3 - <<-'P'
	import errno, socket, ssl, threading
	def visit(port):
	    try:
	        ssl._create_unverified_context().wrap_socket(socket.create_connection(('127.0.0.1', port), 30))
	    except OSError:
	        pass
	listener = socket.create_server(('127.0.0.1', 0))
	listener.setsockopt(socket.IPPROTO_TCP, 31, b'kssl')
	threading.Thread(target=visit, args=listener.getsockname()[1:]).start()
	try:
	    listener.accept()[0].recv(1)
	except OSError as e:
	    print(errno.errorcode[e.errno])
	P
)" EACCES "a user that no policy is about does not serve"
tap_like "$(ksslctl doctor)" "^note +policy .*\(EACCES\): 1, the last for user 4711: the policy allows no identity" \
	"and doctor says who and why"
tap_like "$(ksslctl doctor)" "mend: .*\[policy everybody\]" "and how to open it"

# ---- the second of two ----
cp "$PKI"/expired.{pem,key} "$TMP/keys"
chown nobody "$TMP/keys/expired.key"
cp "$TMP/conf2" "$TMP/conf2.one"
cat >>"$TMP/conf2" <<C
[identity old]
cert = $TMP/keys/expired.pem
key = $TMP/keys/expired.key
C
ksslctl reload
bad clock "the certificate of identity old has expired, on 2021-01-01" "renew it" "one certificate of two has expired"
chmod 644 "$TMP/keys/"{rsa,expired}.key
tap_is "$(ksslctl doctor | grep -c '^bad  *files .*everybody may read it')" 2 "two keys for everybody: both are named"
chmod 600 "$TMP/keys/"{rsa,expired}.key
cp "$TMP/conf2.one" "$TMP/conf2"
ksslctl reload
well "and without that certificate"

# ---- the clock ----
now=$(date +%s)
date -s @1000000000 >/dev/null
bad clock "the clock is behind" "set-ntp" "a clock of 2001"
date -s @2500000000 >/dev/null
bad clock "the certificate of identity www has expired" "renew it" "a clock of 2049"
date -s "@$now" >/dev/null
stop_kssld

# ---- the name "tls" ----
rmmod_kssl
modprobe tls
insmod_kssl ktls=1
start_kssld "$TMP/conf"
bad ktls "module tls came first and holds the name" "modprobe -r kssl tls" "the name \"tls\" held by the kernel's own module"
stop_kssld
rmmod_kssl
rmmod tls
insmod_kssl ktls=1
start_kssld "$TMP/conf"
well "the name \"tls\" held by kssl"
tap_like "$(ksslctl doctor)" "^ok +ktls " "and it says so"
tap_is "$([ -d /sys/module/tls ]; echo $?)" 1 "which did not load that module"
stop_kssld
rmmod_kssl

# ---- ciphers ----
printf 'install %s /bin/false\n' aesni_intel ghash_clmulni_intel >/etc/modprobe.d/no-aesni.conf
modprobe -r aesni_intel ghash_clmulni_intel 2>/dev/null
if [ -d /sys/module/aesni_intel ] || ! grep -qw aes /proc/cpuinfo; then
	tap_diag "AES instructions are built in, or not there"
elif insmod "$KO" && modprobe gcm && grep -q "gcm-aes-lib" /proc/crypto; then
	tap_diag "the library of this kernel uses AES instructions itself"
else
	start_kssld "$TMP/conf"
	bad ciphers "generic code, though this processor" "modprobe aesni_intel" "AES without the processor's instructions"
	stop_kssld
fi
rm /etc/modprobe.d/no-aesni.conf
tap_done
