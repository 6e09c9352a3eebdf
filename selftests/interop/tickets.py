#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A server's tickets, with OpenSSL's clients: both versions, keys that rotate, keys
that two daemons share by a file, certificates and trust that end; early data refused."""
import datetime
import os
import re
import select
import socket
import ssl
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402
from cryptography.hazmat.primitives import hashes, hmac  # noqa: E402
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: E402
from kssld import Daemon  # noqa: E402
from pki import CLIENT, NOW, Pair  # noqa: E402

PKI = TOP + '/build/pki/'
TMP = sys.argv[1]
CONF, KEYS = TMP + '/conf', TMP + '/ticket.keys'


def conf(*server, trust=PKI + 'ca.pem'):
    with open(CONF, 'w', encoding='ascii') as f:
        f.write('\n'.join((
            '[server]', *server, '[global]', 'workers = 2', '[trust]', 'system = no',
            f'file = {trust}', '[identity www]', f'cert = {PKI}rsa.pem', f'key = {PKI}rsa.key',
            'names = localhost', '[identity auth]', 'names = server.test', 'client-auth = require',
            f'client-trust = {trust}',
            f'cert = {PKI}ec.pem', f'key = {PKI}ec.key', '')))


def write_keys(*keys, mode=0o600):
    with open(os.open(KEYS + '.new', os.O_CREAT | os.O_WRONLY | os.O_TRUNC, mode), 'wb') as f:
        f.write(b''.join(keys))
    os.chmod(KEYS + '.new', mode)
    os.rename(KEYS + '.new', KEYS)


def start(*server):
    conf(*server)
    return Daemon(CONF, TMP + '/log')


def reload(*server, **how):
    conf(*server, **how)
    daemon.reload()


def serve(sock):
    """An echo that says before it whether the session is a resumed one."""
    def one(conn):
        try:
            for data in iter(lambda: conn.recv(4096), b''):
                conn.sendall(b'%d' % tap.info(conn)['resumed'] + data)
        except OSError:
            pass
        conn.close()
    while True:
        threading.Thread(target=one, args=(sock.accept()[0],), daemon=True).start()


def context(version=ssl.TLSVersion.TLSv1_3, cert=None):
    ctx = ssl.create_default_context(cafile=PKI + 'ca.pem')
    ctx.minimum_version = ctx.maximum_version = version
    if cert:
        ctx.load_cert_chain(cert + '.pem', cert + '.key')
    return ctx


def visit(ctx, session=None, name='localhost'):
    """Whether both ends say "resumed", and the newest ticket."""
    with ctx.wrap_socket(socket.create_connection(ADDRESS, timeout=30), server_hostname=name,
                         session=session) as s:
        s.sendall(b'more')
        said = tap.read_all(s, 5)
        assert said == b'%dmore' % s.session_reused, (said, s.session_reused)
        reused, ticket = s.session_reused, s.session
        s.unwrap().close()
        return bool(reused), ticket


V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def again():
    """And a counter says how many."""
    for version in (V12, V13):
        ctx, before = context(version), tap.counters()['HsResumed']
        first, ticket = visit(ctx)
        second, ticket = visit(ctx, ticket)
        third, _ = visit(ctx, ticket)
        assert (first, second, third) == (False, True, True), version
        assert tap.counters()['HsResumed'] - before == 2


def once():
    """Each ticket brings the next one (RFC 8446, C.4): none is used twice."""
    ctx, seen = context(), set()
    reused, ticket = visit(ctx)
    assert not reused
    for i in range(5):
        assert ticket.id not in seen, f'no new ticket after {i} resumed connections'
        seen.add(ticket.id)
        reused, ticket = visit(ctx, ticket)
        assert reused, i
    made = TMP + '/made-%d'
    client('%s:%d' % ADDRESS, b'', 'New Session Ticket arrived', '-sess_out', made % 0)
    for i in range(3):
        out = client('%s:%d' % ADDRESS, b'more', '1more', '-sess_in', made % i, '-sess_out',
                     made % (i + 1))
        assert '\nReused, TLSv1.3' in out and out.count('New Session Ticket arrived') == 1, out
        assert os.path.exists(made % (i + 1))


def tools():
    out = subprocess.run(['openssl', 's_client', '-connect', '%s:%d' % ADDRESS, '-reconnect',
                          '-tls1_2', '-CAfile', PKI + 'ca.pem'], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, timeout=60, check=False).stdout
    kinds = re.findall('^(New|Reused), TLS', out, re.M)
    assert kinds == ['New'] + ['Reused'] * 5, kinds
    out = subprocess.run(['gnutls-cli', '127.0.0.1', '-p', str(ADDRESS[1]), '--resume',
                          '--x509cafile', PKI + 'ca.pem'], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, timeout=60, check=False).stdout
    assert '*** This is a resumed session' in out, out


def ticket_of(options=()):
    """A ticket's bytes, by s_client and sess_id."""
    subprocess.run(['openssl', 's_client', '-connect', '%s:%d' % ADDRESS, '-tls1_2', '-sess_out',
                    TMP + '/session', *options], stdin=subprocess.DEVNULL, capture_output=True,
                   timeout=60, check=True)
    out = subprocess.run(['openssl', 'sess_id', '-in', TMP + '/session', '-text', '-noout'],
                         capture_output=True, text=True, check=True).stdout
    dump = out.split('TLS session ticket:\n')[1].split('\n\n')[0]
    return b''.join(bytes.fromhex(re.sub('[ -]', '', line[11:59]))
                    for line in dump.splitlines() if re.match(' *[0-9a-f]{4} - ', line))


