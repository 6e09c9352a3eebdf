# SPDX-License-Identifier: GPL-2.0
"""Unmodified programs on TCP_ULP "tls": the programs, and the proof by counters
that the kernel sealed or opened their records.  KTLS names the module: kssl counts
records; tls, the kernel's own, only counts directions."""
import contextlib
import os
import subprocess
import threading
import time

import tap

MODULE = os.environ.get('KTLS', 'kssl')


def _numbers(path):
    with open(path, encoding='ascii') as f:
        return {k: int(v) for k, v in (line.split() for line in f)}


def moved():
    """What the kernel has done so far: sent, received."""
    if MODULE == 'kssl':
        n = _numbers('/proc/net/kssl_stat')
        return n['TxRecords'], n['RxRecords']
    n = _numbers('/proc/net/tls_stat')
    return n['TlsTxSw'], n['TlsRxSw']


def alone():
    """Whether the other module is not even loaded."""
    other = 'tls' if MODULE == 'kssl' else 'kssl'
    return os.path.isdir('/sys/module/' + MODULE) and not os.path.isdir('/sys/module/' + other)


def enough(got, want):
    if not want:
        return got == 0
    return got >= (want if MODULE == 'kssl' else 1)


@contextlib.contextmanager
def records(name, tx, rx):
    """At least so many records each way by the kernel, or exactly none, in the body."""
    before = moved()
    yield
    sent, received = (now - then for now, then in zip(moved(), before))
    tap.ok(enough(sent, tx) and enough(received, rx), name + ': records of the kernel',
           f'sent {sent}, wanted {tx}; received {received}, wanted {rx}')


def until(condition, seconds=30):
    """Whether the condition comes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


class Program:
    """A child with its output collected; killed at the end of a with block."""

    def __init__(self, *args, **kw):
        self.text = b''
        self.child = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, bufsize=0, **kw)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while part := self.child.stdout.read(1 << 16):
            self.text += part

    def say(self, line):
        with contextlib.suppress(BrokenPipeError):  # who does not hear does not answer
            self.child.stdin.write(line.encode() + b'\n')

    def heard(self, word, seconds=30):
        """Whether word comes in the output in time."""
        return until(lambda: word.encode() in self.text, seconds)

    def wait(self, seconds=60):
        self.child.wait(seconds)
        self._reader.join(seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.wait()
        self.child.stdin.close()


def listening(port, seconds=30):
    """Waits until something listens there."""
    return until(lambda: tap.listening(port), seconds)
