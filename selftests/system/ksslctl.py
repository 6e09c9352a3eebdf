#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""ksslctl: every verb as text and as JSON, with what it must say of sessions made here;
statistics against the counters, Prometheus' own parsers and its node exporter."""
import json
import os
import pty
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

from prometheus_client import openmetrics, parser
import prometheus_client.openmetrics.parser  # noqa: F401

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/selftests/peers')
import tap  # noqa: E402
from kssld import Daemon  # noqa: E402

PKI = TOP + '/build/pki/'
TMP = sys.argv[1]
CTL = TMP + '/bin/ksslctl'


def run(*args, uid=0):
    p = subprocess.run([CTL, *args], capture_output=True, text=True, check=False, user=uid)
    return p.returncode, p.stdout, p.stderr


def good(*args):
    rc, out, err = run(*args)
    assert (rc, err) == (0, ''), (args, rc, out, err)
    return out


def js(*args):
    return json.loads(good('--json', *args))


def refused(*args, error, why=''):
    """Status 1, the message on stderr, and the same as JSON."""
    rc, out, err = run(*args)
    assert rc == 1 and not out and error in err and why in err, (args, rc, out, err)
    rc, out, err = run('--json', *args)
    said = json.loads(out)
    assert rc == 1 and error in err, (args, rc, out, err)
    assert said['ok'] is False and error in said['error'] and why in said['why'], said


def serve(listener, ctx=None):
    def one(conn):
        try:
            if ctx:
                conn = ctx.wrap_socket(conn, server_side=True)
            for data in iter(lambda: conn.recv(4096), b''):
                conn.sendall(data)
        except OSError:
            pass    # the client finds out
        conn.close()
    while True:
        threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()


def served(ours):
    """Address of an echo server: kssl's, or OpenSSL's."""
    listener = socket.create_server(('127.0.0.1', 0))
    ctx = None
    if ours:
        tap.attach(listener)
    else:
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.load_cert_chain(PKI + 'rsa.pem', PKI + 'rsa.key')
    threading.Thread(target=serve, args=(listener, ctx), daemon=True).start()
    return listener.getsockname()


def echo(s, data=b'hello'):
    s.sendall(data)
    assert tap.read_all(s, len(data)) == data
    return s


def openssl(session=None):
    ctx = CONTEXT
    s = ctx.wrap_socket(socket.create_connection(SERVER, timeout=30), server_hostname='localhost',
                        session=session)
    return echo(s)


def kssl():
    s = socket.socket()
    s.settimeout(30)
    tap.attach(s)
    s.setsockopt(tap.SOL_KSSL, tap.PEER_NAME, b'localhost')
    s.connect(PEER)
    return echo(s)


def ours(role):
    return [s for s in js('list') if s['role'] == role and s['state'] == 'open']


def listing():
    """status and list: the same sessions in both forms."""
    text, all_ = good('list'), js('list')
    head, *rows = text.splitlines()
    assert head.split()[:4] == ['ID', 'ROLE', 'STATE', 'TLS'], head
    assert [int(r.split()[0]) for r in rows] == [s['id'] for s in all_], text
    assert sorted(s['state'] for s in all_) == ['listening', 'open', 'open'], all_
    server, = ours('server')
    row, = [r for r in rows if r.split()[0] == str(server['id'])]
    assert row.split()[1:6] == ['server', 'open', '1.3', server['suite'], server['remote']], row
    assert server['remote'] == '127.0.0.1:%d' % CLIENT.getsockname()[1]
    assert server['rx_bytes'] == server['tx_bytes'] == 5, server

    text, status = good(), js()
    assert 'sessions: 1 listening, 2 open\n' in text and '\n' + head + '\n' in text, text
    assert 'kssl 0.1, 2 workers\n' in text and '\x1b' not in text, text
    assert [s['id'] for s in status['sessions']] == [s['id'] for s in all_]
    done = tap.counters()['HsDone']
    assert f'handshakes: {done} done' in text and status['handshakes']['done'] == done, text
    assert (status['release'], status['workers']) == ('0.1', 2)
    assert good('status').splitlines()[:3] == text.splitlines()[:3]


