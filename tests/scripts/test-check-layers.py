#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""check-layers, on small trees and on a copy of ours with a bad line in it."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, 'scripts/check-layers')

RULES = '''# A comment
upstream = include/system hw :
all      : upstream

low      = hw/low :

left     = hw/left : low right
right    = hw/right : low left

high     = hw/high/** : hw/low/base.c
           include/hw/door.h
top      = accel accel/stubs : low high

circle   : hw/low/ping.c hw/low/pong.c
xen_emu  : hw/low/base.c top
'''

# Rules, each file they name, and uses of all the kinds that are right.
TREE = {
    'scripts/layers.txt': RULES,
    'include/hw/low/base.h': '''
        /* other_get() in a comment */
        extern struct XenEmu *xen_emu;
        int base_get(int door_open);
        ''',
    'hw/low/base.c': '''
        #include "hw/low/base.h"
        XenEmu *xen_emu;
        int base_get(int n) { return xen_emu->n + n; }
        ''',
    'include/hw/door.h': 'int door_open(void);\nint window_open(void);\n',
    'hw/left/door.c': '''
        #include "hw/door.h"
        static const char *text = "window_open() in a string";
        int door_open(void) { return base_get(0); }
        int door_hidden(void) { return 0; }
        ''',
    'hw/right/window.c': '''
        #include "hw/door.h"
        #include "private.h"
        typedef struct Frame { int (*door_hidden)(void); } Frame;
        static int knob(void) { return 0; }
        static const Frame frame = { .door_hidden = knob };
        int window_open(void)
        {
            int door_hidden = frame.door_hidden();
            return xen_emu ? door_hidden : 0;
        }
        ''',
    'hw/right/private.h': '#define PANES 4\n',
    'hw/low/ping.c': 'void pong(void);\nvoid ping(void) { pong(); }\n',
    'hw/low/pong.c': 'void ping(void);\nvoid pong(void) { ping(); }\n',
    'hw/high/deep/roof.c': '''
        #include "hw/door.h"
        #include "hw/low/base.h"
        #include "system/theirs.h"
        int roof(void) { return door_open() + base_get(1); }
        int knob(void) { return 2; }
        ''',
    'include/system/theirs.h': '#include "qemu/osdep.h"\n',
    'accel/start.c': '''
        #include "hw/low/base.h"
        #include "hw/left/trace.h"
        int go(void) { trace_door(); return roof() + xen_emu->n; }
        ''',
    'accel/stubs/door.c': '''
        #include "hw/right/private.h"
        int door_open(void) { return 0; }
        ''',
    'hw/left/trace.h': 'void trace_door(void);\n',
    'tools/short': '#!/bin/sh\n' + ':\n' * 599,
    'tools/text.txt': '\n' * 1000,
}


