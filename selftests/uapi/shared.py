#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""usage: shared.py SECONDS NAME

A connection whose both ends are kssl, with own keys, and a process for each thing that
can be done to it, as fast as it goes.  No byte is lost or doubled, nothing fails.
"""
import fcntl
import os
import select
import socket
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import records  # noqa: E402
import tap  # noqa: E402

SECONDS, NAME = float(sys.argv[1]), sys.argv[2]


def connection():
    ends = tap.pair()
    there, back = records.Half(0x1301), records.Half(0x1301)
    for sock, tx, rx in zip(ends, (there, back), (back, there)):
        tap.attach(sock)
        sock.setsockopt(tap.SOL_KSSL, tap.KEY_TX, tx.uapi())
        sock.setsockopt(tap.SOL_KSSL, tap.KEY_RX, rx.uapi())
        sock.setblocking(False)
    return ends


def jobs(a, b):
    """What is done: its name, and a call that returns how many bytes it moved."""
    poll, epoll = select.poll(), select.epoll()
    for sock in (a, b):
        poll.register(sock, select.POLLIN | select.POLLOUT)
        epoll.register(sock.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def nothing(fn):
        return lambda: fn() and 0

    def look():
        with open('/proc/net/kssl_stat', encoding='ascii') as f:
            return f.read()

    return {
        'send': lambda: a.send(b'x' * 700),
        'send much': lambda: a.send(b'x' * 40000),
        'send more': lambda: a.send(b'x' * 10, socket.MSG_MORE),
        'send back': lambda: b.send(b'x' * 9),
        'recv': lambda: len(b.recv(500)),
        'recv much': lambda: len(b.recv(100000)),
        'recv back': lambda: len(a.recv(1000)),
        'peek': nothing(lambda: b.recv(100, socket.MSG_PEEK)),
        'poll': nothing(lambda: poll.poll(0)),
        'epoll': nothing(lambda: epoll.poll(0)),
        'FIONREAD': nothing(lambda: fcntl.ioctl(b, termios.FIONREAD, bytes(4))),
        'KSSL_INFO': nothing(lambda: (tap.info(a), tap.info(b))),
        'counters': nothing(look),
        'ss': nothing(lambda: subprocess.run(('ss', '-tie'), stdout=subprocess.DEVNULL,
                                             check=True)),
    }


def work(name, fn, out):
    """A process: until time is up; tells how often, and how many bytes."""
    end, calls, moved = time.time() + SECONDS, 0, 0
    try:
        while time.time() < end:
            try:
                moved += fn()
                calls += 1
            except BlockingIOError:
                pass
        text = f'{name}:{calls}:{moved}'
    except BaseException as e:      # whatever it is, the other process tells of it
        text = f'{name}:0:{e!r}'
    os.write(out, text.encode() + b'\n')
    os._exit(0)


def main():
    a, b = connection()
    what = jobs(a, b)
    come, out = os.pipe()
    for name, fn in what.items():
        if not os.fork():
            work(name, fn, out)
    os.close(out)
    with os.fdopen(come, encoding='ascii') as f:
        said = [line.strip().split(':', 2) for line in f]
    for _ in what:
        os.wait()
    calls = {name: int(n) for name, n, moved in said}
    tap.ok(len(calls) == len(what) and min(calls.values()) > 0, f'{NAME}: everything was done',
           said)
    moved = {name: int(n) if n.isdigit() else 0 for name, c, n in said}
    sent = sum(n for name, n in moved.items() if name.startswith('send') and name != 'send back')
    print(f'# {sent} bytes sent, {moved.get("send back")} back, {sum(calls.values())} calls',
          flush=True)
    left = {}
    for sock, other, key in ((a, b, 'there'), (b, a, 'back')):
        sock.settimeout(20)
        rest = b''
        done = tap.errno_of(sock.shutdown, socket.SHUT_WR)
        other.settimeout(20)
        while part := other.recv(1 << 20):
            rest += part
        left[key] = len(rest)
        tap.ok(not done and not rest.strip(b'x'), f'{NAME}: the end, {key}')
    tap.is_(moved.get('recv', 0) + moved.get('recv much', 0) + left['there'], sent,
            f'{NAME}: every byte, once')
    tap.is_(moved.get('recv back', 0) + left['back'], moved.get('send back'),
            f'{NAME}: and back')
    tap.done()


main()
