#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Every local failure on the receiving side: the alert that the peer sees on the
wire, what the program sees (reads, write, poll, SO_ERROR, KSSL_ERROR), and that
nothing is delivered after it.  Own keys; records by libcrypto.

PAGE is the table of kssl.7, row by row; the last test compares the two."""
import errno
import os
import select
import signal
import socket
import struct
import sys
from typing import NamedTuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import tap  # noqa: E402
from records import (ALERT, CCS, DATA, HANDSHAKE, SUITES, TICKET, Half, Peer,  # noqa: E402
                     spoilt)

MANUAL = os.path.dirname(os.path.abspath(__file__)) + '/../../user/man/kssl.7'
RUN = (0x1301, 0xc02f, 0xcca8, 0x1303)     # suites; TLS 1.3 and 1.2
BOTH, ONLY12, ONLY13 = (0x303, 0x304), (0x303,), (0x304,)
NONE, WARNING = 255, 1
NAMES = {10: 'unexpected_message', 20: 'bad_record_mac', 22: 'record_overflow',
         47: 'illegal_parameter', 50: 'decode_error', 70: 'protocol_version',
         80: 'internal_error'}
# Every alert of RFC 8446, 6, the older ones of RFC 5246, 7.2, and two of nobody.
ALERTS = (10, 20, 21, 22, 30, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 60, 70, 71, 80, 86,
          100, 109, 110, 111, 112, 113, 114, 115, 116, 120, 121, 199, 255)
BITS = select.POLLIN | select.POLLOUT | select.POLLERR | select.POLLHUP


class Kind(NamedTuple):
    """A row of the manual, and the counter that moves."""
    failure: str
    alert: int
    err: int
    counter: str


PAGE = {
    'mac': Kind('record did not verify', 20, errno.EBADMSG, 'RxBadMac'),
    'short': Kind('record too short for its cipher', 20, errno.EBADMSG, 'RxProtocol'),
    'long': Kind('record or its text too long', 22, errno.EMSGSIZE, 'RxProtocol'),
    'type': Kind('unknown or wrong content type, or none', 10, errno.EBADMSG, 'RxProtocol'),
    'empty': Kind('alert or handshake record without content', 10, errno.EBADMSG, 'RxProtocol'),
    'amid': Kind('other record inside a handshake message', 10, errno.EBADMSG, 'RxProtocol'),
    'behind': Kind('more behind a KeyUpdate in its record', 10, errno.EBADMSG, 'RxProtocol'),
    'message': Kind('handshake message that nobody asked for', 10, errno.EBADMSG, 'RxProtocol'),
    'flood': Kind('more than 32 empty records or KeyUpdates in a row', 10, errno.EBADMSG,
                  'RxProtocol'),
    'warnings': Kind('more than 4 warnings or renegotiations in a row', 10, errno.EBADMSG,
                     'RxProtocol'),
    'requests': Kind('more than 100 renegotiations in all', 10, errno.EBADMSG, 'RxProtocol'),
    'alert': Kind('alert not of two bytes', 50, errno.EBADMSG, 'RxProtocol'),
    'length': Kind('handshake message of impossible length', 50, errno.EBADMSG, 'RxProtocol'),
    'ticket': Kind('NewSessionTicket whose parts are not its length', 50, errno.EBADMSG,
                   'RxProtocol'),
    'level': Kind('TLS 1.2 alert of unknown level', 47, errno.EBADMSG, 'RxProtocol'),
    'value': Kind('KeyUpdate of unknown value', 47, errno.EBADMSG, 'RxProtocol'),
    'version': Kind('TLS 1.2 record of another version', 70, errno.EBADMSG, 'RxProtocol'),
    'last': Kind('sequence numbers used up', 10, errno.EBADMSG, 'RxProtocol'),
    'fatal': Kind('fatal alert received', NONE, errno.ECONNABORTED, 'AlertReceived'),
    'cut': Kind('FIN without close_notify, or inside a record', NONE, errno.ECONNRESET,
                'RxTruncated'),
    'reset': Kind('connection reset', NONE, errno.ECONNRESET, None),
}
UPDATE = b'\x18\0\0\1\0'
NO_RENEGOTIATION = ((ALERT, b'\1\x64'),)
HELLO_REQUEST, CLIENT_HELLO = bytes(4), b'\1\0\0\x29\3\3' + bytes(39)


class Case(NamedTuple):
    """What the peer sends (a function of Peer), and what comes of it."""
    name: str
    versions: tuple
    kind: str
    text: str           # of KSSL_ERROR
    send: object
    role: int = 0
    received: int = NONE
    seq: int = 0        # of the good record
    wire: tuple = ()    # before the alert


def flip(at, size=300):
    """A record with one bit changed; 300 bytes: the length's high byte can shrink."""
    return lambda p: spoilt(p.out.seal(bytes(size)), at)


