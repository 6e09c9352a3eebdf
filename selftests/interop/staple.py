#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""OCSP responses, made by python3-cryptography: s_client and curl see those that a
server of ours sends; a client of ours judges those that s_server sends."""
import datetime
import errno
import os
import socket
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: E402
from cryptography.x509 import ocsp  # noqa: E402
from kssld import Daemon  # noqa: E402
from pki import SERVER, Pair  # noqa: E402

TMP = sys.argv[1]
PKI = TMP + '/pki/'
PORT, FOREIGN = 8443, 9443
HOUR = datetime.timedelta(hours=1)
GOOD, REVOKED = ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED
V_REVOKED, V_NEEDED, V_FAILED, V_UNKNOWN = 23, 73, 74, 75    # X509_V_ERR_


class Must(Pair):
    """A certificate that never comes without a response (RFC 7633)."""

    def __init__(self, common, issuer):
        super().__init__(common, issuer, SERVER, NAMES)
        b = x509.CertificateBuilder().subject_name(self.name).issuer_name(issuer.name)
        b = b.public_key(self.key.public_key()).serial_number(x509.random_serial_number())
        b = b.not_valid_before(self.cert.not_valid_before)
        b = b.not_valid_after(self.cert.not_valid_after)
        for e in self.cert.extensions:
            b = b.add_extension(e.value, e.critical)
        b = b.add_extension(x509.TLSFeature([x509.TLSFeatureType.status_request]), False)
        self.cert = b.sign(issuer.key, hashes.SHA256())


def response(name, pair, status=GOOD, hours=(-1, 24), issuer=None, signer=None,
             digest=hashes.SHA1()):
    now = datetime.datetime.utcnow()
    issuer = issuer or pair.issuer
    signer = signer or issuer
    b = ocsp.OCSPResponseBuilder().add_response(
        cert=pair.cert, issuer=issuer.cert, algorithm=digest, cert_status=status,
        this_update=now + hours[0] * HOUR, next_update=now + hours[1] * HOUR,
        revocation_time=now - HOUR if status is REVOKED else None, revocation_reason=None)
    b = b.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.cert)
    raw = b.sign(signer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    with open(f'{PKI}{name}.ocsp', 'wb') as f:
        f.write(raw)


NAMES = [x509.DNSName('localhost')]
ca, stranger = Pair('test ca'), Pair('another ca')
one = Pair('one', ca, SERVER, NAMES)
two = Pair('two', ca, SERVER, NAMES, rsa.generate_private_key(65537, 2048))
must = Must('must', ca)
for pki_name, pki_pair in (('one', one), ('two', two), ('must', must)):
    pki_pair.write(PKI + pki_name, ca)
ca.write(PKI + 'ca')
response('one', one)
response('two', two, digest=hashes.SHA256())
response('must', must)
response('revoked', one, REVOKED)
response('stale', one, hours=(-48, -1))
response('early', one, hours=(24, 48))
response('forged', one, signer=stranger)


def conf(*lines):
    with open(TMP + '/conf', 'w', encoding='ascii') as f:
        f.write('\n'.join((
            '[trust]', 'system = no', f'file = {PKI}ca.pem', '[identity www]',
            f'cert = {PKI}one.pem', f'key = {PKI}one.key', f'cert = {PKI}two.pem',
            f'key = {PKI}two.key', *lines, '')))
    return TMP + '/conf'


def reload(*lines):
    conf(*lines)
    daemon.reload()


def run(argv):
    return subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=60, check=False)


def status(*options):
    """What s_client says of it, and whether it was about a serial number of ours."""
    return run(['openssl', 's_client', '-connect', f'127.0.0.1:{PORT}', '-CAfile', PKI + 'ca.pem',
                '-status', '-servername', 'localhost', *options]).stdout


def serial(pair):
    return 'Serial Number: %X' % pair.cert.serial_number


def sent():
    """The one about the certificate that goes with it."""
    for version in ('-tls1_2', '-tls1_3'):
        for sign, pair in (('ECDSA+SHA256', one), ('RSA-PSS+SHA256:RSA+SHA256', two)):
            out = status(version, '-sigalgs', sign)
            assert 'OCSP Response Status: successful' in out and 'Cert Status: good' in out, out
            assert serial(pair) in out.replace('Serial Number: 0', 'Serial Number: '), out
    out = run(['curl', '-sv', '--http0.9', '--cert-status', '--cacert', PKI + 'ca.pem',
               '--resolve', f'localhost:{PORT}:127.0.0.1', f'https://localhost:{PORT}/'])
    assert out.returncode == 0 and 'SSL certificate status: good' in out.stderr, out


def not_sent():
    """None, or none that is good."""
    reload()
    assert 'OCSP response: no response sent' in status()
    reload(f'staple = {PKI}stale.ocsp')
    assert 'the OCSP response has expired' in daemon.said()
    assert 'OCSP response: no response sent' in status()


def refused():
    with open(PKI + 'junk.ocsp', 'wb') as f:
        f.write(b'junk')
    for name, want in (('none', 'No such file'), ('junk', 'no OCSP response'),
                       ('must', 'not about a certificate'), ('revoked', 'is not good')):
        out = run([TOP + '/build/kssld', '-t', '-c', conf(f'staple = {PKI}{name}.ocsp')])
        assert out.returncode == 1 and f'conf:9: {PKI}{name}.ocsp: ' in out.stderr and \
            want in out.stderr, (name, out)


def s_server(cert, staple, version):
    return subprocess.Popen(
        ['openssl', 's_server', '-port', str(FOREIGN), '-cert', f'{PKI}{cert}.pem', '-key',
         f'{PKI}{cert}.key', '-cert_chain', PKI + 'ca.pem', '-rev', version,
         *(('-status_file', f'{PKI}{staple}.ocsp') if staple else ())],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def connect():
    s = socket.socket()
    s.settimeout(30)
    tap.attach(s)
    s.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'localhost')
    err = tap.errno_of(s.connect, ('127.0.0.1', FOREIGN))
    if not err:
        s.sendall(b'abc\n')
        assert tap.read_all(s, 4) == b'cba\n'
    e = tap.error(s)
    s.close()
    return err, e['verify'], e['sent']


def judged():
    refused_ = errno.EKEYREJECTED
    for cert, staple, *want in (
            ('one', 'one', 0, 0, 255), ('one', '', 0, 0, 255), ('two', 'two', 0, 0, 255),
            ('must', 'must', 0, 0, 255), ('must', '', refused_, V_NEEDED, 113),
            ('one', 'revoked', errno.EKEYREVOKED, V_REVOKED, 113),
            ('one', 'stale', refused_, V_FAILED, 113), ('one', 'early', refused_, V_FAILED, 113),
            ('one', 'forged', refused_, V_FAILED, 113),
            ('one', 'two', refused_, V_UNKNOWN, 113)):
        for version in ('-tls1_3', '-tls1_2') if staple in ('one', 'revoked') else ('-tls1_3',):
            with s_server(cert, staple, version) as server:
                tap.wait_port(FOREIGN)
                got = connect()
                server.kill()
            assert got == tuple(want), (cert, staple, version, got, want)


with open(TMP + '/page', 'wb') as page:
    page.write(b'a page')
daemon = Daemon(conf(f'staple = {PKI}one.ocsp', f'staple = {PKI}two.ocsp'), TMP + '/log')
with subprocess.Popen([TOP + '/build/peers/server', str(PORT), TMP + '/page'],
                      stderr=subprocess.DEVNULL) as web:
    tap.wait_port(PORT)
    tap.case('s_client -status and curl --cert-status see the right one')(sent)
    tap.case('no response, or one that has expired, is not sent')(not_sent)
    tap.case('bad files are refused with file and line')(refused)
    tap.case('a client judges what s_server sends')(judged)
    web.kill()
daemon.stop()
tap.done()
