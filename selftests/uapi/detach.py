#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""KSSL_DETACH: plain TCP again, never before close_notify both ways, and nothing
lost.  Own keys; records by libcrypto, whose end also sees the plaintext."""
import errno
import fcntl
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import tap  # noqa: E402
from records import ALERT, DATA, HANDSHAKE, TICKET, Half, Peer  # noqa: E402

K = tap.SOL_KSSL
NOW, CLOSE = 0, 1
NOTIFY = b'\1\0'
T13, T12 = 0x1301, 0xc02f
FIONREAD, IPV6_ADDRFORM = 0x541b, 1
KSSLCTL = os.path.dirname(os.path.abspath(__file__)) + '/../../build/ksslctl'


def detach(sock, how=NOW):
    return tap.errno_of(sock.setsockopt, K, tap.DETACH, struct.pack('I', how))


def ulp(sock):
    return sock.getsockopt(tap.SOL_TCP, tap.TCP_ULP, 16)


def bits(sock):
    p = select.poll()
    p.register(sock, select.POLLIN | select.POLLOUT | select.POLLRDHUP)
    return dict(p.poll(0)).get(sock.fileno(), 0)


def inq(sock):
    return struct.unpack('i', fcntl.ioctl(sock, FIONREAD, b'....'))[0]


def wait_for(what, seconds=20):
    end = time.time() + seconds
    while not what():
        assert time.time() < end, 'time is up'
        time.sleep(0.01)


def seal(p, text=b'', behind=b''):
    """The peer's text, its close_notify and what follows in plain, in one piece."""
    return (p.out.seal(text) if text else b'') + p.out.seal(NOTIFY, ALERT) + behind


def is_plain(p, first=b''):
    """Both ends speak plain TCP; the first bytes to read are @first."""
    if first:
        assert tap.read_all(p.kssl, len(first)) == first
    for n in (1, 3000, 100000):
        data = os.urandom(n)
        t = threading.Thread(target=p.tcp.sendall, args=(data,))
        t.start()
        assert tap.read_all(p.kssl, n) == data
        t.join()
        t = threading.Thread(target=p.kssl.sendall, args=(data,))
        t.start()
        assert tap.read_all(p.tcp, n) == data
        t.join()


def both_closed(p):
    """TLS ends; the peer has seen close_notify."""
    assert detach(p.kssl, CLOSE) == 0
    p.tcp.sendall(seal(p))
    assert p.kssl.recv(1) == b''
    assert p.got() == (ALERT, NOTIFY)


def errnos(suite):
    one, two = tap.pair()
    assert detach(one) == errno.ENOPROTOOPT
    tap.attach(one)
    assert detach(one) == errno.EINVAL and detach(one, CLOSE) == errno.ENOTCONN
    assert detach(one, 2) == detach(one, 2**32 - 1) == errno.EINVAL
    assert tap.errno_of(one.setsockopt, K, tap.DETACH, b'\0') == errno.EINVAL
    assert tap.errno_of(one.getsockopt, K, tap.DETACH, 4) == errno.ENOPROTOOPT
    one.close()
    two.close()
    listener = socket.create_server(('127.0.0.1', 0))
    tap.attach(listener)
    assert detach(listener) == errno.EINVAL and detach(listener, CLOSE) == errno.ENOTCONN
    listener.close()
    p = Peer(suite)
    assert detach(p.kssl) == errno.EBUSY
    p.kssl.sendall(b'still sealed')
    assert p.got() == (DATA, b'still sealed')
    both_closed(p)
    assert detach(p.kssl) == 0
    assert detach(p.kssl) == detach(p.kssl, CLOSE) == errno.ENOPROTOOPT
    p.close()


def not_before(suite):
    """At no other time, and what is sent is sealed up to then."""
    p = Peer(suite)
    p.send(b'text')
    assert detach(p.kssl) == errno.EBUSY, 'nothing was closed'
    assert detach(p.kssl, CLOSE) == 0 and detach(p.kssl, CLOSE) == 0
    assert p.got() == (ALERT, NOTIFY)
    assert detach(p.kssl) == errno.EBUSY, 'only ours'
    assert tap.errno_of(p.kssl.send, b'x') == errno.EPIPE
    p.tcp.sendall(seal(p, b' more'))
    wait_for(lambda: inq(p.kssl) == 9)
    assert detach(p.kssl) == errno.EBUSY, 'unread text'
    assert p.kssl.recv(5) == b'text ' and detach(p.kssl) == errno.EBUSY
    assert p.kssl.recv(100) == b'more'
    assert detach(p.kssl) == 0
    is_plain(p)
    p.close()


