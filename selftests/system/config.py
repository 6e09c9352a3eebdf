#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""kssld reads its files again while OpenSSL's clients come and go: by SIGHUP, by
ksslctl, and because a link was turned; a bad file changes nothing."""
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402
from kssld import Daemon  # noqa: E402

PKI = TOP + '/build/pki/'
TMP = sys.argv[1]
CONF, LIVE = TMP + '/kssld.conf', TMP + '/live'


def write_conf(*lines, cert='live', watch=0, user='root'):
    """The identity's files are the links in LIVE."""
    with open(CONF + '.new', 'w', encoding='ascii') as f:
        f.write('\n'.join((
            '[global]', 'workers = 2', f'watch = {watch}', f'user = {user}', '[trust]', 'system = no',
            f'file = {PKI}ca.pem', '[identity www]', f'cert = {TMP}/{cert}/cert.pem',
            f'key = {TMP}/{cert}/key.pem', *lines, '')))
    os.rename(CONF + '.new', CONF)


def point_to(name):
    """As ACME clients do it: live/cert.pem is a link, and is replaced."""
    os.makedirs(LIVE, exist_ok=True)
    for link, file in (('cert.pem', name + '.pem'), ('key.pem', name + '.key')):
        os.symlink(PKI + file, f'{LIVE}/{link}.new')
        os.rename(f'{LIVE}/{link}.new', f'{LIVE}/{link}')


def ctl(*args):
    p = subprocess.run([TOP + '/build/ksslctl', *args], capture_output=True, text=True, check=False)
    return p.returncode, p.stdout + p.stderr


def serve(listener):
    def one(conn):
        try:
            for data in iter(lambda: conn.recv(4096), b''):
                conn.sendall(data)
        except OSError:
            pass    # the client finds out
        conn.close()
    while True:
        threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()


def connect():
    ctx = ssl.create_default_context(cafile=PKI + 'ca.pem')
    s = ctx.wrap_socket(socket.create_connection(ADDRESS, timeout=30), server_hostname='localhost')
    s.sendall(b'hello')
    assert tap.read_all(s, 5) == b'hello'
    return s


def name_of(s):
    return dict(x[0] for x in s.getpeercert()['subject'])['commonName']


def visit():
    with connect() as s:
        return name_of(s)


class Load:
    """Clients that come and go; .seen are the certificates, .bad what went wrong."""

    def __init__(self, n):
        self.seen, self.bad, self.end = [], [], False
        self.threads = [threading.Thread(target=self.run) for _ in range(n)]
        for t in self.threads:
            t.start()

    def run(self):
        while not self.end:
            try:
                self.seen.append(visit())
            except Exception as e:  # pylint: disable=broad-except
                self.bad.append(repr(e))

    def stop(self):
        self.end = True
        for t in self.threads:
            t.join()


def under_load():
    """Every other reload is of another certificate."""
    old = connect()
    load, n = Load(3), 6
    for i in range(n):
        point_to(('ec', 'rsa')[i % 2])
        daemon.reload()
        before = len(load.seen)
        while len(load.seen) < before + 4 and not load.bad:
            time.sleep(0.02)
    load.stop()
    assert not load.bad, load.bad
    assert {'ec', 'rsa'} == set(load.seen) and len(load.seen) >= 4 * n, load.seen
    assert visit() == 'rsa'
    old.sendall(b'still')
    assert tap.read_all(old, 5) == b'still' and name_of(old) == 'rsa'
    print(f'# {len(load.seen)} connections, {n} reloads')


def by_ksslctl():
    point_to('ec')
    assert ctl('reload') == (0, '')
    assert visit() == 'ec'
    rc, out = ctl('--json', 'reload')
    assert rc == 0 and json.loads(out)['reloaded'] is True
    assert ctl('reload', 'now')[0] == 2
    rc, out = ctl('--socket', TMP + '/none', 'reload')
    assert rc == 1 and 'none: No such file' in out, out


