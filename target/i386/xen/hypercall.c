/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hypercalls: entry, dispatch and the way to guest memory
 */
#include "qemu/osdep.h"
#include "qemu/log.h"
#include "exec/address-spaces.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/debug/fault-inject.h"
#include "cpu.h"
#include "internal.h"
#include "trace.h"

/* Elements of a guest's array that are done between two looks at the clock. */
#define PREEMPT_CHUNK   64

const uint8_t *xen_hypercall_arg_regs(bool long_mode)
{
    static const uint8_t regs[][XEN_HYPERCALL_ARGS] = {
        { R_EBX, R_ECX, R_EDX, R_ESI, R_EDI, R_EBP },
        { R_EDI, R_ESI, R_EDX, R_R10, R_R8, R_R9 },
    };

    return regs[long_mode];
}

/*
 * RAM only: a hypercall's argument in a device's registers would be a way to
 * call that device from here.  Xen refuses it too.
 */
static int guest_rw(XenHypercall *hc, uint64_t gva, void *buf, size_t len,
                    bool write)
{
    const MemTxAttrs attrs = { .memory = 1 };

    while (len) {
        uint64_t gpa, chunk = len;

        if (!hc->long_mode) {
            gva = (uint32_t)gva;
        }
        if (xen_fault(XEN_FAULT_COPY) ||
            xen_emu_accel()->cpu.translate(hc->cs, gva, write, &gpa, &chunk) < 0 ||
            address_space_rw(&address_space_memory, gpa, attrs, buf, chunk,
                             write) != MEMTX_OK) {
            return -EFAULT;
        }
        buf += chunk;
        gva += chunk;
        len -= chunk;
    }
    return 0;
}

int xen_copy_from_guest(XenHypercall *hc, void *dst, uint64_t gva, size_t len)
{
    return guest_rw(hc, gva, dst, len, false);
}

int xen_copy_to_guest(XenHypercall *hc, uint64_t gva, const void *src,
                      size_t len)
{
    /* Never written through: the direction is an argument. */
    return guest_rw(hc, gva, (void *)src, len, true);
}

bool xen_hypercall_preempt(XenHypercall *hc, uint64_t done)
{
    CPUState *cs = hc->cs;

    if (!hc->can_restart || !done || done % PREEMPT_CHUNK) {
        return false;
    }
    /*
     * Of the two ways of kicking a vCPU's thread each accelerator uses one; on
     * TCG an upcall is neither, nor an interrupt.
     */
    return qatomic_read(&cs->exit_request) ||
           qatomic_read(&cs->thread_kicked) ||
           qatomic_read(&cs->interrupt_request) ||
           qatomic_read(&cpu_env(cs)->xen_due);
}

int64_t xen_hypercall_unimplemented(XenHypercall *hc)
{
    qemu_log_mask(LOG_UNIMP, "Unimplemented Xen hypercall %" PRIu64
                  " (0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64 ")\n",
                  hc->nr, hc->arg[0], hc->arg[1], hc->arg[2]);
    return -ENOSYS;
}

int64_t xen_hypercall_dispatch(XenHypercall *hc)
{
    switch (hc->nr) {
    case __HYPERVISOR_memory_op:
        return xen_hcall_memory_op(hc);
    case __HYPERVISOR_multicall:
        return xen_hcall_multicall(hc);
    case __HYPERVISOR_set_timer_op:
        return xen_hcall_set_timer_op(hc);
    case __HYPERVISOR_xen_version:
        return xen_hcall_xen_version(hc);
    case __HYPERVISOR_physdev_op:
        return xen_hcall_physdev_op(hc);
    case __HYPERVISOR_grant_table_op:
        return xen_hcall_grant_table_op(hc);
    case __HYPERVISOR_vm_assist:
        return xen_hcall_vm_assist(hc);
    case __HYPERVISOR_vcpu_op:
        return xen_hcall_vcpu_op(hc);
    case __HYPERVISOR_sched_op:
        return xen_hcall_sched_op(hc);
    case __HYPERVISOR_event_channel_op:
        return xen_hcall_event_channel_op(hc);
    case __HYPERVISOR_hvm_op:
        return xen_hcall_hvm_op(hc);
    default:
        return xen_hcall_privileged(hc);
    }
}

int64_t xen_hypercall(XenHypercall *hc)
{
    int64_t ret;

    hc->restart = false;

    if (hc->cpl > 0) {
        ret = -EPERM;
    } else {
        /* Xen reads the number from EAX, whatever the mode. */
        hc->nr = (uint32_t)hc->nr;
        ret = xen_hypercall_dispatch(hc);
    }
    trace_xen_hypercall(hc->cs->cpu_index, hc->cpl, hc->nr, hc->arg[0],
                        hc->arg[1], hc->arg[2], ret, hc->restart);
    return ret;
}
