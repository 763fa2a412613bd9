# SPDX-License-Identifier: GPL-2.0-or-later
"""What Debian's tools for xenstore, and /sys/hypervisor, say in a guest."""
import itertools

import hostside

NAME = 'guest-of-store'
UUID = 'ec2bd7a0-0b1c-4d2e-8f3a-123456789abc'
EXTRAVERSION = '.amazon'

# What step_store prints: command = lines of output|status.
STORE = """\
xenstore-read domid = 1|0
xenstore-read name = guest-of-store|0
xenstore-read vm = /vm/ec2bd7a0-0b1c-4d2e-8f3a-123456789abc|0
xenstore-exists data/none = 1
xenstore-read data/none = xenstore-read: couldn't read path data/none|1
xenstore-write data/a 1 data/b 2 = 0
xenstore-list data = a|b|0
xenstore-ls data = a = "1"|b = "2"|0
xenstore-ls -fp data = data/a = "1"   (n1)|data/b = "2"   (n1)|0
xenstore-chmod data/a n1 r0 = 0
xenstore-ls -fp data/a = 0
xenstore-exists data/a = 0
xenstore-write domid 7 = xenstore-write: could not write path domid|1
xenstore-write /local/domain/0/name x = \
xenstore-write: could not write path /local/domain/0/name|1
xenstore-list /local/domain/0/backend = \
xenstore-list: could not list path /local/domain/0/backend|1
xenstore-list device = suspend|vbd|vif|0
xenstore-read memory/target = 262144|0
xenstore-write data/w/x 1 = 0
xenstore-rm data/w/x = 0
cat /tmp/watch = data/w|data/w/x|data/w/x|0
xenstore-rm data/b = 0
xenstore-rm data/b = 0
xenstore-rm data/none/none = xenstore-rm: could not remove path data/none/none|1
xenstore-list data = a|w|0
cat /sys/hypervisor/type = xen|0
cat /sys/hypervisor/uuid = ec2bd7a0-0b1c-4d2e-8f3a-123456789abc|0
cat /sys/hypervisor/version/major = 4|0
cat /sys/hypervisor/version/minor = 17|0
cat /sys/hypervisor/version/extra = .amazon|0
cat /sys/hypervisor/compilation/compiler = qemu-xen-emu|0
cat /sys/hypervisor/compilation/compiled_by = |0
cat /sys/hypervisor/properties/capabilities = \
xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 |0
cat /sys/hypervisor/properties/changeset = unavailable|0
cat /sys/hypervisor/properties/pagesize = 1000|0"""


class Store(hostside.HostSide):
    """Compares each line."""

    def arguments(self):
        return ('-name', NAME, '-uuid', UUID)

    def failures(self):
        told = self.vm.facts.get('store', [])
        for got, wanted in itertools.zip_longest(told, STORE.split('\n')):
            if got != wanted:
                yield 'xenstore: %r, not %r' % (got, wanted)
