#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Every netlink command: good, bad attribute, wrong moment, other namespace; and
a worker that breaks the rules, which must never make a usable socket."""
import ctypes
import errno
import os
import resource
import signal
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import genl  # noqa: E402
import tap  # noqa: E402
from genl import Genl, Refused, attr, nest, u8, u16, u64  # noqa: E402
from records import ALERT, DATA, HANDSHAKE, Half, Peer  # noqa: E402

SESSION, BYTES, CONSUMED, VERSION, SUITE, TX, RX = 1, 14, 15, 16, 17, 18, 19
ERR, ALERT_SENT, TEXT, EXPORTER = 26, 27, 30, 31
SUBJECT, CERT, VERIFIED, VERIFY, SAN, PRINT, CHAIN = 21, 22, 23, 29, 32, 33, 34
POST_MAX, POST_MS, MESSAGE = 35, 36, 37
UID, PID, GID, GROUPS, EXE, EXE_DEV, EXE_INO, EXE_BORN, CGROUP = 9, 10, *range(38, 45)
ID, REQUEST = 1, 31
KEY_RECORDS, REKEY_SECONDS, UPDATE_RATE, MAC_ONLY = 4, 5, 6, 7


def refused(nl, cmd, *attrs):
    try:
        nl.call(cmd, *attrs)
    except Refused as e:
        return e.errno, e.why
    return 0, ''


def register(capacity=4):
    nl = Genl()
    nl.call(genl.LINGER_FLUSH)  # handshakes of sockets that tests before have closed
    nl.call(genl.REGISTER, attr(1, 1), attr(2, capacity))
    return nl


class Asker:
    """A client whose connect() hangs in a handshake."""

    def __init__(self):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.sock = socket.socket()
        tap.attach(self.sock)
        self.result = None
        self.thread = threading.Thread(target=self.connect)
        self.thread.start()
        self.peer, _ = self.listener.accept()
        self.peer.settimeout(10)

    def connect(self):
        self.result = tap.errno_of(self.sock.connect, self.listener.getsockname())

    def end(self):
        self.thread.join(15)
        return self.result

    def close(self):
        self.sock.close()
        self.peer.close()
        self.listener.close()
        self.thread.join(15)


def caps_and_policy():
    nl = Genl()
    caps = nl.call(genl.CAPS)[0]
    assert struct.unpack('I', caps[1])[0] == 1 and struct.unpack('I', caps[4])[0] == 0
    assert set(nl.call(genl.POLICY_GET)[0]) == {1, 2, 3, 4, 5, 6, 7, 8}
    nl.call(genl.POLICY_SET, attr(1, 1234))
    assert struct.unpack('I', nl.call(genl.POLICY_GET)[0][1])[0] == 1234
    err, why = refused(nl, genl.POLICY_SET, attr(2, 0))
    assert err == errno.ERANGE and why, (err, why)
    assert refused(nl, genl.POLICY_SET, attr(7, 2))[0] == errno.ERANGE
    err, why = refused(nl, genl.POLICY_SET, attr(99, 1))
    assert err == errno.EINVAL, (err, why)
    err, _ = refused(nl, 200)
    assert err == errno.EOPNOTSUPP
    nl.call(genl.POLICY_SET, attr(1, 5000))
    nl.close()


def registering():
    nl = Genl()
    err, why = refused(nl, genl.REGISTER, attr(1, 2), attr(2, 4))
    assert err == errno.EPROTONOSUPPORT and 'abi' in why, (err, why)
    assert refused(nl, genl.REGISTER, attr(1, 1))[0] == errno.EINVAL
    assert refused(nl, genl.REGISTER, attr(1, 1), attr(2, 0))[0] == errno.ERANGE
    assert refused(nl, genl.LEAVE)[0] == errno.ENOENT
    nl.call(genl.REGISTER, attr(1, 1), attr(2, 4))
    assert refused(nl, genl.REGISTER, attr(1, 1), attr(2, 4))[0] == errno.EEXIST
    assert struct.unpack('I', nl.call(genl.CAPS)[0][4])[0] == 1
    nl.call(genl.LEAVE)
    assert struct.unpack('I', nl.call(genl.CAPS)[0][4])[0] == 0
    nl.close()


def no_such_session():
    nl = register()
    for cmd in (genl.DATA, genl.HS_DONE, genl.FAIL):
        err, why = refused(nl, cmd, attr(SESSION, 12345), attr(ERR, 5), u16(VERSION, 0x304),
                           u16(SUITE, 0x1301), nest(TX), nest(RX))
        assert err == errno.ENOENT and why, (cmd, err, why)
        assert refused(nl, cmd)[0] == errno.EINVAL
    assert refused(nl, genl.GET, attr(1, 12345))[0] == errno.ENOENT
    nl.close()


def relay():
    """Bytes out, records in, consumed by count; then keys; then data both ways."""
    nl = register()
    a = Asker()
    sid, got = nl.ready()
    assert struct.unpack('B', got[2])[0] == 1
    assert refused(nl, genl.DATA, attr(SESSION, sid), attr(CONSUMED, 1))[0] == errno.EINVAL
    assert a.end() == errno.EBADMSG     # more consumed than offered: the session ends
    a.close()
    a = Asker()
    sid = nl.ready()[0]
    nl.call(genl.DATA, attr(SESSION, sid), attr(BYTES, b'client hello'))
    assert tap.read_all(a.peer, 12) == b'client hello'
    assert refused(nl, genl.DATA, attr(SESSION, sid))[0] == errno.ENOENT, 'second answer'
    records = b'\x16\3\3\0\4abcd' + b'\x14\3\3\0\1\1'
    a.peer.sendall(records + b'\x16\3')
    cmd, got = nl.wait()
    assert cmd == genl.DATA and got[13] == records, got
    out, back = Half(0x1301), Half(0x1301)
    nl.call(genl.HS_DONE, attr(SESSION, sid), attr(BYTES, b'finished'), attr(CONSUMED, 1),
            u16(VERSION, 0x304), u16(SUITE, 0x1301), nest(TX, attr(1, back.secret), u64(5, 0)),
            nest(RX, attr(1, out.secret), u64(5, 0)))
    assert a.end() == 0
    assert tap.read_all(a.peer, 8) == b'finished'
    a.sock.send(b'sealed')
    assert back.read(a.peer) == (23, b'sealed')
    # the record that was not consumed is the first to be opened: a stray CCS
    assert tap.errno_of(a.sock.recv, 10) == errno.EBADMSG
    assert back.read(a.peer) == (21, b'\2\x0a')
    a.close()
    nl.close()


def by_another(fn, uid=65534, gid=65533, groups=(1, 2, 3), cgroup=None):
    """fn() in another process, as that user; the process lives until it is killed."""
    pid = os.fork()
    if pid:
        return pid
    if cgroup:
        with open(cgroup + '/cgroup.procs', 'w', encoding='ascii') as f:
            f.write('0')
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)     # with its parent
    try:
        fn()
        signal.pause()
    finally:
        os._exit(1)


def reap(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def born(path):
    """statx(2): stx_btime, which Python does not have."""
    buf = ctypes.create_string_buffer(256)
    assert not ctypes.CDLL(None).statx(-100, path.encode(), 0, 0x800, buf)
    if not struct.unpack('I', buf[:4])[0] & 0x800:
        return 0
    seconds, nano = struct.unpack('qI', buf[80:92])
    return seconds * 10 ** 9 + nano


def owner_of(got):
    num = {n: int.from_bytes(got[n], 'little') for n in (UID, GID, PID, EXE_DEV, EXE_INO, EXE_BORN)}
    groups = struct.unpack(f'{len(got[GROUPS]) // 4}I', got[GROUPS])
    text = [got[n].rstrip(b'\0').decode() for n in (EXE, CGROUP)]
    return num[UID], num[GID], groups, num[PID], *text, num[EXE_DEV], num[EXE_INO], num[EXE_BORN]


def accepted(nl, listener, pid, peer=None):
    with peer or socket.create_connection(listener.getsockname()) as peer:
        conn, _ = listener.accept()
        peer.sendall(b'\x16\3\1\0\1\1')
        got = owner_of(nl.ready()[1])
        assert got[:4] == (65534, 65533, tuple(range(256)), pid), got
        conn.close()


def owner():
    """Who attached the socket, not who made it; of an accepted one, its listener."""
    me = os.stat('/proc/self/exe')
    exe = os.readlink('/proc/self/exe'), me.st_dev, me.st_ino, born('/proc/self/exe')
    group = '/sys/fs/cgroup/kssl-owner'
    os.makedirs(group, exist_ok=True)
    nl = register(16)
    a = Asker()
    got = owner_of(nl.ready()[1])
    with open('/proc/self/cgroup', encoding='ascii') as f:
        here = [x[3:].strip() for x in f if x.startswith('0::')]
    assert got == (0, 0, tuple(os.getgroups()), os.getpid(), exe[0], *here, *exe[1:]), got
    a.close()
    server, sock = socket.create_server(('127.0.0.1', 0)), socket.socket()

    def client():
        tap.attach(sock)
        sock.connect(server.getsockname())
    pid = by_another(client, cgroup=group)
    got = owner_of(nl.ready()[1])
    assert got == (65534, 65533, (1, 2, 3), pid, exe[0], '/kssl-owner', *exe[1:]), got
    reap(pid)
    listener = socket.create_server(('127.0.0.1', 0))
    pid = by_another(lambda: tap.attach(listener), groups=range(1000))
    tap.until(lambda: tap.errno_of(tap.info, listener) == 0, lambda: 'not attached')
    accepted(nl, listener, pid)
    reap(pid)
    os.rmdir(group)
    nl.close()


def late():
    """A listener's owner and options count for all that it accepts, whenever they came."""
    nl, listener = register(16), socket.create_server(('127.0.0.1', 0))
    peers = [socket.create_connection(listener.getsockname())]
    pid = by_another(lambda: tap.attach(listener), groups=range(1000))
    tap.until(lambda: tap.errno_of(tap.info, listener) == 0, lambda: 'not attached')
    peers.append(socket.create_connection(listener.getsockname()))
    for name, value in ((tap.IDENTITY, b'www'), (tap.ALPN, b'h2'), (tap.PEER_AUTH, 3)):
        listener.setsockopt(tap.SOL_KSSL, name, value)
    peers.append(socket.create_connection(listener.getsockname()))
    for peer in peers:
        conn, _ = listener.accept()
        peer.sendall(b'\x16\3\1\0\1\1')
        got = nl.ready()[1]
        assert (got[4], got[5], got[6]) == (b'www\0', b'h2\0', b'\3'), got
        assert owner_of(got)[3] == pid and tap.info(conn)['role'] == 2
        conn.close()
        peer.close()
    reap(pid)
    nl.close()


