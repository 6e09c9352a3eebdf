#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Every way round the record layer is tried, on sockets in every state: what the
call says, and a capture that shows what went over the wire.  All that a program
gives to a kssl socket here begins with MARK; on the wire there are records, and
libcrypto finds in them what the calls took and nothing else."""
import errno
import mmap
import os
import signal
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import doors  # noqa: E402
import pcap  # noqa: E402
import tap  # noqa: E402
from records import ALERT, CCS, DATA, HANDSHAKE, Half, Peer  # noqa: E402
from wiretap import records  # noqa: E402

TMP, DUMP = sys.argv[1], int(sys.argv[2])
MARK, CONTROL = b'PLAINTEXT-MARK', b'CONTROL-ON-THE-WIRE'
TCP, OOB, MORE, NOSIGNAL, ZEROCOPY, FASTOPEN = tap.SOL_TCP, 1, 0x8000, 0x4000, 0x4000000, 0x20000000
(TCP_REPAIR, REPAIR_QUEUE, QUEUE_SEQ, REPAIR_OPTIONS, TCP_FASTOPEN, FASTOPEN_CONNECT, REPAIR_WINDOW,
 ZEROCOPY_RECEIVE, TCP_INQ) = 19, 20, 21, 22, 23, 30, 29, 35, 36
MPTCP, IPV6_ADDRFORM, SO_ZEROCOPY, SO_REUSEPORT = 262, 1, 60, 15
STATES = ('closed', 'listening', 'connecting', 'handshake', 'accepted', 'open', 'shut', 'ended',
          'failed')
EBUSY, EEXIST, EINVAL, EPIPE, EAGAIN, EBADMSG = 'EBUSY', 'EEXIST', 'EINVAL', 'EPIPE', 'EAGAIN', 'EBADMSG'
NOT, NOTCONN, TAKEN = 'EOPNOTSUPP', 'ENOTCONN', 'taken'


class Wire:
    """What one end of a connection may send."""
    all = {}

    def __init__(self, sock, peer, name, half=None):
        self.name, self.half, self.texts = name, half, []
        if half:
            self.half = Half(half.suite)
            self.half.secret = half.secret
            self.half.derive()
        Wire.all[sock.getsockname()[1], peer.getsockname()[1]] = self


class Subject:
    """A kssl socket in some state, and the plain socket at its other end."""

    def __init__(self, name, kssl, tcp=None, half=None):
        self.name, self.kssl, self.tcp = name, kssl, tcp
        self.wire = Wire(kssl, tcp, name, half) if tcp else None
        kssl.setblocking(False)

    def state(self):
        ulp = self.kssl.getsockopt(TCP, tap.TCP_ULP, 16).rstrip(b'\0')
        return ulp, tap.info(self.kssl)['state'], tap.error(self.kssl)['err']


# ---- states ----

def new_socket(family=socket.AF_INET):
    s = socket.socket(family)
    s.settimeout(20)
    return s


def keyed(name, family=socket.AF_INET):
    p = Peer(0x1301, family)
    s = Subject(name, p.kssl, p.tcp, p.back)
    s.out = p.out
    return s


def closed():
    s = new_socket()
    tap.attach(s)
    return Subject('closed', s)


def listening():
    s = socket.create_server(('127.0.0.1', 0))
    tap.attach(s)
    return Subject('listening', s)


def connecting():
    """Its SYN is dropped: the listener's queue is full."""
    full = socket.socket()
    full.bind(('127.0.0.1', 0))
    full.listen(0)
    fill = [new_socket() for _ in range(2)]
    for f in fill:
        f.setblocking(False)
        f.connect_ex(full.getsockname())
    s = new_socket()
    s.setblocking(False)
    tap.attach(s)
    assert s.connect_ex(full.getsockname()) == errno.EINPROGRESS
    sub = Subject('connecting', s)
    sub.rest = full, fill
    return sub


def handshake():
    """The peer has the ClientHello and will never answer."""
    listener = socket.create_server(('127.0.0.1', 0))
    s = new_socket()
    s.setblocking(False)
    tap.attach(s)
    assert s.connect_ex(listener.getsockname()) == errno.EINPROGRESS
    tcp = listener.accept()[0]
    listener.close()
    sub = Subject('handshake', s, tcp)
    assert tcp.recv(1, socket.MSG_PEEK) == b'\x16'
    return sub


