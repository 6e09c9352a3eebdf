#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Options, their errnos, what is refused, and the socket calls with own keys."""
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import tap  # noqa: E402
from records import ALERT, DATA, HANDSHAKE, Half, Peer  # noqa: E402

K = tap.SOL_KSSL
TMP = sys.argv[1]


def set_errno(s, name, value, level=K):
    return tap.errno_of(s.setsockopt, level, name, value)


def get_errno(s, name, size=64, level=K):
    return tap.errno_of(s.getsockopt, level, name, size)


def ulp(s):
    return tap.errno_of(tap.attach, s)


def before_attach():
    one, two = tap.pair()
    assert set_errno(one, tap.PEER_NAME, b'x') == errno.ENOPROTOOPT
    assert one.getsockopt(tap.SOL_TCP, tap.TCP_ULP, 16) == b''
    tap.attach(one)
    assert one.getsockopt(tap.SOL_TCP, tap.TCP_ULP, 16).rstrip(b'\0') == b'kssl'
    assert ulp(one) == errno.EEXIST
    one.close()
    two.close()


def strings():
    s = socket.socket()
    tap.attach(s)
    for name, room in ((tap.PEER_NAME, 255), (tap.IDENTITY, 63), (tap.ALPN, 255)):
        assert set_errno(s, name, b'a' * room) == 0
        assert s.getsockopt(K, name, 300) == b'a' * room
        assert set_errno(s, name, b'a' * (room + 1)) == errno.EINVAL
        assert set_errno(s, name, b'a\0b') == errno.EINVAL
        assert set_errno(s, name, b'a b') == errno.EINVAL
        assert set_errno(s, name, b'a\nb') == errno.EINVAL
        assert set_errno(s, name, b'\xc3\xa4') == errno.EINVAL
        assert get_errno(s, name, 10) == errno.ERANGE
        assert set_errno(s, name, b'') == 0 and s.getsockopt(K, name, 300) == b''
    s.close()


def numbers():
    s = socket.socket()
    tap.attach(s)
    for value in (0, 1, 2, 3):
        assert set_errno(s, tap.PEER_AUTH, value) == 0
        assert s.getsockopt(K, tap.PEER_AUTH) == value
    assert set_errno(s, tap.PEER_AUTH, 4) == errno.EINVAL
    assert set_errno(s, tap.PEER_AUTH, b'\1') == errno.EINVAL
    assert set_errno(s, tap.ROLE, 3) == errno.EINVAL
    assert set_errno(s, tap.ROLE, 2) == 0 and s.getsockopt(K, tap.ROLE) == 2
    assert set_errno(s, 0, 1) == set_errno(s, 27, 1) == set_errno(s, 99, 1) == errno.ENOPROTOOPT
    assert set_errno(s, tap.INFO, bytes(64)) == errno.ENOPROTOOPT
    assert get_errno(s, tap.HANDSHAKE) == errno.ENOPROTOOPT
    assert get_errno(s, tap.PEER_CERT) == get_errno(s, tap.PEER_SUBJECT) == errno.ENODATA
    for name in (tap.PEER_SAN, tap.PEER_FINGERPRINT, tap.PEER_CHAIN, tap.PEER_VERIFY):
        assert get_errno(s, name) == errno.ENODATA
        assert set_errno(s, name, b'x') == errno.ENOPROTOOPT
    assert tap.error(s)['err'] == 0 and tap.info(s)['state'] == 0
    s.close()


