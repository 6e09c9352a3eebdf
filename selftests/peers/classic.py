# SPDX-License-Identifier: GPL-2.0
"""make demo-classic: a relay between client and server says which handshake message
is which step of the old description of SSL, as it passes.

    kssl client --- relay --- kssl server          and with OpenSSL at either end

The relay checks what it can see: signatures of certificates and of the challenge.
usage: classic.py PKI
"""
import errno
import hashlib
import os
import socket
import subprocess
import sys
import threading
import time

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tap  # noqa: E402
import tls12  # noqa: E402

PKI = sys.argv[1] + '/'
K = tap.SOL_KSSL
SUITES = {0x003c: 'TLS_RSA_WITH_AES_128_CBC_SHA256'}
STEPS = {
    1: 'The server sends its signed certificate.',
    2: "The client makes a random master key and encrypts it with the server's public key,",
    3: 'and sends it.',
    4: 'The server opens and checks it, and creates the session.',
    5: 'Everything after is encrypted with the session key and enveloped by a MAC.',
    6: 'The server sends the client a challenge.',
    7: 'The client proves who it is: the challenge, its signature and its public key.',
}
failed = []
out_lock = threading.Lock()


def say(text):
    with out_lock:
        print(text, flush=True)


def verdict(good, text):
    say(f'--> {"good:" if good else "BAD: "} {text}')
    if not good:
        failed.append(text)
    return good


def load(name):
    with open(PKI + name + '.pem', 'rb') as f:
        return x509.load_pem_x509_certificate(f.read())


# ---- the relay ----

class Relay:
    """One connection; .names are the messages that passed."""

    def __init__(self, server, quiet=False):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.address = self.listener.getsockname()
        self.server, self.quiet = server, quiet
        self.talk = b''                 # the handshake so far: the challenge
        self.certs, self.names, self.steps = {}, [], set()
        self.sealed = {'client': False, 'server': False}
        self.data = {'client': [0, 0], 'server': [0, 0]}    # records, bytes
        self.wire = b''
        self.ended = threading.Event()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        client, _ = self.listener.accept()
        server = socket.create_connection(self.server)
        back = threading.Thread(target=self.pump, args=('server', server, client), daemon=True)
        back.start()
        self.pump('client', client, server)
        back.join()
        self.ended.set()

    def pump(self, who, source, target):
        reader, rest = tls12.Reader(source), b''
        try:
            while True:
                got = reader.record()
                if got is None:
                    break
                kind, body = got
                self.wire += body
                if kind == tls12.HANDSHAKE and not self.sealed[who]:
                    rest = self.messages(who, rest + body)
                else:
                    self.other(who, kind, body)
                target.sendall(tls12.record(kind, body))
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def messages(self, who, data):
        while len(data) >= 4:
            size = 4 + int.from_bytes(data[1:4], 'big')
            if len(data) < size:
                break
            self.message(who, data[:size])
            self.talk += data[:size]
            data = data[size:]
        return data

    def step(self, *numbers):
        for n in numbers:
            self.steps.add(n)
            self.print(f'\n({n}) {STEPS[n]}')

    def print(self, text):
        if not self.quiet:
            say(text)

    def line(self, who, name, size, text=''):
        self.names.append(name)
        other = 'server' if who == 'client' else 'client'
        self.print(f'    {who} -> {other}   {name}, {size} bytes{": " * bool(text)}{text}')

    def message(self, who, msg):
        handlers = {1: self.client_hello, 2: self.server_hello, 4: self.ticket,
                    11: self.certificate, 13: self.request, 14: self.hello_done,
                    15: self.verify, 16: self.key_exchange}
        handlers[msg[0]](who, msg)

    def client_hello(self, who, msg):
        offers = [SUITES.get(s) for s in tls12.suites_offered(msg) if s in SUITES]
        self.line(who, 'ClientHello', len(msg), 'offers ' + ', '.join(offers))

    def server_hello(self, who, msg):
        at = 39 + msg[38]
        suite = int.from_bytes(msg[at:at + 2], 'big')
        self.line(who, 'ServerHello', len(msg),
                  f'TLS 1.{msg[5] - 1}, {SUITES.get(suite, hex(suite))}'
                  f'{", encrypt-then-MAC" * (b"%c%c%c%c" % (0, 22, 0, 0) in msg[at:])}')

    def hello_done(self, who, msg):
        self.line(who, 'ServerHelloDone', len(msg))

    def ticket(self, who, msg):
        self.print(f'    {who} -> client   NewSessionTicket, {len(msg)} bytes: of no step; spares '
                   'the next connection all of them')

    def certificate(self, who, msg):
        size = int.from_bytes(msg[7:10], 'big') if len(msg) > 7 else 0
        if who == 'server':
            self.step(1)
        if not size:
            self.line(who, 'Certificate', len(msg), 'none')
            return
        cert = x509.load_der_x509_certificate(msg[10:10 + size])
        self.certs[who] = cert
        if who == 'client':
            self.step(7)
        self.line(who, 'Certificate', len(msg), f'{cert.subject.rfc4514_string()}, signed by '
                  f'{cert.issuer.rfc4514_string()}')
        if not self.quiet:
            verdict(signed_by_ca(cert), 'that signature is right')

    def request(self, who, msg):
        self.step(6)
        at = 5 + msg[4]
        at += 2 + int.from_bytes(msg[at:at + 2], 'big')
        names, left = [], msg[at + 2:]
        while len(left) > 2:
            size = int.from_bytes(left[:2], 'big')
            names.append(name_of(left[2:2 + size]))
            left = left[2 + size:]
        self.line(who, 'CertificateRequest', len(msg), 'of an issuer it trusts: ' +
                  '; '.join(names))
        self.print(f'        the challenge is the handshake so far, {len(self.talk) + len(msg)} '
                   "bytes, the server's 32 random bytes among them")

    def key_exchange(self, who, msg):
        self.step(2, 3)
        rsa = self.certs['server'].public_key()
        self.line(who, 'ClientKeyExchange', len(msg),
                  f"{len(msg) - 6} bytes, encrypted with the server's RSA key of "
                  f'{rsa.key_size} bits')
        if not self.quiet:
            verdict(opens_to_secret(msg[6:]), "the server's private key opens it to 48 bytes "
                    'of version 1.2 (they are not shown)')

    def verify(self, who, msg):
        self.print('    and, of step 7,')
        size = int.from_bytes(msg[6:8], 'big')
        self.line(who, 'CertificateVerify', len(msg), f'a signature of {size} bytes')
        good = self.signature_good(msg[4:6], msg[8:8 + size])
        if not self.quiet:
            verdict(good, "it is the client's key's, of the challenge and what the client has "
                    f'said since, {len(self.talk)} bytes')

    def signature_good(self, algorithm, signature):
        key = self.certs['client'].public_key()
        sha = {4: hashes.SHA256(), 5: hashes.SHA384(), 6: hashes.SHA512()}[algorithm[0]]
        try:
            key.verify(signature, self.talk, ec.ECDSA(sha))
        except InvalidSignature:
            return False
        return True

    def other(self, who, kind, body):
        if kind == tls12.CCS:
            if who == 'server':
                self.step(4)
            self.line(who, 'ChangeCipherSpec', 1)
            self.sealed[who] = True
        elif kind == tls12.HANDSHAKE:
            self.line(who, 'Finished', len(body), 'encrypted and enveloped: the first of this '
                      'side with the session key')
            if who == 'server':
                self.step(5)
        elif kind == tls12.ALERT:
            text = 'encrypted' if self.sealed[who] else f'fatal, number {body[1]}'
            self.line(who, 'Alert', len(body), text)
        else:
            self.data[who][0] += 1
            self.data[who][1] += len(body)


