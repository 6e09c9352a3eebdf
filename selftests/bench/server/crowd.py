# SPDX-License-Identifier: GPL-2.0
"""A crowd of clients at one nginx worker, in the virtual machine: see run.

What the server takes is its own time on the CPU, which -icount makes instructions,
so the clients cost nothing in it.  Memory is the server's own and the kernel's
objects, both ends' sockets among them: the plain server's is the yardstick.
"""
import gc
import os
import signal
import socket
import ssl
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
sys.path.insert(0, f'{TOP}/selftests/peers')
from kssld import Daemon  # noqa: E402

TMP, PKI = os.environ['TMP'], os.environ['PKI']
CROWD = int(os.environ.get('CROWD', '1000'))
PORT = 9601
FILES = {'1k': 1 << 10, '16k': 16 << 10, '256k': 256 << 10}
ROUNDS = {'1k': 2, '16k': 2, '256k': 1}
WAYS = ('plain', 'openssl', 'intree', 'kssl')


def conf(way):
    listen = f'listen 127.0.0.1:{PORT} backlog=2000'
    if way in ('openssl', 'intree'):
        listen += (f' ssl; ssl_certificate {PKI}/ec.pem; ssl_certificate_key {PKI}/ec.key;'
                   ' ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256')
    if way == 'intree':
        listen += '; ssl_conf_command Options KTLS'
    path = f'{TMP}/{way}.conf'
    with open(path, 'w', encoding='ascii') as f:
        f.write(f'''daemon off; master_process off; error_log stderr crit; pid {TMP}/nginx.pid;
worker_rlimit_nofile 20000;
events {{ worker_connections 8000; }}
http {{ access_log off; sendfile on; keepalive_timeout 3600s; keepalive_requests 100000;
client_body_temp_path {TMP}; proxy_temp_path {TMP};
fastcgi_temp_path {TMP}; uwsgi_temp_path {TMP}; scgi_temp_path {TMP};
server {{ {listen}; root {TMP}; }} }}
''')
    return path


class Server:
    """nginx, one process."""

    def __init__(self, way):
        run = ['kssl-run', '--server', str(PORT), '--'] if way == 'kssl' else []
        self.p = subprocess.Popen(run + ['/usr/sbin/nginx', '-c', conf(way)])
        while True:
            try:
                socket.create_connection(('127.0.0.1', PORT)).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.1)

    def instructions(self):
        with open(f'/proc/{self.p.pid}/schedstat', encoding='ascii') as f:
            return int(f.read().split()[0])

    def stop(self):
        self.p.send_signal(signal.SIGTERM)
        self.p.wait()


def objects():
    """Bytes in the kernel's slabs that are in use."""
    with open('/proc/slabinfo', encoding='ascii') as f:
        rows = [line.split() for line in f.readlines()[2:]]
    return sum(int(row[1]) * int(row[3]) for row in rows)


def used(server):
    """Bytes that the server's program and the kernel have in use."""
    gc.collect()
    time.sleep(2)    # what RCU gives back
    with open(f'/proc/{server.p.pid}/statm', encoding='ascii') as f:
        fields = f.read().split()
    return (int(fields[1]) - int(fields[2])) * 4096 + objects()


def connect(context):
    sock = socket.create_connection(('127.0.0.1', PORT))
    return context.wrap_socket(sock, server_hostname='localhost') if context else sock


def get(sock, name):
    """The file's bytes by a connection that stays."""
    sock.sendall(f'GET /{name} HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode())
    got = b''
    while b'\r\n\r\n' not in got:
        got += sock.recv(65536)
    head, _, body = got.partition(b'\r\n\r\n')
    assert head.startswith(b'HTTP/1.1 200'), head
    parts, n = [body], len(body)
    while n < FILES[name]:
        parts.append(sock.recv(1 << 18))
        n += len(parts[-1])
    return b''.join(parts)


def measure(way, content):
    context = None
    if way != 'plain':
        context = ssl.create_default_context(cafile=f'{PKI}/ca.pem')
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    server = Server(way)
    first = connect(context)    # what is made once
    get(first, '16k')
    before = used(server)
    crowd = [connect(context) for _ in range(CROWD)]
    for sock in crowd:
        assert get(sock, '1k') == content['1k']
    print(f'{way} memory {(used(server) - before) // CROWD}', flush=True)
    for name, rounds in ROUNDS.items():
        start = server.instructions()
        for _ in range(rounds):
            for sock in crowd[:CROWD // (8 if name == '256k' else 1)]:
                assert get(sock, name) == content[name], name
        count = rounds * (CROWD // (8 if name == '256k' else 1))
        print(f'{way} {name} {(server.instructions() - start) // count}', flush=True)
    for sock in crowd + [first]:
        sock.close()
    server.stop()


def main():
    content = {}
    for name, size in FILES.items():
        content[name] = os.urandom(size)
        with open(f'{TMP}/{name}', 'wb') as f:
            f.write(content[name])
    with open(f'{TMP}/kssld.conf', 'w', encoding='ascii') as f:
        f.write(f'[identity ec]\ncert = {PKI}/ec.pem\nkey = {PKI}/ec.key\n')
    daemon = Daemon(f'{TMP}/kssld.conf', f'{TMP}/kssld.log')
    for way in sys.argv[1:] or WAYS:
        measure(way, content)
    daemon.stop()


main()
