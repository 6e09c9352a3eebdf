#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The suites that are off by default: CBC with the MAC inside and outside, RSA key
transport, CCM, MAC only; both roles, against OpenSSL and GnuTLS, 1 B to 1 MiB, every
byte compared, records of odd sizes, with random padding from GnuTLS.

    kssl echo server  <- OpenSSL client, GnuTLS client
    kssl client       -> OpenSSL echo server, GnuTLS echo server

usage: legacy.py TMP [SUITE...]
"""
import subprocess
import sys
import threading

import matrix
from matrix import PKI, PORT, tap
import tlsecho
from tlsecho import SIZES

GNUTLS = matrix.TOP + '/build/peers/gnutlsecho'
BOTH, ONE = ('etm', 'mte'), ('',)
SUITES = (  # number, version, OpenSSL's name, GnuTLS's key exchange, cipher, MAC
    (0x002f, '1.2', 'AES128-SHA', 'RSA', 'AES-128-CBC', 'SHA1', BOTH),
    (0x0035, '1.2', 'AES256-SHA', 'RSA', 'AES-256-CBC', 'SHA1', BOTH),
    (0x003c, '1.2', 'AES128-SHA256', 'RSA', 'AES-128-CBC', 'SHA256', BOTH),
    (0x003d, '1.2', 'AES256-SHA256', 'RSA', 'AES-256-CBC', 'SHA256', BOTH),
    (0xc009, '1.2', 'ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA', 'AES-128-CBC', 'SHA1', BOTH),
    (0xc00a, '1.2', 'ECDHE-ECDSA-AES256-SHA', 'ECDHE-ECDSA', 'AES-256-CBC', 'SHA1', BOTH),
    (0xc013, '1.2', 'ECDHE-RSA-AES128-SHA', 'ECDHE-RSA', 'AES-128-CBC', 'SHA1', BOTH),
    (0xc014, '1.2', 'ECDHE-RSA-AES256-SHA', 'ECDHE-RSA', 'AES-256-CBC', 'SHA1', BOTH),
    (0xc023, '1.2', 'ECDHE-ECDSA-AES128-SHA256', 'ECDHE-ECDSA', 'AES-128-CBC', 'SHA256', BOTH),
    (0xc024, '1.2', 'ECDHE-ECDSA-AES256-SHA384', 'ECDHE-ECDSA', 'AES-256-CBC', 'SHA384', BOTH),
    (0xc027, '1.2', 'ECDHE-RSA-AES128-SHA256', 'ECDHE-RSA', 'AES-128-CBC', 'SHA256', BOTH),
    (0xc028, '1.2', 'ECDHE-RSA-AES256-SHA384', 'ECDHE-RSA', 'AES-256-CBC', 'SHA384', BOTH),
    (0x009c, '1.2', 'AES128-GCM-SHA256', 'RSA', 'AES-128-GCM', 'AEAD', ONE),
    (0x009d, '1.2', 'AES256-GCM-SHA384', 'RSA', 'AES-256-GCM', 'AEAD', ONE),
    (0xc09c, '1.2', 'AES128-CCM', 'RSA', 'AES-128-CCM', 'AEAD', ONE),
    (0xc09d, '1.2', 'AES256-CCM', 'RSA', 'AES-256-CCM', 'AEAD', ONE),
    (0xc0a0, '1.2', 'AES128-CCM8', 'RSA', 'AES-128-CCM-8', 'AEAD', ONE),
    (0xc0a1, '1.2', 'AES256-CCM8', 'RSA', 'AES-256-CCM-8', 'AEAD', ONE),
    (0xc0ac, '1.2', 'ECDHE-ECDSA-AES128-CCM', 'ECDHE-ECDSA', 'AES-128-CCM', 'AEAD', ONE),
    (0xc0ad, '1.2', 'ECDHE-ECDSA-AES256-CCM', 'ECDHE-ECDSA', 'AES-256-CCM', 'AEAD', ONE),
    (0xc0ae, '1.2', 'ECDHE-ECDSA-AES128-CCM8', 'ECDHE-ECDSA', 'AES-128-CCM-8', 'AEAD', ONE),
    (0xc0af, '1.2', 'ECDHE-ECDSA-AES256-CCM8', 'ECDHE-ECDSA', 'AES-256-CCM-8', 'AEAD', ONE),
    (0x003b, '1.2', 'NULL-SHA256', 'RSA', 'NULL', 'SHA256', ONE),
    (0x1304, '1.3', 'TLS_AES_128_CCM_SHA256', '', 'AES-128-CCM', 'AEAD', ONE),
    (0x1305, '1.3', 'TLS_AES_128_CCM_8_SHA256', '', 'AES-128-CCM-8', 'AEAD', ONE),
)


def cert_of(kx):
    return ('ec', 'ec.test') if 'ECDSA' in kx else ('rsa', 'localhost')


def expected(got, number):
    """The kernel's view of an exchange of all sizes."""
    return got['suite'] == number and got['rxbytes'] == sum(SIZES) == got['txbytes']


