#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""usage: reload.py KSSL.KO: load, traffic, unload, 50 times; nothing may grow."""
import contextlib
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
from records import Peer  # noqa: E402

CACHES = ('TCP', 'TCPv6', 'kmalloc-512', 'kmalloc-1k', 'kmalloc-2k', 'kmalloc-32',
          'kmalloc-cg-512', 'kmalloc-cg-1k', 'kmalloc-cg-2k', 'kmalloc-cg-32')


def unload():
    end = time.time() + 5
    while subprocess.run(['rmmod', 'kssl'], stderr=subprocess.DEVNULL, check=False).returncode:
        assert time.time() < end, 'does not unload'
        time.sleep(0.05)


def once():
    subprocess.run(['insmod', sys.argv[1]], check=True)
    for suite in (0x1301, 0xcca8):
        p = Peer(suite)
        p.kssl.sendall(bytes(50000))
        p.send(b'x' * 100)
        assert p.kssl.recv(100) == b'x' * 100
        p.got()
        p.close()
    unload()


def memory():
    """KiB in the caches we use, and of per-CPU memory."""
    with open('/proc/sys/vm/drop_caches', 'w', encoding='ascii') as f:
        f.write('3')
    for name in CACHES:     # KASAN, too, lets go of what is freed
        with contextlib.suppress(FileNotFoundError), \
                open(f'/sys/kernel/slab/{name}/shrink', 'w', encoding='ascii') as f:
            f.write('1')
    time.sleep(0.5)
    slab = percpu = 0
    with open('/proc/slabinfo', encoding='ascii') as f:
        for line in f:
            w = line.split()
            if w[0] in CACHES:
                slab += int(w[1]) * int(w[3]) // 1024
    with open('/proc/meminfo', encoding='ascii') as f:
        for line in f:
            if line.startswith('Percpu'):
                percpu = int(line.split()[1])
    return slab, percpu


for _ in range(5):
    once()
before = memory()
for _ in range(45):
    once()
after = memory()
print(f'slab {before[0]} -> {after[0]} KiB, per-CPU {before[1]} -> {after[1]} KiB')
sys.exit(after[0] - before[0] > 256 or after[1] - before[1] > 32)
