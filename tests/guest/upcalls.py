# SPDX-License-Identifier: GPL-2.0-or-later
"""The ways in which Linux takes events and the interrupts of a PCI device, by words
on its command line, and what /proc/interrupts then says.

The guest has an emulated PCI device beside its PV ones. With an upcall vector the
kernel takes the device's interrupts as events of PIRQs, unless it is told that the
LAPIC is as fast as they are (xen-vapic). Without a vector the INTx of the platform
device stands for all events, by the I/O APIC or by the 8259."""
import collections
import functools

import checks
import hostside

PROGRAM = 'virtio'                  # drivers for the PCI device
STEPS = ('facts', 'modules', 'disk', 'write', 'net', 'console', 'upcalls', 'clock')

# append: for the kernel; cpu: for QEMU; platform: words of /proc/interrupts on the
# platform device's interrupt, or None if there is a vector; device: on that of the
# PCI device.
Way = collections.namedtuple('Way', 'name append cpu platform device')
FASTEOI = ('IO-APIC', 'fasteoi')
WAYS = (
    Way('msi', (), None, None, ('xen-pirq', '-msi')),
    Way('nomsi', ('pci=nomsi',), None, None, ('xen-pirq', '-ioapic-level')),
    Way('noapic-nomsi', ('noapic', 'pci=nomsi'), None, None,
        ('xen-pirq', '-ioapic-level')),
    Way('vapic', (), 'max,+xen-vapic', None, ('PCI-MSI',)),
    Way('novector', ('xen_no_vector_callback',), None, FASTEOI,
        ('PCI-MSI',)),
    Way('novector-nomsi', ('xen_no_vector_callback', 'pci=nomsi'), None,
        FASTEOI, FASTEOI),
    Way('novector-noapic', ('xen_no_vector_callback', 'noapic'), None,
        ('XT-PIC',), ('PCI-MSI',)),
)
NO_VECTOR = {'clockevent': 'lapic', 'clocksource': None}


def expect(way):
    """Facts, as for the rows of the tables."""
    return NO_VECTOR if way.platform else {}


class Upcalls(hostside.HostSide):
    """A guest that takes its interrupts in this @way."""

    def __init__(self, way, folder):
        super().__init__(folder)
        self.way = way

    def parameters(self):
        return self.way.append

    def arguments(self):
        words = ('-drive', 'driver=null-co,size=1M,read-zeroes=on,if=none,id=pci',
                 '-device', 'virtio-blk-pci,drive=pci')
        return words + (('-cpu', self.way.cpu) if self.way.cpu else ())

    def _lines(self):
        """(number of interrupts, line) of all in /proc/interrupts."""
        for line in self.vm.facts.get('interrupts', []):
            counts = []
            for word in line.split()[1:]:
                if not word.isdigit():
                    break
                counts.append(int(word))
            yield sum(counts), line

    def _taken(self, device, words):
        """Yields why the interrupts of @device were not taken as @words say."""
        found = [(count, line) for count, line in self._lines() if device in line]
        if not any(count and all(word in line for word in words)
                   for count, line in found):
            lines = '; '.join(line for _, line in found) or 'none at all'
            yield '%s: no interrupt by %s: %s' % (device, ' '.join(words), lines)

    def failures(self):
        yield from self.wrong
        yield from self._taken('virtio', self.way.device)
        upcalls = sum(checks.interrupt_counts(self.vm).get('HYP', []))
        if self.way.platform:
            yield from self._taken('xen-platform', self.way.platform)
            if upcalls:
                yield '%d upcalls by a vector' % upcalls
        elif not upcalls:
            yield 'no upcall by a vector'


def side(way):
    """A class for the tables' "hosts"."""
    return functools.partial(Upcalls, way)
