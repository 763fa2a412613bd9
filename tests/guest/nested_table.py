# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of guests for nested KVM, and their limits.

The rows differ in the parts of KVM's Xen support that are in use. QEMU can do
without any of them except the interception of hypercalls.
"""
import collections

import checks
import hostside
import matrix
import power
import pvgrub
import shim
import upcalls
import webserver

# Marks split the run into these phases. What follows the last mark, the output
# of the guest's facts, is not counted.
PHASES = ('boot', 'devices', 'transfers', 'sleeps')
STEPS = ('mark', 'modules', 'mark', 'disk', 'write', 'net', 'console', 'mark',
         'sleep', 'mark', 'facts', 'clock', 'interrupts')
# For rows that only show that the guest works.
SHORT_STEPS = ('mark', 'modules', 'mark', 'disk', 'net', 'mark', 'sleep',
               'mark', 'facts', 'clock')
# All PV devices, disk and network under load together.
BUSY_STEPS = ('modules', 'disk', 'net', 'console', 'busy', 'write', 'sleep',
              'facts', 'clock', 'interrupts')
# A kernel without a vector for event channels takes one INTx for all, on vCPU 0.
INTX_STEPS = tuple(s for s in BUSY_STEPS if s not in ('sleep', 'interrupts'))
NO_VECTOR = {'clockevent': 'lapic', 'clocksource': None}
# A PV guest, whose marks end in the shim.
SHIM_STEPS = ('modules', 'disk', 'write', 'net', 'console', 'sleep', 'facts', 'clock',
              'interrupts')
# Beside Hyper-V's leaves and MSRs.
HYPERV_STEPS = ('modules', 'disk', 'net', 'sleep', 'facts', 'hypervisors', 'clock')
# Migrated under load, with PV devices.
MOVES_STEPS = ('facts', 'modules', 'net', 'moved', 'net', 'disk', 'console',
               'clock')
# Set back under load: its network's other side is not.
BACK_STEPS = tuple(s for s in MOVES_STEPS if s != 'net')
# Nobody presses the power button there.
S3_STEPS = tuple(s for s in matrix.S3_STEPS if s != 'powerdown')
# A second vCPU is added while the guest runs; it is removed and added again, twice.
HOTADD_STEPS = ('modules', 'disk', 'hotadd', 'replug', 'net', 'sleep', 'facts',
                'clock', 'interrupts')
ADD_CPU = ('device_add qemu64-x86_64-cpu,id=added,socket-id=1,core-id=0,'
           'thread-id=0')
REPLUG = '\n'.join((ADD_CPU,) + ('device_del added', ADD_CPU) * 2)
# To tcp-peer, in the L1 VM.
BUSY_PARAMETER = 'XE_TCP=%s,8001,%d,%d' % (
    webserver.GATEWAY, checks.BUSY_ROUNDS, checks.BUSY_BYTES)
SLEEPS = 50
SHORT_SLEEPS = 10
RATE_EVENTS = 2000

# In a form that upstream QEMU accepts too, because both are measured.
COMMON_ACCEL = 'kvm,xen-version=0x40011,kernel-irqchip=split'
# In the form that users type; QEMU aborts if the path of an event takes the
# BQL.
PLAIN_ACCEL = 'kvm,xen-version=4.17,x-xen-bql-check=on'

# Bits of x-kvm-xen-caps.
SHARED_INFO, EVTCHN_SEND, SHARED_INFO_HVA, TIMER, UPCALL_VECTOR = (
    1 << n for n in (2, 5, 8, 16, 17))

# Debian 12's kernel, without CONFIG_KVM_XEN.
OLD_L1 = 'debian12'

# In a nested guest on a busy host, interrupts are late. How Linux reacts to
# that is not tested here.
PATIENCE = ('no_timer_check', 'tsc=nowatchdog',
            'rcupdate.rcu_cpu_stall_suppress=1')
LONG = hostside.LONG
# The ways to take events that no other row has, without LONG.
UPCALL_ROWS = (('vapic', 2, '2level'), ('novector-nomsi', 2, 'fifo'),
               ('novector-noapic', 2, '2level'))

# cpus: at the end; smp: QEMU's option, if it differs; measured: also measured
# with upstream; budget: a key of BUDGETS or None; append: words for the
# kernel's command line; program, then: as in matrix.py; monitor: commands for
# QEMU's monitor, the next one each time that the guest requests one
# (step_hotadd, write_files); moves: the arguments of nested/moves.sh; hosts:
# classes of hostside.py, which are not attached; sleeper: it is woken up from
# S3; traced: exits are counted; refused: words of the message with which QEMU
# must exit instead of running a guest; l1: the kernel of L1, if not the usual
# one.
Row = collections.namedtuple(
    'Row', 'name guest cpus smp accel measured expect steps sleeps disk_mib '
    'budget append program then monitor moves hosts sleeper traced refused l1')


class HyperV(hostside.HostSide):
    """The enlightenments that libvirt's users give to Windows."""

    def arguments(self):
        return ('-cpu', 'qemu64,' + ','.join('hv-' + name for name in (
            'relaxed', 'vapic', 'spinlocks=0x1fff', 'vpindex', 'runtime', 'synic',
            'stimer', 'time')))


