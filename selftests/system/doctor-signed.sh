#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# VM: --lockdown
# DEBUG: no
# ksslctl doctor where only signed modules are taken, as with Secure Boot.
. "$(dirname "$0")/../lib.sh"
mount -t securityfs securityfs /sys/kernel/security 2>/dev/null
tap_like "$(cat /sys/kernel/security/lockdown)" '\[integrity\]' "the kernel is locked down"
modules_overlay
ko=$mods/updates/dkms/kssl.ko

insmod "$ko" 2>/dev/null
tap_is $? 1 "an unsigned module is not taken"
out=$(ksslctl doctor)
tap_is $? 1 "something is wrong"
tap_like "$out" "^bad +module .*only signed modules, and ${ko//+/[+]} is not signed" "it is not signed: named"
tap_like "$out" "mend: .*SIGNING" "and where to read"

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$TMP/mok.key" -outform DER -out "$TMP/mok.der" -days 2 -subj "/CN=kssl test signer" 2>/dev/null
sign=$(ls -d /usr/src/linux-headers-*/scripts/sign-file /usr/lib/linux-kbuild-*/scripts/sign-file 2>/dev/null | head -n 1)
"$sign" sha256 "$TMP/mok.key" "$TMP/mok.der" "$ko"
insmod "$ko" 2>/dev/null
tap_is $? 1 "signed by a key that the kernel does not know, neither"
out=$(ksslctl doctor)
tap_is $? 1 "something is wrong"
tap_like "$out" "^bad +module .*signed by \"kssl test signer\", whose key is not enrolled" "its key is not enrolled: named"
tap_like "$out" "mend: mokutil --import /var/lib/dkms/mok.pub" "and what mends it"
tap_is "$(ksslctl --json doctor | /usr/bin/python3 -c 'import json,sys; print([c["check"] for c in json.load(sys.stdin)["checks"] if "not enrolled" in c["what"]])')" "['module']" "as JSON"

# A module of the kernel's own packages is taken: its signer is known.
signer=$(modinfo -F signer "$(modinfo -n tls)")
tap_run "the kernel shows the keys that it knows" grep -qF "$signer" /proc/keys
cp "$(modinfo -n tls)" "$ko"
tap_like "$(ksslctl doctor)" "^bad +module +the module is not loaded" "signed by a key that it knows: just not loaded"
tap_done
