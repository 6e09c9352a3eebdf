#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Client certificates: who is refused, with which errno and which alert, at both
ends; what a server may know of its client.

    kssl server  <- OpenSSL (Python's ssl, s_client), gnutls-cli, kssl
    kssl client  -> OpenSSL (Python's ssl), gnutls-serv, kssl

usage: clientauth.py PKI all|known|strict|stale|unchecked|lenient
"""
import errno
import hashlib
import os
import queue
import socket
import ssl
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402

PKI = sys.argv[1] + '/'
K = tap.SOL_KSSL
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
VERSIONS = {V12: '1.2', V13: '1.3'}
NONE, REQUEST, REQUIRE = 1, 2, 3        # enum kssl_peer_auth

# certificate: errno, alert in TLS 1.2 and 1.3, X509_V_ERR_*
REFUSED = {
    '': (errno.EKEYREJECTED, 40, 116, 0),
    'expired': (errno.EKEYEXPIRED, 45, 45, 10),
    'early': (errno.EKEYEXPIRED, 42, 42, 9),
    'stranger': (errno.EKEYREJECTED, 48, 48, 20),
    'wrong': (errno.EKEYREJECTED, 43, 43, 26),
    'unfit': (errno.EKEYREJECTED, 43, 43, 26),
    'revoked': (errno.EKEYREVOKED, 44, 44, 23),
}
REASONS = {     # alert: what Python's ssl calls it when it is received
    40: 'SSLV3_ALERT_HANDSHAKE_FAILURE', 42: 'SSLV3_ALERT_BAD_CERTIFICATE',
    43: 'SSLV3_ALERT_UNSUPPORTED_CERTIFICATE', 44: 'SSLV3_ALERT_CERTIFICATE_REVOKED',
    45: 'SSLV3_ALERT_CERTIFICATE_EXPIRED', 48: 'TLSV1_ALERT_UNKNOWN_CA',
    116: 'TLSV13_ALERT_CERTIFICATE_REQUIRED'}


def der(name):
    with open(PKI + name + '.pem', encoding='ascii') as f:
        first = f.read().split('-----END')[0] + '-----END CERTIFICATE-----\n'
    return ssl.PEM_cert_to_DER_cert(first)


# ---- the kssl server ----

def get(sock, name, room=40000):
    """An option's value, or the errno."""
    try:
        return tap.getsockopt(sock, name, room)
    except OSError as e:
        return e.errno


def number(value):
    return int.from_bytes(value, 'little') if isinstance(value, bytes) else value


def known_of(conn):
    return {'subject': get(conn, tap.PEER_SUBJECT), 'san': get(conn, tap.PEER_SAN),
            'print': get(conn, tap.PEER_FINGERPRINT), 'cert': get(conn, tap.PEER_CERT),
            'chain': get(conn, tap.PEER_CHAIN), 'verify': number(get(conn, tap.PEER_VERIFY))}


class Server:
    """Echoes one message a connection; puts what it saw into .seen."""

    def __init__(self, auth=None, identity=None, late=None):
        self.seen = queue.Queue()
        self.late = late
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.address = self.listener.getsockname()
        if late is None:
            tap.attach(self.listener)
            if auth is not None:
                self.listener.setsockopt(K, tap.PEER_AUTH, auth)
            if identity:
                self.listener.setsockopt(K, tap.IDENTITY, identity)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            conn, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        conn.settimeout(30)
        if self.late is not None:   # attached when connected: one socket's own setting
            tap.attach(conn)
            conn.setsockopt(K, tap.PEER_AUTH, self.late)
            conn.setsockopt(K, tap.ROLE, 2)
        err = 0
        try:
            conn.sendall(conn.recv(100))
        except OSError as e:
            err = e.errno
        self.seen.put(dict(known_of(conn), errno=err, info=tap.info(conn),
                           **{'e_' + k: v for k, v in tap.error(conn).items()}))
        try:
            conn.recv(1)
        except OSError:
            pass
        conn.close()

    def saw(self):
        return self.seen.get(timeout=30)


# ---- an OpenSSL client ----

def context(version, cert=''):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.minimum_version = ctx.maximum_version = version
    ctx.load_verify_locations(PKI + 'ca.pem')
    if cert:
        ctx.load_cert_chain(PKI + cert + '.pem', PKI + cert + '.key')
    return ctx


def openssl_client(server, ctx, host, session=None):
    """(what came back or the reason, the session)."""
    raw = socket.create_connection(server.address, timeout=30)
    try:
        with ctx.wrap_socket(raw, server_hostname=host, session=session) as s:
            s.sendall(b'ping')
            return s.recv(100), s.session
    except ssl.SSLError as e:
        return e.reason, None
    except OSError as e:
        return e, None


def refused_by(seen, want, version):
    alert = want[1] if version == V12 else want[2]
    return (seen['errno'] == want[0] == seen['e_err'] and seen['e_sent'] == alert and
            seen['e_verify'] == want[3] and seen['info']['state'] == 5 and
            seen['info']['verified'] == 0 and seen['cert'] == errno.ENODATA and
            seen['verify'] == (want[3] or errno.ENODATA))


def verified_as(seen, cert):
    return (seen['errno'] == 0 and seen['cert'] == der(cert) and seen['verify'] == 0 and
            seen['info']['verified'] == 1)


def as_server(version):
    server = Server()
    for cert, want in REFUSED.items():
        got, _ = openssl_client(server, context(version, cert), 'auth.test')
        seen = server.saw()
        alert = REASONS[want[1] if version == V12 else want[2]]
        tap.ok(got == alert and refused_by(seen, want, version),
               f'server {VERSIONS[version]}, required, {cert or "no"} certificate', (got, seen))
    for cert in ('client', 'under'):
        got, _ = openssl_client(server, context(version, cert), 'auth.test')
        seen = server.saw()
        tap.ok(got == b'ping' and verified_as(seen, cert),
               f'server {VERSIONS[version]}, required, {cert}: served', (got, seen))


def requested(version):
    server = Server()
    got, _ = openssl_client(server, context(version), 'req.test')
    seen = server.saw()
    tap.ok(got == b'ping' and seen['errno'] == 0 and seen['info']['verified'] == 0 and
           {seen[k] for k in ('subject', 'san', 'print', 'cert', 'chain', 'verify')} ==
           {errno.ENODATA}, f'server {VERSIONS[version]}, requested, none: served, ENODATA',
           (got, seen))
    got, _ = openssl_client(server, context(version, 'client'), 'req.test')
    seen = server.saw()
    tap.ok(got == b'ping' and verified_as(seen, 'client'),
           f'server {VERSIONS[version]}, requested, good: served', (got, seen))
    got, _ = openssl_client(server, context(version, 'stranger'), 'req.test')
    seen = server.saw()
    tap.ok(got == REASONS[48] and refused_by(seen, REFUSED['stranger'], version),
           f'server {VERSIONS[version]}, requested, bad: refused', (got, seen))
    got, _ = openssl_client(server, context(version, 'client'), 'plain.test')
    seen = server.saw()
    tap.ok(got == b'ping' and seen['errno'] == 0 and seen['cert'] == errno.ENODATA,
           f'server {VERSIONS[version]}, not asked: no certificate', (got, seen))


def strictness():
    """Listener, socket, identity: the strictest counts."""
    rows = (('listener requires, identity does not ask', Server(REQUIRE), 'plain.test', True),
            ('listener requires, identity requests', Server(REQUIRE), 'req.test', True),
            ('listener wants none, identity requires', Server(NONE), 'auth.test', True),
            ('listener requests, identity requires', Server(REQUEST), 'auth.test', True),
            ('listener requests, identity does not ask', Server(REQUEST), 'plain.test', False),
            ('socket requires', Server(late=REQUIRE), 'plain.test', True),
            ('socket wants none, identity requires', Server(late=NONE), 'auth.test', True),
            ('socket wants none, identity does not ask', Server(late=NONE), 'plain.test', False),
            ('listener of the identity that requires', Server(identity=b'auth'), 'plain.test',
             True))
    for name, server, host, required in rows:
        ctx = context(V13)
        ctx.check_hostname = False
        got, _ = openssl_client(server, ctx, host)
        seen = server.saw()
        if required:
            good = got == REASONS[116] and refused_by(seen, REFUSED[''], V13)
        else:
            good = got == b'ping' and seen['errno'] == 0
        tap.ok(good, name, (got, seen))
    server = Server(REQUEST)
    openssl_client(server, context(V13, 'client'), 'plain.test')
    seen = server.saw()
    tap.ok(verified_as(seen, 'client'), 'listener requests: the certificate came', seen)


SAN = (b'DNS:client.test\nDNS:a,DNS:admin.test\\x0ADNS:root.test\\x5C\nIP:192.0.2.7\n'
       b'IP:2001:db8::7\nemail:client@client.test\nURI:spiffe://test/client\n'
       b'DirName:CN=a\\x5C,\\x20b,O=kssl\n')


def what_is_known():
    server = Server()
    openssl_client(server, context(V13, 'client'), 'auth.test')
    seen, cert = server.saw(), der('client')
    tap.is_(seen['subject'], b'CN=client,O=kssl', 'subject')
    tap.is_(seen['san'], SAN, 'names; a name with a comma and a line break stays one')
    tap.is_(seen['print'], hashlib.sha256(cert).digest(), 'fingerprint')
    tap.is_((seen['cert'], seen['chain'], seen['verify']), (cert, cert, 0),
            'certificate, chain without root, verify result')
    openssl_client(server, context(V12, 'under'), 'auth.test')
    seen = server.saw()
    with open(PKI + 'under.pem', encoding='ascii') as f:
        end = '-----END CERTIFICATE-----\n'
        parts = [p + end for p in f.read().split(end)[:2]]
    tap.is_(seen['chain'], b''.join(ssl.PEM_cert_to_DER_cert(p) for p in parts),
            'chain with an intermediate')
    tap.is_(seen['san'], errno.ENODATA, 'a certificate without names: ENODATA')


def room():
    """Short buffers, and nothing to set."""
    server = Server()
    raw = socket.socket()
    tap.attach(raw)
    raw.setsockopt(K, tap.PEER_NAME, b'auth.test')
    raw.setsockopt(K, tap.IDENTITY, b'client')
    raw.settimeout(30)
    raw.connect(server.address)
    names = (tap.PEER_SAN, tap.PEER_FINGERPRINT, tap.PEER_CHAIN, tap.PEER_CERT)
    whole = [get(raw, n) for n in names]
    good = all(get(raw, n, len(w)) == w and get(raw, n, len(w) - 1) == errno.ERANGE
               for n, w in zip(names, whole))
    tap.ok(good and whole[3] == der('server'), 'a client reads its server, and ERANGE', whole)
    tap.is_([tap.errno_of(raw.setsockopt, K, n, b'x') for n in names + (tap.PEER_VERIFY,)],
            [errno.ENOPROTOOPT] * 5, 'none of it can be set')
    raw.close()


def resumption(version):
    v = VERSIONS[version]
    server, ctx = Server(), context(version, 'client')
    _, session = openssl_client(server, ctx, 'auth.test')
    server.saw()
    got, _ = openssl_client(server, ctx, 'auth.test', session)
    seen = server.saw()
    tap.ok(got == b'ping' and seen['info']['resumed'] == 1 and verified_as(seen, 'client') and
           seen['chain'] == der('client') and seen['san'] == SAN,
           f'resumed {v}: the certificate is known still', (got, seen))
    for name, host, other in (('another identity', 'auth.test', Server()),
                              ('another listener', 'plain.test', Server(REQUIRE))):
        bare = context(version)
        plain = Server()
        _, session = openssl_client(plain, bare, 'plain.test')
        plain.saw()
        got, _ = openssl_client(other, bare, host, session)
        seen = other.saw()
        tap.ok(got == REASONS[40 if version == V12 else 116] and
               refused_by(seen, REFUSED[''], version),
               f'resumed {v}: a ticket without certificate does not serve {name}', (got, seen))


# ---- other clients ----

def tool_client(server, argv):
    """A command line client says a line; its output, and what the server saw."""
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as p:
        p.stdin.write(b'ping\n')
        p.stdin.flush()
        seen = server.saw()
        timer = threading.Timer(1 if not seen['errno'] else 20, p.kill)
        timer.start()   # who is served would stay
        out = p.stdout.read().decode(errors='replace')
        timer.cancel()
    return out, seen


def tools_as_clients():
    server = Server()
    port = str(server.address[1])
    out, seen = tool_client(server, [
        'openssl', 's_client', '-connect', '127.0.0.1:' + port, '-servername', 'auth.test',
        '-CAfile', PKI + 'ca.pem', '-cert', PKI + 'revoked.pem', '-key', PKI + 'revoked.key'])
    tap.ok('alert certificate revoked' in out and refused_by(seen, REFUSED['revoked'], V13),
           's_client, revoked', (out[-300:], seen))
    tap.ok('O = kssl, CN = test ca' in out.split('Acceptable client certificate CA names')[1]
           .split('Requested')[0], 'the request names the acceptable issuer', out)
    for cert, version, text in (('client', '1.3', ''), ('client', '1.2', ''),
                                ('expired', '1.3', 'Certificate is expired'),
                                ('wrong', '1.2', 'Certificate is not supported'),
                                ('', '1.3', 'ertificate is required')):
        argv = ['gnutls-cli', '--logfile=/dev/stderr', '--x509cafile', PKI + 'ca.pem',
                '--priority', f'NORMAL:-VERS-ALL:+VERS-TLS{version}', '--sni-hostname',
                'auth.test', '--verify-hostname', 'auth.test', '-p', port, '127.0.0.1']
        if cert:
            argv += ['--x509certfile', PKI + cert + '.pem', '--x509keyfile', PKI + cert + '.key']
        out, seen = tool_client(server, argv)
        if cert == 'client':
            good = verified_as(seen, cert)
        else:
            good = text in out and refused_by(seen, REFUSED[cert], V12 if version == '1.2' else V13)
        tap.ok(good, f'gnutls-cli {version}, {cert or "no"} certificate', (out[-400:], seen))


# ---- kssl clients ----

def kssl_client(address, host, identity, auth=None):
    """(errno of connect(), of the first read, what came, the socket)."""
    s = socket.socket()
    tap.attach(s)
    s.setsockopt(K, tap.PEER_NAME, host.encode())
    if identity:
        s.setsockopt(K, tap.IDENTITY, identity.encode())
    if auth is not None:
        s.setsockopt(K, tap.PEER_AUTH, auth)
    connect = tap.errno_of(s.connect, address)  # blocks: a poll() would read ahead
    if connect:
        return connect, None, b'', s
    s.settimeout(30)
    try:
        s.sendall(b'ping\n')
    except BrokenPipeError:
        pass    # the alert was faster; a read tells
    try:
        return 0, 0, s.recv(100), s
    except OSError as e:
        return 0, e.errno, b'', s


def drain(s):
    """A close with bytes unread would reset the connection and the alert with it."""
    s.shutdown(socket.SHUT_WR)
    try:
        while os.read(s.fileno(), 65536):
            pass
    except OSError:
        pass


def foreign_server(version, cert, answers, auth=True):
    """OpenSSL's: puts (certificate or reason) of each connection into answers."""
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.minimum_version = ctx.maximum_version = version
    ctx.load_cert_chain(PKI + cert + '.pem', PKI + cert + '.key')
    if auth:
        ctx.verify_mode = ssl.CERT_REQUIRED
        ctx.load_verify_locations(PKI + 'ca-and-crl.pem')
        ctx.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    listener = socket.create_server(('127.0.0.1', 0))

    def run():
        while True:
            raw, _ = listener.accept()
            raw.settimeout(30)
            with ctx.wrap_socket(raw, server_side=True, do_handshake_on_connect=False) as s:
                try:
                    s.do_handshake()
                    s.sendall(s.recv(100))
                    answers.put(s.getpeercert(True))
                except OSError as e:
                    answers.put(e.reason if isinstance(e, ssl.SSLError) else e)
                    drain(s)
    threading.Thread(target=run, daemon=True).start()
    return listener.getsockname()


def as_client(version):
    """Refused by the server: in TLS 1.3 connect() has succeeded by then."""
    answers = queue.Queue()
    address = foreign_server(version, 'server', answers)
    for cert, want in REFUSED.items():
        connect, read, _, s = kssl_client(address, 'auth.test', cert)
        seen, e = answers.get(timeout=30), tap.error(s)
        alert = want[1] if version == V12 else want[2]
        good = (connect, read) == ((errno.ECONNABORTED, None) if version == V12 else
                                   (0, errno.ECONNABORTED))
        tap.ok(good and e['received'] == alert and e['err'] == errno.ECONNABORTED and
               seen in ('CERTIFICATE_VERIFY_FAILED', 'PEER_DID_NOT_RETURN_A_CERTIFICATE'),
               f'client {VERSIONS[version]}, {cert or "no"} certificate: alert {alert}',
               (connect, read, e, seen))
        s.close()
    connect, read, got, s = kssl_client(address, 'auth.test', 'client')
    tap.ok(got == b'ping\n' and answers.get(timeout=30) == der('client') and
           get(s, tap.IDENTITY) == b'client', f'client {VERSIONS[version]}, good certificate',
           (connect, read))
    s.close()


def server_refused(version):
    """A server's certificate: the reasons are the same."""
    for cert, want in (('server-expired', (errno.EKEYEXPIRED, 45, 10)),
                       ('server-stranger', (errno.EKEYREJECTED, 48, 20)),
                       ('server-wrong', (errno.EKEYREJECTED, 43, 26)),
                       ('server-revoked', (errno.EKEYREVOKED, 44, 23))):
        answers = queue.Queue()
        address = foreign_server(version, cert, answers, auth=False)
        connect, _, _, s = kssl_client(address, 'auth.test', '')
        e, seen = tap.error(s), answers.get(timeout=30)
        tap.ok((connect, e['sent'], e['verify']) == want and seen == REASONS[want[1]] and
               number(get(s, tap.PEER_VERIFY)) == want[2] and
               get(s, tap.PEER_CERT) == errno.ENODATA,
               f'client {VERSIONS[version]} refuses {cert}', (connect, e, seen))
        s.close()


def both_ends():
    server = Server()
    connect, read, got, s = kssl_client(server.address, 'auth.test', 'client')
    seen = server.saw()
    tap.ok(got == b'ping\n' and verified_as(seen, 'client') and tap.info(s)['verified'] == 1,
           'kssl at both ends, good certificate', (connect, read, seen))
    s.close()
    connect, read, got, s = kssl_client(server.address, 'auth.test', 'revoked')
    seen, e = server.saw(), tap.error(s)
    tap.ok((connect, read) == (0, errno.ECONNABORTED) and e['received'] == 44 and
           refused_by(seen, REFUSED['revoked'], V13), 'kssl at both ends, revoked', (e, seen))
    s.close()


def gnutls_server():
    port = 7400
    with subprocess.Popen(['gnutls-serv', '--echo', '--quiet', '-p', str(port), '--x509certfile',
                           PKI + 'server.pem', '--x509keyfile', PKI + 'server.key',
                           '--x509cafile', PKI + 'ca.pem', '--require-client-cert',
                           '--verify-client-cert'], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as p:
        end = time.time() + 20
        while time.time() < end and not subprocess.run(
                ['ss', '-Hltn', f'sport = :{port}'], capture_output=True, check=False).stdout:
            time.sleep(0.1)
        for cert, good in (('client', True), ('expired', False), ('', False)):
            connect, read, got, s = kssl_client(('127.0.0.1', port), 'auth.test', cert)
            e = tap.error(s)
            tap.ok(got == b'ping\n' if good else
                   errno.ECONNABORTED in (connect, read) and e['received'] != 255,
                   f'gnutls-serv, {cert or "no"} certificate', (connect, read, got, e))
            s.close()
        p.kill()


# ---- with other configurations ----

def try_all(*rows):
    server = Server()
    for cert, want, why in rows:
        got, _ = openssl_client(server, context(V13, cert), 'auth.test')
        seen = server.saw()
        tap.is_((got == b'ping', seen['errno'], seen['e_verify']), (not want[0], *want), why)


def known():
    try_all(('client', (0, 0), 'an issuer with a list'),
            ('revoked', (errno.EKEYREVOKED, 23), 'who is on the list'),
            ('under', (0, 0), 'an issuer without a list passes'))


def strict():
    try_all(('client', (0, 0), 'an issuer with a list'),
            ('revoked', (errno.EKEYREVOKED, 23), 'who is on the list'),
            ('under', (errno.EKEYREJECTED, 3), 'an issuer without a list is refused'))


def stale():
    try_all(('client', (errno.EKEYREJECTED, 12), 'a list that is out of date refuses'))


def unchecked():
    try_all(('revoked', (0, 0), 'lists that are not looked at'))


def lenient():
    """Clients that accept any server: what they know does not look verified."""
    answers = queue.Queue()
    address = foreign_server(V13, 'server-stranger', answers, auth=False)
    connect, _, got, s = kssl_client(address, 'auth.test', '')
    tap.ok(connect == 0 and got == b'ping\n' and tap.info(s)['verified'] == 0 and
           number(get(s, tap.PEER_VERIFY)) not in (0, errno.ENODATA) and
           get(s, tap.PEER_CHAIN) == der('server-stranger'), 'any server, verify result',
           (connect, got, tap.info(s), known_of(s)))
    s.close()
    connect, _, got, s = kssl_client(address, 'auth.test', '', REQUEST)
    tap.ok(connect == 0 and got == b'ping\n', 'KSSL_PEER_AUTH_REQUEST is no stricter', connect)
    s.close()
    connect, _, _, s = kssl_client(address, 'auth.test', '', REQUIRE)
    tap.ok(connect == errno.EKEYREJECTED and tap.error(s)['sent'] == 48,
           'KSSL_PEER_AUTH_REQUIRE is', (connect, tap.error(s)))
    s.close()


def everything():
    for version in (V12, V13):
        as_server(version)
        requested(version)
        resumption(version)
        as_client(version)
        server_refused(version)
    strictness()
    what_is_known()
    room()
    both_ends()
    tools_as_clients()
    gnutls_server()


{'all': everything, 'known': known, 'strict': strict, 'stale': stale, 'unchecked': unchecked,
 'lenient': lenient}[sys.argv[2]]()
tap.done()
