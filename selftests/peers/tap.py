# SPDX-License-Identifier: GPL-2.0
"""TAP output and kssl's numbers, for the tests written in Python."""
import ctypes
import os
import socket
import struct
import sys
import time
import traceback

SOL_TCP, TCP_ULP, SOL_KSSL = 6, 31, 27507
(PEER_NAME, IDENTITY, ALPN, PEER_AUTH, ROLE, HANDSHAKE, INFO, PEER_CERT, PEER_SUBJECT, ERROR,
 KEY_TX, KEY_RX, KEY_UPDATE, RECORD_SIZE, PAD, EOF_MODE, EXPORTER) = range(1, 18)
DETACH, RECORDS, TEXT = 18, 19, 20
PEER_SAN, PEER_FINGERPRINT, PEER_CHAIN, PEER_VERIFY = range(21, 25)
count = failed = 0


def ok(good, name, why=''):
    global count, failed
    count += 1
    if good:
        print(f'ok {count} - {name}', flush=True)
    else:
        failed += 1
        print(f'not ok {count} - {name}', flush=True)
        for line in str(why).splitlines():
            print(f'# {line}', flush=True)
    return good


def is_(got, want, name):
    return ok(got == want, name, f'got    {got!r}\nwanted {want!r}')


def skip(name, why):
    global count
    count += 1
    print(f'ok {count} - {name} # SKIP {why}', flush=True)


def done():
    print(f'1..{count}', flush=True)
    sys.exit(1 if failed else 0)


def case(name):
    """Decorator: a function that must not raise is one test."""
    def wrap(fn):
        try:
            fn()
            ok(True, name)
        except Exception:  # pylint: disable=broad-except
            ok(False, name, traceback.format_exc())
        return fn
    return wrap


def errno_of(fn, *args):
    try:
        fn(*args)
    except OSError as e:
        return e.errno
    return 0


def attach(sock):
    sock.setsockopt(SOL_TCP, TCP_ULP, b'kssl')


def info(sock):
    names = ('version suite role state verified resumed id txgen rxgen res txbytes rxbytes '
             'txrecords rxrecords')
    return dict(zip(names.split(), struct.unpack('=HHBBBBIIIIQQQQ',
                                                 sock.getsockopt(SOL_KSSL, INFO, 64))))


def error(sock):
    raw = sock.getsockopt(SOL_KSSL, ERROR, 132)
    err, verify, sent, received = struct.unpack('=iiBB', raw[:10])
    return {'err': err, 'verify': verify, 'sent': sent, 'received': received,
            'text': raw[12:].split(b'\0')[0].decode()}


def getsockopt(sock, name, room, level=SOL_KSSL):
    """An option's value, of any length: Python's own call ends at 1024 bytes."""
    libc = ctypes.CDLL(None, use_errno=True)
    buf, size = ctypes.create_string_buffer(max(room, 1)), ctypes.c_uint32(room)
    if libc.getsockopt(sock.fileno(), level, name, buf, ctypes.byref(size)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return buf.raw[:size.value]


def key(version, suite, secret=b'', key=b'', iv=b'', seq=0, flags=0, mac=b''):
    return struct.pack('=HHIQHHHH48s32s16s48s', version, suite, flags, seq, len(secret), len(key),
                       len(iv), len(mac), secret, key, iv, mac)


def pair(family=socket.AF_INET):
    """Two ends of a plain TCP connection over loopback."""
    listener = socket.socket(family)
    listener.bind(('::1' if family == socket.AF_INET6 else '127.0.0.1', 0))
    listener.listen()
    one = socket.socket(family)
    one.connect(listener.getsockname())
    other, _ = listener.accept()
    listener.close()
    one.settimeout(20)
    other.settimeout(20)
    return one, other


def listening(port):
    """Whether something listens there, without a connection that would disturb it."""
    for path in ('/proc/net/tcp', '/proc/net/tcp6'):
        with open(path, encoding='ascii') as f:
            for _, local, _, state, *_ in (line.split() for line in f):
                if local.endswith(f':{port:04X}') and state == '0A':
                    return True
    return False


def until(what, why, seconds=30):
    """Wait for what() to be true; else it is an error, and why() tells."""
    end = time.time() + seconds
    while not what():
        assert time.time() < end, why()
        time.sleep(0.05)


def wait_port(port, seconds=20):
    end = time.time() + seconds
    while time.time() < end and not listening(port):
        time.sleep(0.05)


def read_all(sock, n):
    out = bytearray()
    while len(out) < n:
        part = sock.recv(min(n - len(out), 1 << 18))
        if not part:
            break
        out += part
    return bytes(out)


def counters():
    with open('/proc/net/kssl_stat', encoding='ascii') as f:
        return {k: int(v) for k, v in (line.split() for line in f)}
