#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What a user without privileges can do, and what not."""
import errno
import os
import socket
import struct
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import genl  # noqa: E402
import tap  # noqa: E402
from genl import Genl, Refused, attr, nest, u16  # noqa: E402

PORT = int(sys.argv[1])


def connect():
    s = socket.socket()
    s.settimeout(30)
    tap.attach(s)
    s.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'localhost')
    s.connect(('127.0.0.1', PORT))
    return s


def refused(nl, cmd, *attrs):
    try:
        nl.call(cmd, *attrs)
    except Refused as e:
        return e.errno
    return 0


def main():
    roots = socket.socket()
    tap.attach(roots)
    root_id = tap.info(roots)['id']
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    s = connect()
    s.sendall(b'GET / HTTP/1.0\r\n\r\n')
    tap.ok(s.recv(100).startswith(b'HTTP/1.0 200'), 'an unprivileged program gets TLS')
    nl = Genl()
    tap.is_(refused(nl, genl.REGISTER, attr(1, 1), attr(2, 1)), errno.EPERM,
            'it cannot register as a worker')
    mine = tap.info(s)['id']
    for cmd, name in ((genl.LEAVE, 'leave'), (genl.DATA, 'answer'), (genl.HS_DONE, 'give keys'),
                      (genl.FAIL, 'fail'), (genl.POLICY_SET, 'set policy')):
        tap.is_(refused(nl, cmd, attr(1, mine), u16(16, 0x304), u16(17, 0x1301), nest(18), nest(19)),
                errno.EPERM, f'it cannot {name}')
    ids = {struct.unpack('I', g[1])[0] for g in
           nl.call(genl.GET, flags=genl.REQUEST | genl.DUMP)}
    tap.ok(mine in ids and root_id not in ids, "it sees its own session and not root's", ids)
    tap.is_(refused(nl, genl.GET, attr(1, root_id)), errno.ENOENT, 'nor when it names it')
    group = struct.unpack('I', genl.parse(genl.parse(nl.groups)[1])[2])[0]
    tap.is_(tap.errno_of(nl.sock.setsockopt, 270, 1, group), errno.EPERM,
            'it cannot follow events')
    tap.is_([tap.errno_of(s.getsockopt, tap.SOL_KSSL, n, 256) for n in (tap.KEY_TX, tap.KEY_RX)],
            [errno.ENOPROTOOPT] * 2, 'no option gives a key back')
    tap.is_(tap.errno_of(s.setsockopt, tap.SOL_KSSL, tap.KEY_TX,
                         tap.key(0x304, 0x1301, secret=bytes(32))), errno.EBUSY,
            'nor can keys of a session be replaced')
    tap.done()


main()
