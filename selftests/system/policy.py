#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""User, program, group, cgroup and port against identity, version and the wish not to
verify: each gets what its section says and no more, in whatever order it asks; and
ksslctl policy test foretells it.

Programs are two copies of python, good and evil, that run this file as helpers.
"""
import errno
import json
import os
import socket
import ssl
import subprocess
import sys
import threading

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402

PKI = TOP + '/build/pki/'
NONE, REQUEST, REQUIRE = 1, 2, 3


# ---- the helper: does what it is told, and says what came of it ----

def told(order, sock):
    for name, value in order['options']:
        sock.setsockopt(tap.SOL_KSSL, name, value if isinstance(value, int) else value.encode())


def serve(order):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(('127.0.0.1', order['port']))
    listener.listen()
    tap.attach(listener)
    told(order, listener)
    print(json.dumps(listener.getsockname()[1]), flush=True)
    conn, _ = listener.accept()
    listener.close()
    conn.settimeout(30)
    err = tap.errno_of(conn.recv, 1)
    return err, conn


def connect(order):
    sock = socket.socket()
    tap.attach(sock)
    sock.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'localhost')
    told(order, sock)
    sock.settimeout(30)
    return tap.errno_of(sock.connect, ('127.0.0.1', order['port'])), sock


def helper():
    for line in sys.stdin:
        order = json.loads(line)
        err, sock = (serve if order['role'] == 'server' else connect)(order)
        said = {'errno': errno.errorcode.get(err, 0), 'text': tap.error(sock)['text'],
                'verified': tap.info(sock)['verified'],
                'identity': '' if err else sock.getsockopt(tap.SOL_KSSL, tap.IDENTITY,
                                                           64).decode()}
        sock.close()
        print(json.dumps(said), flush=True)


# ---- who gives the orders ----

CONF = '''
[global]
workers = 1
{extra}
[trust]
system = no
file = {pki}ca.pem
[identity rsa]
cert = {pki}rsa.pem
key = {pki}rsa.key
client-trust = {pki}ca.pem
default = yes
[identity ec]
cert = {pki}ec.pem
key = {pki}ec.key
client-trust = {pki}ca.pem
names = ec.test
[policy web]
user = 1001
exe = {tmp}/other, {tmp}/good
identities = rsa
min-version = 1.3
[policy old]
user = 1004
identities = rsa, ec
suites = TLS_CHACHA20_POLY1305_SHA256
suites-1.2 = ECDHE-RSA-CHACHA20-POLY1305
[policy lax]
user = 1002
exe = {tmp}/good
role = client
identities = none
relax = yes
[policy ops]
group = 2001
cgroup = /kssl-ops
port = 8443-8450
identities = ec
client-auth = require
[policy root]
user = root
identities = rsa, ec
'''


class Helper:
    """A program of a user."""

    def __init__(self, uid, exe, groups=(), cgroup=None, wrap=()):
        self.uid, self.exe, self.groups, self.cgroup = uid, exe, groups, cgroup

        def become():
            if cgroup:
                with open(f'/sys/fs/cgroup{cgroup}/cgroup.procs', 'w', encoding='ascii') as f:
                    f.write('0')
            os.setgroups(groups)
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        self.p = subprocess.Popen([*wrap, f'{TMP}/{exe}', TMP + '/policy.py', '--helper'],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                  preexec_fn=become, env={'PYTHONHOME': '/usr',
                                                          'PATH': os.environ['PATH']})

    def order(self, role, *options, port=0):
        self.p.stdin.write(json.dumps({'role': role, 'options': options, 'port': port}) + '\n')
        self.p.stdin.flush()

    def said(self):
        return json.loads(self.p.stdout.readline())

    def serves(self, *options, port=0, visit=None, **peer):
        self.order('server', *options, port=port)
        at = self.said()
        (visit or openssl_visit)(at, **peer)
        return self.said()

    def connects(self, *options, port=0):
        self.order('client', *options, port=port or STRANGER)
        return self.said()

    def foretold(self, role, *options, port=0):
        words = [f'user={self.uid}', f'exe={TMP}/{self.exe}', f'role={role}']
        words += [f'group={",".join(map(str, self.groups))}'] * bool(self.groups)
        words += [f'cgroup={self.cgroup}'] * bool(self.cgroup) + [f'port={port}'] * bool(port)
        for name, value in options:
            words.append(f'identity={value}' if name == tap.IDENTITY else
                         f'peer-auth={("default", "none", "request", "require")[value]}')
        return ask(words)

    def close(self):
        self.p.stdin.close()
        self.p.wait()


def ask(words):
    """As ksslctl does; its exit status, and the answer."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect('/run/kssl/kssld.sock')
        s.sendall('\t'.join(['policy-test', *words]).encode())
        verdict, *lines = b''.join(iter(lambda: s.recv(4096), b'')).decode().splitlines()
    assert verdict == 'ok', (words, lines)
    said = dict(line.split('\t') for line in lines)
    return 0 if said['allowed'] == 'yes' else 3, said


