#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""KSSL_ACCEPT: the program sees a connection when OpenSSL's client has finished its
handshake, and never those that are silent, fail, or leave."""
import errno
import json
import os
import resource
import select
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

PKI, ACCEPT, OPEN, LOBBY = TOP + '/build/pki/', 25, 3, 1024
CTX = ssl.create_default_context(cafile=PKI + 'ca.pem')


def listening(backlog=4096, family=socket.AF_INET):
    s = socket.create_server(('::1' if family == socket.AF_INET6 else '127.0.0.1', 0),
                             family=family, backlog=backlog)
    tap.attach(s)
    s.setsockopt(tap.SOL_KSSL, ACCEPT, 1)
    return s


def raw(listener):
    return socket.create_connection(listener.getsockname()[:2], timeout=30)


def visit(listener, seen=None):
    """A client that is done when it has its answer."""
    def run():
        with CTX.wrap_socket(raw(listener), server_hostname='localhost') as s:
            s.sendall(b'hello')
            out.append(tap.read_all(s, 5))
    out = [] if seen is None else seen
    t = threading.Thread(target=run)
    t.start()
    return t, out


def answer(conn):
    """TLS is up already: nothing has to wait for it."""
    assert tap.info(conn)['state'] == OPEN
    conn.settimeout(20)
    conn.sendall(conn.recv(5))
    conn.close()


def ended(sock):
    """The other side has closed or reset it."""
    try:
        return sock.recv(1 << 16) == b''
    except ConnectionResetError:
        return True


def sessions():
    out = subprocess.run([TOP + '/build/ksslctl', '--json', 'list'], check=True,
                         capture_output=True).stdout
    return json.loads(out)


def policy(ms):
    subprocess.run([TOP + '/build/ksslctl', 'policy', 'set', f'timeout-ms={ms}'], check=True)


def options():
    plain = socket.create_server(('127.0.0.1', 0))
    tap.attach(plain)
    assert plain.getsockopt(tap.SOL_KSSL, ACCEPT) == 0
    plain.setsockopt(tap.SOL_KSSL, ACCEPT, 0)
    assert tap.errno_of(plain.setsockopt, tap.SOL_KSSL, ACCEPT, 2) == errno.EINVAL
    plain.setsockopt(tap.SOL_KSSL, ACCEPT, 1)
    plain.setsockopt(tap.SOL_KSSL, ACCEPT, 1)
    assert plain.getsockopt(tap.SOL_KSSL, ACCEPT) == 1
    assert tap.errno_of(plain.setsockopt, tap.SOL_KSSL, ACCEPT, 0) == errno.EBUSY
    one, _ = tap.pair()
    tap.attach(one)
    assert tap.errno_of(one.setsockopt, tap.SOL_KSSL, ACCEPT, 1) == errno.EBUSY
    early = socket.socket()     # before listen()
    tap.attach(early)
    early.setsockopt(tap.SOL_KSSL, ACCEPT, 1)
    early.bind(('127.0.0.1', 0))
    early.listen()
    t, out = visit(early)
    answer(early.accept()[0])
    t.join()
    assert out == [b'hello']


def blocking():
    for family in (socket.AF_INET, socket.AF_INET6):
        s = listening(family=family)
        silent = [raw(s) for _ in range(20)]
        t, out = visit(s)
        conn, where = s.accept()
        assert conn.getpeername() == where
        answer(conn)
        t.join()
        assert out == [b'hello']
        for x in (s, *silent):
            x.close()


def queued():
    """Connections from before the option, and from before the listener was ours."""
    s = socket.create_server(('127.0.0.1', 0))
    first = visit(s)
    time.sleep(0.5)
    tap.attach(s)
    second = visit(s)
    time.sleep(0.5)
    s.setsockopt(tap.SOL_KSSL, ACCEPT, 1)
    for _ in range(2):
        answer(s.accept()[0])
    for t, out in (first, second):
        t.join()
        assert out == [b'hello']


def polling():
    s = listening()
    s.setblocking(False)
    ep = select.epoll()
    ep.register(s, select.EPOLLIN)
    assert ep.poll(0) == [] and tap.errno_of(s.accept) == errno.EAGAIN
    silent, junk = raw(s), raw(s)
    junk.sendall(b'GET / HTTP/1.0\r\n\r\n')
    assert ep.poll(1) == [] and tap.errno_of(s.accept) == errno.EAGAIN
    t, out = visit(s)
    assert ep.poll(20) == [(s.fileno(), select.EPOLLIN)]
    conn, _ = s.accept()
    assert tap.errno_of(s.accept) == errno.EAGAIN and ep.poll(0) == []
    conn.setblocking(True)
    answer(conn)
    t.join()
    assert out == [b'hello'] and junk.recv(7) == b'\x15\3\3\0\2\2\x0a'
    s.setblocking(True)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 0, 300000))
    start = time.monotonic()
    assert tap.errno_of(s.accept) == errno.EAGAIN and time.monotonic() - start > 0.25
    for x in (silent, junk, s):
        x.close()


def failing():
    """Who fails is closed while the program waits, in accept() as in poll()."""
    def wait():
        if ep:
            ep.poll(60)
        answer(s.accept()[0])
    for ep in (None, select.epoll()):
        s = listening()
        if ep:
            ep.register(s, select.EPOLLIN)
        server = threading.Thread(target=wait, daemon=True)
        server.start()
        junk = raw(s)
        junk.sendall(b'GET / HTTP/1.0\r\n\r\n')
        while not ended(junk):
            pass
        t, out = visit(s)
        t.join()
        server.join()
        assert out == [b'hello']
        s.close()


def interrupted():
    """A signal ends the wait."""
    s = listening()
    silent = raw(s)
    pid = os.fork()
    if not pid:
        signal.alarm(1)
        s.accept()
        os._exit(0)
    status = []

    def gone():
        done, how = os.waitpid(pid, os.WNOHANG)
        status.append(how)
        return done
    tap.until(gone, lambda: 'still in accept()')
    assert os.WTERMSIG(status[-1]) == signal.SIGALRM, status
    for x in (silent, s):
        x.close()


def threads():
    """Each connection to one of four."""
    s, done = listening(), []

    def serve():
        while True:
            try:
                conn, _ = s.accept()
            except OSError:
                return
            done.append(1)
            answer(conn)
    workers = [threading.Thread(target=serve) for _ in range(4)]
    for w in workers:
        w.start()
    out = []
    for v in [visit(s, out)[0] for _ in range(24)]:
        v.join()
    s.shutdown(socket.SHUT_RD)
    for w in workers:
        w.join()
    assert out == [b'hello'] * 24 and len(done) == 24, (out, done)


def time_is_up():
    policy(1500)
    s, before = listening(), tap.counters()
    silent = [raw(s) for _ in range(5)]
    s.settimeout(4)
    try:
        s.accept()
        raise AssertionError('a silent one came through')
    except TimeoutError:
        pass
    assert tap.counters()['HsTimeout'] == before['HsTimeout'] + 5
    s.setblocking(False)
    assert tap.errno_of(s.accept) == errno.EAGAIN   # drops them
    for x in silent:
        assert x.recv(1) == b''
    policy(20000)


class Slow:
    """A client that came in silent, has got the server's flight by now, and rests."""

    def __init__(self, listener):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = CTX.wrap_bio(self.incoming, self.outgoing, server_hostname='localhost')
        self.sock = raw(listener)
        listener.setblocking(False)
        assert tap.errno_of(listener.accept) == errno.EAGAIN
        listener.setblocking(True)
        while not self.step():
            self.sock.sendall(self.outgoing.read())
            self.incoming.write(self.sock.recv(65536))

    def step(self):
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def finish(self):
        self.tls.write(b'hello')
        self.sock.sendall(self.outgoing.read())

    def answer(self):
        while True:
            try:
                return self.tls.read(5)
            except ssl.SSLWantReadError:
                self.incoming.write(self.sock.recv(65536))


