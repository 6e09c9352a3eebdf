#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""How many instructions does it take to open a MAC-then-encrypt record?

usage: constant.py check|leaky|full

Runs in a virtual machine under -icount, where the time stamp counter counts
instructions, on a machine with one CPU.  The function_graph tracer gives what
cbc_open() took; the counter around recv() what the whole call took.  A sample
with an interrupt inside is measured again.

check: few lengths and paddings, TAP.  leaky: the module is one that must not pass,
TAP.  full: every padding, and t-tests over 10^4 random cases.
"""
import os
import random
import re
import statistics
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402

TRACE = '/sys/kernel/tracing/'
MACS = {'SHA-1': (0x002f, 20), 'SHA-256': (0x003c, 32), 'SHA-384': (0xc028, 48)}
BAD = ('padding', 'length', 'mac')
KINDS = ('good',) + BAD

# Instructions by which records of one length may differ.  What is good does not set an
# alert; the rest is the tracer's.
BOUND = 32


def put(name, text):
    with open(TRACE + name, 'w', encoding='ascii') as f:
        f.write(text)


def trace_init():
    put('tracing_on', '0')
    put('current_tracer', 'nop')
    put('set_ftrace_filter', 'cbc_open')
    put('trace_clock', 'x86-tsc')
    put('buffer_size_kb', '8192')
    put('current_tracer', 'function_graph')
    put('events/irq_vectors/local_timer_entry/enable', '1')


def traced():
    """Instructions of each call of cbc_open(); None: interrupted."""
    out = []
    with open(TRACE + 'trace', encoding='ascii') as f:
        for line in f:
            if 'cbc_open' in line and not line.lstrip().startswith('/*'):
                m = re.search(r'([0-9.]+) us .*cbc_open.*\(\);', line)
                out.append(round(float(m.group(1)) * 1000) if m else None)
    return out


def once(cases):
    """(cbc_open(), recv()) for each case, in instructions."""
    put('trace', '')
    put('tracing_on', '1')
    lines = ''.join('%x %d %d %s\n' % c for c in cases)
    ran = subprocess.run([TOP + '/build/peers/ct'], input=lines, capture_output=True, text=True,
                         check=True)
    put('tracing_on', '0')
    inside, whole = traced(), [int(n) for n in ran.stdout.split()]
    assert len(inside) == len(whole) == len(cases), (len(inside), len(whole), len(cases))
    return list(zip(inside, whole))


def measure(cases):
    """Like once(), and none interrupted."""
    result = [None] * len(cases)
    todo = list(range(len(cases)))
    while todo:
        part, todo = todo[:1000], todo[1000:]
        for i, sample in zip(part, once([cases[i] for i in part])):
            if sample[0] is None:
                todo.append(i)
            else:
                result[i] = sample
    return result


def paddings(mac, length, wanted):
    return [p for p in wanted if p <= 256 and p + mac <= length]


def table(suite, length, wanted, again=5):
    """{(padding, kind): instructions}, the median of a few: now and then the tracer's buffer
    turns a page.  In random order, so that this is nobody's in particular."""
    got = {(p, k): [] for p in wanted for k in KINDS}
    for _ in range(again):
        cases = [(suite, length, p, k) for p, k in got]
        random.shuffle(cases)
        for c, sample in zip(cases, measure(cases)):
            got[c[2], c[3]].append(sample[0])
    return {cell: statistics.median_low(n) for cell, n in got.items()}


def spread(values):
    values = list(values)
    return max(values) - min(values)


def spreads(cells):
    """Over all; over the padding when the MAC is bad; over the kinds of bad at one padding."""
    pads = {p for p, _ in cells}
    return (spread(cells.values()), spread(n for (_, k), n in cells.items() if k == 'mac'),
            max(spread(cells[p, k] for k in BAD) for p in pads))


def short_runs():
    for name, (suite, mac) in MACS.items():
        for length in (64, 320, 1024):
            yield name, length, table(suite, length,
                                      paddings(mac, length, (1, 2, 16, 17, 100, 240, 255, 256)))


