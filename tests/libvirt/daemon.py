# SPDX-License-Identifier: GPL-2.0-or-later
"""A libvirtd of the test's own, with namespaces, a bridge and a TCP server."""
import ctypes
import os
import shutil
import subprocess
import threading
import time
import uuid

import tcpserver
import unpacked

HERE = os.path.dirname(os.path.realpath(__file__))
# What unshare(1) takes; the first process sees no other.
NAMESPACES = ('--mount', '--pid', '--net', '--uts', '--ipc')
# The same paths on every host.
SHARED = '/run/guests'
EMULATOR = '/run/emulator/qemu-system-x86_64'
PORTS = '/run/ports'
START_SECONDS = 120
CLONE_NEWNET = 0x40000000


class VirshError(Exception):
    """A command of virsh failed; the text is what it said."""


class Host:
    """Starts libvirtd when it is entered; at the end all of it is gone. @libvirt is
    a folder of unpacked.py's, or None for the libvirt that is installed. @options are
    the caller's."""

    def __init__(self, name, number, folder, shared, options, libvirt):
        self.name = name
        self.address = '10.7.0.%d' % number
        self.folder = os.path.join(folder, name)
        self._shared = shared
        self._qemu = os.path.realpath(options.qemu)
        self._type = options.type
        self._libvirt = libvirt
        self._virsh = unpacked.virsh(libvirt) if libvirt else ['virsh']
        self._process = None
        self.pid = None

    def __enter__(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        with open(os.path.join(self.folder, 'setup.log'), 'w') as log:
            self._process = subprocess.Popen(
                ['unshare', *NAMESPACES, '--fork', '--kill-child',
                 os.path.join(HERE, 'namespace.sh'), self.name, self.folder,
                 self._shared, self._qemu, self.address, str(uuid.uuid4()),
                 self._type, *filter(None, [self._libvirt])],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                text=True)
        try:
            words = self._process.stdout.readline().split()
            if len(words) != 2:
                raise VirshError('%s: no namespaces: %s' % (
                    self.name, self._tail('setup.log')))
            self.pid = int(words[0])
            self._wait()
        except Exception:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _tail(self, name):
        try:
            with open(os.path.join(self.folder, name),
                      errors='replace') as f:
                return ' / '.join(f.read().splitlines()[-5:])
        except OSError as e:
            return str(e)

    def _wait(self):
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                return self.virsh('hostname')
            except VirshError as e:
                if time.monotonic() > end:
                    raise VirshError('%s: %s: %s' % (
                        self.name, e, self._tail('log/libvirtd.out'))) from e
                time.sleep(0.1)

    def restart(self, first=False):
        """Has another libvirtd take over; it is to think that it is the @first since
        the host has booted."""
        commands = ('kill $(cat /run/libvirtd.pid)',
                    'while [ -e /run/libvirtd.pid ]; do sleep 0.1; done',
                    'rm -f /run/libvirt/qemu/autostarted' if first else ':',
                    '/usr/sbin/libvirtd -d')
        self._inside('sh', '-e', '-c', '\n'.join(commands))
        self._wait()

    def _inside(self, *words):
        """The output of a program on this host."""
        return subprocess.run(
            ['nsenter', '-t', str(self.pid), '-m', '-u', '-i', '-n', '-p', *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            timeout=START_SECONDS, check=True).stdout

    def version(self):
        """What libvirtd tells of itself."""
        return self._inside('/usr/sbin/libvirtd', '--version').strip()

    def has_vnc(self):
        told = self.virsh('domcapabilities', '--virttype', 'qemu',
                          '--emulatorbin', EMULATOR)
        return '<value>vnc</value>' in told

    def path(self, inner):
        """Where the caller finds a path of this host."""
        return '/proc/%d/root%s' % (self.pid, inner)

    @property
    def uri(self):
        return 'qemu+unix:///system?socket=' + self.path(
            '/run/libvirt/libvirt-sock')

    def command(self, *words):
        return [*self._virsh, '-c', self.uri, *map(str, words)]

    def virsh(self, *words, timeout=300):
        """What the command prints. Raises VirshError."""
        try:
            done = subprocess.run(
                self.command('-q', *words), stdin=subprocess.DEVNULL, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                errors='replace', timeout=timeout,
                env=dict(os.environ, LC_ALL='C.UTF-8'))
        except subprocess.TimeoutExpired as e:
            raise VirshError('%s: no end after %d s'
                             % (' '.join(map(str, words)), timeout)) from e
        if done.returncode:
            raise VirshError('%s: %s' % (' '.join(map(str, words)),
                                         done.stderr.strip()))
        return done.stdout

    def connect(self, other):
        """Puts both bridges into one network."""
        for command in (
                ['nsenter', '-n', '-t', self.pid, 'ip', 'link', 'add', 'other',
                 'type', 'veth', 'peer', 'name', 'other', 'netns', other.pid],
                *(['nsenter', '-n', '-t', host.pid, 'ip', 'link', 'set',
                   'other', 'master', 'br0', 'up'] for host in (self, other))):
            subprocess.run([str(w) for w in command], check=True)

    def tcp_server(self):
        """A server on the bridge, to be entered."""
        made = []

        def make():
            fd = os.open('/proc/%d/ns/net' % self.pid, os.O_RDONLY)
            libc = ctypes.CDLL(None, use_errno=True)
            try:
                if libc.setns(fd, CLONE_NEWNET):
                    made.append(OSError(ctypes.get_errno(), 'setns'))
                else:
                    made.append(tcpserver.TcpServer(self.address))
            except OSError as e:
                made.append(e)
            finally:
                os.close(fd)

        # Only this thread changes its network.
        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        if isinstance(made[0], OSError):
            raise made[0]
        return made[0]
