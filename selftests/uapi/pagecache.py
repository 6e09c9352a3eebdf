#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Opening a record must never write into pages that belong to somebody else: a
record lies in a file, is sent by sendfile() (and by way of a pipe) over loopback,
where the receiver's skb holds the file's own page cache pages.  And a page that a
record was sealed in is not used again while somebody has it."""
import fcntl
import os
import select
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import tap  # noqa: E402
from records import SUITES, Peer  # noqa: E402

PATH = sys.argv[1] + '/record'


def unchanged(suite, by_pipe):
    p = Peer(suite)
    text = os.urandom(16000)
    record = p.out.seal(text)
    with open(PATH, 'wb') as f:
        f.write(record)
    os.chmod(PATH, 0o444)
    with open(PATH, 'rb') as f:
        if by_pipe:
            r, w = os.pipe()
            left = len(record)
            while left:
                n = os.splice(f.fileno(), w, left)
                while n:
                    n -= (done := os.splice(r, p.tcp.fileno(), n))
                    left -= done
            os.close(r)
            os.close(w)
        else:
            assert os.sendfile(p.tcp.fileno(), f.fileno(), 0, len(record)) == len(record)
        assert tap.read_all(p.kssl, len(text)) == text, 'wrong plaintext'
        assert os.pread(f.fileno(), len(record) + 1, 0) == record, 'the file changed'
    p.close()
    os.unlink(PATH)


class Held:
    """What lies in a pipe, and then what comes from a socket."""

    def __init__(self, sock):
        self.sock = sock
        self.r, self.w = os.pipe()
        os.set_blocking(self.r, False)
        fcntl.fcntl(self.w, fcntl.F_SETPIPE_SZ, 1 << 20)

    def hold(self):
        """Pages, without a copy, as they lie in the socket's queue."""
        n = 0
        try:
            while done := os.splice(self.sock.fileno(), self.w, 1 << 20,
                                    flags=os.SPLICE_F_NONBLOCK):
                n += done
        except BlockingIOError:
            return n

    def recv(self, n, flags=0):
        try:
            return os.read(self.r, n)
        except BlockingIOError:
            return self.sock.recv(n, flags)

    def close(self):
        os.close(self.r)
        os.close(self.w)


def kept(suite):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})   # pages are kept by CPU
    p, other = Peer(suite), Peer(suite)
    held, n = Held(p.tcp), 0
    text = os.urandom(200000)
    for at in range(0, len(text), 40000):
        p.kssl.sendall(text[at:at + 40000])
        n += held.hold()
    assert n > 65536 * 2, f'only {n} bytes are held'
    for _ in range(64):   # many times what a CPU keeps
        other.kssl.sendall(bytes(60000))
        assert len(tap.read_all(other.tcp, 60000)) == 60000
        while select.select([other.tcp], [], [], 0)[0]:
            other.tcp.recv(65536)
    got = b''
    while len(got) < len(text):
        got += p.back.read(held)[1]
    assert got == text
    held.close()
    p.close()
    other.close()


for number in SUITES:
    tap.case(f'sendfile, {number:#x}')(lambda s=number: unchanged(s, False))
    tap.case(f'splice through a pipe, {number:#x}')(lambda s=number: unchanged(s, True))
    tap.case(f'pages that a pipe holds, {number:#x}')(lambda s=number: kept(s))
tap.done()
