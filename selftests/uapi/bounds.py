#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""KSSL_RECORDS: which records the bytes came in.  Records by libcrypto."""
import errno
import fcntl
import os
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import tap  # noqa: E402
from records import DATA, HANDSHAKE, TICKET, Peer  # noqa: E402

PEERS = os.path.dirname(os.path.abspath(__file__)) + '/../../build/peers/'
K, SIZE, MAX = tap.SOL_KSSL, 8, 256
BEGIN, END, WHOLE = 1, 2, 3


def bounded(suite=0x1301):
    p = Peer(suite)
    p.kssl.setsockopt(K, tap.RECORDS, 1)
    return p


def take(sock, n, room=MAX, flags=0):
    """(bytes, [(length, flags)...]) of one recvmsg()."""
    data, anc, msg_flags, _ = sock.recvmsg(n, socket.CMSG_LEN(room * SIZE), flags)
    assert not msg_flags & socket.MSG_CTRUNC
    if not data:
        assert not anc
        return b'', []
    (level, kind, raw), = anc
    assert (level, kind) == (K, tap.RECORDS) and len(raw) % SIZE == 0
    rows = [struct.unpack_from('=IBBH', raw, at) for at in range(0, len(raw), SIZE)]
    assert all(r[1] == DATA and r[3] == 0 for r in rows), rows
    assert sum(r[0] for r in rows) == len(data), rows
    return data, [(r[0], r[2]) for r in rows]


def arrived(p, n):
    """Wait until so much text is there; opens it ahead of the reader."""
    for _ in range(2000):
        if struct.unpack('i', fcntl.ioctl(p.kssl, 0x541b, b'....'))[0] >= n:
            return
        time.sleep(0.01)
    assert False, 'nothing comes'


def send(p, *sizes, pad=0):
    """Records of these sizes, in one piece; returns the text."""
    text = [os.urandom(n) for n in sizes]
    p.tcp.sendall(b''.join(p.out.seal(t, pad=pad) for t in text))
    return b''.join(text)


def option():
    p = Peer(0x1301)
    assert p.kssl.getsockopt(K, tap.RECORDS) == 0
    text = send(p, 3, 4)
    arrived(p, 7)
    data, anc, flags, _ = p.kssl.recvmsg(100, 4096)
    assert (data, anc, flags) == (text, [], 0), 'off by default'
    for bad in (b'', b'\1', bytes(8), b'\2\0\0\0', b'\xff' * 4):
        assert tap.errno_of(p.kssl.setsockopt, K, tap.RECORDS, bad) == errno.EINVAL
    p.kssl.setsockopt(K, tap.RECORDS, 1)
    assert p.kssl.getsockopt(K, tap.RECORDS) == 1
    text = send(p, 5)
    assert take(p.kssl, 100) == (text, [(5, WHOLE)])
    p.kssl.setsockopt(K, tap.RECORDS, 0)
    text = send(p, 5)
    assert p.kssl.recvmsg(100, 4096)[:2] == (text, [])
    p.close()


def inherited():
    """A listener's setting is its children's."""
    lis = socket.create_server(('127.0.0.1', 0))
    tap.attach(lis)
    lis.setsockopt(K, tap.RECORDS, 1)
    one = socket.create_connection(lis.getsockname())
    other = lis.accept()[0]
    assert other.getsockopt(K, tap.RECORDS) == 1
    for s in (lis, one, other):
        s.close()


def sizes(suite):
    """Records of every odd size, as many as there are in a call."""
    p = bounded(suite)
    want = [1, 2, 255, 256, 16384, 1, 16383, 4000, 4096, 5, 5, 5, 12345, 64]
    text = b''
    for n in want:
        text += send(p, n, pad=n % 300 if p.out.version == 0x304 and n < 16000 else 0)
    got, rows = b'', []
    while len(got) < len(text):
        data, r = take(p.kssl, len(text))
        got += data
        rows += r
    assert got == text and rows == [(n, WHOLE) for n in want], rows
    p.close()


def cut(suite):
    """Records that the program's buffer cuts."""
    p = bounded(suite)
    text = send(p, 10, 20, 30)
    arrived(p, 60)
    got, rows = b'', []
    for n in (4, 4, 4, 30, 1, 100):
        data, r = take(p.kssl, n)
        got += data
        rows.append(r)
    assert got == text
    assert rows == [[(4, BEGIN)], [(4, 0)], [(2, END), (2, BEGIN)], [(18, END), (12, BEGIN)],
                    [(1, 0)], [(17, END)]], rows
    p.close()


def cut_and_ahead():
    """A record that is begun, and then moved to where text opened ahead lies."""
    p = bounded()
    text = send(p, 1000)
    arrived(p, 1000)
    data, rows = take(p.kssl, 300)
    assert rows == [(300, BEGIN)]
    text += send(p, 500)
    arrived(p, 1200)
    more, rows = take(p.kssl, 5000)
    assert data + more == text and rows == [(700, END), (500, WHOLE)], rows
    p.close()