# ---- OpenSSL: in this process; TLS 1.3 in one whose configuration has one suite ----

def ciphers(name):
    return name + ':@SECLEVEL=0'


def openssl_client(number, version, name, kx, order, test):
    before = len(matrix.served)
    args = (str(PORT), PKI + 'ca.pem', cert_of(kx)[1], version, ciphers(name), order)
    if version == '1.3':
        r = matrix.run(['/usr/bin/python3', matrix.ECHO, 'client', *args],
                       env=matrix.env_for(version, name))
        said = r.stdout.decode().split()
    else:
        try:
            said = r = tlsecho.client(*args)
        except (OSError, ValueError) as e:
            said, r = (), e
    got = matrix.last_served(before)
    # OpenSSL offers NULL suites the extension too; there it means nothing
    tap.ok(name in said and ('etm' in said) == (order == 'etm' or name == 'NULL-SHA256') and
           expected(got, number), test, f'{r}\n{got}')


def openssl_server(number, version, name, kx, order, test):
    port = 7400 + 2 * SUITE_NR[number] + (order == 'mte')
    cert, _ = cert_of(kx)
    args = (str(port), f'{PKI}{cert}.pem', f'{PKI}{cert}.key', version, ciphers(name), order)
    peer = None
    if version == '1.3':
        peer = subprocess.Popen(['/usr/bin/python3', matrix.ECHO, 'server', *args],
                                env=matrix.env_for(version, name))
    else:
        threading.Thread(target=tlsecho.serve, args=args, daemon=True).start()
    tap.wait_port(port)
    matrix.exchange(port, number, test)
    if peer:
        peer.kill()
        peer.wait()


# ---- GnuTLS ----

def priority(version, kx, cipher, mac, order):
    return (f'NONE:+VERS-TLS{version}:+SIGN-ALL:+COMP-NULL:+GROUP-ALL:+{cipher}:+{mac}' +
            (f':+{kx}' if kx else '') + (':%NO_ETM' if order == 'mte' else ''))


def gnutls_client(number, prio, kx, order, test):
    before = len(matrix.served)
    _, host = cert_of(kx)
    r = matrix.run([GNUTLS, 'client', str(PORT), PKI + 'ca.pem', host, prio])
    got = matrix.last_served(before)
    tap.ok(r.returncode == 0 and r.stdout.startswith(b'etm' if order == 'etm' else b'mte') and
           expected(got, number), test, f'{r}\n{got}')


def gnutls_server(number, prio, kx, test):
    port = 7500 + SUITE_NR[number]
    cert, _ = cert_of(kx)
    with subprocess.Popen([GNUTLS, 'server', str(port), f'{PKI}{cert}.pem', f'{PKI}{cert}.key',
                           prio]) as peer:
        try:
            tap.wait_port(port)
            matrix.exchange(port, number, test)
        finally:
            peer.kill()


SUITE_NR = {row[0]: i for i, row in enumerate(SUITES)}


def one(number, version, name, kx, cipher, mac, order):
    what = f'{name} {version} {order}'.strip()
    prio = priority(version, kx, cipher, mac, order)
    openssl_client(number, version, name, kx, order, f'kssl server, OpenSSL client, {what}')
    openssl_server(number, version, name, kx, order, f'kssl client, OpenSSL server, {what}')
    gnutls_client(number, prio, kx, order, f'kssl server, GnuTLS client, {what}')
    gnutls_server(number, prio, kx, f'kssl client, GnuTLS server, {what}')


def main():
    wanted = [int(a, 16) for a in sys.argv[2:]]
    before = tap.counters()
    threading.Thread(target=matrix.echo_server, daemon=True).start()
    tap.wait_port(PORT)
    for number, version, name, kx, cipher, mac, orders in SUITES:
        for order in orders:
            if not wanted or number in wanted:
                one(number, version, name, kx, cipher, mac, order)
    after = tap.counters()
    moved = {k: after[k] - before[k] for k in after}
    tap.ok(moved['RxBadMac'] == moved['RxProtocol'] == 0, 'no record was refused', moved)
    tap.ok(moved['TxRecordsCbc'] > 1000 and moved['RxRecordsCbc'] > 1000 and
           moved['TxRecordsMac'] > 100 and moved['RxRecordsMac'] > 100,
           'the kernel sealed and opened them', moved)
    tap.done()


main()
