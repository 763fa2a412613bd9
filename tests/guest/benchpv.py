# SPDX-License-Identifier: GPL-2.0-or-later
"""Speed of PV disk and network, beside upstream's and virtio's. Prints a table
and writes JSON and a plot.

One guest of each kind runs; they take turns, so that other load on the host
falls on all alike, and what counts is the ratio of turns that follow each
other. For networks through taps it runs itself in a network namespace."""
import os
import queue
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import guestvm
import images
import nested
import paths
import report
import tcpserver
import vm

GUEST = 'debian13'
PROGRAM = 'pv-load'
DISK_MIB = 64
LIMIT = 1800                        # seconds for all that a guest does
BOOT_LIMIT = 240
TURN_LIMIT = 60
INSIDE = 'XE_BENCH_NAMESPACE'       # set in our own network namespace
# Directly on the host's memory, where there is such a place.
SHM = '/dev/shm'

XEN = 'tcg,xen-version=4.17'


class Kind:
    """A guest and its devices. @disk is its name there."""

    def __init__(self, name, title, accel, disk_device, disk, net_device,
                 upstream=False):
        self.name = name
        self.title = title
        self.accel = accel
        self.disk_device = disk_device
        self.disk = disk
        self.net_device = net_device
        self.upstream = upstream


OURS = Kind('xen', 'xen-disk, xen-net', XEN, 'xen-disk,vdev=xvda', '/dev/xvda',
            'xen-net-device')
UPSTREAM = Kind('upstream', "upstream's", None, OURS.disk_device, OURS.disk,
                OURS.net_device, True)
VIRTIO = Kind('virtio', 'virtio', 'tcg', 'virtio-blk-pci', '/dev/vda',
              'virtio-net-pci')
KINDS = (OURS, UPSTREAM, VIRTIO)