def opens(ticket, key):
    """As RFC 5077, 4 lays a ticket out, with a key as nginx's manual does."""
    name, mac, aes = key[:16], key[16:48], key[48:]
    if ticket[:16] != name:
        return False
    h = hmac.HMAC(mac, hashes.SHA256())
    h.update(ticket[:-32])
    h.verify(ticket[-32:])
    d = Cipher(algorithms.AES(aes), modes.CBC(ticket[16:32])).decryptor()
    return (d.update(ticket[32:-32]) + d.finalize()).startswith(b'\x30')


def shared():
    """The second daemon has never seen the session; and one without the file cannot."""
    global daemon
    keys = [os.urandom(80) for _ in range(3)]
    write_keys(keys[0])
    reload(f'ticket-keys = {KEYS}')
    ctxs = [context(v) for v in (V12, V13)]
    tickets = [visit(c)[1] for c in ctxs]
    assert opens(ticket_of(), keys[0]) and not opens(ticket_of(), keys[1])
    daemon.stop()
    daemon = start(f'ticket-keys = {KEYS}')
    assert all(visit(c, t)[0] for c, t in zip(ctxs, tickets)), 'another daemon'
    write_keys(keys[1], keys[0])
    reload(f'ticket-keys = {KEYS}')
    again_ = [visit(c, t) for c, t in zip(ctxs, tickets)]
    assert all(r for r, _ in again_), 'the second key still decrypts'
    assert opens(ticket_of(), keys[1]), 'and the first encrypts'
    write_keys(keys[2], keys[1])
    reload(f'ticket-keys = {KEYS}')
    assert not any(visit(c, t)[0] for c, t in zip(ctxs, tickets)), 'the key is gone'
    assert all(visit(c, t)[0] for c, (_, t) in zip(ctxs, again_)), 'it was renewed'
    for secret in keys:
        assert secret[16:].hex() not in daemon.said()
    daemon.stop()
    daemon = start()
    assert not any(visit(c, t)[0] for c, (_, t) in zip(ctxs, again_)), 'a daemon of its own'


def bad_keys():
    good = os.urandom(80)
    for keys, mode, want in (((good[1:],), 0o600, 'no multiple of 80'), ((), 0o600, 'no multiple'),
                             ((good,) * 9, 0o600, 'more than 8'), ((good,), 0o644, 'others')):
        write_keys(*keys, mode=mode)
        conf(f'ticket-keys = {KEYS}')
        p = subprocess.run([TOP + '/build/kssld', '-t', '-c', CONF], capture_output=True,
                           text=True, check=False)
        assert p.returncode == 1 and f'conf:2: {KEYS}: ' in p.stderr and want in p.stderr, p
    write_keys(*(good,) * 8)
    p = subprocess.run([TOP + '/build/kssld', '-t', '-c', CONF], check=False, capture_output=True)
    assert p.returncode == 0, p


def rotation():
    """Our own keys: they outlive a reload, but not their time."""
    ctxs = [context(v) for v in (V12, V13)]
    tickets = [visit(c)[1] for c in ctxs]
    reload()
    assert all(visit(c, t)[0] for c, t in zip(ctxs, tickets)), 'a reload keeps them'
    reload('ticket-lifetime = 3')
    names = {ticket_of()[:16]}
    end = time.time() + 60
    while len(names) < 3:
        assert time.time() < end, names
        names.add(ticket_of()[:16])
    assert not any(visit(c, t)[0] for c, t in zip(ctxs, tickets)), 'that key is gone'
    reload()


def switched_off():
    reload('tickets = no')
    for version in (V12, V13):
        ctx = context(version)
        _, session = visit(ctx)
        assert not session.has_ticket and not visit(ctx, session)[0], version
    reload()


