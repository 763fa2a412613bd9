# SPDX-License-Identifier: GPL-2.0-or-later
"""Domains: their XML, their files, and what is asked of them from outside."""
import os
import shutil
import xml.etree.ElementTree

import daemon
import guest

MIB = 1 << 20
DATA_SIZE = 8 * MIB
CDROM_SIZE = 64 << 10

XML = '''\
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
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
      <target dev='{target}' bus='{bus}'/>{more}
    </disk>'''

KERNEL = '''\
<kernel>{kernel}</kernel><initrd>{initrd}</initrd><cmdline>{line}</cmdline>'''

NIC = '''\
    <interface type='bridge'>
      <source bridge='br0'/>
      <mac address='{mac}'/>
      <model type='{model}'/>
    </interface>'''


def disk(path, target, bus, device='disk', format_='qcow2'):
    return DISK.format(device=device, format=format_, path=path, target=target,
                       bus=bus, more='<readonly/>' if device == 'cdrom' else '')


class I440fx:
    """What domains differ in."""
    machine = 'pc-i440fx-xen'
    cpus = 2
    memory = 256
    # By its own boot loader; otherwise libvirt gives QEMU the kernel.
    own_loader = False
    # Of the boot disk, the one for data and the CD-ROM.
    bus = 'ide'
    targets = ('hda', 'hdb', 'hdc')
    nic = 'e1000'
    # What the guest finds.
    found = ('xvda', 'xvdb', 'sr0')
    nic_drivers = ['vif']
    # Attributes of <vcpu>, elements of <devices> and those after it.
    vcpu = ''
    devices = ''
    more = ''


class Domain:
    """One domain on @host, with files in a folder that all hosts share."""

    def __init__(self, host, shape, name, number, shared, boot, image,
                 command_line):
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
        for file_name, size in ('data.img', DATA_SIZE), ('cd.img', CDROM_SIZE):
            with open(self.file(file_name), 'wb') as f:
                f.write(name.encode() + b'\n')
                f.truncate(size)
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

    def inner(self, name):
        """The same as libvirt finds it."""
        return os.path.join(self._inner, name)

    def xml(self):
        shape = self.shape
        boot, data, cdrom = shape.targets
        devices = [disk(self.inner('boot.qcow2'), boot, shape.bus),
                   disk(self.inner('data.img'), data, shape.bus,
                        format_='raw'),
                   disk(self.inner('cd.img'), cdrom, shape.bus, 'cdrom', 'raw'),
                   NIC.format(mac=self.mac, model=shape.nic)]
        return XML.format(
            name=self.name, memory=shape.memory, cpus=shape.cpus,
            vcpu=shape.vcpu, boot=self._boot(),
            machine=shape.machine, emulator=daemon.EMULATOR,
            devices='\n'.join(devices) + shape.devices,
            log=self.inner('ttyS0.log'), port=self._port(), more=shape.more)

    def _boot(self):
        if self.shape.own_loader:
            return "<boot dev='hd'/>"
        return KERNEL.format(kernel=self.inner('kernel'),
                             initrd=self.inner('initrd'),
                             line=self._command_line)

    def virsh(self, command, *words, timeout=120):
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
        self.guest.run('address_of %s %s' % (self.mac, self.address))

    def console_tail(self, lines=15):
        try:
            with open(self.file('ttyS0.log'), errors='replace') as f:
                return f.read().splitlines()[-lines:]
        except OSError as e:
            return [str(e)]
