# SPDX-License-Identifier: GPL-2.0
"""OpenSSL in memory, whose records a test cuts, changes or keeps back on their way to
kssl; and what it takes to seal one in its name."""
import os
import ssl
import struct
import tempfile

import tap
from records import CCS, HANDSHAKE, Half
from tls12 import prf

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PKI = TOP + '/build/pki/'
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
SUITES = {'TLS_AES_128_GCM_SHA256': 0x1301, 'TLS_AES_256_GCM_SHA384': 0x1302,
          'TLS_CHACHA20_POLY1305_SHA256': 0x1303}
SUITE12 = 0xc02f    # also for its ECDSA brother, which differs in nothing here


def records(raw):
    """Each with its header."""
    out, at = [], 0
    while at < len(raw):
        size = 5 + struct.unpack_from('>H', raw, at + 3)[0]
        out.append(raw[at:at + size])
        at += size
    return out


class Memory:
    """One end of a connection.  What the others of its context did, it may resume."""

    def __init__(self, server, version, session=None, ctx=None):
        self.server, self.version = server, version
        self.ctx = ctx or self.context(server, version)
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ssl = self.ctx.wrap_bio(self.into, self.out, server_side=server, session=session,
                                     server_hostname=None if server else 'ec.test')
        self.randoms = {}

    @staticmethod
    def context(server, version):
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        ctx.minimum_version = ctx.maximum_version = version
        ctx.set_ciphers('ECDHE+AESGCM+AES128')
        if server:
            ctx.load_cert_chain(PKI + 'ec.pem', PKI + 'ec.key')
        else:
            ctx.load_verify_locations(PKI + 'ca.pem')
        ctx.keylog_filename = tempfile.mkstemp(dir=os.environ.get('TMP', '/dev/shm'))[1]
        return ctx

    def step(self):
        """Whether the handshake is done."""
        try:
            self.ssl.do_handshake()
            return True
        except ssl.SSLWantReadError:
            return False

    def give(self, raw):
        """What the other end sent.  Whether the handshake is done."""
        self.see(raw)
        self.into.write(raw)
        return self.step()

    def take(self):
        """What it has to send."""
        raw = self.out.read()
        self.see(raw)
        return raw

    def read(self, tcp, size):
        """So many bytes of data."""
        got = b''
        while len(got) < size:
            try:
                got += self.ssl.read(size - len(got))
            except ssl.SSLWantReadError:
                raw = tcp.recv(65536)
                assert raw, 'the other end has left'
                self.into.write(raw)
        return got

    def told(self, tcp):
        """The alert that comes, by OpenSSL's name."""
        while not (why := self.said()):
            raw = tcp.recv(65536)
            if not raw:
                return 'nothing'
            self.into.write(raw)
        return why

    def see(self, raw):
        """A hello begins what each side says: its random."""
        if len(raw) > 43 and raw[0] == HANDSHAKE and raw[5] in (1, 2):
            self.randoms.setdefault(raw[5], raw[11:43])

    def said(self):
        """The alert in what it was given, by OpenSSL's name, or '' if there is none."""
        try:
            if not self.step():
                return ''
            while self.ssl.read(65536):
                pass
        except ssl.SSLWantReadError:
            return ''
        except ssl.SSLError as e:
            return e.reason
        return 'EOF'

    # ---- keys ----

    def secret(self, label):
        """The newest of the key log."""
        with open(self.ctx.keylog_filename, encoding='ascii') as f:
            lines = [line.split() for line in f if line.startswith(label + ' ')]
        return bytes.fromhex(lines[-1][2])

    def half(self, secret='TRAFFIC_SECRET_0', server=None):
        """A direction's keys: of this end, or of the one said.  TLS 1.2: from change_cipher_spec
        on; TLS 1.3: under a secret of the key log."""
        server = self.server if server is None else server
        if self.version == V13:
            half = Half(SUITES[self.ssl.cipher()[0]])
            half.secret = self.secret(('SERVER_' if server else 'CLIENT_') + secret)
            half.derive()
            return half
        half = Half(SUITE12)
        block = prf(self.secret('CLIENT_RANDOM'), b'key expansion',
                    self.randoms[2] + self.randoms[1], 40)
        half.key = block[16 * server:][:16]
        half.iv = block[32 + 4 * server:][:4]
        return half

    def recut(self, raw, cut):
        """Its flight with Finished, the sealed records of it changed: cut(content) gives the
        contents of those that replace one.  Returns what to send instead, and a function that
        does to later records what that asks for: in TLS 1.2 they count on."""
        of, to = (self.half('HANDSHAKE_TRAFFIC_SECRET') for _ in range(2))
        out, sealed = b'', self.version == V13
        for record in records(raw):
            if record[0] == CCS:
                out, sealed = out + record, True
            elif not sealed or (self.version == V13 and record[0] == HANDSHAKE):
                out += record
            else:
                kind, content = of.open(record)
                out += b''.join(to.seal(part, kind) for part in cut(content))

        def later(raw):
            if self.version == V13:
                return raw
            return b''.join(to.seal(content, kind) for kind, content in map(of.open, records(raw)))
        return out, later


def talk(memory, tcp):
    """The handshake, until @memory has its change_cipher_spec and Finished to send: those and
    what goes with them."""
    memory.step()
    while True:
        flight = memory.take()
        if any(r[0] == CCS for r in records(flight)):
            return flight
        tcp.sendall(flight)
        raw = tcp.recv(65536)
        assert raw, 'the other end has left'
        memory.give(raw)


def finish(memory, tcp):
    while not memory.step():
        raw = tcp.recv(65536)
        assert raw, 'the other end has left'
        memory.give(raw)


class Server:
    """A kssl listener; born() gives both ends of a connection."""

    def __init__(self):
        self.sock = tap.socket.create_server(('127.0.0.1', 0), backlog=64)
        tap.attach(self.sock)

    def born(self):
        tcp = tap.socket.create_connection(self.sock.getsockname(), timeout=20)
        tcp.setsockopt(tap.SOL_TCP, tap.socket.TCP_NODELAY, 1)
        ours, _ = self.sock.accept()
        ours.settimeout(20)
        return tcp, ours


class Clients:
    """Where kssl clients connect to; always the same port, so that they resume."""

    def __init__(self):
        self.sock = tap.socket.create_server(('127.0.0.1', 0), backlog=64)

    def born(self):
        """Both ends; the handshake begins behind connect()'s back."""
        ours = tap.socket.socket()
        tap.attach(ours)
        ours.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'ec.test')
        ours.setblocking(False)
        tap.errno_of(ours.connect, self.sock.getsockname())
        tcp, _ = self.sock.accept()
        tcp.settimeout(20)
        tcp.setsockopt(tap.SOL_TCP, tap.socket.TCP_NODELAY, 1)
        ours.settimeout(20)
        return tcp, ours
