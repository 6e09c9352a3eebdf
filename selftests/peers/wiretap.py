# SPDX-License-Identifier: GPL-2.0
"""A TCP relay that keeps what goes by, as records; and what hellos say in clear."""
import socket
import struct
import threading


class Wiretap:
    """Listens, takes one connection on to @target.  .client and .server: bytes from
    each side."""

    def __init__(self, target, port=0):
        self.target = target
        self.listener = socket.create_server(('127.0.0.1', port))
        self.port = self.listener.getsockname()[1]
        self.client, self.server = bytearray(), bytearray()
        self.threads, self.other = [], None
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        try:
            one = self.listener.accept()[0]
        except OSError:
            return
        self.other = other = socket.create_connection(self.target)
        for a, b, log in ((one, other, self.client), (other, one, self.server)):
            t = threading.Thread(target=pump, args=(a, b, log), daemon=True)
            t.start()
            self.threads.append(t)

    def to_server(self, data):
        """What the client did not say."""
        self.other.sendall(data)

    def close(self):
        self.listener.close()


def pump(source, sink, log):
    try:
        while True:
            data = source.recv(65536)
            log += data
            if not data:
                break
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def records(raw):
    """[(content type, body)] of whole records."""
    out, at = [], 0
    while at + 5 <= len(raw):
        kind, _, size = struct.unpack_from('>BHH', raw, at)
        if at + 5 + size > len(raw):
            break
        out.append((kind, bytes(raw[at + 5:at + 5 + size])))
        at += 5 + size
    return out


def hello(raw, which):
    """The first ClientHello (1) or ServerHello (2): (session id, {extension: data})."""
    text = b''.join(body for kind, body in records(raw) if kind == 22)
    while text[0] != which:
        text = text[4 + int.from_bytes(text[1:4], 'big'):]
    body = text[4:4 + int.from_bytes(text[1:4], 'big')]
    at = 35 + body[34]
    session = body[35:at]
    if which == 1:
        at += 2 + struct.unpack_from('>H', body, at)[0]
        at += 1 + body[at]
    else:
        at += 3
    out, at = {}, at + 2
    while at < len(body):
        kind, size = struct.unpack_from('>HH', body, at)
        out[kind] = body[at + 4:at + 4 + size]
        at += 4 + size
    return session, out
