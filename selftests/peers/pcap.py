# SPDX-License-Identifier: GPL-2.0
"""What tcpdump wrote on the loopback device: TCP segments, and the streams in them."""
import struct
from typing import NamedTuple


class Segment(NamedTuple):
    """@time in seconds; @ack is 0 without the flag."""
    time: float
    flow: tuple     # (source port, destination port)
    seq: int
    ack: int
    syn: bool
    text: bytes


def tcp_of(frame):
    """The TCP header and what follows, of an Ethernet frame; None if it is none."""
    kind = struct.unpack_from('>H', frame, 12)[0]
    if kind == 0x800 and frame[23] == 6:
        at = 14 + (frame[14] & 15) * 4
        return frame[at:14 + struct.unpack_from('>H', frame, 16)[0]]
    if kind == 0x86dd and frame[20] == 6:
        return frame[54:54 + struct.unpack_from('>H', frame, 18)[0]]
    return None


def segments(path):
    with open(path, 'rb') as f:
        raw = f.read()
    assert struct.unpack_from('IxxxxxxxxxxxxxxxxI', raw) == (0xa1b2c3d4, 1), 'not a pcap of Ethernet'
    at = 24
    while at + 16 <= len(raw):
        sec, usec, size, full = struct.unpack_from('IIII', raw, at)
        assert size == full, 'a packet was cut'
        tcp = tcp_of(raw[at + 16:at + 16 + size])
        at += 16 + size
        if tcp:
            src, dst, seq, ack, off, flags = struct.unpack_from('>HHIIBB', tcp)
            yield Segment(sec + usec / 1e6, (src, dst), seq, ack if flags & 16 else 0,
                          bool(flags & 2), tcp[(off >> 4) * 4:])


class Stream:
    """The bytes of one direction, in whatever order they came.  @odd: places that were
    sent again and differed."""

    def __init__(self):
        self.start = None
        self.bytes, self.have = bytearray(), bytearray()
        self.odd = []

    def place(self, seq):
        return (seq - self.start) & 0xffffffff

    def add(self, s):
        if self.start is None:
            self.start = (s.seq + s.syn) & 0xffffffff
        at = self.place((s.seq + s.syn) & 0xffffffff)
        if not s.text or at >= 1 << 31:     # nothing, or a keepalive probe
            return
        end = at + len(s.text)
        more = bytes(max(0, end - len(self.bytes)))
        self.bytes += more
        self.have += more
        if any(self.have[at:end]):
            self.odd += [i for i in range(at, end)
                         if self.have[i] and self.bytes[i] != s.text[i - at]]
        self.bytes[at:end] = s.text
        self.have[at:end] = b'\1' * len(s.text)

    def whole(self):
        return all(self.have) and not self.odd


def streams(segs):
    """{(source port, destination port): Stream}; ports are not used twice."""
    out = {}
    for s in segs:
        out.setdefault(s.flow, Stream()).add(s)
    return out
