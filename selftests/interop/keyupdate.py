#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""KeyUpdate in all its ways, against OpenSSL: thousands from both sides while data
flow both ways, the command line tools, a storm, and what the kernel does by
itself, decrypted from a capture by tshark."""
import errno
import os
import queue
import select
import socket
import ssl
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import genl  # noqa: E402
import tap  # noqa: E402
from genl import Genl, attr  # noqa: E402

TMP = sys.argv[1]
PKI = TOP + '/build/pki/'
PEER = TOP + '/build/peers/keyupdate'
CAPTURED = 7460
KEY_RECORDS, REKEY_SECONDS, UPDATE_RATE = 4, 5, 6
AES, CHACHA = 'TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'


def policy(nl, **values):
    names = {'records': KEY_RECORDS, 'seconds': REKEY_SECONDS, 'rate': UPDATE_RATE}
    nl.call(genl.POLICY_SET, *(attr(names[k], v) for k, v in values.items()))


def update(sock, request):
    return tap.errno_of(sock.setsockopt, tap.SOL_KSSL, tap.KEY_UPDATE, request)


def message(i):
    return i.to_bytes(8, 'big') + bytes([i % 251]) * (i * 37 % 200)


def connect(port):
    s = socket.socket()
    tap.attach(s)
    s.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'localhost')
    s.connect(('127.0.0.1', port))
    return s


def start_peer(role, port, *args):
    """The peer program and the kssl socket that talks to it."""
    listener = None
    if role == 'client':
        listener = socket.create_server(('127.0.0.1', port))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        tap.attach(listener)
    peer = subprocess.Popen([PEER, role, str(port), *args], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)
    if not listener:
        tap.wait_port(port)
        return peer, connect(port)
    conn, _ = listener.accept()
    listener.close()
    conn.setsockopt(tap.SOL_KSSL, tap.HANDSHAKE, (0).to_bytes(4, 'little'))
    return peer, conn


def report(peer, limit=120):
    try:
        out, err = peer.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        peer.kill()
        out, err = peer.communicate()
    words = dict(w.split('=') for w in out.decode().split())
    why = f'status {peer.returncode} ' if peer.returncode else ''
    return {k: int(v) for k, v in words.items()}, why + err.decode()


def push(sock, count, result):
    """Our messages, each with a KeyUpdate in front, every tenth with a request."""
    try:
        for i in range(count):
            err = update(sock, 1) if i % 10 == 0 else errno.EAGAIN
            while err == errno.EAGAIN:      # full, or the peer still owes an answer
                err = update(sock, 0)
                if err == errno.EAGAIN:
                    time.sleep(0.005)
            if err:
                raise OSError(err, 'KSSL_KEY_UPDATE')
            sock.sendall(message(i))
        sock.shutdown(socket.SHUT_WR)
        result.append('')
    except OSError as e:
        result.append(f'{e} {tap.error(sock)}')


def flow(role, port, suite, count):
    """Both sides change keys before each message; nothing is lost or repeated."""
    peer, sock = start_peer(role, port, suite, PKI + 'rsa.pem', PKI + 'rsa.key', 'flow',
                            str(count))
    start, wrote = time.time(), []
    threading.Thread(target=push, args=(sock, count, wrote), daemon=True).start()
    got, why = bytearray(), ''
    sock.settimeout(60)
    try:
        while True:
            part = sock.recv(1 << 16)
            if not part:
                break
            got += part
    except OSError as e:
        why = f'{e} {tap.error(sock)}'
    saw, err = report(peer)
    info = tap.info(sock)
    same = got == b''.join(message(i) for i in range(count))
    name = f'kssl {"server" if role == "client" else "client"}, {suite}, {count} messages each way'
    facts = f'{saw} {err}\n{info} {wrote} {why} {len(got)} bytes'
    print(f'# {time.time() - start:.1f} s', flush=True)
    tap.ok(same and wrote == [''] and not why, f'{name}: every byte arrived at kssl', facts)
    tap.ok(saw.get('received') == count and saw['bad'] == 0 and not err,
           f'{name}: every byte arrived at OpenSSL', facts)
    tap.ok(saw.get('updates_sent', 0) == info['rxgen'] >= count and
           saw['updates_received'] == info['txgen'] >= count and saw['requests_received'] > 0,
           f'{name}: both counted the same KeyUpdates', facts)
    sock.close()


def storm():
    """A million KeyUpdates without data, from libssl."""
    before = tap.counters()
    peer, sock = start_peer('client', 7430, AES, '-', '-', 'storm', '1000000')
    first = tap.errno_of(sock.recv, 1)
    end, tries = time.time() + 3, 0
    while time.time() < end:
        tries += tap.errno_of(sock.recv, 1) == errno.EBADMSG
        time.sleep(0.01)
    saw, err = report(peer, 60)
    after = tap.counters()
    facts = f'{saw} {err} {first} {tries} {tap.error(sock)}'
    opened = after['RxRecords'] - before['RxRecords']
    tap.ok(first == errno.EBADMSG and tries > 10 and saw['alert'] == 10 and
           tap.error(sock)['sent'] == 10, 'a storm is cut by unexpected_message', facts)
    tap.ok(opened == 33 and tap.info(sock)['rxgen'] == 32 and
           100 < saw['updates_sent'] < 1000000,
           'a storm: 33 records were opened and no more', f'{opened} {facts}')
    sock.close()


class Tool:
    """openssl s_client or s_server; its commands count at the start of a read."""

    def __init__(self, *argv):
        self.proc = subprocess.Popen(['openssl', *argv], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.seen = b''
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while part := os.read(self.proc.stdout.fileno(), 65536):
            self.lines.put(part)

    def say(self, text):
        self.proc.stdin.write(text)
        self.proc.stdin.flush()

    def wait(self, text):
        """Until it has printed that, after what was waited for before."""
        end = time.time() + 20
        while text not in self.seen:
            self.seen += self.lines.get(timeout=max(0.1, end - time.time()))
        self.seen = self.seen.split(text, 1)[1]

    def close(self):
        self.proc.kill()
        self.proc.wait()


def tool_talks(tool, sock):
    """Data, K (asks for an answer), data, k, data; then our own with a request."""
    sock.settimeout(20)

    def both(i):
        tool.say(b'to kssl %d\n' % i)
        assert tap.read_all(sock, 10) == b'to kssl %d\n' % i
        sock.sendall(b'from kssl %d\n' % i)
        tool.wait(b'from kssl %d' % i)

    def changes(word, n):
        """The tool sends a KeyUpdate; poll() alone takes it in."""
        tool.say(word)
        end = time.time() + 20
        while tap.info(sock)['rxgen'] < n and time.time() < end:
            select.select([sock], [], [], 0.1)

    both(1)
    changes(b'K\n', 1)
    both(2)
    assert (tap.info(sock)['rxgen'], tap.info(sock)['txgen']) == (1, 1), tap.info(sock)
    changes(b'k\n', 2)
    both(3)
    assert (tap.info(sock)['rxgen'], tap.info(sock)['txgen']) == (2, 1), tap.info(sock)
    assert update(sock, 1) == 0
    sock.sendall(b'from kssl 4\n')
    tool.wait(b'from kssl 4')
    both(5)
    assert (tap.info(sock)['rxgen'], tap.info(sock)['txgen']) == (3, 2), tap.info(sock)


def s_client():
    listener = socket.create_server(('127.0.0.1', 7440))
    tap.attach(listener)
    tool = Tool('s_client', '-CAfile', PKI + 'ca.pem', '-connect', '127.0.0.1:7440')
    sock, _ = listener.accept()
    try:
        tool_talks(tool, sock)
    finally:
        tool.close()
        sock.close()
        listener.close()


def s_server():
    tool = Tool('s_server', '-port', '7441', '-cert', PKI + 'rsa.pem', '-key', PKI + 'rsa.key')
    tap.wait_port(7441)
    sock = connect(7441)
    try:
        tool_talks(tool, sock)
    finally:
        tool.close()
        sock.close()


def echo_server(port):
    """OpenSSL, through Python's ssl module."""
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(PKI + 'rsa.pem', PKI + 'rsa.key')
    listener = socket.create_server(('127.0.0.1', port))

    def serve():
        conn = ctx.wrap_socket(listener.accept()[0], server_side=True)
        while data := conn.recv(65536):
            conn.sendall(data)
        conn.unwrap()
        conn.close()
    threading.Thread(target=serve, daemon=True).start()