def accepted():
    """The client has said nothing yet."""
    listener = socket.create_server(('127.0.0.1', 0))
    tap.attach(listener)
    tcp = socket.create_connection(listener.getsockname())
    sub = Subject('accepted', listener.accept()[0], tcp)
    listener.close()
    assert tap.errno_of(sub.kssl.recv, 1) == errno.EAGAIN   # the handshake begins
    return sub


def is_open():
    return keyed('open')


def shut():
    sub = keyed('shut')
    sub.kssl.shutdown(socket.SHUT_WR)
    return sub


def ended():
    sub = shut()
    sub.name = 'ended'
    sub.tcp.sendall(sub.out.seal(b'\1\0', ALERT))
    doors.wait_for(lambda: tap.errno_of(sub.kssl.recv, 1) == 0)
    return sub


def failed():
    sub = keyed('failed')
    sub.tcp.sendall(b'\x17\3\3\0\x20' + bytes(32))
    doors.wait_for(lambda: tap.errno_of(sub.kssl.recv, 1) == errno.EBADMSG)
    return sub


MAKE = dict(zip(STATES, (closed, listening, connecting, handshake, accepted, is_open, shut, ended,
                         failed)))
RING = doors.Ring()


# ---- ways: each does its call and returns what was taken ----

def text_of(sub, way):
    """What this way tries to send; told apart by its name."""
    return MARK + f' {sub.name} {way}'.encode()


def flags(value):
    return lambda sub, text: sub.kssl.send(text, value | NOSIGNAL)


def to_address(sub, text):
    return sub.kssl.sendto(text, FASTOPEN | NOSIGNAL, ('127.0.0.1', 9))


def option(name, value=1, level=TCP):
    return lambda sub, _: sub.kssl.setsockopt(level, name, value)


def asked(name, size):
    return lambda sub, _: sub.kssl.getsockopt(TCP, name, size)


def through_pipe(move):
    def act(sub, text):
        r, w = os.pipe()
        try:
            os.write(w, text)
            return move(sub, r, len(text))
        finally:
            os.close(r)
            os.close(w)
    return act


def from_file(sub, text):
    with open(TMP + '/file', 'wb') as f:
        f.write(text)
    with open(TMP + '/file', 'rb') as f:
        return os.sendfile(sub.kssl.fileno(), f.fileno(), 0, len(text))


def ring_result(n):
    if n < 0:
        raise OSError(-n, os.strerror(-n))
    return n


def ring(op, value=NOSIGNAL):
    value |= socket.MSG_DONTWAIT    # a socket that must not wait is not enough

    def act(sub, text):
        if op in (doors.SENDMSG, doors.SENDMSG_ZC):
            head, keep = doors.message(text)
            n = RING.request(op, sub.kssl.fileno(), 0, doors.address(head), 1, value)
            del keep
            return ring_result(n)
        buf = doors.ctypes.create_string_buffer(text, len(text))
        off = 2**64 - 1 if op == doors.WRITE else 0
        return ring_result(RING.request(op, sub.kssl.fileno(), off, doors.address(buf), len(text),
                                        0 if op == doors.WRITE else value))
    return act


def ring_splice(sub, r, size):
    return ring_result(RING.request(doors.SPLICE, sub.kssl.fileno(), 2**64 - 1, 2**64 - 1, size, 0, r))


def ring_option(sub, _):
    """6.7 and later can set options this way; before that it has no commands."""
    on = doors.ctypes.create_string_buffer(struct.pack('i', 1))
    return ring_result(RING.request(doors.COMMAND, sub.kssl.fileno(), 3, TCP | TCP_REPAIR << 32, 0, 0,
                                    4, doors.address(on)))


def zerocopy(sub, text):
    sub.kssl.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
    return sub.kssl.send(text, ZEROCOPY | NOSIGNAL)


def unspec(sub, _):
    doors.ctypes.set_errno(0)
    if doors.LIBC.connect(sub.kssl.fileno(), bytes(16), 16):
        raise OSError(doors.ctypes.get_errno(), 'connect')


def again(sub, _):
    with socket.create_server(('127.0.0.1', 0)) as listener:
        sub.kssl.connect(listener.getsockname())


def sock_map(kind):
    def act(sub, _):
        fd = doors.bpf_map(kind)
        try:
            doors.bpf_put(fd, sub.kssl)
        finally:
            os.close(fd)
    return act


