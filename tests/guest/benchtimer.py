# SPDX-License-Identifier: GPL-2.0-or-later
"""Timer latency: how late a guest's sleeps end. Prints a table and writes JSON
and a plot. Each guest is measured in turns with an idle main loop of QEMU and
with one that is blocked for half of the time (programs/stall.c). With
--instructions, the L1 VM has one CPU whose clock counts instructions; other
load on the host then makes no difference, and medians are the same in each
run."""
import os
import shlex
import signal
import subprocess

import benchkeep
import bundle
import guestvm
import images
import nested
import paths
import report
import vm

# MICROSECONDS:TIMES of each sleep.
SLEEPS = ('50:2000', '200:2000', '1000:2000', '10000:500')
COUNTED_SLEEPS = ('50:500', '200:500', '1000:500', '10000:100')
STALL = '20,40'                     # milliseconds: blocked, of each period
SHOWN = ('50', '90', '99', '99.9')  # percentiles of the table
GUEST = 'debian13'
PROGRAM = 'lateness'
LIMIT = 240                         # seconds for a turn
KINDS = ('rest', 'busy')

# QEMU's signal at each turn but the first, see programs/stall.c.
FOLLOW_TURNS = ''' &
turns=1
while kill -0 $!; do
    if [ "$(grep -c turn= console.log)" -gt $turns ]; then
        kill -USR2 $!
        turns=$((turns + 1))
    fi
    usleep 300000
done 2>/dev/null
wait $!'''

# All bits of KVM_CAP_XEN_HVM but EVTCHN_SEND.
NO_SEND = '0xffffffdf'
STALL_LIBRARY = '/lib/stall.so'
KVM = nested.COMMON_ACCEL


class Way:
    """How the timer is implemented. @abi is the ABI that the guest must
    use."""

    def __init__(self, name, title, accel, abi, upstream=False, caps=None):
        self.name = name
        self.title = title
        self.accel = accel
        self.abi = abi
        self.upstream = upstream
        self.caps = caps

    @property
    def nested(self):
        return self.accel.startswith('kvm')


WAYS = (
    Way('kvm-a', '(a) in-kernel', KVM, '2level'),
    Way('kvm-b', '(b) FIFO in QEMU', KVM + ',xen-evtchn-abi=fifo', 'fifo'),
    Way('kvm-c', '(c) 2-level in QEMU',
        KVM + ',xen-evtchn-abi=2level,x-kvm-xen-caps=' + NO_SEND, '2level'),
    Way('kvm-upstream-a', '(a) in-kernel, upstream', KVM, '2level', True),
    Way('kvm-upstream-c', '(c) 2-level in QEMU, upstream', KVM, '2level', True,
        NO_SEND),
    Way('tcg-b', 'TCG, FIFO', 'tcg,xen-version=4.17,xen-evtchn-abi=fifo',
        'fifo'),
    Way('tcg-c', 'TCG, 2-level',
        'tcg,xen-version=4.17,xen-evtchn-abi=2level', '2level'),
)