def by_itself(nl, sock):
    """What makes the kernel change keys, one line of text each; the expected
    sequence of messages on the wire, 'U' for a KeyUpdate."""
    want = []

    def line(text, *updates):
        sock.sendall(text)
        assert tap.read_all(sock, len(text)) == text
        want.extend([*updates, text])

    line(b'one')
    policy(nl, records=2)
    line(b'two')
    line(b'three by limit', 'U')
    line(b'four')
    line(b'five by limit', 'U')
    policy(nl, records=0)
    line(b'six')
    line(b'seven')
    assert update(sock, 0) == 0
    line(b'eight by option', 'U')
    nl.call(genl.REKEY, attr(1, tap.info(sock)['id']))
    line(b'nine by netlink', 'U')
    policy(nl, seconds=2)
    line(b'ten')
    time.sleep(2.1)
    line(b'eleven by age', 'U')
    line(b'twelve')
    policy(nl, seconds=0)
    return want


def decrypted():
    """Messages that the client sent, as tshark sees them with kssld's key log."""
    out = subprocess.run(
        ['tshark', '-r', TMP + '/wire.pcap', '-d', f'tcp.port=={CAPTURED},tls', '-o',
         f'tls.keylog_file:{TMP}/keys', '-Y', f'tcp.dstport == {CAPTURED} && tls', '-T', 'fields',
         '-e', 'tls.handshake.type', '-e', 'data.data'],
        capture_output=True, timeout=120, check=False)
    seen = []
    for row in out.stdout.decode().splitlines():
        types, data = (row + '\t').split('\t')[:2]
        seen += ['U'] * types.split(',').count('24')
        seen += [bytes.fromhex(data)] if data else []
    return seen, out.stderr.decode()


def capture(nl):
    echo_server(CAPTURED)
    sock = connect(CAPTURED)
    sock.settimeout(30)
    want = by_itself(nl, sock)
    tap.is_(tap.info(sock)['txgen'], want.count('U'), 'the kernel counted its KeyUpdates')
    sock.shutdown(socket.SHUT_WR)
    tap.is_(sock.recv(1), b'', 'OpenSSL followed every change to the end')
    sock.close()
    time.sleep(1)
    seen, err = decrypted()
    tap.ok(seen == want, 'the capture, decrypted, shows each KeyUpdate where it belongs',
           f'saw    {seen}\nwanted {want}\n{err}')


def main():
    nl = Genl()
    policy(nl, rate=0)      # a fast machine does more than the 1000 a second by default
    flow('client', 7420, AES, 10000)
    flow('server', 7421, CHACHA, 10000)
    flow('client', 7422, CHACHA, 2500)
    flow('server', 7423, AES, 2500)
    policy(nl, rate=1000)
    storm()
    tap.case('s_client: K, k, and a request to it')(s_client)
    tap.case('s_server: K, k, and a request to it')(s_server)
    capture(nl)
    tap.done()


main()
