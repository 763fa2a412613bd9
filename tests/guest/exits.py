# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts the events of KVM's trace points: exits to userspace by reason, and
hypercalls by name with the number of them that exited to userspace.

Numbers: Xen's public headers (xen.h, event_channel.h, physdev.h, vcpu.h,
sched.h, version.h, memory.h, grant_table.h, hvm/hvm_op.h) and Linux'
include/uapi/linux/kvm.h.
"""
import collections
import re

# 4 is not KVM_EXIT_DEBUG but EINTR, which is traced in the same way.
REASONS = {0: 'UNKNOWN', 2: 'IO', 3: 'HYPERCALL', 4: 'signal', 5: 'HLT', 6: 'MMIO',
           7: 'IRQ_WINDOW', 8: 'SHUTDOWN', 10: 'INTR', 12: 'TPR_ACCESS',
           17: 'INTERNAL_ERROR', 24: 'SYSTEM_EVENT', 26: 'IOAPIC_EOI',
           29: 'X86_RDMSR', 30: 'X86_WRMSR', 34: 'XEN'}
EXIT_XEN = 34

HYPERCALLS = {12: 'memory_op', 13: 'multicall', 15: 'set_timer_op',
              17: 'xen_version', 18: 'console_io', 20: 'grant_table_op',
              21: 'vm_assist', 24: 'vcpu_op', 29: 'sched_op',
              32: 'event_channel_op', 33: 'physdev_op', 34: 'hvm_op'}

# The first argument says which operation; set_timer_op and console_io have
# other uses for it.
OPERATIONS = {
    'memory_op': {6: 'populate_physmap', 7: 'add_to_physmap',
                  9: 'memory_map', 15: 'remove_from_physmap'},
    'xen_version': {0: 'version', 1: 'extraversion', 2: 'compile_info',
                    3: 'capabilities', 4: 'changeset',
                    5: 'platform_parameters', 6: 'get_features',
                    7: 'pagesize', 8: 'guest_handle', 9: 'commandline',
                    10: 'build_id'},
    'grant_table_op': {0: 'map_grant_ref', 1: 'unmap_grant_ref',
                       2: 'setup_table', 5: 'copy', 6: 'query_size',
                       8: 'set_version', 10: 'get_version'},
    'vcpu_op': {3: 'is_up', 4: 'get_runstate_info',
                5: 'register_runstate_memory_area', 6: 'set_periodic_timer',
                7: 'stop_periodic_timer', 8: 'set_singleshot_timer',
                9: 'stop_singleshot_timer', 10: 'register_vcpu_info',
                11: 'send_nmi', 13: 'register_vcpu_time_memory_area'},
    'sched_op': {0: 'yield', 1: 'block', 2: 'shutdown', 3: 'poll',
                 6: 'watchdog'},
    'event_channel_op': {0: 'bind_interdomain', 1: 'bind_virq',
                         2: 'bind_pirq', 3: 'close', 4: 'send', 5: 'status',
                         6: 'alloc_unbound', 7: 'bind_ipi', 8: 'bind_vcpu',
                         9: 'unmask', 10: 'reset', 11: 'init_control',
                         12: 'expand_array', 13: 'set_priority'},
    'physdev_op': {5: 'irq_status_query', 12: 'eoi', 13: 'map_pirq',
                   14: 'unmap_pirq', 23: 'get_free_pirq',
                   28: 'pirq_eoi_gmfn_v2'},
    'hvm_op': {0: 'set_param', 1: 'get_param', 5: 'flush_tlbs',
               9: 'pagetable_dying', 10: 'get_time',
               23: 'set_evtchn_upcall_vector'},
}

# The guest's mark for the end of a part of its work (see step_mark).
MARK = 'xen_version:extraversion'

_TASK = r'-(\d+)\s+\[\d+\].*?: '
_CALL = re.compile(_TASK + r'kvm_xen_hypercall: .*?nr 0x([0-9a-f]+) '
                   r'a0 0x([0-9a-f]+)')
_EXIT = re.compile(_TASK + r'kvm_userspace_exit: .*\((\d+)\)')
_REASON = re.compile(r'reason:\s+(\d+)\s*\}\s*hitcount:\s+(\d+)')
_LOST = re.compile(r'^(overrun|dropped events): ([1-9]\d*)', re.M)


class LostEvents(Exception):
    """Events are missing from the trace, so counts would be wrong."""


def call_name(number, a0):
    name = HYPERCALLS.get(number, 'hypercall_%d' % number)
    operations = OPERATIONS.get(name)
    if operations is None:
        return name
    a0 &= 0xffffffff
    return '%s:%s' % (name, operations.get(a0, a0))


def reason_name(number):
    return REASONS.get(number, 'reason_%d' % number)


def exits_by_reason(histogram):
    """Returns {name: count} from the tracefs histogram keyed by reason."""
    return {reason_name(int(reason)): int(count)
            for reason, count in _REASON.findall(histogram)}


class Phase:
    """Between two marks of the guest: hypercalls, and exits to userspace that are
    neither for one nor for port I/O."""

    def __init__(self):
        self.exits = collections.Counter()
        self.in_kernel = collections.Counter()
        self.others = collections.Counter()

    def as_json(self):
        return {'exits': dict(sorted(self.exits.items())),
                'in_kernel': dict(sorted(self.in_kernel.items())),
                'others': dict(sorted(self.others.items())),
                'exits_total': sum(self.exits.values()),
                'in_kernel_total': sum(self.in_kernel.values())}


def phases(trace, stats):
    """Returns [Phase], split at the guest's marks, which are not counted.

    A hypercall has caused an exit if the next event of the same thread is a
    KVM_EXIT_XEN: KVM traces the hypercall, then handles it or exits.
    """
    lost = _LOST.search(stats)
    if lost:
        raise LostEvents('%s %s' % (lost.group(2), lost.group(1)))
    result = [Phase()]
    pending = {}

    def settle(thread, exited):
        name = pending.pop(thread, None)
        if name == MARK:
            result.append(Phase())
        elif name:
            side = result[-1].exits if exited else result[-1].in_kernel
            side[name] += 1

    for line in trace.splitlines():
        call = _CALL.search(line)
        if call:
            settle(call.group(1), exited=False)
            pending[call.group(1)] = call_name(int(call.group(2), 16),
                                               int(call.group(3), 16))
            continue
        left = _EXIT.search(line)
        if left:
            reason = int(left.group(2))
            settle(left.group(1), exited=reason == EXIT_XEN)
            if reason != EXIT_XEN:
                result[-1].others[reason_name(reason)] += 1
    for thread in list(pending):
        settle(thread, exited=False)
    return result