def sealed(text, kind=DATA, **more):
    return lambda p: p.out.seal(text, kind, **more)


def times(n, text, kind):
    return lambda p: b''.join(p.out.seal(text, kind) for _ in range(n))


def header(length, body=0, kind=DATA):
    return lambda p: struct.pack('>BHH', kind, 0x303, length) + bytes(body)


def overhead(p):
    return 17 if p.out.version == 0x304 else 16 + (8 if len(p.out.iv) == 4 else 0)


def limit(p, more, body):
    n = 16384 + (256 if p.out.version == 0x304 else overhead(p)) + more
    return header(n, n if body else 0)(p)


def below(p):
    n = 15 if p.out.version == 0x304 else overhead(p) - 1
    return header(n, n)(p)


def cut(p):
    record = p.out.seal(b'hello')
    return record[:3] + struct.pack('>H', len(record) - 6) + record[5:-1]


def replay(p):
    record = p.out.seal(b'')
    return record + record


def skipped(p):
    p.out.seal(b'lost')
    return p.out.seal(b'hello')


def reorder(p):
    first = p.out.seal(b'a')
    return p.out.seal(b'b') + first


def mixed(*parts):
    return lambda p: b''.join(p.out.seal(text, kind) for kind, text in parts)


def pieces(p, message, size):
    """A handshake message in records of so many bytes."""
    return b''.join(p.out.seal(message[i:i + size], HANDSHAKE)
                    for i in range(0, len(message), size))


def requests(p):
    """HelloRequests with data between them, which is read: the first hundred."""
    for _ in range(100):
        p.tcp.sendall(p.out.seal(HELLO_REQUEST, HANDSHAKE) + p.out.seal(b'd'))
        assert p.kssl.recv(10) == b'd'
    return p.out.seal(HELLO_REQUEST, HANDSHAKE)


def storm(n):
    def make(p):
        stream = b''
        for _ in range(n):
            stream += p.out.seal(UPDATE, HANDSHAKE)
            p.out.update()
        return stream
    return make


def fin(make=lambda p: b''):
    def act(p):
        p.tcp.sendall(make(p))
        p.tcp.shutdown(socket.SHUT_WR)
        return None
    return act


def reset(p):
    p.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    p.tcp.close()


def new_ticket(body):
    return b'\4' + len(body).to_bytes(3, 'big') + body


FIXED = bytes(8)                        # ticket_lifetime, ticket_age_add
NO_EXTENSIONS, EARLY = b'\0\0', b'\0\x2a'
BAD_TICKETS = (
    ('of no bytes', b''),
    ('of one byte', b'\0'),
    ('without a nonce', FIXED),
    ('whose nonce is longer than it', FIXED + b'\xff' + bytes(20)),
    ('without a ticket', FIXED + b'\0'),
    ('of half a length', FIXED + b'\0\0'),
    ('that is empty', FIXED + b'\0\0\0' + NO_EXTENSIONS),
    ('that is cut', FIXED + b'\0\0\4abc'),
    ('without extensions', FIXED + b'\0\0\3abc'),
    ('with half a list', FIXED + b'\0\0\3abc\0'),
    ('with more behind it', FIXED + b'\0\0\3abc' + NO_EXTENSIONS + b'\0'),
    ('with a list that is cut', FIXED + b'\0\0\3abc\0\5\xff\xff\0\0'),
    ('with half an extension', FIXED + b'\0\0\3abc\0\3' + EARLY + b'\0'),
    ('with an extension longer than the list', FIXED + b'\0\0\3abc\0\5\xff\xff\0\2x'),
    ('with a short early_data', FIXED + b'\0\0\3abc\0\7' + EARLY + b'\0\3abc'),
)

