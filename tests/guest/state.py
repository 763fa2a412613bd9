# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that upstream QEMU has saved, and how to save them: on nested KVM,
while they are busy with events. tests/qtest/xen-states has the streams."""
import gzip
import io
import os
import shlex
import tarfile

import bundle
import images
import paths
import report

STATES = os.path.join(paths.CHECKOUT, 'tests', 'qtest', 'xen-states')
WIDTHS = (64, 32)
LIMIT = 120                         # seconds, for one guest

# A stream can be loaded without KVM only if the machine has no device that
# needs it: this is the newest one without a kvmclock device, and the CPU model
# hides the rest.  The test uses the same machine.
MACHINE = ('-machine', 'pc-i440fx-5.1,acpi=off,suppress-vmdesc=on',
           '-cpu', 'qemu64,kvm=off', '-m', '4', '-smp', '2', '-nodefaults',
           '-display', 'none', '-bios', 'rom',
           '-debugcon', 'file:console.log')

# Saves the guest once it reports that it is ready.
SAVE = '''
(
    echo '{"execute": "qmp_capabilities"}'
    until grep -q 'ready\\|Bail' console.log 2>/dev/null; do sleep 1; done
    sleep 1
    echo '{"execute": "migrate", "arguments": {"uri": "file:state"}}'
    sleep 10
    echo '{"execute": "quit"}'
) | %s -qmp stdio
gzip -9 -n state && mv state.gz written.img
'''

# Loads it and sends it an event, to which it responds with a send and a timer.
# The port is the first that it has bound, after that of xenstore.
LOAD = '''
(
    echo '{"execute": "qmp_capabilities"}'
    for i in $(seq 30); do
        grep -q 'took the timer' console.log 2>/dev/null && break
        sleep 1
        echo '{"execute": "xen-event-inject", "arguments": {"port": 2}}'
    done
    echo '{"execute": "quit"}'
) | %s -incoming 'exec:gzip -dc state.gz' -qmp stdio
'''


def _program(name):
    return os.path.join(os.path.dirname(paths.BUILD), 'tests', 'bare', name)


class Plan:
    """Such a machine, as files in the tar archive for L1."""

    def __init__(self, name, folder, accel, script, arguments, files):
        self.name = name
        self.folder = os.path.join(folder, name)
        qemu = [bundle.PROGRAM, '-L', bundle.FIRMWARE_FOLDER, '-accel', accel,
                *MACHINE, *arguments]
        self.command = script % ' '.join(shlex.quote(word) for word in qemu)
        self._files = {'rom': _program('bare-rom.bin'), **files}

    def add_to(self, tar):
        for name, path in self._files.items():
            tar.add(path, '%s/%s' % (self.name, name))
        for name, text in (('command', self.command), ('limit', str(LIMIT))):
            member = tarfile.TarInfo('%s/%s' % (self.name, name))
            member.size = len(text) + 1
            tar.addfile(member, io.BytesIO(text.encode() + b'\n'))


class SavePlan(Plan):
    """A guest that the QEMU under test saves."""

    def __init__(self, width, folder, accel):
        super().__init__('saved%d' % width, folder, accel, SAVE,
                         ['-device', 'loader,file=kernel'],
                         {'kernel': _program('bare%d' % width)})
        self._width = width

    def keep(self, run):
        """Stores the stream in the tree; returns what is wrong, or None."""
        if run.ending() or 'ready' not in run.serial.lines:
            return run.ending() or 'the guest was not ready'
        with open(os.path.join(self.folder, 'written.img'), 'rb') as f:
            state = f.read()
        if gzip.decompress(state)[:4] != b'QEVM':
            return 'QEMU wrote no migration stream'
        images.write_atomically(
            os.path.join(STATES, 'upstream-%d.gz' % self._width), state)
        return None


class LoadPlan(Plan):
    """A guest that upstream has saved and the QEMU under test resumes."""

    def __init__(self, width, folder, accel):
        state = os.path.join(STATES, 'upstream-%d.gz' % width)
        super().__init__('kvm-upstream-state-%d' % width, folder, accel, LOAD,
                         [], {'state.gz': state})

    def outcome(self, run):
        wrong = [run.ending()] if run.ending() else []
        wrong += ['the guest did not say that it %s' % word
                  for word in ('took the send', 'took the timer')
                  if word not in run.serial.lines]
        return report.Outcome(self.name, run.seconds, wrong, machine=run)
