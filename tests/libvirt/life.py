# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps of a domain's life: it is defined, starts, sleeps, is saved, ends."""
import os
import pty
import re
import secrets
import subprocess

from steps import Wrong, expect, wait_until


def define(scene):
    path = scene.domain.file('domain.xml')
    with open(path, 'w') as f:
        f.write(scene.domain.xml())
    scene.domain.host.virsh('define', path)
    expect(scene.domain.state() == 'shut off', scene.domain.state())


def start(scene):
    """The guest has twins only: the emulated disks and NICs are unplugged."""
    scene.virsh('start')
    scene.domain.ready()
    found = scene.guest.run('ls /sys/block').split()
    expect(sorted(found) == sorted(scene.domain.shape.found),
           'the guest has the disks %s' % found)
    drivers = scene.guest.run(
        'for i in /sys/class/net/*/device/driver; do readlink $i; done')
    expect([os.path.basename(d) for d in drivers.split()]
           == scene.domain.shape.nic_drivers,
           'the drivers of the NICs are %s' % drivers)
    scene.works()


class Console:
    """virsh console, which wants a terminal."""

    def __init__(self, domain, device):
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            domain.host.command('console', domain.name, '--devname', device,
                                '--force'),
            stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self._heard = b''

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def write(self, text):
        os.write(self._ours, text.encode())

    def wait_for(self, text):
        os.set_blocking(self._ours, False)

        def heard():
            try:
                self._heard += os.read(self._ours, 65536)
            except BlockingIOError:
                pass
            except OSError as e:
                raise Wrong('virsh console ended: %s: %s'
                            % (e, self._heard)) from e
            return text.encode() in self._heard

        wait_until(heard, '"%s" on the console' % text)


def converse(scene, device, tty):
    """A line each way between virsh console and a terminal of the guest."""
    typed, answer = secrets.token_hex(8), secrets.token_hex(8)
    with Console(scene.domain, device) as console:
        console.wait_for('Escape character')
        scene.guest.run(
            '{ read -r line; echo "%s got $line"; } </dev/%s >/dev/%s &'
            % (answer, tty, tty))
        console.write(typed + '\n')
        console.wait_for('%s got %s' % (answer, typed))


def console(scene):
    converse(scene, 'serial0', 'ttyS0')


def suspend_resume(scene):
    with scene.load():
        scene.virsh('suspend')
        expect(scene.domain.state() == 'paused', scene.domain.state())
        scene.virsh('resume')
        expect(scene.domain.state() == 'running', scene.domain.state())


def reboot(scene):
    """What virsh asks for by the power button or control/shutdown."""
    scene.virsh('reboot')
    scene.domain.ready()
    scene.works()


def guest_reboot(scene):
    scene.guest.send('reboot -f')
    scene.domain.ready()
    scene.works()


def reset(scene):
    """In the middle of the load."""
    scene.start_load()
    scene.virsh('reset')
    scene.domain.ready()
    scene.works()


def save_restore(scene):
    path = scene.domain.inner('saved')
    with scene.load():
        scene.virsh('save', path)
        expect(scene.domain.state() == 'shut off', scene.domain.state())
        scene.guest.disconnect()
        scene.domain.host.virsh('restore', path)
    os.unlink(scene.domain.file('saved'))


def managed_save(scene):
    with scene.load():
        scene.virsh('managedsave')
        expect(scene.domain.state() == 'shut off', scene.domain.state())
        expect('yes' in re.search(r'Managed save: *(.*)',
                                  scene.virsh('dominfo')).group(1),
               'no managed save image')
        scene.guest.disconnect()
        scene.virsh('start')


def shutdown(scene):
    scene.virsh('shutdown')
    scene.wait_for_state('shut off')
    scene.guest.disconnect()
