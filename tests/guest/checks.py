# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of a guest that has run. Each yields a sentence for everything that
is wrong."""
import re

import guestvm
import hostside

SLEEP_NS = 10 * 1000 * 1000
# More than the 2-level ABI supports; an even number for each vCPU.
CHANNELS = 20000
# Almost all of its 4,096 ports.
CHANNELS_2LEVEL = 3800
# As in guest/init.sh.
CODE_TURNS = 200
# tcp-load: round trips of one byte, then bytes in each direction.
TCP_ROUNDS = 10000
TCP_BYTES = (100 if hostside.LONG else 10) << 20
# The same on nested KVM, while the disk is written.
BUSY_ROUNDS = 2000 if hostside.LONG else 200
BUSY_BYTES = (10 if hostside.LONG else 1) << 20


# Linux frees the interrupt of a vCPU's VIRQ_DEBUG, which it unbinds when it takes the
# vCPU offline for S3, in a work item behind an RCU grace period (since its fix of
# XSA-441). By then it may have resumed that interrupt, which it had marked as
# suspended before: resume_irqs() starts it without activating it, and warns. The
# busier the host the more often; Xen has no part in it.
_IRQ_RESUMED = re.compile(r'WARNING: .* at kernel/irq/chip\.c:\d+ __irq_startup\b')


class Run:
    """What the checks know of a finished run."""

    def __init__(self, machine, stimulus, cpus, expect, sleeps):
        self.vm = machine
        self.stimulus = stimulus
        self.cpus = cpus
        self.expect = expect
        self.sleeps = sleeps

    def same(self, key, wanted):
        """Checks that all values that the guest reported for @key are
        @wanted."""
        for got in self.vm.facts.get(key, [None]):
            if got != str(wanted):
                yield '%s is %s, not %s' % (key, got, wanted)

    def number(self, key):
        try:
            return int(self.vm.fact(key))
        except (TypeError, ValueError):
            return None


def ended(run):
    ending = run.vm.ending()
    if ending:
        yield ending
    yield from run.same('begin', run.stimulus.nonce)
    yield from run.same('end', run.stimulus.nonce)


def problems(run):
    """The lines of the kernel's log that name one, but for Linux's own with S3."""
    found = list(run.vm.facts.get('problem', []))
    if (len(found) >= 2 and _IRQ_RESUMED.search(found[0]) and
            found[1].endswith('Call Trace:') and
            any(re.search(r'\bresume_irqs\+', line)
                for line in run.vm.facts.get('log', []))):
        del found[:2]
    return found


def clean(run):
    """The guest reported no error."""
    for text in run.vm.facts.get('error', []):
        yield 'error: ' + text
    for text in problems(run):
        yield 'problem: ' + text


def facts(run):
    wanted = {'detected': 'Xen HVM', 'guest-type': 'HVM',
              'hypervisor': 'xen', 'cpus': run.cpus,
              'clocksource': 'xen', 'clockevent': 'xen'}
    wanted.update(run.expect)
    for key, value in wanted.items():
        if value is not None:
            yield from run.same(key, value)
    if run.vm.fact('abi') not in ('2level', 'fifo'):
        yield 'the guest did not report an event-channel ABI'
    wallclock = run.number('wallclock')
    latest = run.vm.ended_at + 3
    earliest = run.vm.ended_at - run.vm.seconds - 3
    if wallclock is None or not earliest < wallclock < latest:
        yield ('the wall clock was %s, not between %.0f and %.0f'
               % (wallclock, earliest, latest))


def disk(run):
    yield from run.same('disk-size', run.stimulus.disk_size)
    yield from run.same('disk-sha256', run.stimulus.disk_sha256)


def write(run):
    with open(run.stimulus.written, 'rb') as f:
        found = f.read()
    wanted = run.stimulus.expected_written()
    if found != wanted:
        at = next((i for i, (a, b) in enumerate(zip(found, wanted)) if a != b),
                  min(len(found), len(wanted)))
        yield 'the written disk differs from byte %d' % at


def code(run):
    """TCG runs no translation of what a PV disk has overwritten."""
    yield from run.same('code', '%d stale=0' % CODE_TURNS)


def net(run):
    yield from run.same('net-driver', 'vif')
    yield from run.same('net-size', len(run.stimulus.fetched))
    yield from run.same('net-sha256', run.stimulus.fetched_sha256)


def tcp(run, rounds=TCP_ROUNDS, size=TCP_BYTES):
    """There were no retransmissions, since no frame was lost."""
    yield from run.same('tcp-rounds', rounds)
    for key in ('tcp-out', 'tcp-in'):
        moved = (run.vm.fact(key) or '0').split()[0]
        if moved != str(size):
            yield '%s of %d bytes of %s came through' % (moved, size, key)
    yield from run.same('tcp-resent', 0)
    yield from run.same('tcp-dropped', 0)


def disk_load(run):
    """Every block of the disk holds what was written, wherever that was."""
    for key in ('disk-load-writes', 'disk-load-verified'):
        if not run.number(key):
            yield '%s is %s' % (key, run.vm.fact(key))


def moved(run):
    yield from disk_load(run)
    yield from run.same('moves-word', '.enough')


def busy(run):
    yield from tcp(run, BUSY_ROUNDS, BUSY_BYTES)
    yield from disk_load(run)


def console(run):
    yield from run.same('hvc-answer', run.stimulus.answer)


def lines(run):
    """Each line that either side wrote on hvc0 arrived once, whole and in
    order."""
    yield from run.same('lines-echoed', guestvm.LINES_ECHOED)
    nonce, answer = run.stimulus.nonce, run.stimulus.answer
    wanted = ['out %s %d' % (nonce, i + 1) for i in range(guestvm.LINES_OUT)]
    wanted.append('in of %s wanted' % nonce)
    wanted += ['echo %s %d' % (answer, i)
               for i in range(guestvm.LINES_ECHOED)]
    wanted.append('all of %s written' % nonce)
    found = run.vm.channels['hvc'].lines
    if found != wanted:
        at = next((i for i, (a, b) in enumerate(zip(found, wanted))
                   if a != b), min(len(found), len(wanted)))
        yield ('hvc0: line %d of %d is %r, %d wanted' %
               (at + 1, len(found), found[at:at + 1], len(wanted)))


def sleep(run):
    """Sleeps use Xen's timer and are not too short. They may be longer on a
    busy host, without limit."""
    least = run.sleeps * SLEEP_NS
    took = run.vm.facts.get('sleep-ns', [])
    if len(took) != run.cpus:
        yield '%d of %d vCPUs finished their sleeps' % (len(took), run.cpus)
    for value in took:
        if int(value) < least:
            yield ('%d sleeps of 10 ms took %.0f ms'
                   % (run.sleeps, int(value) / 1e6))
    interrupts = run.number('sleep-timer-irqs')
    if interrupts is None or interrupts < run.sleeps * run.cpus:
        yield ('%s timer interrupts for %d sleeps'
               % (interrupts, run.sleeps * run.cpus))


def clock(run):
    yield from run.same('clock-reads', 10 * run.cpus)
    yield from run.same('clock-backwards', 0)


def interrupt_counts(machine):
    """{name: [count per vCPU]} of the guest's Xen interrupts."""
    counts = {}
    for row in machine.facts.get('interrupts', []):
        words = row.split()
        if words and words[0].endswith(':'):
            numbers = []
            for word in words[1:]:
                if not word.isdigit():
                    break
                numbers.append(int(word))
            name = words[-1] if words[0][:-1].isdigit() else words[0][:-1]
            if 'xen-' in row or name == 'HYP':
                counts[name] = numbers
    return counts


