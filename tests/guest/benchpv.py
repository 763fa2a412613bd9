# SPDX-License-Identifier: GPL-2.0-or-later
"""Speed of PV disk and network, beside virtio's, on TCG or nested KVM. Prints a
table and writes JSON and a plot.

pvturns.py does the measurements: on TCG on this host, for networks through taps
in a network namespace of its own; on KVM in the L1 VM. With --instructions, the
L1 VM has one CPU whose clock counts instructions, so that other load on the host
makes little difference."""
import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

import benchkeep
import bundle
import images
import nested
import paths
import report
from pvturns import (COSTS, COUNTS, KINDS, MEASURES, OURS, PORT,
                     VIRTIO, measure_kinds, selected, set_up_taps)

GUEST = 'debian13'
PROGRAM = 'pv-load'
PEER = nested.L1_PROGRAM
INSIDE = 'XE_BENCH_NAMESPACE'       # set in our own network namespace
L1_MEMORY = 3072
L1_LIMIT = 7200                     # seconds
MODULE = 'pvturns'


class Plan:
    """What the L1 VM runs: MODULE. The interface is nested.Plan's."""

    def __init__(self, command, settings, folder):
        self.name = 'turns'
        self.folder = os.path.join(folder, self.name)
        self.limit = L1_LIMIT
        self._texts = {'command': shlex.join(command), 'untraced': '',
                       'options': json.dumps(settings),
                       'limit': str(self.limit), 'returned': 'results'}

    def add_to(self, tar):
        nested.add_texts(tar, self.name, self._texts)

    def results(self):
        with open(os.path.join(self.folder, 'results')) as f:
            return {int(cpus): r for cpus, r in json.load(f).items()}


def measure_nested(options):
    """{vCPUs: what is measured}; raises RuntimeError."""
    extras = []
    if options.upstream:
        extras.append(bundle.qemu(options.upstream, nested.UPSTREAM_QEMU))
    python, command = bundle.python(MODULE)
    boot = nested.l1_boot(
        options.qemu, {GUEST: images.guest(GUEST, PROGRAM)}, 'l1-bench-pv',
        ('tun',), [*extras, python])
    settings = {name: getattr(options, name)
                for name in ('accel', 'cpus', 'kinds', 'measures', 'quick',
                             'rounds')}
    settings.update(qemu=bundle.PROGRAM, upstream=nested.UPSTREAM_QEMU,
                    extra=['-L', bundle.FIRMWARE_FOLDER],
                    boot=nested.boot_in_l1(GUEST)._asdict())
    with paths.log_folder('bench-pv') as folder:
        plan = Plan(command, settings, folder)
        l1 = nested.run_l1(
            os.path.abspath(options.outer or options.qemu), folder, boot,
            [plan], report.Tally(1),
            nested.COUNTED_CPUS if options.instructions else nested.L1_CPUS,
            L1_MEMORY)
        run = nested.InnerRun(plan.folder, 'see plan', False)
        # Upstream's QEMU with PV devices crashes in notifier_remove() when it quits,
        # after all measurements; before, a turn would fail.
        wrong = [w for w in nested.l1_failures(l1)
                 if os.path.basename(nested.UPSTREAM_QEMU) not in w]
        wrong += [w for w in [run.ending()] if w]
        if wrong:
            raise RuntimeError('\n'.join(wrong + run.errors.lines[-20:]))
        return plan.results()


@contextlib.contextmanager
def peer():
    """A context manager for a running PEER."""
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, PEER)
        with open(program, 'wb') as f:
            f.write(images.compiled(PEER))
        os.chmod(program, 0o755)
        with subprocess.Popen([program, str(PORT)]) as process:
            try:
                yield
            finally:
                process.kill()


def measure_here(options):
    """The same on this host, with TCG; enter_namespace() comes first."""
    options.extra = ()
    boot = images.guest(GUEST, PROGRAM)
    results = {}
    with paths.log_folder('bench-pv') as folder, peer():
        for cpus in options.cpus:
            results[cpus] = measure_kinds(
                cpus, options, boot, folder, lambda text: print(
                    '[%s] %s' % (time.strftime('%H:%M:%S'), text), flush=True))
            print('\n' + table({cpus: results[cpus]}, options) + '\n',
                  flush=True)
    return results


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


def table(results, options):
    return '\n\n'.join(table_of(cpus, result, selected(options.kinds, KINDS))
                       for cpus, result in results.items())


def table_of(cpus, result, kinds):
    compared = [k for k in kinds if k is not VIRTIO]
    head = ['%d vCPU%s' % (cpus, '' if cpus == 1 else 's'), 'unit']
    head += [k.title for k in kinds]
    for kind in compared:
        head += ['ratio' if kind is OURS else kind.name + ' ratio',
                 'of rounds']
    rows = []
    for measure in selected(result['measures'], MEASURES):
        rows += rows_of(measure, result['measures'][measure.name], kinds,
                        compared)
    for key, title, unit in (('cpu-ms', 'idle, CPU time', 'ms/s'),
                             ('waits', 'idle, context switches', '1/s')):
        rows.append([title, unit] + shown(result['idle'], kinds, key)
                    + ratios(result['idle'], compared, key) + ['<=1.2'])
    return report.table(head + ['goal'], rows)


