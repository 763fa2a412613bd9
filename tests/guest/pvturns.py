# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that take turns at load on their disk and network, and what that costs.

One guest of each kind runs; they take turns, so that other load on the host
falls on all alike, and what counts is the ratio of turns that follow each
other. This runs on the host, or in the L1 VM (main()), and imports only what
both have."""
import argparse
import fcntl
import json
import os
import queue
import re
import statistics
import struct
import subprocess
import tempfile
import threading
import time

import exits
import guestvm
import vm

DISK_MIB = 64
LIMIT = 3600                        # seconds for all that a guest does
BOOT_LIMIT = 600
TURN_LIMIT = 60
PORT = 8001                         # of tcp-peer
# The host's memory, where it is a file system; all of the L1 VM is.
SHM = '/dev/shm'


class Kind:
    """A guest and its devices. @accel is what follows the accelerator's name,
    @disk is the disk's name in the guest. A kind that is @extra takes part if
    it is asked for."""

    def __init__(self, name, title, accel, disk_device, disk, net_device,
                 objects=(), upstream=False, extra=False):
        self.name = name
        self.title = title
        self.accel = accel
        self.disk_device = disk_device
        self.disk = disk
        self.net_device = net_device
        self.objects = objects
        self.upstream = upstream
        self.extra = extra


OURS = Kind('xen', 'xen-disk, xen-net', ',xen-version=4.17',
            'xen-disk,vdev=xvda', '/dev/xvda', 'xen-net-device')
IOTHREAD = Kind('iothread', 'with iothread=', OURS.accel,
                OURS.disk_device + ',iothread=io', OURS.disk,
                OURS.net_device + ',iothread=io',
                ('-object', 'iothread,id=io'), extra=True)
# It has no Xen emulation on TCG.
UPSTREAM = Kind('upstream', "upstream's",
                ',xen-version=0x40011,kernel-irqchip=split', OURS.disk_device,
                OURS.disk, OURS.net_device, upstream=True)
# No ROM, which is not in the L1 VM.
VIRTIO = Kind('virtio', 'virtio', '', 'virtio-blk-pci', '/dev/vda',
              'virtio-net-pci,romfile=')
KINDS = (OURS, IOTHREAD, UPSTREAM, VIRTIO)

COSTS = {'cpu': 'CPU time, us', 'waits': 'context switches'}
# What QEMU and KVM count, by the name in a result; these do not depend on other
# load.
COUNTS = {
    'requests': 'requests of the disk',
    'events-in': 'events to the back end',
    'events-out': 'events to the guest',
    'ipis': 'IPIs',
    'timers': 'timers set',
    'invalidated': 'blocks of code invalidated',
    'exits': 'exits to KVM',
    'user-exits': 'exits to QEMU',
    'hypercalls': 'hypercalls',
    'sends': 'events sent',
}


class Measure:
    """@goal: ours over virtio's, at least, or at most for a time."""

    def __init__(self, name, title, words, unit, goal, net=None):
        self.name = name
        self.title = title
        self.words = words
        self.unit = unit
        self.goal = goal
        self.net = net

    @property
    def is_time(self):
        return self.unit == 'us'

    def value(self, result):
        """Of a turn's result."""
        if self.unit == 'us':
            return result['p50'] / 1000
        per_s = 1e9 / max(result['ns'], 1)
        if self.unit == '1/s':
            return result['operations'] * per_s
        return result['bytes'] * per_s / (1 << 20)

    def units(self, result):
        """What a cost is of: an operation, or a MiB."""
        if self.unit == 'MiB/s':
            return max(result['bytes'] / (1 << 20), 1)
        return max(result['operations'], 1)


def net_measures(net):
    return (
        Measure('round-' + net, 'TCP round trip, ' + net, 'round', 'us', 1.2,
                net),
        Measure('out-' + net, 'TCP stream out, ' + net, 'out', 'MiB/s', 0.9,
                net),
        Measure('in-' + net, 'TCP stream in, ' + net, 'in', 'MiB/s', 0.9, net))


MEASURES = (
    Measure('random1', '4 KiB reads, depth 1', 'random 1', '1/s', 0.9),
    Measure('random8', '4 KiB reads, depth 8', 'random 8', '1/s', 1.2),
    Measure('read', '1 MiB reads', 'read', 'MiB/s', 0.9),
    Measure('write', '1 MiB writes', 'write', 'MiB/s', 0.9),
    *net_measures('tap'), *net_measures('slirp'))


