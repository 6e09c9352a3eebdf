#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Tracepoints through tracefs, against what was done and what OpenSSL at the other end
saw; the key log against the one that OpenSSL writes at the other end."""
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402
from kssld import Daemon  # noqa: E402

PKI = TOP + '/build/pki/'
TMP = sys.argv[1]
TRACE = '/sys/kernel/tracing/'
EVENTS = TRACE + 'events/kssl/'
MARK = b'SECRET TEXT THAT NO TRACE MAY SHOW'
# what an event may tell beside the common fields: numbers, and these alone
FIELDS = {'netns', 'session', 'server', 'from', 'to', 'version', 'suite', 'err', 'type', 'len', 'level',
          'description', 'generation'}


def write(path, text):
    with open(path, 'w', encoding='ascii') as f:
        f.write(text)


def read(path):
    with open(path, encoding='ascii', errors='replace') as f:
        return f.read()


class Traced:
    """What kssl's tracepoints say while it is open: (event, the rest) by session."""

    def __enter__(self):
        write(TRACE + 'trace', '')
        write(EVENTS + 'enable', '1')
        return self

    def __exit__(self, *_):
        write(EVENTS + 'enable', '0')

    def of(self, session):
        found = []
        for line in read(TRACE + 'trace').splitlines():
            m = re.search(r' kssl_(\w+): netns=(\d+) session=(\d+) (.*)$', line)
            if m and int(m[3]) == session:
                assert int(m[2]) == NETNS, line
                found.append((m[1], m[4]))
        return found

    def raw(self):
        return read(TRACE + 'trace')


def serve(listener, ours, ctx=None):
    conn = listener.accept()[0]
    try:
        if not ours:
            ctx = ctx or ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            ctx.load_cert_chain(PKI + 'rsa.pem', PKI + 'rsa.key')
            conn = ctx.wrap_socket(conn, server_side=True, suppress_ragged_eofs=False)
        for data in iter(lambda: conn.recv(65536), b''):
            conn.sendall(data)
        if not ours:
            conn.unwrap()
    except OSError:
        pass    # some are cut
    conn.close()


def connected(ours=False, start=True, ctx=None):
    """A kssl client of OpenSSL, or of kssl; and the thread that serves it."""
    listener = socket.create_server(('127.0.0.1', 0))
    if ours:
        tap.attach(listener)
    thread = threading.Thread(target=serve, args=(listener, ours, ctx), daemon=True)
    thread.start()
    s = socket.socket()
    s.settimeout(30)
    tap.attach(s)
    s.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'localhost')
    if start:
        s.connect(listener.getsockname())
    return s, thread


def echo(s, data):
    s.sendall(data)
    assert tap.read_all(s, len(data)) == data


def fields():
    """Nothing but known numbers: no pointer, no string, no array."""
    events = sorted(e for e in os.listdir(EVENTS) if os.path.isdir(EVENTS + e))
    assert events == sorted('kssl_' + e for e in (
        'alert_rx', 'alert_tx', 'record_rx', 'record_tx', 'rekey_rx', 'rekey_tx', 'state')), events
    for e in events:
        for line in read(f'{EVENTS}{e}/format').splitlines():
            m = re.search(r'field:(.*?)\s*(\w+)(\[\d+\])?;', line)
            if not m or m[2].startswith('common_'):
                continue
            assert m[2] in FIELDS and not m[3], line
            assert m[1] in ('u8', 'u16', 'u32', 'int'), line
        assert '%p' not in read(f'{EVENTS}{e}/format')


