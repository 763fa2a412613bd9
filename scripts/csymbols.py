# SPDX-License-Identifier: GPL-2.0-or-later
"""What a C file of ours includes, defines, declares and uses.

This is not a compiler: it relies on the style that QEMU's checkpatch.pl
enforces, does not expand macros and reads all branches of an #if.  A name is
used where the body of a function, an initializer or the body of a macro
mentions it, except as a member or as a local variable.  "check-layers
--verify" compares the result with the symbol tables of compiled objects.
"""

import bisect
import re
from typing import NamedTuple

TOKEN = re.compile(r'''
    (?P<space> [ \t\f\v\r]+ | \\\n | //[^\n]* | /\*.*?\*/ )
  | (?P<newline> \n )
  | (?P<string> (?:u8|[uUL])?"(?:\\.|[^"\\\n])*" | [uUL]?'(?:\\.|[^'\\\n])*' )
  | (?P<name> [A-Za-z_]\w* )
  | (?P<number> \.?\d(?:[eEpP][+-]|[\w.])* )
  | (?P<operator> -> | \.\.\. | \#\# | && | \|\| | [=!<>]= | . )
''', re.VERBOSE | re.DOTALL)

CLOSES = {'(': ')', '[': ']', '{': '}'}
# Two names in a row declare the second one, except after these.
NOT_TYPES = {'return', 'else', 'do', 'goto', 'case', 'sizeof', 'typeof'}
KEYWORDS = NOT_TYPES | {
    'if', 'while', 'for', 'switch', 'break', 'continue', 'default', 'struct',
    'union', 'enum', 'static', 'const', 'extern', 'inline', 'volatile', 'void',
    'bool', 'char', 'short', 'int', 'long', 'unsigned', 'signed', 'float',
    'double', 'typedef', 'register', '__typeof__', '__attribute__'}
TAGS = {'struct', 'union', 'enum', 'goto'}


class SyntaxProblem(Exception):
    """A file that cannot be read: its place and why."""


class Token(NamedTuple):
    text: str
    kind: str
    line: int
    start: int


