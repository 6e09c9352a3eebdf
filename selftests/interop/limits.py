#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""record_size_limit (RFC 8449) with GnuTLS, max_fragment_length (RFC 6066) with
OpenSSL: what they ask for is read off the wire, and so are our records."""
import errno
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402
from records import Half  # noqa: E402
from tls12 import prf  # noqa: E402
from wiretap import Wiretap, hello, records  # noqa: E402

PKI = TOP + '/build/pki/'
TMP = sys.argv[1]
LIMIT_PEER = TOP + '/build/peers/limit'
FRAGMENT, LIMIT = 1, 28         # extensions
DATA = bytes(range(48, 58)) * 4000
OVERHEAD = {'1.2': 8 + 16, '1.3': 1 + 16}
MOST = {'1.2': 16384, '1.3': 16385}
listener = socket.create_server(('127.0.0.1', 0))
tap.attach(listener)


def priority(version):
    return f'NORMAL:-VERS-ALL:+VERS-TLS{version}:-CIPHER-ALL:+AES-128-GCM'


def number(data):
    return struct.unpack('>H', data)[0]


def lengths(raw):
    """Of the protected records: in TLS 1.2 those after ChangeCipherSpec."""
    out, seen = [], False
    for kind, body in records(raw):
        seen = seen or kind == 20
        if kind == 23 or (seen and kind == 22):
            out.append(len(body))
    return out


def as_server(argv, version, limit_of):
    """A tool sends a line, and gets DATA, through the wiretap."""
    wire = Wiretap(listener.getsockname())
    argv = [a.replace('@PORT@', str(wire.port)) for a in argv]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as p:
        s = listener.accept()[0]
        s.settimeout(30)
        try:
            p.stdin.write(b'hello\n')
            p.stdin.flush()
            assert s.recv(100) == b'hello\n'
            s.sendall(DATA)
            assert p.stdout.read(len(DATA)) == DATA
        finally:
            s.close()
            p.kill()
            wire.close()
    offer = hello(wire.client, 1)[1]
    limit = limit_of(offer)
    sizes = lengths(wire.server)
    most = limit + OVERHEAD[version]
    assert max(sizes) == most, (limit, sorted(set(sizes)))
    assert sizes.count(most) >= len(DATA) // limit, sizes
    return offer, wire, sizes


def gnutls_client(version, size):
    """It asks for record_size_limit, and for 512 to 4096 max_fragment_length too."""
    argv = ['gnutls-cli', '--logfile=/dev/null', '--x509cafile', PKI + 'ca.pem', '--priority',
            priority(version), '--recordsize', str(size), '--sni-hostname', 'localhost',
            '--verify-hostname', 'localhost', '-p', '@PORT@', '127.0.0.1']
    offer, wire, _ = as_server(argv, version, lambda o: number(o[LIMIT]) - (version == '1.3'))
    assert (FRAGMENT in offer) == (size in (512, 1024, 2048, 4096)), offer
    if version == '1.2':
        answer = hello(wire.server, 2)[1]
        if FRAGMENT in offer:
            assert FRAGMENT in answer and LIMIT not in answer, answer
        else:
            assert FRAGMENT not in answer and number(answer[LIMIT]) == 16384, answer


def openssl_client(version, size):
    argv = ['openssl', 's_client', '-quiet', '-no_ign_eof', '-CAfile', PKI + 'ca.pem',
            '-verify_return_error', '-servername', 'localhost', '-maxfraglen', str(size),
            '-tls' + version.replace('.', '_'), '-connect', '127.0.0.1:@PORT@']
    if version == '1.2':
        argv[2:2] = ['-cipher', 'ECDHE-RSA-AES128-GCM-SHA256']
    offer, wire, _ = as_server(argv, version, lambda o: 256 << o[FRAGMENT][0])
    assert 256 << offer[FRAGMENT][0] == size and LIMIT not in offer
    if version == '1.2':
        assert hello(wire.server, 2)[1][FRAGMENT] == offer[FRAGMENT]


def gnutls_server(version, size):
    """Its own limit binds us; ours is the protocol's."""
    with socket.create_server(('127.0.0.1', 0)) as s:
        port = s.getsockname()[1]
    argv = ['gnutls-serv', '--echo', '--quiet', '-p', str(port), '--x509certfile',
            PKI + 'rsa.pem', '--x509keyfile', PKI + 'rsa.key', '--priority', priority(version)]
    if size:
        argv += ['--recordsize', str(size)]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
        try:
            tap.wait_port(port)
            wire = Wiretap(('127.0.0.1', port))
            s = socket.socket()
            s.settimeout(30)
            tap.attach(s)
            s.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'localhost')
            s.connect(('127.0.0.1', wire.port))
            line = DATA[:-1] + b'\n'
            sender = threading.Thread(target=s.sendall, args=(line,))
            sender.start()
            assert tap.read_all(s, len(line)) == line
            sender.join()
            s.close()
            wire.close()
        finally:
            p.kill()
    assert number(hello(wire.client, 1)[1][LIMIT]) == 16385, 'what we offer'
    sizes = lengths(wire.client)
    assert max(sizes) == (size or 16384) + OVERHEAD[version], (size, sorted(set(sizes)))
    if version == '1.2':
        assert number(hello(wire.server, 2)[1][LIMIT]) == (size or 16384), 'what it said'


