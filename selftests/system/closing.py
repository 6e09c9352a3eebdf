# SPDX-License-Identifier: GPL-2.0
"""A server that knows nothing of TLS, for clients that close their half early: each
connection's first line says when its answer goes.

    rest N   after the peer's end, of whatever kind
    late N   after half a second, in which nothing is read
    turn N   "turn", then after one more line; the server closes at once

usage: closing.py PORT
"""
import socket
import sys
import threading
import time


def answer(size):
    """Lines with numbers: so a piece that is missing shows."""
    return b''.join(b'%07d\n' % i for i in range(size // 8))


def to_the_end(connection):
    """How reading ends: the peer's FIN alone is an error, and ends reading alone."""
    try:
        while connection.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass


def serve(connection):
    with connection:
        try:
            line = b''
            while not line.endswith(b'\n'):
                part = connection.recv(1)
                if not part:
                    return
                line += part
            how, size = line.split()
            if how == b'rest':
                to_the_end(connection)
            elif how == b'late':
                time.sleep(0.5)
            else:
                connection.sendall(b'turn\n')
                connection.recv(100)
            connection.sendall(answer(int(size)))
        except OSError as e:
            print(f'{how.decode()}: {e}', flush=True)


def main():
    listener = socket.create_server(('127.0.0.1', int(sys.argv[1])), backlog=64)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


main()
