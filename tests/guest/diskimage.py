# SPDX-License-Identifier: GPL-2.0-or-later
"""A disk image that boots by itself: GRUB, and a file system with a kernel and a
test guest's initramfs. Made without mounting anything."""
import os
import shutil
import struct
import subprocess
import tempfile

import hostside
import material

MIB = 1 << 20
SECTOR = 512
# What GRUB's second stage has room for.
FIRST_SECTOR = 2048
SIZE = 64 * MIB
LINUX_TYPE = 0x83

# It runs on the host, so it is the oldest Debian's that is supported.
SUITE = 'bookworm'
PACKAGES = ('grub-pc-bin', 'grub-common', 'libdevmapper1.02.1')
MODULES = ('biosdisk', 'part_msdos', 'ext2', 'linux', 'boot')
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


def _grub(folder, command_line):
    """Its first sector, and the rest, which follows it on the disk."""
    for name in PACKAGES:
        material.package(SUITE, 'amd64', name).unpack(folder)
    modules = os.path.join(folder, 'usr/lib/grub/i386-pc')
    config, core = (os.path.join(folder, n) for n in ('config', 'core'))
    with open(config, 'w') as f:
        f.write('linux %s/kernel %s\ninitrd %s/initrd\nboot\n'
                % (ROOT, command_line, ROOT))
    _run(os.path.join(folder, 'usr/bin/grub-mkimage'), '-O', 'i386-pc', '-d',
         modules, '-p', '/', '-c', config, '-o', core, *MODULES,
         env=dict(os.environ, LD_LIBRARY_PATH=os.path.join(
             folder, 'lib/x86_64-linux-gnu')))
    with open(os.path.join(modules, 'boot.img'), 'rb') as f:
        first = bytearray(f.read())
    with open(core, 'rb') as f:
        rest = f.read()
    if len(rest) > (FIRST_SECTOR - 1) * SECTOR:
        raise material.MissingMaterial('GRUB of %d bytes' % len(rest))
    return first, rest


def _add_partition(first):
    """A table with one partition, in place of GRUB's code for floppies."""
    chs = b'\xfe\xff\xff'
    entry = struct.pack('<B3sB3sII', 0x80, chs, LINUX_TYPE, chs, FIRST_SECTOR,
                        SIZE // SECTOR - FIRST_SECTOR)
    first[440:510] = bytes(6) + entry + bytes(3 * len(entry))


def make_file_system(path, root, size, start=0):
    """An ext4 file system with the files in @root, from byte @start of the file
    @path to byte @size. Raises material.MissingMaterial."""
    # Without what GRUB of Debian 12 does not know.
    _run(hostside.find_tool('mke2fs'), '-q', '-t', 'ext4', '-b', '4096', '-O',
         '^metadata_csum_seed', '-d', root, '-E',
         'offset=%d,lazy_itable_init=0' % start, path,
         '%dk' % ((size - start) // 1024))


def _make_raw(path, boot, command_line):
    with tempfile.TemporaryDirectory() as folder:
        first, rest = _grub(folder, command_line)
        _add_partition(first)
        with open(path, 'wb') as f:
            f.write(first + rest)
            f.truncate(SIZE)
        root = os.path.join(folder, 'root')
        os.mkdir(root)
        shutil.copy(boot.kernel, os.path.join(root, 'kernel'))
        shutil.copy(boot.initrd, os.path.join(root, 'initrd'))
        make_file_system(path, root, SIZE, FIRST_SECTOR * SECTOR)


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


def make(path, boot, command_line):
    """The image @path, in the format qcow2, that boots @boot. Raises
    material.MissingMaterial."""
    raw = path + '.raw'
    try:
        _make_raw(raw, boot, command_line)
        with open(raw, 'rb') as f:
            data = f.read()
    finally:
        if os.path.exists(raw):
            os.unlink(raw)
    with open(path, 'wb') as f:
        f.write(qcow2(data))
