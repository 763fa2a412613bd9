/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on TCG: a vCPU that is halted, and waits without the BQL
 *
 * In HLT, and in SCHEDOP_poll and SCHEDOP_block.  The plan is in
 * include/hw/xen/emu/accel-tcg.h.  Everything here is about the vCPU whose thread
 * runs it, except where stated.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "cpu.h"
#include "exec/exec-all.h"
#include "hw/core/cpu.h"
#include "hw/xen/emu/accel-callbacks.h"
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

/* Its vCPU may have been unplugged. */
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

/* Halts when the hypercall is over: see xen_tcg_poll_halt(). */
void xen_tcg_halt(XenVcpu *v, int64_t timeout_ns)
{
    QEMUTimer *timer = xen_tcg_vcpu(v)->poll_timer;

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
void xen_tcg_vm_state(bool running)
{
    if (running) {
        return;
    }
    XEN_FOREACH_VCPU(v) {
        CPUState *cs = v->cs;

        if (cpu_env(cs)->xen_asleep) {
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
    uint32_t due = qatomic_read(&env->xen_due);

    return has_work(cs) || (due & XEN_TCG_PENDING_VECTOR) ||
           xen_tcg_upcall_can_be_taken(cs) ||
           (env->xen_asleep && (due & XEN_TCG_PENDING_WAKE));
}

/* QEMU wants something else than an interrupt of it. */
static bool is_wanted(CPUState *cs)
{
    return qatomic_read(&cs->exit_request) || !cs->halted;
}

/*
 * Waits until there is work, or QEMU wants it.  An upcall by LAPIC becomes work
 * on the way, or not, as the LAPIC decides.
 */
static void wait_in_halt(CPUState *cs, void (*leave)(CPUState *cs),
                         void (*enter)(CPUState *cs))
{
    for (;;) {
        wait_begin(cs);
        xen_tcg_raise_lapic_unlocked(cs);
        if (is_wanted(cs) || cpu_has_work(cs)) {
            return;
        }
        leave(cs);
        wait_until_kicked(cs);
        enter(cs);
    }
}

/*
 * Nobody has to wait for a vCPU that does nothing: as far as RCU and exclusive
 * sections are concerned it is outside cpu_exec().  Work that was queued
 * meanwhile, which may be a flush of its TLB, came with a kick.
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
 * Inside the instruction that halted.  Returns if the vCPU has to leave its
 * loop, halted; goes on with the guest otherwise.
 */
static void halt_here(CPUState *cs)
{
    CPUX86State *env = cpu_env(cs);

    if (!xen_tcg_vcpus_wait()) {
        return;
    }
    wait_in_halt(cs, leave_exec, enter_exec);

    /* What else ends a halt is x86_cpu_exec_halt()'s. */
    if (!is_wanted(cs) && !(env->eflags & TF_MASK) &&
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
    /* A HLT is not to be ended by what a poll had waited for. */
    cpu_env(cs)->xen_asleep = false;
    xen_runstate_halted(cs, halted);
    if (halted) {
        halt_here(cs);
    }
}

/* Outside the loop, without RCU: a vCPU that had to leave while it halted. */
bool xen_tcg_exec_halt(CPUState *cs, bool (*exec_halt)(CPUState *cs))
{
    if (xen_tcg_vcpus_wait()) {
        wait_in_halt(cs, cpu_exec_end, cpu_exec_start);
    }
    xen_tcg_raise_lapic_unlocked(cs);
    return exec_halt(cs);
}

/*
 * SCHEDOP_poll and SCHEDOP_block: like HLT, but also with interrupts disabled
 * until a port is pending or the time is over.  What became pending since the
 * engine looked has made a wake-up due.
 */
void xen_tcg_poll_halt(CPUState *cs)
{
    CPUX86State *env = cpu_env(cs);

    if (xen_evtchn_poll_woken(xen_emu_evtchn(), cs->cpu_index)) {
        env->xen_asleep = false;
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
