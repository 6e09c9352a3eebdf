#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Programs in a memory cgroup, and at its limit: what kssl has for them is charged to
it; calls fail or wait, no byte is lost or wrong, and all goes on when there is memory
again.  Who is outside does not notice.  The peers are OpenSSL's, outside.

               main: OpenSSL, outside ------- kssl: a child in the cgroup
                                    \\
                                     ------- kssl: a child outside, the yardstick

At the limit nobody in the cgroup may be killed, so that charges fail; only one case
is about the OOM killer.
"""
import errno
import fcntl
import hashlib
import json
import mmap
import os
import re
import resource
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import cgroup  # noqa: E402
import tap  # noqa: E402
from cgroup import GROUP, SLOW, Inside, ease, numbers, squeeze  # noqa: E402
from kssld import Daemon  # noqa: E402

PKI = TOP + '/build/pki/'
# Since 6.8 memory.stat may be two seconds old.
STALE = 2.3 if tuple(int(n) for n in os.uname().release.split('.')[:2]) >= (6, 8) else 0
SESSIONS, SHAKEN = 300, 40
SHORT = {'EAGAIN', 'ENOMEM', 'ENOBUFS'}     # what a call may say for want of memory
TMP = sys.argv[1]
BEGIN = time.monotonic()
BLOCK = os.urandom(1 << 20)     # what is sent, again and again
VIEW = memoryview(BLOCK)


# ---- the kernel's log ----

BAD = re.compile('WARNING: |BUG: |Oops|general protection|refcount_t:|UBSAN|KASAN|'
                 'detected stall|soft lockup|possible circular locking|'
                 'blocked for more than|page allocation failure')


def taint():
    """Also says that there was a warning."""
    with open('/proc/sys/kernel/tainted', encoding='ascii') as f:
        return int(f.read())


def log(pattern):
    """Lines of the kernel's log, which memcg.sh collects."""
    with open(TMP + '/kmsg', encoding='utf-8', errors='replace') as f:
        return [line for line in f if re.search(pattern, line)]


# ---- kssl's side, in a child ----

def count(errors, e):
    name = errno.errorcode[e.errno]
    errors[name] = errors.get(name, 0) + 1


def blocking(sock, seconds=0):
    """In the kernel, not in Python; 0: as long as it takes."""
    sock.settimeout(None)
    for name in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
        sock.setsockopt(socket.SOL_SOCKET, name,
                        struct.pack('ll', int(seconds), int(seconds % 1 * 1000000)))
    return sock


def dial(port):
    """A client of kssl, its handshake done."""
    s = blocking(socket.socket())
    try:
        s.connect(('127.0.0.1', port))
        tap.attach(s)
        s.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'localhost')
        s.setsockopt(tap.SOL_KSSL, tap.HANDSHAKE, struct.pack('I', 0))
    except OSError:
        s.close()
        raise
    return s


# ---- OpenSSL's side ----

CLIENT = ssl.create_default_context(cafile=PKI + 'ca.pem')
SERVER = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
SERVER.load_cert_chain(PKI + 'ec.pem', PKI + 'ec.key')
SERVER.num_tickets = 0
SERVER.options &= ~0x80     # SSL_OP_IGNORE_UNEXPECTED_EOF, Python's default


def served():
    """The connection that a child dials."""
    raw, _ = LISTENER.accept()
    raw.settimeout(60 * SLOW)
    return SERVER.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False)


def visit(port, what=b'hello'):
    """A client of OpenSSL that is done when it has its answer; how long it took."""
    start = time.monotonic()
    with socket.create_connection(('127.0.0.1', port), timeout=40 * SLOW) as raw:
        with CLIENT.wrap_socket(raw, server_hostname='localhost') as s:
            s.sendall(what)
            assert tap.read_all(s, len(what)) == what
    return time.monotonic() - start


def everything(conn):
    """(what came, did it end by close_notify?)"""
    digest, total = hashlib.sha256(), 0
    try:
        while True:
            part = conn.recv(1 << 16)
            if not part:
                return total, digest.hexdigest(), True
            digest.update(part)
            total += len(part)
    except (ssl.SSLError, ConnectionResetError) as e:
        assert not isinstance(e, ssl.SSLError) or e.reason == 'UNEXPECTED_EOF_WHILE_READING', e
        return total, digest.hexdigest(), False


