# SPDX-License-Identifier: GPL-2.0
"""Certificates for the tests of client authentication, by python3-cryptography:
good ones and one for each reason to refuse, and revocation lists.

usage: pki.py DIRECTORY
"""
import datetime
import ipaddress
import os
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.utcnow()
DAY = datetime.timedelta(days=1)
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
ODD = 'a,DNS:admin.test\nDNS:root.test\\'   # three names to a careless reader


def name(common):
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, 'kssl'),
                      x509.NameAttribute(NameOID.COMMON_NAME, common)])


class Pair:
    """A certificate and its key."""

    def __init__(self, common, issuer=None, usage=None, names=(), key=None, days=(-1, 30),
                 key_usage=None):
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.name = name(common)
        self.issuer = issuer or self
        b = x509.CertificateBuilder().subject_name(self.name).issuer_name(self.issuer.name)
        b = b.public_key(self.key.public_key()).serial_number(x509.random_serial_number())
        b = b.not_valid_before(NOW + days[0] * DAY).not_valid_after(NOW + days[1] * DAY)
        b = b.add_extension(x509.BasicConstraints(ca=not usage, path_length=None), critical=True)
        if usage:
            b = b.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if key_usage:
            b = b.add_extension(key_usage, critical=True)
        if names:
            b = b.add_extension(x509.SubjectAlternativeName(names), critical=False)
        self.cert = b.sign(self.issuer.key, hashes.SHA256())

    def pem(self):
        return self.cert.public_bytes(serialization.Encoding.PEM)

    def write(self, path, *more):
        with open(path + '.pem', 'wb') as f:
            f.write(b''.join(p.pem() for p in (self, *more)))
        with open(os.open(path + '.key', os.O_CREAT | os.O_WRONLY, 0o600), 'wb') as f:
            f.write(self.key.private_bytes(serialization.Encoding.PEM,
                                           serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))


def crl(issuer, *revoked, days=(-1, 30)):
    b = x509.CertificateRevocationListBuilder().issuer_name(issuer.name)
    b = b.last_update(NOW + days[0] * DAY).next_update(NOW + days[1] * DAY)
    for pair in revoked:
        b = b.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(pair.cert.serial_number)
            .revocation_date(NOW - DAY / 2).build())
    return b.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def save(path, *parts):
    with open(path, 'wb') as f:
        f.write(b''.join(parts))


def make(where):
    ca, other = Pair('test ca'), Pair('another ca')
    inter = Pair('test intermediate', ca)
    hosts = [x509.DNSName(h) for h in ('plain.test', 'req.test', 'auth.test')]
    hosts.append(x509.IPAddress(ipaddress.ip_address('127.0.0.1')))
    people = [x509.DNSName('client.test'), x509.DNSName(ODD),
              x509.IPAddress(ipaddress.ip_address('192.0.2.7')),
              x509.IPAddress(ipaddress.ip_address('2001:db8::7')),
              x509.RFC822Name('client@client.test'),
              x509.UniformResourceIdentifier('spiffe://test/client'),
              x509.DirectoryName(name('a, b')),
              x509.RegisteredID(x509.ObjectIdentifier('1.2.3'))]
    pairs = {'client': Pair('client', ca, CLIENT, people),
             'under': Pair('under the intermediate', inter, CLIENT),
             'expired': Pair('expired client', ca, CLIENT, days=(-30, -1)),
             'early': Pair('early client', ca, CLIENT, days=(10, 30)),
             'stranger': Pair('client of another ca', other, CLIENT),
             'wrong': Pair('a server, not a client', ca, SERVER),
             'unfit': Pair('client that may not sign', ca, CLIENT, key_usage=x509.KeyUsage(
                 False, False, True, False, False, False, False, False, False)),
             'revoked': Pair('revoked client', ca, CLIENT),
             'server': Pair('server', ca, SERVER, hosts,
                            rsa.generate_private_key(public_exponent=65537, key_size=2048)),
             'server-expired': Pair('expired server', ca, SERVER, hosts, days=(-30, -1)),
             'server-stranger': Pair('server of another ca', other, SERVER, hosts),
             'server-wrong': Pair('a client, not a server', ca, CLIENT, hosts),
             'server-revoked': Pair('revoked server', ca, SERVER, hosts)}
    for file, pair in pairs.items():
        pair.write(f'{where}/{file}', *[inter] * (pair.issuer is inter))
    ca.write(where + '/ca')
    revoked = (pairs['revoked'], pairs['server-revoked'])
    save(where + '/crl.pem', crl(ca, *revoked), crl(inter))
    save(where + '/crl-ca.pem', crl(ca, *revoked))
    save(where + '/crl-stale.pem', crl(ca, days=(-30, -1)), crl(inter))
    save(where + '/ca-and-crl.pem', ca.pem(), crl(ca, *revoked))


if __name__ == '__main__':
    make(sys.argv[1])