class KvmTrace:
    """Counts trace points of KVM in some threads, while it is entered. Port I/O is
    left out: that of the serial console, on which a result arrives, exits
    hundreds of times."""
    EVENTS = '/sys/kernel/tracing/events/kvm/%s/%s'
    # SVM_EXIT_IOIO and KVM_EXIT_IO of Linux' UAPI.
    TRIGGERS = {'kvm_exit': 'keys=exit_reason%s if exit_reason != 0x7b && (%s)',
                'kvm_userspace_exit': 'keys=reason%s if reason != 2 && (%s)',
                'kvm_xen_hypercall': 'keys=nr,a0%s if %s'}
    HITS = re.compile(r'^    Hits: (\d+)', re.M)
    CALL = re.compile(r'nr:\s*(\d+), a0:\s*(\d+) *\} hitcount:\s*(\d+)')
    CALLS = {'event_channel_op:send': 'sends',
             'vcpu_op:set_singleshot_timer': 'timers'}

    def __init__(self, threads):
        condition = ' || '.join('common_pid == %d' % t for t in threads)
        self._triggers = {
            event: 'hist:' + trigger % (':size=4096', condition)
            for event, trigger in self.TRIGGERS.items()}

    def __enter__(self):
        for event, trigger in self._triggers.items():
            self._write(event, trigger)
        return self

    def __exit__(self, *exc):
        for event, trigger in self._triggers.items():
            self._write(event, '!' + trigger)

    def _write(self, event, trigger):
        with open(self.EVENTS % (event, 'trigger'), 'w') as f:
            f.write(trigger)

    def counts(self):
        hits = {}
        for event in self.TRIGGERS:
            with open(self.EVENTS % (event, 'hist')) as f:
                text = f.read()
            hits[event] = int(self.HITS.search(text).group(1))
        counts = {'exits': hits['kvm_exit'],
                  'user-exits': hits['kvm_userspace_exit'],
                  'hypercalls': hits['kvm_xen_hypercall'],
                  **{name: 0 for name in self.CALLS.values()}}
        # The last text is that of the hypercalls.
        for number, a0, times in self.CALL.findall(text):
            name = self.CALLS.get(exits.call_name(int(number), int(a0)))
            if name:
                counts[name] += int(times)
        return counts