def bad_keys():
    """No mistake of a worker in hs-done leads to an open session."""
    good = Half(0x1301)
    tx, rx = nest(TX, attr(1, good.secret)), nest(RX, attr(1, good.secret))
    version, suite = u16(VERSION, 0x304), u16(SUITE, 0x1301)
    rows = {
        'no keys': [version, suite],
        'one direction': [version, suite, tx],
        'no version': [suite, tx, rx],
        'empty keys': [version, suite, nest(TX), nest(RX)],
        'short secret': [version, suite, nest(TX, attr(1, bytes(31))), rx],
        'long secret': [version, suite, nest(TX, attr(1, bytes(49))), rx],
        'key and secret': [version, suite, nest(TX, attr(1, bytes(32)), attr(2, bytes(16))), rx],
        'unknown suite': [version, u16(SUITE, 0x9999), tx, rx],
        'suite of 1.2': [version, u16(SUITE, 0xc02f), tx, rx],
        'version 1.1': [u16(VERSION, 0x302), suite, tx, rx],
        'garbage nest': [version, suite, attr(TX | 0x8000, b'\xff' * 7), rx],
        'exporter without a secret': [version, suite, tx, rx, nest(EXPORTER)],
        'exporter, short secret': [version, suite, tx, rx, nest(EXPORTER, attr(1, bytes(31)))],
        'exporter, long secret': [version, suite, tx, rx, nest(EXPORTER, attr(1, bytes(49)))],
        'exporter, randoms in 1.3': [version, suite, tx, rx, nest(EXPORTER, attr(1, bytes(32)),
                                                                  attr(2, bytes(64)))],
        'exporter, garbage': [version, suite, tx, rx, attr(EXPORTER | 0x8000, b'\xff' * 7)],
    }
    nl = register()
    for name, attrs in rows.items():
        a = Asker()
        sid = nl.ready()[0]
        err, why = refused(nl, genl.HS_DONE, attr(SESSION, sid), *attrs)
        assert err in (errno.EINVAL, errno.ERANGE), (name, err)
        assert a.end() == errno.EBADMSG, (name, a.result)
        info = tap.info(a.sock)
        assert info['state'] == 5 and not info['version'], (name, info)
        assert tap.errno_of(a.sock.send, b'x') == errno.EPIPE
        assert tap.errno_of(a.sock.recv, 1) == errno.EBADMSG
        err, why = refused(nl, genl.FAIL, attr(SESSION, sid), attr(ERR, 5))
        assert err == errno.ENOENT, (name, err)
        a.close()
    nl.close()


