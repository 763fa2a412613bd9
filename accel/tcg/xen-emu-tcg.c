/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on TCG
 *
 * Everything is QEMU's own code here; what remains is to read guest virtual
 * memory and to interrupt a vCPU.  TCG's interrupt requests are guarded by the
 * BQL, which senders of events do not take.  So a sender notes what is due in
 * an atomic word of the vCPU and has somebody with the BQL act on it: the
 * vCPU itself, as queued work, when it is running; the main loop otherwise.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "exec/exec-all.h"
#include "hw/core/cpu.h"
#include "hw/i386/apic-msidef.h"
#include "hw/i386/apic_internal.h"
#include "hw/pci/msi.h"
#include "hw/xen/emu/emu.h"
#include "hw/xen/emu/time.h"
#include "hw/xen/emu/upcall.h"
#include "hw/xen/emu/accel-tcg.h"
#include "cpu.h"

/* What a vCPU is due; bits 7:0: a LAPIC vector, or 0. */
#define DUE_CALLBACK    0x100
#define DUE_WAKE        0x200   /* from SCHEDOP_poll */

static uint32_t due[XEN_EVTCHN_MAX_VCPUS];
static QEMUBH *due_bh;
static QEMUTimer *sleep_timers[XEN_EVTCHN_MAX_VCPUS];

static int tcg_xen_translate(CPUState *cs, uint64_t gva, bool write,
                             uint64_t *gpa, uint64_t *len)
{
    uint64_t page = gva & TARGET_PAGE_MASK;
    MemTxAttrs attrs;
    hwaddr frame = cpu_get_phys_page_attrs_debug(cs, page, &attrs);

    if (frame == (hwaddr)-1) {
        return -EFAULT;
    }
    if (write && qemu_cpu_is_self(cs)) {
        CPUX86State *env = cpu_env(cs);
        void *host;

        /* The debug walk does not look at write protection. */
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

/* BQL. */
static void end_sleep(CPUState *cs)
{
    CPUX86State *env = cpu_env(cs);

    if (env->xen_asleep) {
        env->xen_asleep = false;
        if (cs->halted) {
            cs->halted = 0;
            xen_runstate_halted(cs, false);
            qemu_cpu_kick(cs);
        }
    }
}

/* BQL. */
static void interrupt_due(CPUState *cs)
{
    uint32_t what = qatomic_xchg(&due[cs->cpu_index], 0);

    if (what & 0xff) {
        MSIMessage msg = {
            .address = APIC_DEFAULT_ADDRESS |
                       X86_CPU(cs)->apic_id << MSI_ADDR_DEST_ID_SHIFT,
            .data = (what & 0xff) | 1 << MSI_DATA_LEVEL_SHIFT,
        };

        apic_get_class(NULL)->send_msi(&msg);
    }
    if (what & DUE_CALLBACK) {
        cpu_interrupt(cs, CPU_INTERRUPT_XEN_UPCALL);
    }
    /* Also an upcall that cannot be taken yet ends SCHEDOP_block. */
    end_sleep(cs);
}

static void interrupt_due_work(CPUState *cs, run_on_cpu_data data)
{
    interrupt_due(cs);
}

static void interrupt_due_bh(void *opaque)
{
    CPUState *cs;

    CPU_FOREACH(cs) {
        if (qatomic_read(&due[cs->cpu_index])) {
            interrupt_due(cs);
        }
    }
}

static void make_due(CPUState *cs, uint32_t what)
{
    uint32_t before = qatomic_fetch_or(&due[cs->cpu_index], what);

    if (bql_locked()) {
        interrupt_due(cs);
        return;
    }
    if (before) {
        return;     /* somebody is on the way */
    }
    if (qemu_cpu_is_self(cs)) {
        /* It is running, so it will leave for its work, with the BQL. */
        async_run_on_cpu(cs, interrupt_due_work, RUN_ON_CPU_NULL);
    } else {
        /*
         * It may be about to go idle: only a waker with the BQL cannot be
         * missed.
         */
        qemu_bh_schedule(due_bh);
    }
}

static void tcg_xen_raise_vector(CPUState *cs, uint8_t vector)
{
    make_due(cs, vector);
}

static void tcg_xen_raise_callback(CPUState *cs)
{
    make_due(cs, DUE_CALLBACK);
}

static void tcg_xen_wake(CPUState *cs)
{
    make_due(cs, DUE_WAKE);
}

static void sleep_timer_expired(void *opaque)
{
    end_sleep(opaque);
}

/* Halts when the hypercall is over: see halt_for_events(). */
static void tcg_xen_halt(CPUState *cs, int64_t timeout_ns)
{
    QEMUTimer **timer = &sleep_timers[cs->cpu_index];

    cpu_env(cs)->xen_asleep = true;
    if (!*timer) {
        *timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, sleep_timer_expired, cs);
    }
    if (timeout_ns < 0) {
        timer_del(*timer);
    } else {
        int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

        timer_mod(*timer, timeout_ns > INT64_MAX - now ? INT64_MAX :
                          now + timeout_ns);
    }
}

int xen_emu_tcg_upcall_vector(CPUState *cs)
{
    uint8_t vector = xen_upcall_callback_vector();

    if (!vector || X86_CPU(cs)->env.xen_vcpu_callback_vector ||
        !xen_evtchn_upcall_pending(xen_emu->evtchn, cs->cpu_index)) {
        return -1;
    }
    return vector;
}

static XenAccelOps tcg_ops = {
    .name = "tcg",
    .caps = 1u << XEN_ACCEL_CAP_HCALL,
    .translate = tcg_xen_translate,
    .system_time = xen_emu_virtual_time,
    .raise_vector = tcg_xen_raise_vector,
    .raise_callback = tcg_xen_raise_callback,
    .halt = tcg_xen_halt,
    .wake = tcg_xen_wake,
};

XenAccelOps *xen_emu_tcg_ops(void)
{
    due_bh = qemu_bh_new(interrupt_due_bh, NULL);
    return &tcg_ops;
}
