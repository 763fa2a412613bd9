# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU with all that it needs from the host, for the initramfs of a machine
that has nothing else: shared libraries and firmware."""
import os
import re
import shutil
from subprocess import run
from tempfile import TemporaryDirectory

import material

# What a PC that boots a kernel directly reads; the last one is optional.
FIRMWARE = ('bios-256k.bin', 'linuxboot_dma.bin', 'pvh.bin', 'kvmvapic.bin')
FIRMWARE_FOLDER = '/firmware'
PROGRAM = '/bin/qemu-system-x86_64'


def _firmware_folders(qemu):
    """Where this QEMU looks by itself, then where Debian's packages are."""
    told = run([qemu, '-L', 'help'], capture_output=True, text=True,
                          check=True, timeout=60).stdout.split()
    return told + ['/usr/share/seabios', '/usr/share/qemu']


def _firmware(qemu, name):
    for folder in _firmware_folders(qemu):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            return path
    raise material.MissingMaterial(
        'firmware %s: install the packages seabios and qemu-system-data'
        % name)


def _libraries(qemu):
    """The shared objects that the dynamic loader would take, and itself."""
    listed = run(['ldd', qemu], capture_output=True, text=True,
                            timeout=60)
    if listed.returncode:
        return []
    if 'not found' in listed.stdout:
        raise material.MissingMaterial('%s lacks libraries: %s'
                                       % (qemu, listed.stdout.strip()))
    return sorted(set(re.findall(r'(?:=> )?(/\S+) \(0x', listed.stdout)))


def parts(qemu):
    """The host files that a bundle of @qemu is made of, for a cache key."""
    return ([os.path.realpath(qemu)] + _libraries(qemu)
            + [_firmware(qemu, name) for name in FIRMWARE])


def add(archive, qemu, program=PROGRAM):
    """Puts @qemu at @program, without debug information where strip is to be
    had, with libraries at the paths that they have on the host."""
    with TemporaryDirectory() as scratch:
        small = os.path.join(scratch, 'qemu')
        if not shutil.which('strip') or run(
                ['strip', '-o', small, qemu]).returncode:
            small = qemu
        archive.copy(program, small, 0o755)
    for library in _libraries(qemu):
        archive.copy(library, library, 0o755)
    for name in FIRMWARE:
        archive.copy(os.path.join(FIRMWARE_FOLDER, name),
                     _firmware(qemu, name), 0o644)
