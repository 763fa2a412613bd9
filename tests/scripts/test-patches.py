#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""The patch series as reviewers of QEMU get it: mails that git am applies.

BUILD_DIR is the build folder: what it was made from is what the patches have to
fit.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.environ.get('BUILD_DIR', os.path.join(ROOT, 'build'))
sys.path.insert(0, os.path.join(ROOT, 'scripts'))

from patchseries import FIRST_FIX, read_series, series_of  # noqa: E402

HOOKS_MAX = 100
# No configuration of the user's.
GIT_ENV = {'GIT_CONFIG_GLOBAL': '/dev/null', 'GIT_CONFIG_NOSYSTEM': '1'}

ONE_LINE = '''From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: A Writer <a.writer@example.org>
Date: Sat, 21 Nov 2026 04:45:50 +0000
Subject: [PATCH] accel: write between one and two, which takes a rather long
 subject

Why.

Signed-off-by: A Writer <a.writer@example.org>
---
 accel/shared.c | 1 +
 1 file changed, 1 insertion(+)

diff --git a/accel/shared.c b/accel/shared.c
index 814f4a422927..db661c2ba827 100644
--- a/accel/shared.c
+++ b/accel/shared.c
@@ -1,2 +1,3 @@
 one
+between
 two
--\x20
qemu-xen-emu
'''


def run(*args, **options):
    env = {**os.environ, **GIT_ENV, **options.pop('env', {})}
    done = subprocess.run(args, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=env, **options)
    if done.returncode:
        raise AssertionError(f'{args}: {done.stdout}')
    return done.stdout


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


class Checkout(unittest.TestCase):
    """A folder with the real scripts, and a QEMU source to be chosen."""

    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        shutil.copytree(os.path.join(ROOT, 'scripts'), self.at('scripts'))
        shutil.copy(os.path.join(ROOT, 'meson_options.txt'), self.dir)
        os.mkdir(self.at('build'))
        self.env = {'QEMU_SRC': '', 'BUILD_DIR': self.at('build')}

    def at(self, path):
        return os.path.join(self.dir, path)

    def patch_tree(self, *args):
        return run(self.at('scripts/patch-tree'), *args, env=self.env)


class Versions(Checkout):
    """The series that a source of QEMU belongs to."""

    def test_a_development_version_belongs_to_the_next_release(self):
        for version, series in (('10.0.13', '10.0'), ('10.0', '10.0'),
                                ('10.1.50', '10.2'), ('10.2.92', '11.0'),
                                ('11.0.50', '11.1')):
            write(self.at('VERSION'), version + '\n')
            self.assertEqual(series_of(self.dir), series)


class Series(Checkout):
    """patches/, on the files of QEMU that it touches."""

    def setUp(self):
        super().setUp()
        shutil.copytree(os.path.join(ROOT, 'patches'), self.at('patches'))
        self.patches = read_series(self.at('patches'))
        self.touched = sorted({p for patch in self.patches
                               for p in patch.touched})
        with open(os.path.join(BUILD, 'qemu-src.json')) as f:
            pristine = json.load(f)['pristine']
        for path in self.touched + ['VERSION']:
            if os.path.exists(os.path.join(pristine, path)):
                write(self.at('build/qemu-pristine/' + path),
                      read(os.path.join(pristine, path)))

    def test_git_am_and_lay_over_agree(self):
        self.patch_tree(self.at('tree'))
        run(self.at('scripts/lay-over'), self.at('build/qemu-pristine'), env=self.env)
        for path in self.touched:
            self.assertEqual(read(self.at('tree/' + path)),
                             read(self.at('build/qemu-src/' + path)), path)
        # Each mail became a commit of its own.
        self.assertEqual(
            len(run('git', '-C', self.at('tree'), 'log', '--oneline')
                .splitlines()), len(self.patches) + 1)

    def test_fixes_need_no_hooks(self):
        self.patch_tree('--fixes', self.at('tree'))

    def test_every_file_is_listed_once(self):
        self.assertEqual(sorted(p.name for p in self.patches),
                         sorted(n for n in os.listdir(self.at('patches'))
                                if n.endswith('.patch')))

    def test_every_file_of_another_series_is_listed_once(self):
        for series in os.listdir(self.at('patches')):
            folder = os.path.join(self.at('patches'), series)
            if os.path.isdir(folder):
                listed = [p.name for p in read_series(self.at('patches'), series)]
                self.assertEqual(sorted(n for n in listed if '/' in n),
                                 sorted(f'{series}/{n}' for n in os.listdir(folder)
                                        if n != 'series'))
                self.assertEqual(len(listed), len(set(listed)))

    def test_numbers_tell_fixes_from_hooks(self):
        for patch in self.patches:
            self.assertEqual(int(patch.name[:4]) >= FIRST_FIX, patch.is_fix,
                             patch.name)

    def test_hooks_are_few(self):
        lines = sum(sum(patch.upstream_lines()) for patch in self.patches
                    if not patch.is_fix)
        self.assertLess(lines, HOOKS_MAX)

    def test_mails_are_complete(self):
        for patch in self.patches:
            with self.subTest(patch.name):
                text = read(patch.path)
                head, body = text.split('\n\n', 1)
                self.assertRegex(head, r'\AFrom [0-9a-f]{40} '
                                       r'Mon Sep 17 00:00:00 2001\n')
                self.assertRegex(head, r'\nFrom: [^<]+<[^>]+@[^>]+>\n')
                self.assertRegex(head, r'\nDate: \w{3}, \d+ \w{3} \d{4} ')
                # A subsystem, then words.
                self.assertRegex(head, r'\nSubject: \[PATCH\] '
                                       r'[a-z][\w/,-]*: [a-z"]')
                message, changes = body.split('\n---\n', 1)
                self.assertRegex(message, r'\nSigned-off-by: [^<]+<[^>]+>\Z')
                self.assertGreater(len(message.split('\n\n')), 1)
                for line in message.splitlines():
                    if line.startswith('Fixes:'):
                        self.assertRegex(
                            line, r'\AFixes: [0-9a-f]{12} \("[^"]+"\)\Z')
                    elif not line.startswith('Signed-off-by:'):
                        self.assertLessEqual(len(line), 76, line)
                self.assertRegex(changes, r'\n \d+ files? changed, ')
                self.assertIn('\ndiff --git a/', changes)
                self.assertRegex(changes, r'\n-- \n\S+\n\Z')
                self.assertTrue(text.isascii())