def one():
    server, = ours('server')
    text = good('show', str(server['id']))
    assert text.startswith(f"session {server['id']}: server, open\n"), text
    for line in ('version +1.3', 'identity +rsa', 'sni +localhost', 'bytes sent +5', 'resumed +no',
                 'uid +0', f'pid +{os.getpid()}'):
        assert re.search(f'^  {line}$', text, re.M), (line, text)
    said = js('show', str(server['id']))
    assert said['peer_name'] == 'localhost' and said['version'] == '1.3', said
    client, = ours('client')
    said = js('show', str(client['id']))
    assert said['peer_verified'] is True and 'CN=rsa' in said['peer_subject'], said
    refused('show', '999999', error='No such file', why='no such session')
    assert run('show')[0] == run('show', 'x')[0] == run('show', '0')[0] == 2


def numbers():
    """Each in its place, in all forms: they differ."""
    for _ in range(4):
        OWN.sendall(b'x' * 100)
    OWN.setsockopt(tap.SOL_KSSL, tap.KEY_UPDATE, (0).to_bytes(4, 'little'))
    info, (client,) = tap.info(OWN), ours('client')
    names = ['tx_bytes', 'rx_bytes', 'tx_records', 'rx_records']
    want = [info[n.replace('_', '')] for n in names]
    assert len(set(want)) == 4 and (info['txgen'], info['rxgen']) == (1, 0), info
    assert [client[n] for n in names] == want, (client, want)
    assert (client['tx_generation'], client['rx_generation']) == (1, 0), client
    row, = [r for r in good('list').splitlines() if r.split()[0] == str(client['id'])]
    assert row.split()[-4:] == [str(n) for n in want], (row, want)
    text = good('show', str(client['id']))
    for name, n in zip(('bytes sent', 'bytes received', 'records sent', 'records recvd', 'keys sent',
                        'keys received'), want + [1, 0]):
        assert re.search(f'^  {name} +{n}$', text, re.M), (name, n, text)
    tap.read_all(OWN, 400)


def handshakes():
    """Two that fail, one out of time: as they are counted."""
    for _ in range(2):
        try:
            ssl.create_default_context().wrap_socket(socket.create_connection(SERVER, timeout=30),
                                                     server_hostname='localhost').close()
            raise AssertionError('verified')
        except ssl.SSLError:
            pass
    good('policy', 'set', 'timeout-ms=300')
    with socket.create_connection(SERVER, timeout=30) as silent:
        assert silent.recv(1) == b''
    good('policy', 'set', 'timeout-ms=20000')
    tap.until(lambda: tap.counters()['HsFailed'] == 2, tap.counters)
    n = tap.counters()
    assert n['HsTimeout'] == 1, n
    assert f"handshakes: {n['HsDone']} done, 2 failed, 1 out of time\n" in good(), good()
    assert js()['handshakes'] == {'done': n['HsDone'], 'resumed': 0, 'failed': 2, 'timeout': 1,
                                  'no_worker': 0, 'queue_full': 0}, js()


def caps():
    text, said = good('caps'), js('caps')
    assert text.startswith('module 0.1, abi %d, 2 workers\n' % said['abi']), text
    assert len(text.splitlines()) == 1 + len(said['suites']) > 5
    gcm, = [s for s in said['suites'] if s['id'] == 0x1301]
    assert gcm['name'] == 'TLS_AES_128_GCM_SHA256' and gcm['version'] == '1.3'
    assert re.search('^  TLS 1.3 0x1301 .* ' + re.escape(gcm['driver']) + '$', text, re.M), text