def stream(n):
    """The digest of the first n bytes of what is sent."""
    digest = hashlib.sha256()
    for _ in range(n // len(BLOCK)):
        digest.update(BLOCK)
    digest.update(VIEW[:n % len(BLOCK)])
    return digest.hexdigest()


# ---- 1: what is charged ----

def slabs():
    """Objects and their size, by cache."""
    out = {}
    with open('/proc/slabinfo', encoding='ascii') as f:
        for line in f.readlines()[2:]:
            w = line.split()
            out[w[0]] = int(w[1]), int(w[3])
    return out


def sessions():
    p = subprocess.run([TOP + '/build/ksslctl', '--json', 'list'], capture_output=True, check=True)
    return json.loads(p.stdout)


def own_keys(line, n):
    """Sessions with own keys."""
    pairs = [tap.pair() for _ in range(n)]
    line.say('plain')
    line.wait()
    for one, _ in pairs:
        tap.attach(one)
        for name in (tap.KEY_RX, tap.KEY_TX):
            one.setsockopt(tap.SOL_KSSL, name, tap.key(0x304, 0x1301, secret=os.urandom(32)))
    line.say('attached')
    line.wait()


def dialled(line, n, port):
    """Sessions of kssld's: clients."""
    socks = [blocking(socket.create_connection(('127.0.0.1', port))) for _ in range(n)]
    line.say('plain')
    line.wait()
    for s in socks:
        tap.attach(s)
        s.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'localhost')
        s.setsockopt(tap.SOL_KSSL, tap.HANDSHAKE, struct.pack('I', 0))
    line.say('attached')
    line.wait()


def accepted(line, n, kssl):
    """Sessions of kssld's: servers.  Plain sockets to compare them with."""
    listener = socket.create_server(('127.0.0.1', 0), backlog=n)
    if kssl:
        tap.attach(listener)
    line.say(listener.getsockname()[1])
    socks = []
    while len(socks) < n:
        socks.append(blocking(listener.accept()[0]))
        if kssl:
            socks[-1].setsockopt(tap.SOL_KSSL, tap.HANDSHAKE, struct.pack('I', 0))
    line.say('attached')
    line.wait()


def charged():
    """Bytes of objects, when RCU and what CPUs hold back do not change it any more."""
    last = -1
    time.sleep(STALE * SLOW)
    while True:
        now = numbers('memory.stat')['slab']
        if abs(now - last) < 4096:
            return now
        last = now
        time.sleep(0.2)


def size(n):
    """What n sessions with keys are."""
    s = slabs()
    return n * (s['kssl_session'][1] + 2 * s['kssl_half'][1])


def as_said(what, n, got, most=1.25):
    """All of it is charged, and not much else; kssld's has certificates and names, too."""
    print(f'# {n} sessions, {what}: {size(n)} bytes, charged {got}', flush=True)
    assert 0.9 * size(n) - 4096 < got < most * size(n) + 4096, (size(n), got)


def account_own():
    first = kids(Inside(own_keys, 1))   # what the first of all leaves in caches
    first.get()
    first.tell()
    first.end()
    base = charged()
    kid = kids(Inside(own_keys, SESSIONS))
    kid.get()
    plain, before = charged(), slabs()
    kid.tell()
    now, after = charged() - plain, slabs()
    as_said('own keys', SESSIONS, now)
    told = sum((after[k][0] - before[k][0]) * after[k][1] for k in after
               if k.startswith(('kssl_', 'kmalloc-cg')))
    # counts slabs, not objects; with a checker's zones around those, on the debug kernel
    assert 0.6 * now < told < (1.25 if SLOW == 1 else 8) * now + 65536, (now, told)
    kid.end()
    tap.until(lambda: charged() < base + now / 10, lambda: (base, now, charged()))
    print(f'# left of them: {charged() - base} bytes', flush=True)


