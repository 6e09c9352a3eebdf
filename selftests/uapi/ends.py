#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""How each direction of a connection ends, and what that leaves of the other: a bare
FIN, close_notify, FIN then RST, RST during a send, an ICMP error.  Plain TCP is the
model; the other end of a kssl socket is a TLS peer on libcrypto."""
import errno
import os
import select
import signal
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import tap  # noqa: E402
from records import ALERT, DATA, Peer  # noqa: E402

SUITES = (0x1301, 0xc02f)
NOTIFY = (ALERT, b'\1\0')
IN, OUT, RDHUP, ERR, HUP = (select.POLLIN, select.POLLOUT, select.POLLRDHUP, select.POLLERR,
                            select.POLLHUP)
IP_RECVERR, ETH_P_IP = 11, 0x0800


class Plain:
    """What Peer is, without TLS."""

    def __init__(self):
        self.kssl, self.tcp = tap.pair()

    def send(self, text):
        self.tcp.sendall(text)

    def close(self):
        self.kssl.close()
        self.tcp.close()


def bits(sock):
    p = select.poll()
    p.register(sock, IN | OUT | RDHUP)
    return dict(p.poll(0)).get(sock.fileno(), 0)


def so_error(sock):
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def says(fn, *args):
    """What a call returns, or its errno."""
    try:
        return fn(*args)
    except OSError as e:
        return errno.errorcode[e.errno]


def hard_close(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    sock.close()


def until_bits(sock, wanted):
    tap.until(lambda: bits(sock) & wanted, lambda: f'no {wanted:#x} in {bits(sock):#x}')


# ---- FIN alone ----

def bare_fin(suite, inside):
    """A request and a FIN without close_notify: reading is cut, the answer goes."""
    p = Peer(suite)
    before = tap.counters()
    p.send(b'request')
    if inside:
        p.tcp.sendall(p.out.seal(b'never whole')[:-1])
    p.tcp.shutdown(socket.SHUT_WR)
    assert p.kssl.recv(100) == b'request'
    assert [says(p.kssl.recv, 1) for _ in range(3)] == ['ECONNRESET'] * 3
    assert bits(p.kssl) == IN | OUT | RDHUP, hex(bits(p.kssl))
    assert so_error(p.kssl) == 0 and so_error(p.kssl) == 0
    why = 'peer closed inside a record' if inside else 'peer closed without close_notify'
    e = tap.error(p.kssl)
    assert (e['err'], e['text']) == (errno.ECONNRESET, why), e
    assert tap.info(p.kssl)['state'] == 3, 'open'
    answer = os.urandom(300000)
    sender = threading.Thread(target=p.kssl.sendall, args=(answer,))
    sender.start()
    got = b''
    while len(got) < len(answer):
        kind, text = p.got()
        assert kind == DATA
        got += text
    sender.join()
    assert got == answer
    assert says(p.kssl.recv, 1) == 'ECONNRESET' and so_error(p.kssl) == 0
    p.kssl.shutdown(socket.SHUT_WR)
    assert p.got() == NOTIFY and p.got() is None
    # both directions have ended, one of them by an error
    assert tap.info(p.kssl)['state'] == 5, 'failed'
    assert says(p.kssl.recv, 1) == 'ECONNRESET' and tap.error(p.kssl)['text'] == why
    assert says(p.kssl.send, b'x', socket.MSG_NOSIGNAL) == 'EPIPE'
    assert bits(p.kssl) == IN | OUT | RDHUP | ERR | HUP
    after = tap.counters()
    assert after['RxTruncated'] == before['RxTruncated'] + 1
    p.close()


def bare_fin_then_close(suite):
    p = Peer(suite)
    p.send(b'request')
    p.tcp.shutdown(socket.SHUT_WR)
    assert p.kssl.recv(100) == b'request' and says(p.kssl.recv, 1) == 'ECONNRESET'
    p.kssl.send(b'answer', socket.MSG_MORE)
    p.kssl.close()
    assert [p.got() for _ in range(3)] == [(DATA, b'answer'), NOTIFY, None]
    p.close()


def we_closed_first(suite):
    """Our close_notify went before the bare FIN: then all of it is over."""
    p = Peer(suite)
    p.kssl.shutdown(socket.SHUT_WR)
    assert p.got() == NOTIFY and p.got() is None
    p.send(b'last')
    p.tcp.shutdown(socket.SHUT_WR)
    assert p.kssl.recv(10) == b'last'
    assert [says(p.kssl.recv, 1) for _ in range(2)] == ['ECONNRESET'] * 2
    assert tap.info(p.kssl)['state'] == 5
    p.close()


def waiters(suite):
    """A thread that sleeps in recv() gets the error, one in poll() POLLIN, one in send()
    goes on."""
    p = Peer(suite)
    p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    p.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    said = {}
    data = os.urandom(300000)

    def polls():
        poll = select.poll()
        poll.register(p.kssl, IN)
        said['poll'] = dict(poll.poll(20000)).get(p.kssl.fileno())
    threads = [threading.Thread(target=fn) for fn in (
        lambda: said.update(recv=says(p.kssl.recv, 1)), polls,
        lambda: said.update(send=says(p.kssl.sendall, data)))]
    for t in threads:
        t.start()
    time.sleep(0.3)
    p.tcp.shutdown(socket.SHUT_WR)
    threads[0].join()
    threads[1].join()
    got = b''
    while len(got) < len(data):
        got += p.got()[1]
    threads[2].join()
    assert got == data
    assert said == {'recv': 'ECONNRESET', 'poll': IN, 'send': None}, said
    p.close()


# ---- FIN, then RST ----

def fin_then_reset(p, quiet):
    """What the calls say of a FIN behind whole content and a RST after it."""
    p.send(b'content')
    p.tcp.shutdown(socket.SHUT_WR)
    until_bits(p.kssl, RDHUP)
    hard_close(p.tcp)
    until_bits(p.kssl, HUP)
    said = [says(p.kssl.recv, n) for n in (4, 100, 1, 1)]
    if not quiet:
        said.append(says(p.kssl.send, b'x', socket.MSG_NOSIGNAL))
    p.close()
    return said


def lax(suite):
    plain = fin_then_reset(Plain(), True)
    assert plain == [b'cont', b'ent', b'', b''], plain
    p = Peer(suite)
    p.kssl.setsockopt(tap.SOL_KSSL, tap.EOF_MODE, 1)
    got = fin_then_reset(p, True)
    assert got == plain, got


def strict(suite):
    got = fin_then_reset(Peer(suite), False)
    assert got == [b'cont', b'ent', 'ECONNRESET', 'ECONNRESET', 'EPIPE'], got


def lax_reset(suite):
    """A reset alone is no FIN, also after SO_ERROR was read."""
    for ask in False, True:
        p = Peer(suite)
        p.kssl.setsockopt(tap.SOL_KSSL, tap.EOF_MODE, 1)
        p.send(b'content')
        until_bits(p.kssl, IN)
        hard_close(p.tcp)
        until_bits(p.kssl, HUP)
        if ask:
            assert so_error(p.kssl) == errno.ECONNRESET
        assert p.kssl.recv(100) == b'content'
        assert [says(p.kssl.recv, 1) for _ in range(2)] == ['ECONNRESET'] * 2
        assert tap.error(p.kssl)['text'] == 'the connection failed'
        p.close()


# ---- RST during a send ----

def reset_in_send(p):
    """(whole or partial send, what was received) of a peer that answers and resets."""
    p.kssl.setsockopt(socket.SOL_SOCKET, 32, 64 << 20)      # SO_SNDBUFFORCE
    data = bytes(24 << 20)
    answer = bytes(range(250)) * 4
    started = threading.Event()

    def peer():
        p.tcp.recv(1000)
        started.set()
        p.send(answer)
        hard_close(p.tcp)
    t = threading.Thread(target=peer)
    t.start()
    n = says(p.kssl.send, data, socket.MSG_NOSIGNAL)
    t.join()
    until_bits(p.kssl, HUP)
    again = says(p.kssl.send, b'x', socket.MSG_NOSIGNAL)
    got = b''
    while len(got) < len(answer):
        part = says(p.kssl.recv, len(answer) - len(got))
        if not isinstance(part, bytes) or not part:
            return n, again, part
        got += part
    assert got == answer
    end = [says(p.kssl.recv, 1) for _ in range(2)]
    p.close()
    return n, again, end


def answer_before_reset(suite):
    plain = reset_in_send(Plain())
    assert isinstance(plain[0], int) and isinstance(plain[2], list), plain
    for _ in range(2):
        n, again, end = reset_in_send(Peer(suite))
        assert isinstance(n, int) and n > 0, n
        assert again == 'EPIPE' and end == ['ECONNRESET'] * 2, (again, end)


# ---- close_notify ----

def half_close(suite):
    """The peer's close_notify and FIN leave our direction as a FIN does on TCP."""
    p = Peer(suite)
    p.send(b'request')
    p.send(b'\1\0', ALERT)
    p.tcp.shutdown(socket.SHUT_WR)
    assert [p.kssl.recv(100) for _ in range(3)] == [b'request', b'', b'']
    assert bits(p.kssl) == IN | OUT | RDHUP
    for part in b'the ', b'answer':
        p.kssl.send(part)
        assert p.got() == (DATA, part)
    p.kssl.close()
    assert p.got() == NOTIFY and p.got() is None
    p.close()


