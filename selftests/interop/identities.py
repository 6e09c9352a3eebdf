#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Which certificate OpenSSL's, GnuTLS' and curl's clients get, by name and by kind of
key; from encrypted files, PKCS#12, DER and by URI.  What is bad is refused with its
line."""
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: E402
from cryptography.hazmat.primitives.serialization import pkcs12  # noqa: E402
from kssld import Daemon  # noqa: E402
from pki import SERVER, Pair, crl  # noqa: E402

TMP = sys.argv[1]
PKI = TMP + '/pki/'
PHRASE, PORT = b'a pass phrase', 8443


def dns(*names):
    return [x509.DNSName(n) for n in names]


def write(name, data, mode=0o600):
    with open(os.open(PKI + name, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, mode), 'wb') as f:
        f.write(data)


def make():
    """The names are in the certificates; each says in its subject which it is."""
    ca, key = Pair('test ca'), rsa.generate_private_key(public_exponent=65537, key_size=2048)
    inter = Pair('test intermediate', ca)
    pairs = {'www-rsa': Pair('www rsa', ca, SERVER, dns('www.test'), key),
             'www-ec': Pair('www ec', inter, SERVER, dns('www.test')),
             'wild': Pair('wild', ca, SERVER, dns('*.wild.test')),
             'exact': Pair('exact', ca, SERVER, dns('a.wild.test')),
             'any': Pair('any', ca, SERVER, dns('any.test'))}
    for name, p in pairs.items():
        p.write(PKI + name, *[inter] * (p.issuer is inter))
    ca.write(PKI + 'ca')
    locked = serialization.BestAvailableEncryption(PHRASE)
    write('locked.key', key.private_bytes(serialization.Encoding.PEM,
                                          serialization.PrivateFormat.PKCS8, locked))
    p = pairs['www-ec']
    # the chain in the wrong order: it is sorted
    write('www-ec.p12', pkcs12.serialize_key_and_certificates(
        b'www', p.key, p.cert, [ca.cert, inter.cert], locked))
    write('exact.der', pairs['exact'].cert.public_bytes(serialization.Encoding.DER))
    write('exact-key.der', pairs['exact'].key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    write('phrases', b'not this one\r\n' + PHRASE + b'\n')
    write('wrong', b'not this one\n')
    write('open', PHRASE, 0o644)
    write('any.pem', pairs['any'].pem() + open(PKI + 'any.key', 'rb').read())


def conf(*lines):
    with open(TMP + '/conf', 'w', encoding='ascii') as f:
        f.write('\n'.join(('[trust]', 'system = no', f'file = {PKI}ca.pem', *lines, '')))
    return TMP + '/conf'


GOOD = ('[global]', 'workers = 1', '[identity wild]', f'cert = {PKI}wild.pem',
        f'key = file:{PKI}wild.key', '[identity www]', f'cert = {PKI}www-ec.p12',
        f'cert = {PKI}www-rsa.pem', f'key = {PKI}locked.key', f'pass-file = {PKI}phrases',
        '[identity exact]', f'cert = {PKI}exact.der', f'key = {PKI}exact-key.der',
        '[identity any]', 'default = yes', f'cert = {PKI}any.pem', 'names = none.invalid')


def check(*lines):
    p = subprocess.run([TOP + '/build/kssld', '-t', '-c', conf(*lines)], capture_output=True,
                       text=True, check=False)
    return p.stdout + p.stderr


def identity(*lines):
    """Checks one; its first line is the sixth of the file."""
    return check('', '[identity x]', *lines)


def run(argv):
    return subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=60, check=False)


def openssl(name, *options):
    """The CN that s_client saw, and whether it verified all up to the CA."""
    out = run(['openssl', 's_client', '-connect', f'127.0.0.1:{PORT}', '-CAfile', PKI + 'ca.pem',
               *(('-servername', name) if name else ('-noservername',)), *options])
    seen = [x.split('CN = ')[1] for x in out.stdout.splitlines() if x.startswith('subject=')]
    return seen, 'Verify return code: 0 (ok)' in out.stdout


def by_name():
    for name, want in (('www.test', 'www ec'), ('a.wild.test', 'exact'), ('b.wild.test', 'wild'),
                       ('A.WILD.TEST', 'exact'), ('a.b.wild.test', 'any'), ('other.test', 'any'),
                       (None, 'any')):
        got = openssl(name)
        assert got == ([want], True), (name, got)


def by_key():
    ec, rsa_ = 'ECDSA+SHA256', 'RSA-PSS+SHA256:RSA+SHA256'
    for want, options in (('www rsa', ('-sigalgs', rsa_)), ('www ec', ('-sigalgs', ec)),
                          ('www rsa', ('-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256')),
                          ('www ec', ('-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256'))):
        got = openssl('www.test', *options)
        assert got == ([want], True), (options, got)
    got = openssl('any.test', '-sigalgs', rsa_)
    assert got[0] == [], ('nothing that fits', got)


def others():
    normal = 'NORMAL:-VERS-ALL:+VERS-TLS1.3:-SIGN-ALL:+SIGN-'
    for sign, want in (('RSA-PSS-RSAE-SHA256', 'www rsa'), ('ECDSA-SECP256R1-SHA256', 'www ec')):
        out = run(['gnutls-cli', '127.0.0.1', '-p', str(PORT), '--x509cafile', PKI + 'ca.pem',
                   '--sni-hostname', 'www.test', '--verify-hostname', 'www.test', '--priority',
                   normal + sign]).stdout
        assert f"subject `CN={want}," in out and 'The certificate is trusted' in out, out
    for name, want in (('b.wild.test', 'CN=wild'), ('www.test', 'CN=www ec')):
        out = run(['curl', '-sv', '--http0.9', '--cacert', PKI + 'ca.pem', '--resolve',
                   f'{name}:{PORT}:127.0.0.1', f'https://{name}:{PORT}/'])
        assert out.returncode == 0 and want in out.stderr, out


def refused():
    for want, *lines in (
            ('conf:6: {}www-rsa.pem: no private key in it, and no key =', 'cert = {}www-rsa.pem'),
            ('conf:7: {}locked.key: needs a pass phrase', 'cert = {}www-rsa.pem',
             'key = {}locked.key'),
            ('conf:7: {}locked.key: no pass phrase of pass-file fits', 'cert = {}www-rsa.pem',
             'key = {}locked.key', 'pass-file = {}wrong'),
            ('conf:8: {}open: others can read', 'cert = {}www-rsa.pem', 'key = {}locked.key',
             'pass-file = {}open'),
            ('conf:6: {}www-ec.p12: needs a pass phrase', 'cert = {}www-ec.p12'),
            ('conf:6: {}www-ec.p12: no pass phrase of pass-file fits', 'cert = {}www-ec.p12',
             'pass-file = {}wrong'),
            ('conf:7: {}wild.key: the key of another', 'cert = {}exact.pem', 'key = {}wild.key'),
            ('conf:8: {}wild.pem: the second certificate for this kind of key',
             'cert = {}exact.pem', 'key = {}exact.key', 'cert = {}wild.pem', 'key = {}wild.key'),
            ('conf:7: pkcs11:object=x: none of OpenSSL', 'cert = {}wild.pem',
             'key = pkcs11:object=x'),
            ('conf:6: {}wild.key: no certificate in it', 'cert = {}wild.key',
             'key = {}wild.key'),
            ('conf:6: {}wild.key: a key without a cert', 'key = {}wild.key'),
            ('conf:5: [identity x] needs a cert', 'alpn = h2')):
        out = identity(*[x.format(PKI) for x in lines])
        assert want.format(PKI) in out, (want, lines, out)
    os.chmod(PKI + 'wild.key', 0o644)
    out = identity(f'cert = {PKI}wild.pem', f'key = {PKI}wild.key')
    os.chmod(PKI + 'wild.key', 0o600)
    assert 'WARNING: others can read this private key' in out and 'good' in out, out
    out = check('[global]', 'provider = nonsense')
    assert 'provider nonsense: ' in out, out


def expiring():
    """Told ahead; not of what lives shortly and is young; and not if it is not wanted."""
    ca = Pair('test ca')
    for name, days in (('soon', (-300, 3)), ('gone', (-300, -1)), ('young', (0, 3)),
                       ('long', (-1, 300))):
        Pair(name, ca, SERVER, dns('x.test'), days=days).write(PKI + name)
    for name, want in (('soon', 'the certificate expires in 3 days'),
                       ('gone', 'the certificate has expired'), ('young', ''), ('long', '')):
        lines = f'cert = {PKI}{name}.pem', f'key = {PKI}{name}.key'
        out = identity(*lines)
        assert f'conf:6: {PKI}{name}.pem: {want}' in out if want else 'expire' not in out, out
        assert 'good' in out
    lines = f'cert = {PKI}soon.pem', f'key = {PKI}soon.key'
    assert 'expire' not in identity(*lines, '[global]', 'expiry-days = 0')
    out = identity(f'cert = {PKI}long.pem', f'key = {PKI}long.key', '[global]',
                   'expiry-days = 400')
    assert 'expires' not in out, 'the first two thirds'
    write('list', crl(ca, days=(-30, 2)))
    out = check(f'crl = {PKI}list')
    assert f'conf:4: {PKI}list: a revocation list expires in' in out, out


make()
with open(TMP + '/page', 'wb') as page:
    page.write(b'a page')
daemon = Daemon(conf(*GOOD), TMP + '/log')
with subprocess.Popen([TOP + '/build/peers/server', str(PORT), TMP + '/page'],
                      stderr=subprocess.DEVNULL) as server:
    tap.wait_port(PORT)
    tap.case('by name: exact, then wildcard, then default')(by_name)
    tap.case('by kind of key, both versions')(by_key)
    tap.case('gnutls-cli and curl')(others)
    tap.case('bad files are refused with file and line')(refused)
    tap.case('what expires soon is told')(expiring)
    said = daemon.said()
    tap.ok(PHRASE.decode() not in said and 'not this one' not in said,
           'no pass phrase in the log', said)
    server.kill()
daemon.stop()
tap.done()