def account_clients():
    kid = kids(Inside(dialled, SHAKEN, PORT))
    raw = [LISTENER.accept()[0] for _ in range(SHAKEN)]
    kid.get()
    plain = charged()
    kid.go()
    conns = []
    for r in raw:
        r.settimeout(60 * SLOW)
        conns.append(SERVER.wrap_socket(r, server_side=True))
    kid.get()
    as_said('clients', SHAKEN, charged() - plain, 4)
    kid.end()
    for c in conns:
        c.close()


def account_servers():
    got = []
    for kssl in (False, True):
        base = charged()
        kid = kids(Inside(accepted, SHAKEN, kssl))
        port, conns = kid.get(), []
        for _ in range(SHAKEN):
            conns.append(socket.create_connection(('127.0.0.1', port), timeout=60 * SLOW))
            if kssl:
                conns[-1] = CLIENT.wrap_socket(conns[-1], server_hostname='localhost')
        kid.get()
        got.append(charged() - base)
        kid.end()
        for c in conns:
            c.close()
    as_said('servers', SHAKEN, got[1] - got[0], 4)


# ---- 2: sending ----

class Told:
    """What send() has taken, and what it said else."""

    def __init__(self):
        self.digest, self.total, self.errors = hashlib.sha256(), 0, {}

    def send(self, sock, most):
        """False: an error."""
        off = self.total % len(BLOCK)
        view = VIEW[off:off + most]
        try:
            n = sock.send(view)
        except OSError as e:
            count(self.errors, e)
            return False
        self.digest.update(view[:n])
        self.total += n
        return True

    def report(self):
        return self.total, self.digest.hexdigest(), self.errors


def sender(line, port, nonblocking):
    """Sends at the limit, first to nobody; then the rest, and close_notify."""
    s = blocking(dial(port), 0.5)
    s.setblocking(not nonblocking)
    told = Told()
    told.send(s, 100000)
    line.say('up')
    line.wait()     # at the limit, and nobody reads
    failed = 0
    while failed < 4 and told.total < 64 << 20:
        if told.send(s, 100000):
            continue
        failed += 1
        time.sleep(0.1 * nonblocking)
    line.say(told.report())
    until, want = time.monotonic() + 20, told.total + (1 << 20)   # somebody reads
    while time.monotonic() < until and told.total < want:
        if not told.send(s, 100000):
            time.sleep(0.05)
    line.say(told.report())
    line.wait()     # there is memory
    blocking(s)
    told.send(s, 200000)
    s.shutdown(socket.SHUT_WR)
    line.say(told.report())
    line.wait()


def sending(nonblocking):
    kid = kids(Inside(sender, PORT, nonblocking))
    conn = served()
    kid.get()
    squeeze(0 if nonblocking else 256 << 10)
    total, _, errors = kid.tell()
    print(f'# at the limit, nobody reads: {total} bytes taken, {names(errors)}', flush=True)
    assert errors and set(errors) <= SHORT, errors
    got = []
    t = threading.Thread(target=lambda: got.append(everything(conn)))
    t.start()
    read, _, errors = kid.get()
    print(f'# somebody reads: {read} bytes taken, {names(errors)}', flush=True)
    assert set(errors) <= SHORT, errors
    assert read >= total + (1 << 20), 'no way on at the limit'
    ease()
    total, digest, errors = kid.tell()
    t.join(60 * SLOW)
    assert got == [(total, digest, True)], (got, total, digest, errors)
    assert set(errors) <= SHORT, errors
    kid.end()
    conn.close()


def names(errors):
    return ' '.join(f'{e} {n} times' for e, n in errors.items()) or 'no error'


# ---- 3: receiving ----

def by_recv(sock, into, _):
    return sock.recv_into(into, 1 << 16)


def by_peek(sock, into, _):
    """Text is looked at, and then taken."""
    n = sock.recv_into(into, 1 << 16, socket.MSG_PEEK)
    return sock.recv_into(into, n) if n else 0


def by_splice(sock, into, pipe):
    """By way of a pipe."""
    n = os.splice(sock.fileno(), pipe[1], 1 << 16)
    done = 0
    while done < n:
        done += os.readv(pipe[0], [into[done:n]])
    return n