def forbidden_suite():
    """A suite that does not encrypt, with keys that fit it: what the policy says of it."""
    nl = register()
    for allowed in (0, 1):
        nl.call(genl.POLICY_SET, attr(MAC_ONLY, allowed))
        a = Asker()
        keys = attr(1, bytes(32))
        args = (attr(SESSION, nl.ready()[0]), u16(VERSION, 0x304), u16(SUITE, 0xc0b4),
                nest(TX, keys), nest(RX, keys))
        if allowed:
            nl.call(genl.HS_DONE, *args)
            assert a.end() == 0
        else:
            err, why = refused(nl, genl.HS_DONE, *args)
            assert err == errno.EACCES and 'mac-only' in why, (err, why)
            assert a.end() == errno.EACCES
            assert 'encrypt' in tap.error(a.sock)['text']
        a.close()
    nl.call(genl.POLICY_SET, attr(MAC_ONLY, 0))
    nl.close()


def answered(nl, *attrs):
    """hs-done with good keys and more: the socket's owner, or errno and text."""
    a, good = Asker(), Half(0x1301)
    sid = nl.ready()[0]
    err, why = refused(nl, genl.HS_DONE, attr(SESSION, sid), u16(VERSION, 0x304),
                       u16(SUITE, 0x1301), nest(TX, attr(1, good.secret)),
                       nest(RX, attr(1, good.secret)), *attrs)
    assert a.end() == (errno.EBADMSG if err else 0), (err, why, a.result)
    return a, err, why


def bad_peer():
    """What a worker says of the certificate must fit together."""
    nl = register()
    rows = {
        'chain alone': [attr(CHAIN, b'x')],
        'chain too long': [attr(CERT, bytes(16384)), attr(CHAIN, bytes(32768 - 16384 + 1))],
        'fingerprint too short': [attr(PRINT, bytes(31))],
        'fingerprint too long': [attr(PRINT, bytes(33))],
        'certificate too long': [attr(CERT, bytes(16385))],
        'names too long': [attr(SAN, 'x' * 8192)],
        'subject too long': [attr(SUBJECT, 'x' * 1024)],
        'names without an end': [attr(SAN, b'xyz')],
    }
    for name, attrs in rows.items():
        a, err, why = answered(nl, *attrs)
        assert err in (errno.EINVAL, errno.ERANGE), (name, err, why)
        assert tap.errno_of(a.sock.getsockopt, tap.SOL_KSSL, tap.PEER_SUBJECT, 10) == errno.ENODATA
        a.close()
    nl.close()


def verify_of(sock):
    try:
        return struct.unpack('I', tap.getsockopt(sock, tap.PEER_VERIFY, 4))[0]
    except OSError as e:
        return e.errno


def good_peer():
    """The longest of everything, and what is missing."""
    nl = register()
    cert, chain, san = os.urandom(16384), os.urandom(16384), 'n' * 8191
    a, err, _ = answered(nl, attr(CERT, cert), attr(CHAIN, chain), attr(SAN, san),
                         attr(SUBJECT, 's' * 1023), attr(PRINT, bytes(range(32))),
                         u8(VERIFIED, 1), attr(VERIFY, 0))
    get = [tap.getsockopt(a.sock, n, 40000) for n in (
        tap.PEER_CERT, tap.PEER_CHAIN, tap.PEER_SAN, tap.PEER_SUBJECT, tap.PEER_FINGERPRINT)]
    assert not err and get == [cert, cert + chain, san.encode(), b's' * 1023, bytes(range(32))]
    assert tap.info(a.sock)['verified'] == 1 and verify_of(a.sock) == 0
    a.close()
    for attrs, verified, verify in (
            ([], 0, errno.ENODATA),
            ([attr(CERT, b'c'), u8(VERIFIED, 1)], 1, 0),
            ([attr(CERT, b'c')], 0, 1),     # what is not said did not verify
            ([attr(CERT, b'c'), u8(VERIFIED, 0), attr(VERIFY, 0)], 0, 0),
            ([attr(CERT, b'c'), u8(VERIFIED, 1), attr(VERIFY, 23)], 0, 23)):
        a, err, why = answered(nl, *attrs)
        assert not err and tap.info(a.sock)['verified'] == verified, (attrs, why)
        assert verify_of(a.sock) == verify, attrs
        for name in (tap.PEER_SAN, tap.PEER_FINGERPRINT, tap.PEER_SUBJECT):
            assert tap.errno_of(tap.getsockopt, a.sock, name, 99) == errno.ENODATA, (attrs, name)
        a.close()
    nl.close()


