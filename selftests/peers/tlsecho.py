#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""An OpenSSL peer: echo server, or a client that checks an echo.

usage: tlsecho.py server PORT CERT KEY VERSION CIPHERS
       tlsecho.py client PORT CA NAME VERSION CIPHERS
VERSION 1.2 or 1.3; CIPHERS for 1.2; suites of 1.3 come by OPENSSL_CONF.
"""
import random
import socket
import ssl
import sys
import threading

SIZES = (1, 2, 100, 1024, 16383, 16384, 16385, 65536, 1 << 20)
CHUNK = 65536


def context(server, version, ciphers):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    v = ssl.TLSVersion.TLSv1_3 if version == '1.3' else ssl.TLSVersion.TLSv1_2
    ctx.minimum_version = ctx.maximum_version = v
    if version == '1.2':
        ctx.set_ciphers(ciphers)
    return ctx


def serve(port, cert, key, version, ciphers):
    ctx = context(True, version, ciphers)
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
                conn.sendall(data)
            conn.unwrap()
    except OSError as e:
        print('server:', e, file=sys.stderr)


def data_of(size):
    return random.Random(size).randbytes(size)


def client(port, ca, name, version, ciphers):
    ctx = context(False, version, ciphers)
    ctx.load_verify_locations(ca)
    with socket.create_connection(('127.0.0.1', int(port)), timeout=30) as raw, \
            ctx.wrap_socket(raw, server_hostname=name) as conn:
        for size in SIZES:
            data = data_of(size)
            got = bytearray()
            while len(got) < size:  # one thread: an SSL object is not for two
                conn.sendall(data[len(got):len(got) + CHUNK])
                want = min(size, len(got) + CHUNK)
                while len(got) < want:
                    part = conn.recv(65536)
                    if not part:
                        sys.exit(f'end of stream after {len(got)} of {size}')
                    got += part
            if got != data:
                sys.exit(f'{size} bytes came back different')
        suite = conn.cipher()[0]
        conn.unwrap()
        print(conn.version() or version, suite)


if __name__ == '__main__':
    (serve if sys.argv[1] == 'server' else client)(*sys.argv[2:])