def in_child(sub, text):
    pid = os.fork()
    if not pid:
        n = tap.errno_of(sub.kssl.send, text, NOSIGNAL)
        os._exit(n)
    err = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if err:
        raise OSError(err, 'in a child')
    return len(text)


def passed(sub, text):
    one, two = socket.socketpair()
    socket.send_fds(one, [b'x'], [sub.kssl.fileno()])
    with socket.socket(fileno=socket.recv_fds(two, 1, 1)[1][0]) as s:
        one.close()
        two.close()
        return s.send(text, NOSIGNAL)


def taken_from_us(sub, text):
    with doors.pidfd_copy(sub.kssl) as s:
        return s.send(text, NOSIGNAL)


def by_name(sub, text):
    fd = os.open(f'/proc/self/fd/{sub.kssl.fileno()}', os.O_WRONLY)
    return os.write(fd, text)


def mapped(sub, _):
    mmap.mmap(sub.kssl.fileno(), 4096)


KEY = Half(0x1301).uapi()
AGAIN = struct.pack('HH', 0x304, 51) + bytes(36)    # AES-128-GCM for in-tree kernel TLS
ALL_STATES = {s: NOT for s in STATES}
# what send() says, state by state
SEND = dict(zip(STATES, (EPIPE, EPIPE, EAGAIN, EAGAIN, EAGAIN, TAKEN, EPIPE, EPIPE, EPIPE)))


# io_uring waits where a call says EAGAIN
RING_SEND = {state: says for state, says in SEND.items() if says != EAGAIN}


def same(result, **other):
    return {**{s: result for s in STATES}, **other}


KEYS_AGAIN = same(NOTCONN, handshake=EBUSY, accepted=EBUSY, open=EBUSY, failed=EBUSY)

# name: (the call, what it says in each state; a state that is missing is left out)
WAYS = {
    # what carries data, and seals it
    'send': (flags(0), SEND),
    'MSG_MORE | MSG_EOR': (flags(MORE | socket.MSG_EOR), SEND),
    'MSG_DONTROUTE': (flags(socket.MSG_DONTROUTE), SEND),
    'MSG_ZEROCOPY': (zerocopy, SEND),
    'writev': (lambda sub, text: os.writev(sub.kssl.fileno(), [text[:5], text[5:]]), SEND),
    'sendfile': (from_file, SEND),
    'splice': (through_pipe(lambda sub, r, n: os.splice(r, sub.kssl.fileno(), n)), SEND),
    'io_uring send': (ring(doors.SEND), SEND),
    'io_uring sendmsg': (ring(doors.SENDMSG), SEND),
    'io_uring write': (ring(doors.WRITE), RING_SEND),
    'io_uring splice': (through_pipe(ring_splice), RING_SEND),
    'io_uring send_zc': (ring(doors.SEND_ZC), SEND),
    'io_uring sendmsg_zc': (ring(doors.SENDMSG_ZC), SEND),
    'after fork': (in_child, SEND),
    'SCM_RIGHTS': (passed, SEND),
    'pidfd_getfd': (taken_from_us, SEND),
    # what would carry them past it
    'MSG_OOB': (flags(OOB), ALL_STATES),
    'MSG_FASTOPEN': (to_address, ALL_STATES),
    'MSG_FASTOPEN, no address': (flags(FASTOPEN), ALL_STATES),
    'io_uring, MSG_OOB': (ring(doors.SEND, OOB), ALL_STATES),
    'io_uring, MSG_FASTOPEN': (ring(doors.SENDMSG, FASTOPEN), ALL_STATES),
    'TCP_FASTOPEN_CONNECT': (option(FASTOPEN_CONNECT), ALL_STATES),
    'TCP_REPAIR': (option(TCP_REPAIR), ALL_STATES),
    'TCP_REPAIR_QUEUE': (option(REPAIR_QUEUE), ALL_STATES),
    'TCP_QUEUE_SEQ': (option(QUEUE_SEQ), ALL_STATES),
    'TCP_REPAIR_OPTIONS': (option(REPAIR_OPTIONS, bytes(8)), ALL_STATES),
    'TCP_REPAIR_WINDOW': (option(REPAIR_WINDOW, bytes(20)), ALL_STATES),
    'TCP_REPAIR by io_uring': (ring_option, ALL_STATES),
    'TCP_ULP "tls"': (option(tap.TCP_ULP, b'tls'), same(EEXIST)),
    'TCP_ULP "mptcp"': (option(tap.TCP_ULP, b'mptcp'), same(EEXIST)),
    'TCP_ULP "kssl"': (option(tap.TCP_ULP, b'kssl'), same(EEXIST)),
    'open /proc/self/fd': (by_name, same('ENXIO')),
    # a socket that begins anew
    'connect(AF_UNSPEC)': (unspec, ALL_STATES),
    'sockmap': (sock_map(doors.SOCKMAP), same(NOT, listening=EINVAL)),
    'sockhash': (sock_map(doors.SOCKHASH), same(NOT, listening=EINVAL)),
    'listen': (lambda sub, _: sub.kssl.listen(), {s: EINVAL for s in STATES[2:]}),
    'connect again': (again, {'listening': NOT, 'connecting': 'EALREADY', 'handshake': 'EINPROGRESS',
                              'accepted': 'EALREADY', **{s: 'EISCONN' for s in STATES[5:]}}),
    # keys that would be used twice
    'KSSL_KEY_TX': (option(tap.KEY_TX, KEY, tap.SOL_KSSL),
                    KEYS_AGAIN),
    'TLS_TX': (option(1, AGAIN, 282),
               KEYS_AGAIN),
    # plain TCP again, where TLS has not ended both ways
    'KSSL_DETACH': (option(tap.DETACH, 0, tap.SOL_KSSL),
                    {'closed': EINVAL, 'listening': EINVAL, 'connecting': EINVAL, 'handshake': EBUSY,
                     'accepted': EBUSY, 'open': EBUSY, 'shut': EBUSY, 'failed': EBADMSG}),
    # reading what was not opened
    'TCP_ZEROCOPY_RECEIVE': (asked(ZEROCOPY_RECEIVE, 64), ALL_STATES),
    'TCP_INQ': (option(TCP_INQ), ALL_STATES),
    'mmap': (mapped, same('ENODEV')),
    'recv, MSG_OOB': (lambda sub, _: sub.kssl.recv(1, OOB), same(NOT, closed=EINVAL, listening=NOTCONN)),
}


