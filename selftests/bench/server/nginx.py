# SPDX-License-Identifier: GPL-2.0
"""One nginx worker, over plain TCP, its own TLS, in-tree kernel TLS and kssl, and what
it and the kernel have in memory, for crowd.py and idle.py."""
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
WAYS = ('plain', 'openssl', 'intree', 'kssl')


def port(way):
    return 9601 + WAYS.index(way)


def conf(way):
    listen = f'listen 127.0.0.1:{port(way)} backlog=2000'
    if way in ('openssl', 'intree'):
        listen += (f' ssl; ssl_certificate {PKI}/ec.pem; ssl_certificate_key {PKI}/ec.key;'
                   ' ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256')
    if way == 'intree':
        listen += '; ssl_conf_command Options KTLS'
    path = f'{TMP}/{way}.conf'
    with open(path, 'w', encoding='ascii') as f:
        f.write(f'''daemon off; master_process off; error_log stderr crit; pid {TMP}/nginx.pid;
worker_rlimit_nofile 30000;
events {{ worker_connections 24000; }}
http {{ access_log off; sendfile on; keepalive_timeout 3600s; keepalive_requests 100000;
client_body_temp_path {TMP}; proxy_temp_path {TMP};
fastcgi_temp_path {TMP}; uwsgi_temp_path {TMP}; scgi_temp_path {TMP};
server {{ {listen}; root {TMP}; }} }}
''')
    return path


class Server:
    """nginx, one process."""

    def __init__(self, way):
        run = ['kssl-run', '--server', str(port(way)), '--'] if way == 'kssl' else []
        self.p = subprocess.Popen(run + ['/usr/sbin/nginx', '-c', conf(way)])
        self.where = ('127.0.0.1', port(way))
        self.context = None
        if way != 'plain':
            self.context = ssl.create_default_context(cafile=f'{PKI}/ca.pem')
            self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        while True:
            try:
                socket.create_connection(self.where).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.1)

    def connect(self, session=None):
        sock = socket.create_connection(self.where)
        if not self.context:
            return sock
        return self.context.wrap_socket(sock, server_hostname='localhost', session=session)

    def instructions(self):
        """The time it had on the CPU, which -icount makes instructions."""
        with open(f'/proc/{self.p.pid}/schedstat', encoding='ascii') as f:
            return int(f.read().split()[0])

    def memory(self):
        """Its own bytes."""
        with open(f'/proc/{self.p.pid}/statm', encoding='ascii') as f:
            fields = f.read().split()
        return (int(fields[1]) - int(fields[2])) * 4096

    def stop(self):
        self.p.send_signal(signal.SIGTERM)
        self.p.wait()


def objects():
    """Bytes of objects in the kernel's slabs."""
    with open('/proc/slabinfo', encoding='ascii') as f:
        rows = [line.split() for line in f.readlines()[2:]]
    return sum(int(row[1]) * int(row[3]) for row in rows)


def pages():
    """Bytes of other pages that the kernel has in use; those that a CPU keeps at hand
    are not in MemFree, but free."""
    with open('/proc/zoneinfo', encoding='ascii') as f:
        at_hand = 4 * sum(int(line.split()[1]) for line in f if line.lstrip().startswith('count:'))
    with open('/proc/meminfo', encoding='ascii') as f:
        m = {k: int(v.split()[0]) for k, v in (line.split(':') for line in f)}
    return 1024 * (m['MemTotal'] - m['MemFree'] - at_hand - m['AnonPages'] - m['Cached'] -
                   m['Buffers'] - m['Slab'] - m['PageTables'])


def kernel():
    """All bytes of the kernel's."""
    gc.collect()
    time.sleep(2)    # what RCU gives back
    return objects() + pages()


def get(sock, name, size):
    """A file's bytes by a connection that stays."""
    sock.sendall(f'GET /{name} HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode())
    got = b''
    while b'\r\n\r\n' not in got:
        got += sock.recv(65536)
    head, _, body = got.partition(b'\r\n\r\n')
    assert head.startswith(b'HTTP/1.1 200'), head
    parts, n = [body], len(body)
    while n < size:
        parts.append(sock.recv(1 << 18))
        n += len(parts[-1])
    return b''.join(parts)


def file(name, size):
    """A new file that nginx serves."""
    content = os.urandom(size)
    with open(f'{TMP}/{name}', 'wb') as f:
        f.write(content)
    return content


def daemon():
    with open(f'{TMP}/kssld.conf', 'w', encoding='ascii') as f:
        f.write(f'[identity ec]\ncert = {PKI}/ec.pem\nkey = {PKI}/ec.key\n')
    return Daemon(f'{TMP}/kssld.conf', f'{TMP}/kssld.log')
