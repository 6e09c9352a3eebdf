# SPDX-License-Identifier: GPL-2.0
"""A crowd of clients at one nginx worker, in the virtual machine: see run.

What the server takes is its own time on the CPU, which -icount makes instructions,
so the clients cost nothing in it.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import nginx  # noqa: E402

CROWD = int(os.environ.get('CROWD', '1000'))
FILES = {'1k': 1 << 10, '16k': 16 << 10, '256k': 256 << 10}
ROUNDS = {'1k': 2, '16k': 2, '256k': 1}


def measure(way, content):
    server = nginx.Server(way)
    crowd = [server.connect() for _ in range(CROWD)]
    for sock in crowd:
        assert nginx.get(sock, '1k', FILES['1k']) == content['1k']
    for name, rounds in ROUNDS.items():
        some = crowd[:CROWD // (8 if name == '256k' else 1)]
        start = server.instructions()
        for _ in range(rounds):
            for sock in some:
                assert nginx.get(sock, name, FILES[name]) == content[name], name
        used = server.instructions() - start
        print(f'{way} {name} {used // (rounds * len(some))}', flush=True)
    for sock in crowd:
        sock.close()
    server.stop()


def main():
    content = {name: nginx.file(name, size) for name, size in FILES.items()}
    daemon = nginx.daemon()
    for way in sys.argv[1:] or nginx.WAYS:
        measure(way, content)
    daemon.stop()


main()