def people():
    """A client's certificate, and who may have issued it."""
    for version in (V12, V13):
        ctx = context(version, PKI + 'client')
        first, ticket = visit(ctx, name='server.test')
        assert (first, visit(ctx, ticket, 'server.test')[0]) == (False, True)
        with open(PKI + 'otherca.pem', encoding='ascii') as f, \
                open(PKI + 'ca.pem', encoding='ascii') as g, \
                open(TMP + '/both.pem', 'w', encoding='ascii') as to:
            to.write(f.read() + g.read())
        reload(trust=TMP + '/both.pem')
        assert not visit(ctx, ticket, 'server.test')[0], 'trust has changed'
        reload()
        assert visit(ctx, ticket, 'server.test')[0], 'and is as before'


def expired():
    """A ticket does not outlive the certificate of the client."""
    ca = Pair('test ca')
    ca.write(TMP + '/pki/ca')
    born = time.time()
    since = datetime.datetime.utcnow() - NOW
    Pair('soon', ca, CLIENT, days=(-1, (since.total_seconds() + SOON) / 86400)).write(
        TMP + '/pki/soon')
    reload(trust=TMP + '/pki/ca.pem')
    ctxs = [context(v, TMP + '/pki/soon') for v in (V12, V13)]
    tickets = [visit(c, name='server.test')[1] for c in ctxs]
    assert all(visit(c, t, 'server.test')[0] for c, t in zip(ctxs, tickets))
    time.sleep(max(0, born + SOON + 2 - time.time()))
    for c, t in zip(ctxs, tickets):
        try:
            visit(c, t, 'server.test')
            raise AssertionError('resumed')
        except (ssl.SSLError, ConnectionResetError) as e:
            assert 'EXPIRED' in str(e) or isinstance(e, ConnectionResetError), e
    daemon.wait('certificate has expired', 2)
    reload()


def a_day():
    """However often a session is resumed, it ends a day after the handshake with certificates."""
    reload('ticket-lifetime = 86400')
    ctx, start = context(), time.time()
    try:
        for hours, wanted in ((0, False), (13, True), (23, True), (25, False)):
            time.clock_settime(time.CLOCK_REALTIME, start + hours * 3600)
            reused, ticket = visit(ctx, ticket if hours else None)
            assert reused == wanted, f'after {hours} hours'
    finally:
        time.clock_settime(time.CLOCK_REALTIME, start)
        reload()


def early():
    """A session that allows early data comes from another server; what is sent early is
    skipped, and the handshake goes on."""
    port = 9555
    with open(TMP + '/early', 'wb') as f:
        f.write(b'EARLY' * 100)
    with subprocess.Popen(['openssl', 's_server', '-port', str(port), '-cert', PKI + 'rsa.pem',
                           '-key', PKI + 'rsa.key', '-tls1_3', '-early_data', '-quiet'],
                          stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as server:
        end = time.time() + 20
        while not os.path.exists(TMP + '/early.session'):
            assert time.time() < end
            client(f'127.0.0.1:{port}', b'', 'New Session Ticket arrived', '-sess_out',
                   TMP + '/early.session')
        server.kill()
    out = client('%s:%d' % ADDRESS, b'late', '0late', '-sess_in', TMP + '/early.session',
                 '-early_data', TMP + '/early')
    assert 'Early data was rejected' in out and '\nNew, TLSv1.3' in out, out
    assert '0late' in out and 'EARLY' not in out, out


def client(to, data, want, *options):
    """s_client, until it shows what is wanted, ends, or 20 seconds are over."""
    with subprocess.Popen(['openssl', 's_client', '-connect', to, '-tls1_3', *options],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as p:
        p.stdin.write(data)
        p.stdin.flush()
        out, end = b'', time.time() + 20
        while want.encode() not in out and time.time() < end:
            if select.select([p.stdout], [], [], 1)[0]:
                part = os.read(p.stdout.fileno(), 65536)
                if not part:
                    break
                out += part
        p.stdin.close()
        return (out + p.stdout.read()).decode(errors='replace')


SOON = 15 * int(os.environ.get('SLOW', '1'))
daemon = start()
listener = socket.create_server(('127.0.0.1', 0), backlog=64)
tap.attach(listener)
ADDRESS = listener.getsockname()
threading.Thread(target=serve, args=(listener,), daemon=True).start()
tap.case('again, both versions')(again)
tap.case('each ticket once')(once)
tap.case('s_client -reconnect, gnutls-cli --resume')(tools)
tap.case('for a day, however often')(a_day)
tap.case('two daemons, one file of keys; its rotation')(shared)
tap.case('bad files of keys')(bad_keys)
tap.case('keys of our own')(rotation)
tap.case('switched off')(switched_off)
tap.case("a client's certificate; trust that changes")(people)
tap.case("a client's certificate that expires")(expired)
tap.case('early data')(early)
daemon.stop()
tap.done()
