#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The patches of selftests/mutants apply, name tests that there are, and lines that
# are in them: make mutants, which takes long, will find what it needs.
cd "$(dirname "$0")/../.." || exit 1
n=0 rc=0
say() { n=$((n + 1)); [ "$1" = ok ] || rc=1; echo "$1 $n - $2"; }
said() { sed -n "s/^$1: //p;/^--- /q" "$2"; }

for p in selftests/mutants/*.patch; do
	name=$(basename "$p" .patch) test=$(said Test "$p")
	if out=$(patch --dry-run -s -p1 --fuzz=0 <"$p" 2>&1); then say ok "$name applies"; else
		say "not ok" "$name applies"
		echo "# $out"
	fi
	if [ -n "$(said Broken "$p")" ] && [ -n "$(said Fails "$p")" ] &&
		{ [ -e "selftests/$test.sh" ] || [ -e "selftests/$test.c" ]; }; then
		say ok "$name says what it breaks, and $test is there"
	else
		say "not ok" "$name says what it breaks, and $test is there"
	fi
done
[ $n -ge 20 ] || say "not ok" "ten of them at least"
echo "1..$n"
exit $rc
