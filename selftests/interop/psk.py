#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""External pre-shared keys of TLS 1.3, with OpenSSL's and GnuTLS' tools at the other
end: who has the key, and who has not."""
import errno
import os
import select
import socket
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402
from kssld import Daemon  # noqa: E402

PKI = TOP + '/build/pki/'
TMP = sys.argv[1]
KEYS, FOREIGN = TMP + '/keys', 9443
ONE, TWO, WRONG = (os.urandom(n) for n in (32, 16, 32))


def write_keys(*lines, mode=0o600):
    with open(os.open(KEYS, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), 'w',
              encoding='ascii') as f:
        f.write('\n'.join(('# name:key', *lines, '')))
    os.chmod(KEYS, mode)


def conf():
    with open(TMP + '/conf', 'w', encoding='ascii') as f:
        f.write('\n'.join((
            '[trust]', 'system = no', f'file = {PKI}ca.pem', '[identity things]', 'default = yes',
            'client-auth = require', f'psk-file = {KEYS}', '[identity mixed]',
            'names = mixed.test', f'psk-file = {KEYS}', f'cert = {PKI}rsa.pem',
            f'key = {PKI}rsa.key', '[identity plain]', 'names = plain.test', f'cert = {PKI}rsa.pem',
            f'key = {PKI}rsa.key', '')))
    return TMP + '/conf'


# ---- as a server ----

seen = []


def serve(sock):
    """An echo; notes whom it served, or the errno."""
    def one(conn):
        try:
            data = conn.recv(4096)
            info = tap.info(conn)
            seen.append((info['verified'], info['resumed'],
                         tap.errno_of(conn.getsockopt, tap.SOL_KSSL, tap.PEER_SUBJECT, 1) ==
                         errno.ERANGE and conn.getsockopt(tap.SOL_KSSL, tap.PEER_SUBJECT, 999)))
            conn.sendall(data)
            conn.recv(1)
        except OSError as e:
            seen.append(e.errno)
        conn.close()
    while True:
        threading.Thread(target=one, args=(sock.accept()[0],), daemon=True).start()


def tool(argv):
    """What the server saw of it, and what it printed until the echo or its end."""
    seen.clear()
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as p:
        p.stdin.write(b'ping-pong\n')
        p.stdin.flush()
        out, end = b'', time.time() + 20
        while b'ping-pong\n' not in out and time.time() < end:
            if select.select([p.stdout], [], [], 1)[0]:
                part = os.read(p.stdout.fileno(), 65536)
                if not part:
                    break
                out += part
        try:
            p.stdin.close()
        except BrokenPipeError:
            pass
        out += p.stdout.read()
    tap.until(lambda: seen, daemon.said)
    return seen[0], out.decode(errors='replace')


def openssl(name, key, *options, sni='things.test'):
    return tool(['openssl', 's_client', '-connect', '%s:%d' % ADDRESS, '-servername', sni,
                 '-CAfile', PKI + 'ca.pem', *(('-psk', key.hex(), '-psk_identity', name)
                                              if name else ()), *options])


def server_good():
    for name, key in (('one', ONE), ('two', TWO)):
        got, out = openssl(name, key)
        assert got == (1, 0, b'PSK:' + name.encode()), (got, out)
        assert 'New Session Ticket' not in out
    got, out = tool(['gnutls-cli', '127.0.0.1', '-p', str(ADDRESS[1]), '--pskusername', 'two',
                     '--pskkey', TWO.hex(), '--priority',
                     'NORMAL:-VERS-ALL:+VERS-TLS1.3:+ECDHE-PSK:+DHE-PSK'])
    assert got == (1, 0, b'PSK:two'), (got, out)


def server_bad():
    for name, key, options in (('one', WRONG, ()), ('one', TWO, ()), ('other', ONE, ()),
                               ('', b'', ()), ('one', ONE, ('-tls1_2',))):
        got, out = openssl(name, key, *options)
        assert isinstance(got, int) and got, (name, options, got, out)
        assert 'alert' in out, out


def both_kinds():
    got, out = openssl('one', ONE, sni='mixed.test')
    assert got == (1, 0, b'PSK:one'), (got, out)
    got, out = openssl('', b'', sni='mixed.test')
    assert got[2] is False and 'Verify return code: 0' in out, (got, out)
    got, out = openssl('one', ONE, sni='plain.test')
    assert got[2] is False and 'Reused' not in out, 'no keys of another identity'


def taken_out():
    write_keys(f'two:{TWO.hex()}')
    daemon.reload()
    assert isinstance(openssl('one', ONE)[0], int)
    assert openssl('two', TWO)[0] == (1, 0, b'PSK:two')
    write_keys(f'one:{ONE.hex()}', f'two:{TWO.hex()}')


# ---- as a client ----

def connect(identity):
    s = socket.socket()
    s.settimeout(30)
    tap.attach(s)
    s.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'localhost')
    s.setsockopt(tap.SOL_KSSL, tap.IDENTITY, identity)
    err = tap.errno_of(s.connect, ('127.0.0.1', FOREIGN))
    subject = b''
    if not err:
        s.sendall(b'abc\n')
        assert tap.read_all(s, 4) == b'cba\n' and tap.info(s)['verified'] == 1
        subject = s.getsockopt(tap.SOL_KSSL, tap.PEER_SUBJECT, 999)
    s.close()
    return err, subject


def client():
    cert = '-cert', PKI + 'ec.pem', '-key', PKI + 'ec.key'
    stranger = '-cert', PKI + 'stranger.pem', '-key', PKI + 'stranger.key'
    one = '-psk', ONE.hex(), '-psk_identity', 'one'
    for options, want in ((('-nocert', *one), (0, b'PSK:one')),
                          (('-nocert', '-psk', WRONG.hex(), '-psk_identity', 'one'),
                           (errno.ECONNABORTED, b'')),
                          (cert, (0, b'CN=ec,O=kssl')), ((*cert, *one), (0, b'PSK:one')),
                          (stranger, (errno.EKEYREJECTED, b''))):
        with subprocess.Popen(['openssl', 's_server', '-port', str(FOREIGN), '-rev', '-tls1_3',
                               *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as server:
            tap.wait_port(FOREIGN)
            got = connect(b'things')
            server.kill()
        assert got == want, (options, got, want)


# ---- files ----

def refused():
    key = ONE.hex()
    for lines, mode, want in (((f'one:{key}',), 0o644, 'others can read'),
                              ((), 0o600, 'no key in it'), (('one',), 0o600, 'line 2: not "name'),
                              ((f'one:{key}', f'one:{key}'), 0o600, 'line 3: the name is there'),
                              ((f':{key}',), 0o600, 'line 2: the name must'),
                              ((f'a b:{key}',), 0o600, 'line 2: the name must'),
                              (('one:' + 15 * '00',), 0o600, 'line 2: the key must'),
                              (('one:' + 65 * '00',), 0o600, 'line 2: the key must'),
                              ((f'one:{key}0',), 0o600, 'line 2: the key must'),
                              ((f'one:{key[:-1]}g',), 0o600, 'line 2: the key must')):
        write_keys(*lines, mode=mode)
        p = subprocess.run([TOP + '/build/kssld', '-t', '-c', conf()], capture_output=True,
                           text=True, check=False)
        assert p.returncode == 1 and f'conf:7: {KEYS}: ' in p.stderr and want in p.stderr, p
        assert key not in p.stderr


write_keys(f'one:{ONE.hex()}', f'two:{TWO.hex()}')
daemon = Daemon(conf(), TMP + '/log')
listener = socket.create_server(('127.0.0.1', 0), backlog=64)
tap.attach(listener)
ADDRESS = listener.getsockname()
threading.Thread(target=serve, args=(listener,), daemon=True).start()
tap.case('s_client and gnutls-cli with a key')(server_good)
tap.case('another key, another name, none, TLS 1.2')(server_bad)
tap.case('keys and certificates side by side')(both_kinds)
tap.case('s_server with a key, another one, a certificate instead')(client)
tap.case('a key that is taken out of the file')(taken_out)
tap.case('bad files are refused with the line')(refused)
tap.ok(not any(k.hex() in daemon.said() for k in (ONE, TWO)), 'no key in the log')
daemon.stop()
tap.done()
