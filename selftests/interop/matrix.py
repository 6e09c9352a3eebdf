#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Every suite, both versions, both roles, against OpenSSL (through Python's ssl
module and the command line tools) and GnuTLS; every byte compared.

    kssl echo server  <- OpenSSL client        kssl client -> OpenSSL echo server
                      <- s_client, gnutls-cli              -> s_server, gnutls-serv
"""
import os
import random
import socket
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402
from tlsecho import SIZES, data_of  # noqa: E402

PKI = TOP + '/build/pki/'
TMP = sys.argv[1]
ECHO = TOP + '/selftests/peers/tlsecho.py'
PORT = 7000
SUITES = (  # number, version, OpenSSL's name, GnuTLS's cipher, certificate
    (0x1301, '1.3', 'TLS_AES_128_GCM_SHA256', 'AES-128-GCM', 'rsa'),
    (0x1302, '1.3', 'TLS_AES_256_GCM_SHA384', 'AES-256-GCM', 'ec'),
    (0x1303, '1.3', 'TLS_CHACHA20_POLY1305_SHA256', 'CHACHA20-POLY1305', 'rsa'),
    (0xc02b, '1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256', 'AES-128-GCM', 'ec'),
    (0xc02c, '1.2', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'AES-256-GCM', 'ec'),
    (0xc02f, '1.2', 'ECDHE-RSA-AES128-GCM-SHA256', 'AES-128-GCM', 'rsa'),
    (0xc030, '1.2', 'ECDHE-RSA-AES256-GCM-SHA384', 'AES-256-GCM', 'rsa'),
    (0xcca8, '1.2', 'ECDHE-RSA-CHACHA20-POLY1305', 'CHACHA20-POLY1305', 'rsa'),
    (0xcca9, '1.2', 'ECDHE-ECDSA-CHACHA20-POLY1305', 'CHACHA20-POLY1305', 'ec'),
)
served = []  # kssl's view of each connection of the echo server


def conf(suite):
    """OpenSSL's configuration that leaves one TLS 1.3 suite."""
    path = f'{TMP}/openssl-{suite}.cnf'
    with open(path, 'w', encoding='ascii') as f:
        f.write(f'openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n'
                f'Ciphersuites = {suite}\n')
    return path


def env_for(version, suite):
    env = dict(os.environ)
    if version == '1.3':
        env['OPENSSL_CONF'] = conf(suite)
    return env


def echo(conn):
    try:
        while True:
            data = conn.recv(1 << 18)
            if not data:
                break
            conn.sendall(data)
        served.append(tap.info(conn))
    except OSError as e:
        served.append({'suite': 0, 'error': e, 'why': tap.error(conn)})
    conn.close()


def echo_server():
    listener = socket.create_server(('127.0.0.1', PORT))
    tap.attach(listener)
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=echo, args=(conn,), daemon=True).start()


def run(argv, data=None, env=None, limit=60):
    try:
        return subprocess.run(argv, input=data, env=env, timeout=limit, check=False,
                              capture_output=True)
    except subprocess.TimeoutExpired as e:
        return subprocess.CompletedProcess(argv, 124, e.stdout or b'', (e.stderr or b'') + b' TIMEOUT')


def last_served(before):
    end = time.time() + 10
    while len(served) == before and time.time() < end:
        time.sleep(0.05)
    return served[-1] if len(served) > before else {'suite': 0}


def server_side(number, version, name, cert):
    before = len(served)
    host = 'ec.test' if cert == 'ec' else 'localhost'
    r = run(['/usr/bin/python3', ECHO, 'client', str(PORT), PKI + 'ca.pem', host, version, name],
            env=env_for(version, name))
    got = last_served(before)
    tap.ok(r.returncode == 0 and name in r.stdout.decode() and got['suite'] == number and
           got['rxbytes'] == sum(SIZES) == got['txbytes'],
           f'kssl server, OpenSSL client, {name} {version}', f'{r}\n{got}')


def client_side(number, version, name, cert):
    port = 7100 + SUITES.index(next(s for s in SUITES if s[0] == number))
    with subprocess.Popen(['/usr/bin/python3', ECHO, 'server', str(port), f'{PKI}{cert}.pem',
                           f'{PKI}{cert}.key', version, name], env=env_for(version, name)) as peer:
        try:
            tap.wait_port(port)
            exchange(port, number, f'kssl client, OpenSSL server, {name} {version}')
        finally:
            peer.kill()


def connect(port, name=b'localhost'):
    s = socket.socket()
    s.settimeout(30)
    tap.attach(s)
    s.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, name)
    s.connect(('127.0.0.1', port))
    return s