def ctl(*args):
    p = subprocess.run([TOP + '/build/ksslctl', *args], capture_output=True, text=True, check=False)
    return p.returncode, p.stdout + p.stderr


def context(version):
    """Whatever the name in the certificate."""
    ctx = ssl.create_default_context(cafile=PKI + 'ca.pem')
    ctx.check_hostname = False
    ctx.maximum_version = version
    return ctx


CONTEXTS = {}


def openssl_visit(port, name='localhost', version=ssl.TLSVersion.TLSv1_3):
    try:
        with CONTEXTS[version].wrap_socket(socket.create_connection(('127.0.0.1', port), timeout=30),
                             server_hostname=name) as s:
            s.sendall(b'x')
            s.recv(1)
    except OSError:
        pass    # the helper says what happened


def identity(name):
    return tap.IDENTITY, name


def auth(how):
    return tap.PEER_AUTH, how


def openssl_server(cert, version=ssl.TLSVersion.TLSv1_3, ciphers=None):
    """Its port; the suites of those who came go to @ciphers."""
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(f'{PKI}{cert}.pem', f'{PKI}{cert}.key')
    ctx.maximum_version = version
    listener = socket.create_server(('127.0.0.1', 0))

    def run():
        while True:
            conn, _ = listener.accept()
            try:
                conn = ctx.wrap_socket(conn, server_side=True)
                if ciphers is not None:
                    ciphers.append(conn.cipher()[0])
                conn.recv(1)
            except OSError:
                conn.close()
    threading.Thread(target=run, daemon=True).start()
    return listener.getsockname()[1]


SERVER_WISHES = [(), (identity('rsa'),), (identity('ec'), auth(NONE)),
                 (auth(NONE), identity('none')), (identity('ec'), identity('rsa')),
                 (identity('rsa'), identity('ec'))]
CLIENT_WISHES = [(), (auth(NONE),), (auth(REQUIRE), auth(NONE)), (auth(NONE), auth(REQUIRE)),
                 (auth(NONE), identity('rsa')), (identity('rsa'), auth(NONE))]


def last(wishes, option, otherwise):
    return dict(wishes).get(option, otherwise)


def matrix(helper_, allowed, relax, default):
    """@allowed: its identities; @default: without a wish, None: it serves nobody."""
    for wish in SERVER_WISHES:
        got = helper_.serves(*wish)
        want = last(wish, tap.IDENTITY, default)
        good = want in allowed
        assert (got['errno'], got['identity']) == ((0, want) if good else ('EACCES', '')), (wish, got)
        rc, said = helper_.foretold('server', *wish)
        assert (rc, said.get('identity')) == ((0, want) if good else (3, None)), (wish, said)
    for wish in CLIENT_WISHES:
        got = helper_.connects(*wish)
        want = last(wish, tap.IDENTITY, None)
        rc, said = helper_.foretold('client', *wish)
        if relax is None or (want and want not in allowed):
            assert got['errno'] == 'EACCES' and rc == 3, (wish, got, said)
            continue
        lax = relax and last(wish, tap.PEER_AUTH, 0) == NONE
        assert got['errno'] == (0 if lax else 'EKEYREJECTED') and not got['verified'], (wish, got)
        assert (rc, said['server']) == (0, 'unverified' if lax else 'verified'), (wish, said)
    helper_.close()