MAC, HEAD = 'record did not verify', 'bad record header'
LEVEL, REQUEST = 'alert of unknown level', 'bad request for renegotiation'
LONG, BAD, MESSAGE = 'record too long', 'bad record', 'unexpected handshake message'
CASES = [
    # headers: each of the five bytes
    Case('type flipped', ONLY12, 'mac', MAC, flip(0)),
    Case('type flipped', ONLY13, 'type', HEAD, flip(0)),
    Case('version flipped, high byte', ONLY12, 'version', HEAD, flip(1)),
    Case('version flipped, high byte', ONLY13, 'mac', MAC, flip(1)),
    Case('version flipped, low byte', ONLY12, 'version', HEAD, flip(2)),
    Case('version flipped, low byte', ONLY13, 'mac', MAC, flip(2)),
    Case('length flipped, high byte', BOTH, 'mac', MAC, flip(3)),
    Case('length flipped, low byte', BOTH, 'mac', MAC, flip(4)),
    Case('version 3.1', ONLY12, 'version', HEAD, sealed(b'hello', version=0x301)),
    Case('version 3.1', ONLY13, 'mac', MAC,
         lambda p: (lambda r: r[:1] + b'\3\1' + r[3:])(p.out.seal(b'hello'))),
    Case('version 3.4', ONLY12, 'version', HEAD, sealed(b'hello', version=0x304)),
    Case('unknown type', BOTH, 'type', HEAD, header(64, 64, 99)),
    Case('type 0', BOTH, 'type', HEAD, header(64, 64, 0)),
    Case('heartbeat', BOTH, 'type', HEAD, header(64, 64, 24)),
    Case('SSL 2 hello', ONLY12, 'type', HEAD, lambda p: b'\x80\x2e\1\3\3' + bytes(64)),
    Case('plain HTTP', ONLY12, 'type', HEAD, lambda p: b'GET / HTTP/1.0\r\n\r\n'),
    # lengths
    Case('length 0', BOTH, 'short', HEAD, header(0)),
    Case('length below the overhead', BOTH, 'short', HEAD, below),
    Case('length of a tag alone', ONLY13, 'mac', MAC, header(16, 16)),
    Case('short record', BOTH, 'mac', MAC, cut),
    Case('length at the limit', BOTH, 'mac', MAC, lambda p: limit(p, 0, True)),
    Case('length over the limit', BOTH, 'long', LONG, lambda p: limit(p, 1, True)),
    Case('length over the limit, header alone', BOTH, 'long', LONG,
         lambda p: limit(p, 1, False)),
    Case('length 65535', BOTH, 'long', LONG, header(65535)),
    Case('text of 16385', BOTH, 'long', LONG, sealed(bytes(16384) + b'x')),
    Case('padding over the limit', ONLY13, 'long', LONG, sealed(b'x', pad=16384)),
    Case('padded to the longest record', ONLY13, 'long', LONG, sealed(b'x', pad=16622)),
    # bytes
    Case('text flipped', BOTH, 'mac', MAC, lambda p: flip(5 + overhead(p) - 16)(p)),
    Case('tag flipped', BOTH, 'mac', MAC, flip(-1)),
    Case('nonce flipped', ONLY12, 'mac', MAC, flip(5)),
    Case('replayed', BOTH, 'mac', MAC, replay),
    Case('reordered', BOTH, 'mac', MAC, reorder),
    Case('left out', BOTH, 'mac', MAC, skipped),
    Case('old key after KeyUpdate', ONLY13, 'mac', MAC,
         mixed((HANDSHAKE, UPDATE), (DATA, b'old'))),
    Case('new key without KeyUpdate', ONLY13, 'mac', MAC,
         lambda p: p.out.update() or p.out.seal(b'new')),
    # types inside
    Case('nothing inside', ONLY13, 'type', BAD, sealed(b'', 0)),
    Case('only zeros inside', ONLY13, 'type', BAD, sealed(bytes(10), 0)),
    Case('unknown type inside', ONLY13, 'type', 'unexpected content type', sealed(b'x', 99)),
    Case('outer type handshake', ONLY13, 'type', HEAD, sealed(b'hello', outer=HANDSHAKE)),
    Case('outer type alert', ONLY13, 'type', HEAD, sealed(b'\1\0', ALERT, outer=ALERT)),
    Case('plaintext alert', ONLY13, 'type', HEAD, lambda p: b'\x15\3\3\0\2\2\x28'),
    Case('plaintext alert', ONLY12, 'short', HEAD, lambda p: b'\x15\3\3\0\2\2\x28'),
    Case('change_cipher_spec', ONLY13, 'type', HEAD, lambda p: b'\x14\3\3\0\1\1'),
    Case('change_cipher_spec', ONLY12, 'short', HEAD, lambda p: b'\x14\3\3\0\1\1'),
    Case('two change_cipher_spec', ONLY13, 'type', HEAD, lambda p: b'\x14\3\3\0\1\1' * 2),
    Case('sealed change_cipher_spec', BOTH, 'type', 'unexpected content type',
         sealed(b'\1', CCS)),
    Case('empty alert', BOTH, 'empty', 'record without content', sealed(b'', ALERT)),
    Case('empty handshake record', BOTH, 'empty', 'record without content',
         sealed(b'', HANDSHAKE)),
    Case('empty record of unknown type', ONLY13, 'empty', 'record without content',
         sealed(b'', 99)),
    # alerts
    Case('alert of one byte', BOTH, 'alert', 'bad alert', sealed(b'\2', ALERT)),
    Case('alert of three bytes', BOTH, 'alert', 'bad alert', sealed(b'\2\x28\0', ALERT)),
    Case('two alerts in a record', BOTH, 'alert', 'bad alert', sealed(b'\1\0\1\0', ALERT)),
    Case('user_canceled, fatal', ONLY12, 'fatal', 'peer sent a fatal alert',
         sealed(b'\2\x5a', ALERT), received=90),
    Case('close_notify of level 3', ONLY12, 'level', LEVEL, sealed(b'\3\0', ALERT)),
    Case('alert of level 0', ONLY12, 'level', LEVEL, sealed(b'\0\x28', ALERT), role=2),
    Case('five warnings', ONLY12, 'warnings', 'too many warning alerts',
         times(5, b'\1\x64', ALERT)),
    Case('five user_canceled', BOTH, 'warnings', 'too many warning alerts',
         times(5, b'\1\x5a', ALERT)),
    # floods
    Case('33 empty records', BOTH, 'flood', 'too many empty records', times(33, b'', DATA)),
    Case('33 KeyUpdates', ONLY13, 'flood', 'too many KeyUpdates', storm(33)),
    Case('five renegotiations', ONLY12, 'warnings', 'too many renegotiation requests',
         times(5, HELLO_REQUEST, HANDSHAKE), wire=NO_RENEGOTIATION * 4),
    Case('five renegotiations, cut', ONLY12, 'warnings', 'too many renegotiation requests',
         lambda p: b''.join(pieces(p, CLIENT_HELLO, 5) for _ in range(5)), role=2,
         wire=NO_RENEGOTIATION * 4),
    Case('101 renegotiations', ONLY12, 'requests', 'too many renegotiation requests',
         requests, wire=NO_RENEGOTIATION * 100),
    # handshake messages
    Case('HelloRequest of one byte', ONLY12, 'length', REQUEST,
         sealed(b'\0\0\0\1\0', HANDSHAKE)),
    Case('HelloRequest of 2^17 + 1 bytes', ONLY12, 'length', 'handshake message too long',
         sealed(b'\0\2\0\1', HANDSHAKE)),
    Case('ClientHello of 40 bytes', ONLY12, 'length', REQUEST,
         sealed(b'\1\0\0\x28' + bytes(40), HANDSHAKE), role=2),
    Case('ClientHello of 2^24 - 1 bytes', ONLY12, 'length', 'handshake message too long',
         sealed(b'\1\xff\xff\xff', HANDSHAKE), role=2),
    Case('Finished behind a HelloRequest', ONLY12, 'message', MESSAGE,
         sealed(HELLO_REQUEST + b'\x14\0\0\x0c' + bytes(12), HANDSHAKE),
         wire=NO_RENEGOTIATION),
    Case('empty record inside a ClientHello', ONLY12, 'empty', 'record without content',
         mixed((HANDSHAKE, CLIENT_HELLO[:7]), (HANDSHAKE, b'')), role=2),
    Case('KeyUpdate of value 2', ONLY13, 'value', 'bad KeyUpdate',
         sealed(b'\x18\0\0\1\2', HANDSHAKE)),
    Case('KeyUpdate of two bytes', ONLY13, 'length', 'bad KeyUpdate',
         sealed(b'\x18\0\0\2\0\0', HANDSHAKE)),
    Case('KeyUpdate of no bytes', ONLY13, 'length', 'bad KeyUpdate',
         sealed(b'\x18\0\0\0', HANDSHAKE)),
    Case('message of 2^24 - 1 bytes', ONLY13, 'length', 'handshake message too long',
         sealed(b'\4\xff\xff\xff', HANDSHAKE)),
] + [
    Case(f'ticket {why}', ONLY13, 'ticket', 'bad NewSessionTicket',
         sealed(new_ticket(body), HANDSHAKE)) for why, body in BAD_TICKETS
] + [
    Case('message behind a KeyUpdate', ONLY13, 'behind', 'data after KeyUpdate in its record',
         sealed(UPDATE + TICKET, HANDSHAKE)),
    Case('KeyUpdate behind a KeyUpdate', ONLY13, 'behind', 'data after KeyUpdate in its record',
         sealed(UPDATE + UPDATE, HANDSHAKE)),
    Case('data inside a message', ONLY13, 'amid',
         'record between parts of a handshake message',
         mixed((HANDSHAKE, TICKET[:7]), (DATA, b'data'))),
    Case('data inside a header', ONLY13, 'amid', 'record between parts of a handshake message',
         mixed((HANDSHAKE, TICKET[:1]), (DATA, b'data'))),
    Case('empty data inside a message', ONLY13, 'amid',
         'record between parts of a handshake message',
         mixed((HANDSHAKE, TICKET[:7]), (DATA, b''))),
    Case('close_notify inside a message', ONLY13, 'amid',
         'record between parts of a handshake message',
         mixed((HANDSHAKE, TICKET[:7]), (ALERT, b'\1\0'))),
    Case('empty record inside a message', ONLY13, 'empty', 'record without content',
         mixed((HANDSHAKE, TICKET[:7]), (HANDSHAKE, b''))),
    Case('CertificateRequest', ONLY13, 'message', MESSAGE,
         sealed(b'\x0d\0\0\1\0', HANDSHAKE)),
    Case('ticket at a server', ONLY13, 'message', MESSAGE, sealed(TICKET, HANDSHAKE), role=2),
    Case('ClientHello at a server', ONLY13, 'message', MESSAGE,
         sealed(CLIENT_HELLO, HANDSHAKE), role=2),
    Case('ClientHello at a client', ONLY12, 'message', MESSAGE, sealed(CLIENT_HELLO, HANDSHAKE)),
    Case('HelloRequest at a server', ONLY12, 'message', MESSAGE,
         sealed(HELLO_REQUEST, HANDSHAKE), role=2),
    Case('Finished', BOTH, 'message', MESSAGE, sealed(b'\x14\0\0\x0c' + bytes(12), HANDSHAKE)),
    # ends
    Case('number 2^64 - 1', BOTH, 'last', 'sequence numbers used up', sealed(b'x'), seq=2**64 - 2),
    Case('FIN', BOTH, 'cut', 'peer closed without close_notify', fin()),
    Case('FIN inside a header', BOTH, 'cut', 'peer closed inside a record',
         fin(lambda p: p.out.seal(b'never')[:3])),
    Case('FIN inside a record', BOTH, 'cut', 'peer closed inside a record',
         fin(lambda p: p.out.seal(b'never')[:-1])),
    Case('FIN inside a message', ONLY13, 'cut', 'peer closed without close_notify',
         fin(sealed(TICKET[:7], HANDSHAKE))),
    Case('FIN inside a ClientHello', ONLY12, 'cut', 'peer closed without close_notify',
         fin(sealed(CLIENT_HELLO[:7], HANDSHAKE)), role=2),
    Case('reset', BOTH, 'reset', 'the connection failed', reset),
] + [
    Case(f'fatal alert {n}', BOTH, 'fatal', 'peer sent a fatal alert',
         sealed(bytes([2, n]), ALERT), received=n) for n in ALERTS
] + [   # RFC 8446, 6: the level means nothing
    Case(f'alert {n} of warning level', ONLY13, 'fatal', 'peer sent a fatal alert',
         sealed(bytes([1, n]), ALERT), received=n) for n in ALERTS
]


