#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What a newer kernel can do with a TCP socket is closed on ours until it is looked at:
each member of struct proto and struct proto_ops of the running kernel is in a list of
kernel/tables.h."""
import os
import re
import sys

TOP = os.path.dirname(os.path.abspath(__file__)) + '/../..'
sys.path.insert(0, TOP + '/selftests/peers')
import btf  # noqa: E402
import tap  # noqa: E402

BTF = '/sys/kernel/btf/vmlinux'


def lists(structure):
    """Of tables.h: the name of a list, and its members."""
    with open(TOP + '/kernel/tables.h', encoding='ascii') as f:
        text = f.read().replace('\\\n', ' ')
    found = re.findall(rf'^#define KSSL_{structure}_(\w+)\(X\)(.*)$', text, re.M)
    return {name: re.findall(r'\bX\((\w+), "', body) for name, body in found}


def unlisted(members, named):
    return sorted(set(members) - set(named))


def compare(types, structure, prefix, functions):
    """@functions: the lists that have functions."""
    members, by_list = types.members(structure), lists(prefix)
    named = [m for group in by_list.values() for m in group]
    tap.is_(unlisted(members, named), [], f'struct {structure}: each member is in a list')
    tap.is_(sorted({m for m in named if named.count(m) > 1}), [], f'struct {structure}: and in one')
    misplaced = [m for name, group in by_list.items() for m in group
                 if m in members and name in functions and not members[m]
                 or m in members and name == 'DATA' and members[m]]
    tap.is_(misplaced, [], f'struct {structure}: functions and data are apart')
    told = all(unlisted(members, [m for m in named if m != gone]) == [gone]
               for gone in named if gone in members)
    tap.ok(told and len(members) > 25, f'struct {structure}: one that is in no list is found',
           f'{len(members)} members')


if os.path.exists(BTF):
    TYPES = btf.Types(BTF)
    compare(TYPES, 'proto', 'PROTO', ('TCP', 'OURS'))
    compare(TYPES, 'proto_ops', 'OPS', ('TCP', 'PLAIN', 'CLOSED'))
else:
    tap.skip('struct proto and struct proto_ops', 'the kernel tells nothing of its types')
tap.done()
