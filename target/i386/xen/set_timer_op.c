/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_set_timer_op: the single-shot timer of the calling vCPU
 */
#include "qemu/osdep.h"
#include "hw/xen/emu/offload/timers.h"
#include "internal.h"

int64_t xen_hcall_set_timer_op(XenHypercall *hc)
{
    XenVcpu *v = xen_vcpu_get(hc->cs->cpu_index);
    uint64_t timeout_ns = hc->arg[0];

    /* A 32-bit guest passes the 64-bit time in two registers, low half first. */
    if (!hc->long_mode) {
        timeout_ns = hc->arg[1] << 32 | (uint32_t)hc->arg[0];
    }
    xen_timer_set_timer_op(v, timeout_ns);
    return 0;
}