def receiver(line, port, way):
    """Reads as much as it can at the limit, and then the rest."""
    s = dial(port)
    into, ends = memoryview(bytearray(1 << 16)), os.pipe()
    fcntl.fcntl(ends[0], fcntl.F_SETPIPE_SZ, 1 << 18)
    digest, total, errors = hashlib.sha256(), 0, {}

    def read():
        nonlocal total
        try:
            n = way(s, into, ends)
        except OSError as e:
            count(errors, e)
            time.sleep(0.05)
            return -1
        digest.update(into[:n])
        total += n
        return n
    read()
    line.say('up')
    line.wait()
    until = time.monotonic() + 6
    while time.monotonic() < until and read():
        pass
    line.say((total, errors))
    line.wait()
    errors = {}
    while read():
        pass
    line.say((total, digest.hexdigest(), errors))
    line.wait()


def receiving(way):
    kid = kids(Inside(receiver, PORT, way))
    conn = served()
    conn.sendall(b'first')
    kid.get()
    squeeze()
    data = BLOCK * 3

    def give():
        conn.sendall(data)
        conn.unwrap()
    t = threading.Thread(target=lambda: tap.errno_of(give))
    t.start()
    kid.go()
    late = kid.waits(10)    # TCP drops what it has no memory for, and the peer sends it again
    ease()
    total, errors = kid.get(60)
    print(f'# at the limit: {total} bytes of {len(data) + 5}, {names(errors)}'
          f'{", then the call waited" if late else ""}', flush=True)
    assert set(errors) <= SHORT, errors
    got = kid.tell(60)
    assert got == [len(data) + 5, hashlib.sha256(b'first' + data).hexdigest(), {}], got
    kid.end()
    t.join(60 * SLOW)
    conn.close()


def hoarder(line, port, n):
    """Fills pipes from a socket, until there is no memory, or they are full."""
    s = dial(port)
    tap.read_all(s, 5)
    ends = [os.pipe() for _ in range(n)]
    for r, _ in ends:
        fcntl.fcntl(r, fcntl.F_SETPIPE_SZ, 1 << 16)
    line.say('up')
    for _ in range(2):      # with memory, and at the limit
        line.wait()
        total, error, digest = 0, '', hashlib.sha256()
        for _, w in ends:
            for _ in range(4):
                try:
                    total += os.splice(s.fileno(), w, 1 << 14)
                except OSError as e:
                    error = errno.errorcode[e.errno]
                    break
            if error:
                break
        line.say((total, error))
        line.wait()
        left = total
        for r, _ in ends:
            part = os.read(r, 1 << 16) if left else b''
            digest.update(part)
            left -= len(part)
        line.say((left, digest.hexdigest()))
    line.wait()


def pipes():
    """Pages that splice() gives to a pipe belong to the cgroup."""
    n = 16
    kid = kids(Inside(hoarder, PORT, n))
    conn = served()
    conn.sendall(b'first')
    kid.get()
    before = numbers('memory.stat')['kernel']
    conn.sendall(BLOCK)
    got = kid.tell()
    assert got == [n << 16, ''], got
    grown = numbers('memory.stat')['kernel'] - before
    print(f'# pages in pipes: {n << 16} bytes, charged {grown}', flush=True)
    assert grown > 0.9 * (n << 16), grown
    assert kid.tell() == [0, hashlib.sha256(BLOCK).hexdigest()]
    squeeze()
    conn.sendall(BLOCK)
    total, error = kid.tell()
    print(f'# at the limit: {total} bytes, {error or "no error"}', flush=True)
    assert error in SHORT and total < n << 16, (total, error)
    ease()
    left, digest = kid.tell()
    assert (left, digest) == (0, hashlib.sha256(BLOCK[:total]).hexdigest()), left
    kid.end()
    conn.close()


# ---- 4: handshakes ----

def visitor(line, port):
    """Clients of kssl, one after the other, until told."""
    took, errors, done = 0, {}, 0
    line.say('up')
    line.wait()
    for _ in range(2):      # at the limit; and with memory
        while not line.told():
            start = time.monotonic()
            try:
                s = dial(port)
            except OSError as e:
                count(errors, e)
                time.sleep(0.05)
            else:
                done += 1
                s.close()
            took = max(took, time.monotonic() - start)
        line.say((done, took, errors))
        line.wait()
        took, errors, done = 0, {}, 0