class Guest:
    """A running guest, which does what it is asked, a thing at a time."""

    def __init__(self, kind, number, cpus, options, boot, scratch, folder):
        self.kind = kind
        self.answers = queue.Queue()
        self.failed = False
        self.nets = {
            net: ('52:54:00:00:%02x:%02x' % (number, i),
                  '10.1.%d.2' % number if net == 'tap' else '10.0.2.15',
                  '10.1.%d.1' % number if net == 'tap' else '10.0.2.2')
            for i, net in enumerate(sorted({
                m.net for m in selected(options.measures, MEASURES)
                if m.net}))}
        self.on_kvm = options.accel == 'kvm'
        self.vm = vm.Vm(options.upstream if kind.upstream else options.qemu,
                        os.path.join(folder, '%s-%d' % (kind.name, cpus)))
        self.vm.add('-accel', options.accel + kind.accel, *options.extra,
                    *self._arguments(number, cpus, boot, scratch))
        self.qmp = self.vm.add_qmp()
        self.vm.on_fact['load-ready'] = self.answers.put
        self.vm.on_fact['load-done'] = self.answers.put
        self._thread = threading.Thread(target=self._run)

    def _arguments(self, number, cpus, boot, scratch):
        kind = self.kind
        image = os.path.join(scratch, kind.name + '.img')
        with open(image, 'wb') as f:
            for _ in range(DISK_MIB):
                f.write(os.urandom(1 << 20))
        # On a busy host Linux finds that a PC's timer does not work.
        parameters = ('console=ttyS0 panic=-1 no_timer_check '
                      'XE_STEPS=modules,load')
        words = ['-machine', 'pc', '-m', '256', '-smp', cpus,
                 '-name', 'guest,debug-threads=on', *guestvm.BASE,
                 *kind.objects, '-serial', 'chardev:serial', '-drive',
                 'file=%s,format=raw,if=none,id=disk' % image,
                 '-device', kind.disk_device + ',drive=disk',
                 '-kernel', boot.kernel, '-initrd', boot.initrd, '-append',
                 parameters]
        for net, (mac, *_) in self.nets.items():
            backend = ('tap,ifname=tap%d,script=no,downscript=no' % number
                       if net == 'tap' else 'user')
            words += ['-netdev', '%s,id=%s' % (backend, net), '-device',
                      '%s,netdev=%s,mac=%s' % (kind.net_device, net, mac)]
        return words

    def _run(self):
        self.vm.run(LIMIT)
        self.answers.put(None)

    def start(self):
        """Returns when it is ready; raises RuntimeError."""
        self._thread.start()
        self._answer(BOOT_LIMIT)
        for mac, address, _ in self.nets.values():
            self.ask('net %s %s' % (mac, address))

    def _answer(self, limit):
        try:
            answer = self.answers.get(timeout=limit)
        except queue.Empty:
            answer = None
        if answer is None or answer.startswith('error'):
            raise RuntimeError('%s: %s' % (
                self.kind.name, answer or 'the guest does not answer; it said: '
                + '\n'.join(self.vm.channels['serial'].lines[-5:])))
        return answer

    def ask(self, line):
        self.vm.channels['serial'].send(line + '\n')
        return self._answer(TURN_LIMIT)

    def measure(self, measure, ms):
        words = measure.words.split()
        if measure.net:
            rest = [self.nets[measure.net][2], str(PORT)]
        else:
            rest = [self.kind.disk, *words[1:]]
        counted = self.counts()
        before = self.cost()
        answer = self.ask(' '.join([words[0], str(ms), *rest]))
        names = ('operations', 'bytes', 'ns', 'p50', 'p99', 'worst')
        result = dict(zip(names, map(int, answer.split())))
        ns, result['waits'] = self.cost_since(before)
        result['cpu'] = ns / 1000
        for name, number in self.counts().items():
            result[name] = number - counted[name]
        return result

    def measure_traced(self, measure, ms):
        """With what KVM counts; this takes time of its own."""
        vcpus = [v['thread-id'] for v in self._query('query-cpus-fast')]
        with KvmTrace(vcpus) as trace:
            result = self.measure(measure, ms)
            result.update(trace.counts())
        return result

    def _query(self, command):
        answers = queue.Queue()
        self.qmp.execute(command, lambda *answer: answers.put(answer))
        try:
            value, error = answers.get(timeout=TURN_LIMIT)
        except queue.Empty:
            value, error = None, 'no answer'
        if error:
            raise RuntimeError('%s: %s: %s' % (self.kind.name, command, error))
        return value

    def counts(self):
        """What QEMU has counted so far, of COUNTS."""
        disks = [d['stats'] for d in self._query('query-blockstats')]
        counts = {'requests': sum(s['rd_operations'] + s['wr_operations']
                                  for s in disks)}
        if not self.on_kvm:
            text = self._query('x-query-jit')['human-readable-text']
            counts['invalidated'] = int(re.search(
                r'TB invalidate count +(\d+)', text).group(1))
        if self.kind is not VIRTIO and not self.kind.upstream:
            self._count_events(counts)
        return counts

    def _count_events(self, counts):
        vcpus = self._query('query-xen')['vcpus']
        kinds = {'events-out': 'backend'}
        # KVM does not tell what it does by itself.
        if not self.on_kvm:
            kinds.update({'events-in': 'to-backend', 'ipis': 'ipi'})
            counts['timers'] = sum(v['timers-armed'] for v in vcpus)
        for name, kind in kinds.items():
            counts[name] = sum(k['fast'] + k['slow'] + k['kernel']
                               for v in vcpus for k in v['kinds']
                               if k['kind'] == kind)

    def end(self):
        self.vm.channels['serial'].send('end\n')
        self.qmp.execute('quit')
        self._thread.join()

    def cost(self):
        """{thread: (ns on a CPU, times that it stopped to wait)} so far."""
        pid = self.vm.pid
        if not pid:
            raise RuntimeError('%s: QEMU has exited' % self.kind.name)
        tasks = '/proc/%d/task' % pid
        costs = {}
        for task in os.listdir(tasks):
            try:
                with open(os.path.join(tasks, task, 'schedstat')) as f:
                    ns = int(f.read().split()[0])
                with open(os.path.join(tasks, task, 'status')) as f:
                    waits = sum(int(line.split()[1]) for line in f
                                if line.startswith('voluntary_ctxt'))
                costs[task] = (ns, waits)
            except FileNotFoundError:
                pass                    # it has ended
        return costs

    def cost_since(self, before):
        """(ns, waits) of threads that are there still."""
        pairs = [(now, before.get(task, (0, 0)))
                 for task, now in self.cost().items()]
        return tuple(sum(now[i] - then[i] for now, then in pairs)
                     for i in (0, 1))


def selected(names, items):
    return [item for item in items if item.name in names]


def median(values):
    return statistics.median(values) if values else 0


def measure_idle(guests, seconds):
    """CPU time in ms and waits, each per second, by kind."""
    time.sleep(2)
    before = {g.kind.name: g.cost() for g in guests}
    time.sleep(seconds)
    idle = {}
    for guest in guests:
        ns, waits = guest.cost_since(before[guest.kind.name])
        idle[guest.kind.name] = {'cpu-ms': round(ns / 1e6 / seconds, 2),
                                 'waits': round(waits / seconds, 1)}
    return idle


