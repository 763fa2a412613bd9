# SPDX-License-Identifier: GPL-2.0-or-later
"""The guests that the nested run boots, as a table, and what each may cost.

Each row shows another part of KVM's Xen support in use, or missing: QEMU has
to do without every part but the interception of hypercalls.
"""
import collections

# Marks cut the run into these phases; what follows the last mark is left out,
# since reading out a guest's facts is no work that matters.
PHASES = ('boot', 'devices', 'transfers', 'sleeps')
STEPS = ('mark', 'modules', 'mark', 'disk', 'write', 'net', 'console', 'mark',
         'sleep', 'mark', 'facts', 'clock', 'interrupts')
# For rows whose point is that a guest runs at all.
SHORT_STEPS = ('mark', 'modules', 'mark', 'disk', 'net', 'mark', 'sleep',
               'mark', 'facts', 'clock')
# A second vCPU comes in the middle.
HOTADD_STEPS = ('modules', 'disk', 'hotadd', 'net', 'sleep', 'facts', 'clock',
                'interrupts')
ADD_CPU = ('device_add qemu64-x86_64-cpu,id=added,socket-id=1,core-id=0,'
           'thread-id=0')
SLEEPS = 50
SHORT_SLEEPS = 10
RATE_EVENTS = 2000

# The form that upstream's QEMU takes too: both are measured with it.
COMMON_ACCEL = 'kvm,xen-version=0x40011,kernel-irqchip=split'
# What users type, and QEMU ends where an event's path takes the big lock.
PLAIN_ACCEL = 'kvm,xen-version=4.17,x-xen-bql-check=on'

# Bits of x-kvm-xen-caps.
SHARED_INFO, EVTCHN_SEND, SHARED_INFO_HVA, TIMER, UPCALL_VECTOR = (
    1 << n for n in (2, 5, 8, 16, 17))

# In a machine on an emulated machine, on a busy host, interrupts come late: what
# Linux makes of that is not tested here.
PATIENCE = ('no_timer_check', 'tsc=nowatchdog',
            'rcupdate.rcu_cpu_stall_suppress=1')

# cpus: in the end; smp: QEMU's option where that is not all; measured: upstream
# is measured in it too; budget: a key of BUDGETS or None; append: words of the
# kernel's command line; program, then: as in matrix.py; monitor: a command for
# QEMU's monitor when the guest asks for one (step_hotadd); refused: what is in
# QEMU's message, when it is to end with one instead of running a guest.
Row = collections.namedtuple(
    'Row', 'name guest cpus smp accel measured expect steps sleeps disk_mib '
    'budget append program then monitor refused')


def row(name, guest='debian13', cpus=2, accel=PLAIN_ACCEL, abi='2level',
        measured=False, budget=None, short=True, steps=None, smp=None,
        append=(), program=None, then=(), monitor=None, refused=None):
    """Short guests keep their boot messages to themselves: writing them is
    most of the time that they need."""
    return Row('kvm-' + name, guest, cpus, smp or cpus, accel, measured,
               {'xen': '4.17', 'abi': abi},
               steps or (SHORT_STEPS if short else STEPS),
               SHORT_SLEEPS if short else SLEEPS, 1 if short else 8, budget,
               PATIENCE + (('quiet',) if short else ()) + append, program,
               then, monitor, refused)


def without(*bits):
    """An accelerator that hides these bits, and keeps the guest to 2-level
    events, which it would be given FIFO instead of otherwise."""
    return '%s,xen-evtchn-abi=2level,x-kvm-xen-caps=%#x' % (
        PLAIN_ACCEL, 0xffffffff & ~sum(bits))


