# SPDX-License-Identifier: GPL-2.0-or-later
"""Find Debian's main archive among the apt sources of this system.

Reads both formats that apt has: one-line .list files and deb822 .sources
files.  See sources.list(5).
"""

import glob
import os
import re

KEYRINGS = ('/usr/share/keyrings/debian-archive-keyring.pgp',
            '/usr/share/keyrings/debian-archive-keyring.gpg')
# Names that a suite of Debian's own may have in the system's sources.
SUITES = {'bookworm', 'trixie', 'forky', 'sid',
          'oldstable', 'stable', 'testing', 'unstable'}


class NoArchive(Exception):
    """The system does not say where Debian's archive is."""


def _one_line_entries(text):
    for line in text.splitlines():
        line = line.split('#', 1)[0].strip()
        match = re.match(r'deb(?:-src)?\s+(?:\[([^]]*)\]\s+)?'
                         r'(\S+)\s+(\S+)\s*(.*)$', line)
        if match:
            options, uri, suite, components = match.groups()
            yield uri, {suite}, set(components.split()), options or ''


def _deb822_entries(text):
    for stanza in re.split(r'\n\s*\n', text):
        fields = {}
        name = None
        for line in stanza.splitlines():
            if line.startswith('#'):
                continue
            if line[:1] in (' ', '\t') and name:
                fields[name] += ' ' + line.strip()
            elif ':' in line:
                name, _, value = line.partition(':')
                name = name.strip().lower()
                fields[name] = value.strip()
        if fields.get('enabled', 'yes').lower() in ('no', 'false', '0'):
            continue
        for uri in fields.get('uris', '').split():
            yield (uri, set(fields.get('suites', '').split()),
                   set(fields.get('components', '').split()),
                   fields.get('signed-by', ''))


def _entries(etc):
    for path in ([os.path.join(etc, 'sources.list')]
                 + sorted(glob.glob(os.path.join(etc, 'sources.list.d/*')))):
        parse = {'.list': _one_line_entries,
                 '.sources': _deb822_entries}.get(os.path.splitext(path)[1])
        if parse and os.path.isfile(path):
            with open(path, encoding='utf-8', errors='replace') as f:
                yield from parse(f.read())


def debian_archive(etc='/etc/apt'):
    """The URI of Debian's main archive; raises NoArchive.

    Other archives use Debian's suite names too, so of several candidates the
    one that looks most like Debian's own wins.  A wrong guess does no harm:
    apt refuses what Debian's keyring has not signed.
    """
    best, best_score = None, -1
    for uri, suites, components, extra in _entries(etc):
        if ('main' not in components or not suites & SUITES
                or uri.startswith('cdrom:')):
            continue
        score = 0
        if 'debian-archive' in extra:
            score += 4
        if re.search(r'/debian/?$|mirrors/debian\.list$', uri):
            score += 2
        if any(s + '-updates' in suites for s in SUITES):
            score += 1
        if score > best_score:
            best, best_score = uri, score
    if best is None:
        raise NoArchive("there is no Debian archive in the apt sources; "
                        'give one as DEBIAN_ARCHIVE=URI')
    return best


def debian_keyring():
    """The keyring of package debian-archive-keyring; raises NoArchive."""
    for path in KEYRINGS:
        if os.path.isfile(path):
            return path
    raise NoArchive('no Debian archive keyring; '
                    'install the package debian-archive-keyring')