# ---- how the program finds out ----

def by_recv(p):
    return tap.errno_of(p.kssl.recv, 100)


def by_peek(p):
    return tap.errno_of(p.kssl.recv, 100, socket.MSG_PEEK)


def by_readv(p):
    return tap.errno_of(p.kssl.recvmsg_into, [bytearray(3), bytearray(100)])


def by_waitall(p):
    return tap.errno_of(p.kssl.recv, 100, socket.MSG_WAITALL)


def by_splice(p):
    r, w = os.pipe()
    try:
        return tap.errno_of(os.splice, p.kssl.fileno(), w, 100)
    finally:
        os.close(r)
        os.close(w)


def by_poll(p):
    """poll() alone finds the failure, nobody reads."""
    poll = select.poll()
    poll.register(p.kssl, select.POLLIN)
    for _ in range(100):
        if dict(poll.poll(100)).get(p.kssl.fileno(), 0) & (select.POLLIN | select.POLLERR):
            break
    return by_recv(p)


WAYS = (by_recv, by_poll, by_splice, by_peek, by_readv, by_waitall)


def bits_of(sock):
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLOUT)
    return dict(poll.poll(1000)).get(sock.fileno(), 0) & BITS


def rest(p):
    """What else the peer gets until the end of the stream."""
    try:
        return p.tcp.recv(100)
    except ConnectionResetError:    # close() with unread bytes, as on TCP
        return b''


