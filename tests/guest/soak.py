# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that are busy for hours, and what their QEMUs use of the host meanwhile.

Two run at a time.  One keeps its QEMU and has FIFO events: disks and NICs are plugged
and unplugged, and its balloon is inflated and deflated, again and again.  The other has
2-level events and is migrated live, a minute after the last time.  Both verify a disk,
send TCP streams both ways, write numbered lines to hvc0 with a timer for each, and send
events on a thousand channels, each of which must be delivered once.

Memory, file descriptors, threads and the size of QEMU's log are sampled; none may be
more in the last quarter of the run than in the second.  The first is for the guest's
memory to be touched and TCG's buffer to be filled.
"""
import concurrent.futures
import os
import queue
import shutil
import statistics
import threading
import time

import benchkeep
import hostside
import matrix
import report
import travel
import webserver

STEPS = ('facts', 'modules', 'net', 'travel', 'net', 'disk', 'console', 'clock',
         'interrupts')
GUEST = 'debian13'
PROGRAM = 'tcp-load disk-load many-channels'
CHANNELS = 1000
SAMPLE_S = 5
MOVE_S = 60
MIB = 1 << 20

# What is sampled: in which unit, how much it may grow by, and in relation.
QUANTITIES = {
    'memory': ('MiB', 4, 0.02),
    'file descriptors': ('', 0.5, 0),
    'threads': ('', 1, 0),
    'log': ('bytes', 4096, 0),
}


class Trouble(Exception):
    """What QEMU answered, or did not do."""


def sample(pid, log):
    """The quantities of a process, in that order; None if it has ended."""
    status = {}
    try:
        with open('/proc/%d/status' % pid) as f:
            for line in f:
                key, _, value = line.partition(':')
                status[key] = value.split()
        return (int(status['VmRSS'][0]) / 1024,
                len(os.listdir('/proc/%d/fd' % pid)), int(status['Threads'][0]),
                os.path.getsize(log))
    except (OSError, KeyError):
        return None


class Watch(hostside.HostSide):
    """Takes the samples."""
    HOURS = 1.0

    def __init__(self, folder):
        super().__init__(folder)
        self.samples = []           # (seconds, quantities)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def attach(self, vm, qmp):
        super().attach(vm, qmp)
        if not self._thread.is_alive():
            self._thread.start()

    def _watch(self):
        began = None
        while not self._ended.wait(SAMPLE_S):
            machine = self.vm
            pid = machine.pid
            # That it may be moved is the first that a busy guest says.
            if not machine.fact('moves') or pid is None:
                continue
            began = began or time.monotonic()
            found = sample(pid, os.path.join(machine.log_folder, 'stderr.log'))
            if found:
                self.samples.append((time.monotonic() - began, found))

    def close(self):
        self._ended.set()
        self._thread.join()
        path = os.path.join(self.folder, 'samples')
        with open(path, 'w') as f:
            f.write('# seconds, %s\n' % ', '.join(QUANTITIES))
            for seconds, found in self.samples:
                f.write('%.0f %s\n' % (seconds, ' '.join('%g' % n for n in found)))
        if self.samples and shutil.which('gnuplot'):
            benchkeep.plot(plot_script(path), path + '.svg')

    def _quarter(self, number, column):
        """The median there."""
        end = self.samples[-1][0]
        return statistics.median(
            found[column] for seconds, found in self.samples
            if end * (number - 1) / 4 <= seconds <= end * number / 4)

    def compared(self):
        """(quantity, its median in the second quarter, in the last)"""
        if len(self.samples) < 8:
            return []
        return [(name, self._quarter(2, column), self._quarter(4, column))
                for column, name in enumerate(QUANTITIES)]

    def failures(self):
        yield from self.wrong
        if int(self.vm.fact('travel-channels') or 0) < 1:
            yield 'the events of no set of channels were counted'
        if not self.compared():
            yield 'only %d samples' % len(self.samples)
        for name, early, late in self.compared():
            _, some, part = QUANTITIES[name]
            if late > early * (1 + part) + some:
                yield '%s: %g, then %g' % (name, early, late)

    def figures(self):
        return '; '.join(
            ['%s %g, then %g%s' % (name, early, late,
                                   QUANTITIES[name][0] and ' ' + QUANTITIES[name][0])
             for name, early, late in self.compared()] +
            ['%s times the events of %d channels' % (self.vm.fact('travel-channels'),
                                                     CHANNELS)])


class Stays(Watch):
    """The guest whose devices come and go."""
    STREAMS = True

    def __init__(self, folder):
        super().__init__(folder)
        self.cycles = 0
        self._deleted = queue.Queue()
        self._qmp = None

    def attach(self, vm, qmp):
        super().attach(vm, qmp)
        self._qmp = qmp
        qmp.on_event['DEVICE_DELETED'] = lambda m: self._deleted.put(
            m['data'].get('device'))
        vm.on_fact['moves'] = lambda value: threading.Thread(
            target=self._run, daemon=True).start()

    def _ask(self, command, **arguments):
        answers = queue.Queue()
        self._qmp.execute(command, lambda *answer: answers.put(answer), **arguments)
        value, error = answers.get(timeout=60)
        if error:
            raise Trouble('%s: %s' % (command, error['desc']))
        return value

    def _unplug(self, name):
        self._ask('device_del', id=name)
        while self._deleted.get(timeout=120) != name:
            pass

    def _disk(self):
        node = 'soak%d' % self.cycles
        self._ask('blockdev-add', driver='null-co', size=16 * MIB,
                  **{'node-name': node, 'read-zeroes': True})
        self._ask('device_add', driver='xen-disk', drive=node, id='soak-disk',
                  vdev='xvdz')
        time.sleep(2)
        self._unplug('soak-disk')
        self._ask('blockdev-del', **{'node-name': node})

    def _nic(self):
        self._ask('netdev_add', type='user', id='soak-net')
        self._ask('device_add', driver='xen-net-device', netdev='soak-net',
                  id='soak-nic')
        time.sleep(2)
        self._unplug('soak-nic')
        self._ask('netdev_del', id='soak-net')

    def _balloon(self):
        for size in (224, 256):
            self._ask('balloon', value=size * MIB)
            time.sleep(2)

    def _run(self):
        end = time.monotonic() + 3600 * self.HOURS
        try:
            while time.monotonic() < end:
                self._disk()
                self._nic()
                self._balloon()
                self.cycles += 1
        except Trouble as e:
            self.wrong.append('round %d: %s' % (self.cycles, e))
        except queue.Empty:
            self.wrong.append('round %d: no answer, or no DEVICE_DELETED' % self.cycles)
        self.vm.channels['hvc'].send('.enough\n')

    def failures(self):
        yield from super().failures()
        if not self.cycles:
            yield 'no device came and went'

    def figures(self):
        return '%s; %d times a disk and a NIC, and the balloon' % (
            super().figures(), self.cycles)


def plot_script(path):
    """gnuplot's commands for the samples in @path."""
    plots = []
    for column, (name, (unit, _, _)) in enumerate(QUANTITIES.items()):
        plots.append('set ylabel "%s%s"\nplot "%s" using ($1/60):%d with lines '
                     'notitle' % (name, unit and ', ' + unit, path, column + 2))
    return ['set terminal svg size 900,900 font "sans,10" background "white"',
            'set xlabel "minutes"', 'set yrange [0:10<*]', 'set grid',
            'set multiplot layout %d,1' % len(plots), *plots]


