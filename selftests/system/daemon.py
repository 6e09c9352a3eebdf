#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The daemon dies: sessions go on; new handshakes get the documented errno, or
wait for the next daemon."""
import errno
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402

PKI = TOP + '/build/pki/'
CONF = sys.argv[1]


def start():
    p = subprocess.Popen([TOP + '/build/kssld', '-c', CONF, '-f'], stderr=subprocess.PIPE,
                         text=True)
    said = []
    for line in p.stderr:
        if 'ready' in line:
            return p
        said.append(line)
    print('# kssld did not start:', *said, sep='\n# ', flush=True)
    return p


def policy(*args):
    subprocess.run([TOP + '/build/ksslctl', 'policy', 'set', *args], check=True)


def openssl_client(listener):
    ctx = ssl.create_default_context(cafile=PKI + 'ca.pem')
    raw = socket.create_connection(listener.getsockname(), timeout=30)
    return ctx.wrap_socket(raw, server_hostname='localhost')


def kssl_client(addr, listened=False):
    s = socket.socket()
    tap.attach(s)
    if listened:
        s.listen()
        s.shutdown(socket.SHUT_RDWR)
    s.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'localhost')
    return s, tap.errno_of(s.connect, addr)


listener = socket.create_server(('127.0.0.1', 0))
tap.attach(listener)
ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
ctx.load_cert_chain(PKI + 'rsa.pem', PKI + 'rsa.key')
foreign = socket.create_server(('127.0.0.1', 0))


def echo():
    while True:
        raw, _ = foreign.accept()
        try:
            conn = ctx.wrap_socket(raw, server_side=True)
            threading.Thread(target=lambda c=conn: [c.sendall(d) for d in iter(
                lambda: c.recv(65536), b'')], daemon=True).start()
        except OSError:
            raw.close()


threading.Thread(target=echo, daemon=True).start()
daemon = start()
result = []
thread = threading.Thread(target=lambda: result.append(listener.accept()[0]) or result[0].recv(1))
thread.start()
client = openssl_client(listener)
client.sendall(b'x')
thread.join()
server = result[0]
out, err = kssl_client(foreign.getsockname())
tap.is_(err, 0, 'sessions are up')
once, err = kssl_client(foreign.getsockname(), listened=True)
once.sendall(b'ping')
tap.ok(not err and once.recv(10) == b'ping', 'a socket that listened before connects')
once.close()

# a handshake that is half way: the server has answered, the client says no more
stuck = socket.create_connection(listener.getsockname())
half = ssl.create_default_context(cafile=PKI + 'ca.pem')
into, away = ssl.MemoryBIO(), ssl.MemoryBIO()
try:
    half.wrap_bio(into, away, server_hostname='localhost').do_handshake()
except ssl.SSLWantReadError:
    stuck.sendall(away.read())
halfway, _ = listener.accept()
stuck.settimeout(20)
stuck.recv(1)

daemon.send_signal(signal.SIGKILL)
daemon.wait()
tap.is_(tap.errno_of(halfway.recv, 1), errno.ESRCH, 'a handshake half way fails with ESRCH')
data = os.urandom(200000)
server.settimeout(20)
client.settimeout(20)
sender = threading.Thread(target=server.sendall, args=(data,))
sender.start()
got = b''
while len(got) < len(data):
    got += client.recv(65536)
sender.join()
client.sendall(b'back')
tap.ok(got == data and server.recv(10) == b'back', 'a server session goes on')
out.sendall(b'ping')
tap.is_(out.recv(10), b'ping', 'a client session goes on')

policy('grace-ms=0')
s, err = kssl_client(foreign.getsockname())
tap.is_((err, tap.error(s)['text']), (errno.ESRCH, 'no handshake daemon is registered'),
        'no grace time: connect() says ESRCH')
s.close()
policy('grace-ms=15000')
answers = []
threads = [threading.Thread(target=lambda: answers.append(kssl_client(foreign.getsockname())))
           for _ in range(5)]
for t in threads:
    t.start()
time.sleep(1)
tap.is_(answers, [], 'with a grace time connect() waits')
daemon = start()
for t in threads:
    t.join()
tap.is_([e for _, e in answers], [0] * 5, 'and succeeds when a daemon comes')
policy('grace-ms=5000')
out.sendall(b'pong')
tap.is_(out.recv(10), b'pong', 'the old session goes on all the while')
daemon.terminate()
tap.is_(daemon.wait(), 0, 'kssld ends on SIGTERM')


def start_amid():
    """A handshake may be given to a worker before its registration is answered."""
    threads = [threading.Thread(target=lambda: asked.append(kssl_client(foreign.getsockname())))
               for _ in range(5)]
    for t in threads:
        t.start()
    time.sleep(0.2)
    p = start()
    for t in threads:
        t.join()
    p.terminate()
    return p.wait()


policy('grace-ms=15000')
asked = []
busy = [subprocess.Popen(['sh', '-c', 'while :; do :; done']) for _ in range(2)]
ends = [start_amid() for _ in range(8)]
for b in busy:
    b.kill()
    b.wait()
tap.is_((ends, [e for _, e in asked]), ([0] * 8, [0] * 40), 'kssld starts while handshakes wait')
policy('grace-ms=5000')
tap.done()
