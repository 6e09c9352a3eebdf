#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The record protocol on the wire, own keys, against records by libcrypto: what
is sent and what is accepted.  Violations are in failures.py."""
import errno
import os
import select
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import tap  # noqa: E402
from records import ALERT, DATA, HANDSHAKE, SUITES, TICKET, Half, Peer  # noqa: E402



def readable(sock, ms=100):
    p = select.poll()
    p.register(sock, select.POLLIN)
    return bool(p.poll(ms))


# ---- what works ----

def both_ways(suite, family):
    p = Peer(suite, family)
    for size in (1, 2, 255, 16383, 16384, 16385, 100000):
        data = os.urandom(size)
        sender = threading.Thread(target=p.kssl.sendall, args=(data,))
        sender.start()
        got = b''
        while len(got) < size:
            kind, text = p.got()
            assert kind == DATA and len(text) <= 16384, (kind, len(text))
            got += text
        sender.join()
        assert got == data
        for i in range(0, size, 16384):
            p.send(data[i:i + 16384])
        assert tap.read_all(p.kssl, size) == data
    p.kssl.shutdown(socket.SHUT_WR)
    assert p.got() == (ALERT, b'\x01\0') and p.got() is None
    p.send(b'\x01\0', ALERT)
    assert p.kssl.recv(10) == b'' and p.kssl.recv(10) == b''
    p.close()


def odd_sizes(suite):
    """Foreign records of many sizes, with padding where there can be some."""
    p = Peer(suite)
    want = b''
    for n in (1, 15, 16, 17, 100, 1000, 5000, 16000, 1, 1, 3):
        text = os.urandom(n)
        want += text
        p.send(text, pad=(n * 7) % 300 if SUITES[suite][0] == 0x304 and n < 16000 else 0)
    assert tap.read_all(p.kssl, len(want)) == want
    p.close()


def one_byte_segments(suite):
    p = Peer(suite)
    p.tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = p.out.seal(b'hello') + p.out.seal(b'world')
    for i in range(len(stream)):
        p.tcp.send(stream[i:i + 1])
    assert tap.read_all(p.kssl, 10) == b'helloworld'
    p.close()


def small_buffer(suite):
    """Records larger than the receive buffer."""
    p = Peer(suite)
    p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    data = os.urandom(16384 * 4)
    sender = threading.Thread(target=lambda: [p.send(data[i:i + 16384])
                                              for i in range(0, len(data), 16384)])
    sender.start()
    assert tap.read_all(p.kssl, len(data)) == data
    sender.join()
    p.close()


# ---- messages after the handshake ----

def tickets():
    p = Peer(0x1301)
    p.send(TICKET, HANDSHAKE)
    assert not readable(p.kssl), 'a lone ticket is readable'
    p.send(TICKET[:9], HANDSHAKE)
    p.send(TICKET[9:] + TICKET, HANDSHAKE)
    p.send(b'data')
    assert readable(p.kssl) and p.kssl.recv(100) == b'data'
    before = tap.counters()['Tickets']
    assert before >= 3
    p.close()


def key_updates(suite):
    p = Peer(suite)
    for i in range(100):
        p.send(b'\x18\0\0\1' + bytes([i % 2]), HANDSHAKE)
        p.out.update()
        p.send(b'data %d' % i)
        assert p.kssl.recv(100) == b'data %d' % i
        p.kssl.send(b'x')
        if i % 2:
            assert p.got() == (HANDSHAKE, b'\x18\0\0\1\0')
            p.back.update()
        assert p.got() == (DATA, b'x')
    assert tap.info(p.kssl)['rxgen'] == 100 and tap.info(p.kssl)['txgen'] == 50
    p.close()


def update(sock, n):
    return tap.errno_of(sock.setsockopt, tap.SOL_KSSL, tap.KEY_UPDATE, n)


def own_updates(suite):
    """KSSL_KEY_UPDATE, and every refusal of it."""
    p = Peer(suite)
    for i in range(40):
        p.kssl.send(b'a')
        assert update(p.kssl, 0) == 0
        p.kssl.send(b'b')
        assert p.got() == (DATA, b'a') and p.got() == (HANDSHAKE, b'\x18\0\0\1\0')
        p.back.update()
        assert p.got() == (DATA, b'b')
    assert update(p.kssl, 1) == 0 and update(p.kssl, 1) == errno.EAGAIN
    assert p.got() == (HANDSHAKE, b'\x18\0\0\1\1')
    p.back.update()
    p.send(b'\x18\0\0\1\0', HANDSHAKE)
    p.out.update()
    p.send(b'c')
    assert p.kssl.recv(9) == b'c'
    assert update(p.kssl, 1) == 0, 'after the answer'
    p.got()
    p.back.update()
    # 16 with nothing in between, the two above counted
    sent = [update(p.kssl, 0) for _ in range(20)]
    assert sent == [0] * 14 + [errno.EAGAIN] * 6, sent
    for _ in range(14):
        assert p.got() == (HANDSHAKE, b'\x18\0\0\1\0')
        p.back.update()
    p.kssl.send(b'd')
    assert p.got() == (DATA, b'd') and update(p.kssl, 0) == 0
    assert update(p.kssl, 2) == errno.EINVAL
    assert tap.errno_of(p.kssl.setsockopt, tap.SOL_KSSL, tap.KEY_UPDATE, b'\0') == errno.EINVAL
    assert tap.errno_of(p.kssl.getsockopt, tap.SOL_KSSL, tap.KEY_UPDATE, 4) == errno.ENOPROTOOPT
    p.kssl.shutdown(socket.SHUT_WR)
    assert update(p.kssl, 0) == errno.EPIPE
    p.close()


def own_update_refused():
    p = Peer(0xc02f)
    assert update(p.kssl, 0) == errno.EOPNOTSUPP and update(p.kssl, 1) == errno.EOPNOTSUPP
    p.close()
    s = socket.socket()
    tap.attach(s)
    assert update(s, 0) == errno.ENOTCONN
    s.close()
    one, other = tap.pair()
    tap.attach(one)
    assert update(one, 0) == errno.ENOTCONN
    one.setsockopt(tap.SOL_KSSL, tap.KEY_RX, Half(0x1301).uapi())
    assert update(one, 0) == errno.ENOTCONN, 'receiving keys only'
    one.close()
    other.close()
    p = Peer(0x1301)        # a full send buffer
    p.kssl.setblocking(False)
    while not tap.errno_of(p.kssl.send, bytes(65536)):
        pass
    assert update(p.kssl, 0) == errno.EAGAIN
    p.close()


def open_record():
    """A request that comes while a record is open is answered before that record."""
    p = Peer(0x1301)
    for end in (lambda: p.kssl.send(b'y'), lambda: p.kssl.shutdown(socket.SHUT_WR)):
        p.kssl.send(b'x', socket.MSG_MORE)
        p.send(b'\x18\0\0\1\1', HANDSHAKE)
        p.out.update()
        assert not readable(p.kssl)
        end()
        assert p.got() == (HANDSHAKE, b'\x18\0\0\1\0')
        p.back.update()
        assert p.got()[0] == DATA
    assert p.got() == (ALERT, b'\1\0')
    p.close()


def crossing_requests():
    """Both sides ask at once: our request is no answer to the peer's."""
    p = Peer(0x1301)
    p.send(b'\x18\0\0\1\1', HANDSHAKE)
    p.out.update()
    assert not readable(p.kssl)
    assert update(p.kssl, 1) == 0
    p.kssl.send(b'x')
    assert p.got() == (HANDSHAKE, b'\x18\0\0\1\1')
    p.back.update()
    assert p.got() == (HANDSHAKE, b'\x18\0\0\1\0')
    p.back.update()
    assert p.got() == (DATA, b'x')
    p.close()


