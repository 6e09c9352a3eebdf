# SPDX-License-Identifier: GPL-2.0
# Helpers of the test scripts: TAP, conditions, clean-up, the module, the daemon.
# shellcheck shell=bash
set -u

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PATH=$TOP/build:/usr/local/sbin:/usr/sbin:/sbin:$PATH
PKI=$TOP/build/pki
PEERS=$TOP/build/peers
TMP=$(mktemp -d /dev/shm/kssl-test.XXXXXX)
tap_n=0 tap_failed=0
cleanups=()
KSSLD_PID=
KO=$TOP/kssl.ko
# how much longer things take; programs read it from the environment
SLOW=1
case ${VM_SERIES:-} in debug | kcsan) SLOW=4 ;; esac
export SLOW
[ "${VM_SERIES:-6.1}" = 6.1 ] || KO=$TOP/build/ko/$VM_SERIES/kssl.ko

# ---- TAP ----

tap_ok() { tap_n=$((tap_n + 1)); echo "ok $tap_n - $1"; }
tap_not_ok() { tap_n=$((tap_n + 1)); tap_failed=$((tap_failed + 1)); echo "not ok $tap_n - $1"; }
tap_skip() { tap_n=$((tap_n + 1)); echo "ok $tap_n - $1 # SKIP $2"; }
tap_diag() { local l; while IFS= read -r l; do echo "# $l"; done <<<"$*"; }

# tap_is GOT WANT NAME
tap_is() {
	if [ "$1" = "$2" ]; then tap_ok "$3"; else
		tap_not_ok "$3"
		tap_diag "got:    $1"
		tap_diag "wanted: $2"
	fi
}

# tap_run NAME COMMAND...: good if the status is 0
tap_run() {
	local name=$1 out rc=0
	shift
	out=$("$@" 2>&1) || rc=$?
	if [ $rc = 0 ]; then tap_ok "$name"; else
		tap_not_ok "$name"
		tap_diag "status $rc: $*"
		tap_diag "$out"
	fi
}

# tap_like TEXT PATTERN NAME
tap_like() {
	if grep -qE -- "$2" <<<"$1"; then tap_ok "$3"; else
		tap_not_ok "$3"
		tap_diag "got: $1"
		tap_diag "no:  $2"
	fi
}

tap_done() { echo "1..$tap_n"; [ $tap_failed = 0 ]; exit; }

# ---- clean-up, conditions ----

defer() { cleanups=("$*" ${cleanups[@]+"${cleanups[@]}"}); }

on_exit() {
	local rc=$? c
	for c in ${cleanups[@]+"${cleanups[@]}"}; do eval "$c" >/dev/null 2>&1; done
	rm -rf "$TMP"
	exit $rc
}
trap on_exit EXIT
trap 'exit 130' INT TERM

# wait_until SECONDS COMMAND...
# By tries, ten a second: a clock runs ahead in a machine that counts instructions.
wait_until() {
	local tries=$((10 * $1 * SLOW))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

stop_pid() {
	[ -n "${1:-}" ] || return 0
	kill "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	return 0
}

listening() { ss -Hltn "sport = :$1" | grep -q .; }

# ---- module and daemon ----

modules="gcm ctr ccm libchacha20poly1305 aesni_intel ghash_clmulni_intel chacha_x86_64 poly1305_x86_64 sha256_ssse3 sha512_ssse3"

# KSSL_PARAMS: more for every test (VM_ENV=KSSL_PARAMS KSSL_PARAMS=parallel=1 make check)
insmod_kssl() { # [PARAMETER...]
	local m
	for m in $modules; do modprobe -q "$m" 2>/dev/null; done
	[ -d /sys/module/kssl ] || insmod "$KO" "$@" ${KSSL_PARAMS:-} || exit 1
}

# /lib/modules may be written to until the script ends; the module is there, as by DKMS.
mods=/lib/modules/$(uname -r)
modules_overlay() {
	mkdir "$TMP/over"
	mount -t tmpfs over "$TMP/over"
	mkdir "$TMP/over/"{u,w}
	mount -t overlay -o "lowerdir=$mods,upperdir=$TMP/over/u,workdir=$TMP/over/w" overlay "$mods"
	defer "umount $mods; umount $TMP/over"
	mkdir -p "$mods/updates/dkms"
	cp "$KO" "$mods/updates/dkms/"
	echo "updates/dkms/kssl.ko:" >>"$mods/modules.dep"
}

# Unloads within SECONDS, so no reference leaked.
rmmod_kssl() { wait_until "${1:-10}" rmmod kssl; }

counter() { awk -v n="$1" '$1 == n { print $2 }' /proc/net/kssl_stat; }

# nginx_conf WORKERS: $TMP/nginx.conf, of what is around the servers on standard input.
nginx_conf() {
	cat >"$TMP/nginx.conf" <<-C
	worker_processes $1;
	daemon off;
	pid $TMP/nginx.pid;
	error_log $TMP/nginx.log;
	events {}
	http {
		access_log off; sendfile on;
		client_body_temp_path $TMP/n1; proxy_temp_path $TMP/n2; fastcgi_temp_path $TMP/n3;
		uwsgi_temp_path $TMP/n4; scgi_temp_path $TMP/n5;
		$(cat)
	}
	C
}

# ---- TCP_ULP "tls" ----

# Who serves it: kssl, or tls, the kernel's own module, to compare with
# (VM_ENV=KTLS KTLS=tls make check T=ktls/upstream).
KTLS=${KTLS:-kssl}

ktls_load() {
	case $KTLS in
	kssl)	# any program that asks for the name loads the kernel's own module
		[ ! -d /sys/module/tls ] || wait_until 10 rmmod tls
		insmod_kssl ktls=1 ;;
	tls) for m in $modules tls; do modprobe -q "$m"; done ;;
	esac
}

