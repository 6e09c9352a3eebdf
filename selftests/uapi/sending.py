#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Sending within the limits of TCP: plain TCP in the same script is the model.  What
the send buffer holds, what a peer can make kssl send, what is sent without the
program, memory that is short, a reset amid a send."""
import errno
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../peers')
import tap  # noqa: E402
from records import ALERT, DATA, HANDSHAKE, Half, Peer  # noqa: E402

SO_MEMINFO, WMEM_QUEUED, SNDBUF = 55, 5, 3
SO_SNDBUFFORCE = 32
RECORD = 16384 + 22         # a record and what is around its content
HEADS = 4096                # what TCP charges for a few skbs
TCP_MEM = '/proc/sys/net/ipv4/tcp_mem'
SLOW = int(os.environ.get('SLOW', '1'))
TOP = os.path.dirname(os.path.abspath(__file__)) + '/../..'


def meminfo(s, what):
    return struct.unpack('=9I', s.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36))[what]


def send_all_there_is_room_for(s, size, most=1 << 26, peak=None):
    """Without waiting, until nothing is taken for a while; bytes taken."""
    taken, idle = 0, 0
    s.setblocking(False)
    while idle < 4 and taken < most:
        try:
            taken += s.send(bytes(size))
            idle = 0
        except BlockingIOError:
            idle += 1
            time.sleep(0.05)
        if peak is not None:
            peak[0] = max(peak[0], meminfo(s, WMEM_QUEUED))
    return taken


def drain_records(p, want):
    """The content of records up to @want bytes; KeyUpdates on the way are followed."""
    got = 0
    p.tcp.settimeout(20 * SLOW)
    while got < want:
        kind, text = p.got()
        if kind == HANDSHAKE:
            assert text[0] == 24, text
            p.back.update()
        else:
            assert kind == DATA, (kind, text)
            got += len(text)
    return got


# ---- what a peer makes kssl send ----

def renegotiation():
    """A peer that asks again and again, and never reads."""
    p = Peer(0xc02f)
    p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
    p.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    send_all_there_is_room_for(p.kssl, 16384)   # its receive window is shut
    before = meminfo(p.kssl, WMEM_QUEUED)
    p.kssl.settimeout(20 * SLOW)
    peak = 0
    try:
        for _ in range(100):
            p.tcp.sendall(b''.join(p.out.seal(bytes(4), HANDSHAKE) + p.out.seal(b'x')
                                   for _ in range(20)))
            assert tap.read_all(p.kssl, 20) == b'x' * 20
            peak = max(peak, meminfo(p.kssl, WMEM_QUEUED))
    except OSError as e:    # there may be a limit for the requests themselves
        assert tap.error(p.kssl)['sent'] != 255 or e.errno, tap.error(p.kssl)
    peak = max(peak, meminfo(p.kssl, WMEM_QUEUED))
    assert peak <= 32768 + 2304, (before, peak)      # SO_SNDBUF as TCP has it
    p.close()


def one_answer():
    p = Peer(0xc02f)
    p.send(bytes(4), HANDSHAKE)
    p.send(b'x')
    assert p.kssl.recv(1) == b'x'
    p.tcp.settimeout(20)
    assert p.got() == (ALERT, b'\x01\x64')
    p.kssl.sendall(b'on')
    assert p.got() == (DATA, b'on')
    p.close()


# ---- the send buffer ----

def filled(kssl, sndbuf, size):
    """(bytes taken, peak of sk_wmem_queued), of a sender whose peer does not read."""
    p = Peer(0x1301) if kssl else None
    one, two = (p.kssl, p.tcp) if p else tap.pair()
    if sndbuf:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
    two.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peak = [0]
    taken = send_all_there_is_room_for(one, size, peak=peak)
    one.close()
    two.close()
    return taken, peak[0]


def send_buffer(sndbuf, size):
    # TCP fills its last skb whatever the buffer is: the peak is luck where all is slow
    for _ in range(3):
        plain, kssl = filled(False, sndbuf, size), filled(True, sndbuf, size)
        if kssl[1] <= plain[1] + RECORD + HEADS:
            break
        print(f'# SO_SNDBUF {sndbuf}, sends of {size}: measured again: {plain}, {kssl}')
    assert kssl[1] <= plain[1] + RECORD + HEADS, (plain, kssl)
    assert kssl[0] >= min(plain[0], sndbuf) / 8, (plain, kssl)
    print(f'# SO_SNDBUF {sndbuf}, sends of {size}: plain TCP took {plain[0]}, queued {plain[1]}; '
          f'kssl {kssl[0]}, {kssl[1]}')


def never_lifted():
    """SO_SNDBUF, and so poll(), never see another value than TCP's."""
    p = Peer(0x1301)
    seen, stop = set(), threading.Event()
    p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)

    def look():
        while not stop.is_set():
            seen.add(p.kssl.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF))

    def read():
        while p.tcp.recv(1 << 20):
            pass

    threads = [threading.Thread(target=f) for f in (look, read)]
    for t in threads:
        t.start()
    data = bytes(1 << 20)
    for _ in range(10):
        p.kssl.sendall(data)
    stop.set()
    p.kssl.shutdown(socket.SHUT_RDWR)
    for t in threads:
        t.join()
    assert seen == {131072}, seen
    p.close()


