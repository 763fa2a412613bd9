# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests whose firmware is OVMF, from Debian's package, and whose image has a boot
loader for UEFI."""
import os

import hostside
import images
import material
import twins

SUITE = 'trixie'
PACKAGE = 'ovmf'
FOLDER = 'usr/share/OVMF/'
CODE, VARIABLES = 'OVMF_CODE_4M.fd', 'OVMF_VARS_4M.fd'


class _Ovmf:
    """For a class of twins.py."""
    EFI = True
    ENDS = ('guest', 'sleep', 'host') if hostside.LONG else ('guest',)

    def arguments(self):
        # GRUB needs more than the firmware leaves of the usual 256 MiB.
        return ('-m', '512')

    def boot(self, boot, command_line):
        words = super().boot(boot, command_line)
        package = material.package(SUITE, 'amd64', PACKAGE)
        for name, options in ((CODE, ',readonly=on'), (VARIABLES, '')):
            path = os.path.join(self.folder, name)
            images.write_atomically(path, package.read(FOLDER + name))
            words += ('-drive', 'if=pflash,format=raw%s,file=%s' % (options, path))
        return words

    def close(self):
        super().close()
        for name in (CODE, VARIABLES):
            os.unlink(os.path.join(self.folder, name))


class Ovmf(_Ovmf, twins.Twins):
    pass


class OvmfQ35(_Ovmf, twins.TwinsQ35):
    pass
