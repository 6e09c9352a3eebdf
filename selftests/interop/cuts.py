#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""FIN and RST at every byte: of a record made by libcrypto, of what an OpenSSL
client sends in a handshake, of what an OpenSSL server does.  A cut stream is never
an end, never a connection, and costs nothing but itself."""
import errno
import os
import select
import socket
import ssl
import struct
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import tap  # noqa: E402
from kssld import Daemon  # noqa: E402
from records import Peer  # noqa: E402

CONF, PKI = sys.argv[1], sys.argv[2] + '/'
HOWS = ('FIN', 'RST')
VERSIONS = (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2)
LONG = bool(os.environ.get('LONG'))


def cuts(size, first):
    """All of them, or each eighth from the first on and those around the ends."""
    if LONG:
        return range(size)
    return sorted(set(range(first, size, 8)) | set(range(8)) | set(range(max(size - 8, 0), size)))


def first(version, how):
    """Others for each of the four ways."""
    return VERSIONS.index(version) + 2 * HOWS.index(how)


def leave(tcp, how):
    if how == 'RST':
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        tcp.close()
    else:
        tcp.shutdown(socket.SHUT_WR)


def finished(sock, wanted, write=errno.EPIPE):
    """Reading is over, for good, and says why; so is writing, unless @write is 0."""
    first = tap.errno_of(sock.recv, 1)
    assert first in wanted, f'recv: {first} {os.strerror(first)}'
    again = tap.errno_of(sock.recv, 1), tap.errno_of(sock.send, b'x', socket.MSG_NOSIGNAL)
    assert again == (first, write), again


# ---- a record ----

def record(suite, how):
    size = len(Peer(suite).out.seal(b'0123456789'))
    for cut in range(size):
        p = Peer(suite)
        p.send(b'whole')
        assert p.kssl.recv(100) == b'whole'
        p.tcp.sendall(p.out.seal(b'0123456789')[:cut])
        leave(p.tcp, how)
        try:
            finished(p.kssl, (errno.ECONNRESET,), 0 if how == 'FIN' else errno.EPIPE)
        except AssertionError as e:
            raise AssertionError(f'{cut} bytes of {size}') from e
        p.close()


# ---- before anything ----

def before_a_byte(attached):
    """A connection that was lost is not one that never was."""
    def run(asked):
        tcp, ours = listener.born() if attached == 'listening' else reversed(tap.pair())
        if attached != 'listening':
            tap.attach(ours)
        ours.settimeout(20)
        leave(tcp, 'RST')
        tap.until(lambda: select.select([ours], [], [], 0)[0], lambda: 'no RST')
        if asked:
            assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET
        finished(ours, (errno.ECONNRESET,))
        assert tap.error(ours)['err'] == errno.ECONNRESET
        ours.close()
    run(False)
    run(True)


def no_connection():
    """connect() that was refused: as on TCP it may be called again."""
    spare = socket.socket()
    spare.bind(('127.0.0.1', 0))
    ours = socket.socket()
    tap.attach(ours)
    ours.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'ec.test')
    assert tap.errno_of(ours.recv, 1) == errno.ENOTCONN
    assert tap.errno_of(ours.connect, spare.getsockname()) == errno.ECONNREFUSED
    assert tap.errno_of(ours.recv, 1) == errno.ENOTCONN
    spare.close()
    assert kssl_client(1 << 20, VERSIONS[0], 'FIN', ours)[0] == 0


# ---- a handshake ----

class Memory:
    """OpenSSL at one end, in memory."""

    def __init__(self, server, version):
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        ctx.maximum_version = self.version = version
        if server:
            ctx.load_cert_chain(PKI + 'ec.pem', PKI + 'ec.key')
        else:
            ctx.load_verify_locations(PKI + 'ca.pem')
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ssl = ctx.wrap_bio(self.into, self.out, server_side=server,
                                server_hostname=None if server else 'ec.test')

    def step(self):
        """Whether it is done."""
        try:
            self.ssl.do_handshake()
            return True
        except ssl.SSLWantReadError:
            return False


def talk(memory, tcp, cut):
    """The handshake until so many bytes are sent.  Returns how many there were, and how
    many the other end needs at least, as a signature is not always as long."""
    sent = made = flight = 0
    while True:
        done = memory.step()
        data = memory.out.read()
        flight = flight or len(data)
        made += len(data)
        tcp.sendall(data[:cut - sent])
        sent += min(len(data), cut - sent)
        if done or sent >= cut:
            needs = flight if memory.version == ssl.TLSVersion.TLSv1_3 else made if done else 1 << 20
            return sent, needs
        got = tcp.recv(65536)
        assert got, 'the other end has left'
        memory.into.write(got)


class Listener:
    def __init__(self):
        self.sock = socket.create_server(('127.0.0.1', 0), backlog=64)
        tap.attach(self.sock)

    def born(self):
        tcp = socket.create_connection(self.sock.getsockname(), timeout=20)
        ours, _ = self.sock.accept()
        ours.settimeout(20)
        return tcp, ours


def whole_client(version):
    tcp, ours = listener.born()
    size, _ = talk(Memory(False, version), tcp, 1 << 20)
    tcp.close()
    ours.close()
    return size


def client_cut(version, how):
    """A client that leaves; the server is kssl."""
    size = whole_client(version)
    for cut in cuts(size + 1, first(version, how)):
        tcp, ours = listener.born()
        talk(Memory(False, version), tcp, cut)
        leave(tcp, how)
        try:
            # behind a whole handshake a FIN leaves writing as it was
            finished(ours, (errno.ECONNRESET,),
                     0 if how == 'FIN' and cut == size else errno.EPIPE)
        except AssertionError as e:
            raise AssertionError(f'{cut} bytes of {size}') from e
        ours.close()
        tcp.close()


def kssl_client(cut, version, how, ours=None):
    """A server that leaves; the client is kssl: what connect() says, what talk() does."""
    plain = socket.create_server(('127.0.0.1', 0))
    sizes = []

    def serve():
        tcp, _ = plain.accept()
        tcp.settimeout(20)
        sizes.extend(talk(Memory(True, version), tcp, cut))
        if cut == 1 << 20:
            tcp.recv(1)
        else:
            leave(tcp, how)
            while how == 'FIN' and not tap.errno_of(lambda: tcp.recv(65536) or 1 / 0):
                pass
        tcp.close()

    thread = threading.Thread(target=swallow, args=(serve,))
    thread.start()
    if not ours:
        ours = socket.socket()
        tap.attach(ours)
        ours.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'ec.test')
    err = tap.errno_of(ours.connect, plain.getsockname())
    if err:
        finished(ours, (err,))
    ours.close()
    thread.join()
    plain.close()
    return err, sizes


def swallow(fn):
    try:
        fn()
    except (OSError, AssertionError, ZeroDivisionError):
        pass


def server_cut(version, how):
    err, (size, _) = kssl_client(1 << 20, version, how)
    assert not err, os.strerror(err)
    if version == ssl.TLSVersion.TLSv1_3:
        size -= tickets()       # connect() does not wait for them
    for cut in cuts(size, first(version, how)):
        err, (sent, needs) = kssl_client(cut, version, how)
        if sent >= needs:
            continue
        assert err == errno.ECONNRESET, f'{cut} bytes of {size}: {err} {os.strerror(err)}'


def tickets():
    """How many bytes OpenSSL sends behind its Finished."""
    client = Memory(False, ssl.TLSVersion.TLSv1_3)
    server = Memory(True, ssl.TLSVersion.TLSv1_3)
    client.step()
    server.into.write(client.out.read())
    server.step()
    client.into.write(server.out.read())
    assert client.step()
    server.into.write(client.out.read())
    assert server.step()
    return len(server.out.read())


def main():
    global listener     # pylint: disable=global-statement
    for suite in (0x1301, 0x1303, 0xc02f):
        for how in HOWS:
            tap.case(f'{how} at every byte of a record, {suite:#x}')(
                lambda s=suite, h=how: record(s, h))
    daemon = Daemon(CONF, os.path.dirname(CONF) + '/log')
    listener = Listener()
    for attached in ('listening', 'connected'):
        tap.case(f'RST before a byte, attached when {attached}')(
            lambda a=attached: before_a_byte(a))
    tap.case('a connect() that was refused')(no_connection)
    for version in VERSIONS:
        for how in HOWS:
            tap.case(f'{how} at the bytes of a client, {version.name}')(
                lambda v=version, h=how: client_cut(v, h))
            tap.case(f'{how} at the bytes of a server, {version.name}')(
                lambda v=version, h=how: server_cut(v, h))
    tap.case('a handshake that nobody cuts')(lambda: whole_client(VERSIONS[0]))
    tap.is_(kssl_client(1 << 20, VERSIONS[0], 'FIN')[0], 0, 'nor here')
    listener.sock.close()
    tap.case('kssld has lived through all of it')(daemon.stop)
    tap.done()


main()
