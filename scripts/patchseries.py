# SPDX-License-Identifier: GPL-2.0-or-later
"""The patch series in patches/: what it touches, and how it is applied.

Each file is a mail, as git format-patch writes it and git am takes it.  In
patches/series a name followed by "# fix" is a fix for a bug that QEMU has with
or without us.  The other patches are hooks: lines by which QEMU calls our code.

patches/ is for QEMU 10.0.  For another series of QEMU, say 11.1, patches/11.1/series
lists what applies there: a patch of patches/11.1, or else the one of that name in
patches/.
"""

import os
import re
import shutil
import sys
from subprocess import DEVNULL, PIPE, STDOUT, run

FIRST_FIX = 100
# The series that patches/ is for.
DEFAULT_SERIES = '10.0'


class PatchError(Exception):
    """A patch that does not apply.  The text is one line, for the user."""


class Patch:
    """One patch file: the paths it touches and the lines it changes."""

    def __init__(self, directory, name, is_fix=False, series=DEFAULT_SERIES):
        own = os.path.join(directory, series, name)
        self.name = f'{series}/{name}' if os.path.exists(own) else name
        self.is_fix = is_fix
        self.path = os.path.join(directory, self.name)
        # path -> [lines added, lines removed]
        self.touched = {}
        # Paths that upstream does not have.
        self.created = set()
        try:
            with open(self.path, encoding='utf-8', errors='replace') as f:
                self._parse(f.read().splitlines())
        except FileNotFoundError as e:
            raise PatchError(f'patches/{name} is in the series '
                             'but does not exist') from e

    def _parse(self, lines):
        old = path = None
        left_old = left_new = 0
        for line in lines:
            if left_old > 0 or left_new > 0:
                if line.startswith('+'):
                    self.touched[path][0] += 1
                    left_new -= 1
                elif line.startswith('-'):
                    self.touched[path][1] += 1
                    left_old -= 1
                elif not line.startswith('\\'):
                    left_old -= 1
                    left_new -= 1
            elif line.startswith('--- '):
                old = self._stripped(line)
            elif line.startswith('+++ '):
                new = self._stripped(line)
                path = old if new is None else new
                self.touched.setdefault(path, [0, 0])
                if old is None:
                    self.created.add(path)
            elif line.startswith('@@ '):
                counts = re.match(r'@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@',
                                  line)
                if counts and path:
                    left_old = int(counts.group(1) or 1)
                    left_new = int(counts.group(2) or 1)

    @staticmethod
    def _stripped(header):
        """The path of a ---/+++ line as "patch -p1" sees it."""
        path = header[4:].split('\t')[0].strip()
        return None if path == '/dev/null' else path.split('/', 1)[-1]

    def upstream_lines(self):
        """How many lines of upstream's files the patch adds and removes."""
        added = removed = 0
        for path, (plus, minus) in self.touched.items():
            if path not in self.created:
                added += plus
                removed += minus
        return added, removed


def series_of(tree):
    """The series of the QEMU source in the folder @tree, such as "10.0".

    11.0.3 is of series 11.0, and 11.0.50 of what will be 11.1; the third minor
    version of a year is followed by the next major one.
    """
    with open(os.path.join(tree, 'VERSION'), encoding='utf-8') as f:
        major, minor, micro = (f.read().strip().split('.') + ['0', '0'])[:3]
    if int(micro) < 50:
        return f'{major}.{minor}'
    return f'{major}.{int(minor) + 1}' if int(minor) < 2 else f'{int(major) + 1}.0'


def read_series(directory, series=DEFAULT_SERIES):
    """The patches for a series of QEMU that DIRECTORY has, in order."""
    of_its_own = '' if series == DEFAULT_SERIES else series
    try:
        with open(os.path.join(directory, of_its_own, 'series'),
                  encoding='utf-8') as f:
            lines = f.read().splitlines()
    except FileNotFoundError:
        return []
    patches = []
    for line in lines:
        name, _, comment = (part.strip() for part in line.partition('#'))
        if name:
            patches.append(Patch(directory, name, comment == 'fix', series))
    return patches


def _first_rejection(output):
    """The first file and hunk in an error message of patch(1)."""
    path = None
    for line in output.splitlines():
        named = re.match(r'(?:checking|patching) file (\S+)', line)
        if named:
            path = named.group(1).strip("'")
        hunk = re.match(r'Hunk #(\d+) FAILED', line)
        if hunk:
            return f'hunk {hunk.group(1)} of {path} does not fit'
        if "can't find file to patch" in line:
            return 'a file that it changes is not in the QEMU tree'
        if 'previously applied' in line:
            return f'{path} has the change already'
        if 'malformed' in line or 'Only garbage' in line:
            return line.split('****')[-1].strip()
    return output.strip().splitlines()[-1] if output.strip() else 'it failed'


def apply_series(patches, pristine, into):
    """Apply @patches to copies of the touched files of @pristine.

    @into is an empty folder.  Afterwards it contains the touched files, without
    those that the series deletes.  Raises PatchError.
    """
    for path in sorted({p for patch in patches for p in patch.touched}):
        source = os.path.join(pristine, path)
        if os.path.isfile(source):
            os.makedirs(os.path.dirname(os.path.join(into, path)),
                        exist_ok=True)
            shutil.copy(source, os.path.join(into, path))
    for patch in patches:
        done = run(
            ['patch', '-p1', '--fuzz=0', '--batch', '--forward',
             '--no-backup-if-mismatch', '--reject-file=-', '-E',
             '-i', os.path.abspath(patch.path)],
            cwd=into, text=True, stdin=DEVNULL,
            stdout=PIPE, stderr=STDOUT)
        if done.returncode:
            raise PatchError(f'patches/{patch.name} does not apply: '
                             + _first_rejection(done.stdout))


if __name__ == '__main__':
    print(series_of(sys.argv[1]))
