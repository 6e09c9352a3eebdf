#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Two things that break the hand-over of a handshake: the client's first data in
the same segment as its Finished, 1,000 times; and 200 connections at once."""
import multiprocessing
import os
import select
import socket
import ssl
import sys
import threading

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402

CTX = ssl.create_default_context(cafile=TOP + '/build/pki/ca.pem')
CTX.minimum_version = ssl.TLSVersion.TLSv1_3
LISTENER = socket.create_server(('127.0.0.1', 0), backlog=256)


def serve():
    tap.attach(LISTENER)
    LISTENER.setblocking(False)
    ep = select.epoll()
    ep.register(LISTENER, select.EPOLLIN)
    conns = {}
    while True:
        for fd, _ in ep.poll():
            if fd == LISTENER.fileno():
                conn, _ = LISTENER.accept()
                conn.setblocking(False)
                conns[conn.fileno()] = conn
                ep.register(conn, select.EPOLLIN)
                continue
            try:
                data = conns[fd].recv(65536)
                if data:
                    conns[fd].sendall(data)
            except BlockingIOError:
                continue
            except OSError as e:
                print(f'# server: {e} {tap.error(conns[fd])}', flush=True)
                data = b''
            if not data:
                ep.unregister(fd)
                conns.pop(fd).close()


class Client:
    """OpenSSL on memory buffers, so that we choose what shares a segment."""

    def __init__(self):
        self.sock = socket.create_connection(LISTENER.getsockname(), timeout=60)
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = CTX.wrap_bio(self.into, self.out, server_hostname='ec.test')

    def step(self, fn, *args):
        while True:
            try:
                return fn(*args)
            except ssl.SSLWantReadError:
                self.flush()
                data = self.sock.recv(65536)
                if not data:
                    raise EOFError from None
                self.into.write(data)

    def flush(self):
        self.sock.sendall(self.out.read())

    def close(self):
        """close_notify, as a client should."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.flush()
        self.sock.close()

    def one(self, data):
        self.step(self.tls.do_handshake)
        self.tls.write(data)    # Finished is still in the buffer
        self.flush()
        return self.echo(data)

    def echo(self, data):
        got = b''
        while len(got) < len(data):
            got += self.step(self.tls.read, 65536)
        return got == data


def flights_of(who):
    """A part of them, in a process of its own: how many were lost."""
    lost = 0
    for i in range(250):
        c = Client()
        if not c.one(b'request %d of %d' % (i, who)):
            lost += 1
        c.close()
    return lost


def flights():
    with POOL:
        lost = POOL.map(flights_of, range(4), 1)
    tap.is_(lost, [0] * 4, 'first data with Finished, 1,000 times, none lost')


def parallel():
    good = []

    def run(i):
        c = Client()
        done = c.one(b'%d' % i)
        gate.wait(120)
        data = os.urandom(20000)
        c.tls.write(data)
        c.flush()
        if done and c.echo(data):
            good.append(i)
        c.close()

    gate = threading.Barrier(200)
    threads = [threading.Thread(target=run, args=(i,)) for i in range(200)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    tap.is_(len(good), 200, '200 connections in parallel, tickets on')


POOL = multiprocessing.Pool(2)      # before there are threads
threading.Thread(target=serve, daemon=True).start()
flights()
parallel()
tap.done()
