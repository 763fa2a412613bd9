# SPDX-License-Identifier: GPL-2.0-or-later
"""The bare guests: tests/bare, programs that boot without an operating system
and report each of their tests in the Test Anything Protocol."""
import collections
import io
import os
import re
import shlex
import subprocess
import tarfile
import tempfile

import bundle
import guestvm
import hang
import hostside
import material
import migration
import paths
import pauses
import report
import vm

CPUS = 4
MEMORY = 64
TIME_LIMIT = 240                    # seconds, on a busy host

# width: of the program; abi: the event-channel ABI, also for xen-evtchn-abi;
# thread: of TCG; words: only tests with one of these in their name; move: the
# guest is saved when it requests that, and resumed in another QEMU; accel:
# more options of the accelerator; append: more words of the guest's command
# line; l1: the kernel of the L1 VM, if not the usual one; instead_of: the
# accelerator from which QEMU has to fall back to TCG there.
Row = collections.namedtuple('Row', 'name width abi cpus thread words move '
                             'accel append l1 instead_of',
                             defaults=(CPUS, 'multi', (), False, '', '', None,
                                       None))

ROWS = tuple(Row('bare%d-%s' % (width, abi), width, abi)
             for abi in ('2level', 'fifo') for width in (64, 32))

ROWS += (
    Row('bare64-2level-million', 64, '2level', cpus=1,
        words=('timer-rearmed',), append=' rearms=1000000'),
    Row('bare64-2level-unstable-tsc', 64, '2level', words=('clock-',),
        accel=',xen-tsc-stable=off', append=' tsc=unstable'),
)

# With one thread for all vCPUs, TCG generates and halts in different ways.
_ALONE = ('timer-', 'upcall-', '-storm', 'lapic-off-', 'x2apic-')
# Those in which a CPU interrupts another one.
_AMONG = ('init-', 'nmi-', 'smi-')
TCG_ROWS = tuple(Row('bare64-%s-%s' % (abi, name), 64, abi, cpus, thread, words)
                 for abi in ('2level', 'fifo')
                 for name, cpus, thread, words in (
                     ('1cpu', 1, 'multi', _ALONE),
                     ('one-thread', CPUS, 'single', _ALONE + _AMONG)))
TCG_ROWS += tuple(Row('bare%d-%s-moved' % (width, abi), width, abi,
                      words=('everything-at-once',), move=True)
                  for abi in ('2level', 'fifo') for width in (64, 32))

# Hypercalls by port, where it is all that KVM can do.
KVM_ROWS = tuple(
    Row('page-bare%d-%s' % (width, abi), width, abi, l1='debian12')
    for width in (64, 32) for abi in ('2level', 'fifo')
    if hostside.LONG or (width, abi) == (64, '2level')) + (
    # Who has a second choice gets that.
    Row('page-fallback', 64, '2level', cpus=2, words=('ipi-all-pairs',),
        l1='debian12', instead_of='kvm,xen-version=4.17'),
)

# The value that the debug console reads as, by which the guest tells the QEMUs
# apart.
_READBACK_HERE, _READBACK_MOVED = 0xe9, 0xea

_POINT = re.compile(r'(not )?ok (\d+) - (\S+)(?: # SKIP (.*))?$')
_BAIL_OUT = re.compile(r'Bail out! (.*)$')


def program(row):
    return os.path.join(os.path.dirname(paths.BUILD), 'tests', 'bare',
                        'bare%d' % row.width)


def test_names(row):
    """The names of the program's tests, in order: its section .names."""
    path = program(row)
    if not os.path.exists(path):
        raise material.MissingMaterial('%s: build it with "make"' % path)
    # Not /dev/stdout, which objcopy, as root, can remove or make a file.
    with tempfile.TemporaryDirectory() as folder:
        names = os.path.join(folder, 'names')
        subprocess.run(['objcopy', '--dump-section', '.names=' + names, path,
                        '/dev/null'], capture_output=True, check=True)
        with open(names, 'rb') as f:
            text = f.read()
    return [name.decode() for name in text.split(b'\0') if name]


def _has_one(name, words):
    return not words or any(word in name for word in words)


def selection(accel, words):
    """[(row, names of its tests)] that have one of @words in their name."""
    chosen = []
    for row in ROWS + (TCG_ROWS if accel == 'tcg' else KVM_ROWS):
        full = '%s-%s' % (accel, row.name)
        names = [name for name in test_names(row)
                 if _has_one(name, row.words) and
                 _has_one('%s.%s' % (full, name), words)]
        if names:
            chosen.append((row, names))
    return chosen


