#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""RSA key transport: a badly encrypted pre-master secret is not told apart from a
well encrypted wrong one (Bleichenbacher; RFC 5246, 7.4.7.1).

A client of our own sends every class of bad block; what comes back, at which step,
and what the server's program and the daemon's log say of it must be the same for
all.  That the comparison can tell is shown on a server without countermeasure.

usage: keytransport.py KEY LOG
"""
import errno
import os
import queue
import select
import socket
import sys
import threading
import time

from cryptography.hazmat.primitives import serialization

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402
import tls12  # noqa: E402
from tls12 import ALERT, CCS, DATA, HANDSHAKE, message, record  # noqa: E402

KEY, LOG = sys.argv[1:]
QUIET = 0.3     # a step that is not answered within this, s
SECRET = b'\3\3' + bytes(range(46))


def put(block, at, value):
    return block[:at] + bytes([value]) + block[at + 1:]


# A pre-master secret that is well encrypted, and each way to do it badly: the
# block as OpenSSL will see it.  The client's keys come from another secret always.
BLOCKS = (
    ('well padded', lambda c: c.block(b'\3\3' + os.urandom(46))),
    ('well padded, another one', lambda c: c.block(b'\3\3' + os.urandom(46))),
    ('version 1.1 in it', lambda c: c.block(b'\3\2' + os.urandom(46))),
    ('version 1.3 in it', lambda c: c.block(b'\3\4' + os.urandom(46))),
    ('version 0.0 in it', lambda c: c.block(b'\0\0' + os.urandom(46))),
    ('first byte is not 0', lambda c: put(c.block(SECRET), 0, 1)),
    ('block type 1', lambda c: put(c.block(SECRET), 1, 1)),
    ('block type 0', lambda c: put(c.block(SECRET), 1, 0)),
    ('no 0 before the secret', lambda c: put(c.block(SECRET), c.size - 49, 7)),
    ('no 0 at all', lambda c: b'\0\2' + bytes(b or 1 for b in os.urandom(c.size - 2))),
    ('0 in the first byte of padding', lambda c: put(c.block(SECRET), 2, 0)),
    ('0 in the eighth byte of padding', lambda c: put(c.block(SECRET), 9, 0)),
    ('0 in the ninth byte of padding', lambda c: put(c.block(SECRET), 10, 0)),
    ('secret of 47 bytes', lambda c: c.block(b'\3\3' + os.urandom(45))),
    ('secret of 49 bytes', lambda c: c.block(b'\3\3' + os.urandom(47))),
    ('secret of 0 bytes', lambda c: c.block(b'')),
    ('all bytes 0', lambda c: bytes(c.size)),
    ('random', lambda c: b'\0' + os.urandom(c.size - 1)),
)


SOME = BLOCKS[1::5]     # the first of them well padded


def comes(sock):
    """What comes while nothing is sent, up to the end or a while of silence."""
    out = b''
    while select.select([sock], [], [], QUIET)[0]:
        try:
            got = sock.recv(65536)
        except OSError as e:
            return out, e.errno
        if not got:
            return out, 'end'
        out += got
    return out, 'open'


def attempt(address, make):
    """Per step, what a client can see."""
    c = tls12.Client(address)
    steps = (lambda: c.key_exchange(make(c)), lambda: record(CCS, b'\1'),
             lambda: c.finished(SECRET))
    seen = [('flight', tuple(c.heard))]
    for step in steps:
        try:
            c.sock.sendall(step())
        except OSError as e:
            seen.append(('send', e.errno))
            break
        seen.append(comes(c.sock))
        if seen[-1][1] != 'open':
            break
    if seen[-1][1] == 'open':   # until the end, however long it takes
        rest = b''
        while True:
            got = c.sock.recv(65536)
            if not got:
                break
            rest += got
        seen[-1] = (seen[-1][0] + rest, 'end')
    c.sock.close()
    return seen


# ---- the server under test ----

class Kssl:
    def __init__(self):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.address = self.listener.getsockname()
        self.seen = queue.Queue()
        tap.attach(self.listener)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            conn, _ = self.listener.accept()
            conn.settimeout(30)
            try:
                conn.sendall(conn.recv(100))
                self.seen.put((tap.info(conn)['suite'], conn.getsockopt(
                    tap.SOL_KSSL, tap.PEER_NAME, 256)))
                conn.recv(1)
            except OSError as e:
                self.seen.put((e.errno, tap.error(conn)))
            conn.close()


def log_lines(start):
    with open(LOG, encoding='utf-8') as f:
        f.seek(start)
        return [line.split('failed: ')[-1] for line in f.read().splitlines()]


def tried(server, make):
    start = os.stat(LOG).st_size
    out = attempt(server.address, make), server.seen.get(timeout=30)
    end = time.time() + 10
    while not log_lines(start) and time.time() < end:
        time.sleep(0.05)
    return out + (log_lines(start),)


def all_alike(server):
    base = tried(server, BLOCKS[0][1])
    tap.ok(base[0][-1] == (record(ALERT, b'\2\x14'), 'end') and len(base[0]) == 4 and
           base[0][1:3] == [(b'', 'open')] * 2,
           'a wrong secret: bad_record_mac, after Finished and not before', base)
    tap.ok(base[1][0] == errno.EBADMSG and base[1][1]['sent'] == 20 and len(base[2]) == 1,
           'EBADMSG and one line', base)
    for name, make in BLOCKS[1:]:
        got = tried(server, make)
        tap.ok(got == base, f'not told apart: {name}', f'{got}\n{base}')


def right_secret(server, host, name):
    """The client is right in everything else: with the true secret it is served."""
    c = tls12.Client(server.address, host)
    c.sock.sendall(c.key_exchange(c.block(SECRET)) + record(CCS, b'\1') + c.finished(SECRET))
    c.check_finished()
    c.sock.sendall(c.out.seal(DATA, b'ping'))
    kind, body = c.reader.record()
    tap.ok(kind == DATA and c.back.open(kind, body) == b'ping', f'the right secret, {name}: served')
    tap.is_(server.seen.get(timeout=30), (tls12.RSA_AES_128_CBC_SHA256, host if host.isalpha()
                                          else b''), 'suite, and the name that the client sent')
    c.sock.close()
    server.seen.get(timeout=30)


# ---- a server without countermeasure ----

class Oracle:
    """Says what it thinks of the block: .leak is when and how."""

    def __init__(self, certificate):
        with open(KEY, 'rb') as f:
            key = serialization.load_pem_private_key(f.read(), None)
        self.key = key.private_numbers()
        self.size = key.key_size // 8
        self.certificate = certificate
        self.leak = None
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.address = self.listener.getsockname()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            conn, _ = self.listener.accept()
            conn.settimeout(30)
            try:
                self.serve(conn)
            except OSError:
                pass
            conn.close()

    def good(self, msg):
        n = pow(int.from_bytes(msg[6:], 'big'), self.key.d, self.key.public_numbers.n)
        block = n.to_bytes(self.size, 'big')
        return (block[:2] == b'\0\2' and b'\0' not in block[2:-49] and
                block[-49:-46] == b'\0\3\3')

    def serve(self, conn):
        reader = tls12.Reader(conn)
        reader.message()
        conn.sendall(record(HANDSHAKE, tls12.server_hello(tls12.RSA_AES_128_CBC_SHA256) +
                            self.certificate + message(tls12.HELLO_DONE, b'')))
        good = self.good(reader.message())
        if self.leak == 'early' and not good:
            conn.sendall(record(ALERT, b'\2\x14'))
            return
        reader.record()
        reader.record()
        alert = b'\2\x33' if self.leak == 'other alert' and not good else b'\2\x14'
        if self.leak == 'silence' and not good:
            return
        conn.sendall(record(ALERT, alert))


def comparison_can_tell(certificate):
    oracle = Oracle(certificate)
    base = attempt(oracle.address, BLOCKS[0][1])
    tap.ok(attempt(oracle.address, BLOCKS[5][1]) == base, 'a server that does not tell: equal')
    for leak in ('early', 'other alert', 'silence'):
        oracle.leak = leak
        told = [name for name, make in SOME if attempt(oracle.address, make) != base]
        tap.is_(told, [name for name, _ in SOME[1:]], f'a server that tells ({leak}): found out')


def main():
    server = Kssl()
    right_secret(server, b'localhost', 'and a host name')
    right_secret(server, b'a\x1b[2Jb', 'and a name that a terminal should not see')
    all_alike(server)
    with open(KEY.replace('.key', '.pem'), 'rb') as f:
        der = tls12.x509.load_pem_x509_certificate(f.read()).public_bytes(
            serialization.Encoding.DER)
    size = len(der)
    comparison_can_tell(message(tls12.CERTIFICATE, (size + 3).to_bytes(3, 'big') +
                                size.to_bytes(3, 'big') + der))
    tap.done()


main()
