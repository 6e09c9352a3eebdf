#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Sizes of the records that are sent (KSSL_RECORD_SIZE, KSSL_PAD, the congestion
window) and KSSL_EOF_MODE; SO_RCVLOWAT whatever size they are received in.  Own keys; records opened by libcrypto."""
import ctypes
import errno
import mmap
import os
import select
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import tap  # noqa: E402
from records import DATA, HANDSHAKE, SUITES, Half, Peer  # noqa: E402

TCP_MAXSEG, TCP_INFO = 2, 11
MSS = 1400


def setopt(sock, name, n):
    return tap.errno_of(sock.setsockopt, tap.SOL_KSSL, name, n)


def getopt(sock, name):
    return sock.getsockopt(tap.SOL_KSSL, name)


def sent(sock, data):
    """Send from a thread, so that a full socket does not stop the test."""
    t = threading.Thread(target=sock.sendall, args=(data,))
    t.start()
    return t


def raw(p):
    """The next record: its length on the wire without header, and its content."""
    head = tap.read_all(p.tcp, 5)
    body = tap.read_all(p.tcp, struct.unpack('>H', head[3:])[0])
    kind, text = p.back.open(head + body)
    return len(body), kind, text


def record_size(suite):
    p = Peer(suite)
    assert getopt(p.kssl, tap.RECORD_SIZE) == 0
    for n in (1, 63, 16385, 2**31):
        assert setopt(p.kssl, tap.RECORD_SIZE, struct.pack('I', n)) == errno.EINVAL
    assert tap.errno_of(p.kssl.setsockopt, tap.SOL_KSSL, tap.RECORD_SIZE, b'\0') == errno.EINVAL
    for size in (64, 1000, 16384):
        assert setopt(p.kssl, tap.RECORD_SIZE, size) == 0 and getopt(p.kssl, tap.RECORD_SIZE) == size
        data = os.urandom(3 * size + 7)
        p.kssl.sendall(data)
        got = [raw(p)[2] for _ in range(4)]
        assert [len(g) for g in got] == [size] * 3 + [7], [len(g) for g in got]
        assert b''.join(got) == data
    p.kssl.send(b'a', socket.MSG_MORE)
    p.kssl.sendall(b'b' * 16384)
    assert len(raw(p)[2]) == 16384 and raw(p)[2] == b'b'
    p.close()


def pad(suite):
    p = Peer(suite)
    overhead = 16 if SUITES[suite][0] == 0x304 else None
    for n in (1, 16385):
        assert setopt(p.kssl, tap.PAD, n) == errno.EINVAL
    for block in (2, 16, 100, 1000, 4096, 16384):
        assert setopt(p.kssl, tap.PAD, block) == 0 and getopt(p.kssl, tap.PAD) == block
        for n in (1, block - 1, block, block + 1, 5000, 16383, 16384):
            n = min(max(n, 1), 16384)
            data = os.urandom(n - 1) + b'x'
            t = sent(p.kssl, data)
            length, kind, text = raw(p)
            t.join()
            assert kind == DATA and text == data
            if overhead:
                inner = length - overhead
                assert inner % block == 0 or inner == 16385, (block, n, inner)
                assert n < inner <= 16385 and inner - (n + 1) < block
            else:
                assert length == n + 16 + (8 if len(p.back.iv) == 4 else 0), 'TLS 1.2 has no padding'
    p.kssl.send(b'open', socket.MSG_MORE)
    assert setopt(p.kssl, tap.PAD, 2) == errno.EBUSY
    p.kssl.send(b'ed')
    assert raw(p)[2] == b'opened'
    assert setopt(p.kssl, tap.PAD, 0) == 0
    p.kssl.send(b'none')
    length, _, text = raw(p)
    assert text == b'none' and (not overhead or length == 4 + 1 + overhead)
    p.close()


def pad_many():
    """Bulk with padding, and KeyUpdates and alerts padded too."""
    p = Peer(0x1301)
    assert setopt(p.kssl, tap.PAD, 4096) == 0 and setopt(p.kssl, tap.RECORD_SIZE, 5000) == 0
    data = os.urandom(300000)
    t = sent(p.kssl, data)
    got = b''
    while len(got) < len(data):
        length, kind, text = raw(p)
        assert kind == DATA and (length - 16) % 4096 == 0
        got += text
    t.join()
    assert got == data
    assert setopt(p.kssl, tap.KEY_UPDATE, 0) == 0
    length, kind, text = raw(p)
    assert (kind, text, length) == (HANDSHAKE, b'\x18\0\0\1\0', 4096 + 16)
    p.close()


def small_window_peer(suite):
    """A fresh connection with segments of MSS bytes."""
    lis = socket.create_server(('127.0.0.1', 0))
    lis.setsockopt(tap.SOL_TCP, TCP_MAXSEG, MSS)
    p = Peer.__new__(Peer)
    p.kssl = socket.socket()
    p.kssl.setsockopt(tap.SOL_TCP, TCP_MAXSEG, MSS)
    p.kssl.connect(lis.getsockname())
    p.tcp = lis.accept()[0]
    lis.close()
    p.back = Half(suite)
    tap.attach(p.kssl)
    p.kssl.setsockopt(tap.SOL_KSSL, tap.KEY_TX, p.back.uapi())
    return p


def window(sock):
    """Congestion window in bytes."""
    info = sock.getsockopt(tap.SOL_TCP, TCP_INFO, 128)
    return struct.unpack_from('I', info, 16)[0] * struct.unpack_from('I', info, 80)[0]


def bulk(suite):
    """The records of a first send of a MiB: the first ends with the window."""
    p = small_window_peer(suite)
    room = window(p.kssl)
    assert MSS * 8 < room < 16384, room
    data = os.urandom(1 << 20)
    t = sent(p.kssl, data)
    sizes, got = [], b''
    while len(got) < len(data):
        length, _, text = raw(p)
        sizes.append(length + 5)
        got += text
    t.join()
    assert got == data
    assert room - MSS < sizes[0] <= room, (sizes[0], room)
    p.close()
    return sizes


def adaptive(suite):
    """A sender that has to wait for the CPU has idle times, and short records after them."""
    for _ in range(4):
        sizes = bulk(suite)
        if sum(1 for n in sizes if n > 16384) >= len(sizes) * 9 // 10:
            return
    assert False, sizes


def fixed_is_fixed():
    p = small_window_peer(0x1301)
    assert setopt(p.kssl, tap.RECORD_SIZE, 16384) == 0
    t = sent(p.kssl, bytes(40000))
    assert [len(raw(p)[2]) for _ in range(3)] == [16384, 16384, 7232]
    t.join()
    p.close()


def eof_mode(suite):
    p = Peer(suite)
    assert getopt(p.kssl, tap.EOF_MODE) == 0 and setopt(p.kssl, tap.EOF_MODE, 2) == errno.EINVAL
    assert setopt(p.kssl, tap.EOF_MODE, 1) == 0 and getopt(p.kssl, tap.EOF_MODE) == 1
    p.send(b'text')
    p.tcp.shutdown(socket.SHUT_WR)
    assert p.kssl.recv(9) == b'text' and p.kssl.recv(9) == b'' and p.kssl.recv(9) == b''
    p.kssl.send(b'answer')
    assert p.got() == (DATA, b'answer')
    p.close()
    p = Peer(suite)
    setopt(p.kssl, tap.EOF_MODE, 1)
    p.tcp.sendall(p.out.seal(b'text')[:-1])
    p.tcp.shutdown(socket.SHUT_WR)
    assert tap.errno_of(p.kssl.recv, 9) == errno.ECONNRESET, 'inside a record'
    p.close()


def zerocopy():
    """MSG_ZEROCOPY is served by a copy, and each completion says so."""
    so_zerocopy, msg_zerocopy, errqueue = 60, 0x4000000, 0x2000
    p = Peer(0x1301)
    p.kssl.setsockopt(socket.SOL_SOCKET, so_zerocopy, 1)
    for i in range(3):
        data = bytearray(os.urandom(3000))
        want = bytes(data)
        assert p.kssl.send(data, msg_zerocopy) == len(want)
        data[:] = bytes(3000)       # ours again at once
        assert p.got() == (DATA, want)
        _, anc, _, _ = p.kssl.recvmsg(1, 512, errqueue)
        err, origin, _, code, _, low, high = struct.unpack_from('IBBBBII', anc[0][2])
        assert (err, origin, code, low, high) == (0, 5, 1, i, i), anc
    p.kssl.setblocking(False)
    assert tap.errno_of(p.kssl.recvmsg, 1, 512, errqueue) == errno.EAGAIN
    p.kssl.shutdown(socket.SHUT_WR)
    assert tap.errno_of(p.kssl.send, b'x', msg_zerocopy) == errno.EPIPE
    p.close()


def cut_short(suite):
    """Memory that ends in the middle: what was taken is on its way at once."""
    libc = ctypes.CDLL(None, use_errno=True)
    p = Peer(suite)
    p.tcp.settimeout(5)
    setopt(p.kssl, tap.RECORD_SIZE, 4096)
    whole = mmap.mmap(-1, 8 * 4096)
    whole[:] = data = os.urandom(8 * 4096)
    at = ctypes.addressof(ctypes.c_char.from_buffer(whole))
    assert not libc.mprotect(ctypes.c_void_p(at + 5 * 4096), 3 * 4096, 0)
    assert libc.send(p.kssl.fileno(), ctypes.c_void_p(at), 8 * 4096, 0) == 5 * 4096
    got = b''.join(raw(p)[2] for _ in range(5))
    assert got == data[:5 * 4096]
    p.kssl.sendall(b'more')
    assert p.got() == (DATA, b'more')
    libc.mprotect(ctypes.c_void_p(at), 8 * 4096, 3)
    p.close()


def full_ones_go(suite):
    """MSG_MORE holds back what is no whole record, and nothing else."""
    p = Peer(suite)
    p.tcp.settimeout(5)
    for size, nr in ((4096, 2), (16384, 1), (16384, 5)):
        setopt(p.kssl, tap.RECORD_SIZE, size)
        data = os.urandom(nr * size + 1000)
        p.kssl.sendall(data, socket.MSG_MORE)
        assert b''.join(raw(p)[2] for _ in range(nr)) == data[:nr * size]
        assert not select.select([p.tcp], [], [], 0.5)[0]
        p.kssl.sendall(b'the end')
        assert p.got() == (DATA, data[nr * size:] + b'the end')
    p.close()


def splice_more(suite):
    """SPLICE_F_MORE holds back what is no whole record, as on TCP; sendfile() of a file
    that is shorter than it was asked for leaves nothing behind."""
    p = Peer(suite)
    p.tcp.settimeout(5)
    r, w = os.pipe()
    pieces = [os.urandom(100) for _ in range(4)]
    for i, piece in enumerate(pieces):
        os.write(w, piece)
        assert os.splice(r, p.kssl.fileno(), 100, flags=os.SPLICE_F_MORE if i < 3 else 0) == 100
    assert p.got() == (DATA, b''.join(pieces)), 'pieces of one record'
    os.write(w, b'held')
    os.splice(r, p.kssl.fileno(), 4, flags=os.SPLICE_F_MORE)
    assert not select.select([p.tcp], [], [], 0.5)[0], 'held back'
    p.kssl.send(b' and more')
    assert p.got() == (DATA, b'held and more')
    os.write(w, b'last')
    os.splice(r, p.kssl.fileno(), 4, flags=os.SPLICE_F_MORE)
    p.kssl.shutdown(socket.SHUT_WR)
    assert p.got() == (DATA, b'last')
    p.close()
    for asked in (20000, 100000, 20001, 16384 * 3):
        p = Peer(suite)
        p.tcp.settimeout(5)
        data = os.urandom(20000)
        with open(f'/proc/self/fd/{os.memfd_create("file")}', 'r+b') as f:
            f.write(data)
            f.flush()
            assert os.sendfile(p.kssl.fileno(), f.fileno(), 0, asked) == 20000
        got = b''
        while len(got) < len(data):
            got += p.got()[1]
        assert got == data, f'sendfile() of {asked}'
        p.close()


def low_water_mark(suite):
    """Readable means so many bytes, in however many records they come."""
    p = Peer(suite)
    wakes = select.poll()
    wakes.register(p.kssl, select.POLLIN)
    p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1000)
    p.tcp.sendall(b''.join(p.out.seal(b'x' * n) for n in [1] * 40 + [0] * 10 + [24] * 39))
    assert not wakes.poll(500), '976 of 1000 bytes, in 89 records'
    p.kssl.setblocking(False)
    assert len(p.kssl.recv(2000, socket.MSG_PEEK)) == 976
    assert not wakes.poll(0), 'and looked at'
    p.tcp.sendall(b''.join(p.out.seal(b'y') for _ in range(24)))
    assert wakes.poll(20000)
    assert p.kssl.recv(2000) == b'x' * 976 + b'y' * 24
    p.close()


def main():
    import signal
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    for suite in (0x1301, 0x1303, 0xc02f, 0xcca8):
        tap.case(f'KSSL_RECORD_SIZE, {suite:#x}')(lambda s=suite: record_size(s))
        tap.case(f'KSSL_PAD, {suite:#x}')(lambda s=suite: pad(s))
        tap.case(f'KSSL_EOF_MODE, {suite:#x}')(lambda s=suite: eof_mode(s))
        tap.case(f'first record fits the window, bulk is full, {suite:#x}')(lambda s=suite: adaptive(s))
    tap.case('KSSL_PAD in bulk and on control records')(pad_many)
    tap.case('a fixed record size does not adapt')(fixed_is_fixed)
    tap.case('MSG_ZEROCOPY')(zerocopy)
    with open('/sys/module/kssl/parameters/more_ms', 'w', encoding='ascii') as f:
        f.write('3600000')
    for suite in (0x1301, 0xc02f):
        tap.case(f'a send that is cut short, {suite:#x}')(lambda s=suite: cut_short(s))
        tap.case(f'MSG_MORE and full records, {suite:#x}')(lambda s=suite: full_ones_go(s))
        tap.case(f'SPLICE_F_MORE and sendfile(), {suite:#x}')(lambda s=suite: splice_more(s))
        tap.case(f'SO_RCVLOWAT and small records, {suite:#x}')(lambda s=suite: low_water_mark(s))
    tap.done()


main()