TABLE = (
    row('debian13-2cpu', accel=COMMON_ACCEL, measured=True, short=False,
        budget='verbose boot'),
    row('debian12-2cpu', guest='debian12', accel=COMMON_ACCEL, measured=True,
        short=False, budget='in the kernel'),
    # What users type: QEMU chooses the irqchip and the ABI.
    row('debian13-4cpu-plain', cpus=4, short=False, budget='in the kernel'),
    # The kernel knows 2-level events only: QEMU has to deliver all of these.
    row('debian13-2cpu-fifo', accel=PLAIN_ACCEL + ',xen-evtchn-abi=fifo',
        abi='fifo'),
    row('debian13-2cpu-nohva', accel=without(SHARED_INFO_HVA),
        budget='in the kernel'),
    row('debian13-2cpu-notimer', accel=without(TIMER),
        budget='all but timers'),
    row('debian13-2cpu-noupcall', accel=without(UPCALL_VECTOR)),
    row('debian13-2cpu-nosend', accel=without(EVTCHN_SEND)),
    row('debian13-2cpu-noshinfo', accel=without(SHARED_INFO)),
    # Hypercalls come to QEMU, and that is all: what auto makes of it.
    row('debian13-2cpu-hcallonly', accel=PLAIN_ACCEL + ',x-kvm-xen-caps=2',
        abi='fifo'),
    # What docs/event-abis.rst shows.
    *(row('debian13-2cpu-rate-' + abi, abi=abi, program='event-rate',
          accel='%s,xen-evtchn-abi=%s' % (PLAIN_ACCEL, abi),
          steps=('modules', 'mark', 'rate', 'mark', 'facts'),
          append=('XE_EVENTS=%d' % RATE_EVENTS,))
      for abi in ('2level', 'fifo')),
    # All that the kernel was given comes back, and is given again.
    row('debian13-2cpu-kexec', steps=('modules', 'disk', 'net', 'kexec'),
        program='kexec-now',
        then=('modules', 'disk', 'net', 'sleep', 'facts', 'clock')),
    row('debian13-hotadd', smp='1,sockets=2,maxcpus=2', steps=HOTADD_STEPS,
        monitor=ADD_CPU),
    # Hypercalls, shared pages and bits of events in the layout of 32 bits.
    row('debian12-pae-2cpu', guest='debian12-pae', budget='in the kernel'),
    row('debian12-pae-2cpu-fifo', guest='debian12-pae',
        accel=PLAIN_ACCEL + ',xen-evtchn-abi=fifo', abi='fifo'),
    row('debian12-pae-hotadd', guest='debian12-pae',
        smp='1,sockets=2,maxcpus=2', steps=HOTADD_STEPS, monitor=ADD_CPU),
    # Nothing can replace this one.
    row('no-interception', accel=PLAIN_ACCEL + ',x-kvm-xen-caps=0xfffffffd',
        refused=('KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL', 'CONFIG_KVM_XEN')),
)

TIMERS = ('set_timer_op', 'vcpu_op:set_singleshot_timer',
          'vcpu_op:stop_singleshot_timer')
SEND = 'event_channel_op:send'
POLL = 'sched_op:poll'

Budget = collections.namedtuple('Budget', 'boot_exits never')

# boot_exits: hypercalls that leave the kernel until the first process runs;
# never: hypercalls of which none may leave it.
BUDGETS = {
    'in the kernel': Budget(None, TIMERS + (SEND, POLL)),
    'all but timers': Budget(None, (SEND, POLL)),
    # With the kernel's messages on the serial console.
    'verbose boot': Budget(100, TIMERS + (SEND, POLL)),
}


def exits(phase, names):
    return sum(phase['exits'].get(name, 0) for name in names)


def in_kernel(phase, names):
    return sum(phase['in_kernel'].get(name, 0) for name in names)


def over_budget(row, counts):
    """Yields what left the kernel in @row and should not have."""
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
            yield ('%d hypercalls left the kernel in boot, %d may'
                   % (count, budget.boot_exits))
    for name in PHASES:
        for call in budget.never:
            # A front end tells its back end of itself before that has bound
            # the other end of the new port: a send that reaches nobody.
            free = (exits(phases[name], ['event_channel_op:alloc_unbound'])
                    if call == SEND else 0)
            count = exits(phases[name], [call])
            if count > free:
                yield ('%s left the kernel %d times in %s, %d may'
                       % (call, count, name, free))


def rates(measured):
    """(head, rows) of the table of what an event costs by the ABI."""
    head = ['guest', 'one thread, us', 'two threads, us', 'exits an event']
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
    """(head, rows) of the table with a line a guest: exits in all phases."""
    kinds = (('timers', TIMERS), ('sends', [SEND]), ('polls', [POLL]))
    head = ['guest', 'boot', 'later']
    for kind, _ in kinds:
        head += [kind, 'in kernel']
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