def peer_first(suite):
    p = Peer(suite)
    p.kssl.send(b'held', socket.MSG_MORE)
    p.tcp.sendall(seal(p, b'last words'))
    assert p.kssl.recv(100) == b'last words' and p.kssl.recv(100) == b''
    assert detach(p.kssl) == errno.EBUSY, 'only theirs'
    p.kssl.sendall(b', and sent')
    assert detach(p.kssl, CLOSE) == 0
    text = b''
    while text != b'held, and sent':    # one record or two: a read may have sent the first
        kind, part = p.got()
        assert kind == DATA
        text += part
    assert detach(p.kssl) == 0
    assert p.got() == (ALERT, NOTIFY)
    is_plain(p)
    p.close()


def unread_end(suite):
    """The program need not read the end before: it is found."""
    p = Peer(suite)
    assert detach(p.kssl, CLOSE) == 0
    p.tcp.sendall(seal(p, b'', b'plain'))
    wait_for(lambda: detach(p.kssl) == 0)
    assert p.got() == (ALERT, NOTIFY)
    is_plain(p, b'plain')
    p.close()


def behind(size, fin=False, more=0):
    """Bytes behind close_notify, some of them in kssl's buffer already."""
    def run(suite):
        p = Peer(suite)
        assert detach(p.kssl, CLOSE) == 0
        data = os.urandom(size + more)
        p.tcp.sendall(seal(p, b'text', data[:size]))
        if fin:
            p.tcp.shutdown(socket.SHUT_WR)
        assert p.kssl.recv(4) == b'text' and p.kssl.recv(1) == b''
        if more:
            p.tcp.sendall(data[size:])
        assert detach(p.kssl) == 0
        wait_for(lambda: inq(p.kssl) == len(data))
        assert bits(p.kssl) & select.POLLIN
        wait_for(lambda: bool(bits(p.kssl) & select.POLLRDHUP) == fin)
        assert p.kssl.recv(len(data), socket.MSG_PEEK)[:10] == data[:10]
        assert p.kssl.recv(7) == data[:7] and inq(p.kssl) == len(data) - 7
        r, w = os.pipe()
        n = os.splice(p.kssl.fileno(), w, 100)
        assert os.read(r, n) == data[7:7 + n]
        os.close(r)
        os.close(w)
        rest = data[7 + n:]
        assert tap.read_all(p.kssl, len(rest)) == rest
        if fin:
            assert p.kssl.recv(1) == b''
            p.kssl.sendall(b'half open')
            assert p.got() == (ALERT, NOTIFY) and p.tcp.recv(20) == b'half open'
        else:
            assert p.got() == (ALERT, NOTIFY)
            is_plain(p)
        p.close()
    return run


def little_window(suite):
    """A receive buffer that is full of what came behind close_notify."""
    p = Peer(suite)
    p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    assert detach(p.kssl, CLOSE) == 0
    data = os.urandom(200000)
    t = threading.Thread(target=p.tcp.sendall, args=(seal(p, b'', data),))
    t.start()
    assert p.kssl.recv(1) == b''
    assert detach(p.kssl) == 0
    assert tap.read_all(p.kssl, len(data)) == data
    t.join()
    assert p.got() == (ALERT, NOTIFY)
    is_plain(p)
    p.close()


def only_fin(suite):
    """KSSL_EOF_MODE lax: a FIN may be the end of the text, but is no close_notify."""
    p = Peer(suite)
    p.kssl.setsockopt(K, tap.EOF_MODE, 1)
    p.tcp.shutdown(socket.SHUT_WR)
    assert p.kssl.recv(1) == b''
    assert detach(p.kssl, CLOSE) == 0 and detach(p.kssl) == errno.EBUSY
    assert p.got() == (ALERT, NOTIFY)
    p.close()
    p = Peer(suite)
    p.tcp.shutdown(socket.SHUT_WR)
    wait_for(lambda: detach(p.kssl) == errno.ECONNRESET)
    assert tap.error(p.kssl)['err'] == errno.ECONNRESET
    p.close()


def failed(suite):
    p = Peer(suite)
    p.tcp.sendall(b'\x17\3\3\0\x40' + bytes(64))
    assert tap.errno_of(p.kssl.recv, 1) == errno.EBADMSG
    assert detach(p.kssl) == detach(p.kssl, CLOSE) == errno.EBADMSG
    assert tap.errno_of(p.kssl.send, b'x', socket.MSG_NOSIGNAL) == errno.EPIPE
    p.close()
    p = Peer(suite)     # found while looking for the end
    assert detach(p.kssl, CLOSE) == 0
    p.tcp.sendall(b'\x17\3\3\0\x40' + bytes(64))
    wait_for(lambda: detach(p.kssl) == errno.EBADMSG)
    p.close()


