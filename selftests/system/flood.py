#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Thousands of peers that connect and say nothing, say one byte at a time, or begin a
handshake and stop: a good client beside them is served as before, what they cost has a
bound, and they are gone when time is up.

               silent, slow, halting ---+
                                        +--> server (its own process, epoll) -- kssld
               the good client ---------+
"""
import glob
import json
import os
import resource
import select
import socket
import ssl
import statistics
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402
from kssld import Daemon  # noqa: E402

PKI = TOP + '/build/pki/'
SILENT, SLOW, HALTING = 2000, 300, 300
LONG_MS, SHORT_MS = 600000, 3000
# What one of them may cost, in KiB: both ends' sockets, a record's buffer, a handshake of kssld.
KERNEL_SILENT, KERNEL_BUFFER, DAEMON = 14, 24, 112
# SLUB, KASAN and kmemleak remember every object
DEBUG = 2 if os.environ.get('SLOW', '1') != '1' else 1


def server(listener):
    """Echoes once, then closes; says nothing to the others."""
    ep, conns = select.epoll(), {}
    listener.setblocking(False)
    ep.register(listener, select.EPOLLIN)
    while True:
        for fd, _ in ep.poll():
            if fd == listener.fileno():
                conn, _ = listener.accept()
                conn.setblocking(False)
                conns[conn.fileno()] = conn
                ep.register(conn, select.EPOLLIN)
                continue
            try:
                conns[fd].send(conns[fd].recv(100))
            except BlockingIOError:
                continue
            except OSError:
                pass
            ep.unregister(fd)
            conns.pop(fd).close()


def hello():
    """A ClientHello."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        CTX.wrap_bio(into, out, server_hostname='localhost').do_handshake()
    except ssl.SSLWantReadError:
        return out.read()


def raw():
    return socket.create_connection(ADDRESS, timeout=60)


def visit():
    start = time.monotonic()
    with CTX.wrap_socket(raw(), server_hostname='localhost') as s:
        s.sendall(b'hello')
        assert tap.read_all(s, 5) == b'hello'
    return time.monotonic() - start


def latency():
    times = [visit() for _ in range(11)]
    return statistics.median(times), max(times)


def at_hand():
    """KiB of free pages that the CPUs keep at hand, which MemFree leaves out."""
    with open('/proc/zoneinfo', encoding='ascii') as f:
        return 4 * sum(int(line.split()[1]) for line in f if line.lstrip().startswith('count:'))


def memory():
    """KiB that the kernel has: all that is not the processes'."""
    with open('/proc/meminfo', encoding='ascii') as f:
        m = {k: int(v.split()[0]) for k, v in (line.split(':') for line in f)}
    return (m['MemTotal'] - m['MemFree'] - at_hand() - m['AnonPages'] - m['Cached'] -
            m['Buffers'])


def spare():
    """The same without caches."""
    with open('/proc/sys/vm/drop_caches', 'w', encoding='ascii') as f:
        f.write('3')
    for name in glob.glob('/sys/kernel/slab/*/shrink') if DEBUG > 1 else ():
        with open(name, 'w', encoding='ascii') as f:    # what KASAN keeps for a while
            f.write('1')
    return memory()


def sessions():
    p = subprocess.run([TOP + '/build/ksslctl', '--json', 'list'], capture_output=True, check=True)
    return len(json.loads(p.stdout))


def rss():
    with open(f'/proc/{daemon.pid}/statm', encoding='ascii') as f:
        return int(f.read().split()[1]) * 4


def begun():
    return tap.counters()['HsStarted']


def policy(ms):
    subprocess.run([TOP + '/build/ksslctl', 'policy', 'set', f'timeout-ms={ms}'], check=True)


def quiet():
    """The unloaded machine, warmed up."""
    latency()
    return latency()


def crowd(n):
    """So many connections, which the server has accepted and looked at."""
    before = begun()
    socks = [raw() for _ in range(n)]
    bad.extend(socks)
    tap.until(lambda: begun() >= before + n, lambda: (begun() - before, n), 60)
    return socks


def no_worse(what):
    usual, most = latency()
    print(f'# beside {what}: median {usual * 1000:.0f} ms, worst {most * 1000:.0f}; '
          f'alone {ALONE[0] * 1000:.0f} and {ALONE[1] * 1000:.0f}', flush=True)
    assert usual < 4 * ALONE[0] + 0.3, (usual, ALONE)
    assert most < 10, most


def cost(before, n, each, what, now):
    used = now() - before
    print(f'# {n} {what}: {used / n:.1f} KiB each', flush=True)
    assert used < n * each * DEBUG + 4096, (used, n)


def silent():
    before = memory()
    crowd(SILENT)
    no_worse('silent ones')
    cost(before, SILENT, KERNEL_SILENT, 'silent ones', memory)


def slow():
    """One byte, then the next, of a ClientHello that is far from whole."""
    before, text = memory(), hello()
    mine = crowd(SLOW)
    for i in range(8):
        for s in mine:
            s.send(text[i:i + 1])
        no_worse('slow ones') if i == 6 else None
    cost(before, SLOW, KERNEL_SILENT + KERNEL_BUFFER, 'slow ones', memory)


def halting():
    """They get an answer, and give none."""
    before, daemons = memory(), rss()
    mine = crowd(HALTING)
    for s in mine:
        s.sendall(hello())
    for s in mine:
        assert s.recv(1)
    no_worse('halting ones')
    cost(before, HALTING, KERNEL_SILENT + KERNEL_BUFFER, 'halting ones', memory)
    cost(daemons, HALTING, DAEMON, 'halting ones of kssld', rss)


def gone():
    """They leave, and nothing of them is left."""
    while bad:
        bad.pop().close()
    tap.until(lambda: sessions() == 1, sessions)    # the listener
    tap.until(lambda: spare() < START + DEBUG * 12288, lambda: (START, spare()))
    print(f'# left of them: {spare() - START} KiB', flush=True)
    no_worse('none')


def time_is_up():
    """Who stays is told so: the silent, the slow, and who began."""
    policy(SHORT_MS)
    before = tap.counters()['HsTimeout']
    socks = crowd(90)
    for s in socks[30:60]:
        s.send(hello()[:7])
    for s in socks[60:]:
        s.send(hello())
    for s in socks:
        s.settimeout(30)
        try:
            while s.recv(65536):
                pass
        except ConnectionResetError:
            pass
    assert tap.counters()['HsTimeout'] == before + 90


resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
with open(sys.argv[1] + '/conf', 'w', encoding='ascii') as conf:
    conf.write(f'[global]\nworkers = 2\n[identity ec]\ncert = {PKI}ec.pem\nkey = {PKI}ec.key\n')
daemon = Daemon(sys.argv[1] + '/conf', sys.argv[1] + '/log')
policy(LONG_MS)
CTX = ssl.create_default_context(cafile=PKI + 'ca.pem')
listening = socket.create_server(('127.0.0.1', 0), backlog=4096)
tap.attach(listening)
ADDRESS = listening.getsockname()
pid = os.fork()
if not pid:
    server(listening)
listening.close()
bad = []
ALONE = quiet()
START = spare()
for fn in (silent, slow, halting, gone, time_is_up):
    tap.case(fn.__name__)(fn)
os.kill(pid, 9)
os.waitpid(pid, 0)
policy(20000)
daemon.stop()
tap.done()
