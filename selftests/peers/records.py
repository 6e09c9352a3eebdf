# SPDX-License-Identifier: GPL-2.0
"""TLS records by libcrypto (through python3-cryptography): an implementation
that shares nothing with the kernel module."""
import hashlib
import hmac
import os
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

import tap

CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
TICKET = b'\x04\0\0\x10' + bytes(9) + b'\0\3abc\0\0'     # a NewSessionTicket
SUITES = {  # number: (version, cipher, hash, secret, key, iv)
    0x1301: (0x304, AESGCM, 'sha256', 32, 16, 12),
    0x1302: (0x304, AESGCM, 'sha384', 48, 32, 12),
    0x1303: (0x304, ChaCha20Poly1305, 'sha256', 32, 32, 12),
    0xc02f: (0x303, AESGCM, 'sha256', 0, 16, 4),
    0xc030: (0x303, AESGCM, 'sha384', 0, 32, 4),
    0xcca8: (0x303, ChaCha20Poly1305, 'sha256', 0, 32, 12),
}


def expand_label(name, secret, label, length):
    """RFC 8446, 7.1 and RFC 5869, 2.3."""
    full = b'tls13 ' + label
    info = struct.pack('>HB', length, len(full)) + full + b'\0'
    return hmac.new(secret, info + b'\x01', getattr(hashlib, name)).digest()[:length]


def spoilt(record, at=-1):
    """The record with a bit of one byte flipped: never the record itself, as a byte that is
    set to a fixed value may be."""
    out = bytearray(record)
    out[at] ^= 1
    return bytes(out)


class Half:
    """One direction."""

    def __init__(self, suite, seq=0):
        self.suite = suite
        self.version, self.cipher, self.hash, secret, key, iv = SUITES[suite]
        self.seq = seq
        self.secret = os.urandom(secret)
        self.key, self.iv = os.urandom(key), os.urandom(iv)
        if secret:
            self.derive()

    def derive(self):
        _, _, _, _, key, iv = SUITES[self.suite]
        self.key = expand_label(self.hash, self.secret, b'key', key)
        self.iv = expand_label(self.hash, self.secret, b'iv', iv)

    def update(self):
        self.secret = expand_label(self.hash, self.secret, b'traffic upd', len(self.secret))
        self.derive()
        self.seq = 0

    def uapi(self):
        """struct kssl_key for this direction."""
        if self.version == 0x304:
            return tap.key(self.version, self.suite, secret=self.secret, seq=self.seq)
        return tap.key(self.version, self.suite, key=self.key, iv=self.iv, seq=self.seq)

    def nonce(self, explicit=None):
        seq = struct.pack('>Q', self.seq)
        if len(self.iv) == 4:
            return self.iv + (explicit or seq)
        return self.iv[:4] + bytes(a ^ b for a, b in zip(self.iv[4:], seq))

    def seal(self, text, kind=DATA, pad=0, outer=None, version=0x303):
        """A record; keeps and counts the sequence number."""
        explicit = struct.pack('>Q', self.seq) if len(self.iv) == 4 else b''
        if self.version == 0x304:
            inner = text + bytes([kind]) * (kind != 0) + bytes(pad)
            head = struct.pack('>BHH', outer or DATA, version, len(inner) + 16)
            aad = head
        else:
            inner = text
            head = struct.pack('>BHH', outer or kind, version, len(explicit) + len(text) + 16)
            aad = struct.pack('>QBHH', self.seq, kind, 0x303, len(text))
        body = self.cipher(self.key).encrypt(self.nonce(), inner, aad)
        self.seq += 1
        return head + explicit + body

    def open(self, record):
        """(type, text) of a whole record; raises if it does not verify."""
        head, body = record[:5], record[5:]
        if self.version == 0x304:
            inner = self.cipher(self.key).decrypt(self.nonce(), body, head)
            self.seq += 1
            inner = inner.rstrip(b'\0')
            return inner[-1], inner[:-1]
        explicit, body = (body[:8], body[8:]) if len(self.iv) == 4 else (None, body)
        aad = struct.pack('>QBHH', self.seq, head[0], 0x303, len(body) - 16)
        text = self.cipher(self.key).decrypt(self.nonce(explicit), body, aad)
        self.seq += 1
        return head[0], text

    def read(self, sock):
        """Next record from a socket, opened; None at the end of the stream."""
        head = tap.read_all(sock, 5)
        if len(head) < 5:
            return None
        return self.open(head + tap.read_all(sock, struct.unpack('>H', head[3:])[0]))


class Peer:
    """A kssl socket with own keys and the plain TCP socket at its other end."""

    def __init__(self, suite, family=tap.socket.AF_INET, role=0, seq=0):
        self.kssl, self.tcp = tap.pair(family)
        self.out, self.back = Half(suite, seq), Half(suite)   # to kssl, from kssl
        tap.attach(self.kssl)
        if role:
            self.kssl.setsockopt(tap.SOL_KSSL, tap.ROLE, role)
        self.kssl.setsockopt(tap.SOL_KSSL, tap.KEY_RX, self.out.uapi())
        self.kssl.setsockopt(tap.SOL_KSSL, tap.KEY_TX, self.back.uapi())

    def send(self, text, kind=DATA, **more):
        self.tcp.sendall(self.out.seal(text, kind, **more))

    def got(self):
        return self.back.read(self.tcp)

    def close(self):
        self.kssl.close()
        self.tcp.close()
