# SPDX-License-Identifier: GPL-2.0-or-later
"""What the steps of a domain's life have in common."""
import contextlib
import re
import subprocess
import time

import daemon
import domain
import guest

# A bound for what a busy machine needs; nothing is judged by it.
SECONDS = 300
# How long a guest is left alone with its load, so that requests are in flight.
LOAD_SECONDS = 0.5


class Wrong(Exception):
    """A step has found something wrong; the text says what."""


class Skipped(Exception):
    """A step is about something that QEMU was built without; the text says what."""


FAILURES = (Wrong, daemon.VirshError, guest.GuestError, OSError,
            subprocess.SubprocessError)


def expect(condition, text):
    if not condition:
        raise Wrong(text)


def wait_until(true, what, seconds=SECONDS):
    """Waits until @true() is; raises Wrong with @what is wanted."""
    end = time.monotonic() + seconds
    while not true():
        expect(time.monotonic() < end, 'not within %d s: %s' % (seconds, what))
        time.sleep(0.1)


class Scene:
    """A domain, its hosts and the server that its guest speaks to."""

    def __init__(self, domain, hosts, server):
        self.domain = domain
        self.hosts = hosts
        self.server = server
        self._listener = self._listener_log = None

    @property
    def guest(self):
        return self.domain.guest

    def listen(self):
        self._listener_log = open(self.domain.file('events.log'), 'w')
        self._listener = subprocess.Popen(
            self.domain.host.command('event', self.domain.name, '--all',
                                     '--loop'),
            stdin=subprocess.DEVNULL, stdout=self._listener_log,
            stderr=self._listener_log)

    def events(self):
        """The lines that virsh has printed."""
        with open(self.domain.file('events.log')) as f:
            return [line for line in f.read().splitlines()
                    if line.startswith('event')]

    def close(self):
        """At the end of the row, whatever has happened."""
        with contextlib.suppress(daemon.VirshError):
            self.virsh('destroy')
        if self._listener:
            self._listener.kill()
            self._listener.wait()
            self._listener_log.close()

    @property
    def data(self):
        """The name that the guest has for its data disk."""
        return self.domain.shape.data or self.guest.run(
            'cd /sys/block; grep -lx %d sd*/size; cd /'
            % (domain.DATA_SIZE // 512)).split('/')[0]

    @property
    def virsh(self):
        return self.domain.virsh

    def wait_for_state(self, state):
        wait_until(lambda: self.domain.state() == state,
                   'state "%s"' % state)

    def start_load(self):
        """The guest writes and verifies its data disk and has TCP streams with the
        host, if it has these devices."""
        if not self.domain.shape.found:
            return
        self.guest.run('load_start /dev/%s %s %d' % (
            self.data, self.server.server_address[0],
            self.server.port))
        time.sleep(LOAD_SECONDS)

    @contextlib.contextmanager
    def load(self):
        """All the time there is load, and nothing of it may fail."""
        self.start_load()
        yield
        if not self.domain.shape.found:
            self.guest.run('true')
            return
        time.sleep(LOAD_SECONDS)
        told = self.guest.run('load_stop', timeout=2 * SECONDS)
        done = dict(re.findall(r'([a-z-]+)=(\d+)', told))
        for key in 'disk-load-writes', 'disk-load-verified', 'streams':
            expect(int(done.get(key, 0)) > 0, 'the load did no %s: %s'
                   % (key, told))

    def works(self):
        """Disk and network of the guest work."""
        with self.load():
            pass

    def recover(self):
        """After a failed step: a guest that has just started."""
        with contextlib.suppress(daemon.VirshError):
            self.virsh('destroy')
        self.domain.guest.disconnect()
        self.virsh('start')
        self.domain.ready()