def exchange(port, number, test, sizes=SIZES):
    try:
        s = connect(port)
        for size in sizes:
            data = data_of(size)
            sender = threading.Thread(target=s.sendall, args=(data,))
            sender.start()
            got = tap.read_all(s, size)
            sender.join()
            if got != data:
                tap.ok(False, test, f'{size} bytes came back different ({len(got)})')
                return
        i = tap.info(s)
        s.shutdown(socket.SHUT_WR)
        tail = s.recv(10)
        tap.ok(i['suite'] == number and tail == b'' and i['verified'] == 1 and
               i['txbytes'] == sum(sizes), test, f'{i} {tail}')
        s.close()
    except OSError as e:
        tap.ok(False, test, f'{e}')


def digits(n):
    return bytes(random.Random(n).choices(b'0123456789', k=n - 1)) + b'\n'


def priority(version, cipher):
    return f'NORMAL:-VERS-ALL:+VERS-TLS{version}:-CIPHER-ALL:+{cipher}'


def feed(pipe, data):
    try:
        pipe.write(data)
        pipe.flush()
    except OSError:
        pass  # the tool went away: the test says so


def tool_client(argv, test, number):
    """A command line client sends digits, takes them back, is closed by us."""
    data = digits(100000)
    before = len(served)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as p:
        threading.Timer(40, p.kill).start()
        threading.Thread(target=feed, args=(p.stdin, data), daemon=True).start()
        got = p.stdout.read(len(data))
        p.stdin.close()
        end = last_served(before)
        p.kill()
    tap.ok(got == data and end['suite'] == number, test, f'{len(got)} bytes, {end}')


def tools_as_clients():
    for number, version, name, cipher, cert in (SUITES[0], SUITES[1], SUITES[2], SUITES[5],
                                                SUITES[4], SUITES[7]):
        host = 'ec.test' if cert == 'ec' else 'localhost'
        choice = ['-ciphersuites' if version == '1.3' else '-cipher', name,
                  '-tls' + version.replace('.', '_')]
        tool_client(['openssl', 's_client', '-quiet', '-no_ign_eof', '-CAfile', PKI + 'ca.pem',
                     '-verify_return_error', '-servername', host, *choice, '-connect',
                     f'127.0.0.1:{PORT}'], f'kssl server, s_client, {name}', number)
        tool_client(['gnutls-cli', '--logfile=/dev/null', '--x509cafile', PKI + 'ca.pem',
                     '--priority', priority(version, cipher), '--sni-hostname', host,
                     '--verify-hostname', host, '-p', str(PORT), '127.0.0.1'],
                    f'kssl server, gnutls-cli, {cipher} {version}', number)


def tools_as_servers():
    for n, (number, version, name, cipher, cert) in enumerate(
            (SUITES[0], SUITES[1], SUITES[2], SUITES[5], SUITES[4], SUITES[8])):
        port = 7200 + n
        with subprocess.Popen(['gnutls-serv', '--echo', '--quiet', '-p', str(port),
                               '--x509certfile', f'{PKI}{cert}.pem', '--x509keyfile',
                               f'{PKI}{cert}.key', '--priority', priority(version, cipher)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as peer:
            tap.wait_port(port)
            lines(port, number, f'kssl client, gnutls-serv, {cipher} {version}', lambda x: x)
            peer.kill()
        choice = ['-ciphersuites' if version == '1.3' else '-cipher', name,
                  '-tls' + version.replace('.', '_')]
        with subprocess.Popen(['openssl', 's_server', '-rev', '-port', str(port + 50), '-cert',
                               f'{PKI}{cert}.pem', '-key', f'{PKI}{cert}.key', *choice],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as peer:
            tap.wait_port(port + 50)
            lines(port + 50, number, f'kssl client, s_server -rev, {name}',
                  lambda x: x[-2::-1] + b'\n')
            peer.kill()


def lines(port, number, test, transform):
    try:
        s = connect(port)
        good = True
        for size in (10, 1000, 8000):
            line = digits(size)
            s.sendall(line)
            good = good and tap.read_all(s, size) == transform(line)
        tap.ok(good and tap.info(s)['suite'] == number, test, tap.info(s))
        s.close()
    except OSError as e:
        tap.ok(False, test, e)


def main():
    before = tap.counters()
    threading.Thread(target=echo_server, daemon=True).start()
    tap.wait_port(PORT)
    for number, version, name, _, cert in SUITES:
        server_side(number, version, name, cert)
        client_side(number, version, name, cert)
    tools_as_clients()
    tools_as_servers()
    after = tap.counters()
    tap.ok(after['RxBadMac'] == before['RxBadMac'] and after['RxProtocol'] == before['RxProtocol'],
           'no record was refused', after)
    tap.ok(after['TxRecords'] - before['TxRecords'] > 1000, 'the kernel sealed the records', after)
    tap.done()


if __name__ == '__main__':
    main()