def done13(nl, sid, out, back, *attrs):
    nl.call(genl.HS_DONE, attr(SESSION, sid), u16(VERSION, 0x304), u16(SUITE, out.suite),
            nest(TX, attr(1, back.secret), u64(5, 0)), nest(RX, attr(1, out.secret), u64(5, 0)),
            *attrs)


def ticket(body):
    """A NewSessionTicket, 17 bytes longer than @body."""
    body = bytes(9) + struct.pack('>H', len(body)) + body + b'\0\0'
    return b'\4' + len(body).to_bytes(3, 'big') + body


class Client:
    """A session that a worker made, which asked for tickets; we are the server."""

    def __init__(self, nl, *attrs):
        self.asker = Asker()
        self.sid = nl.ready()[0]
        self.out, self.back = Half(0x1301), Half(0x1301)
        done13(nl, self.sid, self.out, self.back, *attrs)
        assert self.asker.end() == 0
        self.sock = self.asker.sock
        self.sock.settimeout(10)

    def send(self, text, kind=HANDSHAKE):
        self.asker.peer.sendall(self.out.seal(text, kind))

    def sync(self):
        """All that was sent has been opened, and the session is alive."""
        self.send(b'!', DATA)
        assert self.sock.recv(10) == b'!'

    def posted(self, nl, *messages):
        self.sync()
        for m in messages:
            cmd, got = nl.wait()
            assert (cmd, got[SESSION]) == (genl.POST, struct.pack('I', self.sid)), (cmd, got)
            assert got.get(MESSAGE, b'') == m, (got, m)
        silent(nl)

    def close(self):
        self.asker.close()


def silent(nl):
    nl.sock.settimeout(0.3)
    try:
        got = nl.wait()
        raise AssertionError(got)
    except TimeoutError:
        nl.sock.settimeout(10)


def relayed():
    """post-data: whole messages however they are cut, as many as were asked for."""
    nl = register()
    before = tap.counters()
    c = Client(nl, u8(POST_MAX, 5), attr(POST_MS, 30000))
    silent(nl)
    one, two = ticket(b'one' * 20), ticket(os.urandom(2000))
    c.send(b'data first', DATA)
    assert c.sock.recv(99) == b'data first'
    c.send(one + two)
    c.posted(nl, one, two)
    for i in range(0, len(one), 7):
        c.send(one[i:i + 7])
    c.posted(nl, one)
    c.send(b'\x18\0\0\1\0')
    c.out.update()
    c.send(two)
    c.posted(nl, two)
    long, longest = ticket(os.urandom(16384 - 13)), ticket(os.urandom(16385 - 13))
    for m in (longest, long):
        for i in range(0, len(m), 16000):
            c.send(m[i:i + 16000])
    c.posted(nl, long)
    c.send(one * 200)
    c.posted(nl)        # five it was; and none is said to follow
    c.close()
    silent(nl)
    after = tap.counters()
    assert after['TicketsRelayed'] - before['TicketsRelayed'] == 5
    assert after['Tickets'] - before['Tickets'] == 206
    c = Client(nl)      # nobody asked
    c.send(one)
    c.posted(nl)
    c.close()
    silent(nl)
    nl.close()


def relay_ends():
    """The session's end is told; not what comes after the time, or to nobody."""
    one = ticket(b'one')
    nl = register()
    c = Client(nl, u8(POST_MAX, 16), attr(POST_MS, 30000))
    c.send(one)
    c.posted(nl, one)
    c.close()
    cmd, got = nl.wait()
    assert (cmd, got[SESSION]) == (genl.POST, struct.pack('I', c.sid)) and MESSAGE not in got
    c = Client(nl, u8(POST_MAX, 16), attr(POST_MS, 30000))
    c.asker.peer.sendall(bytes(30))     # a failure is an end
    assert tap.errno_of(c.sock.recv, 1) == errno.EBADMSG
    cmd, got = nl.wait()
    assert cmd == genl.POST and MESSAGE not in got
    c.close()
    c = Client(nl, u8(POST_MAX, 16), attr(POST_MS, 30000))
    c.send(one[:5])     # the end in the middle of one
    c.asker.peer.close()
    assert tap.errno_of(c.sock.recv, 1) == errno.ECONNRESET
    cmd, got = nl.wait()
    assert cmd == genl.POST and MESSAGE not in got
    c.close()
    silent(nl)
    c = Client(nl, u8(POST_MAX, 16), attr(POST_MS, 1))
    time.sleep(0.1)
    c.send(one)
    c.posted(nl)
    c.close()
    silent(nl)
    c = Client(nl, u8(POST_MAX, 16), attr(POST_MS, 30000))
    nl.call(genl.LEAVE)
    c.send(one)
    c.posted(nl)
    c.close()
    silent(nl)
    port = nl.sock.getsockname()[0]
    nl.call(genl.REGISTER, attr(1, 1), attr(2, 4))
    c = Client(nl, u8(POST_MAX, 16), attr(POST_MS, 30000))
    nl.close()
    other = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
    other.bind((port, 0))       # whoever has the port now
    other.settimeout(0.5)
    c.send(one)
    c.sync()
    assert tap.errno_of(other.recv, 1) != 0
    c.close()
    assert tap.errno_of(other.recv, 1) != 0
    other.close()


