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
#include "system/tcg.h"
#include "cpu.h"
#include "tcg/xen-tcg.h"

typedef struct XenTcgVcpu {
    unsigned vcpu;              /* its number */
    QemuEvent kicked;
    QEMUTimer *sleep_timer;     /* of SCHEDOP_poll */
} XenTcgVcpu;

static XenTcgVcpu *tcg_vcpu(XenVcpu *v)
{
    return v->accel_data;
}

/*
 * Of a vCPU that QEMU's own code names; NULL: it has no number yet, or none any
 * more.
 */
static XenTcgVcpu *tcg_vcpu_of(CPUState *cs)
{
    XenVcpu *v = xen_vcpu_get(cs->cpu_index);

    return v ? tcg_vcpu(v) : NULL;
}

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

static void make_pending(XenVcpu *v, uint32_t what)
{
    CPUState *cs = v->cs;

    qatomic_or(&cpu_env(cs)->xen_due, what);

    if (qemu_cpu_is_self(cs)) {
        qatomic_set(&cs->neg.icount_decr.u16.high, -1);
    } else if (xen_emu_tcg_vcpus_wait()) {
        qatomic_set(&cs->neg.icount_decr.u16.high, -1);
        qemu_event_set(&tcg_vcpu(v)->kicked);
    } else if (bql_locked()) {
        wake_shared_thread(NULL);
    } else {
        qemu_bh_schedule(due_bh);
    }
}

/* An upcall that cannot be taken yet ends SCHEDOP_block all the same. */
static void tcg_xen_raise_vector(XenVcpu *v, uint8_t vector)
{
    make_pending(v, XEN_TCG_DUE_VECTOR | XEN_TCG_DUE_WAKE);
}

static void tcg_xen_raise_callback(XenVcpu *v)
{
    make_pending(v, XEN_TCG_DUE_CALLBACK | XEN_TCG_DUE_WAKE);
}

static void tcg_xen_wake(XenVcpu *v)
{
    make_pending(v, XEN_TCG_DUE_WAKE);
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
    qemu_event_reset(&tcg_vcpu_of(cs)->kicked);
}

void xen_emu_tcg_wait(CPUState *cs)
{
    qemu_event_wait(&tcg_vcpu_of(cs)->kicked);
}

/* Its vCPU may have been unplugged. */
static void sleep_timer_expired(void *opaque)
{
    XenTcgVcpu *tv = opaque;
    XenVcpu *v;

    RCU_READ_LOCK_GUARD();
    v = xen_vcpu_get(tv->vcpu);
    if (v) {
        make_pending(v, XEN_TCG_DUE_WAKE);
    }
}

/* Halts when the hypercall is over: see xen_tcg_sleep(). */
static void tcg_xen_halt(XenVcpu *v, int64_t timeout_ns)
{
    QEMUTimer *timer = tcg_vcpu(v)->sleep_timer;

    cpu_env(v->cs)->xen_asleep = true;
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
static void tcg_xen_vm_state(bool running)
{
    if (running) {
        return;
    }
    XEN_FOREACH_VCPU(v) {
        CPUState *cs = v->cs;

        if (cpu_env(cs)->xen_asleep) {
            timer_del(tcg_vcpu(v)->sleep_timer);
            xen_evtchn_poll_end(xen_emu_evtchn(), v->id);
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
    XenTcgVcpu *tv;

    tcg_kick(cs);
    RCU_READ_LOCK_GUARD();
    tv = tcg_vcpu_of(cs);
    /* One that is being made has no thread yet. */
    if (tv) {
        qemu_event_set(&tv->kicked);
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
static void tcg_xen_vcpu_new(XenVcpu *v)
{
    static TCGCPUOps tcg_cpu_ops;
    static SysemuCPUOps sysemu_ops;
    XenTcgVcpu *tv = g_new0(XenTcgVcpu, 1);
    CPUState *cs = v->cs;
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

    qemu_event_init(&tv->kicked, false);
    tv->vcpu = v->id;
    tv->sleep_timer = xen_timer_new(sleep_timer_expired, tv);
    v->accel_data = tv;
}

static void tcg_xen_vcpu_free(XenVcpu *v)
{
    XenTcgVcpu *tv = tcg_vcpu(v);

    qemu_event_destroy(&tv->kicked);
    timer_del(tv->sleep_timer);
    xen_timer_free(tv->sleep_timer, g_free, tv);
}

static XenAccelOps tcg_ops = {
    .name = "tcg",
    .caps = 1u << XEN_ACCEL_CAP_HCALL,
    .lapic_is_slow = true,
    .vm_state = tcg_xen_vm_state,
    .cpu = {
        .vcpu_new = tcg_xen_vcpu_new,
        .vcpu_free = tcg_xen_vcpu_free,
        .translate = tcg_xen_translate,
        .raise_vector = tcg_xen_raise_vector,
        .raise_callback = tcg_xen_raise_callback,
        .flush_tlbs = tlb_flush_all_cpus_synced,
        .halt = tcg_xen_halt,
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