def poll_and_send_agree():
    """What poll() calls writable takes content, with small buffers too."""
    for sndbuf in (1, 8192, 16384, 100000):
        p = Peer(0x1301)
        p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
        p.kssl.setblocking(False)
        end, wakes = time.time() + 2, 0
        got = []

        def read(peer=p, got=got):
            while True:
                part = peer.tcp.recv(1 << 16)
                if not part:
                    break
                got.append(len(part))

        t = threading.Thread(target=read)
        t.start()
        sent = refused = 0
        while time.time() < end and sent < 4000000:
            _, w, _ = select.select([], [p.kssl], [], 5 * SLOW)
            assert w, f'not writable, {sndbuf}'
            wakes += 1
            try:
                sent += p.kssl.send(bytes(20000))
            except BlockingIOError:
                refused += 1
        assert refused <= wakes / 4, (sndbuf, wakes, refused)
        p.kssl.close()
        t.join()
        assert sum(got) >= sent
        p.tcp.close()


# ---- without the program ----

def goes_without_program():
    """What a send took arrives though the program only reads from then on."""
    for more in (0, socket.MSG_MORE):
        p = Peer(0x1301)
        p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        p.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        p.kssl.setblocking(False)
        taken = 0
        while True:
            try:
                taken += p.kssl.send(bytes(5000), more)
            except BlockingIOError:
                break
        assert taken > 16000
        assert drain_records(p, taken) == taken
        p.close()


def ceiling():
    """MSG_MORE holds content back for 200 ms at most, whatever the program waits by."""
    p = Peer(0x1301)
    p.tcp.settimeout(20 * SLOW)
    ep = select.epoll()
    ep.register(p.kssl, select.EPOLLIN)
    for _ in range(3):
        p.kssl.send(b'early', socket.MSG_MORE)
        assert not ep.poll(0)
        begin = time.time()
        assert p.got() == (DATA, b'early')
        assert time.time() - begin < 2 * SLOW
    p.kssl.send(b'one', socket.MSG_MORE)    # the timer that runs is not that of what follows
    p.kssl.send(b' record')
    assert p.got() == (DATA, b'one record')
    time.sleep(0.1)
    begin = time.time()
    p.kssl.send(b'whole time', socket.MSG_MORE)
    assert p.got() == (DATA, b'whole time')
    took = time.time() - begin
    assert took > 0.17, took
    p.close()


def splice_sends_first():
    """splice() that waits for the peer sends pending content, as recv() does."""
    p = Peer(0x1301)
    p.tcp.settimeout(20 * SLOW)
    r, w = os.pipe()
    got = []
    p.kssl.setblocking(True)
    p.kssl.send(b'question', socket.MSG_MORE)
    t = threading.Thread(target=lambda: got.append(os.splice(p.kssl.fileno(), w, 100)))
    begin = time.time()
    t.start()
    assert p.got() == (DATA, b'question')
    assert time.time() - begin < 20 * SLOW
    p.send(b'answer')
    t.join()
    assert got == [6] and os.read(r, 100) == b'answer'
    os.close(r)
    os.close(w)
    p.close()


# ---- memory that is short ----

class NoMemory:
    """TCP is over its limit of memory: by what two sockets have queued, since each CPU
    may take a megabyte without asking."""

    def __enter__(self):
        self.pairs = [tap.pair() for _ in range(2)]
        for one, two in self.pairs:
            one.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 1 << 22)
            two.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.setblocking(False)
            try:
                while one.send(bytes(65536)):
                    pass
            except BlockingIOError:
                pass
        with open(TCP_MEM, encoding='ascii') as f:
            self.was = f.read()
        with open(TCP_MEM, 'w', encoding='ascii') as f:
            f.write('0 0 0')

    def __exit__(self, *_):
        with open(TCP_MEM, 'w', encoding='ascii') as f:
            f.write(self.was)
        for one, two in self.pairs:
            two.close()
            one.close()


