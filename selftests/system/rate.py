#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Who asks too often, or fails too often, is refused; who comes from elsewhere is not.
Four handshakes at once are allowed, then one a second; two may fail in a minute."""
import errno
import os
import socket
import ssl
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402

PKI = TOP + '/build/pki/'
listener = socket.create_server(('127.0.0.1', 0), backlog=64)
tap.attach(listener)
seen = []


def serve():
    def one(conn):
        try:
            conn.sendall(conn.recv(100))
            conn.recv(1)
        except OSError as e:
            seen.append((e.errno, tap.error(conn)['text']))
        conn.close()
    while True:
        threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()


def raw(source):
    return socket.create_connection(listener.getsockname(), timeout=30, source_address=(source, 0))


def echo(s):
    """And a clean end, so that the server has nothing to complain of."""
    s.sendall(b'hello')
    good = tap.read_all(s, 5) == b'hello'
    s.unwrap()
    return good


def visit(source):
    try:
        with ssl.create_default_context(cafile=PKI + 'ca.pem').wrap_socket(
                raw(source), server_hostname='localhost') as s:
            return echo(s)
    except OSError:
        return False


def fail(source):
    """No ClientHello."""
    with raw(source) as s:
        s.sendall(b'\x16\x03\x01\x00\x05junk!')
        try:
            while s.recv(100):
                pass
        except OSError:
            pass


def wait_seen(n):
    end = time.time() + 20
    while len(seen) < n:
        assert time.time() < end, seen
        time.sleep(0.05)


def often():
    """Eight at once, none of which begins before all are connected."""
    socks, done = [raw('127.0.0.2') for _ in range(8)], []

    def one(s):
        try:
            with ssl.create_default_context(cafile=PKI + 'ca.pem').wrap_socket(
                    s, server_hostname='localhost') as t:
                done.append(echo(t))
        except OSError:
            done.append(False)
    start = time.time()
    threads = [threading.Thread(target=one, args=(s,)) for s in socks]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    most = 4 + int(time.time() - start) + 1
    assert 4 <= done.count(True) <= most, (done, most)
    bad = done.count(False)
    wait_seen(bad)
    assert seen == [(errno.ECONNREFUSED, 'too many handshakes from this address')] * bad, seen
    assert bad and visit('127.0.0.3'), 'another address'
    time.sleep(1.5)
    assert visit('127.0.0.2'), 'and later'


def failing():
    seen.clear()
    for n in range(2):
        fail('127.0.0.4')
        wait_seen(n + 1)
    assert not visit('127.0.0.4')
    wait_seen(3)
    assert seen[2] == (errno.ECONNREFUSED, 'too many failed handshakes from this address'), seen
    assert visit('127.0.0.5'), 'another address'


threading.Thread(target=serve, daemon=True).start()
tap.case('too many handshakes')(often)
tap.case('too many failures')(failing)
with open(sys.argv[1], encoding='ascii') as f:
    log = f.read()
tap.ok('with 127.0.0.2 port' in log and 'too many handshakes from this address' in log,
       'and the log says so', log)
tap.done()
