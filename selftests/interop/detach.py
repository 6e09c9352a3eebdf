#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""KSSL_DETACH with OpenSSL at the other end, which closes by SSL_shutdown(): then
plaintext both ways over the same connection, then TLS once more.  After handshakes
by kssld, as client and as server, and after keys of a program's own."""
import os
import socket
import ssl
import struct
import sys
import threading

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402
from tls12 import prf  # noqa: E402

PKI, TMP = TOP + '/build/pki/', sys.argv[1]
NOW, CLOSE = struct.pack('I', 0), struct.pack('I', 1)
VERSIONS = {'1.2': ssl.TLSVersion.TLSv1_2, '1.3': ssl.TLSVersion.TLSv1_3}


def context(server, version):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    ctx.minimum_version = ctx.maximum_version = VERSIONS[version]
    if version == '1.2':
        ctx.set_ciphers('ECDHE-RSA-AES128-GCM-SHA256')
    if server:
        ctx.load_cert_chain(PKI + 'rsa.pem', PKI + 'rsa.key')
    else:
        ctx.load_verify_locations(PKI + 'ca.pem')
    return ctx


class OpenSSL:
    """An end on memory buffers, so that the test chooses what shares a segment."""

    def __init__(self, sock, ctx, server):
        self.sock = sock
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = ctx.wrap_bio(self.into, self.out, server_side=server,
                                server_hostname=None if server else 'localhost')
        self.sent, self.received = b'', b''

    def push(self, more=b''):
        data = self.out.read()
        self.sent += data
        if data + more:
            self.sock.sendall(data + more)

    def pull(self):
        data = self.sock.recv(65536)
        self.received += data
        self.into.write(data) if data else self.into.write_eof()

    def do(self, fn, *args):
        """An operation, with all the reading and writing that it takes."""
        while True:
            try:
                ret = fn(*args)
                self.push()
                return ret
            except ssl.SSLWantReadError:
                self.push()
                self.pull()

    def notify(self, behind=b''):
        """SSL_shutdown(), first half; and bytes in plain in the same segment."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.push(behind)

    def rest(self):
        """What was received behind the peer's close_notify."""
        return self.into.read()


def kssl_end(sock, server):
    tap.attach(sock)
    sock.setsockopt(tap.SOL_KSSL, tap.ROLE, 2 if server else 1)
    if not server:
        sock.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'localhost')


def text_both_ways(kssl, peer):
    for n in (1, 5000, 50000):
        data = os.urandom(n)
        t = threading.Thread(target=kssl.sendall, args=(data,))
        t.start()
        got = b''
        while len(got) < n:
            got += peer.do(peer.tls.read, 65536)
        t.join()
        assert got == data
        peer.do(peer.tls.write, data)
        assert tap.read_all(kssl, n) == data


def plain_both_ways(kssl, tcp):
    for n in (1, 5000, 200000):
        data = os.urandom(n)
        for a, b in ((kssl, tcp), (tcp, kssl)):
            t = threading.Thread(target=a.sendall, args=(data,))
            t.start()
            assert tap.read_all(b, n) == data
            t.join()


def end(kssl, peer, peer_first):
    """close_notify both ways; the peer says something in plain at once."""
    behind = b'plain at once'
    if peer_first:
        peer.notify(behind)
        assert kssl.recv(1) == b''
    kssl.setsockopt(tap.SOL_KSSL, tap.DETACH, CLOSE)
    if not peer_first:
        assert peer.do(peer.tls.read, 1) == b'', 'the end, not a truncation'
        peer.notify(behind)
        assert kssl.recv(1) == b''
    kssl.setsockopt(tap.SOL_KSSL, tap.DETACH, NOW)
    assert tap.read_all(kssl, len(behind)) == behind
    if peer_first:
        peer.do(peer.tls.unwrap)    # second half: raises if it is not close_notify
    assert peer.rest() == b''
    plain_both_ways(kssl, peer.sock)


