/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on TCG: requests to a vCPU, from any thread
 *
 * include/hw/xen/emu/accel-tcg.h describes the protocol; xen_upcall.c and
 * xen_wait.c have the vCPU's side.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "cpu.h"
#include "hw/core/cpu.h"
#include "hw/i386/apic_internal.h"
#include "hw/pci/msi.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/accel-tcg.h"
#include "system/tcg.h"
#include "xen_vcpu.h"

/* For vCPUs that share a thread: ends its wait for work. */
static QEMUBH *shared_thread_bh;

bool xen_tcg_vcpus_wait(void)
{
    return qemu_tcg_mttcg_enabled();
}

void xen_tcg_kicked(CPUState *cs)
{
    XenTcgVcpu *tv;

    RCU_READ_LOCK_GUARD();
    tv = xen_tcg_vcpu_of(cs);
    /* A vCPU that is not realized yet has no thread. */
    if (tv) {
        qemu_event_set(&tv->kicked);
    }
}

int xen_tcg_upcall_vector(CPUState *cs)
{
    uint8_t vector = xen_upcall_callback_vector();

    if (!vector || xen_upcall_is_withheld() ||
        qatomic_read(&X86_CPU(cs)->env.xen_vcpu_callback_vector) ||
        !xen_evtchn_upcall_pending(xen_emu_evtchn(), cs->cpu_index)) {
        return -1;
    }
    return vector;
}

void xen_tcg_raise_lapic(CPUState *cs)
{
    CPUX86State *env = cpu_env(cs);
    uint32_t before = qatomic_fetch_and(&env->xen_pending,
                                        ~XEN_TCG_PENDING_VECTOR);
    uint8_t vector = qatomic_read(&env->xen_vcpu_callback_vector);

    assert(bql_locked());
    if (before & XEN_TCG_PENDING_VECTOR && vector) {
        MSIMessage msg = xen_upcall_msi(X86_CPU(cs)->apic_id, vector);

        apic_get_class(NULL)->send_msi(&msg);
    }
}

void xen_tcg_raise_lapic_unlocked(CPUState *cs)
{
    if (qatomic_read(&cpu_env(cs)->xen_pending) & XEN_TCG_PENDING_VECTOR) {
        BQL_LOCK_GUARD();
        xen_tcg_raise_lapic(cs);
    }
}

/* The thread of all vCPUs checks each of them for work.  BQL. */
static void wake_shared_thread(void *opaque)
{
    CPUState *cs;

    CPU_FOREACH(cs) {
        if (qatomic_read(&cpu_env(cs)->xen_pending)) {
            xen_tcg_raise_lapic(cs);
            qemu_cpu_kick(cs);
        }
    }
}

void xen_tcg_make_pending(XenVcpu *v, uint32_t what)
{
    CPUState *cs = v->cs;

    qatomic_or(&cpu_env(cs)->xen_pending, what);

    if (qemu_cpu_is_self(cs)) {
        qatomic_set(&cs->neg.icount_decr.u16.high, -1);
    } else if (xen_tcg_vcpus_wait()) {
        qatomic_set(&cs->neg.icount_decr.u16.high, -1);
        xen_tcg_kicked(cs);
    } else if (bql_locked()) {
        wake_shared_thread(NULL);
    } else {
        qemu_bh_schedule(shared_thread_bh);
    }
}

void xen_tcg_pending_init(void)
{
    if (!shared_thread_bh && !xen_tcg_vcpus_wait()) {
        shared_thread_bh = qemu_bh_new(wake_shared_thread, NULL);
    }
}
