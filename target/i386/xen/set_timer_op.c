/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_set_timer_op: the calling vCPU's single-shot timer
 */
#include "qemu/osdep.h"
#include "hw/xen/emu/offload/timers.h"
#include "hw/xen/emu/vcpu/timer.h"
#include "internal.h"

int64_t xen_hcall_set_timer_op(XenHypercall *hc)
{
    XenVcpu *v = xen_vcpu_get(hc->cs->cpu_index);
    uint64_t timeout_ns = hc->arg[0];
    int ret;

    /* A 32-bit guest passes the 64-bit time in two registers, low first. */
    if (!hc->long_mode) {
        timeout_ns = hc->arg[1] << 32 | (uint32_t)hc->arg[0];
    }
    ret = xen_vcpu_timer_set_timer_op(v->timer, timeout_ns);
    xen_timer_offload_offer(v);
    return ret;
}
