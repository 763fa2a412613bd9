#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""The scripts, on small trees: lay-over, patch-stat, apt_sources, run-suites,
lint, build-option; tests/fuzz/corpus and tests/sanitized/run."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

PATCH = '''Why, in words.

--- a/accel/shared.c
+++ b/accel/shared.c
@@ -1,2 +1,3 @@
 one
+between
 two
'''


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as f:
        f.write(text)


def read(path):
    with open(path) as f:
        return f.read()


class LayOver(unittest.TestCase):
    """A checkout with the real scripts, and a QEMU of two files."""

    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        shutil.copytree(os.path.join(ROOT, 'scripts'), self.at('scripts'))
        write(self.at('pristine/VERSION'), '10.0.0\n')
        write(self.at('pristine/accel/shared.c'), 'one\ntwo\n')
        write(self.at('pristine/hw/replaced.c'), 'upstream\n')
        os.mkdir(self.at('build'))

    def at(self, path):
        return os.path.join(self.dir, path)

    def src(self, path):
        return self.at('build/qemu-src/' + path)

    def lay(self):
        return subprocess.run([self.at('scripts/lay-over'),
                               self.at('pristine')], text=True,
                              env=dict(os.environ, BUILD_DIR=self.at('build')),
                              stderr=subprocess.PIPE)

    def lay_well(self):
        done = self.lay()
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr

    def times(self):
        return {path: os.stat(self.src(path)).st_mtime_ns
                for path in ('VERSION', 'accel/shared.c', 'hw/replaced.c')}

    def test_without_anything(self):
        self.lay_well()
        self.assertEqual(read(self.src('accel/shared.c')), 'one\ntwo\n')

    def test_second_run_touches_nothing(self):
        write(self.at('hw/replaced.c'), 'ours\n')
        write(self.at('patches/series'), 'a.patch\n')
        write(self.at('patches/a.patch'), PATCH)
        self.lay_well()
        before = self.times()
        self.lay_well()
        self.assertEqual(self.times(), before)

    def test_patch_comes_and_goes(self):
        self.lay_well()
        before = self.times()
        write(self.at('patches/series'), '# a comment\na.patch\n')
        write(self.at('patches/a.patch'), PATCH)
        self.lay_well()
        self.assertEqual(read(self.src('accel/shared.c')),
                         'one\nbetween\ntwo\n')
        self.assertEqual(self.times()['VERSION'], before['VERSION'])
        os.unlink(self.at('patches/series'))
        self.lay_well()
        self.assertEqual(read(self.src('accel/shared.c')), 'one\ntwo\n')
        # Back to an old text is a change that Ninja has to see.
        self.assertGreater(self.times()['accel/shared.c'],
                           before['accel/shared.c'])

    def test_new_tree_leaves_our_files_as_old_as_they_are(self):
        # Another build folder, of which they are sources too, stays up to date.
        write(self.at('hw/replaced.c'), 'ours\n')
        os.utime(self.at('hw/replaced.c'), (1, 1))
        self.lay_well()
        self.assertEqual(read(self.src('hw/replaced.c')), 'ours\n')
        self.assertEqual(os.stat(self.at('hw/replaced.c')).st_mtime, 1)

    def test_file_of_ours_comes_and_goes(self):
        write(self.at('hw/replaced.c'), 'ours\n')
        write(self.at('hw/new/ours.c'), 'ours\n')
        write(self.at('hw/new/ours.c.orig'), 'left over\n')
        self.lay_well()
        self.assertEqual(read(self.src('hw/replaced.c')), 'ours\n')
        self.assertTrue(os.path.islink(self.src('hw/new/ours.c')))
        self.assertFalse(os.path.lexists(self.src('hw/new/ours.c.orig')))
        os.unlink(self.at('hw/replaced.c'))
        os.unlink(self.at('hw/new/ours.c'))
        self.lay_well()
        self.assertEqual(read(self.src('hw/replaced.c')), 'upstream\n')
        self.assertFalse(os.path.islink(self.src('hw/replaced.c')))
        self.assertFalse(os.path.lexists(self.src('hw/new/ours.c')))

    def test_pristine_tree_is_never_written(self):
        write(self.at('hw/replaced.c'), 'ours\n')
        self.lay_well()
        self.assertEqual(read(self.at('pristine/hw/replaced.c')), 'upstream\n')

    def test_pristine_tree_changes(self):
        self.lay_well()
        write(self.at('pristine/VERSION'), '10.0.11\n')
        write(self.at('pristine/hw/more.c'), 'more\n')
        self.lay_well()
        self.assertEqual(read(self.src('VERSION')), '10.0.11\n')
        self.assertEqual(read(self.src('hw/more.c')), 'more\n')

    def test_failing_patch(self):
        self.lay_well()
        write(self.at('patches/series'), 'a.patch\n')
        write(self.at('patches/a.patch'), PATCH.replace(' two', ' three'))
        done = self.lay()
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr,
                         'lay-over: patches/a.patch does not apply: '
                         'hunk 1 of accel/shared.c does not fit\n')
        self.assertEqual(read(self.src('accel/shared.c')), 'one\ntwo\n')

    def test_missing_patch(self):
        write(self.at('patches/series'), 'gone.patch\n')
        done = self.lay()
        self.assertEqual(done.returncode, 1)
        self.assertIn('gone.patch', done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1)

    def test_patch_of_a_file_of_ours(self):
        write(self.at('patches/series'), 'a.patch\n')
        write(self.at('patches/a.patch'), PATCH)
        write(self.at('accel/shared.c'), 'ours\n')
        done = self.lay()
        self.assertEqual(done.returncode, 1)
        self.assertIn('which is a file of ours', done.stderr)

    def test_edited_file_is_kept(self):
        write(self.at('patches/series'), 'a.patch\n')
        write(self.at('patches/a.patch'), PATCH)
        self.lay_well()
        write(self.src('accel/shared.c'), 'edited\n')
        self.assertIn('was edited', self.lay_well())
        self.assertEqual(read(self.at('build/edited/accel/shared.c')),
                         'edited\n')

    def test_half_made_tree_is_made_again(self):
        self.lay_well()
        os.unlink(self.at('build/qemu-src.json'))
        os.unlink(self.src('VERSION'))
        self.lay_well()
        self.assertEqual(read(self.src('VERSION')), '10.0.0\n')

    def test_patch_stat(self):
        write(self.at('patches/series'), 'a.patch\n')
        write(self.at('patches/a.patch'), PATCH)
        stat = subprocess.run([self.at('scripts/patch-stat')], check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        self.assertIn('upstream lines touched: 1 '
                      '(1 hooks, 0 fixes)\n', stat)


class BuildOption(unittest.TestCase):
    """Options of the build folder, and their defaults before there is one."""

    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)

    def value(self, name):
        done = subprocess.run(
            [os.path.join(ROOT, 'scripts/build-option'), name], text=True,
            env=dict(os.environ, BUILD_DIR=self.dir),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return done.stdout.rstrip('\n') if done.returncode == 0 else None

    def test_default(self):
        self.assertEqual(self.value('minimal'), 'false')
        self.assertEqual(self.value('qemu_src'), '')
        self.assertIsNone(self.value('no-such-option'))

    def test_of_the_folder(self):
        write(os.path.join(self.dir, 'meson-info/intro-buildoptions.json'),
              '[{"name": "minimal", "value": true},'
              ' {"name": "qemu_src", "value": "/src"}]')
        self.assertEqual(self.value('minimal'), 'true')
        self.assertEqual(self.value('qemu_src'), '/src')


class Sources(unittest.TestCase):
    """Which archive apt_sources takes out of a system's files."""

    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        sys.path.insert(0, os.path.join(ROOT, 'scripts'))
        self.addCleanup(sys.path.pop, 0)

    def found(self, **files):
        import apt_sources
        for name, text in files.items():
            path = ('sources.list' if name == 'list' else
                    'sources.list.d/' + name.replace('_', '.'))
            write(os.path.join(self.dir, path), text)
        try:
            return apt_sources.debian_archive(self.dir)
        except apt_sources.NoArchive:
            return None

    def test_one_line(self):
        self.assertEqual(self.found(
            list='# deb http://old.example/debian bookworm main\n'
                 'deb [arch=amd64 signed-by=/k] http://m.example/debian '
                 'bookworm main contrib # a mirror\n'), 'http://m.example/debian')

    def test_deb822(self):
        found = self.found(
            debian_sources='Types: deb\n# a comment\n'
                           'URIs: http://m.example/debian\n'
                           'Suites: trixie\n trixie-updates\n'
                           'Components: main\n\n'
                           'Types: deb\nURIs: http://s.example/security\n'
                           'Suites: trixie-security\nComponents: main\n')
        self.assertEqual(found, 'http://m.example/debian')

    def test_disabled(self):
        self.assertIsNone(self.found(
            debian_sources='Enabled: no\nTypes: deb\n'
                           'URIs: http://m.example/debian\n'
                           'Suites: trixie\nComponents: main\n'))

    def test_others_archives(self):
        self.assertEqual(self.found(
            a_list='deb http://browser.example/deb stable main\n',
            b_list='deb http://m.example/debian bookworm main\n',
            c_list='deb http://wine.example/wine-builds bookworm main\n'),
            'http://m.example/debian')

    def test_none(self):
        self.assertIsNone(self.found(
            list='deb cdrom:[Debian 12]/ bookworm main\n'
                 'deb http://s.example/debian bookworm-security main\n'))


SUITE = """#!/bin/sh
echo '[1/3] first                        passed in 0.1 s'
echo '[2/3] second                       failed in 0.2 s'
echo '    it gave no answer'
echo '    --- last 30 lines of the console (somewhere) ---'
echo '    | a long console'
echo '[3/3] third                        skipped in 0.0 s'
echo '1 passed, %d failed, 1 skipped'
exit %d
"""


class RunSuites(unittest.TestCase):
    """A checkout with one suite, which is a program."""

    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        shutil.copytree(os.path.join(ROOT, 'scripts'),
                        os.path.join(self.dir, 'scripts'))

    def run_suite(self, text):
        path = os.path.join(self.dir, 'tests/guest/run')
        write(path, text)
        os.chmod(path, 0o755)
        return subprocess.run([os.path.join(self.dir, 'scripts/run-suites'),
                               'guest'], text=True, stdout=subprocess.PIPE)

    def test_failures_are_named_at_the_end(self):
        done = self.run_suite(SUITE % (1, 1))
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout.splitlines()[-4:],
                         ['Failed:', '  guest: second',
                          '      it gave no answer',
                          '1 passed, 1 failed, 1 skipped'])

    def test_no_failure(self):
        done = self.run_suite('#!/bin/sh\n'
                              'echo 2 passed, 0 failed, 0 skipped\n')
        self.assertEqual(done.returncode, 0)
        self.assertNotIn('Failed:', done.stdout)
        self.assertEqual(done.stdout.splitlines()[-1],
                         '2 passed, 0 failed, 0 skipped')

    def test_counts_without_an_outcome(self):
        done = self.run_suite('#!/bin/sh\necho 2 passed, 0 failed\nexit 3\n')
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout.splitlines()[-2:],
                         ['  guest: exit status 3',
                          '2 passed, 1 failed, 0 skipped'])

    def test_no_counts(self):
        done = self.run_suite('#!/bin/sh\n')
        self.assertEqual(done.returncode, 1)
        self.assertIn('guest: ended without counts', done.stdout)


