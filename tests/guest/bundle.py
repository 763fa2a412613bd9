# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU with everything it needs from the host (shared libraries and
firmware), and Python, for an initramfs without any of it."""
import os
import re
import shutil
import sys
from subprocess import run
from tempfile import TemporaryDirectory

import material
import paths

# Firmware of a PC that boots a kernel directly; the last one is optional.
FIRMWARE = ('bios-256k.bin', 'linuxboot_dma.bin', 'multiboot_dma.bin',
            'pvh.bin', 'kvmvapic.bin')
FIRMWARE_FOLDER = '/firmware'
PYTHON_FOLDER = '/lib/python'
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


def shared_objects(*programs):
    """The shared objects that the dynamic loader would use, and the loader."""
    listed = run(['ldd', *programs], capture_output=True, text=True, timeout=600)
    if 'not found' in listed.stdout:
        raise material.MissingMaterial('libraries are missing: %s' % ', '.join(
            line.strip() for line in listed.stdout.splitlines()
            if 'not found' in line))
    return sorted(set(re.findall(r'(?:=> )?(/\S+) \(0x', listed.stdout)))


def qemu(path, program=PROGRAM):
    """The QEMU at @path as one of nested.l1_boot()'s extras: at @program,
    without debug information if strip is installed, and its libraries at the
    paths that they have on the host."""
    libraries = shared_objects(path)
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


# What the interpreter has loaded: paths of the source, or of a library.
LIST_MODULES = '''
import sys, %s
for module in list(sys.modules.values()):
    spec = getattr(module, '__spec__', None)
    if spec and spec.has_location:
        print(spec.origin, spec.cached or spec.origin)
'''


def python(module):
    """The interpreter with @module of this folder and all modules that it
    imports, as one of nested.l1_boot()'s extras; and the command that runs
    it."""
    program = os.path.realpath(sys.executable)
    listed = run([program, '-SB', '-c', LIST_MODULES % module],
                 capture_output=True, text=True, check=True, timeout=60,
                 cwd=paths.HERE).stdout
    modules = [line.split() for line in listed.splitlines()]
    libraries = set(shared_objects(program))
    files = {}
    for origin, cached in modules:
        if origin.endswith('.so'):
            libraries |= {origin, *shared_objects(origin)}
        elif os.path.dirname(origin) == paths.HERE:
            files[os.path.join(PYTHON_FOLDER, os.path.basename(origin))] = origin
        elif os.path.exists(cached):
            # It needs no source, and starts faster.
            files[origin + 'c'] = cached
        else:
            files[origin] = origin
    libraries = sorted(libraries)

    def add(archive):
        archive.copy(program, program, 0o755)
        _copy_all(archive, libraries)
        for place, path in files.items():
            archive.copy(place, path)

    return ([program, *libraries, *files.values()], add), [
        'env', 'PYTHONHOME=' + sys.base_prefix, program, '-SB',
        os.path.join(PYTHON_FOLDER, module + '.py')]
