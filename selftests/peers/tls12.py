# SPDX-License-Identifier: GPL-2.0
"""As much of TLS 1.2 as it takes to say what no TLS library would: hellos with any
suites, and RSA key transport with any bytes in it.  On python3-cryptography."""
import hashlib
import hmac
import os
import struct

from cryptography import x509
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import tap

CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
CLIENT_HELLO, SERVER_HELLO, CERTIFICATE, HELLO_DONE, KEY_EXCHANGE, FINISHED = 1, 2, 11, 14, 16, 20
FALLBACK_SCSV = 0x5600
RSA_AES_128_CBC_SHA256 = 0x003c


def prf(secret, label, seed, size):
    """RFC 5246, 5, with SHA-256."""
    def mac(data):
        return hmac.new(secret, data, hashlib.sha256).digest()
    seed, out = label + seed, b''
    a = mac(seed)
    while len(out) < size:
        out += mac(a + seed)
        a = mac(a)
    return out[:size]


def record(kind, body, version=0x303):
    return struct.pack('>BHH', kind, version, len(body)) + body


def message(kind, body):
    return struct.pack('>I', kind << 24 | len(body)) + body


def extension(kind, body):
    return struct.pack('>HH', kind, len(body)) + body


def client_hello(suites, random=None, version=0x303, host=None):
    """A ClientHello as a handshake message."""
    ext = extension(13, b'\0\x0c\x04\x01\x04\x03\x08\x04\x05\x01\x05\x03\x02\x01')  # signatures
    ext += extension(10, b'\0\x04\0\x17\0\x1d') + extension(11, b'\1\0')            # groups
    if host:
        ext += extension(0, struct.pack('>HBH', len(host) + 3, 0, len(host)) + host)
    body = struct.pack('>H', version) + (random or os.urandom(32)) + b'\0'
    body += struct.pack(f'>H{len(suites)}H', 2 * len(suites), *suites) + b'\1\0'
    return message(CLIENT_HELLO, body + struct.pack('>H', len(ext)) + ext)


def suites_offered(hello):
    """The suites of a ClientHello message, in its order."""
    at = 4 + 2 + 32
    at += 1 + hello[at]
    size = struct.unpack('>H', hello[at:at + 2])[0]
    return struct.unpack(f'>{size // 2}H', hello[at + 2:at + 2 + size])


def server_hello(suite, version=0x303, random=None):
    return message(SERVER_HELLO, struct.pack('>H', version) + (random or os.urandom(32)) + b'\0' +
                   struct.pack('>H', suite) + b'\0\0\0')


class Reader:
    """Records from a socket, and the handshake messages in them."""

    def __init__(self, sock):
        self.sock = sock
        self.rest = b''

    def record(self):
        """(type, body), or None at the end of the stream."""
        head = tap.read_all(self.sock, 5)
        if len(head) < 5:
            return None
        return head[0], tap.read_all(self.sock, struct.unpack('>H', head[3:])[0])

    def message(self):
        """Next handshake message, header included; an alert as (level, description)."""
        while True:
            if len(self.rest) >= 4:
                size = 4 + int.from_bytes(self.rest[1:4], 'big')
                if len(self.rest) >= size:
                    out, self.rest = self.rest[:size], self.rest[size:]
                    return out
            got = self.record()
            if got is None or got[0] == ALERT:
                return got and tuple(got[1])
            assert got[0] == HANDSHAKE, got
            self.rest += got[1]


def answer_to(address, hello):
    """What a server makes of a ClientHello: a suite, or an alert as (level, description)."""
    with tap.socket.create_connection(address, timeout=30) as s:
        s.sendall(record(HANDSHAKE, hello, 0x301))
        got = Reader(s).message()
    if isinstance(got, bytes) and got[0] == SERVER_HELLO:
        at = 4 + 2 + 32
        at += 1 + got[at]
        return struct.unpack('>H', got[at:at + 2])[0]
    return got