def relay_full():
    """A worker that does not read: tickets are lost, and nothing else."""
    nl = register(100)
    nl.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    nl.sock.setsockopt(270, 5, 1)       # NETLINK_NO_ENOBUFS
    before = tap.counters()['TicketsRelayed']
    clients = [Client(nl, u8(POST_MAX, 16), attr(POST_MS, 30000)) for _ in range(2)]
    for c in clients:
        for _ in range(16):
            c.send(ticket(os.urandom(3000)))
        c.sync()
        c.sock.send(b'x')
        assert c.back.read(c.asker.peer) == (DATA, b'x')
    assert 0 < tap.counters()['TicketsRelayed'] - before < 32
    for c in clients:
        c.close()
    nl.close()


def relay_refused():
    nl = register()
    rows = (([u8(POST_MAX, 0), attr(POST_MS, 1)], errno.ERANGE),
            ([u8(POST_MAX, 17), attr(POST_MS, 1)], errno.ERANGE),
            ([u8(POST_MAX, 1), attr(POST_MS, 0)], errno.ERANGE),
            ([u8(POST_MAX, 1), attr(POST_MS, 30001)], errno.ERANGE),
            ([u8(POST_MAX, 1)], errno.EINVAL))
    for attrs, want in rows:
        a = Asker()
        sid = nl.ready()[0]
        try:
            done13(nl, sid, Half(0x1301), Half(0x1301), *attrs)
            raise AssertionError(attrs)
        except Refused as e:
            assert e.errno == want, (attrs, e)
        assert a.end() == errno.EBADMSG
        a.close()
    a = Asker()         # TLS 1.2 has its tickets in the handshake
    sid = nl.ready()[0]
    half = Half(0xc02f)
    keys = (attr(2, half.key), attr(3, half.iv))
    err, why = refused(nl, genl.HS_DONE, attr(SESSION, sid), u16(VERSION, 0x303),
                       u16(SUITE, 0xc02f), nest(TX, *keys), nest(RX, *keys), u8(POST_MAX, 1),
                       attr(POST_MS, 1))
    assert err == errno.EINVAL and 'client' in why, (err, why)
    assert a.end() == errno.EBADMSG
    a.close()
    with socket.create_server(('127.0.0.1', 0)) as listener:    # nor does a server get any
        tap.attach(listener)
        c = socket.create_connection(listener.getsockname())
        s = listener.accept()[0]
        c.sendall(b'\x16\3\1\0\4abcd')
        sid = nl.ready()[0]
        try:
            done13(nl, sid, Half(0x1301), Half(0x1301), attr(CONSUMED, 1), u8(POST_MAX, 1),
                   attr(POST_MS, 1))
            raise AssertionError('server')
        except Refused as e:
            assert e.errno == errno.EINVAL and 'client' in e.why, e.why
        assert tap.errno_of(s.recv, 1) == errno.EBADMSG
        s.close()
        c.close()
    nl.close()


def failing():
    """hs-fail: bytes, alert, errno and text reach peer and program."""
    nl = register()
    half = Half(0x1301)
    tx, suite = nest(TX, attr(1, half.secret)), u16(SUITE, 0x1301)
    for attrs, want in (([], errno.EINVAL), ([attr(ERR, 512)], errno.ERANGE),
                        ([attr(ERR, 5), tx], errno.EINVAL),
                        ([attr(ERR, 5), tx, suite], errno.EINVAL),
                        ([attr(ERR, 5), tx, u16(VERSION, 0x303), suite], errno.EINVAL)):
        a = Asker()
        sid = nl.ready()[0]
        assert refused(nl, genl.FAIL, attr(SESSION, sid), *attrs)[0] == want, attrs
        assert a.end() == errno.EBADMSG, 'and it is over'
        assert tap.error(a.sock)['text'] == 'handshake daemon broke the protocol'
        a.close()
    a = Asker()
    sid = nl.ready()[0]
    nl.call(genl.FAIL, attr(SESSION, sid), attr(ERR, errno.EKEYREJECTED), u8(ALERT_SENT, 42),
            attr(TEXT, 'no'), attr(BYTES, b'alert'))
    assert a.end() == errno.EKEYREJECTED, a.result
    assert a.peer.recv(100) == b'alert'
    assert tap.error(a.sock)['text'] == 'no' and tap.error(a.sock)['sent'] == 42
    a.close()
    nl.close()


def failing_sealed():
    """hs-fail with keys: the kernel sends the alert, behind the bytes."""
    nl = register()
    for seq in (0, 7):
        a = Asker()
        sid = nl.ready()[0]
        half = Half(0x1301)
        nl.call(genl.FAIL, attr(SESSION, sid), attr(ERR, errno.EACCES), u8(ALERT_SENT, 40),
                attr(BYTES, b'finished'), u16(VERSION, 0x304), u16(SUITE, 0x1301),
                nest(TX, attr(1, half.secret), u64(5, seq)))
        assert a.end() == errno.EACCES, a.result
        assert tap.read_all(a.peer, 8) == b'finished'
        half.seq = seq
        assert half.read(a.peer) == (ALERT, b'\2\x28')
        assert tap.error(a.sock)['sent'] == 40
        assert tap.errno_of(a.sock.send, b'x') == errno.EPIPE
        a.close()
    nl.close()


