#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# LIMIT: 300
# LONG LIMIT: 3400
# FIRST: selftests/vm/apps
# DEBUG: long
# Programs that close early, close at once, or close one direction: vsftpd, socat, nginx
# and a small server (closing.py) under kssl-run, with lftp, ncat, socat, Erlang, Java and
# wrk, which have their own TLS, as clients.  LONG=1 (VM_ENV=LONG hands it on): more
# rounds, and Java.  PARTS="files halves loads": some of it.
. "$(dirname "$0")/../lib.sh"
. "$TOP/selftests/foreign.sh"
apps=${XDG_CACHE_HOME:-$HOME/.cache}/kssl/apps
PATH=$PATH:$apps/usr/bin:$apps/usr/sbin
export LD_LIBRARY_PATH=$apps/usr/lib/x86_64-linux-gnu
many=3 few=1 seconds=4 sizes=300000 files=small hows=rest
[ -z "${LONG:-}" ] || many=$((200 / SLOW)) few=25 seconds=30 sizes="1000 300000" files="small big" hows="rest late"

# OpenSSL of a program that has no option for the version
for v in 1.2 1.3; do
	printf 'openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMinProtocol = TLSv%s\nMaxProtocol = TLSv%s\n' \
		$v $v >"$TMP/openssl-$v.cnf"
done

mkdir "$TMP/ftp"
echo small >"$TMP/ftp/small"
openssl rand 3000000 >"$TMP/ftp/big"

# ---- vsftpd: data connections without a byte ----
# ftp ROUNDS VERSION: every kind of transfer, over one control connection; what failed
ftp() {
	local i
	rm -f "$TMP/ftp/up/"* "$TMP/got/"*
	{
		printf 'set %s\n' "ssl:ca-file $PKI/ca.pem" "ftp:ssl-protect-data yes" \
			"ftps:initial-prot P" "ssl:priority NORMAL:-VERS-ALL:+VERS-TLS$2" "cache:enable no" "net:max-retries 1" \
			"net:timeout 30" "net:reconnect-interval-base 1" "cmd:fail-exit no" \
			"xfer:clobber yes" "ftp:use-feat no" "ftp:use-mdtm no" "ftp:use-size no" "cmd:verify-path no" \
			"ftp:use-allo no" "ftp:use-site-utime no" "ftp:use-site-utime2 no" "ftp:use-utf8 no"
		echo "open ftps://localhost:2990"
		for ((i = 1; i <= $1; i++)); do
			echo "cls -1 empty >$TMP/got/zero-list.$i || echo failed: list of an empty directory"
			echo "cls -1 >$TMP/all || echo failed: list"
			echo "get zero -o $TMP/got/zero.$i || echo failed: get of an empty file"
			echo "put $TMP/ftp/zero -o up/zero.$i || echo failed: put of an empty file"
			echo "get small -o $TMP/got/small.$i || echo failed: get of a small file"
			echo "put $TMP/ftp/small -o up/small.$i || echo failed: put of a small file"
			[ $((i % 5)) = 1 ] || continue
			echo "get big -o $TMP/got/big.$i || echo failed: get of a big file"
			echo "put $TMP/ftp/big -o up/big.$i || echo failed: put of a big file"
		done
	} >"$TMP/lftp"
	timeout $((SLOW * (60 + 20 * $1))) lftp --norc -f "$TMP/lftp" >"$TMP/lftp.out" 2>"$TMP/lftp.err"
	[ $? != 124 ] || echo "failed: time is up"
	grep '^failed' "$TMP/lftp.out" | sort | uniq -c | sed 's/^ *//'
}

# How often each content is there, and how often it is to be.
there() { # DIR
	(cd "$1" && sha256sum -- *) | awk '{ sub(/\.[0-9]+$/, "", $2); print $2, substr($1, 1, 8) }' |
		sort | uniq -c | sed 's/^ *//'
}
all_of() { # NAME...
	local f n
	for f; do
		n=$many
		[ "$f" != big ] || n=$(((many + 4) / 5))
		echo "$n $f $(sha256sum <"$TMP/ftp/${f%-*}" | cut -c1-8)"
	done
}