def act(p, case):
    """Good data, then the offence, then data that must never be seen."""
    p.send(b'good')
    assert p.kssl.recv(100) == b'good'
    bad = case.send(p)
    if bad is None:
        return
    if len(bad) != 5 and not case.seq:  # a header alone must be enough
        bad += p.out.seal(b'after')
    p.tcp.sendall(bad)


def outcome(p, case, way):
    """All that can be seen of a failure."""
    see = {'reads': [way(p), by_recv(p), by_recv(p)],
           'write': tap.errno_of(p.kssl.send, b'x'),
           'poll': bits_of(p.kssl),
           'so_error': p.kssl.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR),
           'late': [f(p) for f in (by_recv, by_peek, by_splice)]}
    see.update(tap.error(p.kssl))
    wire = [p.got() for _ in case.wire]
    if case.kind != 'reset':
        if see['sent'] != NONE or case.kind == 'cut':
            wire.append(p.got())
        p.kssl.close()
        if case.kind == 'cut':
            wire.append(p.got())
        wire.append(rest(p))
    see['wire'] = wire
    return see


def wanted(case):
    kind = PAGE[case.kind]
    alert = [(ALERT, bytes([2, kind.alert]))] if kind.alert != NONE else []
    want = {'reads': [kind.err] * 3, 'write': errno.EPIPE, 'poll': BITS, 'so_error': kind.err,
            'late': [kind.err] * 3, 'err': kind.err, 'verify': 0, 'sent': kind.alert,
            'received': case.received, 'text': case.text,
            'wire': list(case.wire) + alert + ([b''] if case.kind != 'reset' else [])}
    if case.kind == 'cut':      # of reading alone
        want.update({'write': 0, 'poll': select.POLLIN | select.POLLOUT, 'so_error': 0,
                     'wire': [(DATA, b'x'), (ALERT, b'\1\0'), b'']})
    return want