def shown(figures, kinds, key):
    return [figures.get(k.name, {}).get(key, '-') for k in kinds]


def ratios(figures, kinds, key):
    """Cells of @kinds beside virtio."""
    cells = []
    theirs = figures.get(VIRTIO.name, {}).get(key)
    for kind in kinds:
        ours = figures.get(kind.name, {}).get(key)
        known = theirs and ours is not None
        cells += ['%.2f' % (ours / theirs) if known else '', '']
    return cells


def rows_of(measure, figures, kinds, compared):
    cells = []
    for kind in compared:
        of_kind = figures.get(kind.name, {})
        cells += (['%.2f' % of_kind['ratio'],
                   '%.2f to %.2f' % tuple(of_kind['ratios'])]
                  if 'ratio' in of_kind else ['', ''])
    rows = [[measure.title, measure.unit] + shown(figures, kinds, 'value')
            + cells + [('<=%g' if measure.is_time else '>=%g') % measure.goal]]
    if measure.words == 'round':
        for key, title, goal in (
                ('p99-us', '99th percentile', ''),
                ('worst-us', 'worst', '<=10 x median')):
            rows.append(['  ' + title, 'us'] + shown(figures, kinds, key)
                        + [''] * len(cells) + [goal])
    of_what = 'MiB' if measure.unit == 'MiB/s' else 'operation'
    for key, title in {**COSTS, **COUNTS}.items():
        if any(key in of_kind for of_kind in figures.values()):
            rows.append(['  %s a %s' % (title, of_what), '']
                        + shown(figures, kinds, key)
                        + ratios(figures, compared, key) + [''])
    return rows


def plot(results, options):
    """Ratios to virtio; a time's is turned over, so that more is better."""
    blocks, plots = [], []
    kinds = [k for k in selected(options.kinds, KINDS) if k is not VIRTIO]
    where = 'nested KVM' if options.accel == 'kvm' else 'TCG'
    for cpus, result in results.items():
        lines = []
        for measure in selected(result['measures'], MEASURES):
            of_kind = result['measures'][measure.name]
            bars = [of_kind.get(k.name, {}).get('ratio', 0) for k in kinds]
            if measure.is_time:
                bars = [1 / r if r else 0 for r in bars]
            lines.append('"%s" %s' % (
                measure.title.replace(', ', '\\n'),
                ' '.join('%g' % r for r in bars)))
        blocks.append('$data%s << EOD\n%s\nEOD' % (cpus, '\n'.join(lines)))
        plots.append(
            'set title "%s vCPU%s, %s: speed, virtio\'s is 1"\nplot %s' % (
                cpus, '' if cpus == 1 else 's', where, ', '.join(
                    '$data%s using %d:xtic(1) title "%s"' % (
                        cpus, i + 2, k.title)
                    for i, k in enumerate(kinds))))
    return [
        'set terminal svg size 1100,%d font "sans,10" background "white"'
        % (400 * len(plots)), *blocks,
        'set style data histograms', 'set style fill solid 0.7',
        'set key outside right top', 'set grid y', 'set yrange [0:*]',
        'set arrow from graph 0, first 1 to graph 1, first 1 nohead dt 2',
        'set bmargin 4',
        'set xtics font ",8"', 'set multiplot layout %d,1' % len(plots),
        *plots]


def choose(options):
    """Sets what is to be measured."""
    if options.instructions:
        options.accel = 'kvm'
    if options.accel == 'tcg':
        options.upstream = None
    options.kinds = [k.name for k in KINDS if (
        k.name in options.only if options.only else not k.extra) and
                     (options.upstream or not k.upstream)]
    options.measures = [m.name for m in MEASURES if not options.filter or
                        any(f in m.name for f in options.filter)]
    options.cpus = options.cpus or ([1] if options.instructions else [1, 2])


def prepare_network(options):
    """For guests on this host."""
    # Its packages come from the network, which the namespace does not have.
    images.guest(GUEST, PROGRAM)
    why = enter_namespace()
    if why:
        print('No taps, so without them: ' + why)
        options.measures = [m.name for m in selected(
            options.measures, MEASURES) if m.net != 'tap']
    else:
        set_up_taps(len(options.kinds))


def bench(options):
    """The subcommand; returns the exit status."""
    if not benchkeep.can_keep(options):
        return 1
    choose(options)
    if options.accel == 'tcg':
        prepare_network(options)
    print('Command: ' + shlex.join(sys.argv), flush=True)
    if options.accel == 'tcg':
        results = measure_here(options)
    else:
        try:
            results = measure_nested(options)
        except RuntimeError as e:
            print(e)
            return 1
        print('\n' + table(results, options) + '\n')
    name = 'bench-pv' + ('' if options.accel == 'tcg' else '-counted'
                         if options.instructions else '-kvm')
    complete = all(VIRTIO.name in r['idle'] for r in results.values())
    benchkeep.keep(name, options, {
        'about': 'PV disk and network beside virtio; see '
        'tests/guest/benchpv.py', 'quick': options.quick,
        'accel': options.accel, 'results': results},
        table(results, options), plot(results, options) if complete else None)
    return 0 if all(OURS.name in r['idle'] for r in results.values()) else 1