class Plan:
    """One guest. The interface is nested.Plan's."""

    def __init__(self, way, sleeps, turns, folder):
        self.way = way
        self.sleeps = sleeps
        self.turns = turns
        self.folder = os.path.join(folder, way.name)
        self.wrong = []
        self.figures = {kind: {} for kind in turns}

    def environment(self, library):
        words = ['LD_PRELOAD=' + library, 'STALL=' + STALL]
        if self.way.caps:
            words.append('XEN_HVM_CAPS=' + self.way.caps)
        return words

    def arguments(self, boot):
        return ['-accel', self.way.accel, '-machine', 'pc', '-m', '256',
                '-smp', '1', *guestvm.BASE, '-serial', 'chardev:serial',
                '-kernel', boot.kernel, '-initrd', boot.initrd,
                '-append', 'console=ttyS0 panic=-1 XE_STEPS=facts,lateness '
                'XE_LATENESS=%s XE_TURNS=%s' % (','.join(self.sleeps),
                                                ','.join(self.turns))]

    def add_to(self, tar):
        boot = nested.boot_in_l1(GUEST)
        program = nested.UPSTREAM_QEMU if self.way.upstream else bundle.PROGRAM
        words = ['env', *self.environment(STALL_LIBRARY), program,
                 '-L', bundle.FIRMWARE_FOLDER,
                 '-chardev', 'file,id=serial,path=console.log',
                 *self.arguments(boot)]
        nested.add_texts(tar, self.way.name, {
            'command': ' '.join(shlex.quote(w) for w in words) + FOLLOW_TURNS,
            'limit': str(LIMIT * len(self.turns)), 'untraced': ''})

    def judge(self, run):
        """Takes the figures from the facts of a finished run. For each sleep,
        those of the turn with the lowest p99 count."""
        self.wrong = [run.ending()] if run.ending() else []
        self.wrong += run.facts.get('error', [])
        if run.fact('abi') != self.way.abi:
            self.wrong.append('the guest has the ABI %s, not %s'
                              % (run.fact('abi'), self.way.abi))
        for kind in self.figures:
            lines = run.facts.get(kind + '-lateness', [])
            if len(lines) != len(self.sleeps) * self.turns.count(kind):
                self.wrong.append('%d sleeps were measured %s'
                                  % (len(lines), kind))
            for line in lines:
                self._take(self.figures[kind], line)

    @staticmethod
    def _take(figures, line):
        us, times, *pairs = line.split()
        seen = {p: int(ns) for p, ns in (pair.split(':') for pair in pairs)}
        if us not in figures or seen['99'] < figures[us]['99']:
            figures[us] = {'times': int(times), **seen}


def stall_library():
    """Compiles the library; returns its path."""
    path = os.path.join(paths.BUILD, 'stall.so')
    flags = subprocess.run(['pkg-config', '--cflags', '--libs', 'glib-2.0'],
                           stdout=subprocess.PIPE, text=True,
                           check=True).stdout.split()
    os.makedirs(paths.BUILD, exist_ok=True)
    subprocess.run(['gcc', '-O2', '-Wall', '-Werror', '-shared', '-fPIC', '-o',
                    path, images.program_source('stall'), *flags, '-ldl'],
                   check=True)
    return path


def run_nested(plans, options, library, folder, tally):
    extras = [([library], lambda archive: archive.copy(
        STALL_LIBRARY, library, 0o755))]
    if options.upstream:
        extras.append(bundle.qemu(options.upstream, nested.UPSTREAM_QEMU))
    boot = nested.l1_boot(options.qemu, {GUEST: images.guest(GUEST, PROGRAM)},
                          'l1-bench', extras=extras)
    outer = os.path.abspath(options.outer or options.qemu)
    cpus = nested.COUNTED_CPUS if options.instructions else nested.L1_CPUS
    l1 = nested.run_l1(outer, folder, boot, plans, tally, cpus)
    for reason in nested.l1_failures(l1):
        tally.say('L1: ' + reason)
    for plan in plans:
        plan.judge(nested.InnerRun(plan.folder, 'see plan', True))


def run_tcg(plan, options, library):
    boot = images.guest(GUEST, PROGRAM)
    machine = vm.Vm(options.qemu, plan.folder)
    machine.argv[:0] = ['env', *plan.environment(library)]
    machine.add(*plan.arguments(boot))

    def new_turn(value):
        if len(machine.facts['turn']) > 1:
            machine.send_signal(signal.SIGUSR2)

    machine.on_fact['turn'] = new_turn
    machine.run(LIMIT * len(plan.turns))
    plan.judge(machine)