def bad_header():
    """The worker is told what the peer has earned, and has hs-fail to say."""
    nl = register()
    for header, alert in ((b'\x63\3\3\0\1', 10), (b'\x16\3\3\xff\xff', 22), (b'\x16\4\0\0\1', 70)):
        for kept in (b'', b'\x16\3\3\0\4abcd'):
            a = Asker()
            sid = nl.ready()[0]
            nl.call(genl.DATA, attr(SESSION, sid), attr(BYTES, b'x'))
            a.peer.sendall(kept + header)
            cmd, got = nl.wait()
            if kept:
                assert got[13] == kept, got
                nl.call(genl.DATA, attr(SESSION, sid))
                cmd, got = nl.wait()
            assert (cmd, got[ALERT_SENT]) == (genl.DATA, bytes([alert])), got
            if alert == 70:
                assert refused(nl, genl.DATA, attr(SESSION, sid))[0] == errno.EINVAL
                assert a.end() == errno.EBADMSG
                assert tap.error(a.sock)['text'] == 'handshake daemon broke the protocol'
            else:
                nl.call(genl.FAIL, attr(SESSION, sid), attr(ERR, errno.EIO), attr(BYTES, b'y'))
                assert a.end() == errno.EIO
                assert tap.read_all(a.peer, 2) == b'xy'
            a.close()
    nl.close()


def not_the_worker():
    one, two = register(), register()
    a = Asker()
    first = None
    for nl, other in ((one, two), (two, one)):
        nl.sock.settimeout(1)
        try:
            sid = nl.ready()[0]
        except TimeoutError:
            continue
        first = nl
        assert refused(other, genl.FAIL, attr(SESSION, sid), attr(ERR, 5))[0] == errno.ENOENT
    # its worker dies with nothing done: the other one gets it
    before = tap.counters()['HsRequeued']
    first.close()
    second = two if first is one else one
    second.sock.settimeout(10)
    cmd, got = second.wait()
    assert cmd == genl.READY and got[SESSION] == struct.pack('I', sid)
    assert tap.counters()['HsRequeued'] == before + 1
    # after bytes went out nobody can take over
    second.call(genl.DATA, attr(SESSION, sid), attr(BYTES, b'x'))
    second.close()
    assert a.end() == errno.ESRCH, a.result
    a.close()


def cancelled():
    nl = register()
    a = Asker()
    sid = nl.ready()[0]
    a.sock.shutdown(socket.SHUT_RDWR)
    a.peer.close()
    a.thread.join(25)
    a.close()
    deadline = time.time() + 5
    while time.time() < deadline:
        cmd, got = nl.wait()
        if cmd == genl.CANCEL and got[SESSION] == struct.pack('I', sid):
            break
    else:
        raise AssertionError('no cancel')
    assert refused(nl, genl.FAIL, attr(SESSION, sid), attr(ERR, 5))[0] == errno.ENOENT
    nl.close()


def capacity():
    nl = register(1)
    a, b = Asker(), Asker()
    first = nl.ready()[0]
    nl.sock.settimeout(0.5)
    try:
        nl.wait()
        raise AssertionError('more than the capacity')
    except TimeoutError:
        pass
    nl.sock.settimeout(10)
    nl.call(genl.FAIL, attr(SESSION, first), attr(ERR, 13))
    second = nl.ready()[0]
    assert second != first
    nl.call(genl.FAIL, attr(SESSION, second), attr(ERR, 13))
    assert {a.end(), b.end()} == {13}
    a.close()
    b.close()
    nl.close()


def timeout_and_queue():
    nl = register(1)
    nl.call(genl.POLICY_SET, attr(2, 3000), attr(3, 1))
    a, b = Asker(), Asker()     # one at the worker, one in the queue
    time.sleep(0.3)
    c = Asker()
    assert c.end() == errno.ECONNREFUSED, c.result
    assert 'waiting' in tap.error(c.sock)['text']
    assert a.end() == errno.ETIMEDOUT and b.end() == errno.ETIMEDOUT
    nl.call(genl.POLICY_SET, attr(2, 20000), attr(3, 4096))
    for x in (a, b, c):
        x.close()
    nl.close()


def ask(n, listener, uid=0):
    """So many clients of that user, who do not wait."""
    socks = []
    os.seteuid(uid)
    for _ in range(n):
        s = socket.socket()
        tap.attach(s)
        s.setblocking(False)
        s.connect_ex(listener.getsockname())
        socks.append(s)
    os.seteuid(0)
    return socks


def refusals(socks, want):
    def got():
        return [e['text'] for e in map(tap.error, socks) if e['err']]
    tap.until(lambda: all(tap.info(s)['state'] in (2, 5) for s in socks) and len(got()) >= want,
              lambda: (len(got()), want))
    time.sleep(0.2)
    assert got() == ['too many handshakes are waiting'] * want, (len(got()), set(got()), want)


