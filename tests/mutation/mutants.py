# SPDX-License-Identifier: GPL-2.0-or-later
"""Single changes of our C files, found by libclang in their syntax trees."""

import collections
import json
import os
import re
import shlex

from clang import cindex
from clang.cindex import CursorKind

# Whose changes unit tests and qtests can see; target/i386/kvm needs a KVM.
FOLDERS = ('hw/xen/emu', 'hw/xen/machine', 'hw/xen/pv', 'target/i386/xen')

# path: from the root; offset, old: the bytes that are replaced by new; kind: of the
# change, one of KINDS
Mutant = collections.namedtuple('Mutant', 'path line offset old new kind')

KINDS = {
    'operator': 'a comparison, or an arithmetic or logical operator, is another one',
    'condition': 'the condition of an "if" is negated',
    'constant': 'a number is one more',
    'call': 'a function, a lock or a barrier is not called',
    'assignment': 'an assignment is left out',
}

OPERATORS = {'<': '<=', '<=': '<', '>': '>=', '>=': '>', '==': '!=', '!=': '==',
             '&&': '||', '||': '&&', '+': '-', '-': '+', '&': '|', '|': '&',
             '<<': '>>', '>>': '<<', '*': '+', '/': '*'}
# Calls whose lack these tests are not meant to notice: memory that is not freed shows
# with "make check-sanitized", and the others have no effect but on logs.
HARMLESS = re.compile(r'(trace_\w+|g_assert\w*|assert|g_free|free|qemu_vfree|'
                      r'error_free|g_\w+_(free|unref|destroy)|warn_report\w*|'
                      r"(error|info)_report\w*|qemu_log\w*|QEMU_BUILD_BUG_ON\w*)\s*\(")
# Statements that are macros, which libclang shows as what they expand to.
MACRO_CALL = re.compile(rb'^[ \t]*(smp_\w+|\w+_GUARD|Q[A-Z]+_(INSERT|REMOVE)_\w+)'
                        rb'\([^;{}]*\);', re.MULTILINE)
# Of QEMU's command line for GCC, what libclang knows and the syntax tree needs.
ARGUMENT = re.compile(r'-[IDU]|-std=|-include$|-isystem$|-iquote$')


def arguments(entry):
    """Of an entry of compile_commands.json, for libclang."""
    words = iter(entry.get('arguments') or shlex.split(entry['command']))
    kept = ['-w']
    for word in words:
        if not ARGUMENT.match(word):
            continue
        kept.append(word)
        if word in ('-I', '-D', '-U', '-include', '-isystem', '-iquote'):
            kept.append(next(words))
    return kept


def commands(build):
    """{path from the root: entry} of our C files that QEMU's build compiles."""
    with open(os.path.join(build, 'qemu', 'compile_commands.json'),
              encoding='utf-8') as f:
        entries = json.load(f)
    tree = os.path.join(build, 'qemu-src')
    found = {}
    for entry in entries:
        path = os.path.normpath(os.path.join(entry['directory'], entry['file']))
        name = os.path.relpath(path, tree)
        if name.startswith(FOLDERS) and name.endswith('.c') and os.path.islink(path):
            found.setdefault(name, entry)
    return found


