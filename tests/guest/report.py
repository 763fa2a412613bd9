# SPDX-License-Identifier: GPL-2.0-or-later
"""The output of the harness: a line for each test, details of failures, the
total, and tables."""
import sys

CONSOLE_TAIL = 30
LAST_WORDS = 6


class Outcome:
    """Passed, failed (with reasons) or skipped (with a reason)."""

    def __init__(self, name, seconds, reasons=(), skipped=None, machine=None,
                 figures=()):
        self.name = name
        self.seconds = seconds
        self.reasons = list(reasons)
        self.skipped = skipped
        self.machine = machine
        self.figures = figures      # lines to print, which are not judged

    @property
    def word(self):
        if self.skipped:
            return 'skipped'
        return 'failed' if self.reasons else 'passed'


class Tally:
    """Counts and prints outcomes as they arrive, as text or, with @tap, in the
    Test Anything Protocol."""

    def __init__(self, total, tap=False):
        self._total = total
        self._tap = tap
        self._counts = {'passed': 0, 'failed': 0, 'skipped': 0}
        if tap:
            print('TAP version 13\n1..%d' % total, flush=True)

    def say(self, text):
        """Prints text between the outcomes, such as a table."""
        for line in text.split('\n'):
            print('# ' + line if self._tap else line)

    def add(self, outcome):
        self._counts[outcome.word] += 1
        done = sum(self._counts.values())
        if self._tap:
            print('%s %d - %s%s' % (
                'not ok' if outcome.reasons else 'ok', done, outcome.name,
                ' # SKIP ' + outcome.skipped if outcome.skipped else ''))
        else:
            print('[%d/%d] %-44s %s in %.1f s%s' % (
                done, self._total, outcome.name, outcome.word,
                outcome.seconds,
                ': ' + outcome.skipped if outcome.skipped else ''))
        for line in outcome.figures:
            self.say('    ' + line)
        if outcome.reasons:
            self._story(outcome)
        sys.stdout.flush()

    def _story(self, outcome):
        machine = outcome.machine
        messages = machine.errors.lines if machine else []
        # QEMU's last words are the first that scripts/run-suites keeps.
        for line in [m for m in messages if m.strip()][-LAST_WORDS:]:
            self.say('    QEMU: ' + line)
        for reason in outcome.reasons:
            self.say('    ' + reason)
        if machine:
            if len(messages) > LAST_WORDS:
                self.say('    --- last messages of QEMU ---')
                for line in messages[-CONSOLE_TAIL:]:
                    self.say('    | ' + line)
            if machine.hang:
                self.say('    --- when it was to be killed ---')
                for line in machine.hang:
                    self.say('    | ' + line)
            lines = machine.serial.lines[-CONSOLE_TAIL:]
            self.say('    --- last %d lines of the console (%s) ---'
                     % (len(lines), machine.log_folder))
            for line in lines:
                self.say('    | ' + line)
            self.say('    --- command ---\n    ' + machine.command_line())

    def end(self):
        """Prints the total; returns the exit status."""
        self.say('%(passed)d passed, %(failed)d failed, %(skipped)d skipped'
                 % self._counts)
        sys.stdout.flush()
        return 1 if self._counts['failed'] or not self._counts['passed'] else 0


def table(head, rows):
    """A table, with the first column aligned left and the others right."""
    cells = [[str(c) for c in line] for line in [head] + rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(head))]
    text = []
    for number, line in enumerate(cells):
        text.append('  '.join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths))).rstrip())
        if number == 0:
            text.append('-' * (sum(widths) + 2 * (len(widths) - 1)))
    return '\n'.join(text)


def exit_tables(counts, upstream, phases):
    """A table of a guest's exits by reason, and of its hypercalls by phase and
    name, next to upstream's if there are any."""
    def exits_of(figures, phase, name):
        return figures['phases'].get(phase, {}).get('exits', {}).get(name, 0)

    rows = [[reason, count] + (
        [upstream['userspace_exits'].get(reason, 0)] if upstream else [])
        for reason, count in sorted(counts['userspace_exits'].items(),
                                    key=lambda item: -item[1])]
    versus = ['upstream'] if upstream else []
    text = [table(['exit to userspace', 'whole run'] + versus, rows), '']

    rows = []
    for phase in phases:
        of_phase = counts['phases'].get(phase)
        if of_phase is None:
            continue
        theirs = upstream['phases'][phase] if upstream else None
        rows.append([phase.upper(), of_phase['in_kernel_total'],
                     of_phase['exits_total']]
                    + ([theirs['exits_total']] if upstream else []))
        names = set(of_phase['exits']) | set(of_phase['in_kernel'])
        if upstream:
            names |= set(theirs['exits'])
        for name in sorted(names):
            rows.append(['  ' + name, of_phase['in_kernel'].get(name, 0),
                         of_phase['exits'].get(name, 0)]
                        + ([exits_of(upstream, phase, name)]
                           if upstream else []))
    text.append(table(['hypercall', 'in-kernel', 'exits'] + versus, rows))
    return '\n'.join(text)