def policy():
    was = js('policy')
    assert was['grace_ms'] == 5000 and was['mac_only'] == 0, was
    assert good('policy', 'set', 'grace-ms=1234', 'rekey-seconds=7') == ''
    assert js('policy', 'set', 'timeout-ms=9999') == {'ok': True}
    now = dict(was, grace_ms=1234, rekey_seconds=7, timeout_ms=9999)
    assert js('policy') == now
    assert good('policy').split()[:2] == ['grace-ms=1234', 'timeout-ms=9999']
    assert run('policy', 'set', 'grace-ms=x')[0] == run('policy', 'set')[0] == 2
    rc, out, err = run('--json', 'policy', 'set', 'grace-ms=1', uid=65534)
    assert rc == 1 and json.loads(out)['ok'] is False and 'not permitted' in err, (rc, out, err)
    assert js('policy') == now
    good('policy', 'set', *(f'{k.replace("_", "-")}={v}' for k, v in was.items()))


def on_sessions():
    """rekey, close, kill.  Return: whom."""
    server, = ours('server')
    n = str(server['id'])
    assert good('rekey', n) == '' and js('rekey', n, 'request') == {'ok': True}
    assert js('show', n)['tx_generation'] == 2
    client, = ours('client')
    refused('rekey', '999999', error='No such file')
    assert js('close', n) == {'ok': True}
    assert CLIENT.recv(1) == b''
    CLIENT.close()
    tap.until(lambda: run('show', n)[0] == 1, lambda: good('list'))
    refused('close', n, error='No such file')
    assert good('kill', str(client['id'])) == ''
    assert tap.errno_of(OWN.recv, 1) == 103
    said, why = js('show', str(client['id'])), tap.error(OWN)
    assert (said['state'], said['errno'], said['error']) == ('failed', 103, why['text']), (said, why)
    assert said['alert_sent'] == 80 and 'alert_received' not in said, said
    text = good('show', str(client['id']))
    for line in ('error +' + re.escape(why['text']), 'errno +103', 'alert sent +80'):
        assert re.search(f'^  {line}$', text, re.M), (line, text)
    refused('kill', str(client['id']), error='Broken pipe', why='failed already')
    for verb in ('rekey', 'close', 'kill'):
        assert run(verb)[0] == run(verb, 'x')[0] == 2
        rc, _, err = run(verb, n, uid=65534)
        assert rc == 1 and 'not permitted' in err, err
    return server['id']


def acts():
    """The same, with monitor beside them in both forms."""
    watch = [subprocess.Popen([CTL, *a, 'monitor'], stdout=subprocess.PIPE, text=True)
             for a in ((), ('--json',))]
    try:
        time.sleep(1)
        n = on_sessions()
        time.sleep(1)
    finally:
        for p in watch:
            p.terminate()
    text, lines = (p.communicate()[0] for p in watch)
    events = [json.loads(line) for line in lines.splitlines()]
    # a "rekeyed" each for our two KeyUpdates and the peer's answer
    assert [e['event'] for e in events if e['id'] == n].count('rekeyed') >= 2, lines
    assert {'closed', 'failed'} & {e['event'] for e in events}, lines
    for e in events:
        assert f"{e['event']} session {e['id']} {e['role']}" in text, (e, text)
    rc, _, err = run('monitor', uid=65534)
    assert rc == 1 and 'not permitted' in err, err
    assert run('monitor', 'x')[0] == 2


def certificates():
    text, said = good('identities'), js('identities')
    assert text.split()[:3] == ['IDENTITY', 'DEFAULT', 'KEY'], text
    assert [(i['identity'], i['key'], i['default']) for i in said] == [
        ('rsa', 'RSA 2048', True), ('ec', 'EC 256', False)], said
    for i in said:
        assert i['expires'] in text and i['file'] in text
    refused('--socket', TMP + '/none', 'identities', error='none: No such file')
    rc, out, err = run('--json', 'identities', uid=65534)
    assert rc == 1 and json.loads(out)['ok'] is False and 'Permission denied' in err, err


def reload():
    assert good('reload') == '' and js('reload') == {'reloaded': True, 'error': ''}


def latency_is(said):
    """What it must be: what was done here, by role and kind."""
    return {(s['role'], s['kind']): s['count'] for s in said['latency']}