def answers():
    """The answers to our requests, with no data of the peer's between, are no flood.  Who
    is not asked may send 32 between our data."""
    p = Peer(0x1301)

    def there(n):
        tap.until(lambda: not readable(p.kssl, 1) and tap.info(p.kssl)['rxgen'] == n,
                  lambda: (n, tap.info(p.kssl), tap.error(p.kssl)))

    for i in range(100):
        assert update(p.kssl, 1) == 0
        p.kssl.send(b'a')
        assert p.got() == (HANDSHAKE, b'\x18\0\0\1\1')
        p.back.update()
        assert p.got() == (DATA, b'a')
        p.send(b'\x18\0\0\1\0', HANDSHAKE)
        p.out.update()
        there(i + 1)
    for i in range(100):        # nor is who only receives a flood
        p.send(b'\x18\0\0\1\0', HANDSHAKE)
        p.out.update()
        there(i + 101)
        p.kssl.send(b'b')
        assert p.got() == (DATA, b'b')
    for _ in range(32):
        p.send(b'\x18\0\0\1\0', HANDSHAKE)
        p.out.update()
    there(232)
    p.send(b'\x18\0\0\1\0', HANDSHAKE)
    assert tap.errno_of(p.kssl.recv, 1) == errno.EBADMSG
    assert tap.error(p.kssl)['sent'] == 10
    p.close()


def nonces(suite):
    """Explicit nonces on the wire never repeat; every record opens in order."""
    p = Peer(suite)
    seen = set()
    for _ in range(300):
        p.kssl.send(b'x')
        head = tap.read_all(p.tcp, 5)
        body = tap.read_all(p.tcp, struct.unpack('>H', head[3:])[0])
        seen.add(body[:8])
        p.back.open(head + body)
    assert len(seen) == 300
    p.close()