class Source:
    """One file: sets and tables of names; a line number where they stand."""

    def __init__(self, path, text):
        self.path = path
        self.includes = []      # (as written, line)
        self.defines = {}       # functions and variables with external linkage
        self.declares = {}      # the same, declared only
        self.statics = set()    # functions and variables without
        self.uses = {}          # every name used -> first line
        self.mentions = []      # (previous two, name, next token, line)
        self._read(text)

    # Tokens and directives

    def _tokens(self, text):
        lines = [m.start() for m in re.finditer('\n', text)]
        for match in TOKEN.finditer(text):
            if match.lastgroup != 'space':
                yield Token(match.group(), match.lastgroup,
                            bisect.bisect_left(lines, match.start()) + 1,
                            match.start())

    def _read(self, text):
        code = []
        directive = None
        line_empty = True
        for token in self._tokens(text):
            if token.kind == 'newline':
                if directive:
                    self._directive(directive)
                directive = None
                line_empty = True
            elif directive is not None:
                directive.append(token)
            elif token.text == '#' and line_empty:
                directive = [token]
            else:
                line_empty = False
                code.append(token)
        if directive:
            self._directive(directive)
        self._external_declarations(code)

    def _directive(self, tokens):
        if len(tokens) < 3:
            return
        name, argument = tokens[1].text, tokens[2]
        if name == 'include' and argument.kind == 'string':
            self.includes.append((argument.text[1:-1], argument.line))
        elif name == 'define':
            body = tokens[3:]
            parameters = set()
            end = argument.start + len(argument.text)
            if body and body[0].text == '(' and body[0].start == end:
                close = self._match(body, 0)
                parameters = {t.text for t in body[:close]}
                body = body[close + 1:]
            self._use(body, parameters)

    # Declarations

    def _match(self, tokens, at):
        """The index of what closes the bracket at @at."""
        depth = 0
        opening, closing = tokens[at].text, CLOSES[tokens[at].text]
        for i in range(at, len(tokens)):
            if tokens[i].text == opening:
                depth += 1
            elif tokens[i].text == closing:
                depth -= 1
                if not depth:
                    return i
        raise SyntaxProblem(f'{self.path}:{tokens[at].line}: '
                            f'nothing closes this {opening}')

    def _external_declarations(self, tokens):
        at = 0
        while at < len(tokens):
            at = self._external_declaration(tokens, at)

    def _external_declaration(self, tokens, at):
        """Read a declaration or definition; returns where the next begins."""
        if tokens[at].text == ';':
            return at + 1
        if at + 1 < len(tokens) and tokens[at].kind == 'name' and \
                tokens[at + 1].text == '(':
            # A macro that stands for a declaration: type_init(register_types)
            end = self._match(tokens, at + 1)
            self._use(tokens[at:end + 1], set())
            return end + 1
        head = []           # the declaration without what is in brackets
        groups = {}         # index in head -> the tokens of that bracket
        initializer = []
        assigned = False
        while at < len(tokens):
            token = tokens[at]
            if token.text == ';':
                at += 1
                break
            if token.text in CLOSES:
                end = self._match(tokens, at)
                inside = tokens[at + 1:end]
                if assigned:
                    initializer += inside
                elif token.text == '{':
                    function = self._function(head, groups)
                    if function:
                        self._define(head, function[0])
                        self._use(inside, function[1])
                        return end + 1
                    if head and head[0].text == 'extern' and \
                            head[-1].kind == 'string':
                        self._external_declarations(inside)
                        return end + 1
                else:
                    groups[len(head)] = inside
                    head.append(token)
                    if token.text == '[':
                        self._use(inside, set())
                at = end + 1
                continue
            if token.text == '=':
                assigned = True
            elif token.text == ',':
                assigned = False
            (initializer if assigned else head).append(token)
            at += 1
        self._use(initializer, set())
        self._declaration(head, groups)
        return at

    def _function(self, head, groups):
        """The token and the parameters' names of a function's declarator."""
        for i, inside in sorted(groups.items()):
            before = head[i - 1] if i else None
            if head[i].text != '(' or not before or before.kind != 'name':
                continue
            if before.text in KEYWORDS or before.text.isupper():
                continue
            if inside and inside[0].text == '*':
                return None             # a pointer to a function
            return before, self._parameters(inside)
        return None

    @staticmethod
    def _parameters(tokens):
        names = set()
        for before, token, after in zip([None] + tokens, tokens,
                                        tokens[1:] + [None]):
            if token.kind == 'name' and before and \
                    (after is None or after.text in ',)[') and \
                    (before.kind == 'name' or before.text == '*'):
                names.add(token.text)
        return names

    def _declaration(self, head, groups):
        """A typedef, a prototype or variables."""
        words = [token.text for token in head]
        if not words or 'typedef' in words:
            return
        function = self._function(head, groups)
        if function:
            if 'static' in words:
                self.statics.add(function[0].text)
            else:
                self.declares.setdefault(function[0].text, function[0].line)
            return
        for i, token in enumerate(head):
            follows = words[i + 1] if i + 1 < len(head) else ';'
            if follows in (',', ';', '[') and token.kind == 'name' and i and \
                    words[i - 1] not in TAGS and token.text not in KEYWORDS:
                self._variable(words, token)
            elif token.text == '(' and groups[i] and groups[i][0].text == '*':
                named = [t for t in groups[i] if t.kind == 'name']
                if named:
                    self._variable(words, named[-1])

    def _variable(self, words, token):
        if 'extern' in words:
            self.declares.setdefault(token.text, token.line)
        elif 'static' in words:
            self.statics.add(token.text)
        elif self.path.endswith('.c'):
            self.defines.setdefault(token.text, token.line)

    def _define(self, head, token):
        if any(t.text == 'static' for t in head):
            self.statics.add(token.text)
        else:
            self.defines.setdefault(token.text, token.line)

    # Uses

    def _use(self, tokens, local):
        """Note the names in @tokens, except @local and what they declare."""
        local = local | self._locals(tokens)
        for i, token in enumerate(tokens):
            if token.kind != 'name' or token.text in KEYWORDS:
                continue
            before = tokens[i - 1].text if i else ''
            if before in ('.', '->') or before in TAGS or token.text in local:
                continue
            self.uses.setdefault(token.text, token.line)
            after = tokens[i + 1].text if i + 1 < len(tokens) else ''
            self.mentions.append((tokens[i - 2].text if i > 1 else '', before,
                                  token.text, after, token.line))

    @staticmethod
    def _locals(tokens):
        names = set()
        for i, token in enumerate(tokens):
            if token.kind != 'name' or not i:
                continue
            if tokens[i - 1].kind == 'name':
                if tokens[i - 1].text not in NOT_TYPES and \
                        (i < 2 or tokens[i - 2].text not in ('.', '->')):
                    names.add(token.text)
                continue
            # Type *name, where a statement or a for loop begins.
            at = i - 1
            while at >= 0 and tokens[at].text in ('*', 'const'):
                at -= 1
            if at == i - 1 or tokens[at].kind != 'name' or \
                    tokens[at].text in NOT_TYPES:
                continue
            at -= 1
            while at >= 0 and tokens[at].text in TAGS | {'const', 'static'}:
                at -= 1
            after = tokens[i + 1].text if i + 1 < len(tokens) else ';'
            if after in ('=', ';', ',', '[') and \
                    (at < 0 or tokens[at].text in ';{}:' or
                     (tokens[at].text == '(' and after == '=')):
                names.add(token.text)
        return names
