# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes a FAT16 file system with one file, for firmware that boots from it."""
import struct

SECTOR = 512
# With clusters of one sector, a number of sectors for which FAT is FAT16.
SECTORS = 16384
FATS = 2
FAT_SECTORS = SECTORS * 2 // SECTOR
ROOT_ENTRIES = 512
ROOT_SECTORS = ROOT_ENTRIES * 32 // SECTOR
DATA_SECTOR = 1 + FATS * FAT_SECTORS + ROOT_SECTORS
FIRST_CLUSTER = 2
END = 0xffff
FOLDER, FILE = 0x10, 0x20


def _entry(name, attribute, cluster, size=0):
    stem, _, suffix = (name, '', '') if name.startswith('.') else name.partition('.')
    return struct.pack('<8s3sB14xHI', stem.encode().ljust(8),
                       suffix.encode().ljust(3), attribute, cluster, size)


def _boot_sector(start):
    return struct.pack('<3s8sHBHBHHBHHHII', b'\xeb\x3c\x90', b'XENEMU  ', SECTOR, 1, 1,
                       FATS, ROOT_ENTRIES, SECTORS, 0xf8, FAT_SECTORS, 32, 64, start,
                       0).ljust(38, b'\0') + struct.pack(
        '<BI11s8s', 0x29, 0, b'NO NAME    ', b'FAT16   ')


def file_system(path, data, start):
    """The bytes of a file system with @data in the file @path, all of whose names
    are of 8 and 3 upper-case characters. Its partition begins at sector @start."""
    *folders, name = path.split('/')
    clusters = []
    fat = [0xfff8, END]
    parent = 0
    for depth, folder in enumerate(folders):
        own = FIRST_CLUSTER + depth
        below = own + 1
        entries = _entry('.', FOLDER, own) + _entry('..', FOLDER, parent)
        entries += (_entry(folders[depth + 1], FOLDER, below)
                    if depth + 1 < len(folders) else
                    _entry(name, FILE, below, len(data)))
        clusters.append(entries)
        fat.append(END)
        parent = own
    first = FIRST_CLUSTER + len(folders)
    count = -(-len(data) // SECTOR)
    fat += [*range(first + 1, first + count), END]
    table = struct.pack('<%dH' % len(fat), *fat).ljust(FAT_SECTORS * SECTOR, b'\0')
    root = _entry(folders[0], FOLDER, FIRST_CLUSTER)
    image = (_boot_sector(start).ljust(510, b'\0') + b'\x55\xaa' + table * FATS
             + root.ljust(ROOT_SECTORS * SECTOR, b'\0')
             + b''.join(c.ljust(SECTOR, b'\0') for c in (*clusters, data)))
    assert len(image) <= SECTORS * SECTOR
    return image.ljust(SECTORS * SECTOR, b'\0')