def one_way():
    """Without keys in one direction there is no close_notify in it."""
    one, two = tap.pair()
    tap.attach(one)
    half = Half(T13)
    one.setsockopt(K, tap.KEY_RX, half.uapi())
    assert detach(one, CLOSE) == errno.ENOTCONN
    two.sendall(half.seal(NOTIFY, ALERT))
    assert one.recv(1) == b'' and detach(one) == errno.EBUSY
    one.shutdown(socket.SHUT_WR)
    assert detach(one) == errno.EBUSY
    one.close()
    two.close()


def after_shutdown(suite):
    """After shutdown() there is a FIN: only reading is left."""
    p = Peer(suite)
    p.kssl.shutdown(socket.SHUT_WR)
    assert p.got() == (ALERT, NOTIFY) and p.got() is None
    p.tcp.sendall(seal(p, b'', b'plain'))
    assert p.kssl.recv(1) == b''
    assert detach(p.kssl) == 0
    assert p.kssl.recv(10) == b'plain'
    assert tap.errno_of(p.kssl.send, b'x', socket.MSG_NOSIGNAL) == errno.EPIPE
    p.close()


def new_keys(p, suite):
    p.out, p.back = Half(suite), Half(suite)
    p.kssl.setsockopt(K, tap.KEY_RX, p.out.uapi())
    p.kssl.setsockopt(K, tap.KEY_TX, p.back.uapi())


def again(suite, family):
    """TLS, plain, TLS, plain: each time with nothing of the time before."""
    p = Peer(suite, family)
    p.kssl.setsockopt(K, tap.RECORD_SIZE, 100)
    seen = set()
    for round_ in range(4):
        if round_:
            tap.attach(p.kssl)
            assert ulp(p.kssl)[:5] == b'kssl\0'
            assert p.kssl.getsockopt(K, tap.RECORD_SIZE) == 0
            new_keys(p, suite)
        p.send(b'hello')
        assert p.kssl.recv(10) == b'hello'
        p.kssl.sendall(b'hi' * 100)
        assert b''.join(p.got()[1] for _ in range(1 if round_ else 2)) == b'hi' * 100
        info = tap.info(p.kssl)
        assert info['rxbytes'] == 5 and info['txbytes'] == 200 and info['id'] not in seen, info
        seen.add(info['id'])
        both_closed(p)
        assert detach(p.kssl) == 0
        is_plain(p)
    p.close()


def sealed_again():
    """TLS once more: nothing goes in plain, though there is no daemon."""
    p = Peer(T13)
    both_closed(p)
    assert detach(p.kssl) == 0
    is_plain(p)
    tap.attach(p.kssl)
    p.kssl.setblocking(False)
    assert tap.errno_of(p.kssl.send, b'secret') == errno.EAGAIN
    assert detach(p.kssl) == errno.EBUSY
    p.tcp.settimeout(0.3)
    try:
        assert False, p.tcp.recv(10)
    except TimeoutError:
        pass
    p.close()


def options(suite):
    p = Peer(suite)
    p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 5)
    assert ulp(p.kssl)[:5] == b'kssl\0'
    both_closed(p)
    assert detach(p.kssl) == 0
    assert ulp(p.kssl) == b'', 'no ULP, as far as a program can see'
    for name in (b'tls', b'nonsense', b'', b'kssl-and-more'):
        want = errno.EINVAL if not name else errno.EEXIST
        assert tap.errno_of(p.kssl.setsockopt, tap.SOL_TCP, tap.TCP_ULP, name) == want, name
    assert p.kssl.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 5, 'the program\'s'
    p.tcp.sendall(b'1234')
    wait_for(lambda: inq(p.kssl) == 4)
    assert not bits(p.kssl) & select.POLLIN
    p.tcp.sendall(b'5')
    wait_for(lambda: bits(p.kssl) & select.POLLIN)
    assert p.kssl.recv(10) == b'12345'
    assert p.kssl.getsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE) == 0
    p.tcp.send(b'!', socket.MSG_OOB)
    wait_for(lambda: tap.errno_of(p.kssl.recv, 1, socket.MSG_OOB) != errno.EAGAIN)
    p.kssl.setsockopt(tap.SOL_TCP, socket.TCP_NODELAY, 1)
    assert p.kssl.getsockopt(tap.SOL_TCP, socket.TCP_NODELAY) == 1
    libc_unspec(p.kssl)
    assert tap.errno_of(p.kssl.listen) == errno.EINVAL
    p.close()


