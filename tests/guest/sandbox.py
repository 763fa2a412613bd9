# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest in a QEMU as libvirt starts it: with a display by VNC, and with all system
calls denied that QEMU does not need once it runs. While the guest uses its PV disk, a
picture is saved and a VNC client connects."""
import os
import re
import socket
import struct
import zlib

import hostside
import material
import paths

DENIED = ('obsolete', 'elevateprivileges', 'spawn', 'resourcecontrol')
PATIENCE = 120
# Of RFB, the protocol of VNC.
VERSION = b'RFB 003.008\n'
NO_PASSWORD = 1
PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'


def png_chunks(data):
    """Yields type and content of each chunk; ValueError if they are damaged."""
    if not data.startswith(PNG_SIGNATURE):
        raise ValueError('no signature of PNG')
    at = len(PNG_SIGNATURE)
    while at < len(data):
        size, kind = struct.unpack_from('>I4s', data, at)
        end = at + 8 + size
        if zlib.crc32(data[at + 4:end]) != struct.unpack_from('>I', data, end)[0]:
            raise ValueError('a wrong checksum in %s' % kind)
        yield kind, data[at + 8:end]
        at = end + 4


def png_size(data):
    """(width, height) of a PNG file with 3 bytes a pixel, after checks that it is
    complete and has more in its lines than one colour."""
    chunks = list(png_chunks(data))
    if [kind for kind, _ in chunks[:1] + chunks[-1:]] != [b'IHDR', b'IEND']:
        raise ValueError('its chunks are %s' % [kind for kind, _ in chunks])
    width, height, depth, colours = struct.unpack_from('>IIBB', chunks[0][1])
    if (depth, colours) != (8, 2):
        raise ValueError('depth %d, type %d' % (depth, colours))
    rows = zlib.decompress(b''.join(c for kind, c in chunks if kind == b'IDAT'))
    line = 1 + 3 * width
    if len(rows) != height * line:
        raise ValueError('%d bytes for %dx%d' % (len(rows), width, height))
    # Whatever their filters are, lines of one colour go on as they begin.
    if all(rows[at + 4:at + line] == rows[at + 4:at + 7] * (width - 1)
           for at in range(0, len(rows), line)):
        raise ValueError('the picture is blank')
    return width, height


def vnc_size(path):
    """Begins a session as a VNC client; (width, height) of the display."""
    with socket.socket(socket.AF_UNIX) as end:
        end.settimeout(PATIENCE)
        end.connect(path)
        stream = end.makefile('rwb')

        def take(size):
            data = stream.read(size)
            if len(data) != size:
                raise OSError('the VNC server closed the connection')
            return data

        def say(data):
            stream.write(data)
            stream.flush()

        version = take(len(VERSION))
        if version != VERSION:
            raise OSError('the VNC server says %r' % version)
        say(VERSION)
        kinds = take(take(1)[0])
        if NO_PASSWORD not in kinds:
            raise OSError('the VNC server offers %r' % kinds)
        say(bytes([NO_PASSWORD]))
        if take(4) != bytes(4):
            raise OSError('the VNC server refuses the client')
        say(b'\1')
        return struct.unpack('>HH', take(4))


class Sandbox(hostside.HostSide):
    def __init__(self, folder):
        super().__init__(folder)
        if paths.minimal():
            raise material.MissingMaterial('a minimal build has no VNC')
        # Relative, because the name of a socket must be short.
        self.socket = os.path.relpath(os.path.join(folder, 'vnc.sock'))
        self.picture = os.path.join(folder, 'screen.png')
        self.qmp = None
        self.sizes = {}

    def arguments(self):
        return ('-sandbox', ','.join(['on', *(d + '=deny' for d in DENIED)]),
                '-display', 'vnc=unix:' + self.socket, '-vga', 'std')

    def attach(self, vm, qmp):
        super().attach(vm, qmp)
        self.qmp = qmp
        vm.on_fact['disk-sha256'] = lambda value: self._look()

    def _look(self):
        with open('/proc/%d/status' % self.vm.pid) as f:
            status = f.read()
        # 2: system calls are filtered.
        if not re.search(r'^Seccomp:\s*2$', status, re.MULTILINE):
            self.wrong.append('QEMU runs without a filter of system calls')

        def saved(value, error):
            if error:
                self.wrong.append('screendump: %s' % error)
                return
            with open(self.picture, 'rb') as f:
                self._note('screendump', png_size, f.read())

        self.qmp.execute('screendump', saved, filename=self.picture,
                         format='png')
        self._note('VNC', vnc_size, self.socket)

    def _note(self, name, measure, argument):
        try:
            self.sizes[name] = measure(argument)
        except (OSError, ValueError, struct.error, zlib.error) as e:
            self.wrong.append('%s: %s' % (name, e))

    def failures(self):
        yield from self.wrong
        if len(self.sizes) != 2 or len(set(self.sizes.values())) != 1:
            yield 'the sizes of the picture are %s' % self.sizes
