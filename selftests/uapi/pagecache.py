#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Opening a record must never write into pages that belong to somebody else: a
record lies in a file, is sent by sendfile() (and by way of a pipe) over loopback,
where the receiver's skb holds the file's own page cache pages."""
import os
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


for number in SUITES:
    tap.case(f'sendfile, {number:#x}')(lambda s=number: unchanged(s, False))
    tap.case(f'splice through a pipe, {number:#x}')(lambda s=number: unchanged(s, True))
tap.done()