def statistics():
    before = latency_is(js('stats'))
    first = openssl()
    second = openssl(first.session)
    assert second.session_reused
    kssl().close()
    said, counters = js('stats'), tap.counters()
    want = {('server', 'full'): 1, ('server', 'resumed'): 1}
    after = latency_is(said)
    for k, n in want.items():
        assert after[k] == before[k] + n, (k, before, after)
    clients = {k: after[k] - before[k] for k in after if k[0] == 'client'}
    assert sum(clients.values()) == 1, clients
    assert sum(after.values()) == counters['HsDone'] == said['HsDone']
    assert after['server', 'resumed'] + after['client', 'resumed'] == counters['HsResumed']
    assert {k: v for k, v in said.items() if k != 'latency'}.keys() == counters.keys()
    for s in said['latency']:
        assert sum(b['count'] for b in s['buckets']) == s['count']
        bounds = [b['le_us'] for b in s['buckets']]
        assert bounds.pop() is None and bounds == [128 << i for i in range(19)], bounds
        low = sum(b['count'] * (b['le_us'] or 0) for b in s['buckets']) / 2
        assert low - 64 * s['count'] <= s['sum_us'], s
    text = good('stats')
    full, = [s for s in said['latency'] if (s['role'], s['kind']) == ('server', 'full')]
    assert re.search(f"^server, full handshakes: {full['count']}, mean +[0-9.]+ (ms|us|s)", text, re.M), text
    stars = re.findall(r'^  (?:<=.*?s |more) +(\d+) (#+)$', text, re.M)
    assert sum(int(n) for n, _ in stars) == sum(after.values()), text
    first.close()
    second.close()


def slow():
    """A peer that takes half a second shows in the right bucket."""
    def buckets():
        s, = [s for s in js('stats')['latency'] if (s['role'], s['kind']) == ('server', 'full')]
        return s['buckets'], s['sum_us']
    (old, old_sum) = buckets()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = CONTEXT.wrap_bio(incoming, outgoing, server_hostname='localhost')
    with socket.create_connection(SERVER, timeout=30) as s:
        for pause in (0, 0.6):
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            time.sleep(pause)
            s.sendall(outgoing.read())
            if pause:
                break
            while True:
                incoming.write(s.recv(65536))
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    pass
        tap.until(lambda: buckets()[1] != old_sum, lambda: str(buckets()))
    new, new_sum = buckets()
    assert 600000 <= new_sum - old_sum, (old_sum, new_sum)
    hit, = [b['le_us'] for a, b in zip(old, new) if a['count'] != b['count']]
    assert hit is None or hit >= 128 << 13, hit     # 1048576: above half a second


def metrics_text():
    return good('stats', '--openmetrics')


def metrics():
    """Both of Prometheus' formats, and the numbers in it."""
    text = metrics_text()
    assert text.endswith('# EOF\n')
    counters = tap.counters()
    new = {f.name: f for f in openmetrics.parser.text_string_to_metric_families(text)}
    old = list(parser.text_string_to_metric_families(text))
    for name, n in counters.items():
        snake = 'kssl' + re.sub('([A-Z])', lambda m: '_' + m[1].lower(), name)
        f = new[snake]
        assert f.type == 'counter' and [s.value for s in f.samples] == [n], (f, n)
        assert f.documentation, f'{name}: no HELP'
        assert any(s.name == snake + '_total' and s.value == n for o in old for s in o.samples), snake
    assert len([f for f in new.values() if f.type == 'counter']) == len(counters)
    hist = new['kssl_handshake_seconds']
    assert hist.type == 'histogram'
    done = sum(s.value for s in hist.samples if s.name.endswith('_count'))
    assert done == counters['HsDone'], (done, counters)
    states = {s.labels['state']: s.value for s in new['kssl_sessions'].samples}
    assert states['listening'] == 1 and len(states) == 6 and {'handshake', 'open', 'failed'} < set(states), states
    assert new['kssl_daemon_up'].samples[0].value == 1 and new['kssl_workers'].samples[0].value == 2
    ends = {s.labels['identity']: s.value for s in new['kssl_certificate_end_seconds'].samples}
    for i in js('identities'):
        out = subprocess.check_output(['openssl', 'x509', '-noout', '-enddate', '-in', i['file']], text=True)
        assert ends[i['identity']] == ssl.cert_time_to_seconds(out.split('=')[1].strip()), (ends, out)
    assert run('list', '--openmetrics')[0] == run('--json', 'stats', '--openmetrics')[0] == 2