def crowd():
    """More silent ones than the lobby holds: the oldest go, who speaks comes in."""
    policy(60000)
    s, before = listening(), tap.counters()['AcceptSilent']
    slow = Slow(s)
    silent = [raw(s) for _ in range(LOBBY + 50)]
    t, out = visit(s)
    answer(s.accept()[0])
    t.join()
    assert out == [b'hello'] and tap.counters()['AcceptSilent'] >= before + 51
    assert silent[0].recv(1) == b''
    slow.finish()   # who has spoken may take his time
    s.settimeout(30)
    answer(s.accept()[0])
    assert slow.answer() == b'hello'
    policy(20000)
    s.close()
    for x in silent[-5:]:   # and all of them, when the listener is closed
        assert x.recv(1) == b''


def edge():
    """Edge-triggered: who takes all when he is told misses none."""
    s = listening()
    s.setblocking(False)
    ep = select.epoll()
    ep.register(s, select.EPOLLIN | select.EPOLLET)
    silent = [raw(s) for _ in range(10)]
    out, served = [], 0
    visitors = [visit(s, out)[0] for _ in range(20)]
    end = time.monotonic() + 60
    while served < 20:
        assert time.monotonic() < end, served
        for _ in ep.poll(20):
            try:
                while True:
                    answer(s.accept()[0])
                    served += 1
            except BlockingIOError:
                pass
    for v in visitors:
        v.join()
    assert out == [b'hello'] * 20, out
    for x in (s, *silent):
        x.close()


