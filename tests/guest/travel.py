# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that are moved or set back again and again while disk, network and console
are in use, and what has to come of it."""
import os
import re
import selectors
import socket
import statistics
import struct
import threading

import hostside
import vm as vms

TIMES = 20
# In a stream; most moves meet one.
TCP_BYTES = 64 << 20
COUNT = re.compile(rb'count (\d+)\n')


class Frames:
    """One end of QEMU's netdev "stream": frames behind their length."""

    def __init__(self):
        self.socket, self.theirs = socket.socketpair()
        self._rest = b''

    def arguments(self, name):
        return ('-netdev', 'stream,id=%s,addr.type=fd,addr.str=%d'
                % (name, self.theirs.fileno()))

    def take(self):
        """What has arrived, in whole frames; None at the end."""
        try:
            data = self.socket.recv(1 << 16)
        except OSError:
            data = b''
        if not data:
            return None
        self._rest += data
        at = 0
        while len(self._rest) - at >= 4:
            size = 4 + struct.unpack_from('!I', self._rest, at)[0]
            if len(self._rest) - at < size:
                break
            at += size
        whole, self._rest = self._rest[:at], self._rest[at:]
        return whole

    def send(self, whole):
        try:
            self.socket.sendall(whole)
        except OSError:
            pass                    # that QEMU has ended


class Wire(hostside.HostSide):
    """The guest's network outlives its QEMUs: one more QEMU, without a guest, has
    the user network. Frames go to the QEMU from which the last one came."""
    USER_NET = False
    STREAMS = True
    TIME = 60

    def __init__(self, folder):
        super().__init__(folder)
        self.network = self.qmp = None
        self.at_network = Frames()
        self.guests = []
        self.waker, self.woken = socket.socketpair()
        self.thread = threading.Thread(target=self._relay, daemon=True)

    def _start(self, qemu):
        self.network = vms.Vm(qemu, os.path.join(self.folder, 'network'))
        self.qmp = self.network.add_qmp()
        self.network.add(
            '-machine', 'none', '-nodefaults', '-display', 'none',
            '-netdev', 'user,id=user', *self.at_network.arguments('wire'),
            '-netdev', 'hubport,id=port0,hubid=0,netdev=user',
            '-netdev', 'hubport,id=port1,hubid=0,netdev=wire')
        self.network.inherited.append(self.at_network.theirs)
        threading.Thread(target=self.network.run, args=(3600,),
                         daemon=True).start()
        self.thread.start()

    def attach(self, vm, qmp):
        super().attach(vm, qmp)
        guest = Frames()
        vm.add(*guest.arguments('net'), '-device', 'xen-net-device,netdev=net')
        vm.inherited.append(guest.theirs)
        self.guests.append(guest)
        if not self.network:
            self._start(vm.argv[0])
        self.waker.send(b'.')

    def _relay(self):
        selector = selectors.DefaultSelector()
        selector.register(self.at_network.socket, selectors.EVENT_READ)
        selector.register(self.woken, selectors.EVENT_READ)
        known, current = 0, self.guests[0]
        while True:
            for key, _ in selector.select():
                if key.fileobj is self.woken:
                    if not self.woken.recv(1):
                        return
                    for guest in self.guests[known:]:
                        selector.register(guest.socket, selectors.EVENT_READ,
                                          guest)
                    known = len(self.guests)
                elif key.data is None:
                    frames = self.at_network.take()
                    if frames is None:
                        return
                    current.send(frames)
                else:
                    frames = key.data.take()
                    if frames is None:
                        selector.unregister(key.fileobj)
                    elif frames:
                        current = key.data
                        self.at_network.send(frames)

    def close(self):
        if self.qmp:
            self.qmp.execute('quit')
            self.waker.close()
            self.thread.join()
        for end in (self.at_network, *self.guests):
            end.socket.close()

    def failures(self):
        if int(self.vm.fact('travel-streams') or 0) < 1:
            yield 'no TCP stream has ended'

    def figures(self):
        return '%s TCP streams each way' % self.vm.fact('travel-streams')


class Output(hostside.HostSide):
    """Each line that the guest writes on hvc0 arrives once, in order, from whichever
    QEMU."""

    def __init__(self, folder):
        super().__init__(folder)
        self.parts = []

    def attach(self, vm, qmp):
        super().attach(vm, qmp)
        self.parts.append(bytearray())
        vm.channels['hvc'].on_bytes = self.parts[-1].extend

    def numbers(self):
        return [int(n) for n in COUNT.findall(b''.join(self.parts))]

    def wanted(self):
        return int(self.vm.fact('travel-lines') or 0)

    def failures(self):
        yield from self.wrong
        numbers = self.numbers()
        if not numbers or numbers != list(range(1, self.wanted() + 1)):
            at = next((i for i, n in enumerate(numbers) if n != i + 1),
                      len(numbers))
            yield 'line %d of %d on hvc0 is number %s; %d wanted' % (
                at + 1, len(numbers), numbers[at:at + 1], self.wanted())

    def figures(self):
        text = '%d lines on hvc0' % len(self.numbers())
        downtimes = [int(ms) for ms in self.vm.facts.get('downtimes-ms', [])
                     if ms.isdigit()]
        if downtimes:
            text += '; %d moves, downtime median %d ms, worst %d ms' % (
                len(downtimes), statistics.median(downtimes), max(downtimes))
        return text


class Snapshots(Output):
    """Saves the guest, lets it run on for a second, and sets it back, again and
    again. What it has written since is written once more."""
    TIME = 180

    def attach(self, vm, qmp):
        super().attach(vm, qmp)
        self.loaded = 0

        def command(line, then):
            def answered(value, error):
                if error or value.strip():
                    self.wrong.append('%s: %s' % (line, value or error))
                then()
            qmp.execute('human-monitor-command', answered,
                        **{'command-line': line})

        def save():
            command('savevm state', lambda: threading.Timer(1, load).start())

        def load():
            command('loadvm state', done)

        def done():
            self.loaded += 1
            if self.loaded < TIMES and not self.wrong:
                threading.Timer(1, save).start()
            else:
                vm.channels['hvc'].send('.enough\n')

        vm.on_fact['moves'] = lambda value: save()

    def arguments(self):
        # The images are raw; the temporary ones over them are not.
        return ('-snapshot',)

    def failures(self):
        yield from self.wrong
        if self.loaded != TIMES:
            yield '%d of %d states were loaded' % (self.loaded, TIMES)
        missing = set(range(1, self.wanted() + 1)) - set(self.numbers())
        if missing or not self.wanted():
            yield 'hvc0: %d of %d lines are missing, the first is %s' % (
                len(missing), self.wanted(), min(missing, default=None))

    def figures(self):
        return '%d lines on hvc0; set back %d times' % (len(self.numbers()),
                                                        self.loaded)