def libssl_client(version, value, answer):
    """Any limit, also those that the tools cannot ask for."""
    wire = Wiretap(listener.getsockname())
    with subprocess.Popen([LIMIT_PEER, 'client', str(wire.port), PKI + 'ca.pem', '-', version,
                           str(value), str(len(DATA))], stdout=subprocess.PIPE) as p:
        s = listener.accept()[0]
        s.settimeout(30)
        assert s.recv(5) == b'hello'
        s.sendall(DATA)
        assert s.recv(1) == b'x'
        s.close()
        said, got = p.stdout.read().decode().split()
    assert (said, got) == (answer, str(len(DATA))), (said, got)
    sizes = lengths(wire.server)
    most = min(value, MOST[version]) - MOST[version] + 16384 + OVERHEAD[version]
    if answer == 'none':    # not bound by it: its own messages may be longer
        sizes = sizes[6:]
    assert max(sizes) == most, (value, sorted(set(sizes)))


def libssl_server(version, value):
    """Its answer binds us; a wrong one ends the handshake."""
    with socket.create_server(('127.0.0.1', 0)) as s:
        port = s.getsockname()[1]
    with subprocess.Popen([LIMIT_PEER, 'server', str(port), PKI + 'rsa.pem', PKI + 'rsa.key',
                           version, str(value), str(len(DATA))], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as p:
        tap.wait_port(port)
        wire = Wiretap(('127.0.0.1', port))
        s = socket.socket()
        s.settimeout(30)
        tap.attach(s)
        s.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'localhost')
        err = tap.errno_of(s.connect, ('127.0.0.1', wire.port))
        if value < 64:
            assert err == errno.EBADMSG and tap.error(s)['sent'] == 47, tap.error(s)
            s.close()
            p.wait(20)
            return
        s.sendall(DATA)
        assert s.recv(1) == b'x'
        s.close()
        assert p.stdout.read().decode().split() == ['16385', str(len(DATA))]
    sizes = lengths(wire.client)
    most = min(value, MOST[version]) - MOST[version] + 16384 + OVERHEAD[version]
    assert max(sizes) == most, (value, sorted(set(sizes)))


# ---- a client that does not keep to what it asked for ----

def random_of(raw):
    """The random of the first hello."""
    return records(raw)[0][1][6:38]


def half_of(log, wire, version):
    """How s_client seals, which has sent nothing but its Finished."""
    with open(log, encoding='ascii') as f:
        secrets = {w[0]: bytes.fromhex(w[2]) for w in map(str.split, f) if w[0] != '#'}
    if version == '1.3':
        half = Half(0x1301)
        half.secret = secrets['CLIENT_TRAFFIC_SECRET_0']
        half.derive()
        return half
    half = Half(0xc02f, seq=1)
    block = prf(secrets['CLIENT_RANDOM'], b'key expansion',
                random_of(wire.server) + random_of(wire.client), 40)
    half.key, half.iv = block[:16], block[32:36]
    return half


def too_long(version, pad):
    """512 bytes go through, padded or not, 513 are record_overflow (RFC 6066, 4).  No
    library sends them: the record comes from beside, with s_client's keys."""
    wire, log = Wiretap(listener.getsockname()), f'{TMP}/keys-{version}-{pad}'
    argv = ['openssl', 's_client', '-quiet', '-no_ign_eof', '-CAfile', PKI + 'ca.pem',
            '-servername', 'localhost', '-maxfraglen', '512', '-keylogfile', log,
            '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256', '-ciphersuites', 'TLS_AES_128_GCM_SHA256',
            '-tls' + version.replace('.', '_'), '-connect', f'127.0.0.1:{wire.port}']
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE) as p:
        s = listener.accept()[0]
        try:
            s.settimeout(30)
            s.sendall(b'x')
            tap.until(lambda: os.path.exists(log) and
                      ('CLIENT_TRAFFIC_SECRET_0' if version == '1.3' else 'CLIENT_RANDOM') in
                      open(log, encoding='ascii').read(), lambda: 'no keys')
            half = half_of(log, wire, version)
            wire.to_server(half.seal(DATA[:512], pad=pad))
            assert tap.read_all(s, 512) == DATA[:512]
            wire.to_server(half.seal(DATA[:513], pad=pad))
            assert tap.errno_of(s.recv, 1) == errno.EMSGSIZE
            assert tap.error(s)['sent'] == 22, tap.error(s)
            assert b'record overflow' in p.stderr.read(), 's_client is told'
        finally:
            s.close()
            p.kill()
            wire.close()