def row(conn):
    """uid and inode of a socket in /proc/net/tcp, by its two ports."""
    ports = [f'{p:04X}' for p in (conn.getsockname()[1], conn.getpeername()[1])]
    with open('/proc/net/tcp', encoding='ascii') as f:
        for line in f:
            w = line.split()
            if [w[1][-4:], w[2][-4:]] == ports:
                return int(w[7]), int(w[9])
    raise AssertionError('not in /proc/net/tcp')


def forked():
    """A child shares the listener; what it accepts is its own in every respect."""
    s = listening()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 7))
    t, out = visit(s)
    pid = os.fork()
    if not pid:
        code = 1
        try:
            os.setuid(1234)
            conn, _ = s.accept()
            assert row(conn) == (1234, os.fstat(conn.fileno()).st_ino), row(conn)
            assert conn.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == \
                struct.pack('ii', 1, 7)
            answer(conn)
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    t.join()
    assert out == [b'hello']
    t, out = visit(s)   # and the child's end was not the listener's
    answer(s.accept()[0])
    t.join()
    assert out == [b'hello']
    s.close()


def shared_port():
    """SO_REUSEPORT: each listener has its own lobby."""
    two = []
    port = 0
    for _ in range(2):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        s.bind(('127.0.0.1', port))
        tap.attach(s)
        s.setsockopt(tap.SOL_KSSL, ACCEPT, 1)
        s.listen(64)
        port = s.getsockname()[1]
        two.append(s)
    out, visitors, served = [], [], 0
    visitors = [visit(two[0], out)[0] for _ in range(16)]
    while served < 16:
        ready = select.select(two, [], [], 30)[0]
        assert ready, served
        for s in ready:
            answer(s.accept()[0])
            served += 1
    for v in visitors:
        v.join()
    assert out == [b'hello'] * 16, out
    for s in two:
        s.close()


