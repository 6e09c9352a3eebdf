#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The manual: no complaint by mandoc, and every test that kssl-security(7) calls a
# witness is there.
cd "$(dirname "$0")/../.." || exit 1
n=0 bad=0
result() { # STATUS NAME
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; bad=1; fi
}

for page in user/man/*; do
	# what it cannot know: pages that are not installed, what a page of section 7 needs
	out=$(mandoc -T lint -W warning "$page" 2>&1 |
		grep -vE 'outdated mandoc.db|referenced manual not found|unexpected section|conventional order')
	[ -z "$out" ]
	result $? "$(basename "$page"), mandoc"
	[ -z "$out" ] || echo "$out" | sed 's/^/# /' | head -n 5
done
missing=
named=$(grep -v '^\.\\"' user/man/kssl-security.7 | grep -oE '\b(uapi|unit|netlink|interop|system|ktls)/[a-z0-9-]+' | sort -u)
for t in $named; do
	[ -e "selftests/$t.sh" ] || [ -e "selftests/$t.c" ] || missing="$missing $t"
done
[ -n "$named" ] && [ -z "$missing" ]
result $? "kssl-security.7: the tests it names are there"
[ -z "$missing" ] || echo "#$missing"
echo "1..$n"
exit $bad
