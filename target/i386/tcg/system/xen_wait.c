/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on TCG: halted vCPUs, which wait without the BQL
 *
 * By HLT, SCHEDOP_poll and SCHEDOP_block.  include/hw/xen/emu/accel-tcg.h
 * describes the protocol.  Functions run in the thread of the vCPU, except
 * where stated.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "cpu.h"
#include "accel/tcg/cpu-loop.h"
#include "hw/core/cpu.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/accel-tcg.h"
#include "system/tcg.h"
#include "tcg/helper-tcg.h"
#include "tcg/xen-tcg.h"
#include "xen_vcpu.h"

static void wait_begin(CPUState *cs)
{
    qemu_event_reset(&xen_tcg_vcpu_of(cs)->kicked);
}

static void wait_until_kicked(CPUState *cs)
{
    qemu_event_wait(&xen_tcg_vcpu_of(cs)->kicked);
}

/* In the timers' thread.  The vCPU may have been unplugged. */
static void poll_timed_out(void *opaque)
{
    XenTcgVcpu *tv = opaque;
    XenVcpu *v;

    RCU_READ_LOCK_GUARD();
    v = xen_vcpu_get(tv->vcpu);
    if (v) {
        xen_tcg_make_pending(v, XEN_TCG_PENDING_WAKE);
    }
}

/* The vCPU halts after its hypercall: see xen_tcg_poll_halt(). */
void xen_tcg_halt(XenVcpu *v, int64_t timeout_ns)
{
    QEMUTimer *timer = xen_tcg_vcpu(v)->poll_timer;

    cpu_env(v->cs)->xen_poll_halted = true;
    if (timeout_ns < 0) {
        timer_del(timer);
    } else {
        int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

        timer_mod(timer, timeout_ns > INT64_MAX - now ? INT64_MAX :
                         now + timeout_ns);
    }
}

/*
 * Pollers and their timeouts are not in a migration stream, so nothing could
 * end the halt of a vCPU with interrupts disabled.  The poll of a guest that is
 * saved ends spuriously instead, in the source VM too.
 */
void xen_tcg_vm_state(bool running)
{
    if (running) {
        return;
    }
    XEN_FOREACH_VCPU(v) {
        CPUState *cs = v->cs;

        if (cpu_env(cs)->xen_poll_halted) {
            timer_del(xen_tcg_vcpu(v)->poll_timer);
            xen_evtchn_poll_end(xen_emu_evtchn(), v->id);
            cs->halted = 0;
            xen_tcg_halted(cs, false);
        }
    }
}

bool xen_tcg_has_work(CPUState *cs, bool (*has_work)(CPUState *cs))
{
    CPUX86State *env = cpu_env(cs);
    uint32_t pending = qatomic_read(&env->xen_pending);

    return has_work(cs) || (pending & XEN_TCG_PENDING_VECTOR) ||
           xen_tcg_upcall_can_be_taken(cs) ||
           (env->xen_poll_halted && (pending & XEN_TCG_PENDING_WAKE));
}

/* There is work for @cs other than an interrupt. */
static bool has_other_work(CPUState *cs)
{
    return qatomic_read(&cs->exit_request) || !cs->halted;
}

/*
 * Waits until there is work.  An upcall by a vCPU's own vector is raised in the
 * LAPIC first, which decides whether it is work.
 */
static void wait_in_halt(CPUState *cs, void (*leave)(CPUState *cs),
                         void (*enter)(CPUState *cs))
{
    for (;;) {
        wait_begin(cs);
        xen_tcg_raise_lapic_unlocked(cs);
        if (has_other_work(cs) || cpu_has_work(cs)) {
            return;
        }
        leave(cs);
        wait_until_kicked(cs);
        enter(cs);
    }
}

/*
 * A vCPU that waits must not block RCU or exclusive sections: it counts as
 * outside cpu_exec().  Work that is queued meanwhile, such as a TLB flush,
 * kicks it.
 */
static void leave_exec(CPUState *cs)
{
    rcu_read_unlock();
    cpu_exec_end(cs);
}

static void enter_exec(CPUState *cs)
{
    cpu_exec_start(cs);
    rcu_read_lock();
}

/*
 * Waits inside the halting instruction.  Returns if the vCPU has to leave its
 * loop, still halted; otherwise the guest resumes and this does not return.
 */
static void halt_here(CPUState *cs)
{
    CPUX86State *env = cpu_env(cs);

    if (!xen_tcg_vcpus_wait()) {
        return;
    }
    wait_in_halt(cs, leave_exec, enter_exec);

    /* x86_cpu_exec_halt() handles all other reasons to end a halt. */
    if (!has_other_work(cs) && !(env->eflags & TF_MASK) &&
        !(qatomic_read(&cs->interrupt_request) & CPU_INTERRUPT_POLL)) {
        cs->halted = 0;
        xen_tcg_halted(cs, false);
        cpu_loop_exit_noexc(cs);
    }
}

void xen_tcg_halted(CPUState *cs, bool halted)
{
    if (!xen_tcg_emulated()) {
        return;
    }
    /* A HLT must not be ended by what an earlier poll waited for. */
    cpu_env(cs)->xen_poll_halted = false;
    xen_runstate_halted(cs, halted);
    if (halted) {
        halt_here(cs);
    }
}

/* For a vCPU that left its loop while halted; outside RCU read sections. */
bool xen_tcg_exec_halt(CPUState *cs, bool (*exec_halt)(CPUState *cs))
{
    if (xen_tcg_vcpus_wait()) {
        wait_in_halt(cs, cpu_exec_end, cpu_exec_start);
    }
    xen_tcg_raise_lapic_unlocked(cs);
    return exec_halt(cs);
}

/*
 * SCHEDOP_poll and SCHEDOP_block: like HLT, but even with interrupts disabled
 * the halt ends when a port is pending or at the timeout.  If a port became
 * pending after the engine's check, XEN_TCG_PENDING_WAKE is set.
 */
void xen_tcg_poll_halt(CPUState *cs)
{
    CPUX86State *env = cpu_env(cs);

    if (xen_evtchn_poll_woken(xen_emu_evtchn(), cs->cpu_index)) {
        env->xen_poll_halted = false;
        return;
    }
    env->hflags &= ~HF_INHIBIT_IRQ_MASK;
    cs->halted = 1;
    xen_runstate_halted(cs, true);
    halt_here(cs);
    cs->exception_index = EXCP_HLT;
    cpu_loop_exit(cs);
}

void xen_tcg_wait_init_vcpu(XenVcpu *v)
{
    XenTcgVcpu *tv = g_new0(XenTcgVcpu, 1);

    qemu_event_init(&tv->kicked, false);
    tv->vcpu = v->id;
    tv->poll_timer = xen_timer_new(poll_timed_out, tv);
    v->accel_data = tv;
}

void xen_tcg_wait_free_vcpu(XenVcpu *v)
{
    XenTcgVcpu *tv = xen_tcg_vcpu(v);

    qemu_event_destroy(&tv->kicked);
    timer_del(tv->poll_timer);
    xen_timer_free(tv->poll_timer, g_free, tv);
}
