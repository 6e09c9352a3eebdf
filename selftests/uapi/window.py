#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A peer that does not read: TCP's window is shut and only probes go.  Nothing is
lost, cut or reordered meanwhile, whatever falls due.  All cases wait at once."""
import errno
import os
import select
import socket
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import tap  # noqa: E402
from records import ALERT, DATA, HANDSHAKE, Peer  # noqa: E402

SECONDS = int(sys.argv[1])
USER_TIMEOUT = 18
BLOCK = os.urandom(40000)


def writable(sock):
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    return bool(poll.poll(0))


class Shut:
    """A kssl socket whose peer's window is shut; all that it has taken."""

    def __init__(self, suite):
        self.p = Peer(suite)
        self.p.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 20000)
        self.p.tcp.settimeout(60)
        self.p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 100000)
        self.p.kssl.setblocking(False)
        self.taken = b''
        quiet = 0
        while quiet < 5:
            try:
                n = self.p.kssl.send(BLOCK)
                self.taken += BLOCK[:n]
                quiet = 0
            except BlockingIOError:
                quiet += 1
                time.sleep(0.1)
        assert not writable(self.p.kssl)

    def opens(self, more):
        """The peer reads: all text, and what else came, as (kind, text)."""
        text, others = b'', []
        while len(text) < len(self.taken) + len(more):
            kind, part = self.p.got()
            if kind == DATA:
                text += part
            else:
                others.append((kind, part, len(text)))
                if kind == HANDSHAKE:
                    self.p.back.update()
        assert text == self.taken + more
        return others


def sender(suite):
    s = Shut(suite)
    s.p.kssl.setblocking(True)
    more = os.urandom(300000)
    thread = threading.Thread(target=s.p.kssl.sendall, args=(more,))
    thread.start()
    time.sleep(SECONDS)
    assert thread.is_alive()
    assert s.opens(more) == []
    thread.join(20)
    assert not thread.is_alive() and writable(s.p.kssl)
    s.p.close()


def key_update():
    """What was queued goes under the old key, then the answer, then the new one."""
    s = Shut(0x1301)
    s.p.send(bytes((24, 0, 0, 1, 1)), HANDSHAKE)
    s.p.out.update()
    s.p.send(b'under the new key')
    time.sleep(0.2)
    assert s.p.kssl.recv(100) == b'under the new key'
    time.sleep(SECONDS)
    s.p.kssl.setblocking(True)
    thread = threading.Thread(target=s.p.kssl.sendall, args=(b'behind it',))
    thread.start()
    assert s.opens(b'behind it') == [(HANDSHAKE, bytes((24, 0, 0, 1, 0)), len(s.taken))]
    thread.join()
    s.p.close()


def closed(suite):
    s = Shut(suite)
    s.p.kssl.close()
    time.sleep(SECONDS)
    assert s.opens(b'') == []
    assert s.p.got() == (ALERT, b'\1\0') and s.p.got() is None
    s.p.tcp.close()


def given_up():
    """The program does not want to wait for ever."""
    s = Shut(0x1303)
    s.p.kssl.setsockopt(tap.SOL_TCP, USER_TIMEOUT, 1500)
    tap.until(lambda: not tap.errno_of(s.p.kssl.recv, 1) == errno.EAGAIN, lambda: 'no error', 60)
    for _ in range(2):
        assert tap.errno_of(s.p.kssl.recv, 1) == errno.ETIMEDOUT
        assert tap.errno_of(s.p.kssl.send, b'x', socket.MSG_NOSIGNAL) == errno.EPIPE
    s.p.close()


def main():
    cases = {f'a sender waits, {suite:#x}': lambda s=suite: sender(s)
             for suite in (0x1301, 0xc02f)}
    cases.update({f'close, {suite:#x}': lambda s=suite: closed(s) for suite in (0x1302, 0xcca8)})
    cases['KeyUpdate'] = key_update
    cases['TCP_USER_TIMEOUT'] = given_up
    said = {}

    def run(name):
        try:
            cases[name]()
            said[name] = ''
        except Exception:  # pylint: disable=broad-except
            said[name] = traceback.format_exc()

    threads = [threading.Thread(target=run, args=(name,)) for name in cases]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for name in cases:
        tap.ok(not said[name], f'window shut for {SECONDS} s: {name}', said[name])
    tap.done()


main()
