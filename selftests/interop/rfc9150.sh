#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The suites of RFC 9150 and CCM of TLS 1.3 against OpenSSL 3.5: see rfc9150.py.
# ROOT: debian13
. "$(dirname "$0")/../lib.sh"
insmod_kssl
for suite in TLS_SHA256_SHA256 TLS_SHA384_SHA384 TLS_AES_128_CCM_SHA256 TLS_AES_128_CCM_8_SHA256; do
	cat >"$TMP/openssl.cnf" <<-C
	openssl_conf = a
	[a]
	ssl_conf = b
	[b]
	system_default = c
	[c]
	Ciphersuites = $suite
	CipherString = DEFAULT:@SECLEVEL=0
	C
	OPENSSL_CONF=$TMP/openssl.cnf /usr/bin/python3 "$TOP/selftests/interop/rfc9150.py" \
		"$suite" "$PKI" "$TMP" || rc=1
done
exit ${rc:-0}
