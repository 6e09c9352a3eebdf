# SPDX-License-Identifier: GPL-2.0
"""Generic netlink by hand, so that tests can say what no library would."""
import os
import socket
import struct

ERROR, DONE, CTRL = 2, 3, 16
REQUEST, ACK, DUMP = 1, 4, 0x300
(CAPS, REGISTER, LEAVE, READY, DATA, HS_DONE, FAIL, CANCEL, GET, EVENT, POLICY_GET,
 POLICY_SET, REKEY, CLOSE, KILL, POST, LINGER_FLUSH) = range(1, 18)


def attr(kind, value):
    if isinstance(value, int):
        value = struct.pack('I', value)
    if isinstance(value, str):
        value = value.encode() + b'\0'
    raw = struct.pack('HH', 4 + len(value), kind) + value
    return raw + bytes(-len(raw) % 4)


def nest(kind, *attrs):
    return attr(kind | 0x8000, b''.join(attrs))


def u8(kind, value):
    return attr(kind, struct.pack('B', value))


def u16(kind, value):
    return attr(kind, struct.pack('H', value))


def u64(kind, value):
    return attr(kind, struct.pack('Q', value))


def parse(raw):
    out = {}
    while len(raw) >= 4:
        size, kind = struct.unpack('HH', raw[:4])
        out.setdefault(kind & 0x3fff, raw[4:size])
        raw = raw[(size + 3) & ~3:]
    return out


class Refused(OSError):
    """The kernel said no; .why is its text."""

    def __init__(self, err, why):
        super().__init__(err, os.strerror(err))
        self.why = why


class Genl:
    def __init__(self):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        self.sock.bind((0, 0))
        self.sock.setsockopt(270, 11, 1)    # NETLINK_EXT_ACK
        self.sock.setsockopt(270, 10, 1)    # NETLINK_CAP_ACK
        self.sock.settimeout(10)
        self.family = CTRL
        self.queue = []
        got = self.call(3, attr(2, 'kssl'))[0]
        self.family = struct.unpack('H', got[1])[0]
        self.groups = got.get(7, b'')

    def send(self, cmd, *attrs, flags=REQUEST | ACK, family=None):
        body = struct.pack('BBH', cmd, 1, 0) + b''.join(attrs)
        self.sock.send(struct.pack('IHHII', 16 + len(body), family or self.family, flags, 1, 0) +
                       body)

    def messages(self):
        """Next batch: (type, cmd, attributes)."""
        raw = self.sock.recv(1 << 18)
        while len(raw) >= 16:
            size, kind, flags, _, _ = struct.unpack('IHHII', raw[:16])
            yield kind, flags, raw[16:size]
            raw = raw[(size + 3) & ~3:]

    def call(self, cmd, *attrs, flags=REQUEST | ACK):
        """Replies to a request; raises Refused.  Keeps what comes in between."""
        self.send(cmd, *attrs, flags=flags)
        out = []
        while True:
            for kind, mflags, body in self.messages():
                if kind == DONE:
                    return out
                if kind == ERROR:
                    err = -struct.unpack('i', body[:4])[0]
                    if err:
                        text = parse(body[20:]).get(1, b'') if mflags & 0x200 else b''
                        raise Refused(err, text.rstrip(b'\0').decode())
                    return out
                if body[0] in (READY, DATA, CANCEL, POST) and self.family != CTRL:
                    self.queue.append((body[0], parse(body[4:])))
                else:
                    out.append(parse(body[4:]))

    def wait(self):
        """Next message of a handshake: (cmd, attributes)."""
        while not self.queue:
            for kind, _, body in self.messages():
                if kind == self.family:
                    self.queue.append((body[0], parse(body[4:])))
        return self.queue.pop(0)

    def ready(self):
        """Next new handshake: its session and the attributes."""
        while True:
            cmd, got = self.wait()
            if cmd == READY:
                return struct.unpack('I', got[1])[0], got

    def close(self):
        self.sock.close()
