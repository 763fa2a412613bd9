# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest with two vifs at one cable, over which it copies a file to itself with
scp; see guest/scp.sh. Neither end of a vif may drop a frame meanwhile."""
import socket

import hostside

MIB = 100 if hostside.LONG else 4


class Scp(hostside.HostSide):
    USER_NET = False
    TIME = 60

    def __init__(self, folder):
        super().__init__(folder)
        self.ends = socket.socketpair()
        # By each back end: before the copies, and until their end.
        self.before, self.dropped = [], []
        self.qmp = None

    def parameters(self):
        return ('XE_SCP=%d' % MIB,)

    def arguments(self):
        # The file is in memory three times.
        words = ['-m', str(256 + 4 * MIB)]
        for number, end in enumerate(self.ends):
            words += ['-netdev', 'stream,id=net%d,addr.type=fd,addr.str=%d'
                      % (number, end.fileno()),
                      '-device', 'xen-net-device,netdev=net%d,id=vif%d'
                      % (number, number)]
        return words

    def attach(self, vm, qmp):
        super().attach(vm, qmp)
        vm.inherited += self.ends
        self.qmp = qmp
        # Until both ends were connected, frames were dropped.
        vm.on_fact['scp-sent'] = lambda value: self._count(self.before)
        vm.on_fact['scp-retransmitted'] = lambda value: self._count(self.dropped)

    def _count(self, counts):
        def answered(value, error):
            if error:
                self.wrong.append('queue-stats: %s' % error)
            counts.append(sum(queue['tx-dropped'] + queue['rx-dropped']
                              for queue in value or ()))
            if len(self.dropped) == len(self.ends):
                self.vm.channels['hvc'].send('enough\n')

        for number in range(len(self.ends)):
            self.qmp.execute('qom-get', answered, property='queue-stats',
                             path='/machine/peripheral/vif%d' % number)

    def close(self):
        for end in self.ends:
            end.close()

    def failures(self):
        yield from self.wrong
        sent = self.vm.fact('scp-sent')
        for key in ('scp-there', 'scp-back'):
            if not sent or self.vm.fact(key) != sent:
                yield '%s is %s, not %s' % (key, self.vm.fact(key), sent)
        if self.vm.fact('scp-dropped') != '0 0':
            yield 'frames were dropped: %s' % self.vm.fact('scp-dropped')
        if self.dropped != self.before:
            yield 'back ends had dropped %s frames, and then %s' % (
                self.before, self.dropped)

    def figures(self):
        # A busy host makes TCP repeat what was not lost, so these are not judged.
        return ('scp of %d MiB there and back; segments repeated: %s; frames that '
                'back ends dropped: %d'
                % (MIB, self.vm.fact('scp-retransmitted'),
                   sum(self.dropped) - sum(self.before)))
