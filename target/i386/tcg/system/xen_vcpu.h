/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on TCG: the accelerator's data of a vCPU
 */
#ifndef TARGET_I386_TCG_SYSTEM_XEN_VCPU_H
#define TARGET_I386_TCG_SYSTEM_XEN_VCPU_H

#include "qemu/thread.h"
#include "qemu/timer.h"
#include "hw/xen/emu/domain.h"

/* XenVcpu.accel_data; xen_wait.c allocates and frees it. */
typedef struct XenTcgVcpu {
    unsigned vcpu;              /* its number */
    QemuEvent kicked;           /* ends its wait in a halt */
    QEMUTimer *poll_timer;      /* the timeout of SCHEDOP_poll */
} XenTcgVcpu;

static inline XenTcgVcpu *xen_tcg_vcpu(XenVcpu *v)
{
    return v->accel_data;
}

/*
 * For a vCPU that QEMU's own code refers to; NULL if it has no number yet, or
 * no longer.  Valid as the result of xen_vcpu_get().
 */
static inline XenTcgVcpu *xen_tcg_vcpu_of(CPUState *cs)
{
    XenVcpu *v = xen_vcpu_get(cs->cpu_index);

    return v ? xen_tcg_vcpu(v) : NULL;
}

#endif
