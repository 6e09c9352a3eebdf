#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Adaptive record size, as a capture shows it.  OpenSSL is the peer; the records are
opened by libcrypto with the key log.  What comes in the first flight, before the
first acknowledgement, must be whole records: a peer that has them can use it."""
import os
import socket
import ssl
import struct
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import pcap  # noqa: E402
import tap  # noqa: E402
from records import DATA, Half  # noqa: E402

TMP = sys.argv[1]
PKI = TOP + '/build/pki/'
FULL = 16384
REQUEST = b'more'


class Sent(list):
    """What a kssl socket sent: [(name, offset of its text, length)]."""

    def add(self, sock, name, size):
        self.append((name, sum(n for _, _, n in self), size))
        sock.sendall(os.urandom(size))


def openssl(sock, server):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    if server:
        ctx.load_cert_chain(PKI + 'rsa.pem', PKI + 'rsa.key')
    else:
        ctx.load_verify_locations(PKI + 'ca.pem')
    return ctx.wrap_socket(sock, server_side=server, server_hostname=None if server else 'localhost')


def drain(tls, result):
    """Read all of it."""
    try:
        while tls.recv(1 << 16):
            pass
        result.append('')
    except OSError as e:
        result.append(str(e))


def connected(role):
    """A kssl socket in that role, and OpenSSL at its other end."""
    listener = socket.create_server(('127.0.0.1', 0))
    kssl = listener if role == 'server' else socket.socket()
    tap.attach(kssl)
    peer = []

    def other():
        if role == 'server':
            s = socket.create_connection(listener.getsockname())
        else:
            s = listener.accept()[0]
        peer.append(openssl(s, role == 'client'))
        if role == 'server':
            peer[0].sendall(REQUEST)
    t = threading.Thread(target=other)
    t.start()
    if role == 'server':
        kssl = listener.accept()[0]
        assert tap.read_all(kssl, 4) == REQUEST
    else:
        kssl.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'localhost')
        kssl.connect(listener.getsockname())
    t.join()
    listener.close()
    return kssl, peer[0]


def talk(role, size, say):
    """A connection on which @say sends; its flow and what was sent."""
    kssl, tls = connected(role)
    kssl.settimeout(60)
    tls.settimeout(60)
    kssl.setsockopt(tap.SOL_KSSL, tap.RECORD_SIZE, size)
    flow, suite = (kssl.getsockname()[1], kssl.getpeername()[1]), tap.info(kssl)['suite']
    sent, result = Sent(), []
    reader = threading.Thread(target=drain, args=(tls, result))
    reader.start()
    say(kssl, sent)
    kssl.shutdown(socket.SHUT_WR)
    reader.join()
    tls.close()
    kssl.close()
    assert result == [''], result
    return flow, suite, sent


# ---- the capture ----

def secrets(role):
    """That side's application secrets, of all connections."""
    with open(TMP + '/keys', encoding='ascii') as f:
        rows = [line.split() for line in f]
    return [bytes.fromhex(r[2]) for r in rows if r[0] == f'{role.upper()}_TRAFFIC_SECRET_0']


def half(suite, secret):
    h = Half(suite)
    h.secret, h.seq = secret, 0
    h.derive()
    return h


def opens(h, record):
    try:
        return h.open(record)
    except Exception:   # pylint: disable=broad-except
        return None


def data_records(stream, suite, role):
    """[(first byte, end, text length)] of the records of data, opened one by one."""
    candidates = [half(suite, s) for s in secrets(role)]
    found, at, key = [], 0, None
    while at + 5 <= len(stream):
        end = at + 5 + struct.unpack_from('>H', stream, at + 3)[0]
        record = bytes(stream[at:end])
        assert len(record) == end - at, 'half a record at the end'
        got = None
        if stream[at] == 23 and key:
            got = key.open(record)
        elif stream[at] == 23:      # of the handshake, or the first of ours
            key = next((h for h in candidates if (got := opens(h, record))), None)
        if got and got[0] == DATA:
            found.append((at, end, len(got[1])))
        at = end
    return found


class Message:
    """What the capture shows of one message."""

    def __init__(self, segs, flow, stream, recs, begin, size):
        text, self.recs = 0, []
        for r in recs:
            if begin <= text < begin + size:
                self.recs.append(r)
            text += r[2]
        self.first = self.recs[0][0]
        place = stream.place
        ack = next(s.time for s in segs if s.flow == flow[::-1] and s.ack and
                   self.first < place(s.ack) < 1 << 31)
        self.flight = max(place(s.seq) + len(s.text) for s in segs if s.flow == flow and s.text and
                          s.time < ack) - self.first
        self.whole = sum(e - b for b, e, _ in self.recs if e - self.first <= self.flight)
        self.sizes = [n for _, _, n in self.recs]

    def __str__(self):
        return (f'first flight {self.flight} bytes, of which {self.whole} are whole records; '
                f'records of {self.sizes[:4]} ... {self.sizes[-3:]}')


def messages(segs, role, flow, suite, sent):
    stream = pcap.Stream()
    for s in segs:
        if s.flow == flow:
            stream.add(s)
    assert stream.whole(), f'packets are missing, or {stream.odd}'
    recs = data_records(stream.bytes, suite, role)
    assert sum(n for _, _, n in recs) == sum(n for _, _, n in sent)
    out = {name: Message(segs, flow, stream, recs, begin, size) for name, begin, size in sent}
    for name, m in out.items():
        print(f'# kssl {role}, {name}: {m}', flush=True)
    return out


# ---- what is tried ----

def by_window(kssl, sent):
    sent.add(kssl, 'fresh', 100000)
    sent.add(kssl, 'bulk', 1 << 20)
    time.sleep(6)
    sent.add(kssl, 'after idleness', 100000)
    kssl.setsockopt(tap.SOL_KSSL, tap.RECORD_SIZE, 4096)
    sent.add(kssl, 'fixed', 40960)


def one(kssl, sent):
    sent.add(kssl, 'fresh', 100000)


def usable(m):
    """Most of the first flight is whole records: it may have grown since the first was
    made, by an acknowledgement of the handshake.  The first record is a full one only
    if the window takes it."""
    return m.whole > m.flight * 3 // 4 and (m.sizes[0] < FULL or m.flight > FULL)


def judge(role, seen, control):
    for name in 'fresh', 'after idleness':
        m = seen[name]
        tap.ok(usable(m), f'kssl {role}, {name}: the first congestion window can be used at once', m)
    full = sum(n == FULL for n in seen['bulk'].sizes)
    tap.ok(full >= len(seen['bulk'].sizes) * 9 // 10, f'kssl {role}: bulk is full records',
           seen['bulk'])
    tap.is_(set(seen['fixed'].sizes), {4096}, f'kssl {role}: KSSL_RECORD_SIZE fixes the size')
    m = control['fresh']
    tap.ok(m.whole == 0 and 0 < m.flight < FULL and set(m.sizes[:-1]) == {FULL},
           f'kssl {role}: a fixed size of {FULL} leaves the first window without a whole record', m)


def main():
    ran = [(role, talk(role, 0, by_window), talk(role, FULL, one)) for role in ('server', 'client')]
    time.sleep(1)       # the capture
    segs = list(pcap.segments(TMP + '/wire.pcap'))
    for role, adaptive, fixed in ran:
        judge(role, messages(segs, role, *adaptive), messages(segs, role, *fixed))
    tap.done()


main()