# ---- hellos made by hand ----

def client_hello(version, *extensions):
    """OpenSSL's, with more extensions at the end; nobody will finish this handshake."""
    ctx = ssl.create_default_context(cafile=PKI + 'ca.pem')
    ctx.maximum_version = ssl.TLSVersion.TLSv1_3 if version == '1.3' else ssl.TLSVersion.TLSv1_2
    into, away = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        ctx.wrap_bio(into, away, server_hostname='localhost').do_handshake()
    except ssl.SSLWantReadError:
        pass
    body = bytearray(away.read()[9:])
    more = b''.join(struct.pack('>HH', kind, len(data)) + data for kind, data in extensions)
    at = 35 + body[34]
    at += 2 + struct.unpack_from('>H', body, at)[0]
    at += 1 + body[at]
    struct.pack_into('>H', body, at, struct.unpack_from('>H', body, at)[0] + len(more))
    text = b'\1' + (len(body) + len(more)).to_bytes(3, 'big') + bytes(body) + more
    return b'\x16\3\1' + struct.pack('>H', len(text)) + text


def answer_to(raw):
    c = socket.create_connection(listener.getsockname(), timeout=20)
    s = listener.accept()[0]
    s.settimeout(1)
    c.sendall(raw)
    t = threading.Thread(target=tap.errno_of, args=(s.recv, 1))
    t.start()
    got = b''
    c.settimeout(5)
    while not records(got):
        got += c.recv(65536)
    kind, body = records(got)[0]
    c.close()
    t.join()
    s.close()
    return kind, body, got


def by_hand():
    for version in ('1.2', '1.3'):
        for data, alert in ((b'\0\x3f', 47), (b'\0\0', 47), (b'\0', 50), (b'', 50),
                            (b'\0\x40\0', 50)):
            kind, body, _ = answer_to(client_hello(version, (LIMIT, data)))
            assert (kind, body) == (21, b'\2' + bytes([alert])), (version, data, kind, body)
    for data in (b'\0\x40', b'\x40\0', b'\x40\1', b'\xff\xff'):
        kind, _, got = answer_to(client_hello('1.2', (LIMIT, data)))
        answer = hello(got, 2)[1]
        assert kind == 22 and answer[LIMIT] == b'\x40\0', (data, answer)
    _, _, got = answer_to(client_hello('1.2', (LIMIT, b'\2\0'), (FRAGMENT, b'\2')))
    answer = hello(got, 2)[1]
    assert LIMIT not in answer and answer[FRAGMENT] == b'\2', answer
    _, _, got = answer_to(client_hello('1.2'))
    answer = hello(got, 2)[1]
    assert LIMIT not in answer and FRAGMENT not in answer, answer


def main():
    for version in ('1.2', '1.3'):
        for size in (1000, 2048):
            tap.case(f'kssl server, gnutls-cli --recordsize {size}, TLS {version}')(
                lambda v=version, n=size: gnutls_client(v, n))
        for size in (512,):
            tap.case(f'kssl server, s_client -maxfraglen {size}, TLS {version}')(
                lambda v=version, n=size: openssl_client(v, n))
        for size in (0, 600):
            tap.case(f'kssl client, gnutls-serv --recordsize {size or "default"}, TLS {version}')(
                lambda v=version, n=size: gnutls_server(v, n))
    for version in ('1.2', '1.3'):
        for value in (64, 512, 513, 65535):
            answer = str(MOST[version]) if version == '1.2' or value > 512 else 'none'
            tap.case(f'kssl server, libssl client with limit {value}, TLS {version}')(
                lambda v=version, n=value, a=answer: libssl_client(v, n, a))
        for value in (63, 64, 5000):
            tap.case(f'kssl client, libssl server with limit {value}, TLS {version}')(
                lambda v=version, n=value: libssl_server(v, n))
    for version, pad in (('1.2', 0), ('1.3', 0), ('1.3', 100)):
        tap.case(f'kssl server, 513 bytes after -maxfraglen 512, TLS {version}, '
                 f'padding {pad}')(lambda v=version, n=pad: too_long(v, n))
    tap.case('hellos made by hand')(by_hand)
    tap.done()


main()
