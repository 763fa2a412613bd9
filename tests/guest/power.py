# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's part in a guest's sleeps, resets and requests for power, and what has
to come of them. The guest says when (guest/init.sh)."""
import time

import hostside

SLEEPS = 5 if hostside.LONG else 3


class Sleeps(hostside.HostSide):
    """A guest that suspends to RAM so often."""
    SLEEPS = SLEEPS

    def parameters(self):
        return ('XE_SUSPENDS=%d' % self.SLEEPS,)

    def failures(self):
        yield from self.wrong
        woken = self.vm.facts.get('s3-woken')
        if woken != [str(i + 1) for i in range(self.SLEEPS)]:
            yield 'it woke up: %s' % woken


class NestedSleeps(Sleeps):
    """nested/init.sh wakes it up."""
    SLEEPS = 5 if hostside.LONG else 1
    TIME = 60 * SLEEPS


class S3(Sleeps):
    """Wakes the guest up from suspend to RAM, with an event pending that it cannot
    handle before its kernel runs again. Afterwards its wall clock is not behind the
    time at which it was woken."""
    TIME = 120
    # All sleeps together are longer than a right clock may be off.
    ASLEEP_SECONDS = 2
    OFF_SECONDS = 3

    def __init__(self, folder):
        super().__init__(folder)
        self.asleep = 0
        self.woken_at = 0

    def attach(self, vm, qmp):
        super().attach(vm, qmp)

        def asleep(message):
            self.asleep += 1
            time.sleep(self.ASLEEP_SECONDS)
            qmp.execute('xen-event-list', wake_up)

        def wake_up(ports, error):
            # A timer may have expired just before the guest fell asleep. Linux
            # does not mask that port.
            timers = [port for port in ports if port['type'] == 'virq' and
                      port['target'] == 0 and port['vcpu'] == 0]
            if len(timers) != 1 or timers[0]['masked']:
                self.wrong.append('the ports of its timer are %s' % timers)
            for port in timers:
                qmp.execute('xen-event-inject', port=port['port'])
            self.woken_at = time.time()
            qmp.execute('system_wakeup')

        qmp.on_event['SUSPEND'] = asleep
        vm.on_fact['s3-clock'] = self._compare_clock

    def _compare_clock(self, value):
        if not (self.woken_at - self.OFF_SECONDS < int(value)
                < time.time() + self.OFF_SECONDS):
            self.wrong.append('its clock was %s after it was woken at %d'
                              % (value, self.woken_at))

    def failures(self):
        yield from super().failures()
        if self.asleep != self.SLEEPS:
            yield 'it was asleep %d times' % self.asleep


class Suspend(hostside.HostSide):
    """Asks the guest by control/shutdown to suspend itself. QEMU stops then, and
    the guest continues when the user wants: its call returns "cancelled"."""
    TIME = 120

    def __init__(self, folder):
        super().__init__(folder)
        self.stopped = 0

    def parameters(self):
        return ('XE_SUSPENDS=%d' % SLEEPS,)

    def attach(self, vm, qmp):
        super().attach(vm, qmp)

        def stopped(message):
            self.stopped += 1
            qmp.execute('cont')

        def wanted(value):
            qmp.execute('xenstore-write', self._answered,
                        path='control/shutdown', value='suspend')

        qmp.on_event['STOP'] = stopped
        qmp.on_event['RESUME'] = lambda message: vm.channels['hvc'].send(
            'continued\n')
        vm.on_fact['suspend'] = wanted

    def _answered(self, value, error):
        if error:
            self.wrong.append('xenstore-write: ' + error['desc'])

    def failures(self):
        yield from self.wrong
        continued = self.vm.facts.get('suspend-continued')
        if continued != [str(i + 1) for i in range(SLEEPS)]:
            yield 'it continued: %s' % continued
        if self.stopped != SLEEPS:
            yield 'it was suspended %d times' % self.stopped


class Panic(hostside.HostSide):
    """The kernel that starts after a panic can read the memory of the other."""
    MIB = 512
    TIME = 120
    EACH = 1                        # so many MiB of the dump, the first is read

    def parameters(self):
        # A kernel in the middle of the memory would leave no room for the other.
        return ('nokaslr', 'crashkernel=160M', 'XE_VMCORE=%d' % self.EACH)

    def arguments(self):
        return ('-m', str(self.MIB))

    def failures(self):
        for key, wanted in ('panic', '1'), ('vmcore-magic', 'ELF'):
            if self.vm.fact(key) != wanted:
                yield '%s is %s' % (key, self.vm.fact(key))
        # The size of the file, and what was read. Some memory is the kernel's
        # that reads.
        size, *read = [int(n) for n in
                       (self.vm.fact('vmcore-read') or '0').split()]
        wanted = sum(min(hostside.MIB, size - at)
                     for at in range(0, size, self.EACH * hostside.MIB))
        if [wanted] != read or size < self.MIB // 2 * hostside.MIB:
            yield 'of a dump of %d bytes were read: %s' % (size, read)


class NestedPanic(Panic):
    """A part of a smaller dump: each page is mapped to be read, which takes long."""
    MIB = 384
    EACH = 1 if hostside.LONG else 8


class Remove(hostside.HostSide):
    """Removes a disk that the guest has open. Linux from 5.16 on lets go of it."""
    DEVICE = 'device-xvdb'

    def __init__(self, folder):
        super().__init__(folder)
        self.deleted = []

    def attach(self, vm, qmp):
        super().attach(vm, qmp)

        def answered(value, error):
            if error:
                self.wrong.append('device_del: ' + error['desc'])

        qmp.on_event['DEVICE_DELETED'] = lambda message: self.deleted.append(
            message['data'].get('device'))
        vm.on_fact['remove'] = lambda value: qmp.execute(
            'device_del', answered, id=self.DEVICE)

    def failures(self):
        yield from self.wrong
        if self.deleted.count(self.DEVICE) != 1:
            yield 'deleted were %s' % self.deleted
        if self.vm.fact('removed') != 'xvdb':
            yield 'the guest did not see its disk go'


class Replug(hostside.HostSide):
    """Plugs vCPU 1, unplugs it and plugs it again, as often as the guest asks for the
    next step."""
    SMP = '1,sockets=2,maxcpus=2'
    PLUG = {'driver': 'qemu64-x86_64-cpu', 'id': 'added', 'socket-id': 1,
            'core-id': 0, 'thread-id': 0}
    STEPS = 5

    def __init__(self, folder):
        super().__init__(folder)
        self.steps = 0

    def arguments(self):
        return ('-smp', self.SMP)

    def attach(self, vm, qmp):
        super().attach(vm, qmp)

        def answered(value, error):
            if error:
                self.wrong.append('step %d: %s' % (self.steps, error['desc']))

        def wanted(value):
            self.steps += 1
            if self.steps % 2:
                qmp.execute('device_add', answered, **self.PLUG)
            else:
                qmp.execute('device_del', answered, id=self.PLUG['id'])

        vm.on_fact['monitor'] = wanted

    def failures(self):
        yield from self.wrong
        if self.steps != self.STEPS:
            yield '%d of %d steps were taken' % (self.steps, self.STEPS)


class PowerDown(hostside.HostSide):
    """system_powerdown reaches a guest that has no driver for the power button."""

    def attach(self, vm, qmp):
        super().attach(vm, qmp)
        vm.on_fact['powerdown'] = lambda value: qmp.execute('system_powerdown')

    def failures(self):
        if self.vm.fact('asked') != 'poweroff':
            yield 'the guest was not asked to power off'


class Resets(hostside.Ext4):
    """Boots that end in the middle of writes to ext4. The journal must be enough
    at the next boot, and e2fsck finds nothing at the end."""
    SIZE = 64 * hostside.MIB
    HOW = ('host', 'guest') * (5 if hostside.LONG else 1) + ('panic',)
    TIME = 150 * len(HOW)

    def parameters(self):
        return ('XE_RESETS=' + ','.join(self.HOW),)

    def arguments(self):
        return (*super().arguments(), '-action', 'reboot=reset')

    def attach(self, vm, qmp):
        super().attach(vm, qmp)
        vm.on_fact['reset'] = lambda value: qmp.execute('system_reset')

    def failures(self):
        yield from self.wrong
        boots = [str(i) for i in range(len(self.HOW) + 1)]
        if self.vm.facts.get('boot') != boots:
            yield 'the boots were %s' % self.vm.facts.get('boot')
        recovered = self.vm.facts.get('recovered')
        if recovered != boots[1:]:
            yield 'the journal was used at boots %s' % recovered

    def figures(self):
        return None


class NestedResets(Resets):
    """nested/init.sh resets it, whenever it asks for that."""
    SIZE = 24 * hostside.MIB
    HOW = ('host', 'guest') * 5 + ('panic',) if hostside.LONG else ('host',) * 2
    TIME = 60 * len(HOW)
    MONITOR = '\n'.join(['system_reset'] * HOW.count('host'))