def libc_unspec(sock):
    """connect() to no address would leave us on a socket that can be used again."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.connect(sock.fileno(), bytes(16), 16) == -1
    assert ctypes.get_errno() == errno.EOPNOTSUPP


def mapped():
    """A socket of IPv6 that speaks IPv4 stays ours, too."""
    listener = socket.create_server(('127.0.0.1', 0))
    p = Peer.__new__(Peer)
    p.kssl = socket.socket(socket.AF_INET6)
    p.kssl.settimeout(20)
    p.kssl.connect(('::ffff:127.0.0.1', listener.getsockname()[1]))
    p.tcp = listener.accept()[0]
    listener.close()
    tap.attach(p.kssl)
    new_keys(p, T13)
    assert tap.errno_of(p.kssl.setsockopt, socket.IPPROTO_IPV6, IPV6_ADDRFORM, 2)
    both_closed(p)
    assert detach(p.kssl) == 0
    assert tap.errno_of(p.kssl.setsockopt, socket.IPPROTO_IPV6, IPV6_ADDRFORM, 2) == \
        errno.EOPNOTSUPP
    is_plain(p)
    p.close()


def sleepers(suite):
    """Threads in recv() and poll() see the end; then they see plain bytes."""
    p = Peer(suite)
    got, ready = [], []

    def read():
        got.append(p.kssl.recv(10))

    def poll():
        e = select.epoll()
        e.register(p.kssl, select.EPOLLIN | select.EPOLLET)
        ready.append(bool(e.poll(20)))
        wait_for(lambda: len(ready) == 2)
        ready.append(bool(e.poll(20)))
        e.close()
    threads = [threading.Thread(target=f) for f in (read, read, poll)]
    for t in threads:
        t.start()
    time.sleep(0.3)
    both_closed_by_thread(p, threads[:2])
    assert got == [b'', b''], got
    wait_for(lambda: ready == [True])
    assert detach(p.kssl) == 0
    ready.append(True)
    p.tcp.sendall(b'plain')
    threads[2].join()
    assert ready == [True] * 3
    assert p.kssl.recv(10) == b'plain'
    is_plain(p)
    p.close()


def both_closed_by_thread(p, readers):
    assert detach(p.kssl, CLOSE) == 0
    p.tcp.sendall(seal(p))
    for t in readers:
        t.join()
    assert p.got() == (ALERT, NOTIFY)


def not_listed(suite):
    """A socket in plain is no session."""
    def listed():
        out = subprocess.run([KSSLCTL, '--json', 'list'], stdout=subprocess.PIPE, check=True, text=True)
        return f'"pid": {os.getpid()}' in out.stdout or f'"pid":{os.getpid()}' in out.stdout
    p = Peer(suite)
    assert listed()
    both_closed(p)
    assert detach(p.kssl) == 0
    assert not listed()
    tap.attach(p.kssl)
    assert listed()
    p.close()
    assert not listed()


def closed_in_plain():
    """Unread bytes at close(): a reset, as on TCP; and the module goes in peace."""
    p = Peer(T13)
    assert detach(p.kssl, CLOSE) == 0
    p.tcp.sendall(seal(p, b'', b'unread'))
    assert p.kssl.recv(1) == b'' and detach(p.kssl) == 0
    p.kssl.close()
    assert p.got() == (ALERT, NOTIFY)
    assert tap.errno_of(p.tcp.recv, 1) == errno.ECONNRESET
    p.tcp.close()
    p = Peer(T13)
    both_closed(p)
    assert detach(p.kssl) == 0
    p.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    p.tcp.close()
    assert tap.errno_of(p.kssl.recv, 1) == errno.ECONNRESET
    assert tap.errno_of(p.kssl.setsockopt, tap.SOL_TCP, tap.TCP_ULP, b'kssl') == errno.ENOTCONN
    p.kssl.close()


def tickets_between(suite):
    """Records that are no text, before close_notify."""
    p = Peer(suite)
    if suite == T13:
        for _ in range(10):
            p.send(TICKET, HANDSHAKE)
    both_closed(p)
    assert detach(p.kssl) == 0
    is_plain(p)
    p.close()


def main():
    import signal
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    cases = {
        'errnos': errnos, 'not before': not_before, 'the peer closes first': peer_first,
        'the end was not read': unread_end, 'bytes behind': behind(100),
        'many bytes behind': behind(12000), 'bytes behind, and FIN': behind(2000, True),
        'bytes behind, and more': behind(3000, more=3000),
        'a full window behind': little_window, 'FIN alone': only_fin, 'failed': failed,
        'after shutdown': after_shutdown, 'options': options, 'sleepers': sleepers,
        'not listed': not_listed, 'tickets before': tickets_between,
    }
    for suite, version in ((T13, 'TLS 1.3'), (T12, 'TLS 1.2')):
        for name, fn in cases.items():
            tap.case(f'{name}, {version}')(lambda f=fn, s=suite: f(s))
        for family in (socket.AF_INET, socket.AF_INET6):
            tap.case(f'again and again, {version}, {family.name}')(
                lambda s=suite, f=family: again(s, f))
    tap.case('sealed again')(sealed_again)
    tap.case('one direction alone')(one_way)
    tap.case('IPv4 on IPv6')(mapped)
    tap.case('close in plain')(closed_in_plain)
    tap.done()


main()
