#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""An OpenSSL peer: echo server, or a client that checks an echo.  What it sends goes
in records of odd sizes.

usage: tlsecho.py server PORT CERT KEY VERSION CIPHERS [mte]
       tlsecho.py client PORT CA NAME VERSION CIPHERS [mte]
VERSION 1.2 or 1.3; CIPHERS for 1.2; suites of 1.3 come by OPENSSL_CONF.  "mte": no
encrypt-then-MAC.  The client prints version, suite, and "etm" if it was that.
"""
import functools
import random
import socket
import ssl
import sys
import threading

SIZES = (1, 2, 100, 1024, 16383, 16384, 16385, 65536, 1 << 20)
CHUNK = 65536
NO_ENCRYPT_THEN_MAC = 1 << 19   # SSL_OP_NO_ENCRYPT_THEN_MAC
etm = []    # of the ServerHellos seen


def watch(_conn, _direction, _version, content, message, data):
    """Notes whether a ServerHello has the extension encrypt_then_mac (RFC 7366)."""
    if (content, message) == (ssl._TLSContentType.HANDSHAKE, ssl._TLSMessageType.SERVER_HELLO):
        at = 4 + 2 + 32         # header, version, random
        at += 1 + data[at] + 3  # session, suite, compression
        names, at = [], at + 2
        while at + 4 <= len(data):
            names.append(int.from_bytes(data[at:at + 2], 'big'))
            at += 4 + int.from_bytes(data[at + 2:at + 4], 'big')
        etm.append(22 in names)


def odd(data):
    """Pieces, each for a record."""
    while data:
        n = random.randint(1, 16384)
        yield data[:n]
        data = data[n:]


def context(server, version, ciphers, order=''):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    v = ssl.TLSVersion.TLSv1_3 if version == '1.3' else ssl.TLSVersion.TLSv1_2
    ctx.minimum_version = ctx.maximum_version = v
    if version == '1.2':
        ctx.set_ciphers(ciphers)
    if order == 'mte':
        ctx.options |= NO_ENCRYPT_THEN_MAC
    ctx._msg_callback = watch
    return ctx


def serve(port, cert, key, version, ciphers, order=''):
    ctx = context(True, version, ciphers, order)
    ctx.load_cert_chain(cert, key)
    listener = socket.create_server(('127.0.0.1', int(port)))
    while True:
        raw, _ = listener.accept()
        threading.Thread(target=echo, args=(ctx, raw), daemon=True).start()


def echo(ctx, raw):
    try:
        with ctx.wrap_socket(raw, server_side=True) as conn:
            while True:
                data = conn.recv(65536)
                if not data:
                    break
                for piece in odd(data):
                    conn.sendall(piece)
            conn.unwrap()
    except OSError as e:
        print('server:', e, file=sys.stderr)


@functools.lru_cache(None)
def data_of(size):
    return random.Random(size).randbytes(size)


def client(port, ca, name, version, ciphers, order=''):
    """Version, suite, and whether it is encrypt-then-MAC; ValueError: not an echo."""
    ctx = context(False, version, ciphers, order)
    ctx.load_verify_locations(ca)
    with socket.create_connection(('127.0.0.1', int(port)), timeout=30) as raw, \
            ctx.wrap_socket(raw, server_hostname=name) as conn:
        for size in SIZES:
            data = data_of(size)
            got = bytearray()
            while len(got) < size:  # one thread: an SSL object is not for two
                for piece in odd(data[len(got):len(got) + CHUNK]):
                    conn.sendall(piece)
                want = min(size, len(got) + CHUNK)
                while len(got) < want:
                    part = conn.recv(65536)
                    if not part:
                        raise ValueError(f'end of stream after {len(got)} of {size}')
                    got += part
            if got != data:
                raise ValueError(f'{size} bytes came back different')
        result = conn.version() or version, conn.cipher()[0], 'etm' if etm[-1] else ''
        conn.unwrap()
    return result


if __name__ == '__main__':
    if sys.argv[1] == 'server':
        serve(*sys.argv[2:])
    print(*client(*sys.argv[2:]))
