# SPDX-License-Identifier: GPL-2.0-or-later
"""Domains: their XML, their files, and what is asked of them from outside. What
they differ in is in shapes.py."""
import os
import shutil
import xml.etree.ElementTree

import daemon
import diskimage
import guest

MIB = 1 << 20
DATA_SIZE = 8 * MIB
CDROM_SIZE = 64 << 10

XML = '''\
<domain type='{type}' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name>
  <memory unit='MiB'>{memory}</memory>
  <vcpu{vcpu}>{cpus}</vcpu>
  <os><type arch='x86_64' machine='{machine}'>hvm</type>{boot}</os>
  <features><acpi/><apic/></features>
  <on_reboot>restart</on_reboot>
  <on_crash>restart</on_crash>
  <pm><suspend-to-mem enabled='yes'/></pm>
  <devices>
    <emulator>{emulator}</emulator>
{devices}
    <serial type='pty'><log file='{log}'/><target port='0'/></serial>
    <serial type='unix'>
      <source mode='bind' path='{port}'/>
      <target port='1'/>
    </serial>
  </devices>
{more}
</domain>
'''

DISK = '''\
    <disk type='file' device='{device}'>
      <driver name='qemu' type='{format}'/>
      <source file='{path}'/>
      <target dev='{target}' bus='{bus}'/>{readonly}{more}
    </disk>'''

VNC = "    <graphics type='vnc' port='-1' autoport='yes'/>"

KERNEL = '''\
<kernel>{kernel}</kernel><initrd>{initrd}</initrd><cmdline>{line}</cmdline>'''

NIC = '''\
    <interface type='bridge'>
      <source bridge='br0'/>
      <mac address='{mac}'/>
      <model type='{model}'/>{more}
    </interface>'''


class Domain:
    """One domain on @host, with files in a folder that all hosts share."""

    def __init__(self, host, shape, name, number, shared, boot, image,
                 command_line, virt_type):
        self.host = host
        self.shape = shape
        self.name = name
        self.address = '10.7.0.%d' % (100 + number)
        self.mac = '52:54:00:00:07:%02x' % number
        self.folder = os.path.join(shared, name)
        self._inner = os.path.join(daemon.SHARED, name)
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o777)
        shutil.copy(image, self.file('boot.qcow2'))
        shutil.copy(boot.kernel, self.file('kernel'))
        shutil.copy(boot.initrd, self.file('initrd'))
        self._command_line = command_line
        self._type = virt_type
        self.write('data.qcow2', diskimage.qcow2(bytes(DATA_SIZE)))
        self.write('cd.img', self.medium('first'))
        for file_name in os.listdir(self.folder):
            # libvirt gives a file back to root when a domain leaves its host.
            os.chmod(self.file(file_name), 0o666)
        self.guest = None
        self.move_to(host)

    def move_to(self, host):
        """The domain is on @host now; no guest is started or moved by this."""
        boot_id = None
        if self.guest:
            self.guest.disconnect()
            boot_id = self.guest.boot_id
        self.host = host
        self.guest = guest.Guest(host.path(self._port()))
        self.guest.boot_id = boot_id

    def _port(self):
        return os.path.join(daemon.PORTS, self.name)

    def file(self, name):
        """A file of this domain's, as the test finds it."""
        return os.path.join(self.folder, name)

    def write(self, name, data):
        with open(self.file(name), 'wb') as f:
            f.write(data)

    @staticmethod
    def medium(line):
        """The content of a CD-ROM."""
        return (line + '\n').encode().ljust(CDROM_SIZE, b'\0')

    def inner(self, name):
        """The same as libvirt finds it."""
        return os.path.join(self._inner, name)

    def xml(self):
        shape = self.shape
        files = ('disk', 'qcow2', 'boot.qcow2', ''), \
            ('disk', 'qcow2', 'data.qcow2', ''), \
            ('cdrom', 'raw', 'cd.img', '<readonly/>')
        devices = [
            DISK.format(device=device, format=image, path=self.inner(name),
                        target=target, bus=bus, readonly=readonly, more=more)
            for (device, image, name, readonly), target, bus, more
            in zip(files, shape.targets, shape.buses, shape.disks_more)]
        if shape.nic:
            devices.append(NIC.format(mac=self.mac, model=shape.nic,
                                      more=shape.nic_more))
        if '<video>' in shape.devices and self.host.has_vnc():
            devices.append(VNC)
        return XML.format(
            type=self._type, name=self.name, memory=shape.memory, cpus=shape.cpus,
            vcpu=shape.vcpu, boot=self._boot(),
            machine=shape.machine, emulator=daemon.EMULATOR,
            devices='\n'.join(devices) + shape.devices,
            log=self.inner('ttyS0.log'), port=self._port(),
            more=shape.more.format(accel=self._accel()))

    def _accel(self):
        return {'qemu': 'tcg'}.get(self._type, self._type)

    def _boot(self):
        if self.shape.own_loader:
            return "<boot dev='hd'/>"
        return KERNEL.format(kernel=self.inner('kernel'),
                             initrd=self.inner('initrd'),
                             line=self._command_line
                             + self.shape.command_line)

    def virsh(self, command, *words, timeout=300):
        """A command of virsh whose first argument is this domain."""
        return self.host.virsh(command, self.name, *words, timeout=timeout)

    def live_xml(self):
        return xml.etree.ElementTree.fromstring(self.virsh('dumpxml'))

    def interface(self):
        """The name of the tap."""
        return self.live_xml().find('devices/interface/target').get('dev')

    def state(self):
        return self.virsh('domstate').strip()

    def ready(self):
        """Waits for a boot, and makes the guest's network work."""
        self.guest.wait_for_boot()
        if self.shape.nic:
            self.guest.run('address_of %s %s' % (self.mac, self.address))

    def console_tail(self, lines=15):
        try:
            with open(self.file('ttyS0.log'), errors='replace') as f:
                return f.read().splitlines()[-lines:]
        except OSError as e:
            return [str(e)]