def result(way, sub, name):
    text = text_of(sub, name)
    try:
        n = way(sub, text)
    except OSError as e:
        return NOT if e.errno == errno.EOPNOTSUPP else errno.errorcode[e.errno]
    if isinstance(n, int) and n == len(text):
        if sub.wire:
            sub.wire.texts.append(text)
        return TAKEN
    return f'done: {n!r}'


def compact(by_state):
    """errno: states, as it reads best."""
    out = {}
    for state, what in by_state.items():
        out.setdefault(what, []).append(state)
    return '; '.join(f'{what}: {" ".join(states)}' for what, states in sorted(out.items()))


def all_ways():
    said = {name: {} for name in WAYS}
    for state in STATES:
        sub = MAKE[state]()
        before = sub.state()
        for name, (way, want) in WAYS.items():
            if state in want:
                said[name][state] = result(way, sub, name)
        tap.is_(sub.state(), before, f'{state}: after all that the socket is as it was')
        KEPT.append(sub)
    for name, (_, want) in WAYS.items():
        tap.is_(compact(said[name]), compact(want), name)


KEPT = []       # until the capture is complete


# ---- sockets that come about in strange ways ----

def refused_before(name, make, want):
    """A socket prepared for a way round does not become ours."""
    s = make()
    got = tap.errno_of(tap.attach, s)
    tap.ok(got in want, f'attach: {name}', f'errno {got}')
    KEPT.append(s)


def with_option(name, value=1):
    def make():
        s = new_socket()
        s.setsockopt(TCP, name, value)
        return s
    return make


def repaired():
    s = socket.create_connection(PLAIN.getsockname())
    s.setsockopt(TCP, TCP_REPAIR, 1)
    return s


def in_a_map():
    s = socket.create_connection(PLAIN.getsockname())
    fd = doors.bpf_map(doors.SOCKMAP)
    doors.bpf_put(fd, s)
    KEPT.append(fd)
    return s


def deferred():
    """connect() has promised, and sent nothing."""
    s = with_option(FASTOPEN_CONNECT)()
    s.connect(PLAIN.getsockname())
    return s


