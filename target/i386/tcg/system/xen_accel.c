/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on TCG
 *
 * Everything is QEMU's own code here; what remains is to read guest virtual
 * memory and to interrupt a vCPU without the BQL: accel-tcg.h has the plan.
 *
 * TCG has no place for a vCPU that waits without the BQL, but calls all that is
 * concerned through pointers.  So those of the kick, the idle test, the halt and
 * the TSC are led past us when the first vCPU appears.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "accel/tcg/cpu-ops.h"
#include "exec/cputlb.h"
#include "exec/exec-all.h"
#include "hw/core/cpu.h"
#include "hw/core/sysemu-cpu-ops.h"
#include "hw/xen/emu/accel-tcg.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "qemu/accel.h"
#include "system/accel-ops.h"
#include "system/runstate.h"
#include "system/tcg.h"
#include "cpu.h"
#include "tcg/xen-tcg.h"

typedef struct XenTcgVcpu {
    QemuEvent kicked;
    QEMUTimer *sleep_timer;     /* of SCHEDOP_poll */
} XenTcgVcpu;

static XenTcgVcpu vcpus[XEN_EVTCHN_MAX_VCPUS];

/* Where vCPUs share a thread: ends its wait for work. */
static QEMUBH *due_bh;

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

/* ------------------------------------------------------- telling a vCPU -- */

bool xen_emu_tcg_vcpus_wait(void)
{
    return qemu_tcg_mttcg_enabled();
}

/* BQL.  The thread of all vCPUs asks each of them whether it has work. */
static void wake_shared_thread(void *opaque)
{
    CPUState *cs;

    CPU_FOREACH(cs) {
        if (qatomic_read(&cpu_env(cs)->xen_due)) {
            xen_tcg_tell_lapic(cs);
            qemu_cpu_kick(cs);
        }
    }
}

static void make_due(CPUState *cs, uint32_t what)
{
    qatomic_or(&cpu_env(cs)->xen_due, what);

    if (qemu_cpu_is_self(cs)) {
        qatomic_set(&cs->neg.icount_decr.u16.high, -1);
    } else if (xen_emu_tcg_vcpus_wait()) {
        qatomic_set(&cs->neg.icount_decr.u16.high, -1);
        qemu_event_set(&vcpus[cs->cpu_index].kicked);
    } else if (bql_locked()) {
        wake_shared_thread(NULL);
    } else {
        qemu_bh_schedule(due_bh);
    }
}

/* An upcall that cannot be taken yet ends SCHEDOP_block all the same. */
static void tcg_xen_raise_vector(CPUState *cs, uint8_t vector)
{
    make_due(cs, XEN_TCG_DUE_VECTOR | XEN_TCG_DUE_WAKE);
}

static void tcg_xen_raise_callback(CPUState *cs)
{
    make_due(cs, XEN_TCG_DUE_CALLBACK | XEN_TCG_DUE_WAKE);
}

static void tcg_xen_wake(CPUState *cs)
{
    make_due(cs, XEN_TCG_DUE_WAKE);
}

int xen_emu_tcg_upcall_vector(CPUState *cs)
{
    uint8_t vector = xen_upcall_callback_vector();

    if (!vector ||
        qatomic_read(&X86_CPU(cs)->env.xen_vcpu_callback_vector) ||
        !xen_evtchn_upcall_pending(xen_emu_evtchn(), cs->cpu_index)) {
        return -1;
    }
    return vector;
}

/* ----------------------------------------------------- a vCPU that waits -- */

void xen_emu_tcg_wait_begin(CPUState *cs)
{
    qemu_event_reset(&vcpus[cs->cpu_index].kicked);
}

void xen_emu_tcg_wait(CPUState *cs)
{
    qemu_event_wait(&vcpus[cs->cpu_index].kicked);
}

/* Its vCPU may have been unplugged. */
static void sleep_timer_expired(void *opaque)
{
    XenTcgVcpu *tv = opaque;
    XenVcpu *v;

    RCU_READ_LOCK_GUARD();
    v = xen_vcpu_get(tv - vcpus);
    if (v) {
        make_due(v->cs, XEN_TCG_DUE_WAKE);
    }
}

/* Halts when the hypercall is over: see xen_tcg_sleep(). */
static void tcg_xen_halt(CPUState *cs, int64_t timeout_ns)
{
    QEMUTimer *timer = vcpus[cs->cpu_index].sleep_timer;

    cpu_env(cs)->xen_asleep = true;
    if (timeout_ns < 0) {
        timer_del(timer);
    } else {
        int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

        timer_mod(timer, timeout_ns > INT64_MAX - now ? INT64_MAX :
                         now + timeout_ns);
    }
}

