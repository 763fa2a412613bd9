#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the documentation lists is what there is."""

import glob
import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.environ.get('BUILD_DIR', os.path.join(ROOT, 'build'))

# Folders whose files the documentation names by their paths.
FOLDERS = ('accel', 'docs', 'hw', 'include', 'packaging', 'patches', 'qapi',
           'scripts', 'target', 'tests')
# Folders of the build or of Xen that begin alike, and names that stand for many.
OTHERS = re.compile(r'docs/misc/|[A-Z]{4}')


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as f:
        return f.read()


def pages():
    """The pages of the manual, by their paths in the checkout."""
    found = glob.glob(os.path.join(ROOT, 'docs', '*.rst'))
    return sorted(os.path.relpath(p, ROOT) for p in found) + [
        'CONTRIBUTING.rst', 'README.md']


def named_paths(text):
    """Paths in code font: ``hw/xen/pv/bus.c``, `docs/`."""
    inner = '|'.join(FOLDERS)
    found = re.findall(r'`((?:%s)/[A-Za-z0-9_./*-]*)`' % inner, text)
    return [p for p in found if not OTHERS.search(p)]


def is_there(path):
    # Some are upstream's, whose source is unpacked before the tests run.
    return any(glob.glob(os.path.join(top, path))
               for top in (ROOT, os.path.join(BUILD, 'qemu-src')))


class Docs(unittest.TestCase):
    def test_every_qtest_is_in_the_table(self):
        suites = [line.split()[0]
                  for line in read('tests/qtest/xen-tests.txt').splitlines()
                  if line and not line.startswith('#')]
        table = re.findall(r'^``(xen-[a-z0-9-]+-test)`` ',
                           read('docs/testing.rst'), re.MULTILINE)
        # Prose below the table may begin a line with a suite's name.
        self.assertEqual(sorted(set(table)), sorted(suites))

    def test_every_target_is_in_the_readme(self):
        targets = re.findall(r'^([a-z0-9-]+):.*## ', read('Makefile'),
                             re.MULTILINE)
        readme = read('README.md')
        self.assertGreater(len(targets), 10)
        for target in targets:
            with self.subTest(target):
                # "build" is make without an argument.
                name = '' if target == 'build' else ' ' + target
                self.assertRegex(readme, r'`%s`|make%s\b' % (target, name))

    def test_named_files_exist(self):
        for page in pages():
            for path in named_paths(read(page)):
                with self.subTest(page=page, path=path):
                    self.assertTrue(is_there(path))


class Paths(unittest.TestCase):
    def test_named_paths(self):
        self.assertEqual(
            named_paths('``hw/xen/a.c`` `docs/` ``docs/misc/x.txt`` '
                        '``tests/unit/test-NAME.c`` ``control/shutdown`` '
                        '``scripts/run-qtest NAME``'),
            ['hw/xen/a.c', 'docs/'])


if __name__ == '__main__':
    unittest.main(verbosity=2)