def row(name, guest='debian13', cpus=2, accel=PLAIN_ACCEL, abi='2level',
        measured=False, budget=None, short=True, steps=None, smp=None,
        append=(), program=None, then=(), monitor=None, moves=None, hosts=(),
        sleeper=False, traced=True, refused=None, expect=None, l1=None):
    """Short guests do not print their boot messages, which would take most of
    their time."""
    return Row('kvm-' + name, guest, cpus, smp or cpus, accel, measured,
               {'xen': '4.17', 'abi': abi, **(expect or {})},
               steps or (SHORT_STEPS if short else STEPS),
               SHORT_SLEEPS if short else SLEEPS, 1 if short else 8, budget,
               PATIENCE + (('quiet',) if short else ()) + append, program,
               then, monitor, moves, hosts, sleeper, traced, refused, l1)


def without(*bits):
    """An accelerator that hides these bits, with 2-level events (the default
    would be FIFO for some of them)."""
    return '%s,xen-evtchn-abi=2level,x-kvm-xen-caps=%#x' % (
        PLAIN_ACCEL, 0xffffffff & ~sum(bits))


TABLE = (
    row('debian13-2cpu', accel=COMMON_ACCEL, measured=True, short=False,
        budget='verbose boot'),
    row('debian12-2cpu', guest='debian12', accel=COMMON_ACCEL, measured=True,
        short=False, budget='in-kernel'),
    # In the form that users type: QEMU chooses the irqchip and the ABI.
    row('debian13-4cpu-plain', cpus=4, short=False, budget='in-kernel'),
    # KVM supports 2-level events only: QEMU has to deliver all events.
    row('debian13-2cpu-fifo', accel=PLAIN_ACCEL + ',xen-evtchn-abi=fifo',
        abi='fifo'),
    row('debian13-2cpu-nohva', accel=without(SHARED_INFO_HVA),
        budget='in-kernel'),
    row('debian13-2cpu-notimer', accel=without(TIMER),
        budget='all but timers'),
    row('debian13-2cpu-noupcall', accel=without(UPCALL_VECTOR)),
    row('debian13-2cpu-nosend', accel=without(EVTCHN_SEND)),
    row('debian13-2cpu-noshinfo', accel=without(SHARED_INFO)),
    # KVM only passes hypercalls to QEMU; tests the choice of "auto", too.
    row('debian13-2cpu-hcallonly', accel=PLAIN_ACCEL + ',x-kvm-xen-caps=2',
        abi='fifo'),
    # The figures in docs/event-abis.rst.
    *(row('debian13-2cpu-rate-' + abi, abi=abi, program='event-rate',
          accel='%s,xen-evtchn-abi=%s' % (PLAIN_ACCEL, abi),
          steps=('modules', 'mark', 'rate', 'mark', 'facts'),
          append=('XE_EVENTS=%d' % RATE_EVENTS,))
      for abi in ('2level', 'fifo')),
    *(row('debian13-%dcpu-busy-%s' % (cpus, abi), cpus=cpus, abi=abi,
          accel='%s,xen-evtchn-abi=%s' % (PLAIN_ACCEL, abi), steps=BUSY_STEPS,
          program='tcp-load disk-load', append=(BUSY_PARAMETER,), traced=False)
      for cpus in (2, 1, 4) for abi in ('2level', 'fifo')
      if LONG or (cpus, abi) == (2, '2level')),
    *(row('debian13-2cpu-intx-' + abi, abi=abi, steps=INTX_STEPS,
          accel='%s,xen-evtchn-abi=%s' % (PLAIN_ACCEL, abi), expect=NO_VECTOR,
          program='tcp-load disk-load', traced=False,
          append=(BUSY_PARAMETER, 'xen_no_vector_callback'))
      for abi in ('2level', 'fifo') if LONG or abi == '2level'),
    *(row('debian13-%dcpu-%s-%s' % (cpus, way.name, abi), cpus=cpus, abi=abi,
          accel='%s,xen-evtchn-abi=%s' % (PLAIN_ACCEL, abi), steps=upcalls.STEPS,
          expect=upcalls.expect(way), program=upcalls.PROGRAM, traced=False,
          hosts=(upcalls.side(way),))
      for way in upcalls.WAYS for cpus in (2, 1, 4) for abi in ('2level', 'fifo')
      if LONG or (way.name, cpus, abi) in UPCALL_ROWS),
    *(row('debian13-2cpu-moves-' + abi, abi=abi, steps=MOVES_STEPS,
          accel='%s,xen-evtchn-abi=%s' % (PLAIN_ACCEL, abi),
          moves='move %d' % (6 if LONG else 2), program='disk-load',
          traced=False)
      for abi in ('2level', 'fifo') if LONG or abi == '2level'),
    *(row('debian13-2cpu-back-' + abi, abi=abi, steps=BACK_STEPS,
          accel='%s,xen-evtchn-abi=%s' % (PLAIN_ACCEL, abi),
          moves='back %d' % (20 if LONG else 3), program='disk-load',
          traced=False)
      for abi in ('2level', 'fifo') if LONG or abi == '2level'),
    # Everything is reclaimed from KVM, and offloaded again.
    row('debian13-2cpu-kexec', steps=matrix.BUSY_KEXEC_STEPS,
        program='kexec-now',
        then=('modules', 'disk', 'net', 'sleep', 'facts', 'clock')),
    *(row('debian13-%dcpu-panic-%s' % (cpus, abi), cpus=cpus, abi=abi,
          accel='%s,xen-evtchn-abi=%s' % (PLAIN_ACCEL, abi),
          steps=matrix.PANIC_STEPS, program='kexec-now',
          then=matrix.VMCORE_STEPS, expect={'cpus': 1}, hosts=(power.NestedPanic,),
          traced=False)
      for cpus in (2, 1, 4) for abi in ('2level', 'fifo')
      if LONG or (cpus, abi) == (2, '2level')),
    *(row('debian13-%dcpu-resets-%s' % (cpus, abi), cpus=cpus, abi=abi,
          accel='%s,xen-evtchn-abi=%s' % (PLAIN_ACCEL, abi),
          steps=matrix.RESETS_STEPS, monitor=power.NestedResets.MONITOR,
          hosts=(power.NestedResets,), traced=False)
      for cpus in (2, 1, 4) for abi in ('2level', 'fifo')
      if LONG or (cpus, abi) == (2, '2level')),
    row('debian13-hotadd', smp='1,sockets=2,maxcpus=2', steps=HOTADD_STEPS,
        monitor=REPLUG),
    # Upcalls by vCPUs' own vectors, by the callback vector; no offload.
    *(row('debian13-%dcpu-s3%s' % (cpus, name), cpus=cpus, accel=accel, abi=abi,
          steps=S3_STEPS, hosts=(power.NestedSleeps,), sleeper=True)
      for name, accel, abi in (
          ('', PLAIN_ACCEL, '2level'),
          ('-noupcall', without(UPCALL_VECTOR), '2level'),
          ('-hcallonly', PLAIN_ACCEL + ',x-kvm-xen-caps=2', 'fifo'))
      for cpus in (2, 1, 4)
      if LONG or (cpus, name) in ((2, ''), (1, '-hcallonly'))),
    *(row('debian13-%dcpu-shim' % cpus, cpus=cpus, steps=SHIM_STEPS,
          expect=shim.EXPECT, hosts=(shim.NestedShim,), traced=False)
      for cpus in (2, 1, 4) if LONG),
    # A kernel that writes the hypercall MSR, which is another one then.
    *(row('debian11-2cpu-hyperv-' + abi, guest='debian11', abi=abi,
          accel='%s,xen-evtchn-abi=%s' % (PLAIN_ACCEL, abi), program='cpuid',
          steps=HYPERV_STEPS, hosts=(HyperV,), traced=False)
      for abi in ('2level', 'fifo') if LONG or abi == '2level'),
    # Hypercalls, shared pages and event bits in the 32-bit layout.
    row('debian12-pae-2cpu', guest='debian12-pae', budget='in-kernel'),
    row('debian12-pae-2cpu-fifo', guest='debian12-pae',
        accel=PLAIN_ACCEL + ',xen-evtchn-abi=fifo', abi='fifo'),
    row('debian12-pae-hotadd', guest='debian12-pae',
        smp='1,sockets=2,maxcpus=2', steps=HOTADD_STEPS, monitor=REPLUG),
    # A KVM without Xen support; upcalls are by the callback vector.
    *(row('page-debian11-%dcpu-%s' % (cpus, abi), guest='debian11', cpus=cpus,
          abi=abi, accel='%s,xen-evtchn-abi=%s' % (PLAIN_ACCEL, abi), l1=OLD_L1,
          traced=False, steps=('modules', 'disk', 'net', 'sleep', 'facts', 'clock'))
      for cpus in (2, 1, 4) for abi in ('2level', 'fifo')
      if LONG or (cpus, abi) == (1, '2level')),
    *((row('page-debian11-1cpu-moves', guest='debian11', cpus=1, l1=OLD_L1,
           abi='fifo', steps=MOVES_STEPS, moves='move 2', program='disk-load',
           traced=False),
       row('page-debian11-1cpu-pvgrub', guest='debian11', cpus=1, l1=OLD_L1,
           abi='fifo', steps=SHORT_STEPS, hosts=(pvgrub.PvGrub,), traced=False))
      if LONG else ()),
    # The guest has the SynIC, so Xen has no callback vector.
    *(row('page-debian11-2cpu-hyperv', guest='debian11', program='cpuid',
          accel=PLAIN_ACCEL + ',xen-evtchn-abi=2level', l1=OLD_L1, traced=False,
          expect=NO_VECTOR, steps=tuple(s for s in HYPERV_STEPS if s != 'sleep'),
          hosts=(HyperV,))
      for _ in range(1 if LONG else 0)),
    row('page-refused', accel=PLAIN_ACCEL + ',xen-hypercalls=kvm', l1=OLD_L1,
        refused=('KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL', 'xen-hypercalls=page')),
    # There is no alternative to this capability but the one above.
    row('no-interception', accel=PLAIN_ACCEL +
        ',xen-hypercalls=kvm,x-kvm-xen-caps=0xfffffffd',
        refused=('KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL', 'CONFIG_KVM_XEN')),
)

