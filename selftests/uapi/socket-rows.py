#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Compare what peers/socket printed: usage: socket-rows.py FOLDER

A file is PROGRAM.MODE.ROLE[.VERSION].  All are measured by socket.plain.ROLE."""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here + '/../peers')
import tap  # noqa: E402

FOLDER = sys.argv[1]
MANUAL = here + '/../../user/man/kssl.7'
LISTED_BY_HAND = {'truncation is an error'}     # uapi/failures tries it: no row here


def rows(name):
    found = {}
    with open(f'{FOLDER}/{name}', encoding='utf-8', errors='replace') as f:
        for line in f:
            if line.startswith('#'):
                continue
            row, _, value = line.rstrip('\n').partition(': ')
            assert row not in found, f'{name}: {row} twice'
            found[row] = value
    return found


def table():
    """row: (entry of the manual, version, mode or '')"""
    with open(here + '/socket.differences', encoding='ascii') as f:
        lines = [line.rstrip('\n').split('\t') for line in f if line[0] not in '#\n']
    return {r[0]: (r[1], r[2] if len(r) > 2 else '') for r in lines}


def page_entries():
    with open(MANUAL, encoding='ascii') as f:
        text = f.read()
    section = text[text.index('.Sh DIFFERENCES FROM TCP'):]
    section = section[:section.index('\n.Sh', 1)]
    return {line[4:] for line in section.splitlines() if line.startswith('.It ')}


def compare(name, listed):
    program, mode, role, *version = name.split('.', 3)
    version = version[0] if version else '1.3'
    plain, got = rows(f'socket.plain.{role}'), rows(name)
    if version != '1.3':    # a selection of cases
        cases = {r.split('.')[0] for r in got}
        plain = {r: v for r, v in plain.items() if r.split('.')[0] in cases}
    want = {r for r, (_, v) in listed.items() if v in ('', version, mode) and r in plain}
    differ = {r for r in plain.keys() | got.keys() if plain.get(r) != got.get(r)}
    if mode == 'plain':
        want = set()
    why = [f'{r}: TCP {plain.get(r)}, here {got.get(r)}' for r in sorted(differ - want)]
    why += [f'{r}: listed, but the same: {got.get(r)}' for r in sorted(want - differ)]
    tap.ok(not why, f'{program} over {mode}, {role}, TLS {version}: {len(got)} rows', '\n'.join(why))


def main():
    listed = table()
    for role in 'client', 'server':
        n = len(rows(f'socket.plain.{role}'))
        tap.ok(n > 250, f'rows over plain TCP, {role}', f'{n} rows')
    for name in sorted(os.listdir(FOLDER)):
        if name.startswith('socket') and name.count('.') >= 2 and not \
                name.startswith('socket.plain'):
            compare(name, listed)
    tap.is_(page_entries(), {e for e, _ in listed.values()} | LISTED_BY_HAND,
            'kssl.7 lists the differences, and no others')
    tap.done()


main()