def table(results, unit):
    lines = ['%-31s %7s  %35s  %35s  %6s' % (
        'lateness in ' + unit, 'sleep', 'main loop idle', 'blocked 20 of 40 ms',
        'p99'), '%-31s %7s  %s  %s' % (
            '', 'us', ''.join('%8s ' % ('p' + p) for p in SHOWN),
            ''.join('%8s ' % ('p' + p) for p in SHOWN))]
    for way in WAYS:
        result = results.get(way.name)
        if not result:
            continue
        for sleep in SLEEPS:
            us = sleep.split(':')[0]
            rest = result['rest'].get(us)
            busy = result['busy'].get(us)
            if not rest or not busy:
                continue
            lines.append('%-31s %7s  %s  %s  %+5.0f%%' % (
                way.title, us,
                ''.join('%8.1f ' % (rest[p] / 1000) for p in SHOWN),
                ''.join('%8.1f ' % (busy[p] / 1000) for p in SHOWN),
                (busy['99'] / rest['99'] - 1) * 100))
    return '\n'.join(lines)


def plot(results):
    """Gnuplot's commands for percentiles by implementation, a plot for each
    sleep."""
    blocks, plots, index = [], [], 0
    for sleep in SLEEPS:
        us, curves = sleep.split(':')[0], []
        for number, way in enumerate(w for w in WAYS if w.name in results):
            for kind, dash in (('rest', 1), ('busy', 2)):
                figures = results[way.name][kind].get(us, {})
                points = sorted((float(p), ns) for p, ns in figures.items()
                                if p != 'times' and 0 < float(p) < 100)
                if not points:
                    continue
                blocks.append('\n'.join('%g %g' % (
                    100 / (100 - p), ns / 1000) for p, ns in points))
                curves.append(
                    '$data index %d with linespoints lc %d dt %d pt 7 ps 0.3 '
                    'title "%s%s"' % (index, number + 1, dash, way.title,
                                      ', blocked' if kind == 'busy' else ''))
                index += 1
        if curves:
            plots.append('set title "sleep of %s us"\nplot %s' % (
                us, ', '.join(curves)))
    return [
        'set terminal svg size 1100,900 font "sans,10"',
        '$data << EOD', '\n\n\n'.join(blocks), 'EOD',
        'set logscale xy', 'set grid', 'set key left top font ",7"',
        'set xlabel "percentile"', 'set ylabel "late by (us)"',
        'set xtics ("50" 2, "75" 4, "90" 10, "95" 20, "99" 100, '
        '"99.9" 1000)',
        'set multiplot layout 2,2', *plots]


def bench(options):
    """The subcommand; returns the exit status."""
    if not benchkeep.can_keep(options):
        return 1
    wanted = [w for w in WAYS
              if (options.upstream or not w.upstream) and
              (w.nested or not options.instructions) and
              (not options.filter or any(f in w.name for f in options.filter))]
    library = stall_library()
    with paths.log_folder('bench-timer') as folder:
        sleeps = COUNTED_SLEEPS if options.instructions else SLEEPS
        plans = [Plan(way, sleeps, KINDS * options.rounds, folder)
                 for way in wanted]
        tally = report.Tally(len(plans))
        inner = [p for p in plans if p.way.nested]
        if inner:
            run_nested(inner, options, library, folder, tally)
        for plan in plans:
            if not plan.way.nested:
                run_tcg(plan, options, library)
            tally.add(report.Outcome(plan.way.name, 0, plan.wrong))
    results = {plan.way.name: plan.figures for plan in plans}
    if options.instructions:
        tally.say('\n' + table(results, 'us of 250 instr.'))
    else:
        tally.say('\n' + table(results, 'us'))
        benchkeep.keep('bench-timer', options, {
            'about': 'lateness in ns of a sleep by percentile; see '
            'tests/guest/benchtimer.py', 'stall-ms': STALL,
            'rounds': options.rounds, 'ways': {
                w.name: {'title': w.title, 'accel': w.accel,
                         **results[w.name]}
                for w in WAYS if w.name in results}}, script=plot(results))
    return tally.end()