TIMERS = ('set_timer_op', 'vcpu_op:set_singleshot_timer',
          'vcpu_op:stop_singleshot_timer')
SEND = 'event_channel_op:send'
POLL = 'sched_op:poll'

Budget = collections.namedtuple('Budget', 'boot_exits transfer_exits never')

# A few, when Linux moves an interrupt: there are over a thousand requests and
# frames.
TRANSFER_EXITS = 100
# boot_exits: how many hypercalls may exit to QEMU before the first process
# runs; transfer_exits: how many exits there may be, other than for port I/O, while
# the PV devices have work; never: hypercalls that must not exit.
BUDGETS = {
    'in-kernel': Budget(None, TRANSFER_EXITS, TIMERS + (SEND, POLL)),
    'all but timers': Budget(None, None, (SEND, POLL)),
    # With kernel messages on the serial console.
    'verbose boot': Budget(100, TRANSFER_EXITS, TIMERS + (SEND, POLL)),
}


def exits(phase, names):
    return sum(phase['exits'].get(name, 0) for name in names)


def in_kernel(phase, names):
    return sum(phase['in_kernel'].get(name, 0) for name in names)


def over_budget(row, counts):
    """Yields what of @row must not exit to QEMU, or not that often, but did."""
    if row.budget is None:
        return
    budget = BUDGETS[row.budget]
    phases = counts['phases']
    if set(phases) != set(PHASES):
        yield 'the guest set %d of %d marks' % (len(phases), len(PHASES))
        return
    if budget.boot_exits is not None:
        count = phases['boot']['exits_total']
        if count > budget.boot_exits:
            yield ('%d hypercalls exited to QEMU during boot, the limit is %d'
                   % (count, budget.boot_exits))
    if budget.transfer_exits is not None:
        phase = phases['transfers']
        count = phase['exits_total'] + sum(phase['others'].values())
        if count > budget.transfer_exits:
            yield ('%d exits to QEMU in transfers, the limit is %d'
                   % (count, budget.transfer_exits))
    for name in PHASES:
        for call in budget.never:
            # A front end sends an event before its back end has bound the
            # other end of the new port. Nobody receives it.
            free = (exits(phases[name], ['event_channel_op:alloc_unbound'])
                    if call == SEND else 0)
            count = exits(phases[name], [call])
            if count > free:
                yield ('%s exited to QEMU %d times in %s, the limit is %d'
                       % (call, count, name, free))