def not_plain(name, kssl, tcp):
    """A server that came about strangely: neither gives nor takes plaintext."""
    sub = Subject(name, kssl, tcp)
    assert sub.state()[0] == b'kssl', 'no ULP'
    err = tap.errno_of(kssl.send, MARK + name.encode(), NOSIGNAL)
    tcp.sendall(b'GET / HTTP/1.0\r\n\r\n')
    doors.wait_for(lambda: tap.errno_of(kssl.recv, 100) != errno.EAGAIN)
    tap.is_((err, tap.errno_of(kssl.recv, 100), tap.errno_of(kssl.send, MARK, NOSIGNAL)),
            (errno.EAGAIN, errno.EBADMSG, errno.EPIPE), name)
    KEPT.append(sub)


def listener_on(port=0):
    s = new_socket()
    s.setsockopt(socket.SOL_SOCKET, SO_REUSEPORT, 1)
    s.bind(('127.0.0.1', port))
    s.listen()
    return s


def queued_before():
    """The child was in the queue when its listener became ours."""
    listener = listener_on()
    tcp = socket.create_connection(listener.getsockname())
    tap.attach(listener)
    not_plain('accepted after an attach, connected before', listener.accept()[0], tcp)


def migrates(ours_first):
    """SO_REUSEPORT: a child goes to another listener when its own is closed."""
    one = listener_on()
    if ours_first:
        tap.attach(one)
    tcp = socket.create_connection(one.getsockname())
    two = listener_on(one.getsockname()[1])
    if not ours_first:
        tap.attach(two)
    one.close()
    not_plain(f'child of {"ours" if ours_first else "another"}, accepted by '
              f'{"another" if ours_first else "ours"}', two.accept()[0], tcp)
    two.close()


def sysctl(name, value):
    with open(f'/proc/sys/net/ipv4/{name}', 'w', encoding='ascii') as f:
        f.write(str(value))


def cookies():
    sysctl('tcp_syncookies', 2)
    sub = accepted()
    sysctl('tcp_syncookies', 1)
    not_plain('child of a SYN cookie', sub.kssl, sub.tcp)


def fast_open():
    """Data in the SYN reach a listener with TCP_FASTOPEN: they are no TLS."""
    sysctl('tcp_fastopen', 0x607)
    listener = socket.create_server(('127.0.0.1', 0))
    listener.setsockopt(TCP, TCP_FASTOPEN, 5)
    tap.attach(listener)
    tcp = socket.socket()
    tcp.sendto(b'GET / HTTP/1.0', FASTOPEN, listener.getsockname())
    sub = Subject('fast open', listener.accept()[0], tcp)
    doors.wait_for(lambda: tap.errno_of(sub.kssl.recv, 100) != errno.EAGAIN)
    tap.is_(tap.errno_of(sub.kssl.recv, 100), errno.EBADMSG, 'data in a SYN')
    KEPT.append(sub)


def urgent():
    """SO_OOBINLINE off, and an urgent byte inside a record: it does not verify, or it
    does; it is never given out by itself."""
    sub = keyed('urgent byte')
    sub.kssl.setsockopt(socket.SOL_SOCKET, 10, 0)
    record = sub.out.seal(b'text')
    sub.tcp.sendall(record[:9])
    sub.tcp.send(record[9:10], OOB)
    sub.tcp.sendall(record[10:])
    got = []

    def arrived():
        try:
            got.append(sub.kssl.recv(100))
        except OSError as e:
            got.append(e.errno)
        return got[-1] != errno.EAGAIN
    doors.wait_for(arrived)
    tap.ok(got[-1] in (b'text', errno.EBADMSG) and
           tap.errno_of(sub.kssl.recv, 1, OOB) == errno.EOPNOTSUPP, 'an urgent byte in a record',
           got)
    KEPT.append(sub)


def mapped_v4():
    """IPV6_ADDRFORM would give the socket TCP's own calls."""
    listener = socket.create_server(('127.0.0.1', 0))
    s = socket.socket(socket.AF_INET6)
    s.connect(('::ffff:127.0.0.1', listener.getsockname()[1]))
    tcp = listener.accept()[0]
    tap.attach(s)
    half = Half(0x1301)
    s.setsockopt(tap.SOL_KSSL, tap.KEY_TX, half.uapi())
    sub = Subject('IPv4 in IPv6', s, tcp, half)
    tap.is_(tap.errno_of(s.setsockopt, socket.IPPROTO_IPV6, IPV6_ADDRFORM, socket.AF_INET),
            errno.EBUSY, 'IPV6_ADDRFORM')
    tap.is_(result(flags(0), sub, 'send'), TAKEN, 'and it goes on')
    KEPT.append(sub)


