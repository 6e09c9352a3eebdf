#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A header that is no record's, at every stage of a handshake: the alert that RFC 8446, 5
asks for, in clear or under the keys of that stage, which OpenSSL at the other end reads."""
import errno
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import tap  # noqa: E402
from kssld import Daemon  # noqa: E402
from memory import V12, V13, Clients, Memory, Server, finish, records, talk  # noqa: E402

CONF = sys.argv[1]
# header, alert, OpenSSL's name of it
HEADERS = {
    'unknown type': (b'\x63\3\3\0\1', 10, 'SSLV3_ALERT_UNEXPECTED_MESSAGE'),
    'heartbeat': (b'\x18\3\3\0\1', 10, 'SSLV3_ALERT_UNEXPECTED_MESSAGE'),
    'empty record': (b'\x16\3\3\0\0', 10, 'SSLV3_ALERT_UNEXPECTED_MESSAGE'),
    'too long': (b'\x16\3\3\xff\xff', 22, 'TLSV1_ALERT_RECORD_OVERFLOW'),
    'version 4.0': (b'\x16\4\0\0\1', 70, 'TLSV1_ALERT_PROTOCOL_VERSION'),
}


def refused(tcp, ours, m, kind):
    """What comes of a header; the alert comes in clear if there is no @m to read it."""
    header, alert, name = HEADERS[kind]
    before = tap.counters()['RxProtocol']
    tcp.sendall(header)
    err = tap.errno_of(ours.recv, 1)
    error = tap.error(ours)
    assert err == (errno.EMSGSIZE if alert == 22 else errno.EBADMSG), (os.strerror(err), error)
    assert error['sent'] == alert, error
    assert tap.counters()['RxProtocol'] == before + 1
    if m:
        told = m.told(tcp)
        assert told == name, told
    else:
        raw = tap.read_all(tcp, 7)
        assert raw == b'\x15\3\3\0\2\2' + bytes([alert]), raw
    tcp.settimeout(0.1)
    assert tap.errno_of(tcp.recv, 1) != 0, 'more than an alert'
    tcp.close()
    ours.close()


# ---- kssl is the server ----

def at_once(kind):
    refused(*server.born(), None, kind)


def after_half_a_hello(kind):
    """The daemon knows of it by now."""
    tcp, ours = server.born()
    m = Memory(False, V13)
    m.step()
    hello = m.take()
    tcp.sendall(b'\x16\3\1\0\x0a' + hello[5:15])
    refused(tcp, ours, None, kind)


def to_server(version, ccs, resumed=False):
    """Instead of the client's last flight, or of the Finished in it."""
    def run(kind):
        tcp, ours = server.born()
        m = Memory(False, version, **(session if resumed else {}))
        flight = talk(m, tcp)
        assert m.ssl.session_reused == resumed
        if ccs:
            tcp.sendall(b''.join(records(flight)[:-1]))
        # the server's change_cipher_spec has not come: it speaks in clear, and m listens
        refused(tcp, ours, m, kind)
    return run


def remember():
    """A session of TLS 1.2 to resume."""
    ctx = Memory.context(False, V12)
    tcp, ours = server.born()
    m = Memory(False, V12, ctx=ctx)
    tcp.sendall(talk(m, tcp))
    finish(m, tcp)
    session.update(ctx=ctx, session=m.ssl.session)
    tcp.close()
    ours.close()


# ---- kssl is the client ----

def before_hello(kind):
    tcp, ours = clients.born()
    assert tcp.recv(65536)
    refused(tcp, ours, None, kind)


def after_hello(version):
    """Behind ServerHello: the client speaks in clear until its own Finished."""
    def run(kind):
        tcp, ours = clients.born()
        m = Memory(True, version)
        m.step()
        m.give(tcp.recv(65536))
        tcp.sendall(records(m.take())[0])
        refused(tcp, ours, m, kind)
    return run


def to_client(ccs):
    """TLS 1.2: instead of the server's last flight, or of the Finished in it."""
    def run(kind):
        tcp, ours = clients.born()
        m = Memory(True, V12)
        flight = talk(m, tcp)
        if ccs:
            tcp.sendall(b''.join(records(flight)[:-1]))
        refused(tcp, ours, m, kind)
    return run


def to_client_resumed(ccs):
    """TLS 1.2: behind ServerHello, or behind change_cipher_spec."""
    ctx = Memory.context(True, V12)

    def run(kind):
        tcp, ours = clients.born()      # what it remembers is of another server, or used
        m = Memory(True, V12, ctx=ctx)
        tcp.sendall(talk(m, tcp))
        finish(m, tcp)
        ours.sendall(b'x')
        assert m.read(tcp, 1) == b'x' and not tap.info(ours)['resumed']
        ours.close()
        tcp.close()
        tcp, ours = clients.born()
        m = Memory(True, V12, ctx=ctx)
        flight = records(talk(m, tcp))
        assert m.ssl.session_reused
        tcp.sendall(b''.join(flight[:-1] if ccs else flight[:1]))
        refused(tcp, ours, m, kind)
    return run


STAGES = {
    'at once': at_once,
    'after half a ClientHello': after_half_a_hello,
    'for a last flight, TLS 1.3': to_server(V13, False),
    'for a Finished, TLS 1.3': to_server(V13, True),
    'for a last flight, TLS 1.2': to_server(V12, False),
    'for a Finished, TLS 1.2': to_server(V12, True),
    'for a last flight, TLS 1.2 resumed': to_server(V12, False, True),
    'for a Finished, TLS 1.2 resumed': to_server(V12, True, True),
    'for a ServerHello': before_hello,
    'behind ServerHello, TLS 1.3': after_hello(V13),
    'behind ServerHello, TLS 1.2': after_hello(V12),
    'for the last flight of a server, TLS 1.2': to_client(False),
    'for the Finished of a server, TLS 1.2': to_client(True),
    'behind ServerHello, TLS 1.2 resumed': to_client_resumed(False),
    'for the Finished of a server, TLS 1.2 resumed': to_client_resumed(True),
}
session = {}
daemon = Daemon(CONF, os.path.dirname(CONF) + '/log')
server, clients = Server(), Clients()
remember()
for stage, act in STAGES.items():
    for k in HEADERS:
        tap.case(f'{k} {stage}')(lambda k=k, act=act: act(k))
tap.case('kssld has lived through all of it')(daemon.stop)
tap.done()
