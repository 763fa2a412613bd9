/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on TCG: the XenAccelOps
 *
 * QEMU's own code does most of the work.  TCG only has to translate guest
 * virtual addresses, and to notify a vCPU without the BQL (see accel-tcg.h).
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "exec/cputlb.h"
#include "exec/target_page.h"
#include "exec/tlb-flags.h"
#include "exec/translation-block.h"
#include "accel/tcg/cpu-loop.h"
#include "accel/tcg/probe.h"
#include "hw/core/cpu.h"
#include "hw/xen/emu/accel-tcg.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/qemu-compat.h"
#include "qemu/accel.h"
#include "system/tcg.h"
#include "cpu.h"
#include "tcg/seg_helper.h"
#include "tcg/xen-tcg.h"

static int tcg_xen_translate(CPUState *cs, uint64_t gva, bool write,
                             uint64_t *gpa, uint64_t *len)
{
    hwaddr frame;

    if (!xen_debug_translate(cs, gva & TARGET_PAGE_MASK, &frame)) {
        return -EFAULT;
    }
    if (write && qemu_cpu_is_self(cs)) {
        CPUX86State *env = cpu_env(cs);
        void *host;

        /* The debug page walk ignores write protection. */
        if (probe_access_flags(env, gva, 1, MMU_DATA_STORE,
                               cpu_mmu_index_kernel(env), true, &host, 0) &
            TLB_INVALID_MASK) {
            return -EFAULT;
        }
    }
    *gpa = frame | (gva & ~TARGET_PAGE_MASK);
    *len = MIN(*len, TARGET_PAGE_SIZE - (gva & ~TARGET_PAGE_MASK));
    return 0;
}

/* An upcall ends SCHEDOP_block even if interrupts are disabled. */
static void tcg_xen_raise_vector(XenVcpu *v, uint8_t vector)
{
    xen_tcg_make_pending(v, XEN_TCG_PENDING_VECTOR | XEN_TCG_PENDING_WAKE);
}

static void tcg_xen_raise_callback(XenVcpu *v)
{
    xen_tcg_make_pending(v, XEN_TCG_PENDING_CALLBACK | XEN_TCG_PENDING_WAKE);
}

static void tcg_xen_wake(XenVcpu *v)
{
    xen_tcg_make_pending(v, XEN_TCG_PENDING_WAKE);
}

static void tcg_xen_vcpu_new(XenVcpu *v)
{
    xen_tcg_pending_init();

    /*
     * If a single thread runs all vCPUs, TCG translates a locked instruction
     * into a plain load and store.  But other threads write to Xen's pages too:
     * an event that is set between the load and the store would be lost.
     */
    tcg_cflags_set(v->cs, CF_PARALLEL);

    xen_tcg_wait_init_vcpu(v);
}

static XenAccelOps tcg_ops = {
    .name = "tcg",
    .caps = 1u << XEN_ACCEL_CAP_HCALL,
    .lapic_is_slow = true,
    .vm_state = xen_tcg_vm_state,
    .cpu = {
        .vcpu_new = tcg_xen_vcpu_new,
        .vcpu_free = xen_tcg_wait_free_vcpu,
        .translate = tcg_xen_translate,
        .raise_vector = tcg_xen_raise_vector,
        .raise_callback = tcg_xen_raise_callback,
        .flush_tlbs = tlb_flush_all_cpus_synced,
        .halt = xen_tcg_halt,
        .wake = tcg_xen_wake,
    },
    .clock = {
        .system_time = xen_emu_virtual_time,
        .is_virtual_clock = true,
        .tsc_is_virtual_clock = true,
    },
};

XenAccelOps *xen_emu_tcg_ops(void)
{
    return &tcg_ops;
}
