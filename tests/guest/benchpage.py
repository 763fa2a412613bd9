# SPDX-License-Identifier: GPL-2.0-or-later
"""Hypercalls by the page on a KVM without Xen support, beside in-kernel Xen support
and beside TCG.  Debian 11's kernel boots, sends events to itself and powers off, once
in each way.  L1 has one CPU whose clock counts instructions, so figures hardly differ
from run to run, whatever else the host does."""
import os
import shlex

import benchkeep
import bundle
import guestvm
import images
import nested
import nested_table
import paths
import report

GUEST = 'debian11'
PROGRAM = 'event-rate'
EVENTS = 500
LIMIT = 900                         # seconds of L1
# See nested.COUNTED_CPUS.
INSTRUCTIONS_A_SECOND = 250_000_000
ABI = ',xen-evtchn-abi=2level'


class Way:
    def __init__(self, name, title, accel, l1):
        self.name = name
        self.title = title
        self.accel = accel
        self.l1 = l1


WAYS = (
    Way('page', 'KVM without Xen support, xen-hypercalls=page',
        nested_table.PLAIN_ACCEL + ABI, nested_table.OLD_L1),
    Way('kernel', 'KVM with Xen support', nested_table.PLAIN_ACCEL + ABI,
        nested.L1_KERNEL),
    Way('tcg', 'TCG on the same host as the first',
        'tcg,xen-version=4.17' + ABI, nested_table.OLD_L1),
)


class Plan:
    """One guest. The interface is nested.Plan's."""

    def __init__(self, way, folder):
        self.way = way
        self.folder = os.path.join(folder, way.name)
        self.limit = LIMIT
        self.figures = {}
        boot = nested.boot_in_l1(GUEST)
        words = [bundle.PROGRAM, '-L', bundle.FIRMWARE_FOLDER,
                 '-chardev', 'file,id=serial,path=console.log',
                 '-accel', way.accel, '-machine', 'pc', '-m', '256', '-smp', '1',
                 *guestvm.BASE, '-serial', 'chardev:serial',
                 '-kernel', boot.kernel, '-initrd', boot.initrd,
                 '-append', 'console=ttyS0 panic=-1 quiet %s '
                 'XE_STEPS=modules,rate,facts XE_EVENTS=%d'
                 % (' '.join(nested_table.PATIENCE), EVENTS)]
        self.command = ' '.join(shlex.quote(w) for w in words)

    def add_to(self, tar):
        nested.add_texts(tar, self.way.name, {
            'command': 'cat /proc/uptime\n%s\nstatus=$?\ncat /proc/uptime\n'
                       'exit $status' % self.command,
            'limit': str(LIMIT), 'untraced': ''})

    def judge(self):
        """Takes the figures of a finished run; returns an Outcome."""
        run = nested.InnerRun(self.folder, self.command, False)
        wrong = [run.ending()] if run.ending() else []
        wrong += run.facts.get('error', [])
        uptimes = [float(line.split()[0]) for line in run.errors.lines
                   if line.replace('.', '').replace(' ', '').isdigit()]
        events = dict(text.split() for text in run.facts.get('event-ns', []))
        if run.fact('abi') != '2level' or run.fact('xen') != '4.17':
            wrong.append('the guest has Xen %s, events %s'
                         % (run.fact('xen'), run.fact('abi')))
        elif len(uptimes) != 2 or len(events) != 2:
            wrong.append('no figures')
        else:
            self.figures = {
                'run': int((uptimes[1] - uptimes[0]) * INSTRUCTIONS_A_SECOND),
                **{name: int(ns) * INSTRUCTIONS_A_SECOND // 10**9
                   for name, ns in events.items()}}
        return report.Outcome(self.way.name, run.seconds, wrong, machine=run)


def table(results):
    """Millions of instructions for the run, instructions for an event, and
    each as a multiple of the first way's."""
    def cells(figures, key, unit):
        ratio = figures[key] / results[WAYS[0].name][key]
        return ['%.0f' % (figures[key] / unit), '%.2f' % ratio]

    names = [name for name in results[WAYS[0].name] if name != 'run']
    head = ['instructions', 'boot to end, millions', 'ratio']
    for name in names:
        head += ['event, ' + name, 'ratio']
    return report.table(head, [
        [way.title, *cells(results[way.name], 'run', 10**6),
         *(cell for name in names
           for cell in cells(results[way.name], name, 1))]
        for way in WAYS])


def bench(options):
    """The subcommand; returns the exit status."""
    tally = report.Tally(len(WAYS))
    outer = os.path.abspath(options.outer or options.qemu)
    results = {}
    with paths.log_folder('bench-page') as folder:
        plans = [Plan(way, folder) for way in WAYS]
        for kernel in dict.fromkeys(way.l1 for way in WAYS):
            mine = [plan for plan in plans if plan.way.l1 == kernel]
            boot = nested.l1_boot(options.qemu, {GUEST: images.guest(GUEST, PROGRAM)},
                                  'l1-page', l1_kernel=kernel)
            l1 = nested.run_l1(outer, folder, boot, mine, tally, nested.COUNTED_CPUS)
            for reason in nested.l1_failures(l1):
                tally.say('L1: ' + reason)
            for plan in mine:
                tally.add(plan.judge())
                results[plan.way.name] = plan.figures
    if all(results.values()):
        text = table(results)
        tally.say('\n' + text)
        benchkeep.keep('bench-page', options, {
            'about': 'instructions of L1, see tests/guest/benchpage.py',
            'events': EVENTS, 'ways': results}, text)
    return tally.end()
