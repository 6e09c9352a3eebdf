#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The record protocol on the wire, own keys, against records by libcrypto: what
is sent, what is accepted, and what each violation leads to."""
import errno
import os
import select
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import tap  # noqa: E402
from records import ALERT, CCS, DATA, HANDSHAKE, SUITES, Half, Peer  # noqa: E402

UNEXPECTED, BAD_MAC, OVERFLOW, ILLEGAL, DECODE, VERSION, NO_RENEG = 10, 20, 22, 47, 50, 70, 100
TICKET = b'\x04\0\0\x10' + bytes(16)


def flip(record, at):
    return record[:at] + bytes([record[at] ^ 1]) + record[at + 1:]


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


# ---- what is refused: every row ends the session ----

def violation(suite, name, make, alert, err, prefix=b'good'):
    """Good data first, then what make() returns; then nothing goes any more."""
    p = Peer(suite)
    try:
        p.send(prefix)
        assert p.kssl.recv(100) == prefix
        p.tcp.sendall(make(p))
        # a record after it must never be delivered
        p.tcp.sendall(p.out.seal(b'after'))
        got = [tap.errno_of(p.kssl.recv, 100) for _ in range(3)]
        poll = select.poll()
        poll.register(p.kssl, select.POLLIN | select.POLLOUT)
        bits = dict(poll.poll(1000)).get(p.kssl.fileno(), 0)
        write = tap.errno_of(p.kssl.send, b'x')
        e = tap.error(p.kssl)
        seen = p.got() if alert is not None else None
        tap.ok(got == [err] * 3 and write == errno.EPIPE and bits & select.POLLERR and
               bits & select.POLLHUP and (alert is None or seen == (ALERT, bytes([2, alert]))) and
               e['err'] == err and e['sent'] == (255 if alert is None else alert),
               f'{name}, {suite:#x}',
               f'reads {got} want {err}, write {write}, poll {bits:#x}, alert {seen}, {e}')
    except Exception as e:  # pylint: disable=broad-except
        tap.ok(False, f'{name}, {suite:#x}', repr(e))
    p.close()


def violations(suite):
    tls13 = SUITES[suite][0] == 0x304
    bad = errno.EBADMSG
    head = 5 + (8 if suite in (0xc02f, 0xc030) else 0)

    def replay(p):
        r = p.out.seal(b'once')
        return r + r

    def reorder(p):
        a, b = p.out.seal(b'a'), p.out.seal(b'b')
        return b + a

    rows = [
        ('text flipped', lambda p: flip(p.out.seal(b'hello'), head + 1), BAD_MAC, bad),
        ('tag flipped', lambda p: flip(p.out.seal(b'hello'), -1), BAD_MAC, bad),
        ('reordered', reorder, BAD_MAC, bad),
        ('length 0', lambda p: b'\x17\3\3\0\0', BAD_MAC, bad),
        ('shorter than a tag', lambda p: b'\x17\3\3\0\x0f' + bytes(15), BAD_MAC, bad),
        ('cut by a byte', lambda p: (lambda r: r[:3] + struct.pack('>H', len(r) - 6) + r[5:-1])(
            p.out.seal(b'hello')), BAD_MAC, bad),
        ('unknown outer type', lambda p: b'\x63\3\3\0\x20' + bytes(32), UNEXPECTED, bad),
        ('empty alert', lambda p: p.out.seal(b'', ALERT), UNEXPECTED, bad),
        ('alert of one byte', lambda p: p.out.seal(b'\x02', ALERT), DECODE, bad),
        ('alert of three bytes', lambda p: p.out.seal(b'\x02\x28\0', ALERT), DECODE, bad),
        ('33 empty records', lambda p: b''.join(p.out.seal(b'') for _ in range(33)),
         UNEXPECTED, bad),
        ('fatal alert', lambda p: p.out.seal(b'\x02\x28', ALERT), None, errno.ECONNABORTED),
        ('inner type unknown', lambda p: p.out.seal(b'x', 99, outer=None if tls13 else 20),
         UNEXPECTED if tls13 else BAD_MAC, bad),
        ('empty handshake record', lambda p: p.out.seal(b'', HANDSHAKE), UNEXPECTED, bad),
        ('change_cipher_spec', lambda p: b'\x14\3\3\0\1\1', UNEXPECTED if tls13 else BAD_MAC, bad),
    ]
    if tls13:
        rows += [
            ('outer type changed', lambda p: p.out.seal(b'hello', outer=22), UNEXPECTED, bad),
            ('version byte flipped', lambda p: flip(p.out.seal(b'hello'), 2), BAD_MAC, bad),
            ('only zeros inside', lambda p: p.out.seal(bytes(10), 0), UNEXPECTED, bad),
            ('text of 16385', lambda p: p.out.seal(bytes(16384) + b'x'), OVERFLOW, errno.EMSGSIZE),
            ('padding over the limit', lambda p: p.out.seal(b'x', pad=16384), OVERFLOW,
             errno.EMSGSIZE),
            ('ciphertext over the limit', lambda p: b'\x17\3\3' + struct.pack('>H', 16641) +
             bytes(16641), OVERFLOW, errno.EMSGSIZE),
            ('KeyUpdate with value 2', lambda p: p.out.seal(b'\x18\0\0\1\2', HANDSHAKE), ILLEGAL,
             bad),
            ('KeyUpdate of two bytes', lambda p: p.out.seal(b'\x18\0\0\2\0\0', HANDSHAKE), DECODE,
             bad),
            ('data behind KeyUpdate', lambda p: p.out.seal(b'\x18\0\0\1\0' + TICKET, HANDSHAKE),
             UNEXPECTED, bad),
            ('data inside a message', lambda p: p.out.seal(TICKET[:7], HANDSHAKE) +
             p.out.seal(b'data'), UNEXPECTED, bad),
            ('CertificateRequest', lambda p: p.out.seal(b'\x0d\0\0\1\0', HANDSHAKE), UNEXPECTED,
             bad),
            ('huge message', lambda p: p.out.seal(b'\x04\xff\xff\xff' + bytes(16), HANDSHAKE),
             DECODE, bad),
            ('old key after KeyUpdate', lambda p: p.out.seal(b'\x18\0\0\1\0', HANDSHAKE) +
             p.out.seal(b'old'), BAD_MAC, bad),
            ('alert of warning level', lambda p: p.out.seal(b'\x01\x28', ALERT), None,
             errno.ECONNABORTED),
        ]
    else:
        rows += [
            ('version 3.1', lambda p: p.out.seal(b'hello', version=0x301), VERSION, bad),
            ('type flipped', lambda p: (lambda r: b'\x16' + r[1:])(p.out.seal(b'hello')), BAD_MAC,
             bad),
            ('text of 16385', lambda p: p.out.seal(bytes(16385)), OVERFLOW, errno.EMSGSIZE),
            ('five warnings', lambda p: b''.join(p.out.seal(b'\x01\x64', ALERT)
                                                 for _ in range(5)), UNEXPECTED, bad),
        ]
    for name, make, alert, err in rows:
        violation(suite, name, make, alert, err)
    # replay: the first copy is good
    p = Peer(suite)
    p.tcp.sendall(replay(p))
    first, second = p.kssl.recv(4), tap.errno_of(p.kssl.recv, 4)
    tap.is_((first, second), (b'once', bad), f'replay, {suite:#x}')
    p.close()


def truncations(suite):
    p = Peer(suite)
    p.send(b'last')
    p.tcp.close()
    got = p.kssl.recv(100), tap.errno_of(p.kssl.recv, 100), tap.errno_of(p.kssl.recv, 100)
    tap.is_(got, (b'last', errno.ECONNRESET, errno.ECONNRESET),
            f'FIN without close_notify, {suite:#x}')
    p.kssl.close()
    p = Peer(suite)
    p.tcp.sendall(p.out.seal(b'whole') + p.out.seal(b'never')[:-1])
    p.tcp.close()
    got = p.kssl.recv(100), tap.errno_of(p.kssl.recv, 100)
    tap.is_(got, (b'whole', errno.ECONNRESET), f'FIN inside a record, {suite:#x}')
    p.kssl.close()
    p = Peer(suite)
    p.tcp.sendall(p.out.seal(b'bye') + p.out.seal(b'\x01\0', ALERT) + p.out.seal(b'ignored'))
    p.tcp.close()
    got = p.kssl.recv(100), p.kssl.recv(100), p.kssl.recv(100)
    tap.is_(got, (b'bye', b'', b''), f'data after close_notify is ignored, {suite:#x}')
    p.kssl.close()


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


def ticket_at_server():
    p = Peer(0x1301, role=2)
    p.send(TICKET, HANDSHAKE)
    assert tap.errno_of(p.kssl.recv, 10) == errno.EBADMSG
    assert p.got() == (ALERT, bytes([2, UNEXPECTED]))
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


def split_update():
    p = Peer(0x1302)
    p.send(b'\x18\0', HANDSHAKE)
    p.send(b'\0\1\0', HANDSHAKE)
    p.out.update()
    p.send(b'new key')
    assert p.kssl.recv(100) == b'new key'
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


def update_storm():
    p = Peer(0x1301)
    for _ in range(33):
        p.send(b'\x18\0\0\1\1', HANDSHAKE)
        p.out.update()
    assert tap.errno_of(p.kssl.recv, 10) == errno.EBADMSG
    p.close()


def renegotiation():
    p = Peer(0xc02f)
    p.send(b'\0\0\0\0', HANDSHAKE)
    p.send(b'data')
    assert p.kssl.recv(10) == b'data'
    assert p.got() == (ALERT, bytes([1, NO_RENEG]))
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
        violations(suite)
        truncations(suite)
        tap.case(f'sequence number at its end, {suite:#x}')(lambda s=suite: sequence_end(s))
    tap.case('tickets are not data')(tickets)
    tap.case('a ticket sent to a server')(ticket_at_server)
    tap.case('KeyUpdate, AES-128')(lambda: key_updates(0x1301))
    tap.case('KeyUpdate, AES-256')(lambda: key_updates(0x1302))
    tap.case('KeyUpdate in two records')(split_update)
    tap.case('KeyUpdate storm is cut')(update_storm)
    tap.case('KSSL_KEY_UPDATE, AES-128')(lambda: own_updates(0x1301))
    tap.case('KSSL_KEY_UPDATE, ChaCha20')(lambda: own_updates(0x1303))
    tap.case('KSSL_KEY_UPDATE refused')(own_update_refused)
    tap.case('KeyUpdate while a record is open')(open_record)
    tap.case('KeyUpdate requests that cross')(crossing_requests)
    tap.case('renegotiation is refused by a warning')(renegotiation)
    tap.case('explicit nonces differ')(lambda: nonces(0xc02f))
    tap.done()


main()
