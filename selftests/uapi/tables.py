#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What a newer kernel can do with a TCP socket is closed on ours until it is looked at:
each member of struct proto and struct proto_ops of the running kernel is in a list of
kernel/tables.h; and what is closed says so."""
import errno
import os
import re
import socket
import sys

TOP = os.path.dirname(os.path.abspath(__file__)) + '/../..'
sys.path.insert(0, TOP + '/selftests/peers')
import btf  # noqa: E402
import tap  # noqa: E402
from records import Peer  # noqa: E402

SO_PEEK_OFF = 42
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


def refused(sock):
    return (tap.errno_of(sock.setsockopt, socket.SOL_SOCKET, SO_PEEK_OFF, 0),
            tap.errno_of(sock.getsockopt, socket.SOL_SOCKET, SO_PEEK_OFF))


def peek_off():
    """6.12 and later have it for TCP; ours would have taken it and read elsewhere."""
    closed, listening = socket.socket(), socket.create_server(('127.0.0.1', 0))
    for sock in closed, listening:
        tap.attach(sock)
    peer, (tls, other) = Peer(0x1301), tap.pair()
    tls.setsockopt(tap.SOL_TCP, tap.TCP_ULP, b'tls')
    for name, sock in (('closed', closed), ('listening', listening), ('open', peer.kssl), ('"tls"', tls)):
        tap.is_(refused(sock), (errno.EOPNOTSUPP, errno.EOPNOTSUPP), f'SO_PEEK_OFF, {name}')
    peer.tcp.sendall(peer.out.seal(b'012345678'))
    got = [peer.kssl.recv(3, socket.MSG_PEEK) for _ in range(2)]
    tap.is_(got, [b'012', b'012'], 'and MSG_PEEK reads from the front')
    other.close()


if os.path.exists(BTF):
    TYPES = btf.Types(BTF)
    compare(TYPES, 'proto', 'PROTO', ('TCP', 'OURS'))
    compare(TYPES, 'proto_ops', 'OPS', ('TCP', 'PLAIN', 'CLOSED'))
else:
    tap.skip('struct proto and struct proto_ops', 'the kernel tells nothing of its types')
peek_off()
tap.done()
