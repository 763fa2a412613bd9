# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine of a test guest: two PV disks, PV network, Xen console; and the
data that the host provides and expects back."""
import hashlib
import os
import secrets
import socket
import time

import vm

MIB = 1 << 20
# Lines on hvc0: the guest writes so many, and echoes so many of the host's.
LINES_OUT = 20000
LINES_ECHOED = 1000
LINES_PARAMETER = 'XE_LINES=%d,%d' % (LINES_OUT, LINES_ECHOED)


class Stimulus:
    """The data for a guest in one run. It is random each time, so that no
    cached or stale answer can be right."""

    def __init__(self, folder, disk_mib=8, written_mib=1, fetched_mib=1):
        os.makedirs(folder, exist_ok=True)
        self.nonce = secrets.token_hex(8)
        self.answer = secrets.token_hex(8)
        self.fetched = secrets.token_bytes(fetched_mib * MIB)
        self.disk = os.path.join(folder, 'disk.img')
        self.disk_size = disk_mib * MIB
        self.written = os.path.join(folder, 'written.img')
        self.written_size = written_mib * MIB
        content = secrets.token_bytes(self.disk_size)
        self.disk_sha256 = hashlib.sha256(content).hexdigest()
        self.fetched_sha256 = hashlib.sha256(self.fetched).hexdigest()
        with open(self.disk, 'wb') as f:
            f.write(content)
        with open(self.written, 'wb') as f:
            f.truncate(self.written_size)

    def expected_written(self):
        """What the guest's step_write writes to the second disk."""
        line = self.nonce.encode() + b'\n'
        return (line * (self.written_size // len(line) + 1))[
            :self.written_size]

    def remove(self):
        for path in (self.disk, self.written):
            if os.path.exists(path):
                os.unlink(path)


BASE = ('-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot')


def _disk(path, name):
    return ['-drive', 'file=%s,format=raw,if=none,id=%s' % (path, name),
            '-device', 'xen-disk,id=device-%s,drive=%s,vdev=%s'
            % (name, name, name)]


def direct_boot(boot, command_line):
    return ('-kernel', boot.kernel, '-initrd', boot.initrd, '-append',
            command_line)


def guest_arguments(boot, accels, cpus, disk, written, parameters,
                    machine='pc', memory=256, pv=True, user_net=True,
                    boots=direct_boot, serial=True):
    """QEMU's arguments for a guest. The caller provides the chardevs serial
    and hvc. @accels are the values of -accel in order of preference,
    @parameters go to the kernel's command line. Without @pv it has no PV
    devices; without @user_net only no network. @boots returns those that boot
    @boot with a command line. Without @serial the chardev serial is that of the
    first PV console, and hvc that of a second one."""
    words = []
    for accel in accels:
        words += ['-accel', accel]
    words += ['-machine', machine, '-m', str(memory), '-smp', str(cpus), *BASE,
              *(('-serial', 'chardev:serial') if serial else
                ('-device', 'xen-console,chardev=serial'))]
    if pv:
        words += ['-device', 'xen-console,chardev=hvc',
                  *_disk(disk, 'xvda'), *_disk(written, 'xvdb')]
    if pv and user_net:
        words += ['-netdev', 'user,id=net',
                  '-device', 'xen-net-device,netdev=net']
    words += boots(boot, ' '.join([
        'console=' + ('ttyS0' if serial else 'hvc0'), 'panic=-1', *parameters]))
    return words


def read_slowly(hvc):
    """Reads @hvc in small steps with pauses: QEMU's end is often full."""
    hvc.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    pauses = iter((0.001,) * 50 + (1,))
    hvc.on_bytes = lambda data: time.sleep(next(pauses, 0.001))


def init_parameters(stimulus, url, steps, sleeps, then=()):
    """The environment of guest/init.sh."""
    words = ['XE_NONCE=' + stimulus.nonce, 'XE_URL=' + url,
             'XE_SLEEPS=%d' % sleeps, 'XE_STEPS=' + ','.join(steps)]
    return words + (['XE_THEN=' + ','.join(then)] if then else [])


def guest_vm(qemu, folder, boot, accels, cpus, stimulus, parameters,
             machine='pc', extra=(), pv=True, user_net=True,
             boots=direct_boot, serial=True):
    """Returns a Vm with such a guest, not yet started. @extra are additional
    arguments for QEMU. The guest's console gets answers."""
    running = vm.Vm(qemu, folder)
    hvc = running.add_channel('hvc')
    running.add(*guest_arguments(boot, accels, cpus, stimulus.disk,
                                 stimulus.written, parameters, machine,
                                 pv=pv, user_net=user_net, boots=boots,
                                 serial=serial),
                *extra)

    def heard(line):
        # A boot loader may have left the cursor in the line.
        if line.strip().endswith('of %s speaks' % stimulus.nonce):
            hvc.send(stimulus.answer + '\n')
        if line == 'in of %s wanted' % stimulus.nonce:
            hvc.send(''.join('%s %d\n' % (stimulus.answer, i)
                             for i in range(LINES_ECHOED)))

    hvc.on_line = heard
    return running