def host(line):
    """A server of kssl: echoes once to each."""
    listener = blocking(socket.create_server(('127.0.0.1', 0), backlog=64), 0.2)
    tap.attach(listener)
    errors, done = {}, 0
    line.say(listener.getsockname()[1])
    while not line.told():
        conn = None
        try:
            conn = blocking(listener.accept()[0], 2)
            conn.send(conn.recv(100))
            done += 1
        except OSError as e:
            count(errors, e)
        if conn:
            conn.close()
    line.say((done, errors))
    line.wait()


def policy(ms):
    subprocess.run([TOP + '/build/ksslctl', 'policy', 'set', f'timeout-ms={ms}'], check=True)


def serve(stop):
    """OpenSSL's side of those who only come and go."""
    LISTENER.settimeout(0.2)
    while not stop.is_set():
        try:
            conn = served()
        except OSError:
            continue
        everything(conn)
        conn.close()
    LISTENER.settimeout(None)


def visits(port, n):
    """Clients of OpenSSL: how many are served, and how long the slowest took."""
    good, most = 0, 0
    for _ in range(n):
        start = time.monotonic()
        try:
            visit(port)
            good += 1
        except (OSError, AssertionError):
            pass
        most = max(most, time.monotonic() - start)
    return good, most


def handshakes():
    limit = 8000
    policy(limit)
    yardstick, server = kids(Inside(host, group=None)), kids(Inside(host))
    outside, inside = yardstick.get(), server.get()
    client = kids(Inside(visitor, PORT))
    client.get()
    stop = threading.Event()
    t = threading.Thread(target=serve, args=(stop,))
    t.start()
    try:
        assert visits(outside, 3)[0] == 3 and visits(inside, 3)[0] == 3
        squeeze()
        client.go()
        good, most = visits(outside, 6)
        print(f'# outside: {good} of 6 served, {most * 1000:.0f} ms at most', flush=True)
        assert good == 6 and most < 5 * SLOW, (good, most)
        good, most = visits(inside, 3)
        print(f'# a server at the limit: {good} of 3 served, {most * 1000:.0f} ms at most',
              flush=True)
        assert most < (limit / 1000 + 5) * SLOW, most
        done, most, errors = client.tell()
        print(f'# clients at the limit: {done} handshakes, {most * 1000:.0f} ms at most, '
              f'{names(errors)}', flush=True)
        assert most < (limit / 1000 + 5) * SLOW, most
        assert set(errors) <= SHORT | {'ETIMEDOUT', 'ENFILE'}, errors
        ease()
        client.go()
        good, most = visits(inside, 5)
        assert good == 5, good
        done, most, errors = client.tell()
        assert done and not errors, (done, errors)
        client.end()
        print(f'# the server at the limit said {names(server.tell()[1])}', flush=True)
    finally:
        stop.set()
        t.join()
        policy(20000)
    server.end()
    yardstick.tell()
    yardstick.end()


# ---- 5: killed ----

def victim(line, port, n):
    """Sends and receives until it is killed, since it takes ever more memory."""
    socks = [dial(port) for _ in range(n)]
    for s in socks:
        s.setblocking(False)
    told = [Told() for _ in socks]
    line.say('up')
    line.wait()
    hoard, rounds = [], 0
    while True:
        for i, s in enumerate(socks):
            if i % 2:
                told[i].send(s, 50000)
            else:
                tap.errno_of(s.recv, 50000)
        rounds += 1
        if rounds > 20:
            hoard.append(os.urandom(1 << 20))


def witness(conn, sends, seen):
    """What the victim's peer sees."""
    total, digest, clean = 0, '', False
    try:
        while sends:
            conn.sendall(VIEW[:50000])
    except OSError:
        pass
    total, digest, clean = everything(conn)
    seen.append((sends, total, digest, clean))
    conn.close()