/*
 * Who polls for what, and until when, is not in a migration stream; a halted
 * vCPU with interrupts disabled would have nothing to end its halt.  The guest's
 * poll is over where it was saved, which is a reason as good as any.
 */
static void vm_state_changed(void *opaque, bool running, RunState state)
{
    CPUState *cs;

    if (running) {
        return;
    }
    CPU_FOREACH(cs) {
        if (cpu_env(cs)->xen_asleep) {
            timer_del(vcpus[cs->cpu_index].sleep_timer);
            xen_evtchn_poll_end(xen_emu_evtchn(), cs->cpu_index);
            cs->halted = 0;
            xen_tcg_halted(cs, false);
        }
    }
}

/* -------------------------------------------- in the place of TCG's own -- */

static void (*tcg_kick)(CPUState *cs);
static bool (*cpu_has_work_itself)(CPUState *cs);
static bool (*cpu_exec_halt_itself)(CPUState *cs);

static void kick(CPUState *cs)
{
    tcg_kick(cs);
    /* One without a number is being made, and has no thread yet. */
    if (cs->cpu_index >= 0) {
        qemu_event_set(&vcpus[cs->cpu_index].kicked);
    }
}

/* A halted vCPU waits in exec_halt(), not where only the BQL ends a wait. */
static bool thread_is_idle(CPUState *cs)
{
    return false;
}

static bool has_work(CPUState *cs)
{
    return xen_tcg_has_work(cs, cpu_has_work_itself);
}

static bool exec_halt(CPUState *cs)
{
    return xen_tcg_exec_halt(cs, cpu_exec_halt_itself);
}

/*
 * The guest's TSC.  TCG's own is the host's, of which QEMU knows no frequency,
 * and which differs after migration.  A tick of this one is a nanosecond of the
 * virtual clock, on all vCPUs, and stands still with the VM.
 */
static int64_t tsc(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

static void lead_tcg_past_us(void)
{
    AccelOpsClass *ops =
        ACCEL_OPS_CLASS(object_class_by_name(ACCEL_OPS_NAME("tcg")));

    for (size_t i = 0; i < ARRAY_SIZE(vcpus); i++) {
        qemu_event_init(&vcpus[i].kicked, false);
    }
    qemu_add_vm_change_state_handler(vm_state_changed, NULL);
    ops->get_elapsed_ticks = tsc;
    tcg_kick = ops->kick_vcpu_thread;
    if (xen_emu_tcg_vcpus_wait()) {
        ops->kick_vcpu_thread = kick;
        ops->cpu_thread_is_idle = thread_is_idle;
    } else {
        due_bh = qemu_bh_new(wake_shared_thread, NULL);
    }
}

/* BQL; its thread does not run yet.  Each model of CPU is a class. */
static void tcg_xen_vcpu_new(CPUState *cs)
{
    static TCGCPUOps tcg_cpu_ops;
    static SysemuCPUOps sysemu_ops;
    XenTcgVcpu *v = &vcpus[cs->cpu_index];
    CPUClass *cc = cs->cc;

    if (!tcg_kick) {
        lead_tcg_past_us();
        tcg_cpu_ops = *cc->tcg_ops;
        cpu_exec_halt_itself = tcg_cpu_ops.cpu_exec_halt;
        tcg_cpu_ops.cpu_exec_halt = exec_halt;
        sysemu_ops = *cc->sysemu_ops;
        cpu_has_work_itself = sysemu_ops.has_work;
        sysemu_ops.has_work = has_work;
    }
    cc->tcg_ops = &tcg_cpu_ops;
    cc->sysemu_ops = &sysemu_ops;

    /*
     * Where a single thread runs all vCPUs, TCG makes a plain load and store of
     * a locked instruction.  But Xen's pages are changed by our threads too: an
     * event set between the two would be lost.
     */
    tcg_cflags_set(cs, CF_PARALLEL);

    /* A vCPU that is plugged again finds it. */
    if (!v->sleep_timer) {
        v->sleep_timer = xen_timer_new(sleep_timer_expired, v);
    }
}

static XenAccelOps tcg_ops = {
    .name = "tcg",
    .caps = 1u << XEN_ACCEL_CAP_HCALL,
    .tsc_is_virtual_clock = true,
    .lapic_is_slow = true,
    .vcpu_new = tcg_xen_vcpu_new,
    .translate = tcg_xen_translate,
    .system_time = xen_emu_virtual_time,
    .raise_vector = tcg_xen_raise_vector,
    .raise_callback = tcg_xen_raise_callback,
    .flush_tlbs = tlb_flush_all_cpus_synced,
    .halt = tcg_xen_halt,
    .wake = tcg_xen_wake,
};

XenAccelOps *xen_emu_tcg_ops(void)
{
    return &tcg_ops;
}