class Finder:
    """Of one file."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.found = {}

    def add(self, kind, begin, end, new):
        old = self.text[begin:end].decode(errors='replace')
        line = self.text.count(b'\n', 0, begin) + 1
        mutant = Mutant(self.path, line, begin, old, new, kind)
        self.found[begin, end, new] = mutant

    def _source(self, cursor):
        extent = cursor.extent
        return extent.start.offset, extent.end.offset

    def operator(self, cursor):
        children = list(cursor.get_children())
        if len(children) != 2:
            return
        begin, end = self._source(children[0])[1], self._source(children[1])[0]
        between = self.text[begin:end]
        word = between.strip().decode(errors='replace')
        if word in OPERATORS:
            begin += len(between) - len(between.lstrip())
            self.add('operator', begin, begin + len(word), OPERATORS[word])

    def condition(self, cursor):
        begin, end = self._source(next(cursor.get_children()))
        # Of a condition that begins or ends in a macro, the extent is not exact.
        if balanced(self.text[begin:end]) and \
           self.text[end:].lstrip().startswith(b')') and \
           self.text[:begin].rstrip().endswith(b'('):
            text = self.text[begin:end].decode()
            self.add('condition', begin, end, '!(%s)' % text)

    def constant(self, cursor):
        begin, end = self._source(cursor)
        match = re.fullmatch(rb'(0[xX][0-9a-fA-F]+|[0-9]+)([uUlL]*)',
                             self.text[begin:end])
        if match:
            value = int(match.group(1), 8 if re.fullmatch(rb'0[0-7]+', match.group(1))
                        else 0) + 1
            self.add('constant', begin, end, str(value) + match.group(2).decode())

    def statement(self, cursor):
        begin, end = self._source(cursor)
        text = self.text[begin:end]
        if self.text[end:end + 1] != b';' or not balanced(text):
            return
        if cursor.kind == CursorKind.CALL_EXPR:
            if not HARMLESS.match(text.decode(errors='replace')):
                self.add('call', begin, end, '(void)0')
        elif cursor.kind in (CursorKind.BINARY_OPERATOR, CursorKind.UNARY_OPERATOR,
                             CursorKind.COMPOUND_ASSIGNMENT_OPERATOR):
            self.add('assignment', begin, end, '(void)0')

    def visit(self, cursor):
        """@cursor is below a function's body."""
        if cursor.kind in (CursorKind.BINARY_OPERATOR,):
            self.operator(cursor)
        elif cursor.kind == CursorKind.IF_STMT:
            self.condition(cursor)
        elif cursor.kind == CursorKind.INTEGER_LITERAL:
            self.constant(cursor)
        for child in cursor.get_children():
            if cursor.kind in (CursorKind.COMPOUND_STMT, CursorKind.IF_STMT,
                               CursorKind.CASE_STMT, CursorKind.DEFAULT_STMT):
                self.statement(child)
            self.visit(child)

    def macros(self, begin, end):
        for match in MACRO_CALL.finditer(self.text, begin, end):
            if b'\n' in self.text[match.start():match.end() - 1] or \
               HARMLESS.match(match.group(0).decode().strip()):
                continue
            self.add('call', match.start(1), match.end() - 1, '(void)0')


def balanced(text):
    return bool(text) and text.count(b'(') == text.count(b')') and \
        text.count(b'{') == text.count(b'}')


def of_file(path, root, entry):
    """All changes of one file, as Mutants in the order of their places."""
    full = os.path.join(root, path)
    with open(full, 'rb') as f:
        text = f.read()
    cwd = os.getcwd()
    os.chdir(entry['directory'])
    try:
        unit = cindex.Index.create().parse(full, args=arguments(entry))
    finally:
        os.chdir(cwd)
    finder = Finder(path, text)
    for cursor in unit.cursor.get_children():
        place = cursor.location.file
        if cursor.kind == CursorKind.FUNCTION_DECL and cursor.is_definition() and \
           place and os.path.realpath(place.name) == os.path.realpath(full):
            begin, end = cursor.extent.start.offset, cursor.extent.end.offset
            for child in cursor.get_children():
                if child.kind == CursorKind.COMPOUND_STMT:
                    finder.visit(child)
            finder.macros(begin, end)
    return [finder.found[key] for key in sorted(finder.found)]


def applied(text, mutant):
    """The file's bytes with the change."""
    old = mutant.old.encode()
    if text[mutant.offset:mutant.offset + len(old)] != old:
        raise ValueError('%s has changed' % mutant.path)
    return (text[:mutant.offset] + mutant.new.encode() +
            text[mutant.offset + len(old):])


def describe(mutant):
    """One line."""
    def short(text):
        text = ' '.join(text.split())
        return text if len(text) <= 60 else text[:57] + '...'

    if mutant.kind in ('call', 'assignment'):
        return '%s:%d: without %s' % (mutant.path, mutant.line, short(mutant.old))
    return '%s:%d: %s -> %s' % (mutant.path, mutant.line, short(mutant.old),
                                short(mutant.new))