def exporter():
    """The textfile collector of the node exporter takes it."""
    os.mkdir(TMP + '/metrics')
    with open(TMP + '/metrics/kssl.prom', 'w', encoding='ascii') as f:
        f.write(metrics_text())
    n = tap.counters()['HsDone']
    p = subprocess.Popen(['prometheus-node-exporter', '--collector.disable-defaults', '--collector.textfile',
                          '--collector.textfile.directory', TMP + '/metrics',
                          '--web.listen-address=127.0.0.1:9101'], stderr=subprocess.DEVNULL)
    try:
        tap.wait_port(9101)
        with urllib.request.urlopen('http://127.0.0.1:9101/metrics', timeout=30) as r:
            seen = r.read().decode()
    finally:
        p.terminate()
        p.wait()
    assert '\nnode_textfile_scrape_error 0\n' in seen, seen
    assert f'\nkssl_hs_done_total {n}\n' in seen, seen
    assert 'kssl_handshake_seconds_bucket{kind="full",role="server",le="+Inf"}' in seen, seen


def terminal(env):
    """What ksslctl writes to a terminal."""
    pid, fd = pty.fork()
    if not pid:
        os.execve(CTL, [CTL], dict(os.environ, **env))
    out = b''
    try:
        for part in iter(lambda: os.read(fd, 4096), b''):
            out += part
    except OSError:     # EIO: it ended
        pass
    assert os.waitpid(pid, 0)[1] == 0
    return out.decode()


def colours():
    out = terminal({'TERM': 'xterm'})
    assert '\x1b[1mID ' in out and '\x1b[32mlistening\x1b[0m' in out, out
    for env in ({'TERM': 'xterm', 'NO_COLOR': '1'}, {'TERM': 'dumb'}):
        assert '\x1b' not in terminal(env)


def alone():
    """Without kssld."""
    text, status = good(), js()
    assert 'no daemon' in text and status['workers'] == 0, text
    assert js('stats')['latency'] is None
    assert re.search('^latency: not known: kssld at /run/kssl/kssld.sock: ', good('stats'), re.M)
    new = {f.name: f for f in openmetrics.parser.text_string_to_metric_families(metrics_text())}
    assert new['kssl_daemon_up'].samples[0].value == 0 and new['kssl_workers'].samples[0].value == 0
    assert 'kssl_handshake_seconds' not in new
    refused('reload', error='No such file')


def user():
    """Somebody else: his own sessions, the counters, no secrets."""
    rc, out, _ = run('--json', uid=65534)
    assert rc == 0 and json.loads(out)['sessions'] == [], out
    rc, out, _ = run('stats', uid=65534)
    assert rc == 0 and 'HsDone' in out and 'latency: not known: ' in out, out


daemon = Daemon(TMP + '/conf', TMP + '/log')
CONTEXT = ssl.create_default_context(cafile=PKI + 'ca.pem')
SERVER, PEER = served(True), served(False)
CLIENT, OWN = openssl(), kssl()
tap.case('status, list')(listing)
tap.case('show')(one)
tap.case('show: numbers')(numbers)
tap.case('status: handshakes')(handshakes)
tap.case('caps')(caps)
tap.case('policy')(policy)
tap.case('rekey, close, kill; monitor')(acts)
OWN.close()
tap.case('identities')(certificates)
tap.case('reload')(reload)
tap.case('stats')(statistics)
tap.case('stats: a slow peer')(slow)
tap.case('stats --openmetrics')(metrics)
tap.case('stats --openmetrics for the node exporter')(exporter)
tap.case('colours on a terminal')(colours)
tap.case('another user')(user)
daemon.stop()
tap.case('without kssld')(alone)
tap.done()
