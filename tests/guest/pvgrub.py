# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests whose image has no boot loader for a PC, as those of PV domains: GRUB for
Xen's PVH, from Debian's package, reads their GRUB configuration and kernel from the
PV disk."""
import os
import shutil
import tempfile

import diskimage
import hostside
import images
import material

SUITE = 'trixie'
PACKAGE = 'grub-xen-host'
PVH_PROGRAM = 'usr/lib/grub-xen/grub-i386-xen_pvh.bin'
PV_PROGRAM = 'usr/lib/grub-xen/grub-x86_64-xen.bin'
# Sparse; Linux unpacked takes 60 MiB.
SIZE = 96 << 20


def program(name):
    """One of the two above, as bytes."""
    return material.package(SUITE, 'amd64', PACKAGE).read(name)


def make_image(path, boot, command_line, disk):
    """The file system @path, whose GRUB configuration boots @boot from @disk, its
    name on Xen."""
    with tempfile.TemporaryDirectory() as root:
        shutil.copy(boot.kernel, os.path.join(root, 'vmlinuz'))
        shutil.copy(boot.initrd, os.path.join(root, 'initrd'))
        os.makedirs(os.path.join(root, 'boot/grub'))
        with open(os.path.join(root, 'boot/grub/grub.cfg'), 'w') as f:
            f.write('set root=(xen/%s)\nlinux /vmlinuz %s\n'
                    'initrd /initrd\nboot\n' % (disk, command_line))
        diskimage.make_file_system(path, root, SIZE)


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
        images.write_atomically(self.grub, program(PVH_PROGRAM))
        make_image(self.image, boot, command_line, self.NAME)
        return ('-kernel', self.grub, *self.devices())

    def devices(self):
        return ('-drive', 'file=%s,format=raw,if=none,id=pv' % self.image,
                '-device', 'xen-disk,drive=pv,vdev=' + self.NAME)

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
