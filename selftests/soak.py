#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Traffic between two namespaces, for long.

    soak.py run SECONDS DIR PKI      the whole; prints TAP and figures
    soak.py serve KIND PKI           echo, on the kind's port
    soak.py visit KIND PKI SEED      clients, until told to stop

Kinds of client: "openssl", whose server is kssl, and "kssl", whose server is OpenSSL,
have short sessions, one after the other, and one that lives through all of it; those
of "victim", OpenSSL to kssl, may be killed.  What comes back is hashed.  Whoever runs
it changes keys and limits, kills kssld and starts it again, and reads how much memory
there is."""
import hashlib
import json
import os
import random
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402

PORTS = {'kssl': 1001, 'openssl': 1002, 'victim': 1003}   # by who serves
VISITS = {'kssl': 'openssl', 'openssl': 'kssl', 'victim': 'victim'}
AT = '10.9.0.1'
NAMESPACES = ('here', 'there')
BLOCK = 32768
KSSLCTL = TOP + '/build/ksslctl'


def contexts(pki):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pki + '/ec.pem', pki + '/ec.key')
    client = ssl.create_default_context(cafile=pki + '/ca.pem')
    return server, client


# ---- servers ----

def echo(sock):
    while True:
        data = sock.recv(BLOCK)
        if not data:
            break
        sock.sendall(data)
    if isinstance(sock, ssl.SSLSocket):
        sock.unwrap().close()
    else:
        sock.close()


def serve(kind, pki):
    listener = socket.create_server((AT, PORTS[kind]), backlog=64)
    server, _ = contexts(pki)
    if kind != 'openssl':
        tap.attach(listener)

    def one(raw):
        try:
            raw.settimeout(300)
            echo(raw if kind != 'openssl' else server.wrap_socket(raw, server_side=True))
        except OSError:     # the client counts what goes wrong
            raw.close()

    while True:
        raw, _ = listener.accept()
        threading.Thread(target=one, args=(raw,), daemon=True).start()


# ---- clients ----

owed = []       # requests that found another one under way


class Lost(Exception):
    """What must not happen."""


def dial(kind, ctx):
    """A session, or None when there is none for want of a daemon."""
    raw = socket.socket()
    raw.settimeout(120)
    try:
        if kind == 'kssl':
            tap.attach(raw)
            raw.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'ec.test')
            raw.setblocking(True)
            raw.connect((AT, PORTS[VISITS[kind]]))
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 120, 0))
            return raw
        raw.connect((AT, PORTS[VISITS[kind]]))
        sock = ctx.wrap_socket(raw, server_hostname='ec.test', suppress_ragged_eofs=False)
        sock.sendall(b'!')      # in TLS 1.3 the server is not done when the client is
        if sock.recv(1) == b'!':
            return sock
        sock.close()
    except OSError:
        raw.close()
    return None


def put(sock, data, rng):
    """By one of the ways to send."""
    way = 'sendall' if isinstance(sock, ssl.SSLSocket) else rng.choice(('sendall', 'more', 'file'))
    if way == 'sendall':
        sock.sendall(data)
    elif way == 'more':
        half = rng.randrange(len(data) + 1)
        sock.sendall(data[:half], socket.MSG_MORE)
        sock.sendall(data[half:])
    else:
        with open(os.memfd_create('data'), 'r+b') as f:
            f.write(data)
            f.flush()
            sock.sendfile(f, 0)


def change_keys(sock, request):
    """The peer may owe an answer: to whoever rekeys by netlink."""
    try:
        sock.setsockopt(tap.SOL_KSSL, tap.KEY_UPDATE, request)
    except BlockingIOError:
        if not request:
            raise
        owed.append(sock.fileno())


def exchange(sock, rng, size):
    """So many bytes there and back."""
    out, back = hashlib.sha256(), hashlib.sha256()
    left = size
    while left:
        data = rng.randbytes(min(left, rng.choice((1, 100, 1400, BLOCK // 2, BLOCK))))
        if isinstance(sock, socket.socket) and not isinstance(sock, ssl.SSLSocket) and \
                not rng.randrange(20):
            change_keys(sock, rng.randrange(2))
        put(sock, data, rng)
        out.update(data)
        left -= len(data)
        want = len(data)
        while want:
            got = sock.recv(want)
            if not got:
                raise Lost('the end came early')
            back.update(got)
            want -= len(got)
    if out.digest() != back.digest():
        raise Lost('other bytes came back')


def finish(kind, sock):
    if kind == 'kssl':
        sock.shutdown(socket.SHUT_WR)
        if sock.recv(1) != b'':
            raise Lost('something came after the end')
    else:
        sock.unwrap()
    sock.close()


class Visitors:
    def __init__(self, kind, pki, seed):
        self.kind, self.ctx = kind, contexts(pki)[1]
        self.ctx12 = contexts(pki)[1]
        self.ctx12.maximum_version = ssl.TLSVersion.TLSv1_2
        self.seed = seed
        self.lock = threading.Lock()
        self.said = {'bytes': 0, 'sessions': 0, 'refused': 0, 'lived': 0, 'killed': 0,
                     'wrong': []}
        self.stop = False

    def add(self, **more):
        with self.lock:
            for name, value in more.items():
                self.said[name] += value

    def short(self, number):
        rng = random.Random(self.seed * 100 + number)
        while not self.stop:
            sock = dial(self.kind, rng.choice((self.ctx, self.ctx, self.ctx12)))
            if not sock:
                self.add(refused=1)
                time.sleep(0.2)
                continue
            size = rng.choice((1, 2000, 60000, 60000, 400000))
            self.judge(lambda s=sock, n=size: (exchange(s, rng, n), finish(self.kind, s)))
            self.add(sessions=1, bytes=2 * size)

    def judge(self, fn):
        try:
            fn()
        except (OSError, Lost) as e:
            # which call it was
            at = traceback.extract_tb(e.__traceback__)[-1]
            self.add(wrong=[f'{self.kind}: {type(e).__name__} {e}, {at.lineno}: {at.line}'])

    def victim(self):
        """It ends by an error, as long as nothing is wrong until then."""
        rng = random.Random(self.seed)
        while not self.stop:
            sock = dial(self.kind, self.ctx)
            if not sock:
                self.add(refused=1)
                time.sleep(0.2)
                continue
            self.add(sessions=1)
            try:
                while not self.stop:
                    exchange(sock, rng, 20000)
                    self.add(bytes=40000, lived=1)
                    time.sleep(0.1)
                finish(self.kind, sock)
            except OSError:
                self.add(killed=1)
                sock.close()
            except Lost as e:
                self.add(wrong=[f'{self.kind}: {e}'])

    def long(self):
        rng = random.Random(self.seed)
        sock = None
        while not sock:
            sock = dial(self.kind, self.ctx)

        def live():
            while not self.stop:
                exchange(sock, rng, 5000)
                self.add(bytes=10000, lived=1)
                time.sleep(0.1)
            finish(self.kind, sock)
        self.judge(live)

    def run(self):
        if self.kind == 'victim':
            threads = [threading.Thread(target=self.victim)]
        else:
            threads = [threading.Thread(target=self.short, args=(i,)) for i in range(3)]
            threads.append(threading.Thread(target=self.long))
        for t in threads:
            t.start()
        sys.stdin.read()        # its end is the signal to stop
        self.stop = True
        for t in threads:
            t.join()
        print(json.dumps(self.said | {'owed': len(owed)}))


# ---- the one who disturbs ----

def inside(ns, *command, **more):
    return subprocess.Popen(['ip', 'netns', 'exec', ns, *command], **more)


def answer(ns, *command):
    with inside(ns, *command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as p:
        return p.communicate()[0]


class Daemon:
    def __init__(self, ns, folder):
        self.ns, self.conf, self.log = ns, f'{folder}/{ns}.conf', f'{folder}/{ns}.log'
        self.p = None
        self.start()

    def start(self):
        with open(self.log, 'w', encoding='ascii') as f:
            self.p = inside(self.ns, TOP + '/build/kssld', '-f', '-c', self.conf, stderr=f)
        tap.until(lambda: 'ready' in self.said(), self.said, 120)

    def said(self):
        with open(self.log, encoding='ascii', errors='replace') as f:
            return f.read()

    def renew(self, how):
        self.p.send_signal(how)
        self.p.wait()
        self.start()

    def reload(self):
        self.p.send_signal(signal.SIGHUP)


def sessions(ns):
    return [s for s in json.loads(answer(ns, KSSLCTL, '--json', 'list') or '[]')
            if s['state'] == 'open']


def each(ns, verb, which, *more):
    """Those that have ended meanwhile refuse, and TLS 1.2 has no KeyUpdate."""
    if which:
        answer(ns, 'sh', '-c', f'for id; do {KSSLCTL} {verb} $id {" ".join(more)}; done', 'sh',
               *(str(s['id']) for s in which))
    return len(which)


def rekey(ns):
    each(ns, 'rekey', sessions(ns), *random.choice(([], ['request'])))


def kill(ns):
    """Only victims."""
    return each(ns, 'kill', [s for s in sessions(ns) if s['local'].endswith(f':{PORTS["victim"]}')])


def limits(ns):
    """TLS 1.2 ends by key-records: more than a short session has."""
    answer(ns, KSSLCTL, 'policy', 'set', f'rekey-seconds={random.choice((0, 1, 3))}',
           f'key-records={random.choice((0, 3000, 10000))}',
           f'grace-ms={random.choice((5000, 10000))}')


def counters(ns):
    text = answer(ns, 'cat', '/proc/net/kssl_stat')
    return {k: int(v) for k, v in (line.split() for line in text.splitlines())}


def table(path):
    with open(path, encoding='ascii') as f:
        return [line.split() for line in f]


def memory():
    """KiB of the kernel's, with nothing left to give back; and our objects.  "other" is
    what nobody accounts for: pages that somebody has allocated.  Free are also those that
    a CPU keeps at hand."""
    with open('/proc/sys/vm/drop_caches', 'w', encoding='ascii') as f:
        f.write('3')
    time.sleep(1)
    info = {line[0][:-1]: int(line[1]) for line in table('/proc/meminfo')}
    at_hand = 4 * sum(int(line[1]) for line in table('/proc/zoneinfo') if line[0] == 'count:')
    known = ('MemFree', 'Buffers', 'Cached', 'AnonPages', 'Slab', 'KernelStack', 'PageTables',
             'Percpu', 'VmallocUsed')
    out = {name: info[name] for name in ('SUnreclaim', 'KernelStack', 'Percpu', 'VmallocUsed')}
    out['other'] = info['MemTotal'] - at_hand - sum(info[name] for name in known)
    out.update({line[0]: int(line[1]) for line in table('/proc/slabinfo')
                if line[0].startswith('kssl_')})
    return out


def lossy(ns):
    with inside(ns, 'tc', 'qdisc', 'change', 'dev', 'soak', 'root', 'netem', 'delay',
                random.choice(('1ms', '4ms', '20ms')), '2ms', 'reorder', '5%', '50%', 'loss',
                random.choice(('0%', '0.3%', '2%'))):
        pass


class Soak:
    def __init__(self, folder, pki):
        self.pki = pki
        self.daemons = [Daemon(ns, folder) for ns in NAMESPACES]
        self.servers = [inside('here', sys.executable, __file__, 'serve', kind, pki)
                        for kind in PORTS]
        self.did = dict.fromkeys(('rekeys', 'restarts', 'crashes', 'reloads', 'links', 'limits',
                                  'kills'), 0)
        tap.until(lambda: all(f':{p} ' in answer('here', 'ss', '-Hltn') for p in PORTS.values()),
                  lambda: 'no servers', 60)

    def disturb(self):
        what = random.choice((*self.did, 'rekeys'))
        daemon = random.choice(self.daemons)
        if what == 'rekeys':
            rekey(daemon.ns)
        elif what == 'restarts':
            daemon.renew(signal.SIGTERM)
        elif what == 'crashes':
            daemon.renew(signal.SIGKILL)
        elif what == 'reloads':
            daemon.reload()
        elif what == 'links':
            lossy(daemon.ns)
        elif what == 'limits':
            limits(daemon.ns)
        elif not kill('here'):
            return
        self.did[what] += 1

    def traffic(self, seconds):
        """The sum of what the visitors say."""
        visitors = [inside('there', sys.executable, __file__, 'visit', kind, self.pki,
                           str(random.randrange(1 << 30)), stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, text=True) for kind in VISITS]
        end = time.time() + seconds
        while time.time() < end:
            time.sleep(random.uniform(1, 4))
            self.disturb()
        all_said = [json.loads(v.communicate('')[0]) for v in visitors]
        return {name: sum((s[name] for s in all_said), [] if name == 'wrong' else 0)
                for name in all_said[0]}, all_said

    def calm(self):
        """No connection is left, not even one that TCP waits for."""
        def connections():
            return ''.join(line for ns in NAMESPACES
                           for line in answer(ns, 'ss', '-Htan').splitlines(True)
                           if not line.startswith('LISTEN'))
        tap.until(lambda: not connections(), connections, 300)
        return memory()


def run(seconds, folder, pki):
    soak = Soak(folder, pki)
    soak.traffic(min(120, max(10, seconds / 10)))      # what is allocated once is
    before = soak.calm()
    start = [counters(ns) for ns in NAMESPACES]
    soak.did = dict.fromkeys(soak.did, 0)
    sum_, said = soak.traffic(seconds)
    after = soak.calm()
    end = [counters(ns) for ns in NAMESPACES]
    moved = {k: sum(e[k] - s[k] for e, s in zip(end, start)) for k in end[0]}
    dropped = sum(int(answer(ns, 'tc', '-s', 'qdisc', 'show', 'dev', 'soak').split('dropped ')[1]
                      .split(',')[0]) for ns in NAMESPACES)
    print(f'# {seconds} s: {sum_["bytes"]} bytes there and back, {sum_["sessions"]} sessions, '
          f'{sum_["lived"]} exchanges of those that lived long')
    print(f'# {soak.did}; the link dropped {dropped} packets')
    print(f'# KeyUpdates sent {moved["KeyUpdateSent"]}, received {moved["KeyUpdateReceived"]}; '
          f'records sent {moved["TxRecords"]}, received {moved["RxRecords"]}; handshakes '
          f'{moved["HsDone"]}, given to another worker {moved["HsRequeued"]}, failed '
          f'{moved["HsFailed"]}; {sum_["refused"]} clients had to come again, '
          f'{sum_["killed"]} were killed')
    print(f'# memory before {before}\n# memory after  {after}', flush=True)
    tap.ok(not sum_['wrong'], 'nothing was lost', '\n'.join(sum_['wrong'][:20]))
    tap.ok(all(s['sessions'] and s['lived'] > 3 for s in said), 'all kinds had sessions', said)
    # a rekey by netlink is in the way of one request of each client's, until its next echo
    tap.ok(moved['KeyUpdateSent'] > 0 and moved['KeyUpdateReceived'] > 0 and
           sum_['owed'] <= 4 * soak.did['rekeys'], 'keys were changed',
           f'{sum_["owed"]} found one under way, {soak.did["rekeys"]} rekeys')
    tap.is_((moved['RxBadMac'], moved['RxProtocol'], moved['NoMemory']), (0, 0, 0),
            'no record was bad')
    # a daemon takes along what it has begun, at most one handshake of each client
    ended = soak.did['crashes'] + soak.did['restarts']
    tap.ok(sum_['refused'] <= 9 * ended, 'handshakes failed only with their daemon',
           f'{sum_["refused"]} failed, {ended} daemons ended')
    tap.ok(bool(sum_['killed']) == bool(soak.did['kills']) and
           sum_['killed'] <= soak.did['kills'], 'who was killed, and nobody else, has noticed',
           f'{sum_["killed"]} noticed, {soak.did["kills"]} times')
    more = {name: after[name] - before[name] for name in before}
    tap.ok(more['SUnreclaim'] < 2048 and more['Percpu'] < 256 and more['other'] < 4096 and
           more['VmallocUsed'] < 256 and not any(more[name] > 64 for name in more
                                                 if name.startswith('kssl_')),
           'memory is flat', f'{before}\n{after}')
    for p in soak.servers + [d.p for d in soak.daemons]:
        p.terminate()
        p.wait()
    tap.done()


if sys.argv[1] == 'serve':
    serve(*sys.argv[2:])
elif sys.argv[1] == 'visit':
    Visitors(sys.argv[2], sys.argv[3], int(sys.argv[4])).run()
else:
    run(int(sys.argv[2]), sys.argv[3], sys.argv[4])
