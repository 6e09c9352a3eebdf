# SPDX-License-Identifier: GPL-2.0
"""A memory cgroup whose limit is moved, and processes in it that are told by shared
memory when to go on, so that nobody waits for memory to say so."""
import ctypes
import gc
import json
import mmap
import os
import signal
import struct
import time
import traceback

GROUPS, GROUP = '/sys/fs/cgroup/', '/sys/fs/cgroup/kssl-memcg/'
MAX = 64 << 20
MCL_CURRENT, MCL_FUTURE = 1, 2
SLOW = int(os.environ.get('SLOW', '1'))


def put(name, text):
    with open(name, 'w', encoding='ascii') as f:
        f.write(str(text))


def numbers(name):
    with open(GROUP + name, encoding='ascii') as f:
        return {k: int(v) for k, v in (line.split() for line in f)}


def current():
    with open(GROUP + 'memory.current', encoding='ascii') as f:
        return int(f.read())


def squeeze(room=0):
    """No more than what cannot be given back, and @room bytes."""
    put(GROUP + 'memory.max', 0)
    put(GROUP + 'memory.max', current() // 4096 * 4096 + room)


def ease():
    put(GROUP + 'memory.max', MAX)


def make():
    put(GROUPS + 'cgroup.subtree_control', '+memory')
    os.mkdir(GROUP)
    ease()
    if os.path.exists(GROUP + 'memory.swap.max'):
        put(GROUP + 'memory.swap.max', 0)


def own_memory():
    """A page fault that gets no memory is tried for ever: have all pages now."""
    gc.disable()
    spare = [bytes(n) for n in range(16, 512, 16) for _ in range(100)]
    assert not ctypes.CDLL(None).mlockall(MCL_CURRENT | MCL_FUTURE)
    del spare


class Line:
    """Between a child and its parent, without memory of the kernel's."""

    def __init__(self):
        self.mem = mmap.mmap(-1, 1 << 16)   # said by the child, told by the parent, text
        self.heard = 0

    def number(self, at):
        return struct.unpack_from('I', self.mem, at)[0]

    def step(self, at):
        struct.pack_into('I', self.mem, at, self.number(at) + 1)

    # the child's
    def say(self, what):
        text = json.dumps(what).encode()
        struct.pack_into('I', self.mem, 8, len(text))
        self.mem[12:12 + len(text)] = text
        self.step(0)

    def told(self):
        """Is there word to go on?"""
        if self.number(4) == self.heard:
            return False
        self.heard += 1
        return True

    def wait(self):
        while not self.told():
            time.sleep(0.01)


class Inside:
    """A process that runs fn(line, ...); in the cgroup, unless it is the yardstick."""

    def __init__(self, fn, *args, group=GROUP, adjust=-1000):
        self.line, self.gone = Line(), None
        self.pid = os.fork()
        if self.pid:
            return
        try:
            if group:
                put(group + 'cgroup.procs', os.getpid())
            put('/proc/self/oom_score_adj', adjust)
            own_memory()
            fn(self.line, *args)
            os._exit(0)
        except BaseException:  # pylint: disable=broad-except
            self.line.say({'died': traceback.format_exc()})
        finally:
            os._exit(1)

    def over(self):
        if self.gone is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.gone = status if pid else None
        return self.gone is not None

    def waits(self, seconds):
        """For so long it has nothing to say."""
        end = time.monotonic() + seconds * SLOW
        while self.line.number(0) == self.line.heard:
            if time.monotonic() > end:
                return True
            assert not self.over(), f'status {self.gone:#x}'
            time.sleep(0.01)
        return False

    def get(self, seconds=30):
        """What it says next."""
        assert not self.waits(seconds), 'it hangs: ' + self.where()
        self.line.heard += 1
        size, = struct.unpack_from('I', self.line.mem, 8)
        got = json.loads(self.line.mem[12:12 + size])
        assert not isinstance(got, dict) or 'died' not in got, got['died']
        return got

    def go(self):
        self.line.step(4)

    def tell(self, seconds=30):
        """It goes on; what it says next."""
        self.go()
        return self.get(seconds)

    def end(self, want=0):
        """It goes on and ends."""
        self.go()
        end = time.monotonic() + 60 * SLOW
        while not self.over():
            assert time.monotonic() < end, 'it does not end: ' + self.where()
            time.sleep(0.02)
        assert self.gone == want, f'status {self.gone:#x}'

    def where(self):
        """Words about what it does."""
        words = []
        for name in ('syscall', 'wchan', 'stack'):
            with open(f'/proc/{self.pid}/{name}', encoding='ascii') as f:
                words.append(f.read())
        return '\n'.join(words)

    def reap(self):
        """After a failure."""
        if not self.over():
            os.kill(self.pid, signal.SIGKILL)
            self.end(signal.SIGKILL)
