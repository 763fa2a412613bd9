# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a guest and migrates it to another QEMU: through a file, or live and on."""
import os
import threading
import time


class Move:
    """The QMP commands for the two QEMUs. The guest is stopped as soon as it
    reports the fact @key, so it is saved during what it does then."""

    def __init__(self, source, target, path, key):
        self.trouble = []
        self._uri = 'file:' + path
        self._from = source.add_qmp()
        target.add('-incoming', 'defer')
        self._to = target.add_qmp()
        self._follow(self._from, lambda: self._from.execute('quit'))
        self._follow(self._to, lambda: self._to.execute('cont'))
        source.on_fact[key] = lambda value: self._save()
        self._saving = False
        self._to.execute('migrate-incoming', self._refused, uri=self._uri)

    def _follow(self, qmp, done):
        def changed(message):
            status = message['data']['status']
            if status == 'completed':
                done()
            elif status == 'failed':
                self.trouble.append('the migration failed')
                qmp.execute('quit')

        qmp.on_event['MIGRATION'] = changed
        qmp.execute('migrate-set-capabilities', self._refused,
                    capabilities=[{'capability': 'events', 'state': True}])

    def _save(self):
        if not self._saving:
            self._saving = True
            self._from.execute('stop', self._refused)
            self._from.execute('migrate', self._refused, uri=self._uri)

    def _refused(self, value, error):
        if error:
            self.trouble.append('QMP: ' + error['desc'])


def run(new_vm, folder, key, timeout):
    """Starts a guest in new_vm(@folder), moves it when it first reports the
    fact @key, and runs it to its end. Returns the second Vm, with all facts,
    and a list of errors of the move."""
    path = os.path.join(folder, 'state')
    source, target = new_vm(folder), new_vm(os.path.join(folder, 'target'))
    move = Move(source, target, path, key)
    target.facts = source.facts
    try:
        source.run(timeout)
        if source.ending():
            move.trouble.append('before the move: ' + source.ending())
        target.run(max(1, timeout - source.seconds))
    finally:
        if os.path.exists(path):
            os.unlink(path)
    target.seconds += source.seconds
    return target, move.trouble


class Chain:
    """A guest that is migrated live, again and again, each time to a new QEMU
    by a socket. The first move begins when the guest reports the fact @key, the next
    ones @pause seconds after the one before; after @moves of them, @ended(machine) is
    called with the last QEMU. With @postcopy the guest runs on at once, and its memory
    follows."""

    def __init__(self, new_vm, folder, key, moves, timeout, ended, postcopy, pause):
        self.trouble = []
        self.machines = []
        self.downtimes = []
        self._new_vm = new_vm
        self._folder = folder
        self._moves = moves
        self._pause = pause
        self._deadline = time.monotonic() + timeout
        self._ended = ended
        self._capabilities = ['events'] + ['postcopy-ram'] * postcopy
        self.postcopies = 0
        self._qmp = []
        self._threads = []
        self._begun = False
        first = self._add()
        first.on_fact[key] = lambda value: self._first_move()
        self._start(first)

    def _socket(self, number):
        return os.path.join(self._folder, 'move%d' % number)

    def _add(self):
        number = len(self.machines)
        machine = self._new_vm(os.path.join(self._folder, 'qemu%d' % number))
        qmp = machine.add_qmp()
        if number:
            machine.add('-incoming', 'defer')
            machine.facts = self.machines[0].facts
        qmp.execute('migrate-set-capabilities', self._refused,
                    capabilities=[{'capability': name, 'state': True}
                                  for name in self._capabilities])
        qmp.on_event['MIGRATION'] = lambda m: self._changed(
            number, m['data']['status'])
        if number:
            qmp.execute('migrate-incoming', self._refused,
                        uri='unix:' + self._socket(number))
        self.machines.append(machine)
        self._qmp.append(qmp)
        return machine

    def _start(self, machine):
        thread = threading.Thread(target=machine.run, args=(
            max(1, self._deadline - time.monotonic()),))
        self._threads.append(thread)
        thread.start()

    def _first_move(self):
        if not self._begun:
            self._begun = True
            self._move(0)

    def _move(self, number):
        """Runs in the thread of the source."""
        target = self._add()
        self._start(target)
        path = self._socket(number + 1)
        while not os.path.exists(path):
            if time.monotonic() > self._deadline:
                self.trouble.append('QEMU %d does not listen' % (number + 1))
                return
            time.sleep(0.01)
        self._qmp[number].execute('migrate', self._refused, uri='unix:' + path)

    def _changed(self, number, status):
        if status == 'failed':
            self.trouble.append('QEMU %d: the migration failed' % number)
            for qmp in self._qmp:
                qmp.execute('quit')
        source = number + 1 < len(self.machines)
        if status == 'active' and source and len(self._capabilities) > 1:
            self._qmp[number].execute('migrate-start-postcopy', self._refused)
        if status == 'postcopy-active' and source:
            self.postcopies += 1
        if status != 'completed':
            return
        if number + 1 < len(self.machines):
            # It was the source.
            self._qmp[number].execute('query-migrate', self._count)
            self._qmp[number].execute('quit')
        elif number < self._moves:
            if self._pause:
                threading.Timer(self._pause, self._move, (number,)).start()
            else:
                self._move(number)
        else:
            self._ended(self.machines[number])

    def _count(self, value, error):
        self.downtimes.append((value or {}).get('downtime'))

    def _refused(self, value, error):
        if error:
            self.trouble.append('QMP: ' + error['desc'])

    def join(self):
        """Waits for the guest's end. The last QEMU."""
        number = 0
        while number < len(self._threads):
            self._threads[number].join()
            number += 1
        for machine in self.machines[:-1]:
            if machine.ending():
                self.trouble.append('before the last move: ' +
                                    machine.ending())
        if self.postcopies != self._moves * (len(self._capabilities) - 1):
            self.trouble.append('%d moves were by postcopy' % self.postcopies)
        if len(self.machines) != self._moves + 1:
            self.trouble.append('moved %d times, not %d' % (
                len(self.machines) - 1, self._moves))
        for number in range(1, len(self.machines)):
            if os.path.exists(self._socket(number)):
                os.unlink(self._socket(number))
        last = self.machines[-1]
        last.seconds = sum(m.seconds for m in self.machines)
        return last


def run_live(new_vm, folder, key, moves, timeout, ended, postcopy=False, pause=0):
    """Starts a guest in new_vm(folder) and moves it @moves times, see Chain. The
    last Vm, which knows all facts, a list of what went wrong with the moves, and
    the downtimes in milliseconds."""
    chain = Chain(new_vm, folder, key, moves, timeout, ended, postcopy, pause)
    machine = chain.join()
    return machine, chain.trouble, chain.downtimes