def make_peer(suite, role=0, seq=0):
    p = Peer(suite, role=role, seq=seq)
    p.kssl.settimeout(None)     # else Python polls before it reads
    p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 10, 0))
    return p


def fails(suite, case, way):
    p = make_peer(suite, case.role, case.seq)
    before = tap.counters()
    act(p, case)
    got, want = outcome(p, case, way), wanted(case)
    after = tap.counters()
    p.close()
    moved = {k: after[k] - before[k] for k in ('RxBadMac', 'RxProtocol', 'RxTruncated',
                                               'AlertReceived', 'AlertSent') if after[k] != before[k]}
    counters = {PAGE[case.kind].counter: 1} if PAGE[case.kind].counter else {}
    if PAGE[case.kind].alert != NONE:
        counters['AlertSent'] = 1
    wrong = [f'{k}: {got[k]!r}, wanted {want[k]!r}' for k in want if got[k] != want[k]]
    if moved != counters:
        wrong.append(f'counters {moved}, wanted {counters}')
    tap.ok(not wrong, f'{case.name}, {suite:#x}, {way.__name__}', '\n'.join(wrong))


def failures():
    i = 0
    for suite in RUN:
        for case in CASES:
            if SUITES[suite][0] not in case.versions:
                continue
            i += 1
            try:
                fails(suite, case, WAYS[i % len(WAYS)])
            except Exception as e:  # pylint: disable=broad-except
                tap.ok(False, f'{case.name}, {suite:#x}', repr(e))


def together(suite):
    """Good records before the bad one come out first, in one segment or not."""
    p = make_peer(suite)
    p.tcp.sendall(p.out.seal(b'one') + p.out.seal(b'two') + flip(-1)(p) + p.out.seal(b'after'))
    assert p.kssl.recv(100) == b'onetwo'
    assert by_recv(p) == errno.EBADMSG and by_recv(p) == errno.EBADMSG
    p.close()


def held_back(suite):
    """MSG_MORE data goes before the alert; in TLS 1.2 and 1.3 nothing after it."""
    p = make_peer(suite)
    p.kssl.send(b'held', socket.MSG_MORE)
    p.tcp.sendall(flip(-1)(p))
    assert by_recv(p) == errno.EBADMSG
    assert p.got() == (DATA, b'held') and p.got() == (ALERT, b'\2\x14')
    p.kssl.close()
    assert rest(p) == b''
    p.tcp.close()


def receive_only(suite):
    """Without sending keys there is no alert, and no other byte either."""
    kssl, tcp = tap.pair()
    half = Half(suite)
    tap.attach(kssl)
    kssl.setsockopt(tap.SOL_KSSL, tap.KEY_RX, half.uapi())
    tcp.sendall(spoilt(half.seal(b'good')) + b'\0')
    assert tap.errno_of(kssl.recv, 10) == errno.EBADMSG
    e = tap.error(kssl)
    assert (e['err'], e['sent']) == (errno.EBADMSG, NONE), e
    kssl.close()
    assert tap.errno_of(tcp.recv, 10) in (0, errno.ECONNRESET)
    tcp.close()


def sigpipe(suite):
    """A write after a failure raises SIGPIPE, as on TCP; not with MSG_NOSIGNAL."""
    seen = []
    p = make_peer(suite)
    p.tcp.sendall(flip(-1)(p))
    assert by_recv(p) == errno.EBADMSG
    signal.signal(signal.SIGPIPE, lambda *_: seen.append(1))
    assert tap.errno_of(p.kssl.send, b'x', socket.MSG_NOSIGNAL) == errno.EPIPE and not seen
    assert tap.errno_of(p.kssl.send, b'x') == errno.EPIPE
    for _ in range(2):      # Python calls the handler here, not before
        pass
    assert seen == [1], seen
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    p.close()


