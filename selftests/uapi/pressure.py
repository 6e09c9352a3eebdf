#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Memory that stays is charged to the socket.  TCP has no memory: a blocking call
waits, nothing is lost, and the stream ends with close_notify all the same.  Own
keys; records opened by libcrypto."""
import errno
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import tap  # noqa: E402
from records import ALERT, DATA, Peer  # noqa: E402

LIMITS = '/proc/sys/net/ipv4/tcp_mem'
with open(LIMITS, encoding='ascii') as f:
    NORMAL = f.read()


def set_limits(text):
    with open(LIMITS, 'w', encoding='ascii') as out:
        out.write(text)


def ballast():
    """Each CPU may use a megabyte that is not counted yet: have more in use."""
    pairs = []
    for _ in range(8 * os.cpu_count()):
        pairs.append(tap.pair())
        pairs[-1][0].setblocking(False)
        while not tap.errno_of(pairs[-1][0].sendall, bytes(1 << 16)):
            pass
    return pairs

SLOW = int(os.environ.get('SLOW', '1'))


class Pressure:
    """No memory for TCP but for the first segment of an empty queue."""

    def __enter__(self):
        set_limits('0 0 0')

    def __exit__(self, *args):
        set_limits(NORMAL)


def short_of_memory(suite):
    """A pair whose sending side has more to send than it gets memory for."""
    p = Peer(suite)
    # TCP takes what it wants as long as it chose the buffer's size itself
    p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    p.kssl.settimeout(None)
    return p


def everything(p, want):
    """What the peer gets until close_notify and FIN."""
    got = b''
    while True:
        kind, text = p.got()
        if kind == ALERT:
            assert text == b'\1\0', text
            break
        assert kind == DATA
        got += text
    assert p.tcp.recv(1) == b'', 'FIN after close_notify'
    assert got == want, (len(got), len(want))


def blocking_send(suite):
    p = short_of_memory(suite)
    data, went = os.urandom(400000), []

    def send():
        try:
            p.kssl.sendall(data)
            went.append(0)
        except OSError as e:
            went.append(e.errno)
    t = threading.Thread(target=send)
    with Pressure():
        t.start()
        time.sleep(1.5)
        assert not went, f'send() is back: {went}'
    got = b''
    while len(got) < len(data):
        kind, text = p.got()
        assert kind == DATA
        got += text
    t.join()
    assert got == data and went == [0], went
    p.close()


def fill(p):
    """Until there is no memory; a piece at a time, so that a record is half sent."""
    sent = b''
    p.kssl.setblocking(False)
    try:
        while len(sent) < 1 << 20:
            part = os.urandom(10000)
            sent += part[:p.kssl.send(part)]
    except BlockingIOError:
        pass
    assert len(sent) < 400000, 'no pressure'
    p.kssl.setblocking(True)
    return sent


def shut(suite):
    """close_notify and FIN follow what waits for memory."""
    p = short_of_memory(suite)
    with Pressure():
        sent = fill(p)
        t = threading.Thread(target=p.kssl.shutdown, args=(socket.SHUT_WR,))
        t.start()
        time.sleep(0.3)
    everything(p, sent)
    t.join()
    assert tap.errno_of(p.kssl.send, b'x') == errno.EPIPE
    p.close()


def closed(suite):
    p = short_of_memory(suite)
    with Pressure():
        sent = fill(p)
        t = threading.Thread(target=p.kssl.close)
        t.start()
        time.sleep(0.3)
    everything(p, sent)
    t.join()
    p.tcp.close()


def half_closed(suite):
    """The peer's close_notify leaves what waits for memory as it is."""
    p = short_of_memory(suite)
    with Pressure():
        sent = fill(p)
        p.tcp.sendall(p.out.seal(b'\1\0', ALERT))
        time.sleep(0.3)
        # the peer's bytes may have found no memory either
        p.kssl.settimeout(0.2)
        tap.errno_of(p.kssl.recv, 1)
    p.kssl.settimeout(20)
    assert p.kssl.recv(1) == b''
    p.kssl.shutdown(socket.SHUT_WR)
    assert tap.errno_of(p.kssl.send, b'x') == errno.EPIPE
    everything(p, sent)
    p.close()