def peeked():
    p = bounded()
    text = send(p, 10, 20, 30)
    arrived(p, 60)
    assert take(p.kssl, 4)[1] == [(4, BEGIN)]
    for _ in range(2):
        assert take(p.kssl, 30, flags=socket.MSG_PEEK) == \
            (text[4:34], [(6, END), (20, WHOLE), (4, BEGIN)])
    assert take(p.kssl, 8) == (text[4:12], [(6, END), (2, BEGIN)])
    assert take(p.kssl, 100, flags=socket.MSG_PEEK) == (text[12:], [(18, END), (30, WHOLE)])
    assert take(p.kssl, 100) == (text[12:], [(18, END), (30, WHOLE)])
    p.close()


def waitall():
    p = bounded(0xc02f)
    p.kssl.settimeout(None)

    def later():
        for n in (10, 20, 30):
            time.sleep(0.2)
            send(p, n)
    t = threading.Thread(target=later)
    t.start()
    assert take(p.kssl, 45, flags=socket.MSG_WAITALL)[1] == [(10, WHOLE), (20, WHOLE), (15, BEGIN)]
    t.join()
    assert take(p.kssl, 45)[1] == [(15, END)]
    p.close()


def little_room():
    """A call tells of what it can, and leaves the rest to the next."""
    p = bounded()
    text = send(p, 10, 20, 30, 40)
    arrived(p, 100)
    got, rows = b'', []
    for room in (2, 1, 1, 5):
        if len(got) < len(text):
            data, r = take(p.kssl, 1000, room, socket.MSG_WAITALL if room == 2 else 0)
            got += data
            rows.append([n for n, _ in r])
    assert got == text and rows == [[10, 20], [30], [40]], rows
    p.close()


def no_room():
    """Less than one record's worth: MSG_CTRUNC, and bytes as without the option."""
    p = bounded()
    for control in (0, 1, socket.CMSG_LEN(0), socket.CMSG_LEN(SIZE) - 1):
        text = send(p, 10, 20)
        arrived(p, 30)
        data, anc, flags, _ = p.kssl.recvmsg(1000, control)
        assert data == text and not anc and flags & socket.MSG_CTRUNC, (control, anc, flags)
    text = send(p, 10, 20)
    arrived(p, 30)
    assert p.kssl.recv(1000) == text, 'read() and recv() as ever'
    p.close()


def many():
    """More records than one call tells of, whatever the control buffer."""
    p = bounded()
    text = send(p, *[3] * 600)
    arrived(p, 1800)
    rows = [take(p.kssl, 5000, 4000) for _ in range(3)]
    assert b''.join(r[0] for r in rows) == text
    assert [len(r[1]) for r in rows] == [MAX, MAX, 600 - 2 * MAX]
    assert all(r == (3, WHOLE) for _, part in rows for r in part)
    p.close()


def other_records():
    """What is no text is not told of: empty records, tickets, the end."""
    p = bounded()
    text = os.urandom(3)
    p.tcp.sendall(p.out.seal(text) + p.out.seal(b'') + p.out.seal(TICKET, HANDSHAKE) +
                  p.out.seal(text) + p.out.seal(b'\1\0', 21))
    arrived(p, 6)
    assert take(p.kssl, 100) == (text * 2, [(3, WHOLE)] * 2)
    assert take(p.kssl, 100) == (b'', [])
    p.close()


def given():
    """KSSL_TEXT: one each time."""
    p = bounded()
    for text in (b'one', b'three'):
        p.kssl.setsockopt(K, tap.TEXT, text)
    send(p, 7)
    arrived(p, 15)
    assert take(p.kssl, 100)[1] == [(3, WHOLE), (5, WHOLE), (7, WHOLE)]
    p.close()


def discarded():
    """MSG_TRUNC counts and tells, but copies nothing."""
    p = bounded()
    text = send(p, 10, 20)
    arrived(p, 30)
    data, rows = take(p.kssl, 15, flags=socket.MSG_TRUNC)
    assert len(data) == 15 and rows == [(10, WHOLE), (5, BEGIN)]
    assert take(p.kssl, 100) == (text[15:], [(15, END)])
    p.close()


def program(name):
    """A 64-bit and a 32-bit program: the control message has another header."""
    p = bounded()
    send(p, 10, 20, 30)
    arrived(p, 60)

    def run(*args):
        return subprocess.run([PEERS + name, str(p.kssl.fileno()), *map(str, args)],
                              stdout=subprocess.PIPE, pass_fds=[p.kssl.fileno()], check=True,
                              text=True).stdout.strip()
    assert run(5, 1) == '5 0 5/23/1'
    assert run(1000, 2) == '25 0 5/23/2 20/23/3'
    assert run(1000, 0) == '30 1'
    p.close()


def main():
    for fn in (option, inherited, cut_and_ahead, peeked, waitall, little_room, no_room, many,
               other_records, given, discarded):
        tap.case(fn.__name__)(fn)
    for suite in (0x1301, 0x1303, 0xc02f, 0xcca8):
        tap.case(f'odd sizes, {suite:#x}')(lambda s=suite: sizes(s))
        tap.case(f'cut, {suite:#x}')(lambda s=suite: cut(s))
    tap.case('a 64-bit program')(lambda: program('bounds'))
    tap.case('a 32-bit program')(lambda: program('bounds32'))
    tap.done()


main()