def summary(measure, rounds, counted):
    """Of [{kind: result}]: what is kept, by kind. The counts are those of
    @counted."""
    kept = {}
    for kind in {kind for r in rounds for kind in r}:
        results = [r[kind] for r in rounds if kind in r]
        values = [measure.value(r) for r in results]
        kept[kind] = {'value': round(median(values), 1)}
        for keys, turns in ((COSTS, rounds), (COUNTS, counted)):
            turns = [r[kind] for r in turns if kind in r]
            for key in keys:
                if turns and key in turns[0]:
                    kept[kind][key] = round(median(
                        [r[key] / measure.units(r) for r in turns]), 2)
        if measure.words == 'round':
            kept[kind]['p99-us'] = round(
                median([r['p99'] for r in results]) / 1000, 1)
            kept[kind]['worst-us'] = round(
                max(r['worst'] for r in results) / 1000, 1)
        ratios = [measure.value(r[kind]) / (measure.value(r[VIRTIO.name]) or 1)
                  for r in rounds if kind in r and VIRTIO.name in r]
        if ratios:
            kept[kind]['ratio'] = round(median(ratios), 3)
            kept[kind]['ratios'] = [round(min(ratios), 3),
                                    round(max(ratios), 3)]
    return kept


def measure_turn(guests, measure, ms, say, how=Guest.measure):
    """{kind: result}; a guest that fails takes no part from then on."""
    results = {}
    for guest in guests:
        if not guest.failed:
            try:
                results[guest.kind.name] = how(guest, measure, ms)
            except (RuntimeError, OSError, ValueError) as e:
                say('%s: %s' % (measure.title, e))
                guest.failed = True
    return results


def measure_all(guests, options, say):
    measures = selected(options.measures, MEASURES)
    ms = 400 if options.quick else 1500
    rounds = options.rounds or (3 if options.quick else 9)
    results = {m.name: [] for m in measures}
    for number in range(rounds):
        for measure in measures:
            # Whoever is first is another each time.
            turn = guests[number % len(guests):] + guests[:number
                                                          % len(guests)]
            results[measure.name].append(measure_turn(turn, measure, ms, say))
        say('round %d of %d' % (number + 1, rounds))
    counted = results
    if options.accel == 'kvm':
        counted = {m.name: [measure_turn(guests, m, ms, say,
                                         Guest.measure_traced)]
                   for m in measures}
    return {m.name: summary(m, results[m.name], counted[m.name])
            for m in measures}


# <linux/if_tun.h>
TUNSETIFF, TUNSETPERSIST = 0x400454ca, 0x400454cb
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000


def add_tap(name):
    """Raises OSError where that is not possible."""
    with open('/dev/net/tun', 'r+b', buffering=0) as tun:
        fcntl.ioctl(tun, TUNSETIFF, struct.pack(
            '16sH22x', name.encode(), IFF_TAP | IFF_NO_PI))
        fcntl.ioctl(tun, TUNSETPERSIST, 1)


def set_up_taps(count):
    """tap0 and on, with the address 10.1.N.1 each."""
    # Where slirp's guests find tcp-peer.
    subprocess.run('ip link set lo up'.split(), check=True)
    for i in range(count):
        add_tap('tap%d' % i)
        for command in ('ip addr add 10.1.%d.1/24 dev tap%d' % (i, i),
                        'ip link set tap%d up' % i):
            subprocess.run(command.split(), check=True)


def measure_kinds(cpus, options, boot, folder, say):
    """What is measured with guests of @cpus vCPUs. @boot is their Boot; @folder
    is for logs."""
    kinds = selected(options.kinds, KINDS)
    where = SHM if os.access(SHM, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=where) as scratch:
        guests = [Guest(kind, i, cpus, options, boot, scratch, folder)
                  for i, kind in enumerate(kinds)]
        try:
            for guest in guests:
                guest.start()
                say('%s with %d vCPUs is up' % (guest.kind.name, cpus))
            result = measure_all(guests, options, say)
            idle = measure_idle([g for g in guests if not g.failed],
                                5 if options.quick else 20)
        finally:
            for guest in guests:
                if guest.vm.pid:
                    guest.end()
    return {'measures': result, 'idle': idle}


def main():
    """In the L1 VM: measures what the file "options" says, into "results"."""
    def say(text):
        with open('/dev/console', 'w') as console:
            console.write('XENEMU: ran=%s\n' % text)

    with open('options') as f:
        options = argparse.Namespace(**json.load(f))
    set_up_taps(len(options.kinds))
    boot = argparse.Namespace(**options.boot)
    results = {cpus: measure_kinds(cpus, options, boot, '.', say)
               for cpus in options.cpus}
    with open('results', 'w') as f:
        json.dump(results, f)


if __name__ == '__main__':
    main()
