#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Content opened ahead of the reader, by MSG_PEEK, FIONREAD and SO_RCVLOWAT: how much
memory it takes, how long it takes to look at, what bounds it; SO_PEEK_OFF.  Plain TCP
is the model.  Records by libcrypto."""
import errno
import fcntl
import os
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import tap  # noqa: E402
from records import HANDSHAKE, Half, Peer  # noqa: E402

SOL_TLS, TLS_RX, SO_PEEK_OFF = 282, 2, 42
SOL, PEEK = socket.SOL_SOCKET, socket.MSG_PEEK
# a peer that does nothing but change keys and send one byte sees to few records; a loop
# over them that is not linear takes some hundred times as long as this
QUICK = 0.08


def unread(sock):
    return struct.unpack('i', fcntl.ioctl(sock, 0x541b, b'....'))[0]


def poll_until(cond):
    end = time.monotonic() + 20
    while not cond():
        assert time.monotonic() < end, 'nothing comes'
        time.sleep(0.01)


def quickest(fn, times=5):
    best = 1e9
    for _ in range(times):
        start = time.monotonic()
        fn()
        best = min(best, time.monotonic() - start)
    return best


def slab():
    """Objects of 64 bytes and less, in use."""
    with open('/proc/slabinfo', encoding='ascii') as f:
        return sum(int(line.split()[1]) for line in f
                   if line.split()[0] in ('kmalloc-64', 'kmalloc-cg-64', 'kmalloc-32',
                                          'kmalloc-cg-32'))


class Tls:
    """A "tls" socket that receives, and the plain one at its other end."""

    def __init__(self, rcvbuf=0):
        self.tls, self.tcp = tap.pair()
        if rcvbuf:
            self.tls.setsockopt(SOL, socket.SO_RCVBUF, rcvbuf)
        self.out = Half(0x1301)
        self.tls.setsockopt(tap.SOL_TCP, tap.TCP_ULP, b'tls')
        self.tls.setsockopt(SOL_TLS, TLS_RX, struct.pack('=HH', 0x304, 51) + self.out.iv[4:] +
                            self.out.key + self.out.iv[:4] + bytes(8))

    def send(self, *contents, kind=23):
        self.tcp.sendall(b''.join(self.out.seal(c, kind) for c in contents))

    def close(self):
        self.tls.close()
        self.tcp.close()


def small_records():
    """FIONREAD tells of all there is, whatever it came in, at no more than its worth."""
    p = Peer(0x1301)
    p.kssl.setsockopt(SOL, socket.SO_RCVBUF, 1 << 18)
    had, nr = slab(), 8192
    for _ in range(8):
        p.tcp.sendall(b''.join(p.out.seal(b'x') for _ in range(nr // 8)))
        unread(p.kssl)
    poll_until(lambda: unread(p.kssl) == nr)
    more = slab() - had
    assert more < nr // 4, f'{more} objects for {nr} bytes'
    one, other = tap.pair()
    for _ in range(nr):
        one.send(b'x')
    poll_until(lambda: unread(other) == nr)
    plain = quickest(lambda: other.recv(nr, PEEK))
    ours = quickest(lambda: p.kssl.recv(nr, PEEK))
    print(f'# a peek over {nr} records: {ours * 1e3:.2f} ms, TCP {plain * 1e3:.2f} ms')
    assert ours < max(QUICK, 20 * plain), ours
    assert p.kssl.recv(nr + 1, PEEK) == b'x' * nr == p.kssl.recv(nr)
    for s in (one, other):
        s.close()
    p.close()


def counted():
    """Of more than 256 records, too."""
    p = Peer(0xc02f)
    p.tcp.sendall(b''.join(p.out.seal(b'y') for _ in range(1000)))
    time.sleep(0.5)
    assert unread(p.kssl) == 1000, unread(p.kssl)
    p.close()


def bounded():
    """No more is opened than the receive buffer has bytes, one record aside; then that
    is enough for poll(), whatever SO_RCVLOWAT says, and all of it arrives."""
    p = Peer(0x1301)
    p.kssl.setsockopt(SOL, socket.SO_RCVBUF, 16384)
    size = p.kssl.getsockopt(SOL, socket.SO_RCVBUF)
    p.kssl.setsockopt(SOL, socket.SO_RCVLOWAT, 1 << 30)
    data = os.urandom(200000)
    wire = b''.join(p.out.seal(data[i:i + 1000]) for i in range(0, len(data), 1000))
    p.tcp.setblocking(False)
    sent = quiet = 0
    while quiet < 10:
        try:
            sent += p.tcp.send(wire[sent:])
            quiet = 0
        except BlockingIOError:
            quiet += 1
            time.sleep(0.02)
        n = unread(p.kssl)
        if sent == len(wire):
            break
    assert size // 2 < n <= size + 1000, (n, size)
    assert select.select([p.kssl], [], [], 5)[0], 'it is enough'
    got = b''
    p.kssl.setsockopt(SOL, socket.SO_RCVLOWAT, 1)
    p.kssl.settimeout(20)
    while len(got) < len(data):
        assert p.kssl.recv(3000, PEEK)
        got += p.kssl.recv(3000)
        while sent < len(wire):
            try:
                sent += p.tcp.send(wire[sent:])
            except BlockingIOError:
                break
    assert got == data
    p.close()


def low_water_mark():
    """SO_RCVLOWAT makes the receive buffer fit, and one that is set caps it, as on TCP."""
    p, (one, other) = Peer(0x1301), tap.pair()
    for s in (p.kssl, one):
        s.setsockopt(SOL, socket.SO_RCVLOWAT, 1 << 20)
    size, plain = (s.getsockopt(SOL, socket.SO_RCVBUF) for s in (p.kssl, one))
    assert size == plain, (size, plain)
    p.close()
    one.close()
    other.close()
    p = Peer(0x1301)
    p.kssl.setsockopt(SOL, socket.SO_RCVBUF, 32768)
    p.kssl.setsockopt(SOL, socket.SO_RCVLOWAT, 1 << 30)
    p.send(bytes(16000))
    p.send(bytes(16000))
    assert not select.select([p.kssl], [], [], 0.5)[0]
    p.send(bytes(2000))
    assert select.select([p.kssl], [], [], 5)[0], 'half of the receive buffer'
    p.close()


def empty_records():
    """Of "tls" sockets."""
    p = Tls()
    for _ in range(4):
        p.send(*[b''] * 2000)
        tap.errno_of(p.tls.recv, 1, PEEK | socket.MSG_DONTWAIT)
    p.send(b'z')
    time.sleep(0.3)
    assert p.tls.recv(1, PEEK) == b'z'
    took = quickest(lambda: p.tls.recv(1, PEEK))
    print(f'# a peek over 8000 empty records: {took * 1e3:.2f} ms')
    assert took < QUICK, took
    assert p.tls.recv(10) == b'z'
    p.close()


def smallest_buffer():
    p = Tls(2304)
    p.send(os.urandom(16000))
    time.sleep(0.3)
    for _ in range(3):
        assert len(p.tls.recv(10, PEEK)) == 10
    p.tls.settimeout(20)
    assert len(tap.read_all(p.tls, 16000)) == 16000
    p.close()


def types():
    """A record of another type, peeked at over pages, then taken whole; splice, too."""
    p = Tls()
    data, message = os.urandom(9000), os.urandom(9000)
    p.send(data)
    p.send(message, kind=HANDSHAKE)
    p.send(b'tail')
    time.sleep(0.3)
    for _ in range(2):
        assert p.tls.recv(20000, PEEK) == data
    assert p.tls.recv(10) == data[:10]
    r, w = os.pipe()
    assert os.splice(p.tls.fileno(), w, 20000) == 8990 and os.read(r, 20000) == data[10:]
    got, anc, flags, _ = p.tls.recvmsg(20000, 100)
    assert got == message and anc == [(SOL_TLS, 2, bytes([HANDSHAKE]))] and \
        flags & socket.MSG_EOR, (len(got), anc, flags)
    assert p.tls.recv(10) == b'tail'
    os.close(r)
    os.close(w)
    p.close()


def offsets(sock, send):
    """What a program sees that peeks with SO_PEEK_OFF."""
    out = []

    def see(fn, *args):
        try:
            out.append(fn(*args))
        except OSError as e:
            out.append(errno.errorcode[e.errno])
    sock.setblocking(False)
    see(sock.setsockopt, SOL, SO_PEEK_OFF, 0)
    if out[0]:
        return out
    for part in (b'0', b'12', b'3456', b'789'):
        send(part)
    time.sleep(0.3)
    for _ in range(4):
        see(sock.recv, 3, PEEK)
    see(sock.recv, 3, PEEK)
    see(sock.recv, 2)
    send(b'abc')
    time.sleep(0.3)
    see(sock.recv, 100, PEEK)
    see(sock.recv, 8)
    see(sock.recv, 100, PEEK)
    see(sock.setsockopt, SOL, SO_PEEK_OFF, 1)
    see(sock.recv, 1, PEEK)
    see(sock.recv, 1, PEEK)
    see(sock.getsockopt, SOL, SO_PEEK_OFF)
    see(sock.setsockopt, SOL, SO_PEEK_OFF, -1)
    see(sock.recv, 100, PEEK)
    see(sock.recv, 100)
    return out


def peek_offset():
    one, other = tap.pair()
    want = offsets(one, other.sendall)
    print(f'# TCP: {want}')
    p, t = Peer(0x1301), Tls()
    assert offsets(p.kssl, p.send) == want
    assert offsets(t.tls, t.send) == want
    for s in (one, other):
        s.close()
    p.close()
    t.close()


def main():
    tap.case('small records take what they are worth')(small_records)
    tap.case('FIONREAD counts every record')(counted)
    tap.case('the receive buffer is the bound')(bounded)
    tap.case('SO_RCVLOWAT and the receive buffer')(low_water_mark)
    tap.case('empty records of a "tls" socket')(empty_records)
    tap.case('MSG_PEEK with the smallest receive buffer')(smallest_buffer)
    tap.case('types, over pages')(types)
    tap.case('SO_PEEK_OFF, as on TCP')(peek_offset)
    tap.done()


main()
