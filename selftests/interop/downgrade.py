#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Nobody gets anything worse than the policy allows, nor anything worse than they
could have.

    hellos of our own, Python's ssl  -> kssl server
    kssl client                      -> a plain socket that reads its hello, or lies;
                                        Python's ssl

usage: downgrade.py default|legacy|identities|named LOG
"""
import errno
import os
import queue
import socket
import ssl
import sys
import threading

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402
import tls12  # noqa: E402

PKI = TOP + '/build/pki/'
WHAT, LOG = sys.argv[1:]
K = tap.SOL_KSSL
FAILURE, VERSION, FALLBACK, ILLEGAL = (2, 40), (2, 70), (2, 86), (2, 47)    # alerts
V12 = ssl.TLSVersion.TLSv1_2

# Best first; all that are of one rank in one line.
RANKS = (
    (0x1301, 0x1302, 0x1303),
    (0xc02b, 0xc02c, 0xc02f, 0xc030, 0xcca8, 0xcca9),                   # ECDHE, AEAD
    (0xc009, 0xc00a, 0xc013, 0xc014, 0xc023, 0xc024, 0xc027, 0xc028),   # ECDHE, CBC
    (0x009c, 0x009d),                                                   # RSA, GCM
    (0x002f, 0x0035, 0x003c, 0x003d),                                   # RSA, CBC
    (0x003b,),                                                          # RSA, no cipher
)
MODERN = RANKS[0] + RANKS[1]
LEGACY = RANKS[2] + RANKS[3] + RANKS[4] + RANKS[5]
# CCM: known, and only used when named.  Then what nobody can have: NULL with MD5 and
# SHA-1, export, RC4, 3DES, anonymous, DHE, DHE-GCM, PSK, Camellia, RSA-ARIA, SHA-256 of
# RFC 9150.
CCM = (0x1304, 0x1305, 0xc0ac, 0xc0ad, 0xc0ae, 0xc0af, 0xc09c, 0xc09d, 0xc0a0, 0xc0a1)
NEVER = (0x0001, 0x0002, 0x0003, 0x0005, 0x000a, 0xc018, 0x0034, 0x0033, 0x009e, 0x008c,
         0x00ba, 0xc050, 0xc0b4, 0xc006, 0xc010, 0xc012)


def rank(suite):
    return next(i for i, row in enumerate(RANKS) if suite in row)


class Server:
    """kssl's: echoes a message a connection, puts what it saw into .seen."""

    def __init__(self, identity=None):
        self.seen = queue.Queue()
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=64)
        self.address = self.listener.getsockname()
        tap.attach(self.listener)
        if identity:
            self.listener.setsockopt(K, tap.IDENTITY, identity)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            threading.Thread(target=self.serve, args=(self.listener.accept()[0],),
                             daemon=True).start()

    def serve(self, conn):
        conn.settimeout(30)
        try:
            conn.sendall(conn.recv(100))
            self.seen.put(tap.info(conn))
        except OSError as e:
            self.seen.put((e.errno, tap.error(conn)['sent']))
        tap.errno_of(conn.recv, 1)
        conn.close()

    def choice(self, suites, **more):
        """Of a client that offers these."""
        try:
            return tls12.answer_to(self.address, tls12.client_hello(suites, **more))
        finally:
            self.last = self.seen.get(timeout=30)

    def refuses(self, suite, **more):
        return (self.choice([suite], **more) == FAILURE and
                self.last == (errno.EBADMSG, FAILURE[1]))


def context(ciphers):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.maximum_version = V12
    ctx.set_ciphers(ciphers + ':@SECLEVEL=0')
    ctx.load_verify_locations(PKI + 'ca.pem')
    return ctx


def openssl_client(server, ctx, host='localhost', session=None):
    """(cipher or the reason, the session)."""
    raw = socket.create_connection(server.address, timeout=30)
    try:
        with ctx.wrap_socket(raw, server_hostname=host, session=session) as s:
            s.sendall(b'ping')
            assert s.recv(100) == b'ping'
            return s.cipher()[0], s.session
    except ssl.SSLError as e:
        return e.reason, None
    finally:
        server.seen.get(timeout=30)


class Plain:
    """A TCP server that reads one ClientHello and answers with what it is told."""

    def __init__(self, answer=b''):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.answer = answer
        self.hello = queue.Queue()
        self.after = queue.Queue()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        conn, _ = self.listener.accept()
        conn.settimeout(30)
        reader = tls12.Reader(conn)
        self.hello.put(reader.message())
        conn.sendall(self.answer)
        self.after.put(reader.message())
        conn.close()


def kssl_client(address, identity=None):
    s = socket.socket()
    tap.attach(s)
    s.setsockopt(K, tap.PEER_NAME, b'localhost')
    if identity:
        s.setsockopt(K, tap.IDENTITY, identity)
    return s, tap.errno_of(s.connect, address)