def lasting(base, hours):
    """The class of that many hours."""
    return type(base.__name__, (base,), {
        'HOURS': hours, 'TIME': int(2 * 3600 * hours) + 600})


def rows(hours):
    """The two guests.  A buffer of TCG's that is full soon."""
    append = ('XE_CHANNELS=%d' % CHANNELS, 'XE_LONGEST=%d' % (3 * 3600 * hours + 600))
    for abi, hosts, moves in (
            ('fifo', (lasting(Stays, hours), travel.Output), 0),
            ('2level', (lasting(Watch, hours), travel.Wire, travel.Output),
             max(1, int(3600 * hours / MOVE_S)))):
        yield matrix.row(
            'soak-' + abi, GUEST, 2, expect={'abi': abi}, steps=STEPS,
            accel='xen-version=4.17,tb-size=64,xen-evtchn-abi=' + abi,
            program=PROGRAM, append=append, hosts=hosts,
            move='moves' if moves else None, live=moves, pause=MOVE_S)


def soak(options):
    """The subcommand; returns the exit status."""
    options.accel, options.keep = 'tcg', False
    wanted = list(rows(options.hours))
    tally = report.Tally(len(wanted))
    with webserver.WebServer() as server, \
            concurrent.futures.ThreadPoolExecutor(len(wanted)) as pool:
        running = [pool.submit(matrix.run_row, row, options, server)
                   for row in wanted]
        for done in concurrent.futures.as_completed(running):
            for outcome in done.result():
                tally.add(outcome)
    return tally.end()
