# SPDX-License-Identifier: GPL-2.0-or-later
"""Fault injection in KVM's ioctls (x-kvm-xen-fail).

A kernel that reports a capability does not fail the operations that belong to
it, so nothing else tests these errors. Each fault gets a QEMU and a bare guest
of its own, all in one folder of the L1 VM.
"""
import collections
import io
import re
import shlex
import tarfile

import bare
import bundle
import report

NAME = 'kvm-ioctl-faults'
TIME_LIMIT = 60                     # seconds for each, on a busy host
# The tests of the guest that together use all of the ioctls.
TESTS = ('compat-unknown-hypercall', 'upcall-set-after-event',
         'upcall-vcpu-vector', 'ipi-all-pairs', 'loopback-both-ways',
         'poll-races-with-send', 'timer-single-shot', 'timer-periodic',
         'time-area', 'runstate-area', 'evtchn-reset-with-timer-armed')

# REFUSED: QEMU exits with a message that names what is missing.  WORKS: QEMU
# falls back to another implementation, and the guest sees no difference.
# LIVES: the guest gets Xen's error code or does without, and powers off in the
# end.  NEXT: KVM's own init fails after that of its Xen support, and the guest
# runs on the next accelerator.
REFUSED, WORKS, LIVES, NEXT = 'refused', 'works', 'lives', 'next'

Fault = collections.namedtuple('Fault', 'ioctl end option', defaults=('',))

UNKNOWN = 'KVM_XEN_NO_SUCH_THING'
BUS_LOCK = 'bus-lock-ratelimit'
# TCG within an emulated machine is slow.
NEXT_TESTS = ('compat-unknown-hypercall', 'ipi-all-pairs')
_ATTR = 'KVM_XEN_ATTR_TYPE_'
_VCPU_ATTR = 'KVM_XEN_VCPU_ATTR_TYPE_'
_NO_HVA = ',x-kvm-xen-caps=0xfffffeff'

FAULTS = (
    # There is no other implementation.
    Fault('KVM_XEN_HVM_CONFIG', REFUSED),
    *(Fault(_ATTR + name, REFUSED)
      for name in ('LONG_MODE', 'SHARED_INFO', 'UPCALL_VECTOR',
                   'RUNSTATE_UPDATE_FLAG')),
    *(Fault(_VCPU_ATTR + name, REFUSED)
      for name in ('VCPU_ID', 'VCPU_INFO', 'VCPU_TIME_INFO', 'RUNSTATE_ADDR',
                   'TIMER', 'UPCALL_VECTOR')),
    # There is another implementation.
    Fault(_ATTR + 'SHARED_INFO_HVA', WORKS),
    Fault(_VCPU_ATTR + 'VCPU_INFO_HVA', WORKS),
    Fault(_ATTR + 'XEN_VERSION', WORKS),
    Fault(_ATTR + 'EVTCHN', WORKS),
    Fault('KVM_XEN_HVM_EVTCHN_SEND', WORKS),
    Fault('KVM_XEN_HVM_GET_ATTR', WORKS),
    Fault('KVM_XEN_HVM_CONFIG:running', WORKS),
    Fault(_VCPU_ATTR + 'TIMER:running', WORKS),
    Fault(_VCPU_ATTR + 'UPCALL_VECTOR:running', WORKS),
    # There is none, but the guest is running already.
    Fault(_ATTR + 'SHARED_INFO:running', LIVES, _NO_HVA),
    Fault(_VCPU_ATTR + 'VCPU_INFO:running', LIVES, _NO_HVA),
    *(Fault(_ATTR + name, LIVES)
      for name in ('LONG_MODE:running', 'UPCALL_VECTOR:running')),
    *(Fault(_VCPU_ATTR + name, LIVES)
      for name in ('VCPU_TIME_INFO:running', 'RUNSTATE_ADDR:running')),
    Fault('KVM_XEN_VCPU_GET_ATTR', LIVES),
    # An ioctl that does not exist.
    Fault(UNKNOWN, REFUSED),
    # An AMD host, which the L1 VM's CPU is, cannot detect bus locks.  With SMM,
    # the fallback crashes: a notifier that the init of KVM has registered uses
    # what its failure has freed.
    Fault(BUS_LOCK, NEXT),
)

_BEGIN = re.compile(r'fault=(.*)$')
_END = re.compile(r'status=(\d+)$')
_OK = re.compile(r'ok \d+ - ')