class Sanitized(unittest.TestCase):
    """tests/sanitized/run on builds with nothing to build, and a suite that says
    and reports what is asked."""

    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        for name in ('scripts', 'tests/sanitized'):
            shutil.copytree(os.path.join(ROOT, name),
                            os.path.join(self.dir, name))
        shutil.copy(os.path.join(ROOT, 'meson_options.txt'), self.dir)
        for build in ('asan', 'asan-ours', 'tsan'):
            write(os.path.join(self.dir, 'build', build, 'build.ninja'),
                  'build all: phony\nbuild unit: phony\n')

    def run_part(self, part, script, *options):
        """@script has the sanitizers' log_path in $log."""
        path = os.path.join(self.dir, 'scripts/run-suites')
        write(path, '#!/bin/sh\n'
                    'log=$(echo "$ASAN_OPTIONS" |'
                    ' sed "s/.*log_path=\\([^:]*\\).*/\\1/")\n' + script)
        os.chmod(path, 0o755)
        return subprocess.run(
            [os.path.join(self.dir, 'tests/sanitized/run'), *options, part],
            text=True,
            env=dict(os.environ, BUILD_DIR=os.path.join(self.dir, 'build')),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def assert_counts(self, done, status, counts):
        self.assertEqual(done.returncode, status, done.stdout)
        self.assertEqual(done.stdout.splitlines()[-1], counts)

    def test_no_report(self):
        self.assert_counts(
            self.run_part('threads', 'echo 2 passed, 0 failed, 1 skipped'),
            0, '2 passed, 0 failed, 1 skipped')

    def test_report_that_no_test_has_noticed(self):
        done = self.run_part(
            'qtest', 'echo "== ERROR: heap-use-after-free" >$log.qemu.1\n'
                     'echo 2 passed, 0 failed, 0 skipped')
        self.assert_counts(done, 1, '2 passed, 1 failed, 0 skipped')
        self.assertIn('[1/1] qtest:report.qemu.1  failed\n'
                      '    == ERROR: heap-use-after-free\n', done.stdout)
        # It does not count again, and a warning about coroutines does not count.
        self.assert_counts(
            self.run_part('qtest', "echo \"==1==WARNING: ASan doesn't fully "
                          'support makecontext/swapcontext functions" >$log.1\n'
                          'echo 2 passed, 0 failed, 0 skipped'),
            0, '2 passed, 0 failed, 0 skipped')

    def test_no_counts(self):
        self.assert_counts(self.run_part('qtest', 'exit 0'), 1,
                           '0 passed, 1 failed, 0 skipped')

    def test_status(self):
        self.assert_counts(
            self.run_part('qtest', 'echo 2 passed, 0 failed, 0 skipped; exit 3'),
            1, '2 passed, 1 failed, 0 skipped')

    def test_ours(self):
        done = self.run_part('qtest', 'echo x >$log.1; echo $BUILD_DIR\n'
                             'echo 2 passed, 0 failed, 0 skipped', '--ours')
        self.assert_counts(done, 1, '2 passed, 1 failed, 0 skipped')
        self.assertIn('/build/asan-ours\n', done.stdout)

    def test_options_of_the_caller(self):
        with unittest.mock.patch.dict(os.environ, ASAN_OPTIONS='verbosity=1'):
            done = self.run_part('qtest', 'echo $ASAN_OPTIONS\n'
                                 'echo 2 passed, 0 failed, 0 skipped')
        self.assertRegex(done.stdout, 'abort_on_error=1:.*:verbosity=1\n')

    def test_build_that_fails(self):
        write(os.path.join(self.dir, 'build/asan/build.ninja'), 'nothing\n')
        self.assert_counts(
            self.run_part('qtest', 'echo 2 passed, 0 failed, 0 skipped'),
            1, '0 passed, 1 failed, 0 skipped')


class Lint(unittest.TestCase):
    """A checkout with a file of ours, and linters that say what is asked."""

    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        shutil.copytree(os.path.join(ROOT, 'scripts'),
                        os.path.join(self.dir, 'scripts'))
        write(os.path.join(self.dir, 'hw/a.c'), 'int a;\n')

    def lint(self, check, said, status):
        program = 'bin/' + check
        if check.startswith('checkpatch'):
            program = 'build/qemu-src/scripts/checkpatch.pl'
        path = os.path.join(self.dir, program)
        write(path, '#!/usr/bin/perl\n'
                    f'print "{said}"; exit {status};\n')
        os.chmod(path, 0o755)
        return subprocess.run(
            [os.path.join(self.dir, 'scripts/lint'), check], text=True,
            env=dict(os.environ, BUILD_DIR=os.path.join(self.dir, 'build'),
                     PATH=os.path.join(self.dir, 'bin:') + os.environ['PATH']),
            stdout=subprocess.PIPE)

    def assert_counts(self, done, failed):
        self.assertEqual(done.returncode, failed, done.stdout)
        self.assertEqual(done.stdout.splitlines()[-1],
                         f'{1 - failed} passed, {failed} failed, 0 skipped')

    def test_silent(self):
        self.assert_counts(self.lint('checkpatch-sources', '', 0), 0)
        self.assert_counts(self.lint('flake8', '', 0), 0)

    def test_finding(self):
        text = 'hw/a.c:1: ERROR: wrong'
        done = self.lint('checkpatch-sources', text, 1)
        self.assert_counts(done, 1)
        self.assertIn('    ' + text + '\n', done.stdout)
        self.assert_counts(self.lint('flake8', 'a.py:1: E1', 1), 1)

    def test_rule_that_is_not_applied(self):
        text = 'hw/a.c:1: WARNING: line over 80 characters'
        self.assert_counts(self.lint('checkpatch-sources', text, 1), 0)

    def test_failure_without_a_word(self):
        self.assert_counts(self.lint('checkpatch-sources', '', 2), 1)
        self.assert_counts(self.lint('flake8', '', 2), 1)

    def test_no_file(self):
        self.assert_counts(self.lint('checkpatch-headers', '', 0), 1)


class FuzzExecutions(unittest.TestCase):
    """What libFuzzer says about its runs, added up."""

    def setUp(self):
        self.build = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.build)

    def count(self, target, log):
        path = os.path.join(self.build, 'fuzz/log')
        write(path, log)
        subprocess.run([os.path.join(ROOT, 'tests/fuzz/corpus'), 'count',
                        target, path], check=True,
                       env=dict(os.environ, BUILD_DIR=self.build))

    def counted(self):
        path = os.path.join(self.build, 'fuzz/executions')
        return [line.split() for line in read(path).splitlines()
                if not line.startswith('#')]

    def test_runs_add_up(self):
        end = 'stat::number_of_executed_units: 250\n'
        self.count('evtchn', '#64\tpulse\n#250\tDONE\n' + end)
        # Killed: it has no end, and what it did is in the last status line.
        self.count('evtchn', '#1000\tNEW cov: 5\n#4096\tpulse cov: 5\n')
        self.count('net', '#16\tINITED\n')
        # It could not even begin.
        self.count('blk', 'error\n')
        self.assertEqual(self.counted(), [['evtchn', '4346'], ['net', '16']])


if __name__ == '__main__':
    unittest.main()