def bad_files():
    """Refused with the reason; and the old certificate stays."""
    write_conf('names = x', 'nmaes = y')
    rc, out = ctl('reload')
    assert rc == 1 and 'kssld.conf:12: unknown key nmaes' in out, out
    rc, out = ctl('--json', 'reload')
    assert rc == 1 and 'kssld.conf:12' in json.loads(out)['error'], out
    assert visit() == 'ec'
    write_conf(cert='gone')
    rc, out = ctl('reload')
    assert rc == 1 and 'kssld.conf:9: ' + TMP + '/gone/cert.pem: No such file' in out, out
    os.unlink(CONF)
    rc, out = ctl('reload')
    assert rc == 1 and 'No such file' in out, out
    assert visit() == 'ec'
    write_conf()
    os.unlink(LIVE + '/key.pem')
    os.symlink(PKI + 'rsa.key', LIVE + '/key.pem')
    rc, out = ctl('reload')
    assert rc == 1 and 'kssld.conf:10: ' + TMP + '/live/key.pem: the key of another' in out, out
    assert visit() == 'ec' and 'not reloaded, everything is as before' in daemon.said()
    point_to('rsa')
    assert ctl('reload') == (0, '') and visit() == 'rsa'


def watched():
    """A link is turned; then a bad file, which is mended later."""
    write_conf(watch=1)
    assert ctl('reload') == (0, '')
    point_to('ec')
    end = time.time() + 20
    while visit() != 'ec':
        assert time.time() < end
        time.sleep(0.2)
    bad = daemon.said().count('not reloaded')
    os.makedirs(TMP + '/next')
    write_conf(cert='next', watch=1)
    daemon.wait('not reloaded', bad + 1)
    for link, file in (('cert.pem', 'rsa.pem'), ('key.pem', 'rsa.key')):
        os.symlink(PKI + file, f'{TMP}/next/{link}')
    end = time.time() + 20
    while visit() != 'rsa':
        assert time.time() < end
        time.sleep(0.2)
    assert daemon.said().count('not reloaded') == bad + 1, 'said once'


def unprivileged():
    """Nobody else may ask."""
    pid = os.fork()
    if not pid:
        os.setresuid(65534, 65534, 65534)
        s = socket.socket(socket.AF_UNIX)
        os._exit(tap.errno_of(s.connect, '/run/kssl/kssld.sock'))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 13


def privileges(uid):
    """Of each thread: CAP_NET_ADMIN alone, and it is there."""
    tasks = os.listdir(f'/proc/{daemon.pid}/task')
    assert len(tasks) == 3, tasks
    for task in tasks:
        with open(f'/proc/{daemon.pid}/task/{task}/status', encoding='ascii') as f:
            status = f.read()
        assert f'\nUid:\t{uid}\t{uid}\t{uid}' in status, status
        for kind in ('Prm', 'Eff'):
            assert f'\nCap{kind}:\t0000000000001000\n' in status, status


def as_user():
    """Another user cannot read the files again: he says so, and goes on."""
    privileges(65534)
    assert visit() == 'rsa'
    rc, out = ctl('reload')
    assert rc == 1 and 'Permission denied' in out, out
    assert visit() == 'rsa'


point_to('rsa')
write_conf()
daemon = Daemon(CONF, TMP + '/log')
listener = socket.create_server(('127.0.0.1', 0), backlog=64)
tap.attach(listener)
ADDRESS = listener.getsockname()
threading.Thread(target=serve, args=(listener,), daemon=True).start()
tap.case('privileges of all threads')(lambda: privileges(0))
tap.case('SIGHUP under load: no connection fails, sessions go on')(under_load)
tap.case('ksslctl reload')(by_ksslctl)
tap.case('a bad file: the reason is told, nothing changes')(bad_files)
tap.case('a changed file is noticed')(watched)
tap.case('ksslctl reload of another user')(unprivileged)
daemon.stop()
tap.ok(not os.path.exists('/run/kssl/kssld.sock'), 'and it ends well')
write_conf(user='nobody')
point_to('rsa')
daemon = Daemon(CONF, TMP + '/log')
tap.case('as another user')(as_user)
tap.case('and it ends well, too')(daemon.stop)
tap.done()