def no_fin(suite):
    """close_notify without a FIN; nothing of ours is sent before the program says so."""
    p = Peer(suite)
    p.send(b'\1\0', ALERT)
    assert p.kssl.recv(100) == b''
    p.tcp.settimeout(0.3)
    try:
        assert False, p.tcp.recv(10)
    except TimeoutError:
        p.tcp.settimeout(20)
    p.kssl.send(b'still')
    p.kssl.shutdown(socket.SHUT_WR)
    assert [p.got() for _ in range(3)] == [(DATA, b'still'), NOTIFY, None]
    assert tap.info(p.kssl)['state'] == 4, 'closed'
    p.close()


# ---- ICMP ----

def checksum(data):
    n = sum(struct.unpack(f'>{len(data) // 2}H', data))
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return ~n & 0xffff


class Icmp:
    """Host unreachable, about a connection over loopback."""

    def __init__(self, sock, act):
        port = sock.getsockname()[1]
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP)) as tap_:
            tap_.bind(('lo', ETH_P_IP))
            tap_.settimeout(20)
            act()
            while True:     # what we have sent last
                packet = tap_.recv(65536)
                head = 4 * (packet[0] & 15)
                source, _, seq = struct.unpack_from('>HHI', packet, head)
                size = struct.unpack_from('>H', packet, 2)[0] - head - 4 * (packet[head + 12] >> 4)
                if source == port and size:
                    break
        self.quote = packet[:head + 4] + struct.pack('>I', (seq + size) & 0xffffffff)

    def send(self):
        msg = struct.pack('>BBHI', 3, 1, 0, 0) + self.quote
        msg = msg[:2] + struct.pack('>H', checksum(msg)) + msg[4:]
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
            raw.sendto(msg, ('127.0.0.1', 0))