class Plan:
    """Files in the tar archive for the L1 VM."""

    def __init__(self, folder):
        self.name = NAME
        self.folder = '%s/%s' % (folder, NAME)
        self._row = bare.Row(NAME, 64, '2level', 2)
        self._names = [name for name in bare.test_names(self._row)
                       if name in TESTS]
        self.command = 'for every fault in tests/guest/faults.py: QEMU'

    def _arguments(self, fault):
        if fault.end == NEXT:
            arguments = bare.arguments(self._row, self._names_of(fault), 'tcg',
                                       'kernel')
            return ['-accel', 'kvm,xen-version=4.17',
                    '-machine', 'bus-lock-ratelimit=1000,smm=off', *arguments]
        arguments = bare.arguments(self._row, self._names, 'kvm', 'kernel')
        arguments[1] += ',x-kvm-xen-fail=' + fault.ioctl + fault.option
        return arguments

    def _names_of(self, fault):
        if fault.end == NEXT:
            return [name for name in self._names if name in NEXT_TESTS]
        return self._names

    def _script(self):
        for fault in FAULTS:
            command = ' '.join(shlex.quote(word) for word in (
                bundle.PROGRAM, '-L', bundle.FIRMWARE_FOLDER,
                '-chardev', 'file,id=serial,path=console',
                '-trace', 'xen_kvm_fault', *self._arguments(fault)))
            yield ('rm -f console; echo fault=%s\n'
                   'timeout -s KILL %d %s </dev/null; status=$?\n'
                   'cat console 2>/dev/null; echo status=$status\n'
                   % (fault.ioctl, TIME_LIMIT, command))

    def add_to(self, tar):
        tar.add(bare.program(self._row), self.name + '/kernel')
        for name, text in (('command', ''.join(self._script())),
                           ('limit', '%d\n' % (TIME_LIMIT * len(FAULTS))),
                           ('untraced', '')):
            data = text.encode()
            member = tarfile.TarInfo('%s/%s' % (self.name, name))
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))

    def outcomes(self, run):
        """Yields one for the folder and one for each fault."""
        results = _split(run.errors.lines)
        end = [run.ending()] if run.ending() else []
        yield report.Outcome(self.name, run.seconds, end, machine=run)
        for fault in FAULTS:
            status, lines = results.get(fault.ioctl, (None, []))
            yield report.Outcome('%s.%s' % (self.name, fault.ioctl), 0,
                                 self._wrong(fault, status, lines))

    def _wrong(self, fault, status, lines):
        wanted = 1 if fault.end == REFUSED else 0
        text = '\n'.join(lines)
        name = fault.ioctl.split(':')[0]
        if fault.end == NEXT:
            if 'falling back to tcg' not in text:
                return ['the init of KVM did not fail']
        elif name != UNKNOWN and 'xen_kvm_fault ' + name not in text:
            return ['nobody asked for it']
        if status != wanted:
            return ['status %s and not %d' % (status, wanted)] + lines[-5:]
        if fault.end == REFUSED:
            return ['the message of QEMU does not contain ' + word
                    for word in _words(fault) if word not in text]
        if fault.end in (WORKS, NEXT):
            names = self._names_of(fault)
            passed = sum(bool(_OK.match(line)) for line in lines)
            if passed != len(names):
                return ['%d of %d tests passed'
                        % (passed, len(names))] + lines[-5:]
        return []


def _words(fault):
    """Words that QEMU's message must contain."""
    if fault.ioctl == UNKNOWN:
        return (fault.ioctl, 'x-kvm-xen-fail')
    return (fault.ioctl, 'CONFIG_KVM_XEN', 'KVM_XEN_HVM_CONFIG_')


def _split(lines):
    """Returns {ioctl: (status, lines of output of QEMU and its guest)}."""
    results, ioctl, said = {}, None, []
    for line in lines:
        begin, end = _BEGIN.match(line), _END.match(line)
        if begin:
            ioctl, said = begin.group(1), []
        elif end:
            results[ioctl] = (int(end.group(1)), said)
        else:
            said.append(line)
    return results


def selection(folder, words):
    """Returns [Plan], or [] if no word of @words is in its name."""
    chosen = not words or any(word in NAME for word in words)
    return [Plan(folder)] if chosen else []


def count(words):
    """The number of outcomes."""
    return len(selection('', words)) * (len(FAULTS) + 1)