def never():
    """No memory at all: shutdown() does not wait, and nothing looks like a clean end."""
    p = short_of_memory(0x1301)
    with Pressure():
        sent = fill(p)
        begin = time.time()
        p.kssl.shutdown(socket.SHUT_WR)
        assert time.time() - begin < 0.5 * SLOW
        time.sleep(2)
        assert tap.error(p.kssl)['err'] == 0, tap.error(p.kssl)
    everything(p, sent)
    p.close()


def charged():
    """Bytes that all TCP sockets are charged for, but for a megabyte per CPU."""
    with open('/proc/net/sockstat', encoding='ascii') as f:
        line = next(line for line in f if line.startswith('TCP:')).split()
    return int(line[line.index('mem') + 1]) * 4096


def stays(what, begin, end, least, nr=300):
    """Of many sessions @begin leaves something in the kernel, and @end takes it."""
    crowd = [Peer(0x1301) for _ in range(nr)]
    slack = (os.cpu_count() << 20) + (1 << 19)
    start = charged()
    for p in crowd:
        begin(p)
    held = charged() - start
    for p in crowd:
        end(p)
    left = charged() - start
    for p in crowd:
        p.close()
    tap.ok(held > least * len(crowd) - slack and left < slack, f'charged for {what}',
           f'{held // len(crowd)} bytes each, of {least}; {left // len(crowd)} left')


def part_of_record(p):
    """Its header, and nothing of it in TCP's queue."""
    p.late = p.out.seal(b'late')
    p.tcp.sendall(p.late[:5])
    p.kssl.setblocking(False)
    assert tap.errno_of(p.kssl.recv, 1) == errno.EAGAIN
    p.kssl.settimeout(20)


def rest_of_record(p):
    p.tcp.sendall(p.late[5:])
    assert p.kssl.recv(5) == b'late'


def unread(p):
    p.tcp.sendall(p.out.seal(bytes(16384)))
    assert p.kssl.recv(1) == b'\0'


def read(p):
    assert p.kssl.recv(16384, socket.MSG_WAITALL) == bytes(16383)


def ahead(p):
    """Two records more than the one in the buffer."""
    for _ in range(3):
        p.tcp.sendall(p.out.seal(bytes(16384)))
    assert p.kssl.recv(3 * 16384, socket.MSG_PEEK | socket.MSG_WAITALL) == bytes(3 * 16384)


def taken(p):
    assert p.kssl.recv(3 * 16384, socket.MSG_WAITALL) == bytes(3 * 16384)


def unsent(p):
    assert p.kssl.send(b'x', socket.MSG_MORE) == 1


def sent(p):
    assert p.kssl.send(b'y') == 1
    assert p.got() == (DATA, b'xy')


def main():
    import signal
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    stays('a part of a record', part_of_record, rest_of_record, 20480)
    stays('text that nobody has read', unread, read, 20480)
    stays('content opened ahead', ahead, taken, 20480 + 2 * 16384, 100)
    with open('/sys/module/kssl/parameters/more_ms', 'r+', encoding='ascii') as f:
        was = f.read()
        f.write('3600000')
        f.flush()
        stays('pending content', unsent, sent, 16384)
        f.write(was)
    pairs = ballast()
    try:
        for suite in (0x1301, 0xc02f):
            tap.case(f'a blocking send waits, {suite:#x}')(lambda s=suite: blocking_send(s))
            tap.case(f'shutdown, {suite:#x}')(lambda s=suite: shut(s))
            tap.case(f'close, {suite:#x}')(lambda s=suite: closed(s))
            tap.case(f'half closed, {suite:#x}')(lambda s=suite: half_closed(s))
        tap.case('no memory at all')(never)
    finally:
        set_limits(NORMAL)
    for pair in pairs:
        pair[0].close()
        pair[1].close()
    tap.done()


main()