def killed():
    n, had = 8, len(sessions())
    kills = numbers('memory.events')['oom_kill']
    kid = kids(Inside(victim, PORT, n, adjust=1000))
    seen = []
    threads = [threading.Thread(target=witness, args=(served(), not i % 2, seen))
               for i in range(n)]
    kid.get()
    assert len(sessions()) == had + n
    for t in threads:
        t.start()
    kid.go()
    kid.end(signal.SIGKILL)
    for t in threads:
        t.join(60 * SLOW)
    assert numbers('memory.events')['oom_kill'] == kills + 1
    got = [total for sends, total, _, _ in seen if not sends]
    print(f'# killed: its peers had {sorted(got)} bytes', flush=True)
    assert len(seen) == n and min(got) > 0, seen
    assert not any(clean for *_, clean in seen), [(s, c) for s, _, _, c in seen]
    for sends, total, digest, _ in seen:
        assert digest == stream(0 if sends else total), (sends, total)
    tap.until(lambda: len(sessions()) == had, sessions)


# ---- 6: the end ----

def left():
    tap.until(lambda: not sessions(), sessions)
    tap.until(lambda: numbers('memory.stat')['slab'] < START + 65536,
              lambda: (START, numbers('memory.stat')), 60)
    now = slabs()
    print(f'# left: {charged() - START} bytes of objects, {numbers("memory.stat")["sock"]} of '
          f'buffers; {now["kssl_session"][0]} sessions and {now["kssl_half"][0]} halves in slabs '
          f'that CPUs keep', flush=True)
    assert numbers('memory.stat')['sock'] < 1 << 20
    print(f'# charges that failed: {numbers("memory.events")["oom"]}', flush=True)
    os.rmdir(GROUP)


def complaints():
    with open(TMP + '/kmsg', encoding='utf-8', errors='replace') as f:
        lines = f.readlines()
    bad = [i for i, line in enumerate(lines) if BAD.search(line)]
    assert not bad, ''.join(lines[bad[0]:bad[0] + 60])
    assert taint() == TAINT, taint()
    print(f'# {len(log("VM_FAULT_OOM"))} page faults had to wait', flush=True)


def alone(fn, *args):
    """Nothing of a case is left for the next, however it ended."""
    had = numbers('memory.events')['oom'] if os.path.exists(GROUP) else 0
    try:
        fn(*args)
        if os.path.exists(GROUP):
            print(f'# charges failed {numbers("memory.events")["oom"] - had} times', flush=True)
    finally:
        ease() if os.path.exists(GROUP) else None
        while KIDS:
            KIDS.pop().reap()


KIDS = []


def kids(kid):
    KIDS.append(kid)
    return kid


signal.signal(signal.SIGPIPE, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
cgroup.make()
with open(TMP + '/conf', 'w', encoding='ascii') as conf:
    conf.write(f'[global]\nworkers = 2\n[trust]\nsystem = no\nfile = {PKI}ca.pem\n'
               f'[identity ec]\ncert = {PKI}ec.pem\nkey = {PKI}ec.key\n')
daemon = Daemon(TMP + '/conf', TMP + '/log')
LISTENER = socket.create_server(('127.0.0.1', 0), backlog=1024)
PORT = LISTENER.getsockname()[1]
START, TAINT = charged(), taint()
print(f'# set up: {time.monotonic() - BEGIN:.0f} s', flush=True)
for title, case, *more in (
        ('sessions with own keys are charged', account_own),
        ('those of a client, too', account_clients),
        ('those of a server, too', account_servers),
        ('a blocking send at the limit', sending, False),
        ('one that does not wait', sending, True),
        ('recv at the limit', receiving, by_recv),
        ('MSG_PEEK at the limit', receiving, by_peek),
        ('splice at the limit', receiving, by_splice),
        ('pages in pipes are charged', pipes),
        ('handshakes at the limit', handshakes),
        ('the peers of who is killed see no clean end', killed),
        ('nothing is left', left),
        ('no complaint of the kernel', complaints)):
    start = time.monotonic()
    tap.case(title)(lambda f=case, a=more: alone(f, *a))
    print(f'# {time.monotonic() - start:.0f} s', flush=True)
daemon.stop()
tap.done()