class RoundTrip(Checkout):
    """patch-tree, on a QEMU of one file."""

    def setUp(self):
        super().setUp()
        write(self.at('build/qemu-pristine/VERSION'), '10.0.0\n')
        write(self.at('build/qemu-pristine/accel/shared.c'), 'one\ntwo\n')
        write(self.at('patches/series'), '0007-between.patch\n')
        write(self.at('patches/0007-between.patch'), ONE_LINE)
        self.patch_tree(self.at('tree'))

    def commit(self, message):
        run('git', '-C', self.at('tree'), '-c', 'user.name=A Writer',
            '-c', 'user.email=a.writer@example.org', 'commit', '-qasm', message)

    def test_patches_are_commits(self):
        self.assertEqual(read(self.at('tree/accel/shared.c')),
                         'one\nbetween\ntwo\n')
        self.assertIn('accel: write between one and two',
                      run('git', '-C', self.at('tree'), 'log', '-1'))

    def test_export_of_what_has_not_changed(self):
        self.patch_tree('--export', self.at('tree'))
        self.assertEqual(read(self.at('patches/series')),
                         '0007-between.patch\n')
        # All but the abbreviated names of the two versions of the file.
        self.assertEqual(*(re.sub(r'\nindex .*', '', text) for text in (
            read(self.at('patches/0007-between.patch')), ONE_LINE)))

    def test_export_of_new_commits(self):
        write(self.at('tree/accel/shared.c'), 'one\nbetween\nand\ntwo\n')
        self.commit('accel: one more')
        write(self.at('tree/accel/shared.c'), '1\nbetween\nand\ntwo\n')
        self.commit('accel: a number\n\nFixes: 0123456789ab ("accel: words")')
        self.patch_tree('--export', self.at('tree'))
        self.assertEqual(read(self.at('patches/series')),
                         '0007-between.patch\n'
                         '0008-accel-one-more.patch\n'
                         '0101-accel-a-number.patch  # fix\n')
        run(self.at('scripts/lay-over'), self.at('build/qemu-pristine'), env=self.env)
        self.assertEqual(read(self.at('build/qemu-src/accel/shared.c')),
                         '1\nbetween\nand\ntwo\n')

    def test_export_drops_what_has_gone(self):
        run('git', '-C', self.at('tree'), 'reset', '-q', '--hard', 'HEAD~1')
        self.patch_tree('--export', self.at('tree'))
        self.assertEqual(os.listdir(self.at('patches')), ['series'])
        self.assertEqual(read(self.at('patches/series')), '')

    def test_no_tree_is_overwritten(self):
        with self.assertRaisesRegex(AssertionError, 'exists already'):
            self.patch_tree(self.at('tree'))

    def test_patch_that_does_not_fit(self):
        write(self.at('patches/0007-between.patch'),
              ONE_LINE.replace(' two', ' three'))
        with self.assertRaisesRegex(AssertionError, 'patch-tree: git am: '):
            self.patch_tree(self.at('other'))


if __name__ == '__main__':
    unittest.main(verbosity=2)
