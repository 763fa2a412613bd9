#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""MAINTAINERS names somebody for every tracked file."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def sections(text):
    """The sections of a MAINTAINERS file: title -> [(letter, value)]."""
    found = {}
    title = previous = None
    for line in text.splitlines():
        field = re.fullmatch(r'([A-Z]):\s+(.*\S)', line)
        if field:
            if title is None:
                title = previous
            found.setdefault(title, []).append(field.groups())
        else:
            title = None
            previous = line
    return found


def matches(pattern, path):
    """Whether a pattern of an F: or X: field includes @path."""
    if pattern.endswith('/'):
        return path.startswith(pattern)
    regex = re.escape(pattern).replace(r'\*', '[^/]*').replace(r'\?', '[^/]')
    return re.fullmatch(regex, path) is not None


def unmatched(found, paths):
    """Those of @paths that no section includes."""
    def included(path):
        for fields in found.values():
            if any(f == 'F' and matches(v, path) for f, v in fields) and \
               not any(f == 'X' and matches(v, path) for f, v in fields):
                return True
        return False
    return [path for path in paths if not included(path)]


def unused(found, paths):
    """The patterns that match none of @paths."""
    return [v for fields in found.values() for f, v in fields
            if f in 'FX' and not any(matches(v, path) for path in paths)]


def tracked(folder):
    """The files of a checkout; those of a release tarball without git."""
    if os.path.exists(os.path.join(folder, '.git')):
        listed = subprocess.run(['git', '-C', folder, 'ls-files', '-z'],
                                text=True, stdout=subprocess.PIPE)
        # It fails in a checkout that belongs to another user.
        if listed.returncode == 0:
            return listed.stdout.rstrip('\0').split('\0')
    found = []
    for where, subs, names in os.walk(folder):
        subs[:] = [s for s in subs if s != '__pycache__' and
                   (where, s) != (folder, 'build')]
        found += [os.path.relpath(os.path.join(where, n), folder)
                  for n in names]
    return found


class Maintainers(unittest.TestCase):
    def setUp(self):
        with open(os.path.join(ROOT, 'MAINTAINERS'), encoding='utf-8') as f:
            # The list begins where the first title is underlined by "---".
            self.found = sections(f.read().split('\n---', 1)[1])

    def test_every_file_has_a_maintainer(self):
        self.assertEqual(unmatched(self.found, tracked(ROOT)), [])

    def test_every_pattern_matches(self):
        self.assertEqual(unused(self.found, tracked(ROOT)), [])

    def test_sections_are_complete(self):
        for title, fields in self.found.items():
            with self.subTest(title):
                letters = [f for f, _ in fields]
                self.assertLessEqual(set(letters), set('MSFX'))
                for letter in 'MSF':
                    self.assertIn(letter, letters)
                self.assertEqual(letters.count('S'), 1)
                for letter, value in fields:
                    if letter == 'M':
                        self.assertRegex(value, r'\A[^<>]+ <[^<>@]+@[^<>]+>\Z')
                    elif letter == 'S':
                        self.assertIn(value, ('Maintained', 'Odd Fixes',
                                              'Orphan'))
                    elif letter in 'FX':
                        # Everything is nobody's.
                        self.assertNotIn(value, ('*', '/', './', '*/'))


class Patterns(unittest.TestCase):
    """The functions above."""

    def test_sections(self):
        self.assertEqual(
            sections('Kind\n----\n\nOne\nM: A <a@b>\nF: a/\n\nTwo\nF: b\n'),
            {'One': [('M', 'A <a@b>'), ('F', 'a/')], 'Two': [('F', 'b')]})

    def test_patterns(self):
        for pattern, path, expected in [
                ('a/', 'a/b/c.c', True), ('a/', 'ab/c.c', False),
                ('a/*', 'a/c.c', True), ('a/*', 'a/b/c.c', False),
                ('a/b?.c', 'a/b1.c', True), ('a/b?.c', 'a/b/.c', False),
                ('a.c', 'a.c', True), ('a.c', 'axc', False)]:
            self.assertIs(matches(pattern, path), expected, (pattern, path))

    def test_unmatched(self):
        found = {'One': [('F', 'a/'), ('X', 'a/x')]}
        self.assertEqual(unmatched(found, ['a/b', 'a/x', 'b']), ['a/x', 'b'])

    def test_unused(self):
        found = {'One': [('M', 'x'), ('F', 'a/'), ('F', 'c/*'), ('X', 'b')]}
        self.assertEqual(unused(found, ['a/b', 'c/d/e']), ['c/*', 'b'])

    def test_without_git(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        for path in ('a/b/c', 'build/d', 'e'):
            os.makedirs(os.path.dirname(os.path.join(folder, path)),
                        exist_ok=True)
            open(os.path.join(folder, path), 'w').close()
        self.assertEqual(sorted(tracked(folder)), ['a/b/c', 'e'])


if __name__ == '__main__':
    unittest.main(verbosity=2)