def icmp(p, got):
    """What a program sees of an error that does not end the connection."""
    said = []
    k = p.kssl

    def note(*what):
        said.append(what)
    act = Icmp(k, lambda: k.send(b'x'))
    got()

    def strike():
        act.send()
        until_bits(k, ERR)
    p.kssl.setblocking(False)
    strike()
    note('polls', bits(k) & ERR, bits(k) & ERR)
    note('recv', says(k.recv, 10), says(k.recv, 10), bits(k) & ERR)
    strike()
    note('peek', says(k.recv, 10, socket.MSG_PEEK), says(k.recv, 10))
    strike()
    note('SO_ERROR', so_error(k), so_error(k), says(k.recv, 10))
    p.send(b'content')
    until_bits(k, IN)
    strike()
    note('recv with content', says(k.recv, 100), says(k.recv, 100), says(k.recv, 100))
    strike()        # the last: a write moves what the error quotes
    note('send', says(k.send, b'abc', socket.MSG_NOSIGNAL), says(k.send, b'abc'))
    got()
    p.send(b'more')
    until_bits(k, IN)
    note('goes on', says(k.recv, 100), says(k.send, b'abc'))
    got()
    p.close()
    return said


def soft_error(suite):
    p = Plain()
    plain = icmp(p, lambda: p.tcp.recv(100))
    q = Peer(suite)
    ours = icmp(q, q.got)
    assert ours == plain, f'TCP  {plain}\nhere {ours}'
    assert plain[1][1:3] == ('EHOSTUNREACH', 'EAGAIN'), plain


def icmp_wakes(suite):
    """A reader that sleeps gets it, once."""
    p = Peer(suite)
    act = Icmp(p.kssl, lambda: p.kssl.send(b'x'))
    p.got()
    said = []
    t = threading.Thread(target=lambda: said.append(says(p.kssl.recv, 1)))
    p.kssl.settimeout(None)
    t.start()
    time.sleep(0.3)
    act.send()
    t.join()
    assert said == ['EHOSTUNREACH'], said
    p.send(b'y')
    assert p.kssl.recv(1) == b'y' and tap.error(p.kssl)['err'] == 0
    p.close()


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    for suite in SUITES:
        for fn in (bare_fin_then_close, we_closed_first, waiters, lax, strict, lax_reset,
                   answer_before_reset, half_close, no_fin, soft_error, icmp_wakes):
            tap.case(f'{fn.__name__}, {suite:#x}')(lambda f=fn, s=suite: f(s))
        for inside in False, True:
            tap.case(f'bare FIN{" inside a record" if inside else ""}, {suite:#x}')(
                lambda s=suite, i=inside: bare_fin(s, i))
    tap.done()


main()
