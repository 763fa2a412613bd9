# SPDX-License-Identifier: GPL-2.0-or-later
"""A disk image that boots by itself, by BIOS or UEFI: GRUB, and a file system with a
kernel and a test guest's initramfs. Made without mounting anything."""
import os
import shutil
import struct
import subprocess
import tempfile

import fat
import hostside
import material

MIB = 1 << 20
SECTOR = 512
# What GRUB's second stage has room for.
FIRST_SECTOR = 2048
SIZE = 64 * MIB
LINUX_TYPE = 0x83
EFI_TYPE = 0xef
EFI_FILE = 'EFI/BOOT/BOOTX64.EFI'

# It runs on the host, so it is the oldest Debian's that is supported.
SUITE = 'bookworm'
TOOL_PACKAGES = ('grub-common', 'libdevmapper1.02.1')
MODULES = ('part_msdos', 'ext2', 'linux', 'boot')
ROOT = '(hd0,msdos1)'

CLUSTER = 65536


def _run(*command, **arguments):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              **arguments)
    except OSError as e:
        raise material.MissingMaterial('%s: %s' % (command[0], e)) from e
    if done.returncode:
        raise material.MissingMaterial('%s: %s' % (command[0],
                                                   done.stdout.strip()))


def _grub(folder, command_line, target, package, modules):
    """Makes GRUB for @target, which is in @package, with a configuration of its own.
    Returns it, and the folder of @package's files."""
    for name in (*TOOL_PACKAGES, package):
        material.package(SUITE, 'amd64', name).unpack(folder)
    grub = os.path.join(folder, 'usr/lib/grub', target)
    config, core = (os.path.join(folder, n) for n in ('config', 'core'))
    with open(config, 'w') as f:
        f.write('linux %s/kernel %s\ninitrd %s/initrd\nboot\n'
                % (ROOT, command_line, ROOT))
    _run(os.path.join(folder, 'usr/bin/grub-mkimage'), '-O', target, '-d', grub, '-p',
         '/', '-c', config, '-o', core, *modules,
         env=dict(os.environ, LD_LIBRARY_PATH=os.path.join(
             folder, 'lib/x86_64-linux-gnu')))
    with open(core, 'rb') as f:
        return f.read(), grub


def _partition(kind, start, sectors):
    """An entry of the table of partitions; the last sector's number counts."""
    chs = b'\xfe\xff\xff'
    return struct.pack('<B3sB3sII', 0x80 if kind == LINUX_TYPE else 0, chs, kind, chs,
                       start, sectors)


def _first_sectors(folder, command_line, sectors):
    """What is before the file system of @sectors, and behind it."""
    linux = _partition(LINUX_TYPE, FIRST_SECTOR, sectors)
    core, grub = _grub(folder, command_line, 'i386-pc', 'grub-pc-bin',
                       ('biosdisk', *MODULES))
    with open(os.path.join(grub, 'boot.img'), 'rb') as f:
        first = bytearray(f.read())
    if len(core) > (FIRST_SECTOR - 1) * SECTOR:
        raise material.MissingMaterial('GRUB of %d bytes' % len(core))
    # In place of GRUB's code for floppies.
    first[440:510] = bytes(6) + linux.ljust(64, b'\0')
    return first + core, b''


def _first_sectors_efi(folder, command_line, sectors):
    """The same, for firmware that boots from a FAT partition, which is the last."""
    last = FIRST_SECTOR + sectors
    core, _ = _grub(folder, command_line, 'x86_64-efi', 'grub-efi-amd64-bin', MODULES)
    table = (_partition(LINUX_TYPE, FIRST_SECTOR, sectors)
             + _partition(EFI_TYPE, last, fat.SECTORS))
    return (bytes(446) + table.ljust(64, b'\0') + b'\x55\xaa',
            fat.file_system(EFI_FILE, core, last))


def make_file_system(path, root, size, start=0):
    """An ext4 file system with the files in @root, from byte @start of the file
    @path to byte @size. Raises material.MissingMaterial."""
    # Without what GRUB of Debian 12 does not know.
    _run(hostside.find_tool('mke2fs'), '-q', '-t', 'ext4', '-b', '4096', '-O',
         '^metadata_csum_seed', '-d', root, '-E',
         'offset=%d,lazy_itable_init=0' % start, path,
         '%dk' % ((size - start) // 1024))


def _make_raw(path, boot, command_line, efi):
    with tempfile.TemporaryDirectory() as folder:
        sides = _first_sectors_efi if efi else _first_sectors
        before, behind = sides(folder, command_line, SIZE // SECTOR - FIRST_SECTOR)
        with open(path, 'wb') as f:
            f.write(before)
            f.truncate(SIZE)
        root = os.path.join(folder, 'root')
        os.mkdir(root)
        shutil.copy(boot.kernel, os.path.join(root, 'kernel'))
        shutil.copy(boot.initrd, os.path.join(root, 'initrd'))
        make_file_system(path, root, SIZE, FIRST_SECTOR * SECTOR)
        with open(path, 'ab') as f:
            f.write(behind)


def qcow2(data):
    """@data in the format qcow2, version 2, all of it allocated."""
    clusters = -(-len(data) // CLUSTER)
    refcounts, l1, l2, first = 2, 3, 4, 5
    used = first + clusters
    copied = 1 << 63
    header = struct.pack('>4sIQIIQIIQQIIQ', b'QFI\xfb', 2, 0, 0, 16,
                         len(data), 0, 1, l1 * CLUSTER, CLUSTER, 1, 0, 0)
    tables = (header,
              struct.pack('>Q', refcounts * CLUSTER),
              struct.pack('>H', 1) * used,
              struct.pack('>Q', l2 * CLUSTER | copied),
              b''.join(struct.pack('>Q', (first + i) * CLUSTER | copied)
                       for i in range(clusters)))
    return b''.join(t.ljust(CLUSTER, b'\0') for t in (*tables, data))


def make(path, boot, command_line, efi=False):
    """The image @path, in the format qcow2, that boots @boot; with @efi by UEFI,
    otherwise by BIOS. Raises material.MissingMaterial."""
    raw = path + '.raw'
    try:
        _make_raw(raw, boot, command_line, efi)
        with open(raw, 'rb') as f:
            data = f.read()
    finally:
        if os.path.exists(raw):
            os.unlink(raw)
    with open(path, 'wb') as f:
        f.write(qcow2(data))
