# SPDX-License-Identifier: GPL-2.0
"""Ten thousand clients that have had one answer each and say no more: what each costs
in memory, in the virtual machine: see run.

The server's own memory, and all of the kernel's: both ends' sockets are in it, as they
are for plain TCP, which is the yardstick.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import nginx  # noqa: E402

IDLE = int(os.environ.get('IDLE', '10000'))
SIZE = 1024


def measure(way, content):
    server = nginx.Server(way)

    def visit(session=None):
        sock = server.connect(session)
        assert nginx.get(sock, 'idle', SIZE) == content
        return sock

    first = visit()     # what is made once
    own, kernel = server.memory(), nginx.kernel()
    crowd = [first]
    while len(crowd) <= IDLE:
        # a ticket, which grows old, spares the signature
        crowd.append(visit(crowd[-1].session if server.context else None))
    kernel, own = nginx.kernel() - kernel, server.memory() - own
    print(f'{way} idle {(kernel + own) // IDLE} = kernel {kernel // IDLE} + '
          f'nginx {own // IDLE}', flush=True)
    for sock in crowd:
        sock.close()
    server.stop()


def main():
    content = nginx.file('idle', SIZE)
    daemon = nginx.daemon()
    for way in sys.argv[1:] or nginx.WAYS:
        measure(way, content)
    daemon.stop()


main()