def keys():
    one, two = tap.pair()
    tap.attach(one)
    half = Half(0x1301)
    good = half.uapi()
    for bad in (good[:-1], good + b'\0', b'', tap.key(0x304, 0x1301, secret=bytes(31)),
                tap.key(0x304, 0x1302, secret=bytes(32)), tap.key(0x303, 0x1301, secret=bytes(32)),
                tap.key(0x304, 0xc02f, secret=bytes(32)), tap.key(0x302, 0xc02f, key=bytes(16)),
                tap.key(0x304, 0x1301, secret=bytes(32), key=bytes(16)),
                tap.key(0x304, 0x1301, secret=bytes(32), flags=1),
                tap.key(0x303, 0xc02f, key=bytes(16), iv=bytes(12)),
                tap.key(0x303, 0xc02f, key=bytes(16), iv=bytes(4), mac=bytes(20)),
                tap.key(0x304, 0x9999, secret=bytes(32))):
        assert set_errno(one, tap.KEY_TX, bad) == errno.EINVAL, bad
    # off by default, they do not encrypt
    assert set_errno(one, tap.KEY_TX, tap.key(0x304, 0xc0b4, secret=bytes(32))) == errno.EACCES
    assert set_errno(one, tap.KEY_TX, tap.key(0x303, 0x3b, mac=bytes(32))) == errno.EACCES
    assert set_errno(one, tap.KEY_TX, good) == 0
    assert set_errno(one, tap.KEY_TX, good) == errno.EBUSY
    assert set_errno(one, tap.KEY_RX, Half(0x1302).uapi()) == errno.EINVAL
    assert tap.errno_of(one.recv, 10) == errno.ENOKEY
    assert set_errno(one, tap.PEER_NAME, b'x') == errno.EBUSY
    assert set_errno(one, tap.ROLE, 2) == errno.EBUSY
    assert get_errno(one, tap.KEY_TX, 256) == get_errno(one, tap.KEY_RX, 256) == errno.ENOPROTOOPT
    one.send(b'hello')
    assert half.read(two) == (DATA, b'hello')
    assert set_errno(one, tap.KEY_RX, Half(0x1301).uapi()) == 0
    one.close()
    two.close()
    s = socket.socket()
    tap.attach(s)
    assert set_errno(s, tap.KEY_TX, good) == errno.ENOTCONN
    s.close()


def no_way_round():
    fastopen, repair, zerocopy = 30, 19, 35
    s = socket.socket()
    tap.attach(s)
    assert set_errno(s, fastopen, 1, tap.SOL_TCP) == errno.EOPNOTSUPP
    assert tap.errno_of(s.sendto, b'secret', 0x20000000, ('127.0.0.1', 9)) == errno.EOPNOTSUPP
    s.close()
    s = socket.socket()
    s.setsockopt(tap.SOL_TCP, fastopen, 1)
    assert ulp(s) == errno.EOPNOTSUPP
    s.close()
    p = Peer(0x1301)
    assert set_errno(p.kssl, repair, 1, tap.SOL_TCP) == errno.EOPNOTSUPP
    assert get_errno(p.kssl, zerocopy, 64, tap.SOL_TCP) == errno.EOPNOTSUPP
    assert tap.errno_of(p.kssl.send, b'x', socket.MSG_OOB) == errno.EOPNOTSUPP
    p.kssl.settimeout(None)     # else Python waits before it asks
    assert tap.errno_of(p.kssl.recv, 1, socket.MSG_OOB) == errno.EOPNOTSUPP
    assert tap.errno_of(p.kssl.sendto, b'x', 0x20000000, ('127.0.0.1', 9)) == errno.EOPNOTSUPP
    assert tap.errno_of(p.kssl.setsockopt, tap.SOL_TCP, tap.TCP_ULP, b'tls') == errno.EEXIST
    assert tap.errno_of(p.kssl.listen) == errno.EINVAL
    libc = __import__('ctypes').CDLL(None, use_errno=True)
    assert libc.connect(p.kssl.fileno(), bytes(16), 16) == -1
    assert __import__('ctypes').get_errno() == errno.EOPNOTSUPP
    assert set_errno(p.kssl, socket.TCP_NODELAY, 1, tap.SOL_TCP) == 0
    p.kssl.send(b'still TLS')
    assert p.got() == (DATA, b'still TLS')
    p.close()


# ---- calls ----

def more():
    p = Peer(0x1301)
    for part in (b'one ', b'two ', b'three'):
        p.kssl.send(part, 0x8000 if part != b'three' else 0)
    assert p.got() == (DATA, b'one two three')
    p.kssl.send(b'held', 0x8000)
    p.kssl.shutdown(socket.SHUT_WR)
    assert p.got() == (DATA, b'held') and p.got() == (ALERT, b'\1\0')
    assert tap.errno_of(p.kssl.send, b'late') == errno.EPIPE
    p.close()
    p = Peer(0xc02f)
    p.kssl.send(b'held', 0x8000)
    p.kssl.close()
    assert p.got() == (DATA, b'held') and p.got() == (ALERT, b'\1\0') and p.got() is None
    p.tcp.close()


def one_byte_more():
    with open('/sys/module/kssl/parameters/more_ms', 'w', encoding='ascii') as f:
        f.write('3600000')
    p = Peer(0xcca8)
    for _ in range(16385):
        p.kssl.send(b'x', 0x8000)
    assert p.got() == (DATA, b'x' * 16384)
    p.kssl.send(b'y')
    assert p.got() == (DATA, b'xy')
    p.close()


