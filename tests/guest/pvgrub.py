# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests whose image has no boot loader for a PC, as those of PV domains: GRUB for
Xen's PVH, from Debian's package, reads their GRUB configuration and kernel from the
PV disk."""
import os
import shutil
import tempfile

import diskimage
import hostside
import material

SUITE = 'trixie'
PACKAGE = 'grub-xen-host'
PROGRAM = 'usr/lib/grub-xen/grub-i386-xen_pvh.bin'
MIB = 1 << 20


class PvGrub(hostside.HostSide):
    """The image is a file system without a partition table."""
    PV = True
    NAME = 'xvdc'
    TIME = 60

    def __init__(self, folder):
        super().__init__(folder)
        self.grub = os.path.join(folder, 'grub.bin')
        self.image = os.path.join(folder, 'pv.img')
        self.boot_files = (self.grub, self.image)

    def boot(self, boot, command_line):
        self._extract()
        with tempfile.TemporaryDirectory() as root:
            shutil.copy(boot.kernel, os.path.join(root, 'vmlinuz'))
            shutil.copy(boot.initrd, os.path.join(root, 'initrd'))
            os.makedirs(os.path.join(root, 'boot/grub'))
            with open(os.path.join(root, 'boot/grub/grub.cfg'), 'w') as f:
                # The disk by its name on Xen.
                f.write('set root=(xen/%s)\nlinux /vmlinuz %s\n'
                        'initrd /initrd\nboot\n' % (self.NAME, command_line))
            diskimage.make_file_system(self.image, root, 64 * MIB)
        return ('-kernel', self.grub, *self.devices())

    def devices(self):
        return ('-drive', 'file=%s,format=raw,if=none,id=pv' % self.image,
                '-device', 'xen-disk,drive=pv,vdev=' + self.NAME)

    def _extract(self):
        for name, read in material.package(SUITE, 'amd64', PACKAGE).files():
            if name == PROGRAM:
                with open(self.grub, 'wb') as f:
                    f.write(read())
                return
        raise material.MissingMaterial('%s has no %s' % (PACKAGE, PROGRAM))

    def close(self):
        for path in self.boot_files:
            if os.path.exists(path):
                os.unlink(path)


class PvGrubTwin(PvGrub):
    """The image is an emulated disk, and GRUB reads its PV twin."""
    PV = False
    NAME = 'xvda'

    def devices(self):
        return ('-drive', 'file=%s,format=raw' % self.image, '-nic', 'user',
                '-device', 'xen-console,chardev=hvc')
