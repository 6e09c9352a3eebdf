#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The file of user/etc makes kssl serve TCP_ULP "tls": the first program that asks
# gets it, nobody loads a module.
. "$(dirname "$0")/../lib.sh"

# The guest's module tree is not ours to write to: a small one above it, with the
# kernel's own tls.
there=/lib/modules/$(uname -r)
tree=$TMP/lib/modules/$(uname -r)
mkdir -p "$tree/kernel/net" "$tree/updates"
cp "$there"/modules.{order,builtin,builtin.modinfo} "$tree/"
cp -r "$there/kernel/net/tls" "$tree/kernel/net/"
for d in crypto arch/x86/crypto lib; do
	mkdir -p "$tree/kernel/${d%/*}"
	[ ! -d "$there/kernel/$d" ] || cp -r "$there/kernel/$d" "$tree/kernel/${d%/*}/"
done
cp "$KO" "$tree/updates/kssl.ko"
mount --bind "$tree" "$there"
defer "umount '$there'"
depmod

ask() { /usr/bin/python3 "$TOP/selftests/ktls/autoload.py"; }
loaded() { (cd /sys/module && for m in kssl tls; do [ ! -d $m ] || echo $m; done); }

conf=/etc/modprobe.d/kssl-ktls.conf
tap_is "$(loaded)" "" "at first neither module is loaded"
rm -f $conf
tap_is "$(ask)" "set, 5 bytes arrived" "without the file: a socket with TCP_ULP tls"
tap_is "$(loaded)" tls "and it is the kernel's own"
tap_run "which goes" wait_until 10 rmmod tls
cp "$TOP/user/etc/kssl-ktls.conf" $conf
defer "rm -f $conf"
tap_is "$(ask)" "set, 5 bytes arrived" "with it: a socket with TCP_ULP tls"
tap_is "$(loaded)" kssl "and it is kssl"
tap_is "$(counter TxRecords) $(counter RxRecords)" "1 1" "which sealed and opened the record"
tap_is "$(cat /sys/module/kssl/parameters/ktls)" Y "with ktls=1"

# The kernel's own module has the name: kssl says so and goes on without it.
tap_run "kssl goes" wait_until 10 rmmod kssl
rm -f $conf
modprobe tls
defer "wait_until 10 rmmod tls"
insmod "$KO" ktls=1
tap_is "$(loaded | xargs)" "kssl tls" "the kernel's own module is there first, then kssl with ktls=1"
tap_like "$(dmesg)" 'kssl: ULP "tls" belongs to another module; only "kssl" is served' "kssl says so"
tap_is "$(ask)" "set, 5 bytes arrived" "a socket with TCP_ULP tls works"
tap_is "$(counter TxRecords)" 0 "and is not kssl's"
tap_run "one with TCP_ULP kssl is" /usr/bin/python3 -c "
import sys; sys.path.insert(0, '$TOP/selftests/peers')
import records; p = records.Peer(0x1301); p.kssl.send(b'x'); assert p.got() == (23, b'x')"
tap_is "$(counter TxRecords)" 2 "and kssl sealed its record, and close_notify"
tap_done