def shares():
    """A thousand of one user wait; nobody can fill the queue for others."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    nl, listener = register(1), socket.create_server(('127.0.0.1', 0), backlog=2048)
    nl.call(genl.POLICY_SET, attr(2, 600000), attr(3, 4096))
    full = tap.counters()['HsQueueFull']
    socks = ask(1001, listener)         # one is at the worker
    refusals(socks, 0)
    socks += ask(1, listener, 1001)
    refusals(socks, 0)
    assert tap.counters()['HsQueueFull'] == full
    nl.close()
    for s in socks:
        s.close()
    nl = register(1)
    nl.call(genl.POLICY_SET, attr(3, 20))
    mine = ask(12, listener)
    refusals(mine, 1)                   # half of 20, and one is at the worker
    others = ask(6, listener, 1001)
    refusals(others, 1)                 # half of what was left
    refusals(ask(1, listener, 1002), 0)
    assert tap.counters()['HsQueueFull'] == full + 2
    for s in mine:
        s.close()
    more = ask(2, listener, 1001)
    refusals(more, 0)                   # there is room again
    nl.call(genl.POLICY_SET, attr(2, 20000), attr(3, 4096))
    nl.close()


def not_tls():
    """A peer that speaks no TLS, and one that leaves."""
    nl = register()
    for bytes_, err in ((b'GET / HTTP/1.0\r\n\r\n', errno.EBADMSG),
                        (b'\x16\3\1\xff\xff', errno.EMSGSIZE), (b'\x16\3\1\0\0', errno.EBADMSG),
                        (b'', errno.ECONNRESET), (b'\x16\3\1\0\x20abc', errno.ECONNRESET)):
        listener = socket.create_server(('127.0.0.1', 0))
        tap.attach(listener)
        c = socket.create_connection(listener.getsockname())
        s, _ = listener.accept()
        c.sendall(bytes_)
        if err == errno.ECONNRESET:
            c.close()
        assert tap.errno_of(s.recv, 10) == err, (bytes_, tap.error(s))
        if err != errno.ECONNRESET:
            assert tap.read_all(c, 7)[:6] == b'\x15\3\3\0\2\2'
        for x in (s, c, listener):
            x.close()
    nl.close()


def other_namespace():
    r, w = os.pipe()
    a_listener = socket.create_server(('127.0.0.1', 0))
    tap.attach(a_listener)
    pid = os.fork()
    if not pid:
        libc = __import__('ctypes').CDLL(None)
        good = libc.unshare(0x40000000) == 0
        nl = Genl()
        good = good and nl.call(genl.GET, flags=genl.REQUEST | genl.DUMP) == []
        good = good and struct.unpack('I', nl.call(genl.CAPS)[0][4])[0] == 0
        os.write(w, b'y' if good else b'n')
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(r, 1) == b'y'
    nl = Genl()
    assert len(nl.call(genl.GET, flags=genl.REQUEST | genl.DUMP)) >= 1
    a_listener.close()
    nl.close()


def ident(sock):
    return attr(ID, tap.info(sock)['id'])


def rekey_by_netlink():
    """Good, with and without the request; and every refusal, with a reason."""
    nl = Genl()
    p = Peer(0x1301)
    nl.call(genl.REKEY, ident(p.kssl))
    assert p.got() == (HANDSHAKE, b'\x18\0\0\1\0')
    p.back.update()
    nl.call(genl.REKEY, ident(p.kssl), attr(REQUEST, b''))
    assert p.got() == (HANDSHAKE, b'\x18\0\0\1\1')
    p.back.update()
    assert tap.info(p.kssl)['txgen'] == 2
    err, why = refused(nl, genl.REKEY, ident(p.kssl), attr(REQUEST, b''))
    assert err == errno.EAGAIN and 'answered' in why, (err, why)
    p.kssl.send(b'x')       # the missing answer blocks nothing
    assert p.got() == (DATA, b'x')
    nl.call(genl.REKEY, ident(p.kssl))
    assert p.got() == (HANDSHAKE, b'\x18\0\0\1\0')
    p.back.update()
    p.send(b'\x18\0\0\1\0', HANDSHAKE)
    p.out.update()
    p.send(b'y')
    assert p.kssl.recv(9) == b'y'
    nl.call(genl.REKEY, ident(p.kssl), attr(REQUEST, b''))
    p.close()
    p = Peer(0xc02f)
    err, why = refused(nl, genl.REKEY, ident(p.kssl))
    assert err == errno.EOPNOTSUPP and '1.2' in why, (err, why)
    p.close()
    verb_refusals(nl, genl.REKEY)
    nl.close()


def verb_refusals(nl, cmd):
    err, why = refused(nl, cmd, attr(ID, 987654))
    assert err == errno.ENOENT and 'no such session' in why, (err, why)
    assert refused(nl, cmd)[0] == errno.EINVAL
    assert refused(nl, cmd, attr(ID, b'ab'))[0] in (errno.EINVAL, errno.ERANGE)
    assert refused(nl, cmd, attr(99, 1))[0] == errno.EINVAL
    with socket.create_server(('127.0.0.1', 0)) as listener:
        tap.attach(listener)
        err, why = refused(nl, cmd, ident(listener))
        assert err == errno.ENOTCONN and why, (err, why)
    with socket.socket() as s:
        tap.attach(s)
        assert refused(nl, cmd, ident(s))[0] == errno.ENOTCONN
    p = Peer(0x1301)
    p.tcp.sendall(bytes(100))       # no record
    assert tap.errno_of(p.kssl.recv, 1) == errno.EBADMSG
    err, why = refused(nl, cmd, ident(p.kssl))
    assert err == errno.EPIPE and why, (err, why)
    p.close()
    p = Peer(0x1301)        # the same user without the capability, own session or not
    r, w = os.pipe()
    pid = os.fork()
    if not pid:
        os.setresuid(65534, 65534, 65534)
        err, _ = refused(Genl(), cmd, ident(p.kssl))
        os.write(w, b'y' if err == errno.EPERM else b'n')
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(r, 1) == b'y', 'without CAP_NET_ADMIN'
    pid = os.fork()
    if not pid:             # another namespace does not see it
        __import__('ctypes').CDLL(None).unshare(0x40000000)
        err, _ = refused(Genl(), cmd, ident(p.kssl))
        os.write(w, b'y' if err == errno.ENOENT else b'n')
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(r, 1) == b'y', 'in another namespace'
    p.send(b'alive')
    assert p.kssl.recv(9) == b'alive'
    p.close()


def close_by_netlink():
    """close_notify and FIN; writes are EPIPE, also one that sleeps; reads go on."""
    nl = Genl()
    for suite in (0x1301, 0xc02f):
        p = Peer(suite)
        p.kssl.send(b'open', socket.MSG_MORE)
        nl.call(genl.CLOSE, ident(p.kssl))
        assert p.got() == (DATA, b'open')
        assert p.got() == (ALERT, b'\1\0') and p.got() is None
        assert tap.errno_of(p.kssl.send, b'x') == errno.EPIPE
        p.send(b'more')
        assert p.kssl.recv(9) == b'more'
        p.send(b'\1\0', ALERT)
        assert p.kssl.recv(9) == b'' and tap.error(p.kssl)['err'] == 0
        err, why = refused(nl, genl.CLOSE, ident(p.kssl))
        assert err == errno.EPIPE and 'closed' in why, (err, why)
        p.close()
    p = Peer(0x1301)
    p.kssl.settimeout(None)
    result = []
    writer = threading.Thread(target=lambda: result.append(
        tap.errno_of(p.kssl.sendall, bytes(1 << 26))))
    writer.start()
    time.sleep(1)
    nl.call(genl.CLOSE, ident(p.kssl))
    writer.join(10)
    assert result == [errno.EPIPE], result
    p.close()
    verb_refusals(nl, genl.CLOSE)
    nl.close()


def kill_by_netlink():
    """The alert reaches the peer before the reset; the program sees ECONNABORTED."""
    nl = Genl()
    for suite in (0x1301, 0xc02f):
        p = Peer(suite)
        p.kssl.settimeout(None)
        result = []
        reader = threading.Thread(target=lambda: result.append(
            tap.errno_of(p.kssl.recv, 9)))     # pylint: disable=cell-var-from-loop
        reader.start()
        time.sleep(0.3)
        nl.call(genl.KILL, ident(p.kssl))
        reader.join(10)
        assert result == [errno.ECONNABORTED], result
        assert p.got() == (ALERT, b'\2\x50')
        assert tap.errno_of(p.tcp.recv, 1) == errno.ECONNRESET
        assert tap.errno_of(p.kssl.recv, 9) == errno.ECONNABORTED
        assert tap.errno_of(p.kssl.send, b'x') == errno.EPIPE
        e = tap.error(p.kssl)
        assert e['err'] == errno.ECONNABORTED and e['sent'] == 80 and 'admin' in e['text'], e
        assert refused(nl, genl.KILL, ident(p.kssl))[0] == errno.EPIPE
        p.close()
    w = register()      # in the middle of a handshake
    a = Asker()
    sid = w.ready()[0]
    assert refused(nl, genl.REKEY, attr(ID, sid))[0] == errno.ENOTCONN
    assert refused(nl, genl.CLOSE, attr(ID, sid))[0] == errno.ENOTCONN
    nl.call(genl.KILL, attr(ID, sid))
    assert a.end() == errno.ECONNABORTED, a.result
    assert tap.errno_of(a.peer.recv, 1) == errno.ECONNRESET
    cmd, got = w.wait()
    assert cmd == genl.CANCEL and got[SESSION] == struct.pack('I', sid)
    a.close()
    w.close()
    verb_refusals(nl, genl.KILL)
    nl.close()


def key_policy():
    """key-records and rekey-seconds on an open session; update-rate."""
    nl = Genl()
    p, q = Peer(0x1303), Peer(0xc02f)
    nl.call(genl.POLICY_SET, attr(KEY_RECORDS, 3))
    for _ in range(4):
        for i in range(3):
            p.kssl.send(b'%d' % i)
            assert p.got() == (DATA, b'%d' % i)
        p.kssl.send(b'n')       # the fourth: new keys first; they protect two more
        assert p.got() == (HANDSHAKE, b'\x18\0\0\1\0')
        p.back.update()
        assert p.got() == (DATA, b'n')
        nl.call(genl.REKEY, ident(p.kssl))
        assert p.got() == (HANDSHAKE, b'\x18\0\0\1\0')
        p.back.update()
    for _ in range(3):
        q.kssl.send(b'x')
        assert q.got() == (DATA, b'x')
    assert tap.errno_of(q.kssl.send, b'x') == errno.EPIPE    # TLS 1.2 ends
    assert q.got() == (ALERT, b'\1\0')
    q.send(b'last')
    assert q.kssl.recv(9) == b'last'
    nl.call(genl.POLICY_SET, attr(KEY_RECORDS, 0), attr(REKEY_SECONDS, 1))
    time.sleep(1.1)
    p.kssl.send(b'a')
    assert p.got() == (HANDSHAKE, b'\x18\0\0\1\0'), 'by age'
    p.back.update()
    assert p.got() == (DATA, b'a')
    p.kssl.send(b'b')
    assert p.got() == (DATA, b'b')
    nl.call(genl.POLICY_SET, attr(REKEY_SECONDS, 0), attr(UPDATE_RATE, 5))
    stream = b''
    for i in range(6):
        stream += p.out.seal(b'\x18\0\0\1\0', HANDSHAKE)
        p.out.update()
        stream += p.out.seal(b'%d' % i)
    p.tcp.sendall(stream)
    assert tap.read_all(p.kssl, 5) == b'01234'
    assert tap.errno_of(p.kssl.recv, 1) == errno.EBADMSG
    assert p.got() == (ALERT, b'\2\x0a') and 'second' in tap.error(p.kssl)['text']
    nl.call(genl.POLICY_SET, attr(UPDATE_RATE, 1000))
    for x in (p, q):
        x.close()
    nl.close()


def big_dump():
    listeners = []
    for _ in range(300):
        s = socket.socket()
        tap.attach(s)
        s.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'n' * 255)
        listeners.append(s)
    nl = Genl()
    got = nl.call(genl.GET, flags=genl.REQUEST | genl.DUMP)
    assert len({g[1] for g in got}) == len(got) >= 300, len(got)
    for s in listeners:
        s.close()
    nl.close()


def main():
    for fn in (caps_and_policy, registering, no_such_session, relay, bad_keys, forbidden_suite, bad_peer,
               good_peer, owner, late, relayed, relay_ends, relay_full, relay_refused, failing,
               failing_sealed, bad_header,
               not_the_worker,
               cancelled, capacity, timeout_and_queue, shares, not_tls, other_namespace, rekey_by_netlink,
               close_by_netlink, kill_by_netlink, key_policy, big_dump):
        tap.case(fn.__name__)(fn)
    tap.done()


main()
