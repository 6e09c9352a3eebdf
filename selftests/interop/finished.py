#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Finished in many records, with more behind it in its record, and in one stretch with data
that TCP cuts anywhere: OpenSSL's, sealed again by peers/records.py, for either role and version."""
import errno
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import tap  # noqa: E402
from kssld import Daemon  # noqa: E402
from memory import V12, V13, Clients, Memory, Server, finish, records, talk  # noqa: E402

CONF = sys.argv[1]
STEP = 1 if os.environ.get('LONG') else 3
FINISHED = 20
DATA = b'0123456789'
ROLES = ((V12, 'server'), (V12, 'client'), (V13, 'server'), (V13, 'client'))


def begin(version, role, **how):
    """Both ends of a connection, OpenSSL at the plain one, and its last flight."""
    tcp, ours = (server if role == 'server' else clients).born()
    m = Memory(role == 'client', version, **how)
    return tcp, ours, m, talk(m, tcp)


def goes_on(tcp, ours, m, later=lambda raw: raw):
    """Data both ways."""
    m.ssl.write(b'request')
    tcp.sendall(later(m.take()))
    assert tap.read_all(ours, 7) == b'request'
    ours.sendall(b'answer')
    assert m.read(tcp, 6) == b'answer'


def close(*socks):
    for s in socks:
        s.close()


def in_pieces(version, role, size):
    tcp, ours, m, flight = begin(version, role)
    flight, later = m.recut(flight, lambda c: [c[i:i + size] for i in range(0, len(c), size)])
    tcp.sendall(flight)
    finish(m, tcp)
    goes_on(tcp, ours, m, later)
    close(tcp, ours)


def more_behind(version, role, more):
    tcp, ours, m, flight = begin(version, role)
    flight, _ = m.recut(flight, lambda c: [c + more if c[0] == FINISHED else c])
    tcp.sendall(flight)
    err = tap.errno_of(ours.recv, 1)
    assert (err, tap.error(ours)['sent']) == (errno.EBADMSG, 10), (err, tap.error(ours))
    told = m.told(tcp)
    assert told == 'SSLV3_ALERT_UNEXPECTED_MESSAGE', told
    close(tcp, ours)


# ---- with data, in one stretch that is cut somewhere ----

def data_of(m, early):
    """Data as @m would send them; early: before its turn."""
    if early:
        half = m.half()
        half.seq = int(m.version == V12)
        return half.seal(DATA)
    m.ssl.write(DATA)
    return m.take()


def stretch(version, role, early, how, cut):
    """A connection whose other end sends from Finished to its data in two pieces: how many
    places there are to cut."""
    tcp, ours, m, flight = begin(version, role, **how)
    data = data_of(m, early)
    tail = records(flight)[-1 if (version, role) == (V13, 'client') else -2:]
    tcp.sendall(flight[:-sum(map(len, tail))])
    raw = b''.join(tail) + data
    tcp.sendall(raw[:cut])
    time.sleep(0.002)
    tcp.sendall(raw[cut:])
    assert tap.read_all(ours, len(DATA)) == DATA
    ours.sendall(b'answer')
    finish(m, tcp)
    assert m.read(tcp, 6) == b'answer'
    session = m.ssl.session
    close(tcp, ours)
    return len(raw), session


def cut_anywhere(version, role, early=False, resumed=False):
    how = {}
    if resumed:
        ctx = Memory.context(False, version)
        tcp, ours, m, flight = begin(version, role, ctx=ctx)
        tcp.sendall(flight)
        finish(m, tcp)
        goes_on(tcp, ours, m)
        how = {'ctx': ctx, 'session': m.ssl.session}
        close(tcp, ours)
    size, _ = stretch(version, role, early, how, 0)
    for cut in range(1, size, STEP):
        try:
            stretch(version, role, early, how, cut)
        except Exception as e:
            raise AssertionError(f'{cut} bytes of {size}') from e


daemon = Daemon(CONF, os.path.dirname(CONF) + '/log')
server, clients = Server(), Clients()
for v, r in ROLES:
    for n in (1, 5, 15):
        tap.case(f'Finished in pieces of {n}, kssl is the {r}, {v.name}')(
            lambda v=v, r=r, n=n: in_pieces(v, r, n))
    for behind in (b'\0\0\0\0', b'\0', b'\x14\0\0\x0c' + bytes(12)):
        tap.case(f'{len(behind)} bytes behind Finished, kssl is the {r}, {v.name}')(
            lambda v=v, r=r, b=behind: more_behind(v, r, b))
tap.case('Finished and data, a client of TLS 1.3')(lambda: cut_anywhere(V13, 'server'))
tap.case('Finished and early data, a server of TLS 1.3')(
    lambda: cut_anywhere(V13, 'client', early=True))
tap.case('Finished and false start, a client of TLS 1.2')(
    lambda: cut_anywhere(V12, 'server', early=True))
tap.case('Finished and data, a client of TLS 1.2 that resumes')(
    lambda: cut_anywhere(V12, 'server', resumed=True))
tap.case('Finished and data, a server of TLS 1.2')(lambda: cut_anywhere(V12, 'client'))
tap.case('kssld has lived through all of it')(daemon.stop)
tap.done()
