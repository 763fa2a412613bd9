# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes initramfs images: the "newc" cpio format of the kernel's
Documentation/driver-api/early-userspace/buffer-format.rst.

Everything belongs to root and all times are zero, so equal contents give equal
bytes, and no privileges are needed to put device nodes into an image.
"""
import os
import stat


class Archive:
    """An initramfs under construction; finish() closes it."""

    def __init__(self, stream):
        self._stream = stream
        self._next_ino = 1
        self._folders = set()

    def _entry(self, name, mode, data=b'', rdev=(0, 0)):
        encoded = name.encode() + b'\0'
        header = '070701' + ''.join('%08x' % field for field in (
            self._next_ino, mode, 0, 0, 1, 0, len(data), 0, 0,
            rdev[0], rdev[1], len(encoded), 0))
        self._next_ino += 1
        self._padded(header.encode() + encoded)
        self._padded(data)

    def _padded(self, data):
        self._stream.write(data)
        self._stream.write(b'\0' * (-len(data) % 4))

    def folder(self, name):
        """Adds the folder and those above it, each once."""
        parts = name.strip('/').split('/')
        for depth in range(1, len(parts) + 1):
            path = '/'.join(parts[:depth])
            if path and path not in self._folders:
                self._folders.add(path)
                self._entry(path, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o644):
        self.folder(os.path.dirname(name))
        self._entry(name.strip('/'), stat.S_IFREG | mode, data)

    def copy(self, name, source, mode=None):
        """Adds the host file @source under @name, by default with its mode."""
        with open(source, 'rb') as f:
            if mode is None:
                mode = stat.S_IMODE(os.fstat(f.fileno()).st_mode)
            self.file(name, f.read(), mode)

    def link(self, name, target):
        self.folder(os.path.dirname(name))
        self._entry(name.strip('/'), stat.S_IFLNK | 0o777, target.encode())

    def char_device(self, name, major, minor):
        self.folder(os.path.dirname(name))
        self._entry(name.strip('/'), stat.S_IFCHR | 0o600, rdev=(major, minor))

    def finish(self):
        self._entry('TRAILER!!!', 0)