def rates(measured):
    """Returns (head, rows) of the table of costs per event and ABI."""
    head = ['guest', 'one thread, us', 'two threads, us', 'exits per event']
    lines = []
    for name, counts in measured.items():
        if '-rate-' in name and counts['event_ns']:
            phase = counts['phases'][PHASES[1]]
            lines.append([name] + ['%.0f' % (ns / 1000)
                                   for ns in counts['event_ns']]
                         + ['%.2f' % (phase['exits_total']
                                      / (2 * RATE_EVENTS))])
    return head, lines


def summary(measured):
    """Returns (head, rows) of the table of exits, with a line for each
    guest."""
    kinds = (('timers', TIMERS), ('sends', [SEND]), ('polls', [POLL]))
    head = ['guest', 'boot', 'later']
    for kind, _ in kinds:
        head += [kind, 'in-kernel']
    lines = []
    for name, counts in measured.items():
        phases = [counts['phases'][p] for p in PHASES if p in counts['phases']]
        totals = [p['exits_total'] for p in phases]
        line = [name, totals[0] if totals else '', sum(totals[1:])]
        for _, calls in kinds:
            line += [sum(exits(p, calls) for p in phases),
                     sum(in_kernel(p, calls) for p in phases)]
        lines.append(line)
    return head, lines
