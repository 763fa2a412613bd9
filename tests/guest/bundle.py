# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU with everything it needs from the host (shared libraries and
firmware), for an initramfs without any of it."""
import os
import re
import shutil
from subprocess import run
from tempfile import TemporaryDirectory

import material

# Firmware of a PC that boots a kernel directly; the last one is optional.
FIRMWARE = ('bios-256k.bin', 'linuxboot_dma.bin', 'pvh.bin', 'kvmvapic.bin')
FIRMWARE_FOLDER = '/firmware'
PROGRAM = '/bin/qemu-system-x86_64'


def _firmware_folders(qemu):
    """The folders of this QEMU, then those of Debian's packages."""
    folders = run([qemu, '-L', 'help'], capture_output=True, text=True,
                  check=True, timeout=60).stdout.split()
    return folders + ['/usr/share/seabios', '/usr/share/qemu']


def _firmware(qemu, name):
    for folder in _firmware_folders(qemu):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            return path
    raise material.MissingMaterial(
        'firmware %s: install the packages seabios and qemu-system-data'
        % name)


def _libraries(qemu):
    """The shared objects that the dynamic loader would use, and the loader."""
    listed = run(['ldd', qemu], capture_output=True, text=True, timeout=60)
    if listed.returncode:
        return []
    if 'not found' in listed.stdout:
        raise material.MissingMaterial('libraries of %s are missing: %s'
                                       % (qemu, listed.stdout.strip()))
    return sorted(set(re.findall(r'(?:=> )?(/\S+) \(0x', listed.stdout)))


def qemu(path, program=PROGRAM):
    """The QEMU at @path as one of nested.l1_boot()'s extras: at @program,
    without debug information if strip is installed, and its libraries at the
    paths that they have on the host."""
    libraries = _libraries(path)
    firmware = {name: _firmware(path, name) for name in FIRMWARE}

    def add(archive):
        with TemporaryDirectory() as scratch:
            small = os.path.join(scratch, 'qemu')
            if not shutil.which('strip') or run(
                    ['strip', '-o', small, path]).returncode:
                small = path
            archive.copy(program, small, 0o755)
        _copy_all(archive, libraries)
        for name, source in firmware.items():
            archive.copy(os.path.join(FIRMWARE_FOLDER, name), source, 0o644)

    return [os.path.realpath(path), *libraries, *firmware.values()], add


def _copy_all(archive, files):
    for path in files:
        archive.copy(path, path, 0o755)
