# SPDX-License-Identifier: GPL-2.0
"""kssld as tests start it, and what it says."""
import os
import signal
import subprocess

import tap

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Daemon:
    """It runs when this returns; its words go to the file @log."""

    def __init__(self, conf, log):
        self.log = log
        with open(log, 'w', encoding='ascii') as f:
            self.p = subprocess.Popen([TOP + '/build/kssld', '-f', '-c', conf], stderr=f)
        self.pid = self.p.pid
        self.wait('ready')

    def said(self):
        with open(self.log, encoding='ascii') as f:
            return f.read()

    def wait(self, text, times=1):
        tap.until(lambda: self.said().count(text) >= times, self.said)

    def reload(self):
        """By SIGHUP, with success."""
        n = self.said().count('kssld: reloaded')
        self.p.send_signal(signal.SIGHUP)
        self.wait('kssld: reloaded', n + 1)

    def stop(self):
        self.p.terminate()
        assert self.p.wait() == 0, self.said()