class SmallTree(unittest.TestCase):
    """Each test adds to a good tree what is wrong, and names the complaint."""

    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        for path, text in TREE.items():
            self.write(path, text)

    def write(self, path, text):
        path = os.path.join(self.dir, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)

    def append(self, path, text):
        with open(os.path.join(self.dir, path), 'a', encoding='utf-8') as f:
            f.write(text)

    def check(self, *options, status=1):
        done = subprocess.run([SCRIPT, '--root', self.dir, *options],
                              text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stderr if status == 2 else done.stdout

    def complaint(self):
        """The only line."""
        lines = self.check().splitlines()
        self.assertEqual(len(lines), 1, lines)
        return lines[0]

    def test_good(self):
        self.assertEqual(self.check(status=0), '')

    def test_call_up(self):
        self.append('hw/low/base.c', 'void up(void)\n{\n\n door_hidden(); }\n')
        self.assertRegex(
            self.check(), r'(?m)^hw/low/base.c:8: low may not use left: '
            r'hw/left/door.c \(door_hidden\)$')

    def test_address_taken_up(self):
        self.append('hw/low/ping.c', 'Ops ops = { .f = door_hidden };\n')
        self.assertEqual(self.complaint(),
                         'hw/low/ping.c:3: low may not use left: '
                         'hw/left/door.c (door_hidden)')

    def test_variable_up(self):
        self.append('hw/left/door.c', 'int knobs[2] = {1, 2};\n')
        self.append('hw/low/ping.c', 'int g(void) { return knobs[1]; }\n')
        self.assertEqual(self.complaint(),
                         'hw/low/ping.c:3: low may not use left: '
                         'hw/left/door.c (knobs)')

    def test_macro_up(self):
        self.append('hw/low/ping.c', '#define LOOK(x) \\\n  door_hidden(x)\n')
        self.assertEqual(self.complaint(),
                         'hw/low/ping.c:4: low may not use left: '
                         'hw/left/door.c (door_hidden)')

    def test_inline_up(self):
        self.append('include/hw/low/base.h',
                    'static inline int b(void) { return knock(); }\n')
        self.append('hw/left/door.c', 'int knock(void) { return 1; }\n')
        self.assertIn('include/hw/low/base.h:5: low may not use left: '
                      'hw/left/door.c (knock)', self.check())

    def test_include_up(self):
        self.append('hw/low/ping.c', '#include "hw/door.h"\n')
        # Its folder is that of its path, for two folders implement it.
        self.write('scripts/layers.txt', RULES.replace(
            'system hw', 'system').replace('= hw/left', '= hw/left hw'))
        self.assertEqual(self.complaint(),
                         'hw/low/ping.c:3: low may not use left: '
                         'include/hw/door.h (#include "hw/door.h")')

    def test_only_what_a_header_declares(self):
        self.append('hw/high/deep/roof.c', 'int f(void)'
                    '{ return door_hidden() + window_open(); }\n')
        self.assertEqual(self.complaint(),
                         'hw/high/deep/roof.c:7: high may not use left: '
                         'hw/left/door.c (door_hidden)')

    def test_only_the_file(self):
        self.append('hw/high/deep/roof.c', 'int f(void) { return ping(); }\n')
        self.assertEqual(self.complaint(),
                         'hw/high/deep/roof.c:7: high may not use low: '
                         'hw/low/ping.c (ping)')

    def test_circle_by_include(self):
        self.write('hw/left/a.h', '#include "b.h"\n')
        self.write('hw/left/b.h', '#include "a.h"\n')
        self.assertRegex(self.complaint(),
                         r'^hw/left/b.h:1: circle of 2 files: '
                         r'hw/left/b.h uses hw/left/a.h \(#include "a.h"\), '
                         'and hw/left/a.h -> hw/left/b.h$')

    def test_circle_by_call(self):
        self.write('hw/left/a.c', 'void a(void) { b(); }\n')
        self.write('hw/left/b.c', 'void b(void) { c(); }\n')
        self.write('hw/left/c.c', 'void c(void) { a(); }\n')
        self.assertRegex(self.complaint(),
                         r'^hw/left/c.c:1: circle of 3 files: '
                         r'hw/left/c.c uses hw/left/a.c \(a\), '
                         'and hw/left/a.c -> hw/left/b.c -> hw/left/c.c$')

    def test_circle_by_header_and_call(self):
        """A header that belongs to a C file is that C file."""
        self.write('hw/left/a.h', '#include "b.h"\nvoid a(void);\n')
        self.write('hw/left/a.c', 'void a(void) { }\n')
        self.write('hw/left/b.h', 'void b(void);\n')
        self.write('hw/left/b.c', 'void b(void) { a(); }\n')
        self.assertIn('circle of 2 files: hw/left/b.c uses hw/left/a.c (a), '
                      'and hw/left/a.c -> hw/left/b.c', self.complaint())

    def test_circle_of_folders(self):
        self.write('hw/left/a.c', 'void a(void) { window_open(); }\n')
        self.write('hw/right/b.c', 'void b(void) { door_open(); }\n')
        self.assertRegex(self.complaint(), r'circle of 2 folders: right uses '
                         r'left \(door_open\), and left -> right$')

    def test_interface_up(self):
        """A header that a folder may use opens the circle through it."""
        self.write('include/hw/roof.h', 'int roof(void);\n')
        self.write('hw/left/a.c', '#include "hw/roof.h"\n'
                   'int a(void) { return roof(); }\n')
        self.write('scripts/layers.txt', RULES.replace(
            ': low right', ': low right include/hw/roof.h'))
        self.assertEqual(self.check(status=0), '')

    def test_written_circle_only(self):
        self.write('scripts/layers.txt',
                   RULES.replace('circle   :', '# circle :'))
        self.assertIn('circle of 2 files: hw/low/pong.c uses hw/low/ping.c',
                      self.complaint())

    def test_global(self):
        self.append('hw/low/ping.c', 'int n(void)\n{ return xen_emu->n; }\n')
        self.assertEqual(self.complaint(),
                         'hw/low/ping.c:4: xen_emu is only for hw/low/base.c, '
                         'top: 1 uses here')

    def test_global_compared(self):
        self.append('hw/low/ping.c',
                    'int n(void) { return !xen_emu || f(a && xen_emu); }\n'
                    'void m(void) { if (xen_emu) { assert(xen_emu); } }\n')
        self.assertEqual(self.check(status=0), '')

    def test_global_copied(self):
        self.append('hw/low/ping.c', 'void *n(void) { return f(xen_emu); }\n')
        self.assertIn('hw/low/ping.c:3: xen_emu is only for',
                      self.complaint())

    def test_private_header(self):
        self.append('hw/left/door.c', '#include "hw/right/private.h"\n')
        self.assertRegex(self.complaint(), 'left includes hw/right/private.h, '
                         'which is private to right$')

    def test_unknown_folder(self):
        self.write('hw/low/cellar/a.c', '')
        self.assertEqual(self.complaint(), 'hw/low/cellar/a.c: its folder is '
                         'not in layers.txt')

    def test_too_long(self):
        self.append('tools/short', ':\n')
        self.assertEqual(self.complaint(),
                         'tools/short:601: 601 lines, more than 600')

    def test_too_long_header(self):
        self.append('hw/right/private.h', '\n' * 600)
        self.assertIn('hw/right/private.h:601: 601 lines', self.complaint())

    def test_rules_name_a_file_that_is_gone(self):
        os.unlink(os.path.join(self.dir, 'hw/low/pong.c'))
        self.assertEqual(self.complaint(),
                         'scripts/layers.txt: there is no hw/low/pong.c')

    def test_rules_do_not_go_up(self):
        self.write('scripts/layers.txt',
                   RULES.replace('hw/low :', 'hw/low : left'))
        self.assertIn('low may use left, which is not below it',
                      self.check(status=2))

    def test_bad_rules(self):
        self.append('scripts/layers.txt', 'what is this\n')
        self.assertIn('layers.txt:16: ', self.check(status=2))

    def test_bad_brackets(self):
        self.append('hw/low/ping.c', 'void f(void)\n{\n')
        self.assertIn('hw/low/ping.c:4: nothing closes this {',
                      self.check(status=2))

    def test_list(self):
        self.assertIn('high         1 files  uses left (1), low (2), '
                      'upstream (2)\n', self.check('--list', status=0))

    def test_graph(self):
        self.assertIn('\n  "left" -> "low";\n',
                      self.check('--graph', 'folders', status=0))
        self.assertIn('\n  "accel/start.c" -> "hw/high/deep/roof.c";\n',
                      self.check('--graph', 'files', status=0))


class Verify(unittest.TestCase):
    """What the compiler knows and the script does not is told."""

    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        commands = []
        for path, text in (
                ('scripts/layers.txt', 'low = hw :\n'),
                ('hw/a.c', 'int a_number; int a(void) { return a_number; }\n'),
                ('hw/b.h', 'int a(void);\n#define B() a()\n'),
                ('hw/b.c', '#include "b.h"\nint b(void) { return B(); }\n')):
            self.write(path, text)
            if path.endswith('.c'):
                self.compile(path)
                commands.append({'directory': self.dir, 'file': path,
                                 'output': path + '.o'})
        self.write('compile_commands.json', json.dumps(commands))

    def compile(self, path, *options):
        subprocess.run(['cc', '-c', *options, path, '-o', path + '.o'],
                       cwd=self.dir, check=True)

    def write(self, path, text):
        """Files are older than what is made of them."""
        path = os.path.join(self.dir, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        os.utime(path, (1, 1))

    def verify(self, status):
        done = subprocess.run([SCRIPT, '--root', self.dir,
                               '--verify', self.dir], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_good(self):
        self.assertEqual(self.verify(0),
                         '2 objects, 3 symbols, 1 uses in other files: '
                         '0 not found; 0 found that objects do not have\n')

    def test_sanitized(self):
        self.compile('hw/a.c', '-fsanitize=address')
        self.test_good()

    def test_use_not_seen(self):
        self.write('hw/b.h', 'int a(void);\n#define B() CALL(A)\n')
        self.assertIn('hw/b.c: the use of a was not found\n', self.verify(1))

    def test_definition_not_seen(self):
        self.write('hw/a.c', 'DEFINE(a_number) int a(void) { return 0; }\n')
        self.assertIn('hw/a.c: the definition of a_number was not found\n',
                      self.verify(1))

    def test_object_without_use(self):
        self.write('hw/b.c', 'int b(void) { return a() + a_number; }\n')
        self.assertIn('hw/b.c:1: a_number is not used by the object\n',
                      self.verify(0))

    def test_old_object(self):
        os.utime(os.path.join(self.dir, 'hw/a.c'))
        os.utime(os.path.join(self.dir, 'hw/a.c.o'), (1, 1))
        self.assertIn('hw/a.c was changed after the last build',
                      self.verify(2))

    def test_no_build(self):
        os.unlink(os.path.join(self.dir, 'compile_commands.json'))
        self.assertIn('no build: ', self.verify(2))


class OurTree(unittest.TestCase):
    """A copy of ours: whatever is wrong in it, a bad line more is one more."""

    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        for top in ('accel', 'hw', 'include', 'target', 'scripts'):
            shutil.copytree(os.path.join(ROOT, top),
                            os.path.join(self.dir, top))
        self.before = self.lines()

    def lines(self):
        done = subprocess.run([SCRIPT, '--root', self.dir], text=True,
                              stdout=subprocess.PIPE, check=False)
        self.assertIn(done.returncode, (0, 1))
        return set(done.stdout.splitlines())

    def added(self, path, text):
        with open(os.path.join(self.dir, path), 'a', encoding='utf-8') as f:
            f.write(text)
        return '\n'.join(self.lines() - self.before)

    def test_engine_calls_hypercalls(self):
        added = self.added('hw/xen/emu/evtchn/abi-2l.c',
                           'void bad_call(void) { xen_hcall_multicall(); }\n')
        self.assertRegex(added, r'evtchn may not use hypercall: '
                         r'target/i386/xen/multicall.c \(xen_hcall_multicall')

    def test_engine_includes_the_domain(self):
        added = self.added('hw/xen/emu/evtchn/idmap.h',
                           '#include "hw/xen/emu/accel.h"\n')
        self.assertRegex(added, 'idmap.h:[0-9]+: evtchn may not use domain: '
                         'include/hw/xen/emu/accel.h')

    def test_layout_calls_the_engine(self):
        added = self.added('hw/xen/emu/layout.c',
                           'void bad_call(void) { xen_idmap_init(); }\n')
        self.assertRegex(added, 'layout.c:[0-9]+: domain may not use evtchn: '
                         'hw/xen/emu/evtchn/idmap.c')


if __name__ == '__main__':
    unittest.main()