def hello_of_client(identity=None):
    plain = Plain(tls12.record(tls12.ALERT, b'\2\x28'))
    s, _ = kssl_client(plain.listener.getsockname(), identity)
    s.close()
    return tls12.suites_offered(plain.hello.get(timeout=30))


def openssl_server(ciphers, version=V12):
    """Takes what the client wants most."""
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.maximum_version = version
    ctx.set_ciphers(ciphers + ':@SECLEVEL=0')
    ctx.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    ctx.load_cert_chain(PKI + 'rsa.pem', PKI + 'rsa.key')
    listener = socket.create_server(('127.0.0.1', 0))

    def run():
        while True:
            raw, _ = listener.accept()
            try:
                with ctx.wrap_socket(raw, server_side=True) as s:
                    s.recv(1)
            except OSError:
                pass
    threading.Thread(target=run, daemon=True).start()
    return listener.getsockname()


def log():
    with open(LOG, encoding='utf-8') as f:
        return f.read()


# ---- the default policy ----

def default():
    server = Server()
    taken = [hex(s) for s in LEGACY + CCM + NEVER if not server.refuses(s)]
    tap.is_(taken, [], 'server: each old suite alone is refused: handshake_failure, EBADMSG')
    tap.is_(server.choice(LEGACY + NEVER + CCM + (0xc02f,)), 0xc02f,
            'server: all of them and a good one, last: the good one')
    tap.is_(server.choice(LEGACY, host=b'ec.test'), FAILURE,
            'server: all together, the EC identity')
    tap.is_(hello_of_client(), MODERN_ORDER, 'client: offers the nine and no more')
    s, err = kssl_client(openssl_server('ALL:eNULL:!aNULL:!CHACHA20:!AESGCM'))
    tap.is_((err, tap.error(s)['received']), (errno.ECONNABORTED, 40),
            'client: a server that has the old ones alone')
    s.close()
    lies(errno.EBADMSG)
    versions(server)


MODERN_ORDER = (0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0x00ff)


def lies(err):
    """A server, or who sits before it, that chooses what was not offered."""
    for name, suite, version, alert in (('a CBC suite of RSA', 0x002f, 0x303, ILLEGAL),
                                        ('a CBC suite of ECDHE', 0xc013, 0x303, ILLEGAL),
                                        ('no cipher', 0x003b, 0x303, ILLEGAL),
                                        ('TLS 1.1', 0xc013, 0x302, VERSION),
                                        ('SSL 3.0', 0x0035, 0x300, VERSION)):
        plain = Plain(tls12.record(tls12.HANDSHAKE, tls12.server_hello(suite, version)))
        s, got = kssl_client(plain.listener.getsockname())
        tap.is_((got, plain.after.get(timeout=30)), (err, alert),
                f'client: a server that chooses {name}')
        s.close()
    # RFC 8446, 4.1.3: the end of the random that a 1.3 server sends with 1.2
    marked = os.urandom(24) + b'DOWNGRD\1'
    plain = Plain(tls12.record(tls12.HANDSHAKE, tls12.server_hello(0xc02f, 0x303, marked)))
    s, got = kssl_client(plain.listener.getsockname())
    tap.is_((got, plain.after.get(timeout=30)), (err, ILLEGAL),
            'client: TLS 1.2 from a server that says it has 1.3')
    s.close()


def versions(server):
    for name, version, answer in (('1.1', 0x302, VERSION), ('1.0', 0x301, VERSION),
                                  ('SSL 3.0', 0x300, FAILURE)):
        tap.is_(server.choice((0xc013, 0x002f, 0xc02f), version=version), answer,
                f'server: a client of {name}')
    tap.is_(server.choice((0xc02f, tls12.FALLBACK_SCSV)), FALLBACK,
            'server: a client that fell back to 1.2 though 1.3 is there (RFC 7507)')


# ---- everything allowed ----