# What QEMU counts, by the name in a result; these do not depend on other load.
COUNTS = {
    'requests': 'requests of the disk',
    'events-in': 'events to the back end',
    'events-out': 'events to the guest',
    'ipis': 'IPIs',
    'timers': 'timers set',
    'invalidated': 'blocks of code invalidated',
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


class Guest:
    """A running guest, which does what it is asked, a thing at a time."""

    def __init__(self, kind, number, cpus, options, boot, scratch, folder,
                 nets, ports):
        self.kind = kind
        self.answers = queue.Queue()
        self.failed = False
        self.nets = {
            net: ('52:54:00:00:%02x:%02x' % (number, i),
                  '10.1.%d.2' % number if net == 'tap' else '10.0.2.15',
                  '10.1.%d.1' % number if net == 'tap' else '10.0.2.2',
                  ports[net]) for i, net in enumerate(nets)}
        self.vm = vm.Vm(options.upstream if kind.upstream else options.qemu,
                        os.path.join(folder, '%s-%d' % (kind.name, cpus)))
        self.vm.add(*self._arguments(number, cpus, boot, scratch))
        self.qmp = self.vm.add_qmp()
        self.vm.on_fact['load-ready'] = self.answers.put
        self.vm.on_fact['load-done'] = self.answers.put
        self._thread = threading.Thread(target=self._run)

    def _arguments(self, number, cpus, boot, scratch):
        kind = self.kind
        accel = kind.accel or OURS.accel
        image = os.path.join(scratch, kind.name + '.img')
        with open(image, 'wb') as f:
            for _ in range(DISK_MIB):
                f.write(os.urandom(1 << 20))
        # On a busy host Linux finds that a PC's timer does not work.
        parameters = ('console=ttyS0 panic=-1 no_timer_check '
                      'XE_STEPS=modules,load')
        words = ['-accel', accel, '-machine', 'pc', '-m', '256', '-smp', cpus,
                 '-name', 'guest,debug-threads=on', *guestvm.BASE,
                 '-serial', 'chardev:serial', '-drive',
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
        for mac, address, *_ in self.nets.values():
            self.ask('net %s %s' % (mac, address))

    def _answer(self, limit):
        try:
            answer = self.answers.get(timeout=limit)
        except queue.Empty:
            answer = None
        if answer is None or answer.startswith('error'):
            raise RuntimeError('%s: %s' % (self.kind.name, answer or
                                           'the guest does not answer'))
        return answer

    def ask(self, line):
        self.vm.channels['serial'].send(line + '\n')
        return self._answer(TURN_LIMIT)

    def measure(self, measure, ms):
        words = measure.words.split()
        if measure.net:
            _, _, host, port = self.nets[measure.net]
            rest = [host, str(port)]
        else:
            rest = [self.kind.disk, *words[1:]]
        counted = self.counts()
        before = self.cost()
        answer = self.ask(' '.join([words[0], str(ms), *rest]))
        names = ('operations', 'bytes', 'ns', 'p50', 'p99', 'worst')
        result = dict(zip(names, map(int, answer.split())))
        result['cpu'], result['waits'] = self.cost_since(before)
        for name, number in self.counts().items():
            result[name] = number - counted[name]
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
        text = self._query('x-query-jit')['human-readable-text']
        disks = [d['stats'] for d in self._query('query-blockstats')]
        counts = {
            'invalidated': int(re.search(r'TB invalidate count +(\d+)',
                                         text).group(1)),
            'requests': sum(s['rd_operations'] + s['wr_operations']
                            for s in disks)}
        if self.kind is OURS:
            vcpus = self._query('query-xen')['vcpus']
            for name, kind in (('events-in', 'to-backend'),
                               ('events-out', 'backend'), ('ipis', 'ipi')):
                counts[name] = sum(k['fast'] + k['slow'] for v in vcpus
                                   for k in v['kinds'] if k['kind'] == kind)
            counts['timers'] = sum(v['timers-armed'] for v in vcpus)
        return counts

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


def summary(measure, rounds):
    """Of [{kind: result}]: what is kept, by kind."""
    kept = {}
    for kind in {kind for r in rounds for kind in r}:
        results = [r[kind] for r in rounds if kind in r]
        values = [measure.value(r) for r in results]
        kept[kind] = {'value': round(median(values), 1)}
        for key, scale in (('cpu', 1000), ('waits', 1),
                           *((key, 1) for key in COUNTS)):
            if key in results[0]:
                kept[kind][key] = round(median(
                    [r[key] / scale / measure.units(r) for r in results]), 2)
        if measure.words == 'round':
            kept[kind]['p99-us'] = round(
                median([r['p99'] for r in results]) / 1000, 1)
            kept[kind]['worst-us'] = round(
                max(r['worst'] for r in results) / 1000, 1)
            kept[kind]['p50-us'] = kept[kind]['value']
        ratios = [measure.value(r[kind]) / (measure.value(r[VIRTIO.name]) or 1)
                  for r in rounds if kind in r and VIRTIO.name in r]
        if ratios:
            kept[kind]['ratio'] = round(median(ratios), 3)
            kept[kind]['ratios'] = [round(min(ratios), 3),
                                    round(max(ratios), 3)]
    return kept


def measure_turn(guests, measure, ms, say):
    """{kind: result}; a guest that fails takes no part from then on."""
    results = {}
    for guest in guests:
        if not guest.failed:
            try:
                results[guest.kind.name] = guest.measure(measure, ms)
            except (RuntimeError, OSError) as e:
                say('%s: %s' % (measure.title, e))
                guest.failed = True
    return results


def measure_all(guests, measures, options, say):
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
    return {m.name: summary(m, results[m.name]) for m in measures}


def set_up_taps(count):
    """In our own network namespace: tap0 and on, 10.1.N.1 each."""
    commands = ['ip link set lo up']
    for i in range(count):
        commands += ['ip tuntap add tap%d mode tap' % i,
                     'ip addr add 10.1.%d.1/24 dev tap%d' % (i, i),
                     'ip link set tap%d up' % i]
    for command in commands:
        subprocess.run(command.split(), check=True)


def enter_namespace():
    """Runs this again in a network namespace; returns why not, else ends."""
    if os.environ.get(INSIDE):
        return None
    unshare = ['unshare', '--net'] + (
        [] if os.geteuid() == 0 else ['--map-root-user'])
    for program in ('unshare', 'ip'):
        if not shutil.which(program):
            return program + ' is not installed'
    tried = subprocess.run([*unshare, 'ip', 'tuntap', 'add', 't', 'mode',
                            'tap'], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
    if tried.returncode:
        return tried.stdout.strip()
    sys.exit(subprocess.run([*unshare, sys.executable, '-B', *sys.argv],
                            env={**os.environ, INSIDE: '1'}).returncode)


def bench_cpus(cpus, kinds, measures, options, folder, say):
    nets = sorted({m.net for m in measures if m.net})
    where = SHM if os.access(SHM, os.W_OK) else None
    boot = images.guest(GUEST, PROGRAM)
    with tempfile.TemporaryDirectory(dir=where) as scratch, \
            tcpserver.TcpServer('0.0.0.0') as server:
        ports = {net: server.port for net in nets}
        guests = [Guest(kind, i, cpus, options, boot, scratch, folder, nets,
                        ports) for i, kind in enumerate(kinds)]
        try:
            for guest in guests:
                guest.start()
                say('%s with %d vCPUs is up' % (guest.kind.name, cpus))
            result = measure_all(guests, measures, options, say)
            idle = measure_idle([g for g in guests if not g.failed],
                                5 if options.quick else 20)
        finally:
            for guest in guests:
                if guest.vm.pid:
                    guest.end()
    return {'kinds': [k.name for k in kinds], 'measures': result,
            'idle': idle}


def table(results):
    lines = []
    for cpus, result in results.items():
        kinds = [k for k in KINDS if k.name in result['kinds']]
        head = ['%s vCPUs' % cpus, 'unit']
        head += [k.title for k in kinds] + ['ratio', 'of rounds', 'goal']
        rows = []
        for measure in MEASURES:
            figures = result['measures'].get(measure.name)
            if figures:
                rows += rows_of(measure, figures, kinds)
        idle = result['idle']
        for key, title in (('cpu-ms', 'idle, CPU time'),
                           ('waits', 'idle, context switches')):
            rows.append([title, 'ms/s' if key == 'cpu-ms' else '1/s']
                        + shown(idle, kinds, key)
                        + [idle_ratio(idle, key), '', '<=1.2'])
        lines.append(report.table(head, rows))
    return '\n\n'.join(lines)


def shown(figures, kinds, key):
    return [figures.get(k.name, {}).get(key, '-') for k in kinds]


def idle_ratio(idle, key):
    if OURS.name not in idle or VIRTIO.name not in idle:
        return ''
    return '%.2f' % (idle[OURS.name][key] / (idle[VIRTIO.name][key] or 1))


def rows_of(measure, figures, kinds):
    ours = figures.get(OURS.name, {})
    ratio = ['', '']
    if 'ratio' in ours:
        ratio = ['%.2f' % ours['ratio'], '%.2f to %.2f' % tuple(ours['ratios'])]
    rows = [[measure.title, measure.unit]
            + shown(figures, kinds, 'value') + ratio
            + [('<=%g' if measure.is_time else '>=%g') % measure.goal]]
    if measure.words == 'round':
        for key, title in (('p99-us', '99th percentile'),
                           ('worst-us', 'worst')):
            rows.append(['  ' + title, 'us']
                        + shown(figures, kinds, key)
                        + ['', '', '<=10 x median' if key == 'worst-us'
                           else ''])
    of_what = 'MiB' if measure.unit == 'MiB/s' else 'operation'
    for key, title in (('cpu', '  CPU time, us a ' + of_what),
                       ('waits', '  context switches a ' + of_what),
                       *((key, '  %s a %s' % (title, of_what))
                         for key, title in COUNTS.items())):
        both = OURS.name in figures and VIRTIO.name in figures
        rows.append([title, ''] + shown(figures, kinds, key)
                    + ['%.2f' % (figures[OURS.name][key]
                                 / (figures[VIRTIO.name][key] or 1))
                       if both and key not in COUNTS else '', '', ''])
    return rows


def plot(results, path):
    """Ratios to virtio; a time's is turned over, so that more is better."""
    blocks, plots = [], []
    for cpus, result in results.items():
        figures = [(m, result['measures'][m.name]) for m in MEASURES
                   if m.name in result['measures']]
        kinds = [k for k in (OURS, UPSTREAM) if k.name in result['kinds']]
        lines = []
        for measure, of_kind in figures:
            ratios = [of_kind.get(k.name, {}).get('ratio', 0) for k in kinds]
            if measure.is_time:
                ratios = [1 / r if r else 0 for r in ratios]
            lines.append('"%s" %s' % (
                measure.title.replace(', ', '\\n'),
                ' '.join('%g' % r for r in ratios)))
        blocks.append('$data%s << EOD\n%s\nEOD' % (cpus, '\n'.join(lines)))
        plots.append(
            'set title "%s vCPU%s, TCG: speed, virtio\'s is 1"\nplot %s' % (
                cpus, '' if cpus == 1 else 's', ', '.join(
                    '$data%s using %d:xtic(1) title "%s"' % (
                        cpus, i + 2, k.title)
                    for i, k in enumerate(kinds))))
    script = '\n'.join([
        'set terminal svg size 1100,800 font "sans,10" background "white"',
        'set output "%s"' % path, *blocks,
        'set style data histograms', 'set style fill solid 0.7',
        'set key outside right top', 'set grid y', 'set yrange [0:*]',
        'set arrow from graph 0, first 1 to graph 1, first 1 nohead dt 2',
        'set bmargin 4',
        'set xtics font ",8"', 'set multiplot layout %d,1' % len(plots),
        *plots, 'unset multiplot', ''])
    with tempfile.NamedTemporaryFile('w', suffix='.gp') as f:
        f.write(script)
        f.flush()
        subprocess.run(['gnuplot', f.name], check=True)


def keep(results, options):
    out = os.path.join(os.path.dirname(paths.BUILD), 'bench')
    os.makedirs(out, exist_ok=True)
    if options.record:
        out = os.path.join(paths.CHECKOUT, 'docs')
    record = {'about': 'PV disk and network beside virtio; see '
              'tests/guest/benchpv.py', 'quick': options.quick,
              'qemu': nested.qemu_version(options.qemu),
              'results': {str(cpus): r for cpus, r in results.items()}}
    if options.upstream:
        record['upstream'] = nested.qemu_version(options.upstream)
    nested.write_json(os.path.join(out, 'bench-pv.json'), record)
    # For the documentation, which includes it as it is.
    images.write_atomically(os.path.join(out, 'bench-pv.txt'),
                            (table(results) + '\n').encode())
    files = 'bench-pv.json, .txt'
    if shutil.which('gnuplot') and all(VIRTIO.name in r['kinds']
                                       for r in results.values()):
        plot(results, os.path.join(out, 'bench-pv.svg'))
        files += ' and .svg'
    print('%s/%s' % (os.path.relpath(out), files))


def bench(options):
    """The subcommand; returns the exit status."""
    # Its packages come from the network, which the namespace does not have.
    images.guest(GUEST, PROGRAM)
    why = enter_namespace()
    measures = [m for m in MEASURES
                if not options.filter or
                any(f in m.name for f in options.filter)]
    kinds = [k for k in KINDS if options.upstream or not k.upstream]
    if options.only:
        kinds = [k for k in kinds if k.name in options.only]
    if why:
        print('No taps, so without them: ' + why)
        measures = [m for m in measures if m.net != 'tap']
    else:
        set_up_taps(len(kinds))
    print('Command: ' + shlex.join(sys.argv))

    def say(text):
        print('[%s] %s' % (time.strftime('%H:%M:%S'), text), flush=True)

    results = {}
    with paths.log_folder('bench-pv') as folder:
        for cpus in options.cpus or (1, 2):
            results[cpus] = bench_cpus(cpus, kinds, measures, options, folder,
                                       say)
            print('\n' + table({cpus: results[cpus]}) + '\n', flush=True)
    keep(results, options)
    return 0 if all(OURS.name in r['idle'] for r in results.values()) else 1