def life():
    """States, records with their lengths, rekeys of both sides, close_notify."""
    with Traced() as t:
        s, thread = connected()
        session = tap.info(s)['id']
        for n in (1, 1000, 16384):
            echo(s, (MARK * 500)[:n])
        s.setsockopt(tap.SOL_KSSL, tap.KEY_UPDATE, (1).to_bytes(4, 'little'))
        echo(s, MARK)
        s.setsockopt(tap.SOL_KSSL, tap.KEY_UPDATE, (0).to_bytes(4, 'little'))
        info = tap.info(s)
        s.shutdown(socket.SHUT_WR)
        assert s.recv(1) == b''
        thread.join(30)
        said, raw = t.of(session), t.raw()
    s.close()
    suite, version = info['suite'], info['version']
    states = [rest for e, rest in said if e == 'state']
    want = [('init', 'handshake'), ('handshake', 'open'), ('open', 'closed')]
    assert len(states) == 3, said
    for text, (a, b) in zip(states, want):
        assert text.startswith(f'client {a} -> {b} ') and text.endswith(' err=0'), text
    assert f'version=0x{version:04x} suite=0x{suite:04x}' in states[2], states
    sent = [rest for e, rest in said if e == 'record_tx']
    # close_notify's record came after info()
    assert len(sent) == info['txrecords'] + 1, (sent, info)
    data = [int(x.split('=')[1]) for x in sent if x.startswith('application_data')]
    assert sum(data) == info['txbytes'] == 1 + 1000 + 16384 + len(MARK), sent
    assert data[0] == 1 and len([x for x in sent if x == 'handshake len=5']) == 2, sent
    assert sent[-1] == 'alert len=2', sent
    got = [int(rest.split('=')[1]) for e, rest in said if e == 'record_rx' and rest.startswith('application_data')]
    assert sum(got) == info['rxbytes'] == sum(data), said
    assert [rest for e, rest in said if e == 'rekey_tx'] == [
        f'generation={i}' for i in range(1, info['txgen'] + 1)], said
    assert info['txgen'] == 2, info
    # OpenSSL answered the first, which asked for it
    assert [rest for e, rest in said if e == 'rekey_rx'] == ['generation=1'] and info['rxgen'] == 1, said
    for way in ('tx', 'rx'):
        assert ('alert_' + way, 'level=1 description=0') in said, said
    assert MARK[:8].decode() not in raw and MARK[:8].hex() not in raw


def parallel():
    """Records that all CPUs made, too."""
    was = read('/sys/module/kssl/parameters/parallel')
    write('/sys/module/kssl/parameters/parallel', '1')
    with Traced() as t:
        s, _ = connected()
        s.sendall(MARK * 3000)
        time.sleep(1)   # until all is here
        assert tap.read_all(s, len(MARK) * 3000) == MARK * 3000
        info, said = tap.info(s), t.of(tap.info(s)['id'])
    write('/sys/module/kssl/parameters/parallel', was)
    for way in ('tx', 'rx'):
        text = [int(rest.split('=')[1]) for e, rest in said
                if e == 'record_' + way and rest.startswith('application_data')]
        assert sum(text) == info[way + 'bytes'] == len(MARK) * 3000, (way, text, info)
    s.close()


def failures():
    """A fatal alert, sent and received, and the errno of the end."""
    with Traced() as t:
        s, _ = connected(ours=True)
        echo(s, b'hello')
        client = tap.info(s)['id']
        listed = subprocess.check_output([TOP + '/build/ksslctl', 'list'], text=True)
        server = int(re.search(r'^(\d+) +server open', listed, re.M)[1])
        subprocess.check_call([TOP + '/build/ksslctl', 'kill', str(server)])
        assert tap.errno_of(s.recv, 1) == 103
        mine, peers = t.of(client), t.of(server)
    assert ('alert_rx', 'level=2 description=80') in mine, mine
    assert ('alert_tx', 'level=2 description=80') in peers, peers
    assert any(e == 'state' and 'client open -> failed' in r and r.endswith('err=103') for e, r in mine), mine
    assert any(e == 'state' and 'server open -> failed' in r for e, r in peers), peers
    assert any(e == 'state' and 'init -> listen' in r for e, r in
               (m for i in range(1, server + 1) for m in t.of(i))), t.raw()
    s.close()


def handshake_fails():
    """A name that the certificate does not have."""
    with Traced() as t:
        s, _ = connected(start=False)
        s.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'other.test')
        session = tap.info(s)['id']
        listener = socket.create_server(('127.0.0.1', 0))
        threading.Thread(target=serve, args=(listener, False), daemon=True).start()
        assert tap.errno_of(s.connect, listener.getsockname()) == 129
        said = t.of(session)
    assert [r.split(' version')[0] for e, r in said if e == 'state'] == [
        'client init -> handshake', 'client handshake -> failed'], said
    assert said[-1][1].endswith('err=129'), said


