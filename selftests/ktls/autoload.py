# SPDX-License-Identifier: GPL-2.0
"""A program that knows kTLS: ULP, keys, five bytes; says how far it came."""
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '../peers'))
import tap  # noqa: E402

SOL_TLS, TLS_TX, TLS_RX = 282, 1, 2
AES_GCM_128_TLS13 = bytes.fromhex('0403 3300') + bytes(8 + 16 + 4 + 8)

one, other = tap.pair()
for end, direction in ((one, TLS_TX), (other, TLS_RX)):
    try:
        end.setsockopt(tap.SOL_TCP, tap.TCP_ULP, b'tls')
        end.setsockopt(SOL_TLS, direction, AES_GCM_128_TLS13)
    except OSError as e:
        sys.exit(f'not set: {e}')
one.sendall(b'hello')
print('set,', len(other.recv(100)), 'bytes arrived')