files() {
	local data v name failed got
	data=$(seq -s , 21100 21139)
	mkdir "$TMP/ftp/"{empty,up} "$TMP/none" "$TMP/got"
	chmod 777 "$TMP/ftp/up"
	: >"$TMP/ftp/zero"
	cat >"$TMP/vsftpd.conf" <<C
listen=YES
listen_port=2990
background=NO
anonymous_enable=YES
no_anon_password=YES
local_enable=NO
ftp_username=daemon
nopriv_user=nobody
anon_root=$TMP/ftp
secure_chroot_dir=$TMP/none
write_enable=YES
anon_upload_enable=YES
anon_world_readable_only=NO
anon_umask=022
pasv_min_port=21100
pasv_max_port=21139
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
xferlog_enable=NO
C
	# TLS from the first byte; vsftpd itself listens for data connections, at those ports
	start 2990 kssl-run -s "2990,$data" -- vsftpd "$TMP/vsftpd.conf"
	for v in 1.2 1.3; do
		name="vsftpd: lftp, TLS $v"
		failed=$(ftp $many $v)
		tap_is "$failed" "" "$name: nothing fails in $many rounds"
		[ -z "$failed" ] || tap_diag "$(
			sort "$TMP/lftp.err" | uniq -c | head -n 5
			grep failed "$TMP/kssld.log" | tail -n 5
			grep -v '[[:space:]]0$' /proc/net/kssl_stat)"
		got=$(there "$TMP/ftp/up")
		tap_is "$got" "$(all_of big small zero)" "$name: every file put is there"
		got=$(there "$TMP/got")
		tap_is "$got" "$(all_of big small zero zero-list)" "$name: every file got is whole"
	done
}

# ---- the client closes its half, then reads the answer ----
answer() { seq -f %07.0f 0 $(($1 / 8 - 1)); }

# times COUNT WANT COMMAND...: how many times the output was not that
times() {
	local n=$1 want=$2 bad=0 i
	shift 2
	for ((i = 0; i < n; i++)); do
		[ "$("$@" 2>"$TMP/times.err" | sha256sum)" = "$want" ] || bad=$((bad + 1))
	done
	echo $bad
}

# by_ncat VERSION PORT TEXT, by_socat VERSION PORT COMMAND
by_ncat() {
	printf '%b' "$3" | OPENSSL_CONF=$TMP/openssl-$1.cnf timeout $((20 * SLOW)) ncat --ssl 127.0.0.1 "$2"
}
by_socat() {
	local version=openssl-min-proto-version=TLS$1,openssl-max-proto-version=TLS$1

	$3 | timeout $((20 * SLOW)) socat -t 20 - "OPENSSL:localhost:$2,cafile=$PKI/ca.pem,$version"
}
web() { by_ncat "$1" 8463 'GET /file HTTP/1.0\r\n\r\n' | sed '1,/^\r$/d'; }
rest() { echo "rest $size"; }
late() { echo "late $size"; }
backwards() { seq -w 20000 -1 1; }

# by_rounds NAME COMMAND...: a client that counts the answers that were whole
by_rounds() {
	local name=$1 out
	shift
	out=$(timeout $((SLOW * (120 + 6 * few))) "$@" 2>&1)
	tap_is "$(tail -n 1 <<<"$out")" "$few whole" "$name"
	[ "$(tail -n 1 <<<"$out")" = "$few whole" ] || tap_diag "$(head -n 3 <<<"$out")"
}