def name_of(der):
    """A name in DER, by a certificate of the test CA that has it."""
    for one in ('ca', 'server'):
        if load(one).subject.public_bytes() == der:
            return load(one).subject.rfc4514_string()
    return f'{len(der)} bytes'


def signed_by_ca(cert):
    try:
        load('ca').public_key().verify(cert.signature, cert.tbs_certificate_bytes,
                                       ec.ECDSA(cert.signature_hash_algorithm))
    except InvalidSignature:
        return False
    return True


def opens_to_secret(encrypted):
    with open(PKI + 'server.key', 'rb') as f:
        key = serialization.load_pem_private_key(f.read(), None)
    secret = key.decrypt(encrypted, padding.PKCS1v15())
    return len(secret) == 48 and secret[:2] == b'\3\3'


# ---- the ends ----

class Server:
    """kssl's; says back what it is told, and who told it."""

    def __init__(self):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.address = self.listener.getsockname()
        tap.attach(self.listener)
        self.listener.setsockopt(K, tap.IDENTITY, b'server')
        self.known, self.error = {}, {}
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            threading.Thread(target=self.serve, args=self.listener.accept()[:1],
                             daemon=True).start()

    def serve(self, conn):
        try:
            while True:
                data = conn.recv(1 << 18)
                if not data:
                    break
                self.known = {n: tap.getsockopt(conn, o, 9000) for n, o in (
                    ('subject', tap.PEER_SUBJECT), ('names', tap.PEER_SAN),
                    ('fingerprint', tap.PEER_FINGERPRINT), ('verify', tap.PEER_VERIFY))}
                conn.sendall(data)
        except OSError as e:
            self.error = {'errno': e.errno, **tap.error(conn)}
        conn.close()


def kssl_client(address, identity):
    s = socket.socket()
    tap.attach(s)
    s.setsockopt(K, tap.PEER_NAME, b'127.0.0.1')
    if identity:
        s.setsockopt(K, tap.IDENTITY, identity)
    s.connect(address)
    s.settimeout(60)
    return s


def echo(s, data):
    sender = threading.Thread(target=s.sendall, args=(data,))
    sender.start()
    got = tap.read_all(s, len(data))
    sender.join()
    return got == data


