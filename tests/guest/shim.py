# SPDX-License-Identifier: GPL-2.0-or-later
"""PV guests: they run in Xen's PV shim, from Debian's package, which is a guest itself.
The shim passes their hypercalls for PV devices on, and does the others for them."""
import os
import struct
import subprocess

import hostside
import images
import material
import pvgrub

SUITE = 'trixie'
VERSION = '4.20'
PACKAGE = 'xen-utils-' + VERSION
PROGRAM = 'usr/lib/xen-%s/boot/xen-shim' % VERSION
# What the guest says of itself. The version is the shim's, which has no FIFO events
# for it.
EXPECT = {'detected': 'Xen PV', 'guest-type': 'PV', 'xen': VERSION, 'abi': '2level'}


def unpacked(kernel):
    """The ELF image in the file @kernel, which is as the kernel's
    Documentation/arch/x86/boot.rst says; PV GRUB does not know zstd."""
    with open(kernel, 'rb') as f:
        data = f.read()
    setup_sectors, = struct.unpack_from('<B', data, 0x1f1)
    offset, length = struct.unpack_from('<II', data, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    # The last four bytes are the size of what is in it.
    try:
        return subprocess.run(
            ['zstd', '-dcq'], input=data[start:start + length - 4],
            stdout=subprocess.PIPE, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as e:
        raise material.MissingMaterial('zstd: %s' % e) from e


def module(path, command_line=''):
    """A multiboot module as -initrd has it."""
    return ('%s %s' % (path, command_line)).strip().replace(',', ',,')


class Shim(hostside.HostSide):
    """The kernel is the shim's first module, and its initramfs the second. There is
    no serial port: the shim's messages are on the first PV console, before the
    guest's."""
    PV = True
    READS_BOOT = False
    SERIAL = False
    TIME = 60
    OPTIONS = 'console=xen,pv'

    def __init__(self, folder):
        super().__init__(folder)
        self.shim = os.path.join(folder, 'xen-shim')
        self.boot_files = (self.shim,)

    def parameters(self):
        return ('XE_HVC=hvc1',)

    def arguments(self):
        # The shim has to keep some for itself.
        return ('-m', '512')

    def boot(self, boot, command_line):
        images.write_atomically(
            self.shim, material.package(SUITE, 'amd64', PACKAGE).read(PROGRAM))
        return ('-kernel', self.shim, '-append', self.OPTIONS, '-initrd',
                ','.join(self.modules(boot, command_line)))

    def modules(self, boot, command_line):
        return module(boot.kernel, command_line), module(boot.initrd)

    def close(self):
        for path in self.boot_files:
            if os.path.exists(path):
                os.unlink(path)


class NestedShim(Shim):
    """On a busy host, L1's Linux can be wrong about the frequency of the TSC, and with
    it KVM is in the PV clock. That leads Linux no further astray than to KVM's next
    update, but Xen measures the TSC by it once for all."""
    OPTIONS = Shim.OPTIONS + ' clocksource=acpi'


class PvGrub(Shim):
    """PV GRUB in place of the kernel, which it reads from a PV disk."""
    READS_BOOT = True
    NAME = 'xvdc'

    def __init__(self, folder):
        super().__init__(folder)
        self.grub = os.path.join(folder, 'grub.bin')
        self.image = os.path.join(folder, 'pv.img')
        self.boot_files += (self.grub, self.image)

    def arguments(self):
        return (*super().arguments(),
                '-drive', 'file=%s,format=raw,if=none,id=pv' % self.image,
                '-device', 'xen-disk,drive=pv,vdev=' + self.NAME)

    def modules(self, boot, command_line):
        images.write_atomically(self.grub, pvgrub.program(pvgrub.PV_PROGRAM))
        kernel = os.path.join(self.folder, 'vmlinux')
        images.write_atomically(kernel, unpacked(boot.kernel))
        pvgrub.make_image(self.image, boot._replace(kernel=kernel), command_line,
                          self.NAME)
        os.unlink(kernel)
        return (module(self.grub),)