def check():
    for name, length, cells in short_runs():
        total, _, _ = spreads(cells)
        tap.ok(total <= BOUND, f'{name}, {length} bytes: {min(cells.values()):d} instructions, '
               f'spread {total}', cells)
    tap.done()


def leaky():
    worst = [0, 0, 0]
    for name, length, cells in short_runs():
        worst = [max(w, s) for w, s in zip(worst, spreads(cells))]
        print(f'# a leaky module, {name}, {length} bytes: spread %.0f, over paddings %.0f, over '
              'what is bad %.0f' % spreads(cells))
    tap.ok(worst[1] > 4 * BOUND, 'the measurement finds a time that tells the padding', worst)
    tap.ok(worst[2] > 4 * BOUND, 'and one that tells bad padding from a bad MAC', worst)
    tap.done()


# ---- the whole ----

def welch(a, b):
    """Welch's t; 0 if nothing varies and all are the same."""
    diff = statistics.mean(a) - statistics.mean(b)
    var = statistics.variance(a) / len(a) + statistics.variance(b) / len(b)
    if not var:
        return 0.0 if not diff else float('inf')
    return diff / var ** 0.5


def t_test(what, samples, first):
    """Two classes of samples: the function, and the whole call; without the slowest
    twentieth, in which there are interrupts and the tracer's buffer."""
    for name, at in (('cbc_open()', 0), ('recv()', 1)):
        limit = sorted(s[at] for _, s in samples)[len(samples) * 19 // 20]
        kept = [(c, s[at]) for c, s in samples if s[at] <= limit]
        a = [n for c, n in kept if first(c)]
        b = [n for c, n in kept if not first(c)]
        t = welch(a, b)
        print(f'{what:42} {name:11} {len(a):5} {statistics.mean(a):10.2f} {len(b):5} '
              f'{statistics.mean(b):10.2f} {t:7.2f}  {"" if abs(t) < 4.5 else "DIFFERENT"}')


def every_padding(name, length):
    suite, mac = MACS[name]
    cells = table(suite, length, paddings(mac, length, range(1, 257)))
    print(f'{name}, {length} bytes encrypted: instructions of cbc_open()')
    print('padding', *(f'{k:>8}' for k in KINDS))
    for pad in sorted({p for p, _ in cells}):
        print(f'{pad:7}', *(f'{cells[pad, k]:8d}' for k in KINDS))


def summary():
    print('\nevery padding from 1 to 256 that fits, good and bad in three ways')
    print('hash    length   least    most  spread')
    for name, (suite, mac) in MACS.items():
        for length in (48, 64, 128, 320, 512, 1024, 4096, 16384):
            if length < mac + 1:
                continue
            wanted = range(1, 257) if length == 512 else range(1, 257, 7)
            cells = table(suite, length, paddings(mac, length, wanted))
            print(f'{name:7} {length:6} {min(cells.values()):7d} {max(cells.values()):7d} '
                  f'{spread(cells.values()):7d}', flush=True)


def t_tests():
    print("\nWelch's t over random cases of 512 bytes, SHA-1; more than 4.5 would be a difference")
    print(f'{"":42} {"":11} {"first":>16} {"second":>16}       t')
    cases = [(MACS['SHA-1'][0], 512, random.randint(1, 256), random.choice(BAD))
             for _ in range(10000)]
    samples = list(zip(cases, measure(cases)))
    t_test('bad padding | bad MAC', samples, lambda c: c[3] != 'mac')
    of_mac = [s for s in samples if s[0][3] == 'mac']
    t_test('bad MAC: padding up to 128 | more', of_mac, lambda c: c[2] <= 128)
    of_pad = [s for s in samples if s[0][3] != 'mac']
    t_test('bad padding: padding up to 128 | more', of_pad, lambda c: c[2] <= 128)
    t_test('padding up to 16 | more', samples, lambda c: c[2] <= 16)


def full():
    every_padding('SHA-1', 320)
    summary()
    t_tests()


trace_init()
{'check': check, 'leaky': leaky, 'full': full}[sys.argv[1]]()
