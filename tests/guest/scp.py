# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest with two vifs at one cable, over which it copies a file to itself with
scp; see guest/scp.sh."""
import socket

import hostside

MIB = 100 if hostside.LONG else 4


class Scp(hostside.HostSide):
    USER_NET = False
    TIME = 60

    def __init__(self, folder):
        super().__init__(folder)
        self.ends = socket.socketpair()

    def parameters(self):
        return ('XE_SCP=%d' % MIB,)

    def arguments(self):
        # The file is in memory three times.
        words = ['-m', str(256 + 4 * MIB)]
        for number, end in enumerate(self.ends):
            words += ['-netdev', 'stream,id=net%d,addr.type=fd,addr.str=%d'
                      % (number, end.fileno()),
                      '-device', 'xen-net-device,netdev=net%d' % number]
        return words

    def attach(self, vm, qmp):
        super().attach(vm, qmp)
        vm.inherited += self.ends

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

    def figures(self):
        # A busy host makes TCP repeat what was not lost, so these are not judged.
        return ('scp of %d MiB there and back; segments repeated: %s'
                % (MIB, self.vm.fact('scp-retransmitted')))
