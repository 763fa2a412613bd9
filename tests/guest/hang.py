# SPDX-License-Identifier: GPL-2.0-or-later
"""What a QEMU is asked before it is killed at its time limit: where each vCPU is, and
which interrupts and events wait.  A guest that hangs once in many runs leaves nothing
else."""

MAX_CPUS = 8
# QEMU that has not answered by then does not serve its monitor.
SECONDS = 10
# Lines of the answers that a report shows; all are in the file hang.log.
SHOWN = 150

QUESTIONS = '\n'.join((
    'info status', 'info registers -a',
    # vCPUs that are not there are an error message.
    *('info lapic %d' % apic_id for apic_id in range(MAX_CPUS)),
    'info pic', 'info xen', 'xen-event-list', 'info irq', '')) + '\n'

# Of a vCPU's registers, only those that tell where it is.
_NOISE = ('RAX=', 'RBX=', 'RCX=', 'R8', 'R9', 'R12=', 'ES =', 'SS =', 'DS =', 'FS =',
          'GS =', 'LDT=', 'TR =', 'GDT=', 'IDT=', 'DR', 'CCS=', 'FCW=', 'FPR', 'XMM',
          'YMM', 'EFER=', 'Opmask', 'ZMM', 'QEMU ', 'ES=', 'LVT', 'Timer', '(qemu)',
          'No CPU available')


def arguments(name, chardev):
    """QEMU's, for a monitor on @chardev, which gets the id @name."""
    return ['-chardev', chardev, '-mon', 'chardev=%s,mode=readline' % name]


# In the folder of a guest in the L1 VM, whose first process asks.
IN_L1 = arguments('hang', 'pipe,id=hang,path=hang')


def shown(lines):
    """What of the answers goes into a report."""
    told = [line for line in lines if line.strip() and
            not line.lstrip().startswith(_NOISE) and ' masked ' not in line]
    return told[:SHOWN]
