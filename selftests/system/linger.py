#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The kernel lingers for a program that has closed: no reset destroys an alert or an
answer, and a client that was accepted sees TLS begin and end.  The peers are plain TCP
with records of records.py, and OpenSSL."""
import ctypes
import errno
import json
import os
import resource
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402
from records import ALERT, DATA, Peer, spoilt  # noqa: E402

PKI, CLOSE_HANDSHAKE = TOP + '/build/pki/', 26
SUITES = (0x1301, 0xc02f)
SO_SNDBUFFORCE = 32
NOTIFY = (ALERT, b'\1\0')
SLOW = int(os.environ.get('SLOW', '1'))
CLONE_NEWNET = 0x40000000


def ctl(*args):
    return subprocess.run([TOP + '/build/ksslctl', *args], check=True, capture_output=True,
                          text=True).stdout


def grown(before, name):
    return tap.counters()[name] - before[name]


def lingering():
    return json.loads(ctl('--json', 'caps')).get('lingering', 0)


def nothing_lingers(seconds):
    tap.until(lambda: not lingering(), lambda: f'{lingering()} linger', seconds * SLOW)


def abort(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    sock.close()


def end_of(peer):
    """Records up to the end, and what that was: 'FIN', 'RST'."""
    out = []
    try:
        while (record := peer.got()) is not None:
            out.append(record)
    except ConnectionResetError:
        return out, 'RST'
    return out, 'FIN'


def alert_arrives():
    """A record that does not verify, and much behind it: the alert, then a clean end."""
    for suite in SUITES:
        for _ in range(10):
            p = Peer(suite)
            p.tcp.sendall(spoilt(p.out.seal(b'x')) + bytes(20000))
            assert tap.errno_of(p.kssl.recv, 10) == errno.EBADMSG
            p.kssl.close()
            p.tcp.sendall(bytes(20000))
            assert end_of(p) == ([(ALERT, b'\2\x14')], 'FIN'), suite
            p.tcp.close()
    nothing_lingers(5)


def answer_arrives():
    """The peer's close_notify is on its way when the answer and FIN are: as with a FIN over
    plain TCP, all of the answer arrives."""
    size, whole = 300000, 0
    for suite in SUITES:
        for _ in range(10):
            p = Peer(suite)
            p.kssl.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 1 << 20)
            p.send(b'request')
            assert p.kssl.recv(100) == b'request'
            p.kssl.sendall(bytes(size))
            p.kssl.close()
            try:
                p.send(*NOTIFY[::-1])
                p.tcp.shutdown(socket.SHUT_WR)
            except OSError:     # reset
                pass
            records, end = end_of(p)
            whole += (sum(len(r[1]) for r in records if r[0] == DATA), records[-1:], end) == \
                (size, [NOTIFY], 'FIN')
            p.tcp.close()
    assert whole == 20, f'{whole} of 20'
    nothing_lingers(5)


def slow_reader():
    """1 MB written and closed: all arrives, long after the kernel has stopped to linger."""
    size, got = 1 << 20, bytearray()
    p = Peer(0x1301)
    p.kssl.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 4 << 20)
    p.kssl.sendall(bytes(size))
    start = time.monotonic()
    p.kssl.close()
    tap.ok(time.monotonic() - start < 0.5 * SLOW, 'close() does not wait for a slow reader')
    p.send(b'more')     # stays unread
    while time.monotonic() - start < 14:
        got += p.tcp.recv(1000)
        time.sleep(0.1)
    assert not lingering(), lingering()
    while part := p.tcp.recv(1 << 16):
        got += part
    records = []
    while got:
        n = 5 + struct.unpack('>H', got[3:5])[0]
        records.append(p.back.open(bytes(got[:n])))
        del got[:n]
    assert sum(len(r[1]) for r in records[:-1]) == size and records[-1] == NOTIFY
    p.tcp.close()


def held_back():
    """MSG_MORE data for which TCP had no room at close()."""
    p = Peer(0x1301)
    p.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
    p.kssl.setblocking(False)
    sent = 0
    try:
        while True:
            sent += p.kssl.send(bytes(7000), socket.MSG_MORE)
    except BlockingIOError:
        pass
    p.kssl.close()
    time.sleep(1.5)
    records, end = end_of(p)
    assert (sum(len(r[1]) for r in records if r[0] == DATA), records[-1], end) == \
        (sent, NOTIFY, 'FIN'), (sent, records[-1], end)
    p.tcp.close()
    nothing_lingers(5)


def slow_for_ever():
    """A peer that reads slowly keeps the socket for five minutes at most."""
    p = Peer(0x1301)
    p.kssl.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 12 << 20)
    p.kssl.sendall(bytes(6 << 20))
    p.kssl.send(bytes(5000), socket.MSG_MORE)
    p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    start, end = time.monotonic(), None
    p.kssl.close()
    while end is None and time.monotonic() - start < 400:
        try:
            if not p.tcp.recv(12000):
                end = 'FIN'
        except ConnectionResetError:
            end = 'RST'
        if time.monotonic() - start < 290:
            assert lingering() == 1
        time.sleep(1)
    took = time.monotonic() - start
    assert end == 'RST' and 295 < took < 350, (end, took)
    p.tcp.close()


def unread_content():
    """As on TCP: content that the program has not read makes close() reset."""
    for suite in SUITES:
        p = Peer(suite)
        p.send(b'never read')
        time.sleep(0.05)
        p.kssl.close()
        assert end_of(p) == ([], 'RST')
        p.tcp.close()
        p = Peer(suite)     # but close_notify is none
        p.send(*NOTIFY[::-1])
        time.sleep(0.05)
        p.kssl.close()
        assert end_of(p) == ([NOTIFY], 'FIN')
        p.tcp.close()


def so_linger():
    p = Peer(0x1301)    # 0: reset
    abort(p.kssl)
    assert end_of(p) == ([], 'RST')
    p.tcp.close()
    for wait, read, least, most in ((20, True, 0.9, 15), (1, False, 0.9, 8)):
        p = Peer(0x1301)
        p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, wait))
        p.kssl.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 4 << 20)
        p.kssl.sendall(bytes(1 << 20))
        reader = threading.Timer(1, lambda peer=p: end_of(peer))
        if read:
            reader.start()
        start = time.monotonic()
        p.kssl.close()
        took = time.monotonic() - start
        assert least <= took < most * SLOW, took
        if read:
            reader.join()
        abort(p.tcp)
    nothing_lingers(5)


def killed():
    """Death by a signal says no close_notify."""
    p = Peer(0x1301)
    pid = os.fork()
    if not pid:
        p.tcp.close()
        time.sleep(60)
    p.kssl.close()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert end_of(p) == ([], 'FIN')
    p.tcp.close()
    p = Peer(0x1301)
    pid = os.fork()
    if not pid:
        p.tcp.close()
        os._exit(0)
    os.waitpid(pid, 0)
    p.kssl.close()
    assert end_of(p) == ([NOTIFY], 'FIN')
    p.tcp.close()


def limits():
    """A peer that says nothing, to a FIN of close() or one of before; one that talks on; one
    that does not even acknowledge."""
    before = tap.counters()
    silent, shut, talker, deaf = Peer(0x1301), Peer(0x1301), Peer(0xc02f), deaf_peer()
    shut.kssl.shutdown(socket.SHUT_WR)
    assert end_of(shut) == ([NOTIFY], 'FIN')
    start = time.monotonic()
    for p in silent, shut, talker, deaf:
        p.kssl.close()
    assert grown(before, 'Lingered') == 4
    now = lingering()
    assert now == 4 or time.monotonic() - start > 1.9, now
    sent = 0
    try:
        while sent < 1 << 24:
            sent += talker.tcp.send(bytes(1 << 14))
    except (ConnectionResetError, BrokenPipeError):
        pass
    assert 65536 <= sent < 1 << 23, sent
    assert end_of(silent) == ([NOTIFY], 'FIN')
    tap.until(lambda: lingering() == 1, lingering, 5 * SLOW)
    took = time.monotonic() - start
    assert took > 1.9, took
    nothing_lingers(12)
    took = time.monotonic() - start
    assert took > 9.5, took
    for p in silent, shut, talker, deaf:
        abort(p.tcp)


def bound():
    """A user has at most as many places as are left free."""
    ctl('policy', 'set', 'linger-max=24')
    go, went = os.pipe(), os.pipe()
    pid = os.fork()
    if not pid:     # another user has a share of what is left
        os.setuid(1234)
        mine = [Peer(0x1301) for _ in range(15)]
        os.write(went[1], b'x')
        os.read(go[0], 1)
        for p in mine:
            p.kssl.close()
        os.write(went[1], b'x')
        os.read(go[0], 1)
        os._exit(0)
    os.read(went[0], 1)
    before = tap.counters()
    many = [Peer(0x1301) for _ in range(50)]
    for p in many:
        p.kssl.close()
    now = grown(before, 'Lingered'), grown(before, 'LingerFull')
    os.write(go[1], b'x')
    os.read(went[0], 1)
    then = grown(before, 'Lingered'), grown(before, 'LingerFull')
    os.write(go[1], b'x')
    os.waitpid(pid, 0)
    assert (now, then) == ((12, 38), (18, 47)), (now, then)
    for p in many:
        assert end_of(p) == ([NOTIFY], 'FIN')
        p.tcp.close()
    nothing_lingers(5)
    ctl('policy', 'set', 'linger-max=0')
    p = Peer(0x1301)
    p.kssl.close()
    assert not lingering() and end_of(p) == ([NOTIFY], 'FIN')
    p.tcp.close()
    ctl('policy', 'set', 'linger-max=4096')


def deaf_peer():
    """A peer that reads nothing: its socket lingers for 10 seconds."""
    p = Peer(0x1301)
    p.kssl.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 4 << 20)
    p.kssl.sendall(bytes(1 << 20))
    return p


def row(tcp):
    """uid of the other end in /proc/net/tcp."""
    ports = [f'{p:04X}' for p in (tcp.getpeername()[1], tcp.getsockname()[1])]
    with open('/proc/net/tcp', encoding='ascii') as f:
        for line in f:
            w = line.split()
            if [w[1][-4:], w[2][-4:]] == ports:
                return int(w[7])
    raise AssertionError('not in /proc/net/tcp')


def same_user():
    """The held socket keeps its user, whatever user closed it."""
    p = deaf_peer()
    pid = os.fork()
    if not pid:
        p.tcp.close()
        os.setuid(1234)
        time.sleep(0.5)
        p.kssl.close()
        os._exit(0)
    p.kssl.close()
    os.waitpid(pid, 0)
    assert lingering() == 1 and row(p.tcp) == 0, row(p.tcp)
    abort(p.tcp)
    nothing_lingers(5)


# ---- handshakes after close() ----

def context(version):
    ctx = ssl.create_default_context(cafile=PKI + 'ca.pem')
    ctx.minimum_version = ctx.maximum_version = version
    return ctx


def listening(on=1):
    s = socket.create_server(('127.0.0.1', 0), backlog=256)
    tap.attach(s)
    if not on:
        s.setsockopt(tap.SOL_KSSL, CLOSE_HANDSHAKE, 0)
    return s


def raw(listener):
    return socket.create_connection(listener.getsockname(), timeout=30)


VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def visit(listener, version, say=b''):
    """What OpenSSL sees: '' is a close_notify."""
    with raw(listener) as r:
        try:
            with context(version).wrap_socket(r, server_hostname='localhost',
                                              suppress_ragged_eofs=False) as s:
                if say:
                    s.sendall(say)
                return s.recv(10).decode()
        except (ssl.SSLError, OSError) as e:
            return repr(e)


def accept_and_close():
    """accept(), close(): a whole handshake, and SSL_read says ZERO_RETURN."""
    listener, out = listening(), []
    before = tap.counters()
    for version in VERSIONS:
        for say in (b'', b'GET / HTTP/1.0\r\n\r\n'):
            threads = [threading.Thread(target=lambda v=version, w=say: out.append(
                visit(listener, v, w))) for _ in range(4)]
            for t in threads:
                t.start()
            for _ in threads:
                listener.accept()[0].close()
            for t in threads:
                t.join()
    assert out == [''] * 16, out
    assert grown(before, 'HsDone') == 16 and grown(before, 'CloseSent') == 16
    nothing_lingers(5)


def shutdown_first():
    """shutdown() before anything else returns, and close_notify follows the handshake."""
    listener, out = listening(), []
    for version in VERSIONS:
        t = threading.Thread(target=lambda v=version: out.append(visit(listener, v)))
        t.start()
        conn, _ = listener.accept()
        start = time.monotonic()
        conn.shutdown(socket.SHUT_WR)
        assert time.monotonic() - start < 1 * SLOW
        assert tap.errno_of(conn.send, b'x') == errno.EPIPE
        t.join()
        conn.settimeout(20)     # Python's client says no close_notify
        assert tap.errno_of(conn.recv, 10) == errno.ECONNRESET
        conn.close()
    for how in (socket.SHUT_WR, socket.SHUT_RDWR):
        t = threading.Thread(target=lambda: out.append(visit(listener, VERSIONS[1])))
        t.start()
        conn, _ = listener.accept()
        conn.shutdown(how)
        conn.close()
        t.join()
    assert out == [''] * 4, out
    server = socket.create_server(('127.0.0.1', 0))     # a client of ours that only reads
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(PKI + 'rsa.pem', PKI + 'rsa.key')

    def serve():
        with ctx.wrap_socket(server.accept()[0], server_side=True,
                             suppress_ragged_eofs=False) as s:
            said.append(s.recv(10))
            s.sendall(b'now')
            s.unwrap()
    said = []
    t = threading.Thread(target=serve)
    t.start()
    client = raw(server)
    tap.attach(client)
    client.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'localhost')
    client.shutdown(socket.SHUT_WR)
    assert (tap.read_all(client, 10), said) == (b'now', [b''])
    client.close()
    t.join()
    nothing_lingers(5)


def no_handshake():
    """The option off, SO_LINGER 0, over the bound: close() closes.  Nothing said: 2 s."""
    assert listening(0).getsockopt(tap.SOL_KSSL, CLOSE_HANDSHAKE) == 0
    assert listening().getsockopt(tap.SOL_KSSL, CLOSE_HANDSHAKE) == 1
    assert tap.errno_of(listening().setsockopt, tap.SOL_KSSL, CLOSE_HANDSHAKE, 2) == errno.EINVAL

    def closed_soon(listener, how):
        client = raw(listener)
        conn, _ = listener.accept()
        start = time.monotonic()
        how(conn)
        try:
            assert client.recv(1) == b''
        except ConnectionResetError:
            pass
        client.close()
        return time.monotonic() - start
    before = tap.counters()
    assert closed_soon(listening(0), socket.socket.close) < 1 * SLOW
    assert closed_soon(listening(), abort) < 1 * SLOW
    ctl('policy', 'set', 'linger-max=0')
    assert closed_soon(listening(), socket.socket.close) < 1 * SLOW
    ctl('policy', 'set', 'linger-max=4096')
    took = closed_soon(listening(), socket.socket.close)
    assert 1.9 < took < 3 * SLOW, took
    took = closed_soon(listening(), lambda s: (s.shutdown(socket.SHUT_WR), s.close()))
    assert 1.9 < took < 3 * SLOW, took
    assert not grown(before, 'HsDone')
    s = listening()     # it begins, and does not go on: to the limit
    client = raw(s)
    client.sendall(b'\x16\3\1\2')
    s.accept()[0].close()
    start = time.monotonic()
    client.settimeout(15 * SLOW)
    try:
        client.recv(1)
    except ConnectionResetError:
        pass
    took = time.monotonic() - start
    assert 9 < took < 13 * SLOW, took
    client.close()


def flush():
    held = [deaf_peer() for _ in range(20)]
    for p in held:
        p.kssl.close()
    assert lingering() == 20
    ctl('flush')
    assert lingering() == 0
    assert os.waitpid(subprocess.Popen(
        [TOP + '/build/ksslctl', 'flush'], user=1234, stderr=subprocess.DEVNULL).pid, 0)[1]
    for p in held:
        records, end = end_of(p)
        assert (records[-1], end) == (NOTIFY, 'FIN')
        p.tcp.close()


def namespace():
    """A namespace that loses its last process while sockets linger in it."""
    pid = os.fork()
    if not pid:
        libc = ctypes.CDLL(None, use_errno=True)
        assert not libc.unshare(CLONE_NEWNET)
        subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
        with open('/proc/sys/net/ipv4/tcp_orphan_retries', 'w', encoding='ascii') as f:
            f.write('1')
        held = [Peer(0x1301) for _ in range(20)]
        subprocess.run(['ip', 'link', 'set', 'lo', 'down'], check=True)
        for p in held:
            p.kssl.close()
        os._exit(0 if lingering() == 20 else 1)
    assert os.waitpid(pid, 0)[1] == 0
    def used():
        with open('/sys/module/kssl/refcnt', encoding='ascii') as f:
            return int(f.read())
    assert used() >= 20, used()
    tap.until(lambda: not used(), used, 13 * SLOW)


resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
if sys.argv[1:] == ['slow']:
    tap.case('slow for ever')(slow_for_ever)
    tap.done()
for fn in (alert_arrives, answer_arrives, slow_reader, held_back, unread_content, so_linger, killed,
           limits, bound, same_user, accept_and_close, shutdown_first, no_handshake, namespace,
           flush):
    if len(sys.argv) > 1 and fn.__name__ not in sys.argv[1:]:
        continue
    began = time.monotonic()
    tap.case(fn.__name__.replace('_', ' '))(fn)
    print(f'# {fn.__name__}: {time.monotonic() - began:.1f} s', flush=True)
tap.done()