def versions():
    """Of a section: no older version, no other suite, no other identity by name."""
    h = Helper(1001, 'good')
    got = h.serves(name='ec.test')
    assert got['identity'] == 'rsa', got
    got = h.serves(version=ssl.TLSVersion.TLSv1_2)
    assert got['errno'] == 'EBADMSG' and 'protocol' in got['text'], got
    h.close()
    h = Helper(1004, 'evil')
    seen = {}

    def visit(port, version, name):
        try:
            with CONTEXTS[version].wrap_socket(socket.create_connection(('127.0.0.1', port), timeout=30),
                                 server_hostname=name) as s:
                seen[version, name] = s.cipher()[0]
                s.sendall(b'x')
                s.recv(1)
        except OSError:
            seen[version, name] = None
    for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
        for name in ('localhost', 'ec.test'):
            h.serves(visit=lambda port, v=version, n=name: visit(port, v, n))
    v13, v12 = ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2
    chacha = 'TLS_CHACHA20_POLY1305_SHA256'
    assert seen == {(v13, 'localhost'): chacha, (v13, 'ec.test'): chacha,
                    (v12, 'localhost'): 'ECDHE-RSA-CHACHA20-POLY1305',
                    # which that identity has no key for
                    (v12, 'ec.test'): None}, seen
    h.close()


def client_versions():
    """And of a section's clients."""
    v13, v12 = ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2
    seen = {v: [] for v in (v13, v12)}
    ports = {v: openssl_server('rsa', v, seen[v]) for v in seen}
    for uid, exe, version, errors in ((0, 'evil', v13, (0,)), (0, 'evil', v12, (0,)),
                                      (1001, 'good', v13, (0,)),
                                      (1001, 'good', v12, ('EPROTO', 'ECONNABORTED')),
                                      (1004, 'evil', v13, (0,)), (1004, 'evil', v12, (0,))):
        h = Helper(uid, exe)
        got = h.connects(port=ports[version])
        assert got['errno'] in errors, (uid, version, got)
        h.close()
    assert seen[v13][2] == 'TLS_CHACHA20_POLY1305_SHA256' and len(seen[v12]) == 2, seen
    assert seen[v12][1] == 'ECDHE-RSA-CHACHA20-POLY1305' != seen[v12][0], seen


def group_cgroup_port():
    for path in ('/kssl-ops/sub', '/kssl-ops2'):
        os.makedirs('/sys/fs/cgroup' + path, exist_ok=True)
    h = Helper(1003, 'evil', (7, 2001), '/kssl-ops/sub')
    for wish in ((), (auth(NONE),), (auth(REQUEST),)):
        got = h.serves(*wish, port=8443)
        assert got['errno'] == 'EKEYREJECTED', (wish, got)
        rc, said = h.foretold('server', *wish, port=8443)
        assert (rc, said['policy'], said['client-auth']) == (0, 'ops', 'require'), said
    got = h.serves(port=8450)
    assert got['errno'] == 'EKEYREJECTED', got
    assert h.foretold('server', port=8450)[0] == 0
    for port in (8442, 8451):
        assert h.serves(port=port)['errno'] == 'EACCES' and h.foretold('server', port=port)[0] == 3
    assert h.serves(identity('rsa'), port=8443)['errno'] == 'EACCES'
    assert h.connects()['errno'] == 'EACCES', 'a port is a server\'s'
    h.close()
    h = Helper(2001, 'evil', (7,), '/kssl-ops/sub')     # his own group, not a further one
    assert h.serves(port=8443)['errno'] == 'EKEYREJECTED'
    h.close()
    for groups, cgroup in (((7,), '/kssl-ops/sub'), ((7, 2001), '/kssl-ops2'), ((7, 2001), None)):
        h = Helper(1003, 'evil', groups, cgroup)
        assert h.serves(port=8443)['errno'] == 'EACCES', (groups, cgroup)
        assert h.foretold('server', port=8443)[0] == 3
        h.close()


def alerts():
    """What is refused before a handshake has begun is told the peer."""
    reasons = []

    def visit(port):
        try:
            CONTEXTS[ssl.TLSVersion.TLSv1_3].wrap_socket(
                socket.create_connection(('127.0.0.1', port), timeout=30), server_hostname='localhost')
        except ssl.SSLError as e:
            reasons.append(e.reason)
        except OSError as e:
            reasons.append(repr(e))
    h = Helper(1005, 'evil')
    got = h.serves(visit=visit)
    assert got['errno'] == 'EACCES' and reasons == ['TLSV1_ALERT_ACCESS_DENIED'], (got, reasons)
    h.close()