def after_shutdown():
    """Nobody will accept them: they are closed, as TCP does with its queue."""
    s = listening()
    s.setblocking(False)
    silent = [raw(s) for _ in range(5)]
    assert tap.errno_of(s.accept) == errno.EAGAIN
    waiter = socket.socket(fileno=os.dup(s.fileno()))
    waiter.setblocking(True)
    said = []
    t = threading.Thread(target=lambda: said.append(tap.errno_of(waiter.accept)))
    t.start()
    time.sleep(0.5)
    s.shutdown(socket.SHUT_RD)
    t.join()
    assert said == [errno.EINVAL], said
    for x in silent:
        assert x.recv(1) == b''
    assert tap.errno_of(s.connect, ('127.0.0.1', 1)) == errno.EOPNOTSUPP
    assert tap.errno_of(s.accept) == errno.EINVAL
    s.listen()
    t, out = visit(s)
    waiter.setblocking(True)
    answer(waiter.accept()[0])
    t.join()
    assert out == [b'hello']
    for x in (waiter, s, *silent):
        x.close()


def hello():
    """A ClientHello, from OpenSSL."""
    out = ssl.MemoryBIO()
    tls = CTX.wrap_bio(ssl.MemoryBIO(), out, server_hostname='localhost')
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def closed_midway():
    """The listener is closed while handshakes run, in every state there is."""
    first = hello()
    for delay in (0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3):
        s = listening()
        peers = [raw(s) for _ in range(40)]
        for n, x in enumerate(peers):
            x.sendall(first[:(0, 3, len(first), len(first))[n % 4]])
        s.setblocking(False)
        assert tap.errno_of(s.accept) == errno.EAGAIN
        time.sleep(delay)
        s.close()
        for x in peers:
            while not ended(x):
                pass
            x.close()
    tap.until(lambda: not sessions(), sessions)


def crowd_and_threads():
    """Four threads accept while silent peers fill the lobby again and again, so that one
    drops who has hardly come in by another."""
    s, before = listening(), tap.counters()['AcceptSilent']
    stop, out, done = [], [], []

    def serve():
        while not stop:
            try:
                conn, _ = s.accept()
            except BlockingIOError:
                continue
            done.append(1)
            answer(conn)

    def crowd_in():
        mine = []
        for _ in range(150):
            mine.append(raw(s))
            if len(mine) > 60:      # some leave by themselves
                mine.pop(0).close()
        held.extend(mine)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 0, 500000))
    held = [raw(s) for _ in range(LOBBY - 30)]
    crowds = [threading.Thread(target=crowd_in) for _ in range(4)]
    servers = [threading.Thread(target=serve) for _ in range(4)]
    for t in servers + crowds:
        t.start()
    visitors = [visit(s, out)[0] for _ in range(12)]
    for t in visitors + crowds:
        t.join()
    tap.until(lambda: tap.counters()['AcceptSilent'] > before, tap.counters)
    stop.append(1)
    for t in servers:
        t.join()
    assert out == [b'hello'] * 12 and len(done) == 12, (out, done)
    s.close()
    for x in held:
        assert ended(x)
        x.close()


def time_limit():
    """Without KSSL_ACCEPT: SO_SNDTIMEO is the limit of the handshake and the send together."""
    s = socket.create_server(('127.0.0.1', 0))
    tap.attach(s)
    client = raw(s)
    conn, _ = s.accept()
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack('ll', 4, 0))

    def late():
        time.sleep(2)
        tls.append(CTX.wrap_socket(client, server_hostname='localhost'))
    tls = []
    t = threading.Thread(target=late)
    start = time.monotonic()
    t.start()
    sent = conn.send(bytes(1 << 26))    # the client reads nothing
    took = time.monotonic() - start
    t.join()
    assert 0 < sent < 1 << 26 and 3.5 < took < 5.5, (sent, took)
    for x in (*tls, conn, s):
        x.close()


resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
for fn in (options, blocking, queued, polling, edge, failing, interrupted, threads, forked,
           shared_port, after_shutdown, closed_midway, time_is_up, time_limit, crowd,
           crowd_and_threads):
    tap.case(fn.__name__)(fn)
tap.done()
