# SPDX-License-Identifier: GPL-2.0-or-later
"""A libvirt of another suite of Debian's than the installed one. It is not installed
but laid over /usr of the test's hosts."""
import os
import shutil

import material

# Those that have libvirtd, virsh and what both load, from libvirt 10 on.
PACKAGES = ('libvirt0', 'libvirt-clients', 'libvirt-daemon',
            'libvirt-daemon-driver-qemu', 'libvirt-common',
            'libvirt-daemon-common', 'libvirt-daemon-log')
LIBRARIES = 'usr/lib/x86_64-linux-gnu'


def unpack(suite, folder):
    """Has @folder be that libvirt. Raises material.MissingMaterial."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name in PACKAGES:
        material.package(suite, 'amd64', name).unpack(folder)


def virsh(folder):
    """The words that start its virsh outside of the hosts."""
    return ['env', 'LD_LIBRARY_PATH=' + os.path.join(folder, LIBRARIES),
            os.path.join(folder, 'usr/bin/virsh')]
