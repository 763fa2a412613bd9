# SPDX-License-Identifier: GPL-2.0-or-later
"""What domains differ in: machine types with twins, and the domains that people had
before there were any."""
BALLOON_NONE = "\n    <memballoon model='none'/>"
BALLOON = "\n    <memballoon model='virtio'/>"

VIDEO = """
    <video><model type='vga'/></video>"""


def arguments(*words):
    """For QEMU, which libvirt puts last; "{accel}" is the accelerator."""
    return '<qemu:commandline>%s</qemu:commandline>' % ''.join(
        "<qemu:arg value='%s'/>" % word for word in words)


def override(alias, gone, **properties):
    """Other properties, and some less, of the device that libvirt makes of the one
    with an alias."""
    words = ["<qemu:property name='%s' type='string' value='%s'/>" % p
             for p in properties.items()]
    words += ["<qemu:property name='%s' type='remove'/>" % p for p in gone]
    return ("<qemu:device alias='%s'><qemu:frontend>%s</qemu:frontend>"
            "</qemu:device>" % (alias, ''.join(words)))


class I440fx:
    """Emulated devices, and a twin of each."""
    machine = 'pc-i440fx-xen'
    cpus = 3
    memory = 256
    # By its own boot loader; otherwise libvirt gives QEMU the kernel.
    own_loader = False
    command_line = ''
    # Of the boot disk, the one for data and the CD-ROM.
    buses = ('ide',) * 3
    targets = ('hda', 'hdb', 'hdc')
    disks_more = ('',) * 3
    nic = 'e1000'
    nic_more = ''
    # What the guest finds, and where the data are.
    found = ('sr0', 'xvda', 'xvdb')
    data = 'xvdb'
    nic_driver = 'vif'
    # Attributes of <vcpu>, elements of <devices> and those after it.
    vcpu = " current='2'"
    devices = BALLOON_NONE
    more = ''
    # Of 'virsh event', for the steps that the row with the step events has.
    events = ('Started Booted', 'Suspended Paused', 'Resumed Unpaused',
              'Stopped Saved', 'Started Restored', 'Stopped Saved',
              'Started Restored', 'reboot',
              'Shutdown Finished after guest request', 'Stopped Shutdown')


class I440fxLoader(I440fx):
    own_loader = True
    devices = VIDEO


class Q35(I440fx):
    machine = 'pc-q35-xen'
    buses = ('sata',) * 3
    targets = ('sda', 'sdb', 'sdc')
    nic = 'e1000e'


class Q35Loader(Q35):
    own_loader = True
    # Virtio devices have no twin, and stay.
    nic = 'virtio'
    nic_driver = 'virtio_net'
    devices = VIDEO


class NoPv(I440fx):
    """A Xen guest that keeps its emulated disk."""
    machine = 'pc'
    command_line = ' xen_emul_unplug=never'
    found = ('sda', 'sdb', 'sr0')
    # Linux gives the names in any order.
    data = None
    nic = 'virtio'
    nic_driver = 'virtio_net'
    devices = BALLOON
    more = arguments('-machine', 'xen-version=4.17')


class Override(I440fx):
    """PV devices in place of those that libvirt knows."""
    machine = 'pc'
    disks_more = ("<alias name='ua-boot'/>", "<alias name='ua-data'/>", '')
    nic = 'xen-net-device'
    nic_more = "<alias name='ua-net'/>"
    devices = BALLOON_NONE + '''
    <controller type='virtio-serial' index='0'/>
    <console type='pty'><target type='serial'/></console>
    <console type='pty'><target type='virtio'/><alias name='ua-hvc'/></console>'''
    more = '<qemu:override>%s</qemu:override>' % ''.join((
        override('ua-boot', ('bus', 'unit', 'bootindex'), driver='xen-disk',
                 vdev='xvda'),
        override('ua-data', ('bus', 'unit'), driver='xen-disk', vdev='xvdb'),
        override('ua-net', ('bus', 'addr')),
        override('ua-hvc', ('bus', 'nr'), driver='xen-console'),
    )) + arguments('-machine', 'xen-version=4.17')


class Bare(I440fx):
    """Hardly any devices, and Xen by a second -accel."""
    machine = 'pc'
    buses = targets = disks_more = ()
    found = ()
    nic = None
    more = arguments('-accel', '{accel},xen-version=4.17')


class Nova(I440fx):
    """OpenStack Nova's, with the arguments that a driver adds to it."""
    machine = 'pc'
    buses = ('virtio', 'virtio', 'ide')
    targets = ('vda', 'vdb', 'hda')
    found = ('sr0', 'vda', 'vdb')
    data = 'vdb'
    disks_more = ('<serial>0d5e1b2a</serial>', '', '')
    nic = 'virtio'
    nic_more = "<mtu size='1450'/>"
    nic_driver = 'virtio_net'
    devices = '''
    <memballoon model='virtio'><stats period='10'/></memballoon>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>'''
    more = """
  <clock offset='utc'>
    <timer name='pit' tickpolicy='delay'/>
    <timer name='rtc' tickpolicy='catchup'/>
    <timer name='hpet' present='no'/>
  </clock>
  <sysinfo type='smbios'>
    <system><entry name='product'>OpenStack Nova</entry></system>
  </sysinfo>
""" + arguments('-accel', '{accel},xen-version=0x40011')
