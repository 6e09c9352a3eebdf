#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""kssld's workers scale: each has its share of the handshakes, which go on while the
other workers are halted, and each can keep a processor of its own busy.

Not by the clock: workers are halted while they wait for something to do, handshakes are
begun, and then workers let go one by one (ptrace(2)); and what each has done is read off
its processor time."""
import ctypes
import os
import re
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

CONF = sys.argv[1]
CTX = ssl.create_default_context(cafile=TOP + '/build/pki/ca.pem')
SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000
CPUS = sorted(os.sched_getaffinity(0))
libc = ctypes.CDLL(None, use_errno=True)


def ptrace(request, tid):
    if libc.ptrace(request, tid, None, None):
        raise OSError(ctypes.get_errno(), f'ptrace {request:#x}')


def halt(tid):
    ptrace(SEIZE, tid)
    ptrace(INTERRUPT, tid)
    os.waitpid(tid, WALL)


def kssld(workers):
    """Started; the process, and the threads that are its workers."""
    with open(CONF, encoding='ascii') as f:
        conf = re.sub('workers = .*\n', f'workers = {workers}\n' if workers else '', f.read())
    with open(CONF + '.now', 'w', encoding='ascii') as f:
        f.write(conf)
    p = subprocess.Popen([TOP + '/build/kssld', '-c', CONF + '.now', '-f'],
                         stderr=subprocess.PIPE, text=True)
    for line in p.stderr:
        if 'ready' in line:
            break
    threading.Thread(target=p.stderr.read).start()     # so that it never waits for us
    return p, sorted(int(t) for t in os.listdir(f'/proc/{p.pid}/task') if int(t) != p.pid)


def stop(p):
    p.send_signal(signal.SIGTERM)
    assert p.wait() == 0


class Clients:
    """Some handshakes at once with a listener of ours, by OpenSSL."""

    def __init__(self, nr, each=1):
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=64)
        tap.attach(self.listener)
        self.done = []
        self.failed = []
        self.threads = [threading.Thread(target=self.run, args=(each,)) for _ in range(nr)]
        threading.Thread(target=self.accept, args=(nr * each,)).start()
        for t in self.threads:
            t.start()

    def accept(self, nr):
        self.conns = [self.listener.accept()[0] for _ in range(nr)]

    def run(self, each):
        try:
            for _ in range(each):
                raw = socket.create_connection(self.listener.getsockname(), timeout=60)
                with CTX.wrap_socket(raw, server_hostname='localhost'):
                    self.done.append(1)
        except OSError as e:
            self.failed.append(e)

    def wait(self):
        for t in self.threads:
            t.join()
        assert not self.failed, self.failed


def started():
    return tap.counters()['HsStarted']


def halted(workers, nr):
    """How many of nr handshakes were done when so many workers had been let go."""
    p, tids = kssld(workers)
    for tid in tids:
        halt(tid)
    before = started()
    c = Clients(nr)
    tap.until(lambda: started() == before + nr, tap.counters)
    steps = [len(c.done)]
    for n, tid in enumerate(tids):
        ptrace(DETACH, tid)
        share = nr * (n + 1) // len(tids)
        tap.until(lambda s=share: len(c.done) >= s, lambda: (steps, c.done, c.failed))
        time.sleep(0.5)     # and no more: those of the others wait for them
        steps.append(len(c.done))
    c.wait()
    stop(p)
    return steps


def together():
    assert halted(1, 8) == [0, 8]
    assert halted(2, 8) == [0, 4, 8]
    assert halted(4, 8) == [0, 2, 4, 6, 8]


def busy():
    """One that has something left to do gets less: new handshakes go past it."""
    p, tids = kssld(2)
    for tid in tids:
        halt(tid)
    before = started()
    first = Clients(8)
    tap.until(lambda: started() == before + 8, tap.counters)
    ptrace(DETACH, tids[0])
    tap.until(lambda: len(first.done) == 4, lambda: (first.done, first.failed))
    second = Clients(4)
    second.wait()
    assert len(first.done) == 4, first.done
    ptrace(DETACH, tids[1])
    first.wait()
    stop(p)


def by_default():
    p, tids = kssld(None)
    stop(p)
    assert len(tids) == len(CPUS), (tids, CPUS)


def ran(tid):
    """Nanoseconds on a processor, or ticks if the kernel counts no better."""
    if os.path.exists(f'/proc/{tid}/schedstat'):
        with open(f'/proc/{tid}/schedstat', encoding='ascii') as f:
            return int(f.read().split()[0])
    with open(f'/proc/{tid}/stat', encoding='ascii') as f:
        return sum(map(int, f.read().rsplit(')', 1)[1].split()[11:13]))


def processors():
    """A worker on each of two processors: both have their part of the work."""
    p, tids = kssld(2)
    for tid, cpu in zip(tids, CPUS):
        os.sched_setaffinity(tid, {cpu})
    start = [ran(t) for t in tids]
    c = Clients(8, each=5)
    c.wait()
    times = [ran(t) - s for t, s in zip(tids, start)]
    stop(p)
    assert len(CPUS) >= 2 and len(c.done) == 40
    assert min(times) > sum(times) * 0.3, times


for fn in (together, busy, by_default, processors):
    tap.case(fn.__name__)(fn)
tap.done()
