#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# bash completion: what is offered at which place; and that it knows what the programs know.
cd "$(dirname "$0")/../.." || exit 1
n=0 bad=0
is() { # GOT WANT NAME
	n=$((n + 1))
	if [ "$1" = "$2" ]; then echo "ok $n - $3"; else
		echo "not ok $n - $3"
		echo "# got:    $1"
		echo "# wanted: $2"
		bad=1
	fi
}
PATH=$PWD/build:$PATH
. user/packaging/completions/ksslctl
. user/packaging/completions/kssl-run

# offered WORD...: for the last word, as bash calls it
offered() {
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
	"$(complete -p "$1" | sed 's/.*-F \([^ ]*\).*/\1/')" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	echo "${COMPREPLY[*]}"
}

is "$(offered ksslctl '' | tr ' ' '\n' | sort)" "$(ksslctl --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' | sort)" "ksslctl: all verbs of --help"
is "$(offered ksslctl re)" "rekey reload" "those that begin so"
is "$(offered ksslctl --s)" "--socket" "options"
is "$(offered ksslctl --json --socket /x st)" "status stats" "a verb behind options"
is "$(offered ksslctl --socket /dev/nul)" "/dev/null" "a file for --socket"
is "$(offered ksslctl stats --o)" "--openmetrics" "stats has one of its own"
is "$(offered ksslctl list --o)" "" "which list has not"
is "$(offered ksslctl rekey 7 '')" "request" "rekey ID request"
is "$(offered ksslctl policy '')" "set test" "policy set, test"
is "$(offered ksslctl policy set ti)" "timeout-ms=" "policy set NAME="
names=$(mandoc -T utf8 user/man/ksslctl.8 | sed 's/.\x08//g')
for name in $(offered ksslctl policy set ''); do
	grep -q "${name%=}" <<<"$names" || { is "" "$name" "the manual has it"; }
done
mkdir -p build/completion
printf '#!/bin/sh\n[ "$1" = list ] && printf "ID ROLE\\n5 server\\n23 client\\n"\n' >build/completion/ksslctl
chmod +x build/completion/ksslctl
is "$(PATH=$PWD/build/completion:$PATH offered ksslctl show '')" "5 23" "numbers of sessions"
is "$(PATH=$PWD/build/completion:$PATH offered ksslctl kill 2)" "23" "that begin so"
rm -r build/completion
is "$(offered kssl-run --l)" "--listen" "kssl-run: options"
is "$(offered kssl-run -s '')" "all 443" "ports"
is "$(offered kssl-run -s 443 -- mkfif)" "mkfifo" "programs"
is "$(offered kssl-run -s 443 cat /dev/nul)" "/dev/null" "and their arguments"
is "$(offered kssl-run -- | tr ' ' '\n' | grep -x -- '--[a-z]*' | grep -vx -- -- | sort)" "$(kssl-run --help | grep -oE -- '--[a-z]+' | sort -u)" "its options are those of --help"
# as an interactive bash does it: loaded by name, and asked by the readline function
is "$(bash -c '. user/packaging/completions/ksslctl; complete -p ksslctl')" "complete -F _ksslctl ksslctl" "it is registered"
echo "1..$n"
exit $bad