def legacy():
    server = Server()
    best_of_each(server)
    tap.is_([hex(s) for s in NEVER if not server.refuses(s)], [], 'server: not more than allowed')
    hello = hello_of_client()
    tap.is_(sorted(set(hello) - {0x00ff}), sorted(MODERN + LEGACY),
            'client: offers all that is allowed')
    ranks = [rank(s) for s in hello if s != 0x00ff]
    tap.is_(ranks, sorted(ranks), 'client: the better first')
    s, err = kssl_client(openssl_server('AES128-SHA:ECDHE-RSA-AES128-SHA:'
                                        'ECDHE-RSA-AES128-GCM-SHA256'))
    tap.is_((err, tap.info(s)['suite']), (0, 0xc02f),
            'client: a server that has better gives better')
    s.close()
    s, err = kssl_client(openssl_server('ALL', ssl.TLSVersion.TLSv1_3))
    tap.is_((err, tap.info(s)['version']), (0, 0x304), 'client: and TLS 1.3')
    s.close()
    tap.ok('legacy (' not in log(), 'no word in the log of sessions that need none', log())
    for ciphers, name, words in (
            ('AES128-SHA', '0x002f', 'cbc, rsa-key-transport'),
            ('ECDHE-RSA-AES256-SHA384', '0xc028', 'cbc'),
            ('AES256-GCM-SHA384', '0x009d', 'rsa-key-transport'),
            ('NULL-SHA256', '0x003b', 'rsa-key-transport, null')):
        got, _ = openssl_client(server, context(ciphers))
        line = f'legacy ({words}): suite {name} with 127.0.0.1 port '
        tap.ok(got == ciphers and log().count(line) == 1 and
               log().split(line)[1].split('\n')[0].endswith(', identity rsa'),
               f'{ciphers}: one line in the log', (got, log()))


def best_of_each(server):
    """A client that offers a suite and all that are worse, the worst first."""
    order = [s for row in RANKS[1:] for s in row if s not in (0xc02b, 0xc02c, 0xcca9, 0xc009,
                                                              0xc00a, 0xc023, 0xc024)]
    got = [server.choice(order[i:][::-1]) for i in range(len(order))]
    tap.ok(all(not isinstance(s, tuple) and rank(s) == rank(order[i]) for i, s in enumerate(got)),
           f'server: a peer gets the best of what it offers, {len(order)} times',
           [(order[i], s) for i, s in enumerate(got)])
    ctx = ssl.create_default_context(cafile=PKI + 'ca.pem')
    ctx.set_ciphers('AES128-SHA:AES256-SHA:ECDHE-RSA-AES128-SHA')
    got, _ = openssl_client(server, ctx)
    tap.ok(got.startswith('TLS_'), 'server: TLS 1.3 comes before all of them', got)


# ---- what an identity, or a client without one, is allowed ----

def identities():
    server = Server()
    cbc = RANKS[2]
    tap.is_([hex(s) for s in LEGACY if not server.refuses(s, host=b'ec.test')], [],
            'identity with legacy = none: nothing')
    tap.ok(server.choice(cbc, host=b'localhost') in cbc, 'identity without the line: as [global]')
    tap.is_([hex(s) for s in RANKS[3] + RANKS[4] + RANKS[5] if not server.refuses(s)], [],
            'and no more than [global]')
    tap.ok(Server(b'rsa').choice(cbc, host=b'ec.test') in cbc, 'chosen by the program')
    tap.is_(Server(b'ec').choice(cbc, host=b'localhost'), FAILURE, 'the other way round too')
    tap.ok(not set(hello_of_client()) & set(LEGACY),
           'client without identity: [client] legacy = none')
    tap.ok(set(hello_of_client(b'rsa')) & set(LEGACY) == set(cbc),
           'client of the identity: as [global]')
    tap.ok(not set(hello_of_client(b'ec')) & set(LEGACY), 'client of the other: none')
    both = context('ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA')
    got, session = openssl_client(server, both)
    tap.is_(got, 'ECDHE-RSA-AES128-SHA', 'a session with CBC')
    tap.is_(openssl_client(server, both, 'localhost', session)[0], 'ECDHE-RSA-AES128-SHA',
            'is resumed where it is allowed')
    tap.is_(openssl_client(server, both, 'ec.test', session)[0], 'SSLV3_ALERT_HANDSHAKE_FAILURE',
            'and not where it is not')


# ---- suites named by the administrator ----

def named():
    """Weak ones first, and some that nobody allowed."""
    server = Server()
    tap.is_(server.choice((0xc013, 0xc02f)), 0xc02f, 'the order of the list is not followed')
    tap.is_(server.choice((0xc013,)), 0xc013, 'what is named and allowed')
    tap.is_([hex(s) for s in RANKS[3] + RANKS[4] + RANKS[5] + NEVER if not server.refuses(s)], [],
            'what is named and not allowed')
    tap.is_(server.choice((0xc0ae, 0xc0ac, 0xc013), host=b'ec.test'), 0xc0ac,
            'CCM, named, before CCM_8')
    tap.is_(server.choice((0xc0ae, 0xc009), host=b'ec.test'), 0xc0ae, 'CCM_8, named')
    line = 'suites-1.2: left out, since "legacy" does not allow them: '
    tap.ok(line + 'AES128-SHA:AES128-GCM-SHA256' in log(), 'said at start', log())


{'default': default, 'legacy': legacy, 'identities': identities, 'named': named}[WHAT]()
tap.done()