def vectors():
    p = Peer(0x1301)
    p.kssl.sendmsg([b'a'] * 64 + [b'', b'bc'])
    assert p.got() == (DATA, b'a' * 64 + b'bc')
    p.send(b'0123456789')
    buffers = [bytearray(3), bytearray(0), bytearray(20)]
    assert p.kssl.recvmsg_into(buffers)[0] == 10 and bytes(buffers[2][:7]) == b'3456789'
    p.close()


def control_messages():
    """Wrong ones are refused, as by TCP; others have no effect."""
    p = Peer(0x1301)
    number = struct.pack('I', 2)
    bad = (socket.SOL_SOCKET, 9999, number)
    assert tap.errno_of(p.kssl.sendmsg, [b'no'], [bad]) == errno.EINVAL
    p.kssl.sendmsg([b'yes'], [(socket.SOL_SOCKET, 37, number), (9999, 1, number)])
    assert p.got() == (DATA, b'yes')
    p.kssl.shutdown(socket.SHUT_WR)
    assert tap.errno_of(p.kssl.sendmsg, [b'no'], [bad]) == errno.EPIPE
    p.close()


def peek_and_trunc():
    p = Peer(0xc02f)
    p.send(b'0123456789')
    assert p.kssl.recv(4, socket.MSG_PEEK) == b'0123' == p.kssl.recv(4, socket.MSG_PEEK)
    assert struct.unpack('i', __import__('fcntl').ioctl(p.kssl, 0x541b, bytes(4)))[0] == 10
    assert p.kssl.recv(2) == b'01'
    libc = __import__('ctypes').CDLL(None)
    assert libc.recv(p.kssl.fileno(), None, 3, socket.MSG_TRUNC) == 3
    assert p.kssl.recv(100) == b'56789'
    p.close()


def waitall_and_lowat():
    p = Peer(0x1301)
    sender = threading.Thread(target=lambda: [p.send(b'abc') for _ in range(100)])
    sender.start()
    p.kssl.settimeout(None)
    assert p.kssl.recv(300, socket.MSG_WAITALL) == b'abc' * 100
    sender.join()
    p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 0, 200000))
    assert tap.errno_of(p.kssl.recv, 1) == errno.EAGAIN
    p.close()


def nonblocking():
    p = Peer(0x1302)
    p.kssl.setblocking(False)
    assert tap.errno_of(p.kssl.recv, 1) == errno.EAGAIN
    sent = 0
    data = os.urandom(1 << 20)
    while True:
        try:
            sent += p.kssl.send(data[sent % 1000000:][:40000])
        except BlockingIOError:
            break
    poll = select.poll()
    poll.register(p.kssl, select.POLLOUT)
    assert not poll.poll(0)
    got = 0
    while got < sent:
        kind, text = p.got()
        assert kind == DATA
        got += len(text)
    assert got == sent and poll.poll(1000)
    p.close()


def polling():
    p = Peer(0x1301)
    poll = select.poll()
    poll.register(p.kssl, select.POLLIN)
    record = p.out.seal(b'hello')
    p.tcp.sendall(record[:7])
    assert not poll.poll(100), 'readable with half a header'
    p.tcp.sendall(record[7:-1])
    assert not poll.poll(100), 'readable with half a record'
    p.tcp.sendall(record[-1:])
    assert poll.poll(1000) and p.kssl.recv(10) == b'hello'
    assert not poll.poll(0)
    ep = select.epoll()
    ep.register(p.kssl, select.EPOLLIN | select.EPOLLET)
    assert not ep.poll(0.1)
    threading.Timer(0.2, lambda: p.send(b'x')).start()
    assert ep.poll(5)
    assert p.kssl.recv(10) == b'x'
    p.send(b'\1\0', ALERT)
    assert ep.poll(5) and p.kssl.recv(10) == b''
    p.close()


def splices():
    p = Peer(0x1301)
    path = TMP + '/file'
    data = os.urandom(300001)
    with open(path, 'wb') as f:
        f.write(data)
    with open(path, 'rb') as f:
        done = 0
        sender = threading.Thread(target=lambda: p.kssl.sendfile(f))
        sender.start()
        got = b''
        while len(got) < len(data):
            kind, text = p.got()
            assert kind == DATA
            got += text
        sender.join()
    assert got == data and done == 0
    for i in range(0, len(data), 10000):
        p.send(data[i:i + 10000])
        r, w = os.pipe()
        moved = 0
        want = len(data[i:i + 10000])
        while moved < want:
            moved += os.splice(p.kssl.fileno(), w, 65536)
        assert os.read(r, 65536) == data[i:i + 10000]
        os.close(r)
        os.close(w)
    r, w = os.pipe()
    os.write(w, b'through a pipe')
    assert os.splice(r, p.kssl.fileno(), 100) == 14
    assert p.got() == (DATA, b'through a pipe')
    os.close(r)
    os.close(w)
    p.close()