# What the runner does for kssl.
ktls_unload() { [ "$KTLS" != tls ] || wait_until 10 rmmod tls; }

# ktls_records tx|rx: records so far; the kernel's own module counts directions
ktls_records() {
	case $KTLS-$1 in
	kssl-tx) counter TxRecords ;;
	kssl-rx) counter RxRecords ;;
	tls-tx) awk '$1 == "TlsTxSw" { print $2 }' /proc/net/tls_stat ;;
	tls-rx) awk '$1 == "TlsRxSw" { print $2 }' /proc/net/tls_stat ;;
	esac
}

# The other module is not even loaded.
ktls_alone() {
	[ -d "/sys/module/$KTLS" ] && case $KTLS in
	kssl) [ ! -d /sys/module/tls ] ;;
	tls) [ ! -d /sys/module/kssl ] ;;
	esac
}

# start_kssld CONFIG: sets KSSLD_PID
start_kssld() {
	kssld -c "$1" --foreground 2>"$TMP/kssld.log" &
	KSSLD_PID=$!
	defer "stop_pid $KSSLD_PID"
	wait_until 20 grep -q 'ready, ' "$TMP/kssld.log" || { cat "$TMP/kssld.log" >&2; exit 1; }
}

stop_kssld() { stop_pid "$KSSLD_PID"; KSSLD_PID=; }

# default_config FILE [LINES]: two identities of the test CA; WORKERS: how many (default 2)
default_config() {
	cat >"$1" <<-C
	[global]
	workers = ${WORKERS:-2}
	${2:-}
	[trust]
	system = no
	file = $PKI/ca.pem
	[policy everybody]
	[identity rsa]
	cert = $PKI/rsa.pem
	key = $PKI/rsa.key
	client-trust = $PKI/ca.pem
	default = yes
	[identity ec]
	cert = $PKI/ec.pem
	key = $PKI/ec.key
	client-trust = $PKI/ca.pem
	names = ec.test
	C
}

# ---- test CA, made once ----

make_pki() {
	local d=$PKI n san='subjectAltName=DNS:localhost,DNS:server.test,IP:127.0.0.1,IP:::1'
	[ -e "$d/ok" ] && return
	rm -rf "$d"
	mkdir -p "$d"
	(
		cd "$d" && exec 2>/dev/null
		for n in ca otherca; do
			openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
				-keyout $n.key -out $n.pem -subj "/CN=kssl test $n"
		done
		openssl genrsa -out rsa.key 2048
		for n in ec stranger expired client; do
			openssl ecparam -name prime256v1 -genkey -noout -out $n.key
		done
		echo "$san" >ext
		echo "$san,DNS:ec.test" >ext-ec
		sign() { # NAME CA OPTIONS...
			local name=$1 ca=$2
			shift 2
			openssl req -new -key "$name.key" -subj "/O=kssl/CN=$name" -out "$name.csr"
			openssl x509 -req -in "$name.csr" -CA "$ca.pem" -CAkey "$ca.key" -CAcreateserial \
				-extfile "$([ "$name" = ec ] && echo ext-ec || echo ext)" -out "$name.pem" "$@"
		}
		sign rsa ca -days 3650
		sign ec ca -days 3650
		sign client ca -days 3650
		sign stranger otherca -days 3650
		# a past validity needs the "ca" command
		touch index.txt
		printf '[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\nserial=ser\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\nunique_subject=no\n[p]\norganizationName=optional\ncommonName=supplied\n' >ca.cnf
		echo 10 >ser
		openssl req -new -key expired.key -subj "/O=kssl/CN=expired" -out expired.csr
		openssl ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -in expired.csr -out expired.pem \
			-extfile ext -startdate 20200101000000Z -enddate 20210101000000Z -notext
	)
	for n in ca otherca rsa ec client stranger expired; do
		[ -s "$d/$n.pem" ] || { echo "make_pki: no $n.pem" >&2; exit 1; }
	done
	touch "$d/ok"
}
