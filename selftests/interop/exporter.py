#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""KSSL_EXPORTER: both ends must have the same bytes, and the other end is
OpenSSL's: SSL_export_keying_material, s_client, s_server."""
import ctypes
import errno
import os
import re
import select
import socket
import struct
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402
from records import Peer  # noqa: E402

PKI = TOP + '/build/pki/'
PEER = TOP + '/build/peers/exporter'
SIZE = 1800
LABEL_MAX, CONTEXT_MAX, OUT_MAX = 249, 1024, 512
QUESTIONS = (   # label, context, length
    (b'EXPERIMENTAL one', None, 32), (b'EXPERIMENTAL one', b'', 32),
    (b'EXPERIMENTAL one', b'\0', 32), (b'EXPERIMENTAL one', b'context', 1),
    (b'client EAP encryption', None, 128), (b'EXPORTER-Channel-Binding', b'', 32),
    (b'EXPORTER-network-time-security', b'\0\0\0\x0f\0', 48), (b'x', bytes(range(255)), 500),
    (b'EXPERIMENTAL long', bytes(700), 512))
libc = ctypes.CDLL(None, use_errno=True)


def pack(label, context, length, has=None, reserved=0):
    body = struct.pack('=HHHBB256s', len(label), len(context or b''), length,
                       context is not None if has is None else has, reserved, label)
    return body + (context or b'').ljust(CONTEXT_MAX, b'\0') + b'\xaa' * OUT_MAX


def ask(sock, raw, room=None):
    """getsockopt that also carries something in: (errno, what lies there then)."""
    buf = ctypes.create_string_buffer(raw, max(len(raw), 4096))
    size = ctypes.c_int(len(raw) if room is None else room)
    if libc.getsockopt(sock.fileno(), tap.SOL_KSSL, tap.EXPORTER, buf, ctypes.byref(size)):
        return ctypes.get_errno(), buf.raw
    assert size.value == SIZE
    return 0, buf.raw


def export(sock, label, context, length):
    raw = pack(label, context, length)
    err, got = ask(sock, raw)
    assert not err, os.strerror(err)
    at = SIZE - OUT_MAX
    assert got[:at] == raw[:at] and got[at + length:SIZE] == raw[at + length:]
    return got[at:at + length]


def argument(label, context, length):
    text = '-' if context is None else context.hex() or 'empty'
    return f'{label.decode()}:{text}:{length}'


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as s:
        return s.getsockname()[1]


def connected(port):
    """A kssl client, once somebody listens."""
    end = time.time() + 20
    while True:
        s = socket.socket()
        s.settimeout(20)
        tap.attach(s)
        s.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'localhost')
        try:
            s.connect(('127.0.0.1', port))
            return s
        except ConnectionRefusedError:
            s.close()
            assert time.time() < end, 'no server'
            time.sleep(0.1)


