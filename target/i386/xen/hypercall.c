/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hypercalls: entry, dispatch, and initialization of operations with state
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/offload/delivery.h"
#include "hvm_param.h"
#include "internal.h"
#include "trace.h"
#include "watchdog.h"

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

/* The guest's kernel runs again after a sleep in S3: it can take upcalls. */
static void release_upcalls(void)
{
    BQL_LOCK_GUARD();
    xen_delivery_release();
}

int64_t xen_hypercall(XenHypercall *hc)
{
    int64_t ret;

    hc->restart = false;
    xen_emu_note_call();

    if (hc->cpl > 0) {
        ret = -EPERM;
    } else {
        /* Xen reads the number from EAX, whatever the mode. */
        hc->nr = (uint32_t)hc->nr;
        if (unlikely(xen_upcall_is_withheld())) {
            release_upcalls();
        }
        ret = xen_hypercall_dispatch(hc);
    }
    trace_xen_hypercall(hc->cs->cpu_index, hc->cpl, hc->nr, hc->arg[0],
                        hc->arg[1], hc->arg[2], ret, hc->restart);
    return ret;
}

void xen_hypercall_init(void)
{
    /* The order of their sections in a migration stream. */
    xen_hvm_param_init();
    xen_watchdog_init();
}