def filtered():
    """The fields work in filters; and nothing is said when they are off."""
    write(EVENTS + 'kssl_record_tx/filter', 'len > 100 && type == 23')
    with Traced() as t:
        s, _ = connected()
        echo(s, b'x' * 50)
        echo(s, b'x' * 150)
        sent = [r for e, r in t.of(tap.info(s)['id']) if e == 'record_tx']
    write(EVENTS + 'kssl_record_tx/filter', '0')
    assert sent == ['application_data len=150'], sent
    write(TRACE + 'trace', '')
    echo(s, b'x' * 150)
    assert 'kssl_' not in read(TRACE + 'trace')
    s.close()


def lines(path):
    return {line for line in read(path).splitlines() if line and not line.startswith('#')}


def keylog():
    """The same lines as OpenSSL writes at the other end; and for the owner alone."""
    assert os.stat(TMP + '/keys').st_mode & 0o777 == 0o600
    assert 'WARNING: secrets of every session are written' in daemon.said()
    before = lines(TMP + '/keys')
    listener = socket.create_server(('127.0.0.1', 0))
    tap.attach(listener)
    threading.Thread(target=serve, args=(listener, True), daemon=True).start()
    for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
        ctx = ssl.create_default_context(cafile=PKI + 'ca.pem')
        ctx.maximum_version = version
        ctx.keylog_filename = TMP + '/theirs'
        with ctx.wrap_socket(socket.create_connection(listener.getsockname()),
                             server_hostname='localhost') as s:
            echo(s, b'hello')
        threading.Thread(target=serve, args=(listener, True), daemon=True).start()
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.maximum_version = version
        ctx.keylog_filename = TMP + '/theirs'
        s, _ = connected(ctx=ctx)
        echo(s, b'hello')
        s.close()
    theirs = lines(TMP + '/theirs')
    assert lines(TMP + '/keys') - before == theirs and len(theirs) == 12, (theirs, before)
    assert {line.split()[0] for line in theirs} == {
        'SERVER_HANDSHAKE_TRAFFIC_SECRET', 'CLIENT_HANDSHAKE_TRAFFIC_SECRET', 'EXPORTER_SECRET',
        'CLIENT_TRAFFIC_SECRET_0', 'SERVER_TRAFFIC_SECRET_0', 'CLIENT_RANDOM'}


def others_keylog():
    """A file of somebody else is not written to, one that others may read is closed to them."""
    size = os.path.getsize(TMP + '/keys')
    os.chown(TMP + '/keys', 65534, 65534)
    again = Daemon(TMP + '/conf', TMP + '/log2')
    assert 'cannot open the key log' in again.said(), again.said()
    connected()[0].close()
    again.stop()
    assert os.path.getsize(TMP + '/keys') == size
    os.chown(TMP + '/keys', 0, 0)
    os.chmod(TMP + '/keys', 0o644)
    again = Daemon(TMP + '/conf', TMP + '/log2')
    assert os.stat(TMP + '/keys').st_mode & 0o777 == 0o600
    again.stop()


with open(TMP + '/conf', 'w', encoding='ascii') as conf:
    conf.write('\n'.join(('[global]', 'workers = 1', f'keylog = {TMP}/keys', '[trust]', 'system = no',
                          f'file = {PKI}ca.pem', '[identity rsa]', f'cert = {PKI}rsa.pem',
                          f'key = {PKI}rsa.key', '')))
with open(TMP + '/keys', 'w', encoding='ascii'):
    os.chmod(TMP + '/keys', 0o644)
NETNS = os.stat('/proc/self/ns/net').st_ino
daemon = Daemon(TMP + '/conf', TMP + '/log')
tap.case('fields of the tracepoints: numbers that are known')(fields)
tap.case('a session from birth to end')(life)
tap.case('records of several CPUs')(parallel)
tap.case('fatal alerts')(failures)
tap.case('a handshake that fails')(handshake_fails)
tap.case('filters, and silence')(filtered)
tap.case('key log')(keylog)
daemon.stop()
tap.case('key log of somebody else')(others_keylog)
tap.done()