def forged():
    """A program of his own at the good one's path, in a mount namespace of his own."""
    h = Helper(1001, 'good', wrap=('unshare', '-rm', 'sh', '-c',
                                   f'mount --bind {TMP}/evil {TMP}/good && exec "$@"', 'x'))
    assert h.serves()['errno'] == 'EACCES'
    h.close()


def questions():
    for rc, *words in ((2,), (2, 'user'), (2, 'user=nobody-at-all'), (2, 'port=http'),
                       (2, 'exe=/none'), (2, 'nonsense=1'), (2, 'role=judge'), (0, 'user=root'),
                       (3, 'user=1005')):
        got = ctl('policy', 'test', *words)
        assert got[0] == rc, (words, got)
    ops = ['cgroup=/kssl-ops', 'port=8443', 'role=server', 'user=root', 'group=2001']
    for words in (ops, ops[::-1]):  # those groups, not the user's own, wherever it stands
        rc, out = ctl('policy', 'test', *words)
        assert rc == 0 and out.splitlines()[1].split() == ['policy', 'ops'], (words, out)
    rc, out = ctl('policy', 'test', 'user=1001', f'exe={TMP}/good', 'role=server')
    assert rc == 0 and [x.split() for x in out.splitlines()] == [
        ['allowed', 'yes'], ['policy', 'web'], ['line', '18'], ['identities', 'rsa'],
        ['identity', 'rsa'], ['min-version', '1.3'], ['client-auth', 'none']], out


def check(text, extra=''):
    with open(TMP + '/bad', 'w', encoding='ascii') as f:
        f.write(CONF.format(pki=PKI, tmp=TMP, extra=extra) + text)
    return subprocess.run([TOP + '/build/kssld', '-t', '-c', TMP + '/bad'], capture_output=True,
                          text=True, check=False).stderr


def refused():
    for text, want in (('exe = /bin/true', 'exe without user or group keeps nobody out'),
                       ('identities = rsa, www', 'no identity named www'),
                       ('user = nobody-at-all', 'bad value for user'),
                       ('group = 2001,', ''), ('group =', 'bad value'), ('port = 0', 'bad value'),
                       ('port = 9-8', 'bad value'), ('cgroup = kssl', 'bad value'),
                       ('user = root\nexe = true', 'bad value for exe'),
                       ('suites = NONSENSE', 'OpenSSL knows none'), ('verify = no', 'unknown key'),
                       ('relax = maybe', 'bad value')):
        out = check(f'[policy x]\n{text}\n')
        assert want in out and bool(want) == ('bad:' in out), (text, out)
    out = check('[policy x]\nmin-version = 1.2\n', 'min-version = 1.3')
    assert 'min-version is outside' in out, out


def main():
    with open(TMP + '/conf', 'w', encoding='ascii') as f:
        f.write(CONF.format(pki=PKI, tmp=TMP, extra=''))
    daemon = Daemon(TMP + '/conf', TMP + '/log')
    for uid, exe, allowed, relax, default in (
            (1001, 'good', ('rsa',), False, 'rsa'), (1001, 'evil', (), None, None),
            (1002, 'good', (), True, None), (1002, 'evil', (), None, None),
            (1003, 'good', (), None, None), (0, 'evil', ('rsa', 'ec'), False, 'rsa')):
        tap.case(f'user {uid}, program {exe}')(
            lambda u=uid, e=exe, a=allowed, r=relax, d=default: matrix(Helper(u, e), a, r, d))
    for fn in (versions, client_versions, group_cgroup_port, alerts, forged, questions, refused):
        tap.case(fn.__name__.replace('_', ' '))(fn)
    daemon.stop()
    tap.done()


if sys.argv[1] == '--helper':
    helper()
else:
    from kssld import Daemon  # noqa: E402
    TMP = sys.argv[1]
    STRANGER = openssl_server('stranger')     # nobody trusts it
    CONTEXTS.update({v: context(v) for v in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)})
    main()