# ---- what is no failure ----

class Fine(NamedTuple):
    """What the peer sends before b'data', and what it gets; then all goes on."""
    name: str
    versions: tuple
    send: object
    text: bytes = b''
    wire: tuple = ()
    role: int = 0


def split_ticket(p):
    return b''.join(p.out.seal(TICKET[i:i + 1], HANDSHAKE) for i in range(len(TICKET)))


def split_update(p):
    parts = b''.join(p.out.seal(UPDATE[i:i + 1], HANDSHAKE) for i in range(5))
    p.out.update()
    return parts


def ticket_and_update(p):
    record = p.out.seal(TICKET + TICKET + UPDATE, HANDSHAKE)
    p.out.update()
    return record


def in_pieces(message, size):
    return lambda p: pieces(p, message, size)


FINE = [
    Fine('text of 16384', BOTH, sealed(b'x' * 16384), b'x' * 16384),
    Fine('padded to the limit', ONLY13, sealed(b'x', pad=16383), b'x'),
    Fine('shortest record: empty', BOTH, sealed(b'')),
    Fine('32 empty records', BOTH, times(32, b'', DATA)),
    Fine('empty record, padded', ONLY13, sealed(b'', pad=100)),
    Fine('four warnings', ONLY12, times(4, b'\1\x64', ALERT)),
    Fine('warning of unknown kind', ONLY12, sealed(b'\1\xc7', ALERT)),
    Fine('user_canceled, warning', BOTH, sealed(b'\1\x5a', ALERT)),
    Fine('user_canceled, fatal', ONLY13, sealed(b'\2\x5a', ALERT)),
    Fine('renegotiation asked by the server', ONLY12, sealed(HELLO_REQUEST, HANDSHAKE),
         wire=NO_RENEGOTIATION),
    Fine('renegotiation asked by the client', ONLY12, sealed(CLIENT_HELLO, HANDSHAKE), role=2,
         wire=NO_RENEGOTIATION),
    Fine('ClientHello in records of 5 bytes', ONLY12, in_pieces(CLIENT_HELLO, 5), role=2,
         wire=NO_RENEGOTIATION),
    Fine('ClientHello, a byte in each record', ONLY12, in_pieces(CLIENT_HELLO, 1), role=2,
         wire=NO_RENEGOTIATION),
    Fine('HelloRequest, a byte in each record', ONLY12, in_pieces(HELLO_REQUEST, 1),
         wire=NO_RENEGOTIATION),
    Fine('data inside a ClientHello', ONLY12,       # RFC 5246, 6.2.1
         mixed((HANDSHAKE, CLIENT_HELLO[:7]), (DATA, b'text'), (HANDSHAKE, CLIENT_HELLO[7:])),
         b'text', role=2, wire=NO_RENEGOTIATION),
    Fine('warning and empty data inside a ClientHello', ONLY12,
         mixed((HANDSHAKE, CLIENT_HELLO[:2]), (ALERT, b'\1\x64'), (DATA, b''),
               (HANDSHAKE, CLIENT_HELLO[2:])), role=2, wire=NO_RENEGOTIATION),
    Fine('ticket in one record', ONLY13, sealed(TICKET, HANDSHAKE)),
    Fine('ticket with a nonce and extensions', ONLY13, sealed(new_ticket(
        FIXED + b'\2no\0\3abc\0\x0e' + EARLY + b'\0\4abcd\xff\xff\0\2xy'), HANDSHAKE)),
    Fine('ticket, a byte in each record', ONLY13, split_ticket),
    Fine('KeyUpdate, a byte in each record', ONLY13, split_update),
    Fine('tickets and KeyUpdate in one record', ONLY13, ticket_and_update),
    Fine('32 KeyUpdates', ONLY13, storm(32)),
]


def goes_on(suite, fine):
    p = make_peer(suite, fine.role)
    p.tcp.sendall(fine.send(p) + p.out.seal(b'data'))
    want = fine.text + b'data'
    assert p.kssl.recv(len(want), socket.MSG_WAITALL) == want
    p.kssl.send(b'answer')
    assert [p.got() for _ in range(len(fine.wire) + 1)] == list(fine.wire) + [(DATA, b'answer')]
    e = tap.error(p.kssl)
    assert (e['err'], e['sent'], e['received']) == (0, NONE, NONE), e
    p.close()


def many_warnings_apart(suite):
    """The bounds are for events in a row: data between them starts anew."""
    p = make_peer(suite)
    for _ in range(20):
        p.tcp.sendall(times(3, b'\1\x5a', ALERT)(p) + times(20, b'', DATA)(p) +
                      p.out.seal(b'data'))
        assert p.kssl.recv(100) == b'data'
    p.close()


