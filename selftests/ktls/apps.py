# SPDX-License-Identifier: GPL-2.0
"""Programs that know kTLS, unmodified, with the TLS of a program without it at the
other end: OpenSSL 3.0's s_server and s_client, nginx, stunnel.

OpenSSL 3.0 gives the kernel both directions of TLS 1.2, and of TLS 1.3 sending alone.
"""
import hashlib
import os
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '../peers'))
import ktls  # noqa: E402
import tap  # noqa: E402
from ktls import Program, listening, records  # noqa: E402

TMP = sys.argv[1]
PKI = os.environ['PKI']
CERT = ('-cert', f'{PKI}/rsa.pem', '-key', f'{PKI}/rsa.key')
RECORD = 16384
SIZE = 4 << 20
LARGE = 100 << 20
BOTH = ('1.2', '1.3')


def make_file(name, size):
    """A file of random bytes; its SHA-256."""
    block = os.urandom(1 << 20)
    digest = hashlib.sha256()
    with open(f'{TMP}/{name}', 'wb') as f:
        for i in range(size >> 20):
            part = bytes([i]) + block[1:]
            f.write(part)
            digest.update(part)
    return digest.hexdigest()


def environment(on):
    """OpenSSL with kTLS by its configuration file, or without."""
    path = f'{TMP}/openssl-{"on" if on else "off"}.cnf'
    if not os.path.exists(path):
        with open(path, 'w', encoding='ascii') as f:
            f.write('openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = all\n'
                    f'[all]\nOptions = {"" if on else "-"}KTLS\n')
    return dict(os.environ, OPENSSL_CONF=path)


def openssl(tool, *args, ktls_on=False):
    return Program('openssl', tool, *args, env=environment(ktls_on), cwd=TMP)


def curl(version, url):
    """SHA-256 of what curl gets, or its complaint."""
    limit = ('--tlsv1.3',) if version == '1.3' else ('--tls-max', '1.2')
    with subprocess.Popen(('curl', '-sS', '--max-time', '150', *limit, '--cacert',
                           f'{PKI}/ca.pem', url), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=environment(False)) as p:
        digest = hashlib.sha256()
        first = b''
        while part := p.stdout.read(1 << 18):
            first = first or part[:300]
            digest.update(part)
    return digest.hexdigest() if p.returncode == 0 else first


def rx(version, n):
    """What OpenSSL 3.0 lets the kernel receive."""
    return n if version == '1.2' else 0