def splices_from_tcp():
    """Pieces of TCP's own pages, which begin and end anywhere in several pages."""
    p, (near, far) = Peer(0x1301), tap.pair()
    far.settimeout(None)        # else splice() does not wait
    p.kssl.settimeout(None)
    data = os.urandom(400003)
    r, w = os.pipe()
    fcntl.fcntl(w, fcntl.F_SETPIPE_SZ, 1 << 20)

    def forward():
        left = len(data)
        while left:
            n = os.splice(far.fileno(), w, left)
            left -= n
            while n:
                n -= os.splice(r, p.kssl.fileno(), n)

    def feed():
        for i in range(0, len(data), 9001):     # so that they do not end with a page
            near.sendall(data[i:i + 9001])

    threads = [threading.Thread(target=f) for f in (feed, forward)]
    for t in threads:
        t.start()
    got = b''
    while len(got) < len(data):
        kind, text = p.got()
        assert kind == DATA
        got += text
    for t in threads:
        t.join()
    assert got == data
    os.close(r)
    os.close(w)
    near.close()
    far.close()
    p.close()


def faults():
    """A bad address costs nobody the session."""
    libc = __import__('ctypes').CDLL(None, use_errno=True)
    p = Peer(0x1301)
    assert libc.send(p.kssl.fileno(), 1, 10, 0) == -1
    p.send(b'hello')
    assert libc.recv(p.kssl.fileno(), 1, 10, 0) == -1
    assert p.kssl.recv(10) == b'hello'
    p.kssl.send(b'fine')
    assert p.got() == (DATA, b'fine')
    assert libc.setsockopt(p.kssl.fileno(), K, tap.PEER_NAME, 1, 10) == -1
    assert libc.getsockopt(p.kssl.fileno(), K, tap.INFO, 1, 1) == -1
    p.close()


def many_writers():
    p = Peer(0x1301)
    threads = [threading.Thread(target=lambda c=c: [p.kssl.sendall(c * 3000) for _ in range(40)])
               for c in (b'a', b'b', b'c', b'd')]
    for t in threads:
        t.start()
    got = b''
    while len(got) < 4 * 40 * 3000:
        got += p.got()[1]
    for t in threads:
        t.join()
    assert all(got.count(c) == 120000 for c in (b'a', b'b', b'c', b'd'))
    p.close()


def reset():
    p = Peer(0x1301)
    p.send(b'data')
    p.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    p.tcp.close()
    got = []
    for _ in range(3):
        try:
            got.append(p.kssl.recv(10))
        except OSError as e:
            got.append(e.errno)
    assert got[-2:] == [errno.ECONNRESET] * 2, got
    p.kssl.close()


def close_reads_tickets():
    """Unread tickets must not turn close() into a reset."""
    p = Peer(0x1301)
    p.send(b'\4\0\0\x10' + bytes(9) + b'\0\3abc\0\0', HANDSHAKE)
    try:
        p.kssl.send(b'last words')
    except OSError as e:
        raise AssertionError(tap.error(p.kssl)) from e
    p.kssl.close()
    assert p.got() == (DATA, b'last words') and p.got() == (ALERT, b'\1\0') and p.got() is None
    p.tcp.close()


def interrupted():
    """Signals in the middle of a big send and of receives lose nothing."""
    p = Peer(0x1301)
    signal.signal(signal.SIGALRM, lambda *_: None)
    data = os.urandom(2 << 20)
    got = bytearray()

    def drain():
        while len(got) < len(data):
            got.extend(p.got()[1])
    reader = threading.Thread(target=drain)
    reader.start()
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    p.kssl.settimeout(None)
    p.kssl.sendall(data)
    signal.setitimer(signal.ITIMER_REAL, 0)
    reader.join()
    assert bytes(got) == data
    p.close()


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    for fn in (before_attach, strings, numbers, keys, no_way_round, more, one_byte_more, vectors,
               control_messages, peek_and_trunc, waitall_and_lowat, nonblocking, polling, splices,
               splices_from_tcp, faults,
               many_writers, reset, close_reads_tickets, interrupted):
        tap.case(fn.__name__)(fn)
    tap.done()


main()
