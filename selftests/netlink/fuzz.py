#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Netlink requests and socket options as nobody would write them.

Good requests of every verb are changed (attributes left out, repeated, cut, grown,
nested, renumbered, filled with noise) and sent by a worker that has real handshakes;
so are options to those sockets.  Whatever comes of it: every request is answered, with
an errno from a short list; every program that waits gets its result; a session that
opens has keys and sends no plaintext; and a proper handshake still works afterwards.

usage: fuzz.py SECONDS [SEED]
"""
import errno
import os
import random
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import genl  # noqa: E402
import tap  # noqa: E402
from genl import Genl, Refused, attr, nest, u8, u16, u64  # noqa: E402
from records import Half  # noqa: E402

SECONDS = int(sys.argv[1])
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
MARK = b'plaintext that nobody may see'
SESSION, BYTES, CONSUMED, VERSION, SUITE, TX, RX, EXPORTER = 1, 14, 15, 16, 17, 18, 19, 31
# What a request may be told; ENOMEM would be a length that was believed.
ANSWERS = {0, errno.EINVAL, errno.ERANGE, errno.ENOENT, errno.EOPNOTSUPP, errno.EEXIST,
           errno.EPROTONOSUPPORT, errno.ENOTCONN, errno.EPIPE, errno.EBUSY, errno.EACCES,
           errno.EBADMSG, errno.ENOKEY, errno.EAGAIN, errno.EMSGSIZE, errno.EPERM,
           errno.ENOPROTOOPT, errno.ENOPKG}
OPTION_ANSWERS = ANSWERS | {errno.ENODATA, errno.ENOBUFS, errno.ECONNREFUSED, errno.EFAULT,
                            errno.EIO, errno.ECONNABORTED, errno.ECONNRESET, errno.ESRCH,
                            errno.ETIMEDOUT, errno.EOVERFLOW, errno.E2BIG, errno.ENOTSUP,
                            errno.EINPROGRESS, errno.EALREADY, errno.ENAMETOOLONG, errno.EPROTO}
rnd = random.Random(SEED)
counts = {'requests': 0, 'accepted': 0, 'options': 0, 'opened': 0, 'handshakes': 0}


class Pair:
    """A client that does not wait for its handshake, and who it talks to."""

    def __init__(self, listener):
        self.sock = socket.socket()
        tap.attach(self.sock)
        self.sock.setblocking(False)
        self.sock.connect_ex(listener.getsockname())
        self.peer, _ = listener.accept()
        self.peer.settimeout(5)

    def close(self):
        self.sock.close()
        self.peer.close()


def noise(most=40):
    return rnd.randbytes(rnd.choice((0, 1, 2, 3, 4, 7, 8, 16, rnd.randrange(most))))


def number():
    return rnd.choice((0, 1, 2, 5, 255, 256, 0x1301, 0x303, 0x304, 0xc0b4, 0x7fffffff, 0xffffffff,
                       rnd.getrandbits(32)))


def keys():
    kinds = [attr(1, rnd.randbytes(rnd.choice((32, 48, 31, 0)))), attr(2, rnd.randbytes(16)),
             attr(3, rnd.randbytes(12)), attr(4, noise()), u64(5, rnd.choice((0, 1, 2**64 - 1)))]
    return kinds[:1] if rnd.random() < .6 else rnd.sample(kinds, rnd.randrange(1, 5))


def done(sid):
    """What a worker says at the end, more or less."""
    half = Half(rnd.choice((0x1301, 0x1302, 0x1303)))
    both = [nest(k, attr(1, half.secret)) if rnd.random() < .7 else nest(k, *keys())
            for k in (TX, RX)]
    extra = [u8(20, 1), attr(21, b'CN=x\0'), attr(22, noise(2000)), u8(23, 1), attr(24, b'sni\0'),
             u8(25, 1), attr(29, number()), nest(EXPORTER, attr(1, half.secret)),
             attr(32, b'DNS:a\0'), attr(33, rnd.randbytes(32)), attr(34, noise(3000)),
             u8(35, 3), attr(36, 1000), attr(BYTES, noise()), attr(CONSUMED, rnd.choice((0, 1)))]
    return [attr(SESSION, sid), u16(VERSION, 0x304), u16(SUITE, half.suite), *both,
            *rnd.sample(extra, rnd.randrange(6))]


def request(sid):
    """A request that might be good, as a list of attributes."""
    cmd = rnd.choice((genl.HS_DONE,) * 6 + (genl.DATA,) * 3 + tuple(range(1, 18)))
    if cmd == genl.HS_DONE:
        return cmd, done(sid)
    if cmd == genl.DATA:
        return cmd, [attr(SESSION, sid), attr(BYTES, noise()), attr(CONSUMED, rnd.choice((0, 1)))]
    if cmd == genl.FAIL:
        half = Half(rnd.choice((0x1301, 0x1302, 0x1303)))
        sealed = [u16(VERSION, 0x304), u16(SUITE, half.suite), nest(TX, attr(1, half.secret))]
        return cmd, [attr(SESSION, sid), attr(26, rnd.choice((5, number()))), u8(27, 40),
                     attr(30, b'because\0'), *rnd.choice(([], sealed))]
    if cmd == genl.POLICY_SET:
        return cmd, [attr(rnd.randrange(1, 8), number())]
    if cmd in (genl.REKEY, genl.CLOSE, genl.KILL, genl.GET):
        return cmd, [attr(1, rnd.choice((sid, number())))]
    if cmd == genl.REGISTER:
        return cmd, [attr(1, 1), attr(2, rnd.choice((4, number())))]
    return cmd, [attr(rnd.randrange(40), noise())]


def change_one(attrs):
    """One attribute, changed."""
    i = rnd.randrange(len(attrs))
    raw = attrs[i]
    size, kind = struct.unpack('HH', raw[:4])
    how = rnd.randrange(9)
    if how == 0:
        del attrs[i]
    elif how == 1:
        attrs.insert(rnd.randrange(len(attrs) + 1), raw)
    elif how == 2:      # shorter or longer than it says
        attrs[i] = struct.pack('HH', rnd.choice((0, 3, 4, size - 1, size + 1, size + 4, 0xffff)) &
                               0xffff, kind) + raw[4:]
    elif how == 3:
        attrs[i] = attr(kind, raw[4:size] + noise(300))
    elif how == 4:
        attrs[i] = attr(kind, raw[4:size][:rnd.randrange(max(size - 4, 1))])
    elif how == 5:
        attrs[i] = raw[:2] + struct.pack('H', rnd.choice((kind ^ 0x8000, kind ^ 0x4000,
                                                          rnd.randrange(50)))) + raw[4:]
    elif how == 6:
        body = bytearray(raw)
        if len(body) > 4:
            body[rnd.randrange(4, len(body))] ^= 1 << rnd.randrange(8)
        attrs[i] = bytes(body)
    elif how == 7:
        attrs[i] = nest(kind & 0x3fff, *[attr(rnd.randrange(7), noise(60))
                                         for _ in range(rnd.randrange(5))])
    else:
        rnd.shuffle(attrs)


def ask(nl, cmd, attrs):
    """The errno; an answer must come."""
    counts['requests'] += 1
    try:
        nl.call(cmd, *attrs)
    except Refused as e:
        assert e.errno in ANSWERS, (cmd, e.errno, b''.join(attrs).hex())
        return e.errno
    counts['accepted'] += 1
    return 0


def next_handshake(nl):
    """A session that waits for the worker, or None if none comes."""
    while True:
        for i, (cmd, got) in enumerate(nl.queue):
            if cmd == genl.READY:
                del nl.queue[i]
                return struct.unpack('I', got[1])[0]
        nl.queue.clear()
        if not select.select([nl.sock], [], [], 2)[0]:
            return None
        for kind, _, body in nl.messages():
            if kind == nl.family:
                nl.queue.append((body[0], genl.parse(body[4:])))


def options(sock):
    """Any option with any value."""
    for _ in range(rnd.randrange(4)):
        level = rnd.choice((tap.SOL_KSSL,) * 6 + (282, 6))
        name = rnd.choice((rnd.randrange(30), number()))
        if level == 6:
            name = 31
        value = rnd.choice((noise(300), struct.pack('I', number()), b'kssl', b'name',
                            tap.key(0x304, 0x1301, secret=rnd.randbytes(32)),
                            rnd.randbytes(232)))
        counts['options'] += 1
        if rnd.random() < .5:
            err = tap.errno_of(sock.setsockopt, level, name & 0x7fffffff, value)
        else:
            err = tap.errno_of(tap.getsockopt, sock, name & 0x7fffffff,
                               rnd.choice((0, 1, 4, 64, 132, 5000)), level)
        assert err in OPTION_ANSWERS, (level, name, value.hex(), err)


def opened(pair, cmd, err):
    """A session that hs-done has opened seals what it sends."""
    if cmd != genl.HS_DONE or err:
        return
    counts['opened'] += 1
    info = tap.info(pair.sock)
    assert info['version'] in (0x303, 0x304) and info['suite'], info
    pair.sock.setblocking(True)
    pair.sock.settimeout(5)
    tap.errno_of(pair.sock.send, MARK)


def no_plaintext(pair):
    pair.peer.setblocking(False)
    seen = b''
    try:
        while True:
            part = pair.peer.recv(1 << 16)
            if not part:
                break
            seen += part
    except OSError:
        pass
    assert MARK not in seen, seen


def worker():
    nl = Genl()
    for kind, usual in ((1, 5000), (2, 20000), (3, 4096), (4, 0), (5, 0), (6, 0), (7, 0)):
        nl.call(genl.POLICY_SET, attr(kind, usual))
    nl.call(genl.REGISTER, attr(1, 1), attr(2, 4))
    return nl


def one_life(listener):
    """A worker, a handshake, a few bad requests."""
    nl, pair = worker(), Pair(listener)
    counts['handshakes'] += 1
    sid = next_handshake(nl)
    assert sid is not None, 'no hs-ready'
    for _ in range(rnd.randrange(1, 6)):
        cmd, attrs = request(sid)
        for _ in range(rnd.choice((0, 1, 1, 1, 2, 4))):
            if attrs:
                change_one(attrs)
        err = ask(nl, cmd, attrs)
        tap.errno_of(pair.sock.send, MARK)
        opened(pair, cmd, err)
        options(pair.sock)
    nl.close()      # whatever is left of the handshake goes back to the queue
    no_plaintext(pair)
    pair.close()


def proper(listener):
    """After all that a handshake as it should be."""
    nl, pair, there = worker(), Pair(listener), Half(0x1301)
    sid = next_handshake(nl)
    nl.call(genl.HS_DONE, attr(SESSION, sid), u16(VERSION, 0x304), u16(SUITE, 0x1301),
            nest(TX, attr(1, there.secret)), nest(RX, attr(1, there.secret)))
    pair.sock.setblocking(True)
    pair.sock.settimeout(5)
    assert pair.sock.send(b'sealed') == 6
    assert there.read(pair.peer) == (23, b'sealed')
    pair.close()
    nl.close()


def main():
    listener = socket.create_server(('127.0.0.1', 0))
    until = time.monotonic() + SECONDS
    try:
        # A slow machine makes few in that time: one has to open.
        while time.monotonic() < until or \
                (not counts['opened'] and time.monotonic() < until + 5 * SECONDS):
            for _ in range(20):
                one_life(listener)
            proper(listener)
        tap.ok(counts['opened'] > 0, f'seed {SEED}, {SECONDS} s: ' +
               ', '.join(f'{n} {what}' for what, n in counts.items()))
    except Exception as e:  # pylint: disable=broad-except
        tap.ok(False, f'seed {SEED}', repr(e))
        raise
    tap.done()


main()
