# SPDX-License-Identifier: GPL-2.0
"""OpenSSL 3.5 with -ktls at one end, without at the other: a file each way, and in
TLS 1.3 a conversation with KeyUpdates.

OpenSSL 3.5 gives the kernel both directions of TLS 1.2 and 1.3, and the next keys at
a KeyUpdate (TLS_TX or TLS_RX again).
"""
import hashlib
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '../peers'))
import ktls  # noqa: E402
import tap  # noqa: E402
from ktls import Program, listening, records, until  # noqa: E402

TMP = sys.argv[1]
PKI = os.environ['PKI']
CERT = ('-cert', f'{PKI}/rsa.pem', '-key', f'{PKI}/rsa.key')
RECORD = 16384
SIZE = 4 << 20
SUITES = (('1.2', 'ECDHE-RSA-AES128-GCM-SHA256'), ('1.2', 'ECDHE-RSA-AES256-GCM-SHA384'),
          ('1.2', 'ECDHE-RSA-CHACHA20-POLY1305'), ('1.3', 'TLS_AES_128_GCM_SHA256'),
          ('1.3', 'TLS_AES_256_GCM_SHA384'), ('1.3', 'TLS_CHACHA20_POLY1305_SHA256'),
          ('1.3', 'TLS_AES_128_CCM_SHA256'))


def openssl(tool, *args, on):
    return Program('openssl', tool, *(('-ktls',) if on else ()), *args, cwd=TMP)


def choose(version, suite):
    option = '-ciphersuites' if version == '1.3' else '-cipher'
    return '-tls' + version.replace('.', '_'), option, suite


def file_by(server_on, version, suite, want):
    """The server sends a file; one end has kTLS, the server with sendfile."""
    who = 's_server -ktls -sendfile' if server_on else 's_client -ktls'
    name = f'{who}, {suite}'
    many = SIZE // RECORD
    tx, rx = (many, 1) if server_on else (1, many)
    sendfile = ('-sendfile',) if server_on else ()
    chosen = choose(version, suite)
    with openssl('s_server', '-quiet', '-WWW', *sendfile, '-port', '9501', *CERT, *chosen,
                 on=server_on):
        listening(9501)
        with records(name, tx, rx), \
                openssl('s_client', '-quiet', *chosen, '-connect', '127.0.0.1:9501', '-CAfile',
                        f'{PKI}/ca.pem', '-verify_return_error', on=not server_on) as c:
            c.say('GET /small HTTP/1.0\r\n\r')
            c.wait()
            body = c.text.partition(b'\r\n\r\n')[2]
            tap.is_(hashlib.sha256(body).hexdigest(), want, name + ': the file')


def updates(program, direction):
    """KeyUpdates that a program with -msg says it sent (>>>) or received (<<<)."""
    return len(re.findall(direction + rb' TLS 1.3, Handshake \[length 0005\], KeyUpdate',
                          program.text))


class Talk:
    """A server and a client that send each other lines."""

    def __init__(self, name, server, client):
        self.name, self.ends, self.line = name, (server, client), 0

    def both_ways(self, what):
        """A line each way; a record at least each way by the kernel."""
        arrived = True
        with records(f'{self.name}, {what}', 1, 1) if ktls.MODULE == 'kssl' else nothing():
            for speaker, listener in (self.ends, self.ends[::-1]):
                self.line += 1
                speaker.say(f'line {self.line}.')
                arrived = listener.heard(f'line {self.line}.', seconds=20) and arrived
        return tap.ok(arrived, f'{self.name}, {what}: a line each way',
                      '\n'.join(e.text.decode(errors='replace')[-400:] for e in self.ends))


def nothing():
    return open(os.devnull, encoding='ascii')


def key_updates(server_on):
    """Each end asks for a KeyUpdate (K: of both directions, k: of its own alone)."""
    who = 's_server -ktls' if server_on else 's_client -ktls'
    with openssl('s_server', '-msg', '-port', '9502', *CERT, '-tls1_3', on=server_on) as server:
        listening(9502)
        with openssl('s_client', '-msg', '-connect', '127.0.0.1:9502', '-CAfile',
                     f'{PKI}/ca.pem', '-verify_return_error', on=not server_on) as client:
            mine, peer = (server, client) if server_on else (client, server)
            talk = Talk(who, server, client)
            talk.both_ways('before')
            sent = received = 0

            def seen():
                return updates(mine, b'>>>'), updates(mine, b'<<<')
            for whose, end, other in (("the peer's", peer, mine), ('its own', mine, peer)):
                for letter in 'kKK':
                    sent += 1 if end is mine else letter == 'K'
                    received += 1 if end is peer else letter == 'K'
                    name = f'{who}, {whose} {letter}, update {sent + received}'
                    end.say(letter)
                    # a line that follows at once would be taken for part of the command, and
                    # OpenSSL answers with the next write after it has read the request
                    count = sent if end is mine else received
                    until(lambda: updates(end, b'>>>') == updates(other, b'<<<') == count)
                    if not talk.both_ways(f'{whose} {letter}, update {sent + received}'):
                        return
                    until(lambda: seen() == (sent, received), 10)
                    tap.is_(seen(), (sent, received), name + ': KeyUpdates sent, received')


def main():
    version = subprocess.run(('openssl', 'version'), capture_output=True, check=True).stdout
    tap.ok(version.startswith(b'OpenSSL 3.5'), 'OpenSSL 3.5', version.decode())
    content = os.urandom(SIZE)
    with open(f'{TMP}/small', 'wb') as f:
        f.write(content)
    want = hashlib.sha256(content).hexdigest()
    for server_on in (True, False):
        for version, suite in SUITES:
            file_by(server_on, version, suite, want)
    for server_on in (True, False):
        key_updates(server_on)
    tap.ok(ktls.alone(), f'{ktls.MODULE} alone served')
    tap.done()


main()
