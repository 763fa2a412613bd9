# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian packages for the guests: fetched once, then read in place.

scripts/debian-fetch fetches and checks them into build/guest/packages, and
finds them there again without network. Of a guest's, nothing is unpacked to disk:
callers stream the files that they need.
"""
import lzma
import os
import re
import subprocess
import tarfile

import paths


class MissingMaterial(Exception):
    """A package is missing and cannot be fetched; the text says which and
    why."""


class Package:
    """One .deb file."""

    def __init__(self, path):
        self.path = path
        self.file_name = os.path.basename(path)

    def files(self):
        """Yields (path without the leading ./, a reader) for each file."""
        with subprocess.Popen(['dpkg-deb', '--fsys-tarfile', self.path],
                              stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as unpack:
            with tarfile.open(fileobj=unpack.stdout, mode='r|') as tar:
                for member in tar:
                    if member.isfile():
                        name = member.name
                        name = name[2:] if name.startswith('./') else name
                        yield name, lambda m=member: tar.extractfile(m).read()
            # tar may end before dpkg-deb has written the last padding.
            while unpack.stdout.read(65536):
                pass
        if unpack.returncode:
            raise self._damaged()

    def read(self, wanted):
        """The contents of the file @wanted."""
        for name, read in self.files():
            if name == wanted:
                return read()
        raise MissingMaterial('%s has no %s' % (self.file_name, wanted))

    def unpack(self, folder):
        """Writes all files below @folder."""
        if subprocess.run(['dpkg-deb', '-x', self.path, folder],
                          stdin=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode:
            raise self._damaged()

    def _damaged(self):
        return MissingMaterial('%s is damaged: remove it and try again'
                               % self.path)


def package(suite, arch, name):
    """The package @name, or for a kernel's meta package the kernel that it
    depends on. Fetched if it is not in build/guest/packages. Raises
    MissingMaterial."""
    folder = os.path.join(paths.PACKAGES, '%s-%s' % (suite, arch))
    os.makedirs(folder, exist_ok=True)
    what = 'package %s of Debian %s (%s)' % (name, suite, arch)
    try:
        done = subprocess.run(
            [paths.DEBIAN_FETCH, 'deb', suite, arch, name, folder],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            stderr=subprocess.PIPE, timeout=900)
    except OSError as e:
        raise MissingMaterial('%s: %s' % (what, e)) from e
    except subprocess.TimeoutExpired as e:
        raise MissingMaterial('%s: not here after 15 minutes' % what) from e
    if done.returncode:
        raise MissingMaterial('%s: %s' % (what, done.stderr.strip()))
    return Package(done.stdout.split()[-1])


def depends(deb):
    """The names of the packages that @deb depends on."""
    done = subprocess.run(['dpkg-deb', '-f', deb.path, 'Depends'],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True)
    return [word.split()[0] for word in re.split('[,|]', done.stdout)
            if word.strip()]


def kernel(suite, arch, flavour):
    """The Kernel of @flavour; raises MissingMaterial."""
    deb = package(suite, arch, 'linux-image-' + flavour)
    # Since Linux 7, the image, the modules and the list of what is built in are
    # packages of their own.
    parts = [name for name in depends(deb)
             if re.match(r'linux-(base|binary|modules)-\d', name)]
    return Kernel([deb, *(package(suite, arch, name) for name in parts)])


class Kernel:
    """The packages of a kernel: its image, and modules with what they depend
    on."""

    _IMAGE = re.compile(r'(^|/)boot/vmlinuz-|lib/modules/[^/]+/vmlinuz$')
    _MODULE = re.compile(r'lib/modules/.*/([^/]+)\.ko(\.xz)?$')

    def __init__(self, debs):
        self.debs = debs
        # It holds the version, which the other packages share.
        self.file_name = debs[0].file_name

    def _files(self):
        for deb in self.debs:
            yield from deb.files()

    def image(self):
        for name, read in self._files():
            if self._IMAGE.search(name):
                return read()
        raise MissingMaterial('%s has no kernel image' % self.file_name)

    def modules(self, wanted):
        """Returns [(name, bytes)] in an order in which they can be loaded,
        without those built into the kernel. Raises MissingMaterial."""
        found, built_in = {}, set()
        missing = {self._canonical(w) for w in wanted}
        while missing:
            before = len(found)
            for path, read in self._files():
                if path.endswith('/modules.builtin'):
                    built_in = {self._canonical(os.path.basename(line)[:-3])
                                for line in read().decode().split()}
                match = self._MODULE.search(path)
                if match and self._canonical(match.group(1)) in missing:
                    data = read()
                    if match.group(2):
                        data = lzma.decompress(data)
                    found[self._canonical(match.group(1))] = data
            missing = {need for name in list(found)
                       for need in self._needs(found[name])} | missing
            missing -= built_in | set(found)
            if missing and len(found) == before:
                raise MissingMaterial(
                    '%s has no module %s'
                    % (self.file_name, ', '.join(sorted(missing))))
        return self._load_order(found)

    def _load_order(self, found):
        ordered = []

        def place(name):
            if name in found and name not in (done for done, _ in ordered):
                for need in self._needs(found[name]):
                    place(need)
                ordered.append((name, found[name]))

        for name in sorted(found):
            place(name)
        return ordered

    @staticmethod
    def _canonical(name):
        return name.replace('_', '-')

    def _needs(self, module):
        """From .modinfo, because modules.dep is only made at installation."""
        match = re.search(rb'\0depends=([^\0]*)\0', module)
        names = match.group(1).decode().split(',') if match else []
        return [self._canonical(n) for n in names if n]
