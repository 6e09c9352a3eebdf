#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""KSSL_TEXT: given text comes before the network's, in order, by every way of
reading; its errnos; its end."""
import ctypes
import errno
import fcntl
import os
import select
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import tap  # noqa: E402
from records import DATA, Half, Peer  # noqa: E402

K = tap.SOL_KSSL
PART, ROOM = 16384, 65536


def give(s, text):
    return tap.errno_of(s.setsockopt, K, tap.TEXT, text)


def readable(s):
    return bool(select.select([s], [], [], 0)[0])


def order():
    p = Peer(0x1301)
    p.send(b' network')
    assert give(p.kssl, b'one') == 0 and give(p.kssl, b' two') == 0
    assert tap.read_all(p.kssl, 15) == b'one two network'
    assert give(p.kssl, b'late') == errno.EBUSY
    assert tap.info(p.kssl)['rxbytes'] == 15 and tap.info(p.kssl)['rxrecords'] == 1
    p.close()


def between_reads():
    """More may be given while nothing has come from the network."""
    p = Peer(0xc02f)
    assert give(p.kssl, b'abcdef') == 0
    assert p.kssl.recv(2) == b'ab'
    assert give(p.kssl, b'ghi') == 0
    assert tap.read_all(p.kssl, 7) == b'cdefghi'
    assert give(p.kssl, b'jkl') == 0
    p.send(b'mno')
    assert tap.read_all(p.kssl, 6) == b'jklmno'
    p.close()


def errnos():
    one, two = tap.pair()
    assert give(one, b'x') == errno.ENOPROTOOPT
    tap.attach(one)
    assert give(one, b'x') == errno.ENOKEY
    one.setsockopt(K, tap.KEY_TX, Half(0x1301).uapi())
    assert give(one, b'x') == errno.ENOKEY
    one.setsockopt(K, tap.KEY_RX, Half(0x1301).uapi())
    assert give(one, bytes(PART + 1)) == errno.EINVAL
    assert tap.errno_of(one.getsockopt, K, tap.TEXT, 64) == errno.ENOPROTOOPT
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.setsockopt(one.fileno(), K, tap.TEXT, 1, 10) == -1
    assert ctypes.get_errno() == errno.EFAULT
    assert give(one, b'x') == 0 and one.recv(10) == b'x'
    one.close()
    two.close()


def record_begun():
    """Half a record has come in: what is given now would be out of order."""
    p = Peer(0x1301)
    record = p.out.seal(b'whole')
    p.tcp.sendall(record[:9])
    p.kssl.settimeout(0)
    assert tap.errno_of(p.kssl.recv, 1) == errno.EAGAIN
    assert give(p.kssl, b'x') == give(p.kssl, b'') == errno.EBUSY
    p.tcp.sendall(record[9:])
    p.kssl.settimeout(20)
    assert p.kssl.recv(10) == b'whole'
    p.close()


def room():
    """As much as the receive buffer holds, 64 KiB at least."""
    p = Peer(0x1301)
    p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    data = os.urandom(ROOM)
    for at in range(0, ROOM, PART):
        assert give(p.kssl, data[at:at + PART]) == 0
    assert give(p.kssl, b'x') == errno.ENOBUFS
    got = p.kssl.recv(1000)
    assert give(p.kssl, b'y' * 1001) == errno.ENOBUFS
    assert give(p.kssl, b'y' * 1000) == 0
    p.send(b'net')
    got += tap.read_all(p.kssl, ROOM + 3)
    assert got == data + b'y' * 1000 + b'net'
    p.close()
    p = Peer(0x1301)
    p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 100000)    # the kernel doubles it
    for at in range(0, 196608, PART):
        assert give(p.kssl, bytes(PART)) == 0
    assert give(p.kssl, bytes(PART)) == errno.ENOBUFS
    p.close()   # unread: freed with the socket


def ways_to_read():
    data = os.urandom(40000)

    def fresh():
        p = Peer(0xcca8)
        assert not readable(p.kssl)
        for at in range(0, len(data), PART):
            assert give(p.kssl, data[at:at + PART]) == 0
        assert readable(p.kssl)
        return p
    p = fresh()
    assert p.kssl.recv(100, socket.MSG_PEEK) == data[:100]
    assert struct.unpack('i', fcntl.ioctl(p.kssl, 0x541b, b'....'))[0] > 0
    assert p.kssl.recv(40000, socket.MSG_WAITALL) == data
    assert not readable(p.kssl)
    p.close()
    p = fresh()
    r, w = os.pipe()
    got = b''
    while len(got) < len(data):
        got += os.read(r, os.splice(p.kssl.fileno(), w, 10000))
    assert got == data
    p.close()
    p = fresh()
    p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 40000)
    assert readable(p.kssl)
    p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 40001)
    assert not readable(p.kssl)
    p.close()


def the_end(suite):
    def run():
        p = Peer(suite)
        assert give(p.kssl, b'last') == 0
        assert give(p.kssl, b'') == 0
        assert give(p.kssl, b'') == errno.EBUSY and give(p.kssl, b'x') == errno.EBUSY
        assert readable(p.kssl)
        assert p.kssl.recv(10) == b'last' and p.kssl.recv(10) == b'' and p.kssl.recv(10) == b''
        p.kssl.send(b'still')
        assert p.got() == (DATA, b'still')
        p.close()
    return run


def failed():
    """A fatal error outdoes given text, as it does text of a record."""
    p = Peer(0x1301)
    assert give(p.kssl, b'given') == 0
    assert p.kssl.recv(5) == b'given'
    p.tcp.sendall(b'\x17\3\3\0\x20' + bytes(32))
    assert tap.errno_of(p.kssl.recv, 1) == errno.EBADMSG
    assert give(p.kssl, b'x') == errno.EBUSY
    p.close()


def main():
    for fn in (order, between_reads, errnos, record_begun, room, ways_to_read, failed):
        tap.case(fn.__name__)(fn)
    tap.case('the end, TLS 1.3')(the_end(0x1301))
    tap.case('the end, TLS 1.2')(the_end(0xc02f))
    tap.done()


main()