SOL_TLS, TLS_TX, TLS_RX = 282, 1, 2
CIPHERS = {0x1301: 51, 0x1302: 52, 0x1303: 54, 0xc02f: 51, 0xc030: 52, 0xcca8: 54}


def tls_info(half):
    """What TLS_TX and TLS_RX take, for the same keys."""
    head = struct.pack('HH', half.version, CIPHERS[half.suite])
    if half.suite in (0x1303, 0xcca8):
        iv, salt = half.iv, b''
    elif half.version == 0x304:
        iv, salt = half.iv[4:], half.iv[:4]
    else:
        iv, salt = struct.pack('>Q', 0), half.iv
    return head + iv + half.key + salt + struct.pack('>Q', half.seq)


def keys_of_tls(suite):
    """TLS_TX and TLS_RX bring keys to a "kssl" socket; its rules stay kssl's."""
    p = Peer.__new__(Peer)
    p.kssl, p.tcp = tap.pair()
    p.out, p.back = Half(suite), Half(suite)
    tap.attach(p.kssl)
    info = tls_info(p.out)
    for bad in (info[:3], info[:-1], info + b'x', b'\1\1' + info[2:], info[:2] + b'\xff\0' + info[4:]):
        assert tap.errno_of(p.kssl.setsockopt, SOL_TLS, TLS_RX, bad) == errno.EINVAL
    assert tap.errno_of(p.kssl.setsockopt, SOL_TLS, 9, info) == errno.ENOPROTOOPT
    p.kssl.setsockopt(SOL_TLS, TLS_RX, info)
    p.kssl.setsockopt(SOL_TLS, TLS_TX, tls_info(p.back))
    assert tap.errno_of(p.kssl.setsockopt, SOL_TLS, TLS_TX, info) == errno.EBUSY
    assert tap.errno_of(p.kssl.getsockopt, SOL_TLS, TLS_TX, 100), 'a key can be read back'
    p.send(b'to kssl')
    assert p.kssl.recv(100) == b'to kssl'
    p.kssl.send(b'from kssl')
    assert p.got() == (DATA, b'from kssl')
    assert update(p.kssl, 0) == errno.EOPNOTSUPP
    if SUITES[suite][0] == 0x304:
        p.send(b'\x18\0\0\1\0', HANDSHAKE)
        assert tap.errno_of(p.kssl.recv, 9) == errno.EKEYEXPIRED
    p.close()


def sequence_end(suite):
    p_kssl, p_tcp = tap.pair()
    half = Half(suite, seq=2**64 - 3)
    tap.attach(p_kssl)
    p_kssl.setsockopt(tap.SOL_KSSL, tap.KEY_TX, half.uapi())
    sent = [tap.errno_of(p_kssl.send, b'x') for _ in range(4)]
    assert sent == [0, 0, errno.EPIPE, errno.EPIPE], sent
    assert half.read(p_tcp) == (DATA, b'x') and half.read(p_tcp) == (DATA, b'x')
    p_kssl.close()
    p_tcp.close()


def main():
    import signal
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    for suite in SUITES:
        tap.case(f'both ways, {suite:#x}')(lambda s=suite: both_ways(s, socket.AF_INET))
        tap.case(f'odd sizes, {suite:#x}')(lambda s=suite: odd_sizes(s))
    tap.case('both ways, IPv6')(lambda: both_ways(0x1301, socket.AF_INET6))
    for suite in (0x1301, 0xc02f, 0xcca8):
        tap.case(f'segments of one byte, {suite:#x}')(lambda s=suite: one_byte_segments(s))
        tap.case(f'small receive buffer, {suite:#x}')(lambda s=suite: small_buffer(s))
        tap.case(f'sequence number at its end, {suite:#x}')(lambda s=suite: sequence_end(s))
    for suite in CIPHERS:
        tap.case(f'keys by SOL_TLS, {suite:#x}')(lambda s=suite: keys_of_tls(s))
    tap.case('tickets are not data')(tickets)
    tap.case('KeyUpdate, AES-128')(lambda: key_updates(0x1301))
    tap.case('KeyUpdate, AES-256')(lambda: key_updates(0x1302))
    tap.case('KSSL_KEY_UPDATE, AES-128')(lambda: own_updates(0x1301))
    tap.case('KSSL_KEY_UPDATE, ChaCha20')(lambda: own_updates(0x1303))
    tap.case('KSSL_KEY_UPDATE refused')(own_update_refused)
    tap.case('KeyUpdate while a record is open')(open_record)
    tap.case('KeyUpdate requests that cross')(crossing_requests)
    tap.case('KeyUpdates of a peer that only receives')(answers)
    tap.case('explicit nonces differ')(lambda: nonces(0xc02f))
    tap.done()


main()