def interrupts(run):
    counts = interrupt_counts(run.vm)
    for cpu in range(run.cpus):
        fired = counts.get('timer%d' % cpu, [])
        if len(fired) <= cpu or not fired[cpu]:
            yield 'timer%d never expired on its vCPU' % cpu
    # That of a PV guest is no interrupt.
    if run.expect.get('guest-type') != 'PV' and not any(counts.get('HYP', [])):
        yield 'the guest counted no upcall'


# What many-channels reports for each pass: the share of its channels that get
# an event.
CHANNEL_PASSES = (('bind', 0.5), ('sent', 1), ('masked', 0), ('unmask', 1),
                  ('quiet', 0))


def channels(run):
    """Each event of each channel was delivered once, on all vCPUs together."""
    nr = CHANNELS_2LEVEL if run.expect.get('abi') == '2level' else CHANNELS
    yield from run.same('channels-bound', nr)
    highest = run.number('channels-highest')
    if highest is None or highest <= nr:
        yield 'the highest port was %s' % highest
    passes = run.vm.facts.get('channels-pass', [])
    wanted = ['%s %d 0' % (name, part * nr)
              for name, part in CHANNEL_PASSES]
    if passes != wanted:
        yield 'the passes were %s, not %s' % (passes, wanted)
    yield from run.same('channels-irqs', '%d %d %d' % (
        nr * 5 // 2, nr // 2, nr // 2))
    taken = [int(v.split()[1]) for v in run.vm.facts.get('channels-vcpu', [])]
    if len(taken) != run.cpus or min(taken, default=0) < nr // 100:
        yield 'the vCPUs received %s interrupts' % taken


def kexec(run):
    """Two kernels booted, one after the other."""
    begun = len(run.vm.facts.get('begin', []))
    if begun != 2:
        yield '%d of 2 kernels ran their first process' % begun


def rate(run):
    """Each kind of event was measured."""
    names = [v.split()[0] for v in run.vm.facts.get('event-ns', [])]
    if names != ['one-thread', 'two-threads']:
        yield 'the kinds of events measured were %s' % names


def hypervisors(run):
    """Both are there, of which the guest took Xen."""
    leaves = run.vm.facts.get('leaf', [])
    if leaves != ['Microsoft Hv', 'XenVMMXenVMM']:
        yield 'the leaves of CPUID were %s' % leaves


# By name of the guest's step.
BY_STEP = {'facts': facts, 'disk': disk, 'code': code, 'write': write, 'net': net,
           'console': console, 'lines': lines, 'sleep': sleep, 'clock': clock,
           'interrupts': interrupts, 'channels': channels,
           'kexec': kexec, 'rate': rate, 'tcp': tcp, 'moved': moved,
           'busy': busy, 'travel': moved, 'hypervisors': hypervisors}


def failures(machine, stimulus, cpus, steps, expect, sleeps):
    """Everything that is wrong with a finished run, the most useful first."""
    run = Run(machine, stimulus, cpus, expect, sleeps)
    wrong = list(ended(run)) + list(clean(run))
    if machine.fact('begin') is None:
        return wrong
    for step in steps:
        if step in BY_STEP:
            wrong += BY_STEP[step](run)
    return wrong