def packed(suite):
    """Requests in one record, the last of them cut, data behind: answered, at most one
    by one."""
    if suite != 0xc02f:
        return
    for role, message in (0, HELLO_REQUEST), (2, CLIENT_HELLO):
        p = make_peer(suite, role)
        p.tcp.sendall(p.out.seal(message * 2 + message[:3], HANDSHAKE) + p.out.seal(b'data') +
                      p.out.seal(message[3:], HANDSHAKE) + p.out.seal(b'more'))
        assert p.kssl.recv(8, socket.MSG_WAITALL) == b'datamore'
        p.kssl.send(b'x')
        got = [p.got()]
        while got[-1][0] != DATA:
            got.append(p.got())
        assert got[-1] == (DATA, b'x') and 1 <= len(got) - 1 <= 3, got
        assert set(got[:-1]) == set(NO_RENEGOTIATION), got
        p.close()


def close_notify(suite, level):
    """It ends reading, whatever follows; writing goes on until the program ends it."""
    p = make_peer(suite)
    p.tcp.sendall(p.out.seal(b'bye') + p.out.seal(bytes([level, 0]), ALERT) +
                  p.out.seal(b'ignored') + b'nonsense')
    p.tcp.shutdown(socket.SHUT_WR)
    assert [p.kssl.recv(100) for _ in range(4)] == [b'bye', b'', b'', b'']
    assert p.kssl.send(b'more') == 4 and p.got() == (DATA, b'more')
    assert tap.info(p.kssl)['state'] == 3, 'open'
    p.kssl.shutdown(socket.SHUT_WR)
    assert p.got() == (ALERT, b'\1\0') and p.got() is None
    assert tap.info(p.kssl)['state'] == 4, 'closed'
    e = tap.error(p.kssl)
    assert (e['err'], e['sent'], e['received']) == (0, NONE, NONE), e
    assert p.kssl.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    p.close()


# ---- alerts: level x description x version x role (unit/records has all 65,536 pairs) ----

def alert_sense(version, level, desc):
    """What the next read says, the alert sent, the one received."""
    if version == 0x303 and level not in (1, 2):
        return errno.EBADMSG, 47, NONE
    if desc == 0:
        return b'', NONE, NONE
    if level == 1 if version == 0x303 else desc == 90:
        return b'data', NONE, NONE
    return errno.ECONNABORTED, NONE, desc


def alert_table(suite, role):
    wrong = []
    for level in (0, 1, 2, 3, 255):
        for desc in (0, 40, 90, 100, 255):
            p = make_peer(suite, role)
            p.tcp.sendall(p.out.seal(bytes([level, desc]), ALERT) + p.out.seal(b'data'))
            try:
                said = p.kssl.recv(10)
            except OSError as e:
                said = e.errno
            e = tap.error(p.kssl)
            if (said, e['sent'], e['received']) != alert_sense(SUITES[suite][0], level, desc):
                wrong.append((level, desc, said, e))
            p.close()
    assert not wrong, wrong


# ---- the manual ----

def page_rows():
    with open(MANUAL, encoding='ascii') as f:
        text = f.read()
    section = text[text.index('.Sh ALERTS'):]
    section = section[:section.index('\n.Sh', 1)]
    rows = [line[4:].split(' Ta ') for line in section.splitlines() if line.startswith('.It ')]
    return [tuple(r) for r in rows if not r[0].startswith('Em')]


def row_of(kind):
    alert = f'{NAMES[kind.alert]} ({kind.alert})' if kind.alert != NONE else 'none'
    return kind.failure, alert, errno.errorcode[kind.err]


def manual():
    tap.is_(page_rows(), [row_of(k) for k in PAGE.values()], 'kssl.7 has the table of this test')
    used = {c.kind for c in CASES}
    tap.is_(used, set(PAGE), 'every row of the table is tried')


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    failures()
    for suite in RUN[:2]:
        for fn in (together, held_back, receive_only, sigpipe, many_warnings_apart, packed):
            tap.case(f'{fn.__name__}, {suite:#x}')(lambda f=fn, s=suite: f(s))
        for role in 1, 2:
            tap.case(f'alerts at {"a server" if role == 2 else "a client"}, {suite:#x}')(
                lambda s=suite, r=role: alert_table(s, r))
        for level in (1, 2):
            tap.case(f'close_notify, level {level}, {suite:#x}')(
                lambda s=suite, v=level: close_notify(s, v))
    for suite in RUN:
        for fine in FINE:
            if SUITES[suite][0] in fine.versions:
                tap.case(f'{fine.name}, {suite:#x}')(lambda s=suite, f=fine: goes_on(s, f))
    manual()
    tap.done()


main()
