#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A suite of TLS 1.3 whose handshake OpenSSL 3.5 makes, in memory, with itself; then
kssl takes the place of one of the two, with the traffic secrets from the key log.

usage: rfc9150.py SUITE PKI TMP
"""
import errno
import os
import random
import ssl
import sys
import threading

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import genl  # noqa: E402
import tap  # noqa: E402

SUITE, PKI, TMP = sys.argv[1:]
NUMBER = {'TLS_SHA256_SHA256': 0xc0b4, 'TLS_SHA384_SHA384': 0xc0b5,
          'TLS_AES_128_CCM_SHA256': 0x1304, 'TLS_AES_128_CCM_8_SHA256': 0x1305}[SUITE]
SIZES = (1, 2, 100, 1000, 16383, 16384, 16385, 65536, 1 << 20)


class End:
    """One end of the handshake in memory."""

    def __init__(self, server, log):
        self.server = server
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        ctx.minimum_version = ssl.TLSVersion.TLSv1_3
        if server:
            ctx.load_cert_chain(f'{PKI}/rsa.pem', f'{PKI}/rsa.key')
            ctx.num_tickets = 0
            ctx.keylog_filename = log
        else:
            ctx.load_verify_locations(f'{PKI}/ca.pem')
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ssl = ctx.wrap_bio(self.incoming, self.outgoing, server_side=server,
                                server_hostname=None if server else 'localhost')

    def step(self):
        try:
            self.ssl.do_handshake()
            return True
        except ssl.SSLWantReadError:
            return False

    def read(self):
        try:
            return self.ssl.read(65536)
        except ssl.SSLWantReadError:
            return b''

    def echo(self, sock):
        """Over a TCP socket now: what comes goes back, in records of odd sizes."""
        while part := sock.recv(65536):
            self.incoming.write(part)
            while data := self.read():
                while data:
                    n = random.randint(1, 16384)
                    self.ssl.write(data[:n])
                    data = data[n:]
            sock.sendall(self.outgoing.read())

    def start(self, sock):
        """echo() in a thread, until the socket is closed here."""
        def body():
            try:
                self.echo(sock)
            except OSError as e:
                if e.errno != errno.EBADF:
                    raise
        threading.Thread(target=body, daemon=True).start()


def handshake():
    """A client and a server that have shaken hands, and their secrets."""
    log = f'{TMP}/keys'
    if os.path.exists(log):
        os.unlink(log)
    client, server = End(False, log), End(True, log)
    for _ in range(10):
        done = [client.step(), server.step()]
        server.incoming.write(client.outgoing.read())
        client.incoming.write(server.outgoing.read())
        if all(done):
            break
    with open(log, encoding='ascii') as f:
        secrets = {line.split()[0]: bytes.fromhex(line.split()[2]) for line in f
                   if not line.startswith('#')}
    return client, server, secrets


def key(secret):
    return tap.key(0x304, NUMBER, secret=secret)


def run(server):
    """kssl is the server, or the client."""
    ends = handshake()
    peer = ends[not server]
    assert peer.ssl.cipher()[0] == SUITE, peer.ssl.cipher()
    mine, other = ('SERVER', 'CLIENT') if server else ('CLIENT', 'SERVER')
    kssl, tcp = tap.pair()
    tap.attach(kssl)
    if server:
        kssl.setsockopt(tap.SOL_KSSL, tap.ROLE, 2)
    kssl.setsockopt(tap.SOL_KSSL, tap.KEY_RX, key(ends[2][other + '_TRAFFIC_SECRET_0']))
    kssl.setsockopt(tap.SOL_KSSL, tap.KEY_TX, key(ends[2][mine + '_TRAFFIC_SECRET_0']))
    peer.start(tcp)
    # OpenSSL 3.5 fails at a KeyUpdate of a MAC-only suite, with itself too
    updates = NUMBER < 0xc000
    for i, size in enumerate(SIZES):
        data = os.urandom(size)
        sender = threading.Thread(target=kssl.sendall, args=(data,))
        sender.start()
        assert tap.read_all(kssl, size) == data, size
        sender.join()
        if updates:     # of one direction, then of both
            assert not tap.errno_of(kssl.setsockopt, tap.SOL_KSSL, tap.KEY_UPDATE, i % 2)
    info = tap.info(kssl)
    assert info['suite'] == NUMBER and info['rxgen'] == updates * (len(SIZES) // 2), info
    kssl.close()
    tcp.close()


def stranger(server):
    """Another secret: nothing comes through."""
    ends = handshake()
    mine = 'CLIENT_TRAFFIC_SECRET_0' if server else 'SERVER_TRAFFIC_SECRET_0'
    kssl, tcp = tap.pair()
    tap.attach(kssl)
    secret = bytearray(ends[2][mine])
    secret[0] ^= 1
    kssl.setsockopt(tap.SOL_KSSL, tap.KEY_RX, key(bytes(secret)))
    peer = ends[not server]
    peer.ssl.write(b'not for you')
    tcp.sendall(peer.outgoing.read())
    assert tap.errno_of(kssl.recv, 100) == errno.EBADMSG
    kssl.close()
    tcp.close()


MAC_ONLY = 7    # KSSL_A_POLICY_MAC_ONLY
genl.Genl().call(genl.POLICY_SET, genl.attr(MAC_ONLY, 1))
for who in (True, False):
    name = f"kssl as {'server' if who else 'client'}, {ssl.OPENSSL_VERSION.split()[1]}, {SUITE}"
    tap.case(name)(lambda w=who: run(w))
    tap.case(name + ', another key')(lambda w=who: stranger(w))
tap.done()
