# SPDX-License-Identifier: GPL-2.0
"""Calls for which Python has no name: io_uring, BPF's maps of sockets, KCM, and a
file system of the kernel that talks over a socket."""
import ctypes
import errno
import fcntl
import mmap
import os
import socket
import struct
import time

LIBC = ctypes.CDLL(None, use_errno=True)
NR_BPF, NR_SETUP, NR_ENTER, NR_PIDFD_OPEN, NR_PIDFD_GETFD = 321, 425, 426, 434, 438
SQES = 0x10000000
(WRITE, SEND, RECV, SPLICE, SENDMSG, COMMAND, SEND_ZC, SENDMSG_ZC) = 23, 26, 27, 30, 9, 46, 47, 48
SOCKMAP, SOCKHASH = 15, 18
AF_KCM, KCM_ATTACH = 41, 0x89e0


def call(nr, *args):
    got = LIBC.syscall(nr, *args)
    if got < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return got


def address(buf):
    return ctypes.addressof(buf)


class Ring:
    """io_uring, one request at a time."""

    def __init__(self):
        p = ctypes.create_string_buffer(120)
        self.fd = call(NR_SETUP, 8, p)
        sq, cq = struct.unpack_from('8I', p, 40), struct.unpack_from('8I', p, 80)
        self.ring = mmap.mmap(self.fd, max(sq[6] + 8 * 4, cq[5] + 16 * 16))
        self.sqes = mmap.mmap(self.fd, 8 * 64, offset=SQES)
        (_, self.tail, self.mask, _, _, _, self.array, _) = sq
        self.cq_head, self.cq_mask, self.cqes = cq[0], cq[2], cq[5]

    def word(self, off):
        return struct.unpack_from('I', self.ring, off)[0]

    def request(self, op, fd, off=0, addr=0, size=0, flags=0, splice=0, addr3=0):
        """What it came to: a length, or the negative errno."""
        tail = self.word(self.tail)
        at = tail & self.word(self.mask)
        struct.pack_into('BBHiQQIIQHHiQQ', self.sqes, at * 64, op, 0, 0, fd, off, addr, size,
                         flags, 1, 0, 0, splice, addr3, 0)
        struct.pack_into('I', self.ring, self.array + at * 4, at)
        struct.pack_into('I', self.ring, self.tail, tail + 1)
        call(NR_ENTER, self.fd, 1, 1, 1, 0, 0)
        return self.completion()

    def completion(self):
        """The next; one that says that more come (of a send without a copy) is the
        result, and what follows is taken away."""
        head = self.word(self.cq_head)
        _, res, flags = struct.unpack_from('QiI', self.ring,
                                           self.cqes + 16 * (head & self.word(self.cq_mask)))
        struct.pack_into('I', self.ring, self.cq_head, head + 1)
        if flags & 2:
            call(NR_ENTER, self.fd, 0, 1, 1, 0, 0)
            self.completion()
        return res


def message(data):
    """struct msghdr of one buffer, and what must live as long."""
    buf = ctypes.create_string_buffer(data, len(data))
    vec = ctypes.create_string_buffer(struct.pack('QQ', address(buf), len(data)))
    head = ctypes.create_string_buffer(struct.pack('QIxxxxQQQQi', 0, 0, address(vec), 1, 0, 0, 0))
    return head, (buf, vec)


def bpf(cmd, raw):
    buf = ctypes.create_string_buffer(raw, 128)
    return call(NR_BPF, cmd, buf, 128)


def bpf_map(kind):
    return bpf(0, struct.pack('IIII', kind, 4, 4, 4))


def bpf_put(fd, sock):
    key, value = (ctypes.create_string_buffer(struct.pack('I', n)) for n in (0, sock.fileno()))
    bpf(2, struct.pack('IxxxxQQQ', fd, address(key), address(value), 0))


def bpf_parser():
    """A program for KCM: a message is what is there."""
    insns = ctypes.create_string_buffer(struct.pack('<BBhiBBhi', 0xb7, 0, 0, 1, 0x95, 0, 0, 0))
    text = ctypes.create_string_buffer(b'GPL')
    return bpf(5, struct.pack('IIQQ', 1, 2, address(insns), address(text)))


def kcm(sock, data):
    """The socket as transport of a kernel connection multiplexor; a message to it."""
    mux, prog = socket.socket(AF_KCM, socket.SOCK_DGRAM, 0), bpf_parser()
    try:
        fcntl.ioctl(mux, KCM_ATTACH, struct.pack('ii', sock.fileno(), prog))
        mux.setblocking(False)
        return mux.send(data)
    finally:
        os.close(prog)
        mux.close()


def pidfd_copy(sock):
    """Our socket once more, as another process would get it."""
    pidfd = call(NR_PIDFD_OPEN, os.getpid(), 0)
    try:
        return socket.socket(fileno=call(NR_PIDFD_GETFD, pidfd, sock.fileno(), 0))
    finally:
        os.close(pidfd)


def mount_9p(sock, folder):
    """A file system that sends its first message, from the kernel, by itself.  The
    process ends when the connection does."""
    pid = os.fork()
    if not pid:
        fd = sock.fileno()
        LIBC.mount(b'none', folder.encode(), b'9p', 0,
                   f'trans=fd,rfdno={fd},wfdno={fd},version=9p2000.L'.encode())
        os._exit(ctypes.get_errno() or 1)
    return pid


def wait_for(good, seconds=20):
    end = time.time() + seconds
    while not good():
        assert time.time() < end, 'time is up'
        time.sleep(0.02)
