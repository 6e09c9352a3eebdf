#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What ss of iproute2 says of "tls" and "kssl" sockets, by socket diagnostics."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import tap  # noqa: E402
from records import Half, Peer  # noqa: E402

SOL_TLS, TLS_TX, TLS_RX = 282, 1, 2


def ss(sock):
    """The line of a socket, with what follows it."""
    host, port = sock.getsockname()[:2]
    out = subprocess.run(['ss', '-tinHe', 'src', f'{host}:{port}'], capture_output=True, text=True,
                         check=True).stdout
    return out


def info(half, cipher):
    return (half.version.to_bytes(2, 'little') + cipher.to_bytes(2, 'little') + half.iv[4:] +
            half.key + half.iv[:4] + bytes(8))


def tls():
    one, other = tap.pair()
    one.setsockopt(tap.SOL_TCP, tap.TCP_ULP, b'tls')
    assert 'tcp-ulp-tls' in ss(one) and not re.search('cipher:', ss(one)), ss(one)
    half = Half(0x1301)
    one.setsockopt(SOL_TLS, TLS_TX, info(half, 51))
    said = ss(one)
    for want in ('version: 1.3', 'cipher: aes-gcm-128', 'rxconf: none', 'txconf: sw'):
        assert want in said, (want, said)
    one.setsockopt(SOL_TLS, TLS_RX, info(half, 51))
    assert 'rxconf: sw' in ss(one), ss(one)
    assert half.key.hex() not in ss(one)
    one.close()
    other.close()


# ss of Debian 12 has no name for ChaCha20-Poly1305
def kssl(suite, version, cipher):
    p = Peer(suite)
    said = ss(p.kssl)
    for want in ('tcp-ulp-kssl', f'version: {version}', f'cipher: {cipher}', 'rxconf: sw', 'txconf: sw'):
        assert want in said, (want, said)
    p.close()


tap.case('"tls" without keys, with one, with both')(tls)
tap.case('"kssl", TLS 1.3')(lambda: kssl(0x1302, '1.3', 'aes-gcm-256'))
tap.case('"kssl", TLS 1.2')(lambda: kssl(0xc02f, '1.2', 'aes-gcm-128'))
tap.done()