def server_sendfile(version, want):
    name = f's_server -WWW -sendfile, TLS {version}'
    with openssl('s_server', '-quiet', '-WWW', '-sendfile', '-port', '9501', *CERT,
                 ktls_on=True) as server:
        listening(9501)
        with records(name, SIZE // RECORD, rx(version, 2)):
            tap.is_(curl(version, 'https://localhost:9501/small'), want, name + ': the file')
        if server.text:
            tap.ok(False, name, server.text.decode(errors='replace'))


def client(version, want):
    name = f's_client, TLS {version}'
    option = '-tls' + version.replace('.', '_')
    with openssl('s_server', '-quiet', '-WWW', '-port', '9502', *CERT):
        listening(9502)
        with records(name, 1, rx(version, SIZE // RECORD)), \
                openssl('s_client', '-quiet', option, '-connect', '127.0.0.1:9502', '-CAfile',
                        f'{PKI}/ca.pem', '-verify_return_error', ktls_on=True) as c:
            c.say('GET /small HTTP/1.0\r\n\r')
            c.wait()
            body = c.text.partition(b'\r\n\r\n')[2]
            tap.is_(hashlib.sha256(body).hexdigest(), want, name + ': the file')


def nginx_conf():
    path = f'{TMP}/nginx.conf'
    with open(path, 'w', encoding='ascii') as f:
        f.write(f'''daemon off; master_process off; error_log stderr; pid {TMP}/nginx.pid;
events {{}}
http {{ access_log off; sendfile on; client_body_temp_path {TMP}; proxy_temp_path {TMP};
fastcgi_temp_path {TMP}; uwsgi_temp_path {TMP}; scgi_temp_path {TMP};
ssl_certificate {PKI}/rsa.pem; ssl_certificate_key {PKI}/rsa.key; ssl_protocols TLSv1.2 TLSv1.3;
server {{ listen 127.0.0.1:9503 ssl; root {TMP}; ssl_conf_command Options KTLS; }}
}}
''')
    return path


def nginx(want):
    with Program('nginx', '-c', nginx_conf(), env=environment(False)) as server:
        listening(9503)
        for version in BOTH:
            name = f'nginx with sendfile, TLS {version}'
            with records(name, LARGE // RECORD, rx(version, 2)):
                tap.is_(curl(version, 'https://localhost:9503/large'), want,
                        name + ': 100 MiB')
        errors = [t for t in server.text.decode(errors='replace').splitlines()
                  if '[notice]' not in t and 'could not open error log' not in t]
        tap.is_(errors, [], 'nginx has nothing to complain of')


def stunnel_conf(name, text):
    path = f'{TMP}/{name}.conf'
    with open(path, 'w', encoding='ascii') as f:
        f.write(f'foreground = yes\npid =\nsyslog = no\ndebug = info\n[{name}]\n{text}')
    return path


class Echo(threading.Thread):
    """Sends back what one connection brings, and then ends only when it is told to: where
    TLS does not flow, stunnel drops what it has not yet read from a connection that is
    closed ("Read socket closed (HUP)"), on every kernel and without kTLS."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.listener = socket.create_server(('127.0.0.1', port))
        self.end = threading.Event()
        self.start()

    def run(self):
        connection, _ = self.listener.accept()
        with self.listener, connection:
            while part := connection.recv(1 << 16):
                connection.sendall(part)
            self.end.wait()


def there_and_back(port, text, echo):
    """What comes back of the text, to the connection's end."""
    got = bytearray()
    with socket.create_connection(('127.0.0.1', port)) as s:
        s.settimeout(120)

        def send():
            s.sendall(text)
            s.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        while part := s.recv(1 << 16):
            got += part
            if len(got) >= len(text):
                echo.end.set()
        sender.join()
    return bytes(got)


def stunnel(version):
    """Text through two tunnels, both with kTLS, and back."""
    name = f'stunnel both ends, TLS {version}'
    common = (f'sslVersion = TLSv{version}\noptions = ENABLE_KTLS\n'
              f'CAfile = {PKI}/ca.pem\n')
    server = stunnel_conf('server', common + 'accept = 127.0.0.1:9505\n'
                          f'connect = 127.0.0.1:9506\ncert = {PKI}/rsa.pem\nkey = {PKI}/rsa.key\n')
    near = stunnel_conf('near', common + 'client = yes\nverifyChain = yes\naccept = 127.0.0.1:9504\n'
                        'connect = 127.0.0.1:9505\n')
    text = os.urandom(SIZE)
    # there and back: two senders, two receivers
    n = 2 * SIZE // RECORD
    with records(name, n, rx(version, n)):
        echo = Echo(9506)
        with Program('stunnel4', server, env=environment(False)) as s, \
                Program('stunnel4', near, env=environment(False)) as c:
            for port in (9504, 9505):
                listening(port)
            got = there_and_back(9504, text, echo)
            echo.end.set()
            said = (s.text + c.text).decode(errors='replace')
    tap.ok(got == text, name + ': echo', f'{len(got)} bytes of {SIZE}\n{said}')
    tap.ok('LOG3' not in said, name + ': no errors', said)


def main():
    small, large = make_file('small', SIZE), make_file('large', LARGE)
    for version in BOTH:
        server_sendfile(version, small)
        client(version, small)
    nginx(large)
    for version in BOTH:
        stunnel(version)
    tap.ok(ktls.alone(), f'{ktls.MODULE} alone served')
    tap.done()


main()
