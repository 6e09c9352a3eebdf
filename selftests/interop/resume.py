#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A client resumes, with OpenSSL and GnuTLS as servers, which say so themselves;
and does not where name, port, user, identity, protocols or trust differ."""
import atexit
import errno
import os
import signal
import socket
import struct
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402
from wiretap import Wiretap, hello  # noqa: E402

PKI = TOP + '/build/pki/'
TMP = sys.argv[1]
CONF = TMP + '/conf'
TICKET, PSK, EARLY = 35, 41, 42     # extensions


class Daemon:
    def __init__(self, *lines):
        path = f'{TMP}/conf-{len(lines)}'
        with open(CONF, encoding='ascii') as f, open(path, 'w', encoding='ascii') as g:
            g.write(f.read() + '\n'.join(('[client]', *lines, '')))
        self.p = subprocess.Popen([TOP + '/build/kssld', '-c', path, '-f'],
                                  stderr=subprocess.PIPE, text=True)
        atexit.register(self.p.kill)
        for line in self.p.stderr:
            if 'ready' in line:
                return
        raise AssertionError('kssld')

    def stop(self, sig=signal.SIGTERM):
        self.p.send_signal(sig)
        self.p.wait(20)
        self.p.stderr.close()


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as s:
        return s.getsockname()[1]


class Server:
    """peers/tickets; .said() is its view of the next connection."""

    def __init__(self, version, actions, cert='rsa', ca='-'):
        self.port = free_port()
        path = cert if '/' in cert else PKI + cert
        self.p = subprocess.Popen([TOP + '/build/peers/tickets', str(self.port), path + '.pem',
                                   path + '.key', version, ca, actions],
                                  stdout=subprocess.PIPE, text=True)
        atexit.register(self.p.kill)    # also if a test stops in the middle
        tap.wait_port(self.port)

    def said(self):
        return self.p.stdout.readline().split()

    def stop(self):
        self.p.kill()
        self.p.wait()
        self.p.stdout.close()


def connect(port, name=b'localhost', alpn=None, identity=None):
    s = socket.socket()
    s.settimeout(30)
    tap.attach(s)
    for option, value in ((tap.PEER_NAME, name), (tap.ALPN, alpn), (tap.IDENTITY, identity)):
        if value is not None:
            s.setsockopt(tap.SOL_KSSL, option, value)
    s.connect(('127.0.0.1', port))
    return s


def posted(before, n):
    """The kernel has relayed so many tickets, and the daemon had time to read them."""
    end = time.time() + 10
    while tap.counters()['TicketsRelayed'] - before < n:
        assert time.time() < end, 'tickets are missing'
        time.sleep(0.05)
    time.sleep(0.3)


def visit(server, data=4, port=None, **how):
    """Connect, read @data bytes, close.  What both ends say of resumption."""
    s = connect(port or server.port, **how)
    assert len(tap.read_all(s, data)) == data
    info = tap.info(s)
    said = server.said()
    assert info['verified'] == 1, info
    assert (said[0] == 'reused') == (info['resumed'] == 1), (said, info)
    if info['resumed']:
        assert tap.errno_of(s.getsockopt, tap.SOL_KSSL, tap.PEER_CERT, 1) == errno.ERANGE
        assert b'CN=' in s.getsockopt(tap.SOL_KSSL, tap.PEER_SUBJECT, 999)
    s.shutdown(socket.SHUT_WR)
    assert s.recv(1) == b''
    s.close()
    return bool(info['resumed'])


def identities(wire):
    """Those of the PSKs that a ClientHello offers (RFC 8446, 4.2.11)."""
    data = hello(wire.client, 1)[1].get(PSK)
    if not data:
        return []
    out, at, end = [], 2, 2 + struct.unpack_from('>H', data)[0]
    while at < end:
        size = struct.unpack_from('>H', data, at)[0]
        out.append(data[at + 2:at + 2 + size])
        at += 2 + size + 4
    return out


# ---- good ----

def tls12():
    server = Server('1.2', 'd')
    before = tap.counters()['TicketsRelayed']
    assert [visit(server) for _ in range(4)] == [False, True, True, True]
    assert tap.counters()['TicketsRelayed'] == before
    server.stop()


def tls13():
    """Data before tickets, a KeyUpdate between them; each ticket is offered once."""
    server, port = Server('1.3', 'dtdktd'), free_port()
    before = tap.counters()['TicketsRelayed']
    seen, resumed = [], []
    for i in range(5):
        wire = Wiretap(('127.0.0.1', server.port), port)
        s = connect(port)
        assert tap.read_all(s, 12) == b'data' * 3
        posted(before, 2 * (i + 1))
        resumed.append(bool(tap.info(s)['resumed']))
        assert server.said()[0] == ('reused' if resumed[-1] else 'new')
        s.close()
        wire.close()
        seen.append(identities(wire))
        assert EARLY not in hello(wire.client, 1)[1], '0-RTT'
    assert resumed == [False] + [True] * 4, resumed
    assert [len(x) for x in seen] == [0, 1, 1, 1, 1] and len({x[0] for x in seen[1:]}) == 4, seen
    server.stop()


def once():
    """Four tickets of one connection: four resumed ones, all offered differently."""
    server = Server('1.3', 'd8td')
    before = tap.counters()['TicketsRelayed']
    s = connect(server.port)
    assert tap.read_all(s, 8) == b'datadata' and server.said()[0] == 'new'
    posted(before, 4)
    assert tap.counters()['TicketsRelayed'] == before + 4, 'so many are asked for'
    s.close()
    server.p.send_signal(signal.SIGSTOP)    # its answers bring no new tickets meanwhile
    offered = []
    for _ in range(5):
        s = socket.socket()
        tap.attach(s)
        s.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'localhost')
        s.setblocking(False)
        assert tap.errno_of(s.connect, ('127.0.0.1', server.port)) == errno.EINPROGRESS
        offered.append(s)
    time.sleep(1)
    server.p.send_signal(signal.SIGCONT)
    resumed = []
    for s in offered:
        s.setblocking(True)
        s.settimeout(20)
        assert tap.read_all(s, 8) == b'datadata'
        resumed.append(tap.info(s)['resumed'])
        assert (server.said()[0] == 'reused') == bool(resumed[-1])
        s.close()
    assert sorted(resumed) == [0, 1, 1, 1, 1], resumed
    server.stop()


def tools(version):
    """s_server says "New" or "Reused" on its page; gnutls-serv takes tickets, too."""
    port, flag = free_port(), '-tls' + version.replace('.', '_')
    with subprocess.Popen(['openssl', 's_server', '-www', '-port', str(port), '-cert',
                           PKI + 'rsa.pem', '-key', PKI + 'rsa.key', flag],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
        tap.wait_port(port)
        pages = []
        for _ in range(2):
            s = connect(port)
            s.sendall(b'GET / HTTP/1.0\r\n\r\n')
            page = b''.join(iter(lambda: s.recv(65536), b''))    # pylint: disable=cell-var-from-loop
            pages.append((b'\nReused, TLS' in page, bool(tap.info(s)['resumed'])))
            s.close()
            time.sleep(0.5)
        p.kill()
    assert pages == [(False, False), (True, True)], pages
    port = free_port()
    with subprocess.Popen(['gnutls-serv', '--echo', '--quiet', '-p', str(port), '--x509certfile',
                           PKI + 'rsa.pem', '--x509keyfile', PKI + 'rsa.key', '--priority',
                           f'NORMAL:-VERS-ALL:+VERS-TLS{version}'],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
        tap.wait_port(port)
        resumed = []
        for _ in range(3):
            s = connect(port)
            s.sendall(b'hello\n')
            assert tap.read_all(s, 6) == b'hello\n'
            resumed.append(tap.info(s)['resumed'])
            s.close()
            time.sleep(0.5)
        p.kill()
    assert resumed == [0, 1, 1], resumed


# ---- and not ----

def as_user(server, uid):
    """What visit() says for another user."""
    r, w = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.setresuid(uid, uid, uid)
            os.write(w, b'%d' % visit(server))
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    os.close(w)
    with os.fdopen(r) as f:
        return f.read()


def others(version):
    """What is not the same does not resume; and the same still does afterwards."""
    server = Server(version, 'dtt' if version == '1.3' else 'd', ca=PKI + 'ca.pem')
    kinds = ({}, {'name': b'server.test'}, {'name': None}, {'alpn': b'h2'}, {'alpn': b'h2,h3'},
             {'identity': b'rsa'}, {'identity': b'ec'})
    firsts, seconds = [], []
    for kind in kinds:
        firsts.append(visit(server, **kind))
        time.sleep(0.3)
    assert as_user(server, 65534) == '0', 'another user'
    wire = Wiretap(('127.0.0.1', server.port))
    assert not visit(server, port=wire.port), 'another port'
    wire.close()
    time.sleep(0.3)
    for kind in kinds:
        seconds.append(visit(server, **kind))
    assert firsts == [False] * len(kinds) and seconds == [True] * len(kinds), (firsts, seconds)
    server.stop()


def certificate(name, seconds):
    """A certificate of the test CA, valid for so long."""
    end = time.strftime('%Y%m%d%H%M%SZ', time.gmtime(time.time() + seconds))
    os.makedirs(TMP + '/ca', exist_ok=True)
    with open(TMP + '/ca/cnf', 'w', encoding='ascii') as f:
        f.write(f'[ca]\ndefault_ca=x\n[x]\ndatabase={TMP}/ca/index\nserial={TMP}/ca/serial\n'
                f'new_certs_dir={TMP}/ca\ndefault_md=sha256\npolicy=p\nunique_subject=no\n'
                '[p]\ncommonName=supplied\n')
    with open(TMP + '/ca/index', 'w', encoding='ascii'):
        pass
    with open(TMP + '/ca/serial', 'w', encoding='ascii') as f:
        f.write('77\n')
    with open(TMP + '/ca/ext', 'w', encoding='ascii') as f:
        f.write('subjectAltName=DNS:localhost\n')
    for argv in (['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                  '-keyout', f'{TMP}/{name}.key', '-out', f'{TMP}/{name}.csr', '-subj',
                  '/CN=soon'],
                 ['ca', '-batch', '-config', TMP + '/ca/cnf', '-cert', PKI + 'ca.pem', '-keyfile',
                  PKI + 'ca.key', '-in', f'{TMP}/{name}.csr', '-out', f'{TMP}/{name}.pem',
                  '-extfile', TMP + '/ca/ext', '-startdate', '20200101000000Z', '-enddate', end,
                  '-notext']):
        subprocess.run(['openssl', *argv], check=True, capture_output=True)


def expired():
    """A ticket outlives the certificate that its session rests on: not for us."""
    start = time.time()
    certificate('soon', 20)
    servers = [Server('1.2', 'd', TMP + '/soon'), Server('1.3', 'dtt', TMP + '/soon')]
    for server in servers:
        assert not visit(server)
    time.sleep(0.3)
    for server in servers:
        assert visit(server), 'as long as it is valid'
    time.sleep(max(0, start + 22 - time.time()))
    for server in servers:
        s = socket.socket()
        tap.attach(s)
        s.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'localhost')
        assert tap.errno_of(s.connect, ('127.0.0.1', server.port)) == errno.EKEYEXPIRED
        assert server.said() == ['failed']
        s.close()
        server.stop()


def intermediate():
    """TMP/deep: a certificate below another one that only the server knows."""
    ca, ca_key = PKI + 'ca.pem', PKI + 'ca.key'
    for n, (name, text) in enumerate((('inter', 'basicConstraints=critical,CA:true'),
                                      ('deep', 'subjectAltName=DNS:localhost'))):
        path = f'{TMP}/{name}'
        with open(path + '.ext', 'w', encoding='ascii') as f:
            f.write(text + '\n')
        for argv in (['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
                      '-nodes', '-keyout', path + '.key', '-out', path + '.csr', '-subj',
                      '/CN=' + name],
                     ['x509', '-req', '-in', path + '.csr', '-CA', ca, '-CAkey', ca_key,
                      '-set_serial', str(n + 5), '-days', '30', '-extfile', path + '.ext',
                      '-out', path + '.pem']):
            subprocess.run(['openssl', *argv], check=True, capture_output=True)
        ca, ca_key = path + '.pem', path + '.key'
    with open(TMP + '/inter.pem', encoding='ascii') as f, \
            open(TMP + '/deep.pem', 'a', encoding='ascii') as g:
        g.write(f.read())


def chains():
    """The chain is kept with the session, verified with it again, and told as before."""
    intermediate()
    for version in ('1.2', '1.3'):
        server = Server(version, 'dtt' if version == '1.3' else 'd', TMP + '/deep')
        got = []
        for i in range(2):
            s = connect(server.port)
            assert tap.read_all(s, 4) == b'data'
            said, info = server.said(), tap.info(s)
            assert (info['resumed'], said[0]) == (i, ('new', 'reused')[i]), (version, said, info)
            got.append(tap.getsockopt(s, tap.PEER_CHAIN, 40000))
            one = tap.getsockopt(s, tap.PEER_CERT, 40000)
            assert got[i].startswith(one) and len(got[i]) > len(one)
            s.shutdown(socket.SHUT_WR)
            assert s.recv(1) == b''     # and the tickets before it
            s.close()
            time.sleep(0.3)
        assert got[0] == got[1]
        server.stop()


def switched_off():
    for version in ('1.2', '1.3'):
        server = Server(version, 'dtt' if version == '1.3' else 'd')
        before = tap.counters()
        assert [visit(server) for _ in range(2)] == [False] * 2
        after = tap.counters()
        assert after['TicketsRelayed'] == before['TicketsRelayed']
        server.stop()


def bounded():
    """A table of two sessions: the oldest goes."""
    server = Server('1.2', 'd')
    names = ({'name': b'localhost'}, {'name': b'server.test'}, {'name': None})
    assert not any(visit(server, **n) for n in names)
    assert visit(server, **names[2]) and visit(server, **names[1])
    assert not visit(server, **names[0])
    server.stop()


# ---- trouble ----

def flood(daemon):
    """Many tickets: the data come, few are relayed, and the daemon does not grow."""
    server = Server('1.3', '2000td')
    before = tap.counters()
    size = rss(daemon)
    s = connect(server.port)
    assert tap.read_all(s, 4) == b'data'
    after = tap.counters()
    assert after['Tickets'] - before['Tickets'] == 2000
    assert after['TicketsRelayed'] - before['TicketsRelayed'] == 4
    s.close()
    assert rss(daemon) - size < 2 << 20
    server.stop()
    server = Server('1.3', 'dtt')
    assert [visit(server), time.sleep(0.3), visit(server)] == [False, None, True]
    server.stop()


def rss(daemon):
    with open(f'/proc/{daemon.p.pid}/statm', encoding='ascii') as f:
        return int(f.read().split()[1]) * 4096


def worker_dies(daemon):
    """Between handshake and tickets; then another one has never heard of them."""
    server = Server('1.3', '')
    before = tap.counters()['TicketsRelayed']
    s = connect(server.port)
    daemon.stop(signal.SIGKILL)
    server.stop()
    s.close()
    server = Server('1.3', 'd2td2t5d')
    daemon = Daemon()
    s = connect(server.port)
    daemon.stop(signal.SIGKILL)
    assert tap.read_all(s, 28) == b'data' * 7 and tap.error(s)['err'] == 0
    s.sendall(b'still here')
    s.close()
    assert server.said()[0] == 'new'
    assert tap.counters()['TicketsRelayed'] - before <= 4
    daemon = Daemon()
    assert [visit(server, 28), time.sleep(0.3), visit(server, 28)] == [False, None, True]
    server.stop()
    return daemon


def main():
    daemon = Daemon()
    tap.case('TLS 1.2, both ends say so')(tls12)
    tap.case('TLS 1.3, data and KeyUpdate before tickets')(tls13)
    tap.case('TLS 1.3, each ticket once')(once)
    for version in ('1.2', '1.3'):
        tap.case(f's_server and gnutls-serv, TLS {version}')(lambda v=version: tools(v))
        tap.case(f'other name, user, port, identity, protocols, TLS {version}')(
            lambda v=version: others(v))
    tap.case('an intermediate certificate')(chains)
    tap.case('the certificate has expired since')(expired)
    tap.case('a flood of tickets')(lambda: flood(daemon))

    def death():
        nonlocal daemon
        daemon = worker_dies(daemon)
    tap.case('the daemon dies')(death)
    daemon.stop()
    daemon = Daemon('resume = no')
    tap.case('switched off')(switched_off)
    daemon.stop()
    daemon = Daemon('resume-cache = 2', 'verify = yes')
    tap.case('a bounded table')(bounded)
    daemon.stop()
    tap.done()


main()