def started(role, argv):
    """The peer, and our connected socket; role is the peer's."""
    port = free_port()
    if role == 'server':
        peer = subprocess.Popen([a.replace('@PORT@', str(port)) for a in argv],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return peer, connected(port)
    with socket.create_server(('127.0.0.1', port)) as listener:
        tap.attach(listener)
        peer = subprocess.Popen([a.replace('@PORT@', str(port)) for a in argv],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        listener.settimeout(20)
        s = listener.accept()[0]
    s.settimeout(20)
    return peer, s


def with_libssl(role, version, ems='yes'):
    files = [PKI + 'rsa.pem', PKI + 'rsa.key'] if role == 'server' else [PKI + 'ca.pem', '-']
    return started(role, [PEER, role, '@PORT@', *files, version, ems,
                          *(argument(*q) for q in QUESTIONS)])


def finish(peer, s):
    s.close()
    peer.stdin.close()
    try:
        peer.wait(10)
    finally:
        peer.kill()
        peer.stdout.close()


def libssl(role, version):
    peer, s = with_libssl(role, version)
    assert s.recv(1) == b'x'
    assert tap.info(s)['version'] == (0x304 if version == '1.3' else 0x303)
    seen = set()
    for q in QUESTIONS:
        want = bytes.fromhex(peer.stdout.readline().decode())
        got = export(s, *q)
        assert got == want, f'{q} got {got.hex()} wanted {want.hex()}'
        assert export(s, *q) == want, 'asked again'
        seen.add(want[:32])
    none, empty = (export(s, b'EXPERIMENTAL one', c, 32) for c in (None, b''))
    assert (none == empty) == (version == '1.3'), 'RFC 8446, 7.5; RFC 5705, 4'
    assert len(seen) == len(QUESTIONS) - (version == '1.3')
    limits(s)
    labels(s)
    finish(peer, s)
    return True


def limits(s):
    """Nothing is written, and the session goes on."""
    good = pack(b'EXPERIMENTAL one', b'abc', 32)
    assert ask(s, good)[0] == 0
    at = SIZE - OUT_MAX
    for raw in (pack(b'', b'', 32), pack(b'x' * 250, b'', 32), pack(b'x' * 256, b'', 32),
                pack(b'x', b'', 0), pack(b'x', b'', OUT_MAX + 1), pack(b'x', b'', 65535),
                pack(b'x', b'ab', 32, has=0), pack(b'x', b'ab', 32, has=2),
                pack(b'x', b'ab', 32, reserved=1), b'\xff' * SIZE,
                struct.pack('=HHH', 1, CONTEXT_MAX + 1, 32) + good[6:],
                struct.pack('=HHH', 1, 65535, 32) + good[6:]):
        err, got = ask(s, raw)
        assert err == errno.EINVAL and got[at:SIZE] == raw[at:SIZE], raw[:8]
    for room in (0, 4, SIZE - 1, SIZE + 1, 4096, -1):
        assert ask(s, good, room)[0] == errno.EINVAL, room
    assert len(export(s, b'l' * LABEL_MAX, bytes(CONTEXT_MAX), OUT_MAX)) == OUT_MAX
    assert libc.getsockopt(s.fileno(), tap.SOL_KSSL, tap.EXPORTER, 1,
                           ctypes.byref(ctypes.c_int(SIZE))) == -1
    assert ctypes.get_errno() == errno.EFAULT
    assert libc.getsockopt(s.fileno(), tap.SOL_KSSL, tap.EXPORTER, good, 1) == -1
    assert ctypes.get_errno() == errno.EFAULT
    assert tap.errno_of(s.setsockopt, tap.SOL_KSSL, tap.EXPORTER, good) == errno.ENOPROTOOPT


def labels(s):
    for label in (b'client finished', b'server finished', b'master secret', b'key expansion',
                  b'extended master secret', b'key expansion2'):
        assert ask(s, pack(label, None, 32))[0] == errno.EINVAL, label
    for label in (b'Key expansion', b'master secre', b'\xff\0 any bytes'):
        assert ask(s, pack(label, None, 32))[0] == 0, label


def tool(role, version):
    """openssl s_client and s_server print theirs."""
    flag = '-tls' + version.replace('.', '_')
    label = b'EXPERIMENTAL tool'
    what = ['-keymatexport', label.decode(), '-keymatexportlen', '77', flag]
    if role == 'server':
        argv = ['openssl', 's_server', '-port', '@PORT@', '-cert', PKI + 'rsa.pem', '-key',
                PKI + 'rsa.key', *what]
    else:
        argv = ['openssl', 's_client', '-connect', '127.0.0.1:@PORT@', '-CAfile', PKI + 'ca.pem',
                '-verify_return_error', *what]
    peer, s = started(role, argv)
    s.sendall(b'x\n')
    out = b''
    end = time.time() + 20
    while not re.search(rb'Keying material: (\w+)\n', out) and time.time() < end:
        if select.select([peer.stdout], [], [], 1)[0]:
            out += os.read(peer.stdout.fileno(), 65536)
    want = re.search(rb'Keying material: (\w+)\n', out)
    assert want, out
    assert export(s, label, None, 77) == bytes.fromhex(want[1].decode())
    s.close()
    peer.kill()
    peer.wait()
    return True


def no_session():
    good = pack(b'x', None, 32)
    with socket.socket() as s:
        assert ask(s, good)[0] in (errno.ENOPROTOOPT, errno.EOPNOTSUPP), 'plain TCP'
        tap.attach(s)
        assert ask(s, good)[0] == errno.ENOTCONN, 'not connected'
    with socket.create_server(('127.0.0.1', 0)) as listener:
        tap.attach(listener)
        assert ask(listener, good)[0] == errno.ENOTCONN, 'listening'
        with socket.create_connection(listener.getsockname()):
            s = listener.accept()[0]
            assert ask(s, good)[0] == errno.ENOTCONN, 'before the handshake'
            s.close()
    for suite in (0x1301, 0xc02f):
        p = Peer(suite)
        assert ask(p.kssl, good)[0] == errno.ENODATA, 'own keys'
        p.kssl.send(b'x')
        assert p.got()[1] == b'x'
        p.close()
    return True


def after_failure(version):
    """A session that has failed has no secret any more; one that was closed has."""
    good = pack(b'x', None, 32)
    peer, s = with_libssl('server', version)
    assert s.recv(1) == b'x' and ask(s, good)[0] == 0
    peer.kill()
    assert tap.errno_of(s.recv, 1) in (errno.ECONNRESET, 0)
    # a FIN alone cuts reading; when writing ends as well the session has failed
    got = ask(s, good)[0], tap.error(s)
    assert got[0] == 0 and got[1]['err'] == errno.ECONNRESET, got
    s.shutdown(socket.SHUT_WR)
    got = ask(s, good)[0], tap.error(s)
    assert got[0] == errno.ENODATA and got[1]['err'] == errno.ECONNRESET, got
    finish(peer, s)
    peer, s = with_libssl('server', version)
    assert s.recv(1) == b'x'
    s.shutdown(socket.SHUT_WR)
    assert s.recv(1) == b'' and ask(s, good)[0] == 0
    finish(peer, s)
    return True


def no_extended_master_secret(role):
    """RFC 7627, 5.4: what a man in the middle can have on both sides is not given."""
    peer, s = with_libssl(role, '1.2', ems='no')
    assert s.recv(1) == b'x' and tap.info(s)['version'] == 0x303
    assert ask(s, pack(b'x', None, 32))[0] == errno.ENODATA
    finish(peer, s)
    return True


def main():
    for version in ('1.2', '1.3'):
        for role in ('server', 'client'):
            for fn in (libssl, tool):
                tap.case(f'{fn.__name__}: OpenSSL is the {role}, TLS {version}')(
                    lambda f=fn, r=role, v=version: f(r, v))
        tap.case(f'after a failure and after the end, TLS {version}')(
            lambda v=version: after_failure(v))
    tap.case('without a session')(no_session)
    for role in ('server', 'client'):
        tap.case(f'TLS 1.2 without extended master secret, OpenSSL is the {role}')(
            lambda r=role: no_extended_master_secret(r))
    tap.done()


main()
