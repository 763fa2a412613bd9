# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps of a domain's life: it is defined, starts, sleeps, is saved, ends."""
import os
import pty
import re
import secrets
import struct
import subprocess
import zlib

from daemon import VirshError
from steps import Skipped, Wrong, expect, wait_until


def define(scene):
    """And listens to the domain's events, for the last step."""
    path = scene.domain.file('domain.xml')
    with open(path, 'w') as f:
        f.write(scene.domain.xml())
    scene.domain.host.virsh('define', path)
    expect(scene.domain.state() == 'shut off', scene.domain.state())
    scene.listen()


def start(scene):
    """A Xen guest, with the devices of its shape: of emulated ones with twins only
    these."""
    scene.virsh('start')
    scene.domain.ready()
    told = scene.guest.run('cd /sys/hypervisor; cat type version/major '
                           'version/minor; cd /')
    expect(told.split() == ['xen', '4', '17'], 'the guest runs on %s' % told)
    found = scene.guest.run('ls /sys/block').split()
    expect(sorted(found) == sorted(scene.domain.shape.found),
           'the guest has the disks %s' % found)
    drivers = scene.guest.run(
        'for i in /sys/class/net/*/device/driver; do readlink $i; done; true')
    wanted = [scene.domain.shape.nic_driver] if scene.domain.shape.nic else []
    expect([os.path.basename(d) for d in drivers.split()] == wanted,
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


def console_hvc(scene):
    """Xen's."""
    converse(scene, 'ua-hvc', 'hvc0')


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


def s3(scene):
    """The guest suspends itself to RAM: libvirt has an agent asked for that."""
    with scene.load():
        scene.guest.run('grep -q deep /sys/power/mem_sleep && '
                        'echo deep >/sys/power/mem_sleep; '
                        '{ sleep 1; echo mem >/sys/power/state; } &')
        scene.wait_for_state('pmsuspended')
        scene.virsh('dompmwakeup')
        scene.wait_for_state('running')
        scene.guest.wait_awake()
    for event in ('PMSuspended Memory', 'Started Event wakeup'):
        wait_until(lambda: any(event in line for line in scene.events()), event)


def sandbox(scene):
    """QEMU's process has the filter that libvirt asks for."""
    host, name = scene.domain.host, scene.domain.name
    with open(host.path('/run/libvirt/qemu/%s.pid' % name)) as f:
        process = host.path('/proc/%s/' % f.read().strip())
    with open(process + 'cmdline') as f:
        if '-sandbox' not in f.read():
            raise Skipped('QEMU was built without seccomp')
    with open(process + 'status') as f:
        expect('Seccomp:\t2' in f.read(), 'there is no filter')


def screenshot(scene):
    if not scene.domain.host.has_vnc():
        raise Skipped('QEMU was built without VNC')
    path = scene.domain.file('screen.png')
    scene.virsh('screenshot', path)
    with open(path, 'rb') as f:
        picture = f.read()
    expect(picture[:8] == b'\x89PNG\r\n\x1a\n' and picture[12:16] == b'IHDR',
           'the picture begins with %r' % picture[:20])
    width, height = struct.unpack('>II', picture[16:24])
    expect(width >= 640 and height >= 400, '%d x %d pixels' % (width, height))
    at = picture.index(b'IDAT')
    length, = struct.unpack('>I', picture[at - 4:at])
    pixels = zlib.decompressobj().decompress(picture[at + 4:at + 4 + length])
    expect(any(pixels), 'the screen is empty')


def setvcpus(scene):
    count = 'ls -d /sys/devices/system/cpu/cpu[0-9]* | wc -l'
    with scene.load():
        scene.virsh('setvcpus', 3, '--live')
        wait_until(lambda: scene.guest.run(count) == '3', 'a third vCPU')
        scene.guest.run('echo 1 >/sys/devices/system/cpu/cpu2/online')
        expect(scene.guest.run('nproc') == '3', 'the vCPU is not online')


def setmem(scene):
    """By Xen's balloon, of which the guest has the size in KiB."""
    size = '/sys/devices/system/xen_memory/xen_memory0/info/current_kb'
    before = int(scene.guest.run('cat ' + size))
    less = 32 << 10
    with scene.load():
        for wanted in (scene.domain.shape.memory << 10) - less, \
                scene.domain.shape.memory << 10:
            scene.virsh('setmem', wanted, '--live')
            wait_until(lambda: abs(
                int(scene.guest.run('cat ' + size)) - before
                - wanted + (scene.domain.shape.memory << 10)) < 1024,
                'a balloon that makes it %d KiB' % wanted)


def dump(scene):
    """Memory only, of a guest that runs on."""
    name = 'memory.dump'
    with scene.load():
        scene.virsh('dump', scene.domain.inner(name), '--memory-only',
                    '--live')
    with open(scene.domain.file(name), 'rb') as f:
        expect(f.read(4) == b'\x7fELF', 'the dump is no ELF file')
    size = os.path.getsize(scene.domain.file(name))
    expect(size >= scene.domain.shape.memory << 20,
           'the dump has %d bytes' % size)
    os.unlink(scene.domain.file(name))


def migrate(scene):
    """Live, to another host and back."""
    here, there = scene.hosts
    for source, target in (here, there), (there, here):
        with scene.load():
            source.virsh('migrate', '--live', '--unsafe', '--persistent',
                         '--undefinesource', scene.domain.name, target.uri,
                         '--migrateuri', 'tcp://' + target.address)
            scene.domain.move_to(target)
            expect(scene.domain.state() == 'running', scene.domain.state())


# What libvirt refuses, whatever QEMU can do, and how it says so: a regular
# expression, where its versions differ.
REFUSED = (
    (('attach-disk', '{name}', '{copy}', 'hdd', '--targetbus', 'ide', '--live'),
     "Bus 'ide.1' does not support hotplugging|"
     "disk bus 'ide' cannot be hotplugged"),
    (('detach-disk', '{name}', 'hdb', '--live'),
     'This type of disk cannot be hot unplugged'),
    (('dompmsuspend', '{name}', 'mem'), 'QEMU guest agent is not configured'),
    (('shutdown', '{name}', '--mode', 'paravirt'), 'unsupported flags'),
    (('reboot', '{name}', '--mode', 'paravirt'), 'unsupported flags'),
    (('create', '{xen_disk}'), "unsupported disk bus 'xen'"),
    (('define', '{xen_console}'), 'unsupported console target type xen'),
)


def refused(scene):
    """Each command fails with the message that docs/libvirt.rst has."""
    domain = scene.domain
    places = {'name': domain.name, 'copy': domain.inner('cd.img')}
    other = domain.xml().replace('<name>', '<name>x-')
    for name, text in (
            ('xen_disk', other.replace("bus='ide'", "bus='xen'")
             .replace("dev='hd", "dev='xvd")),
            ('xen_console', other.replace(
                '</devices>', "<console type='pty'><target type='xen'/>"
                '</console></devices>'))):
        places[name] = domain.file(name + '.xml')
        with open(places[name], 'w') as f:
            f.write(text)
    wrong = []
    for words, message in REFUSED:
        words = [word.format(**places) for word in words]
        try:
            domain.host.virsh(*words)
            wrong.append('%s was not refused' % ' '.join(words))
        except VirshError as e:
            if not re.search(message, str(e)):
                wrong.append('not "%s": %s' % (message, e))
    expect(not wrong, '\n'.join(wrong))


def restart_daemon(scene):
    """The domain goes on while there is no libvirtd."""
    with scene.load():
        scene.domain.host.restart()
        expect(scene.domain.state() == 'running', scene.domain.state())


def autostart(scene):
    """When libvirtd starts for the first time after a boot."""
    scene.virsh('autostart')
    expect(scene.domain.state() == 'shut off', scene.domain.state())
    scene.domain.host.restart(first=True)
    scene.domain.ready()
    scene.works()


def events(scene):
    """What "virsh event" has told, in this order among others."""
    told = scene.events()
    rest = iter(told)
    for wanted in scene.domain.shape.events:
        expect(any(wanted in line for line in rest),
               'no "%s" where it should be in\n%s' % (wanted, '\n'.join(told)))