class Cbc:
    """One direction of AES-128-CBC with HMAC-SHA256, MAC-then-encrypt."""

    def __init__(self, mac, key):
        self.mac, self.key, self.seq = mac, key, 0

    def seal(self, kind, text):
        head = struct.pack('>QBHH', self.seq, kind, 0x303, len(text))
        self.seq += 1
        text += hmac.new(self.mac, head + text, hashlib.sha256).digest()
        pad = 15 - len(text) % 16
        iv = os.urandom(16)
        enc = Cipher(algorithms.AES(self.key), modes.CBC(iv)).encryptor()
        return record(kind, iv + enc.update(text + bytes([pad]) * (pad + 1)))

    def open(self, kind, body):
        dec = Cipher(algorithms.AES(self.key), modes.CBC(body[:16])).decryptor()
        text = dec.update(body[16:])
        text = text[:-1 - text[-1]]
        text, mac = text[:-32], text[-32:]
        head = struct.pack('>QBHH', self.seq, kind, 0x303, len(text))
        self.seq += 1
        assert hmac.new(self.mac, head + text, hashlib.sha256).digest() == mac
        return text


class Client:
    """TLS_RSA_WITH_AES_128_CBC_SHA256, step by step."""

    def __init__(self, address, host=None):
        self.sock = tap.socket.create_connection(address, timeout=30)
        self.sock.setsockopt(tap.SOL_TCP, tap.socket.TCP_NODELAY, 1)
        self.reader = Reader(self.sock)
        self.random = os.urandom(32)
        self.talk = client_hello([RSA_AES_128_CBC_SHA256], self.random, host=host)
        self.sock.sendall(record(HANDSHAKE, self.talk, 0x301))
        self.heard = []
        while HELLO_DONE not in self.heard:
            got = self.reader.message()
            assert isinstance(got, bytes), got
            self.take(got)

    def take(self, msg):
        self.talk += msg
        self.heard.append(msg[0])
        if msg[0] == SERVER_HELLO:
            self.server_random = msg[6:38]
        if msg[0] == CERTIFICATE:
            size = int.from_bytes(msg[7:10], 'big')
            key = x509.load_der_x509_certificate(msg[10:10 + size]).public_key()
            self.rsa = key.public_numbers()
            self.size = key.key_size // 8

    def block(self, secret):
        """EM of RFC 8017, 7.2.1: 00 02 PS 00 M."""
        ps = bytes(b or 1 for b in os.urandom(self.size - 3 - len(secret)))
        return b'\0\2' + ps + b'\0' + secret

    def key_exchange(self, block):
        """The ClientKeyExchange with any block of the modulus' length."""
        n = pow(int.from_bytes(block, 'big'), self.rsa.e, self.rsa.n)
        enc = n.to_bytes(self.size, 'big')
        msg = message(KEY_EXCHANGE, struct.pack('>H', len(enc)) + enc)
        self.talk += msg
        return record(HANDSHAKE, msg)

    def finished(self, secret):
        """Keys from a pre-master secret, and the client's Finished under them."""
        master = prf(secret, b'master secret', self.random + self.server_random, 48)
        keys = prf(master, b'key expansion', self.server_random + self.random, 96)
        self.out, self.back = Cbc(keys[:32], keys[64:80]), Cbc(keys[32:64], keys[80:96])
        self.master = master
        msg = message(FINISHED, prf(master, b'client finished',
                                    hashlib.sha256(self.talk).digest(), 12))
        self.talk += msg
        return self.out.seal(HANDSHAKE, msg)

    def check_finished(self):
        """The server's change_cipher_spec and Finished are right."""
        assert self.reader.record() == (CCS, b'\1')
        msg = self.back.open(*self.reader.record())
        assert msg[4:] == prf(self.master, b'server finished',
                              hashlib.sha256(self.talk).digest(), 12)
