/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Functions that run in the thread of a vCPU; see work.h. */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "hw/core/cpu.h"
#include "hw/xen/emu/vcpu/work.h"

static void run_work(CPUState *cs, run_on_cpu_data data)
{
    XenVcpu *v = xen_vcpu_get(cs->cpu_index);
    XenVcpuWork work[XEN_VCPU_MAX_WORKS];
    unsigned nr;

    assert(bql_locked());
    if (!v || v->cs != cs) {
        return;     /* unplugged meanwhile */
    }
    nr = xen_vcpu_work_take(v->work, work);
    for (unsigned i = 0; i < nr; i++) {
        work[i].func(v, work[i].arg);
    }
}

void xen_vcpu_run_later(XenVcpu *v, XenVcpuFunc *func, uint64_t arg)
{
    assert(bql_locked());
    if (v->cs->created && xen_vcpu_work_put(v->work, func, arg)) {
        async_run_on_cpu(v->cs, run_work, RUN_ON_CPU_NULL);
    }
}

/* It does not run any work, and the BQL protects the vCPU instead. */
static bool thread_has_ended(XenVcpu *v)
{
    return v->cs->unplug && !v->cs->created;
}

int xen_vcpu_run(XenVcpu *v, XenVcpuFunc *func, uint64_t arg)
{
    if (qemu_cpu_is_self(v->cs) || thread_has_ended(v)) {
        assert(bql_locked());
        xen_vcpu_work_drop(v->work, func);
        return func(v, arg);
    }
    xen_vcpu_run_later(v, func, arg);
    return 0;
}

XenVcpuWorkList *xen_vcpu_work_list_new(void)
{
    return g_new0(XenVcpuWorkList, 1);
}