def count(chosen):
    """The number of outcomes: one for each test and each guest's end."""
    return sum(len(names) + 1 for _, names in chosen)


def arguments(row, names, accel, kernel, readback=_READBACK_HERE):
    """QEMU's arguments. The caller provides the chardev serial, and stops the
    machine when the guest requests it (pauses.py)."""
    parameters = 'accel=%s abi=%s pauses=yes' % (accel, row.abi) + row.append
    if accel == 'tcg':
        accel += ',thread=' + row.thread
    if row.move:
        parameters += ' move=1'
    if names != test_names(row):
        parameters += ' tests=' + ','.join(names)
    first = ['-accel', row.instead_of] if row.instead_of else []
    if accel.startswith('tcg'):
        # KVM has it by default.
        first += ['-cpu', 'qemu64,+x2apic']
    # Also test per-vCPU upcall vectors on TCG, where they are off by default.
    return [*first, '-accel', '%s,xen-version=4.17,xen-evtchn-abi=%s,'
            'x-xen-upcall-vector=on,x-xen-bql-check=on%s'
            % (accel, row.abi, row.accel), '-machine', 'pc', '-m', str(MEMORY),
            '-smp', str(row.cpus), *guestvm.BASE,
            '-device', 'isa-debugcon,iobase=0xe9,chardev=serial,readback=%d'
            % readback,
            '-kernel', kernel, '-append', parameters]


def outcomes(name, names, run):
    """Checks a finished guest: an Outcome for its end, and one for each
    test."""
    results, reasons, bail_out = {}, [], None
    for line in run.serial.lines:
        point = _POINT.match(line)
        if point:
            failed, _, test, skipped = point.groups()
            if failed and not reasons:
                reasons = ['the guest gave no reason']
            results[test] = report.Outcome('%s.%s' % (name, test), 0,
                                           reasons if failed else (), skipped)
            reasons = []
        elif line.startswith('# '):
            reasons.append(line[2:])
        elif _BAIL_OUT.match(line):
            bail_out = line
    end = [text for text in (run.ending(), bail_out) if text]
    end += reasons
    if not end and list(results) != names:
        end.append('%d of %d tests reported' % (len(results), len(names)))
    result = [report.Outcome(name, run.seconds, end, machine=run)]
    for test in names:
        result.append(results.get(test) or report.Outcome(
            '%s.%s' % (name, test), 0, ['not reached']))
    return result


def run_row(row, names, options):
    """Runs one guest on this host; returns its outcomes."""
    name = '%s-%s' % (options.accel, row.name)
    with paths.log_folder(name) as folder:
        def new_vm(logs):
            machine = vm.Vm(options.qemu, logs)
            readback = _READBACK_HERE if logs == folder else _READBACK_MOVED
            machine.add(*arguments(row, names, options.accel, program(row),
                                   readback))
            return machine

        if row.move:
            machine, wrong = migration.run(new_vm, folder, 'move', TIME_LIMIT)
        else:
            machine, wrong = new_vm(folder), []
            pauses.serve(machine)
            machine.run(TIME_LIMIT)
        result = outcomes(name, names, machine)
        result[0].reasons += wrong
        return result


class Plan:
    """A bare guest for the L1 VM: files in the tar archive for it."""

    def __init__(self, row, names, folder):
        self.name = 'kvm-' + row.name
        self.folder = os.path.join(folder, self.name)
        self.command = ' '.join(shlex.quote(word) for word in [
            bundle.PROGRAM, '-L', bundle.FIRMWARE_FOLDER,
            '-chardev', 'file,id=serial,path=console.log', *hang.IN_L1,
            *arguments(row, names, 'tcg' if row.instead_of else 'kvm',
                       'kernel')])
        if pauses.TEST in names:
            self.command = pauses.SCRIPT % self.command
        self._kernel = program(row)
        self._names = names
        self._falls_back = bool(row.instead_of)

    def add_to(self, tar):
        tar.add(self._kernel, self.name + '/kernel')
        for name, text in (('command', self.command),
                           ('limit', str(TIME_LIMIT))):
            member = tarfile.TarInfo('%s/%s' % (self.name, name))
            member.size = len(text) + 1
            tar.addfile(member, io.BytesIO(text.encode() + b'\n'))

    def outcomes(self, run):
        result = outcomes(self.name, self._names, run)
        if self._falls_back and 'falling back to tcg' not in '\n'.join(
                run.errors.lines):
            result[0].reasons.append('QEMU did not fall back')
        return result