def pressure(size):
    """Within 10 % of what plain TCP takes, and one send, which TCP may cut."""
    with NoMemory():
        plain, kssl = filled(False, 0, size), filled(True, 0, size)
    print(f'# no memory, sends of {size}: plain TCP took {plain[0]}, queued {plain[1]}; '
          f'kssl {kssl[0]}, {kssl[1]}')
    assert plain[0] * 0.9 - size <= kssl[0] <= plain[0] * 1.1 + size, (plain, kssl)


def blocking_without_memory(size):
    """A send() that waits for memory: what TCP has goes meanwhile, and then the rest."""
    took = []
    for kssl in False, True:
        p = Peer(0x1301) if kssl else None
        one, two = (p.kssl, p.tcp) if p else tap.pair()
        one.setblocking(True)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 131072)
        two.settimeout(10 * SLOW)
        start, got = time.monotonic(), 0
        with NoMemory():
            t = threading.Thread(target=one.send, args=(bytes(size),), daemon=True)
            t.start()
            while got < size:
                got += len(two.recv(1 << 16))
        took.append(time.monotonic() - start)
        t.join()
        one.close()
        two.close()
    print(f'# no memory, a blocking send of {size}: plain TCP {took[0]:.1f} s, kssl {took[1]:.1f} s')


def key_records(n):
    subprocess.run([TOP + '/build/ksslctl', 'policy', 'set', f'key-records={n}'], check=True)


def update_without_memory():
    """Each record has its own key: a KeyUpdate that finds no room waits."""
    key_records(1)
    try:
        for sndbuf in (0, 16384, 100000):
            p = Peer(0x1301)
            if sndbuf:
                p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
            p.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            with NoMemory():
                taken = send_all_there_is_room_for(p.kssl, 3000)
                taken += send_all_there_is_room_for(p.kssl, 16384)
            assert tap.error(p.kssl)['err'] == 0, tap.error(p.kssl)
            assert taken
            assert drain_records(p, taken) == taken
            p.kssl.settimeout(20 * SLOW)
            p.kssl.sendall(b'alive')
            assert drain_records(p, 5) == 5
            p.close()
    finally:
        key_records(0)


def set_more_ms(ms):
    with open('/sys/module/kssl/parameters/more_ms', 'w', encoding='ascii') as f:
        f.write(str(ms))


def last_content():
    """TLS 1.2: used-up keys still seal pending content; the next send() closes."""
    p = Peer(0xc02f)
    set_more_ms(60000)
    try:
        p.kssl.send(b'a')
        p.kssl.send(b'b', socket.MSG_MORE)
        key_records(1)
        assert p.kssl.send(b'c') == 1
        assert tap.errno_of(p.kssl.send, b'd', socket.MSG_NOSIGNAL) == errno.EPIPE
    finally:
        key_records(0)
        set_more_ms(200)
    assert [p.got() for _ in range(3)] == [(DATA, b'a'), (DATA, b'bc'), (ALERT, b'\1\0')]
    p.close()


def tls_without_memory():
    """A "tls" socket skips no sequence number when memory is short."""
    for size in (1000, 16384):
        one, two = tap.pair()
        back = Half(0x1301)
        one.setsockopt(tap.SOL_TCP, tap.TCP_ULP, b'tls')
        iv = back.iv
        one.setsockopt(282, 1, struct.pack('=HH', 0x304, 51) + iv[4:] + back.key + iv[:4] + bytes(8))
        two.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with NoMemory():
            taken = send_all_there_is_room_for(one, size)
        two.settimeout(20 * SLOW)
        got = 0
        while got < taken:
            kind, text = back.read(two)
            assert kind == DATA
            got += len(text)
        one.settimeout(20 * SLOW)
        one.sendall(b'alive')
        assert back.read(two) == (DATA, b'alive')
        one.close()
        two.close()


# ---- the end ----

def reset_amid_a_send():
    """What was received before a reset can be read, as on TCP."""
    for kssl in (False, True):
        p = Peer(0x1301) if kssl else None
        one, two = (p.kssl, p.tcp) if p else tap.pair()
        one.setsockopt(socket.SOL_SOCKET, 32, 64 << 20)     # SO_SNDBUFFORCE
        two.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        answer = bytes(1000)
        two.sendall(p.out.seal(answer) if p else answer)

        def reset(two=two):
            time.sleep(0.5 * SLOW)
            two.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('=ii', 1, 0))
            two.close()

        t = threading.Thread(target=reset)
        t.start()
        one.settimeout(None)
        sent, size = 0, 4 << 20
        try:
            while sent < 200 << 20:
                sent += one.send(bytes(size))
        except OSError as e:
            assert e.errno in (104, 32), e
        t.join()
        assert sent
        assert len(tap.read_all(one, 1000)) == 1000, kssl
        if kssl:
            assert tap.errno_of(one.recv, 1) == 104
            assert tap.errno_of(one.recv, 1) == 104
            assert tap.errno_of(one.send, b'x') == 32
        one.close()


