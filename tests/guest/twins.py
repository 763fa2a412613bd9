# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests on the machine types for Xen, with emulated devices only: they boot from a
disk image with a boot loader, and go on with the devices' PV twins."""
import os
import secrets
import time

import diskimage
import hostside


class Twins(hostside.HostSide):
    """One image, and no option for it. The guest boots, works and ends in each of
    these ways."""
    ENDS = ('guest', 'host')
    # The image is for UEFI.
    EFI = False
    # It makes an image, and boots it so often.
    TIME = 300 * len(ENDS)

    def __init__(self, folder):
        super().__init__(folder)
        self.image = os.path.join(folder, 'guest.qcow2')
        self.cdrom = os.path.join(folder, 'cd.img')
        self.line = secrets.token_hex(16)
        self.deleted = []
        with open(self.cdrom, 'w') as f:
            f.write(self.line + '\n')
            f.truncate(64 << 10)

    def parameters(self):
        return ('XE_TWINS=' + ','.join(self.ENDS),)

    def boot(self, boot, command_line):
        """In place of -kernel."""
        diskimage.make(self.image, boot, command_line, efi=self.EFI)
        return (*self.devices(), '-action', 'reboot=reset')

    def devices(self):
        return (self.image, '-cdrom', self.cdrom, '-nic', 'user')

    def attach(self, vm, qmp):
        super().attach(vm, qmp)

        def wake(message):
            time.sleep(2)
            qmp.execute('system_wakeup')

        vm.on_fact['reset'] = lambda value: qmp.execute('system_reset')
        qmp.on_event['SUSPEND'] = wake
        qmp.on_event['DEVICE_DELETED'] = self.deleted.append

    def close(self):
        for path in (self.image, self.cdrom):
            if os.path.exists(path):
                os.unlink(path)

    def failures(self):
        yield from self.wrong
        boots = [str(i) for i in range(len(self.ENDS) + 1)]
        if self.vm.facts.get('twins-boot') != boots:
            yield 'the boots were %s' % self.vm.facts.get('twins-boot')
        if self.vm.facts.get('twins-cd') != [self.line] * len(boots):
            yield 'the CD-ROM had %s' % self.vm.facts.get('twins-cd')
        if self.deleted:
            yield 'devices were deleted: %s' % self.deleted


class TwinsSleep(Twins):
    """The guest sleeps in S3 in between."""
    ENDS = ('sleep', 'guest')


class TwinsQ35(Twins):
    """As libvirt gives a q35 machine's devices: each behind a root port, and disks
    by -blockdev."""

    def devices(self):
        return ('-blockdev', 'file,node-name=image-file,filename=' + self.image,
                '-blockdev', 'qcow2,node-name=image,file=image-file',
                '-device', 'ide-hd,drive=image,id=sata0-0-0,bus=ide.0,'
                'bootindex=1',
                '-blockdev', 'file,node-name=cd,read-only=on,filename='
                + self.cdrom,
                '-device', 'ide-cd,drive=cd,id=sata0-0-1,bus=ide.1',
                '-device', 'pcie-root-port,id=pci.1,chassis=1,addr=0x1',
                '-netdev', 'user,id=hostnet0',
                '-device', 'e1000e,netdev=hostnet0,id=net0,bus=pci.1,addr=0x0')
