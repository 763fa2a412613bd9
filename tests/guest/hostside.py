# SPDX-License-Identifier: GPL-2.0-or-later
"""What the host does while a guest runs, for steps of guest/init.sh that need a
second party. A row of the table names classes of this kind; each is made for one
run, and used in this order."""
import os
import socket
import statistics
import subprocess
import time

import webserver

# LONG=1 in the environment: the load of a release's test, not that of each change.
LONG = bool(os.environ.get('LONG'))
MIB = 1 << 20


class HostSide:
    """The base class: does nothing."""
    # The guest's eth0 is on QEMU's user network.
    USER_NET = True
    # How to boot the guest, if not by -kernel: a function as
    # guestvm.direct_boot().
    boot = None
    # The files in @folder that what it returns names.
    boot_files = ()
    # The guest has the usual PV devices, too, if it boots so.
    PV = False
    # What it boots is read by boot(), not only named.
    READS_BOOT = True
    # It has a serial port, if it boots so; see guestvm.guest_arguments().
    SERIAL = True
    # TCP streams both ways until the guest has had enough.
    STREAMS = False
    # Seconds to add to the time limit.
    TIME = 0

    def __init__(self, folder):
        self.folder = folder
        self.vm = None
        self.wrong = []

    def parameters(self):
        """Words for the kernel's command line."""
        return ()

    def arguments(self):
        """Additional arguments for QEMU."""
        return ()

    def files(self):
        """Those in @folder that arguments() names, and that the guest may change:
        in the L1 VM it has copies of them, which replace them at its end."""
        return ()

    def attach(self, vm, qmp):
        """@vm is not started yet."""
        self.vm = vm

    def close(self):
        """The guest has ended."""

    def failures(self):
        """Yields a sentence for everything that is wrong."""
        return self.wrong

    def figures(self):
        """What was measured and is not judged, or None."""
        return None


def find_tool(name):
    for folder in os.environ['PATH'].split(':') + ['/usr/sbin', '/sbin']:
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    return name


def waited_for_cpu(task):
    """For how many seconds a thread, named as in /proc, was ready to run and had
    no CPU."""
    try:
        with open('/proc/%s/schedstat' % task) as f:
            return int(f.read().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


class Ext4(HostSide):
    """A file system on xvdc, which the host makes and checks afterwards."""
    SIZE = 192 * MIB
    SECONDS = 60 if LONG else 5
    PROCESSES = 4

    def __init__(self, folder):
        super().__init__(folder)
        self.path = os.path.join(folder, 'ext4.img')
        with open(self.path, 'wb') as f:
            f.truncate(self.SIZE)
        self._run('mke2fs', '-q', '-t', 'ext4', '-E', 'lazy_itable_init=0',
                  self.path)

    def _run(self, tool, *arguments):
        try:
            done = subprocess.run([find_tool(tool), *arguments], text=True,
                                  stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
        except OSError as e:
            self.wrong.append('%s: %s' % (tool, e))
            return
        if done.returncode:
            self.wrong += ['%s ended with status %d'
                           % (tool, done.returncode),
                           *done.stdout.splitlines()[-10:]]

    def parameters(self):
        return ('XE_FS=%d,%d' % (self.SECONDS, self.PROCESSES),)

    def arguments(self):
        return ('-drive', 'file=%s,format=raw,if=none,id=ext4,discard=unmap'
                % self.path, '-device', 'xen-disk,drive=ext4,vdev=xvdc')

    def files(self):
        return (self.path,)

    def close(self):
        self._run('e2fsck', '-f', '-n', self.path)
        os.unlink(self.path)

    def failures(self):
        yield from self.wrong
        for key in ('fs-ops', 'fs-verified'):
            if int(self.vm.fact(key) or 0) < 1:
                yield '%s is %s' % (key, self.vm.fact(key))

    def figures(self):
        return 'ext4: %s operations, %s blocks verified' % (
            self.vm.fact('fs-ops') or 0, self.vm.fact('fs-verified') or 0)


class Flood(HostSide):
    """Datagrams from all vCPUs, until the monitor has answered so often. How long
    an answer takes depends on the machine, and is not judged."""
    QUERIES = 2000 if LONG else 200

    def __init__(self, folder):
        super().__init__(folder)
        # Nobody reads it; what does not fit the host's kernel drops.
        self.sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sink.bind(('127.0.0.1', 0))
        self.took = []
        # How long QEMU's main thread, and this one, had no CPU meanwhile.
        self.waited = []
        self.qmp = None

    def parameters(self):
        return ('XE_FLOOD=%s,%d' % (webserver.GATEWAY,
                                    self.sink.getsockname()[1]),)

    def attach(self, vm, qmp):
        super().attach(vm, qmp)
        self.qmp = qmp
        vm.on_fact['flood'] = lambda value: self._ask()

    def _waited(self):
        return [waited_for_cpu(task) for task in (self.vm.pid, 'thread-self')]

    def _ask(self):
        started, waited = time.monotonic(), self._waited()

        def answered(value, error):
            self.took.append(time.monotonic() - started)
            self.waited.append([now - then for now, then
                                in zip(self._waited(), waited)])
            if error or value['status'] != 'running':
                self.wrong.append('query-status: %s %s' % (value, error))
            if len(self.took) < self.QUERIES:
                self._ask()
            else:
                self.vm.channels['hvc'].send('enough\n')

        self.qmp.execute('query-status', answered)

    def close(self):
        self.sink.close()

    def failures(self):
        yield from self.wrong
        if len(self.took) != self.QUERIES:
            yield '%d of %d answers to query-status' % (len(self.took),
                                                        self.QUERIES)
        sent = [v.split() for v in self.vm.facts.get('flood-sent', [])]
        if [cpu for cpu, _ in sent] != ['0', '1'] or '0' in (
                n for _, n in sent):
            yield 'the vCPUs sent %s datagrams' % sent

    def figures(self):
        if not self.took:
            return None
        worst = max(self.took)
        return ('query-status: %d answers, median %.1f ms, worst %.1f ms, while QEMU '
                'had no CPU for %.1f ms and the test for %.1f ms; sent %s' % (
                    len(self.took), 1e3 * statistics.median(self.took), 1e3 * worst,
                    *(1e3 * w for w in self.waited[self.took.index(worst)]),
                    ' + '.join(v.split()[1] for v in
                               self.vm.facts.get('flood-sent', []))))


class Tcp(HostSide):
    """Only what to say: tcpserver.py is the other side."""

    def figures(self):
        median, worst = (self.vm.fact('tcp-round-ns') or '0 0').split()
        return 'TCP round trip: median %.2f ms, worst %.1f ms' % (
            int(median) / 1e6, int(worst) / 1e6)