halves() {
	local v size how want java
	start 8461 kssl-run -s 8461 -- /usr/bin/python3 "$TOP/selftests/system/closing.py" 8461
	start 8462 kssl-run -s 8462 -- socat -t 30 TCP-LISTEN:8462,fork,reuseaddr EXEC:sort
	start 8463 kssl-run -s 8463 -- /usr/bin/python3 -m http.server -d "$TMP/www" -b 127.0.0.1 8463

	for v in 1.2 1.3; do
		for size in $sizes; do
			want=$(answer "$size" | sha256sum)
			for how in $hows; do
				tap_is "$(times $few "$want" by_ncat $v 8461 "$how $size\n")" 0 "ncat --ssl, bare FIN, TLS $v: $how $size"
				tap_is "$(times $few "$want" by_socat $v 8461 "$how")" 0 "socat, half close, TLS $v: $how $size"
			done
		done
		tap_is "$(times $few "$sum" web $v)" 0 "ncat --ssl, bare FIN, TLS $v: python http.server"
		tap_is "$(times $few "$(seq -w 1 20000 | sha256sum)" by_socat $v 8462 backwards)" 0 \
			"socat, half close, TLS $v: sort, by socat"
	done

	# its path is in it
	[ -e /usr/lib/erlang ] || ln -s "$apps/usr/lib/erlang" /usr/lib/erlang
	for v in 1.2 1.3; do
		for how in $hows; do
			by_rounds "Erlang, ssl:shutdown(write), TLS $v: $how" /usr/lib/erlang/bin/escript \
				"$TOP/selftests/peers/halfclose.escript" 8461 tlsv$v "$how" 300000 $few
		done
	done

	if [ -n "${LONG:-}" ]; then
		[ -e /etc/java-17-openjdk ] || ln -s "$apps/etc/java-17-openjdk" /etc/java-17-openjdk
		java=$apps/usr/lib/jvm/java-17-openjdk-amd64/bin/java
		tap_run "javac" "$java" -cp "$apps/usr/share/java/ecj.jar" org.eclipse.jdt.internal.compiler.batch.Main \
			-source 1.8 -target 1.8 -d "$TMP" "$TOP/selftests/peers/HalfClose.java"
		for v in 1.2 1.3; do
			for how in $hows turn; do
				size=300000
				[ "$how" != turn ] || size=20000	# less than the client's receive buffer
				by_rounds "Java, shutdownOutput(), TLS $v: $how $size" "$java" -cp "$TMP" \
					-Djava.net.preferIPv4Stack=true HalfClose 8461 TLSv$v "$how" $size $few
			done
		done
	fi
	tap_is "$(cat "$TMP/out.8461")" "" "the server could always answer"
}

# ---- connections that end with the answer: resets beside nginx's own TLS ----
resets() { nstat -asz TcpOutRsts TcpEstabResets | awk '/^Tcp/ { print $2 }' | tr '\n' ' '; }

# load PORT VERSION FILE: requests, resets sent, resets received, wrk's reading errors
load() {
	local before after
	fetch -o "$TMP/first" "https://localhost:$1/$3"
	read -ra before <<<"$(resets)"
	OPENSSL_CONF=$TMP/openssl-$2.cnf wrk -t 1 -c 8 -d $seconds -H 'Connection: close' \
		"https://localhost:$1/$3" >"$TMP/wrk" 2>&1
	sleep 0.5
	read -ra after <<<"$(resets)"
	awk -v r="$((after[0] - before[0])) $((after[1] - before[1]))" '/requests in/ { n = $1 }
		/Socket errors/ { e = $6 } END { print n + 0, r, e + 0 }' "$TMP/wrk"
}

loads() {
	local v file name own ours
	nginx_conf 1 <<C
	ssl_certificate $PKI/ec.pem; ssl_certificate_key $PKI/ec.key; ssl_protocols TLSv1.2 TLSv1.3;
	server { listen 8464; root $TMP/ftp; }
	server { listen 8465 ssl; root $TMP/ftp; }
C
	start 8464 kssl-run -s 8464 -i ec -- nginx -c "$TMP/nginx.conf"

	for v in 1.3 1.2; do
		for file in $files; do
			name="nginx, wrk with Connection: close, TLS $v, $file file"
			own=$(load 8465 $v "$file")
			ours=$(load 8464 $v "$file")
			tap_diag "requests, resets sent, resets received, reading errors: $own (own TLS), $ours (kssl)"
			# in proportion; and the end of the run cuts eight
			tap_run "$name: no more resets than by nginx's own TLS" awk -v own="$own" -v ours="$ours" 'BEGIN {
				split(own, a); split(ours, b)
				for (i = 2; i <= 4; i++)
					bad += b[i] > a[i] * b[1] / a[1] + 8
				exit !(a[1] && b[1] && !bad) }'
		done
	done
}

for part in ${PARTS:-files halves loads}; do $part; done
tap_done
