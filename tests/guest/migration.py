# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a guest and migrates it to another QEMU, through a file."""
import os


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