def shutdown_waits_for_room():
    """shutdown() with a shut window: close_notify and FIN go when there is room."""
    p = Peer(0x1301)
    p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
    p.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    taken = send_all_there_is_room_for(p.kssl, 16384)
    try:
        taken += p.kssl.send(bytes(3000), socket.MSG_MORE)
    except BlockingIOError:
        pass
    begin = time.time()
    p.kssl.shutdown(socket.SHUT_WR)
    assert time.time() - begin < 0.5 * SLOW, 'it does not wait'
    assert tap.errno_of(p.kssl.send, b'x') == 32
    assert drain_records(p, taken) == taken
    assert p.got() == (ALERT, b'\x01\x00')
    assert p.tcp.recv(1) == b''
    p.close()


def shutdown_ends_a_send():
    """A send() that waits for a peer which does not read; another thread shuts down."""
    for kssl in (False, True):
        for how in (socket.SHUT_WR, socket.SHUT_RDWR):
            p = Peer(0x1301) if kssl else None
            one, other = (p.kssl, p.tcp) if kssl else tap.pair()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            one.setblocking(True)
            other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            errors = []

            def write():
                try:
                    while True:
                        one.send(bytes(1 << 20))
                except OSError as e:
                    errors.append(e)

            t = threading.Thread(target=write, daemon=True)
            t.start()
            time.sleep(0.5 * SLOW)
            assert t.is_alive(), errors
            one.shutdown(how)
            t.join(3 * SLOW)
            assert not t.is_alive(), (kssl, how, 'send() waits on')
            assert isinstance(errors[0], BrokenPipeError), (kssl, how, errors)
            one.close()
            other.close()


def pending_bytes():
    """A sealed record that TCP takes only a part of: its rest goes before the next.

    The record is begun while the send buffer is large and sealed when it is small, and
    a segment holds a fraction of it (sending.sh)."""
    for more in (0, socket.MSG_MORE):
        p = Peer(0x1301)
        p.kssl.setblocking(False)
        sent = bytearray()
        for _ in range(5):
            p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            data = os.urandom(15000)
            assert p.kssl.send(data, socket.MSG_MORE) == len(data)
            sent += data
            p.kssl.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
            for n in (10, 2000, 20, 3000, 30):
                data = os.urandom(n)
                try:
                    sent += data[:p.kssl.send(data, more)]
                except BlockingIOError:
                    time.sleep(0.01)
            got = bytearray()
            while len(got) < len(sent):
                kind, text = p.got()
                assert kind == DATA
                got += text
            assert got == sent
            sent.clear()
            assert tap.error(p.kssl)['err'] == 0
        p.close()


def main():
    import signal
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    if sys.argv[1:]:
        tap.case('pending bytes go first')(pending_bytes)
        tap.done()
    tap.case('requests to renegotiate cost no memory')(renegotiation)
    tap.case('a request to renegotiate is answered')(one_answer)
    for sndbuf, size in ((1, 1000), (16384, 1000), (16384, 65536), (65536, 16384)):
        tap.case(f'SO_SNDBUF {sndbuf}, sends of {size}')(lambda b=sndbuf, n=size: send_buffer(b, n))
    tap.case('SO_SNDBUF is never lifted')(never_lifted)
    tap.case('poll() and send() agree')(poll_and_send_agree)
    tap.case('what was taken goes without the program')(goes_without_program)
    tap.case('MSG_MORE has a ceiling')(ceiling)
    tap.case('splice() sends pending content first')(splice_sends_first)
    for size in (1000, 3000, 16384):
        tap.case(f'no memory, sends of {size}')(lambda n=size: pressure(n))
    for size in (40000, 200000):
        tap.case(f'no memory, a blocking send of {size}')(lambda n=size: blocking_without_memory(n))
    tap.case('a KeyUpdate without memory waits')(update_without_memory)
    tap.case('used-up keys still seal pending content')(last_content)
    tap.case('"tls" without memory skips no number')(tls_without_memory)
    tap.case('a reset amid a send')(reset_amid_a_send)
    tap.case('shutdown() waits for no room')(shutdown_waits_for_room)
    tap.case('shutdown() ends a send() that waits')(shutdown_ends_a_send)
    tap.done()


main()