# ---- users of sockets inside the kernel ----

def multiplexor():
    sub = keyed('KCM')
    text = text_of(sub, 'message')
    try:
        n = doors.kcm(sub.kssl, text)
    except OSError as e:
        return tap.skip('KCM over a kssl socket', os.strerror(e.errno))
    doors.wait_for(lambda: tap.info(sub.kssl)['txbytes'] == n)
    sub.wire.texts.append(text)
    KEPT.append(sub)
    return tap.is_(n, len(text), 'KCM over a kssl socket')


def file_system():
    """Its first message names the version; nobody answers."""
    sub = keyed('9p')
    os.mkdir(TMP + '/9p')

    pid = doors.mount_9p(sub.kssl, TMP + '/9p')
    doors.wait_for(lambda: tap.info(sub.kssl)['txbytes'] > 0)
    sub.tcp.shutdown(socket.SHUT_RDWR)      # the process has a copy
    os.waitpid(pid, 0)
    tap.ok(True, '9p over a kssl socket')
    sub.wire.texts.append(b'9P2000.L')
    KEPT.append(sub)


# ---- the capture ----

def captured():
    """All of it: tcpdump has written what was sent last, in plain."""
    tcp = socket.create_connection(PLAIN.getsockname())
    tcp.sendall(CONTROL)
    path = TMP + '/wire.pcap'

    def whole():
        with open(path, 'rb') as f:
            return CONTROL in f.read()
    doors.wait_for(whole)
    os.kill(DUMP, signal.SIGTERM)
    doors.wait_for(lambda: 'dropped by kernel' in said())
    tap.ok('\n0 packets dropped by kernel' in said(), 'the capture has all packets', said())
    tcp.close()
    with open(path, 'rb') as f:
        raw = f.read()
    tap.ok(CONTROL in raw, 'plain TCP is in the capture')
    for mark in (MARK, b'9P2000.L'):
        tap.ok(mark not in raw, f'{mark.decode()} is not')
    return pcap.streams(pcap.segments(path))


def said():
    with open(TMP + '/tcpdump.log', encoding='ascii') as f:
        return f.read()


def judge(wire, stream):
    """Whole records and nothing else; with the keys, exactly what was taken."""
    assert stream.whole(), f'packets are missing, or {stream.odd}'
    recs = records(stream.bytes)
    assert sum(5 + len(body) for _, body in recs) == len(stream.bytes), bytes(stream.bytes)
    if not wire.half:
        assert {kind for kind, _ in recs} <= {CCS, ALERT, HANDSHAKE}, recs
        return
    opened = [wire.half.open(struct.pack('>BHH', kind, 0x303, len(body)) + body)
              for kind, body in recs]
    text = b''.join(t for kind, t in opened if kind == DATA)
    if wire.name == '9p':   # a header of its own around the name
        assert wire.texts[0] in text and len(text) < 40, text
    else:
        assert text == b''.join(wire.texts), (text, wire.texts)
    assert {kind for kind, _ in opened} <= {DATA, ALERT}


def on_the_wire():
    streams = captured()
    for flow, wire in Wire.all.items():
        tap.case(f'on the wire: {wire.name}')(lambda w=wire, f=flow: judge(w, streams[f]))
    tap.ok(len(Wire.all) > 12, 'so many connections', len(Wire.all))


PLAIN = socket.create_server(('127.0.0.1', 0))


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sysctl('tcp_migrate_req', 1)
    all_ways()
    refused_before('TCP_FASTOPEN_CONNECT', with_option(FASTOPEN_CONNECT), (errno.EOPNOTSUPP,))
    refused_before('a deferred connect()', deferred, (errno.EOPNOTSUPP,))
    refused_before('TCP_REPAIR', repaired, (errno.EOPNOTSUPP,))
    refused_before('in a sockmap', in_a_map, (errno.EOPNOTSUPP,))
    refused_before('MPTCP', lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP),
                   (errno.EOPNOTSUPP, errno.ENOPROTOOPT))
    for fn in (queued_before, lambda: migrates(True), lambda: migrates(False), cookies, fast_open,
               urgent, mapped_v4, multiplexor, file_system):
        fn()
    on_the_wire()
    tap.done()


main()