def handshake(sock, tcp, version, server):
    """kssl is @server, or the client; OpenSSL the other."""
    kssl_end(sock, server)
    peer = OpenSSL(tcp, context(not server, version), not server)
    t = threading.Thread(target=tap.errno_of, args=(sock.send, b'x'))   # begins it
    t.start()
    peer.do(peer.tls.do_handshake)
    assert peer.do(peer.tls.read, 1) == b'x'
    t.join()
    assert tap.info(sock)['version'] == (0x304 if version == '1.3' else 0x303)
    return peer


def by_daemon(version, server):
    sock, tcp = tap.pair()
    for peer_first in (True, False):        # on one connection
        peer = handshake(sock, tcp, version, server)
        text_both_ways(sock, peer)
        end(sock, peer, peer_first)
    peer = handshake(sock, tcp, version, not server)     # and the other way round
    text_both_ways(sock, peer)
    end(sock, peer, True)
    sock.close()
    tcp.close()


# ---- own keys: a handshake of two OpenSSL ends, one of which the kernel takes over ----

def logged(path):
    """Secrets of the key log: label: secret."""
    with open(path, encoding='ascii') as f:
        rows = [line.split() for line in f if line[0] != '#']
    return {label: bytes.fromhex(secret) for label, _, secret in rows}


def random_of(stream):
    """Of the hello at the beginning of a stream of records."""
    return stream[5 + 4 + 2:5 + 4 + 2 + 32]


def slices12(secret, ours, peer, server):
    """Client's and server's key and IV (RFC 5246, 6.3), for AES-128-GCM."""
    client_random = random_of(peer.sent if server else ours.sent)
    server_random = random_of(ours.sent if server else peer.sent)
    block = prf(secret, b'key expansion', server_random + client_random, 40)
    return [(block[0:16], block[32:36]), (block[16:32], block[36:40])]


def keys_of(ours, peer, version, server, log):
    """struct kssl_key for sending and for receiving."""
    if version == '1.3':
        found = logged(log)
        suite = {'TLS_AES_256_GCM_SHA384': 0x1302, 'TLS_AES_128_GCM_SHA256': 0x1301}
        keys = [tap.key(0x304, suite[ours.tls.cipher()[0]], secret=found[label])
                for label in ('CLIENT_TRAFFIC_SECRET_0', 'SERVER_TRAFFIC_SECRET_0')]
    else:       # each side's Finished was its record number 0
        secret = logged(log)['CLIENT_RANDOM']
        keys = [tap.key(0x303, 0xc02f, key=k, iv=iv, seq=1)
                for k, iv in slices12(secret, ours, peer, server)]
    return keys[::-1] if server else keys


def own_keys(version, server):
    sock, tcp = tap.pair()
    log = f'{TMP}/keys-{version}-{server}'
    contexts = {True: context(True, version), False: context(False, version)}
    contexts[True].num_tickets = 0      # no record of the server before our keys
    contexts[server].keylog_filename = log
    ours = OpenSSL(sock, contexts[server], server)
    peer = OpenSSL(tcp, contexts[not server], not server)
    t = threading.Thread(target=ours.do, args=(ours.tls.do_handshake,))
    t.start()
    peer.do(peer.tls.do_handshake)
    t.join()
    tap.attach(sock)
    sock.setsockopt(tap.SOL_KSSL, tap.ROLE, 2 if server else 1)
    tx, rx = keys_of(ours, peer, version, server, log)
    sock.setsockopt(tap.SOL_KSSL, tap.KEY_TX, tx)
    sock.setsockopt(tap.SOL_KSSL, tap.KEY_RX, rx)
    text_both_ways(sock, peer)
    end(sock, peer, True)
    peer = handshake(sock, tcp, version, server)         # the daemon's turn
    text_both_ways(sock, peer)
    end(sock, peer, False)
    sock.close()
    tcp.close()


def main():
    for version in VERSIONS:
        for server in (False, True):
            role = 'server' if server else 'client'
            tap.case(f'kssld, {role}, TLS {version}')(
                lambda v=version, s=server: by_daemon(v, s))
            tap.case(f'own keys, {role}, TLS {version}')(
                lambda v=version, s=server: own_keys(v, s))
    tap.done()


main()