FULL = ['ClientHello', 'ServerHello', 'Certificate', 'CertificateRequest', 'ServerHelloDone',
        'Certificate', 'ClientKeyExchange', 'CertificateVerify', 'ChangeCipherSpec', 'Finished',
        'ChangeCipherSpec', 'Finished']
MARK = b'KSSL-PLAINTEXT-MARKER '


def the_seven_steps(server):
    say('\n=== kssl at both ends, the relay in between')
    before = tap.counters()
    relay = Relay(server.address)
    s = kssl_client(relay.address, b'client')
    data = (MARK + os.urandom(10).hex().encode()) * (1 << 15)
    good = echo(s, data)
    info = tap.info(s)
    say(f'    {len(data)} bytes of text each way, sha256 '
        f'{hashlib.sha256(data).hexdigest()[:32]}...: {relay.data["client"][0]} records out, '
        f'{relay.data["server"][0]} back')
    verdict(good and info['suite'] == 0x003c, 'the same bytes came back')
    verdict(MARK not in relay.wire, f'the text is not in the {len(relay.wire)} bytes on the wire')
    verdict(relay.steps == set(STEPS) and relay.names == FULL, 'all seven steps were seen')
    say('\n    what the server\'s program knows of its client:')
    say(f'        subject      {server.known["subject"].decode()}')
    say(f'        fingerprint  {server.known["fingerprint"].hex()}')
    for name in server.known['names'].decode().splitlines():
        say(f'        name         {name}')
    say(f'        verify       {int.from_bytes(server.known["verify"], "little")} (X509_V_OK)')
    verdict(server.known['fingerprint'] == load('client').fingerprint(hashes.SHA256()),
            'it is the certificate that was sent')
    s.close()
    relay.ended.wait(10)
    after = tap.counters()
    say("\n    the kernel's counters:")
    for name in ('TxRecords', 'TxRecordsCbc', 'RxRecords', 'RxRecordsCbc', 'RxBadMac'):
        say(f'        {name:14} +{after[name] - before[name]}')
    verdict(after['TxRecordsCbc'] - before['TxRecordsCbc'] ==
            after['TxRecords'] - before['TxRecords'] >= 2 * len(data) // 16384 and
            after['RxBadMac'] == before['RxBadMac'],
            'every record was sealed by CBC and HMAC in the kernel, and each verified')


def wait_listening(port):
    end = time.time() + 20
    while time.time() < end and not subprocess.run(
            ['ss', '-Hltn', f'sport = :{port}'], capture_output=True, check=False).stdout:
        time.sleep(0.1)


def with_openssl(server):
    say('\n=== the same with OpenSSL')
    relay = Relay(server.address, quiet=True)
    with subprocess.Popen(['openssl', 's_client', '-quiet', '-no_ign_eof', '-connect',
                           f'127.0.0.1:{relay.address[1]}', '-tls1_2', '-cipher', 'AES128-SHA256',
                           '-CAfile', PKI + 'ca.pem', '-verify_return_error', '-cert',
                           PKI + 'client.pem', '-key', PKI + 'client.key'], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as p:
        threading.Timer(30, p.kill).start()
        p.stdin.write(b'ping of s_client\n')
        p.stdin.flush()
        got = p.stdout.readline()
        p.kill()
    say('    openssl s_client: ' + ', '.join(relay.names))
    verdict(got == b'ping of s_client\n' and relay.names[:12] == FULL,
            'openssl s_client does the same steps with kssl')
    with subprocess.Popen(['openssl', 's_server', '-quiet', '-rev', '-port', '7600', '-tls1_2',
                           '-cipher', 'AES128-SHA256', '-cert', PKI + 'server.pem', '-key',
                           PKI + 'server.key', '-CAfile', PKI + 'ca.pem', '-Verify', '2',
                           '-verify_return_error'], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as p:
        wait_listening(7600)
        relay = Relay(('127.0.0.1', 7600), quiet=True)
        s = kssl_client(relay.address, b'client')
        s.sendall(b'drawer\n')
        got = tap.read_all(s, 7)
        s.close()
        p.kill()
    say('    openssl s_server: ' + ', '.join(relay.names))
    verdict(got == b'reward\n' and relay.names[:12] == FULL,
            'kssl does the same steps with openssl s_server')


def refused(server):
    say('\n=== who does not prove who he is is refused')
    for identity, want, alert in ((b'', 'EKEYREJECTED', 40), (b'revoked', 'EKEYREVOKED', 44)):
        server.error = {}
        relay = Relay(server.address, quiet=True)
        err = tap.errno_of(kssl_client, relay.address, identity)
        relay.ended.wait(10)
        say(f'    {identity.decode() or "no certificate"}: server: {server.error.get("text")}; '
            f'alert {server.error.get("sent")}; client: {os.strerror(err)}')
        verdict(server.error.get('errno') == getattr(errno, want) and
                server.error.get('sent') == alert and err == errno.ECONNABORTED,
                f'{want} at the server, ECONNABORTED at the client')


def main():
    server = Server()
    the_seven_steps(server)
    with_openssl(server)
    refused(server)
    sys.exit(bool(failed))


main()
