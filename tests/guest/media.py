# SPDX-License-Identifier: GPL-2.0-or-later
"""Many disks in one guest, and one that changes its size."""
import hashlib
import os
import secrets

import hostside

# Beside xvda and xvdb, which each guest has.
DISKS = 40


def name_of(number):
    """xvda, ... xvdz, xvdaa, ..."""
    letters = ''
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord('a') + letter) + letters
    return 'xvd' + letters


class Disks(hostside.HostSide):
    """Each disk begins with a line of its own, and has a size of its own."""
    TIME = 180

    def __init__(self, folder):
        super().__init__(folder)
        self.folder = os.path.join(folder, 'disks')
        os.makedirs(self.folder)
        self.wanted = []
        for number in range(2, 2 + DISKS):
            line, size = secrets.token_hex(16), 4096 * (number + 1)
            with open(self._path(number), 'w') as f:
                f.write(line + '\n')
                f.truncate(size)
            self.wanted.append('%s %d %s' % (name_of(number), size, line))

    def _path(self, number):
        return os.path.join(self.folder, '%d.img' % number)

    def arguments(self):
        return [word for number in range(2, 2 + DISKS)
                for word in ('-drive', 'if=xen,format=raw,file='
                             + self._path(number))]

    def close(self):
        for number in range(2, 2 + DISKS):
            os.unlink(self._path(number))

    def failures(self):
        found = self.vm.facts.get('disk', [])
        for missing in sorted(set(self.wanted) - set(found))[:5]:
            yield 'no disk "%s"' % missing
        if len(found) != DISKS:
            yield '%d of %d disks' % (len(found), DISKS)


class Resize(hostside.HostSide):
    """xvdzz grows and shrinks. The next change comes when the guest has seen the
    last, and the host compares what it has read."""
    SIZES = (1 << 20, 3 << 20, 1 << 19)

    def __init__(self, folder):
        super().__init__(folder)
        self.qmp = None
        self.data = secrets.token_bytes(self.SIZES[0])
        self.path = os.path.join(folder, 'resized.img')
        with open(self.path, 'wb') as f:
            f.write(self.data)

    def arguments(self):
        return ('-blockdev', 'raw,node-name=resized,file.driver=file,'
                'file.filename=' + self.path,
                '-device', 'xen-disk,drive=resized,vdev=xvdzz')

    def attach(self, vm, qmp):
        super().attach(vm, qmp)
        self.qmp = qmp
        vm.on_fact['resized'] = lambda value: self._resize()

    def _resize(self):
        number = len(self.vm.facts['resized'])
        if number < len(self.SIZES):
            self.qmp.execute('block_resize', self._answered,
                             **{'node-name': 'resized',
                                'size': self.SIZES[number]})

    def _answered(self, value, error):
        if error:
            self.wrong.append(error['desc'])

    def close(self):
        os.unlink(self.path)

    def failures(self):
        yield from self.wrong
        wanted = []
        for size in self.SIZES:
            data = self.data[:size].ljust(size, b'\0')
            wanted.append('%d %s' % (size, hashlib.sha256(data).hexdigest()))
        found = self.vm.facts.get('resized', [])
        if found != wanted:
            yield 'the sizes and contents were %s, not %s' % (found, wanted)
