/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Upcalls and halts of a Xen guest's vCPU on TCG
 *
 * The plan is in include/hw/xen/emu/accel-tcg.h.  Everything here is about the
 * vCPU whose thread runs it, except where stated; xen_due is set by others.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "cpu.h"
#include "exec/exec-all.h"
#include "hw/i386/apic-msidef.h"
#include "hw/i386/apic_internal.h"
#include "hw/pci/msi.h"
#include "hw/xen/emu/accel-tcg.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/debug/bql-check.h"
#include "hw/xen/emu/tcg-look.h"
#include "tcg/helper-tcg.h"
#include "tcg/xen-tcg.h"

/* These come before any interrupt, and lead back to where the loop looks. */
#define COMES_FIRST \
    (CPU_INTERRUPT_DEBUG | CPU_INTERRUPT_HALT | CPU_INTERRUPT_INIT)

/* It would take an external interrupt now, if there were one.  Any thread. */
static bool is_interruptible(CPUState *cs)
{
    int requests = qatomic_read(&cs->interrupt_request);

    return !(requests & COMES_FIRST) && !cs->singlestep_enabled &&
           x86_cpu_pending_interrupt(cs, (requests & ~CPU_INTERRUPT_POLL) |
                                     CPU_INTERRUPT_HARD) == CPU_INTERRUPT_HARD;
}

/* Any thread. */
static bool upcall_can_be_taken(CPUState *cs)
{
    return (qatomic_read(&cpu_env(cs)->xen_due) & XEN_TCG_DUE_CALLBACK) &&
           is_interruptible(cs) && xen_emu_tcg_upcall_vector(cs) >= 0;
}

/*
 * The callback vector is a level, as in Xen: it is injected for as long as
 * evtchn_upcall_pending is set and the guest takes interrupts.  So it stays
 * due when it is injected, and is forgotten when the flag is found clear the
 * next time; guests clear it before they look for events, so that is when they
 * enable interrupts again.
 *
 * Forgetting comes before the look: whoever sets the flag makes it due after
 * that, so one of the two sees the other.
 */
static void take_callback(CPUState *cs)
{
    CPUX86State *env = cpu_env(cs);
    int vector;

    if (!is_interruptible(cs)) {
        return;
    }
    xen_fast_begin();
    qatomic_and(&env->xen_due, ~XEN_TCG_DUE_CALLBACK);
    vector = xen_emu_tcg_upcall_vector(cs);
    xen_fast_end();
    if (vector < 0) {
        return;
    }
    qatomic_or(&env->xen_due, XEN_TCG_DUE_CALLBACK);

    cpu_svm_check_intercept_param(env, SVM_EXIT_INTR, 0, 0);
    do_interrupt_x86_hardirq(env, vector, 1);
    cpu_loop_exit_noexc(cs);
}

void xen_tcg_tell_lapic(CPUState *cs)
{
    CPUX86State *env = cpu_env(cs);
    uint32_t before = qatomic_fetch_and(&env->xen_due, ~XEN_TCG_DUE_VECTOR);
    uint8_t vector = qatomic_read(&env->xen_vcpu_callback_vector);

    assert(bql_locked());
    if (before & XEN_TCG_DUE_VECTOR && vector) {
        MSIMessage msg = {
            .address = APIC_DEFAULT_ADDRESS |
                       X86_CPU(cs)->apic_id << MSI_ADDR_DEST_ID_SHIFT,
            .data = vector | 1 << MSI_DATA_LEVEL_SHIFT,
        };

        apic_get_class(NULL)->send_msi(&msg);
    }
}

static void tell_lapic_unlocked(CPUState *cs)
{
    if (qatomic_read(&cpu_env(cs)->xen_due) & XEN_TCG_DUE_VECTOR) {
        BQL_LOCK_GUARD();
        xen_tcg_tell_lapic(cs);
    }
}

void xen_tcg_take_due(CPUState *cs)
{
    CPUX86State *env = cpu_env(cs);

    tell_lapic_unlocked(cs);
    if (qatomic_read(&env->xen_due) & XEN_TCG_DUE_WAKE) {
        qatomic_and(&env->xen_due, ~XEN_TCG_DUE_WAKE);
    }
    if (qatomic_read(&env->xen_due) & XEN_TCG_DUE_CALLBACK) {
        take_callback(cs);
    }
}

/*
 * What Xen does whenever it enters the guest, and KVM too: an upcall that is
 * pending goes in.  Raising one makes it due anyway; this is for a guest that
 * set evtchn_upcall_pending by itself, and for the GSI that may fall.  The
 * block of code ends here, and the look comes then.
 */
void xen_tcg_look_at_exit(CPUState *cs)
{
    CPUX86State *env = cpu_env(cs);

    if (!(qatomic_read(&env->xen_due) & XEN_TCG_DUE_CALLBACK) &&
        xen_emu_tcg_upcall_vector(cs) >= 0) {
        qatomic_or(&env->xen_due, XEN_TCG_DUE_CALLBACK);
    }
    if (xen_upcall_level_asserted()) {
        BQL_LOCK_GUARD();
        xen_upcall_update_level();
    }
}

/* ------------------------------------------------------------- halts -- */

bool xen_tcg_has_work(CPUState *cs, bool (*has_work)(CPUState *cs))
{
    CPUX86State *env = cpu_env(cs);
    uint32_t due = qatomic_read(&env->xen_due);

    return has_work(cs) || (due & XEN_TCG_DUE_VECTOR) ||
           upcall_can_be_taken(cs) ||
           (env->xen_asleep && (due & XEN_TCG_DUE_WAKE));
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
        xen_emu_tcg_wait_begin(cs);
        tell_lapic_unlocked(cs);
        if (is_wanted(cs) || cpu_has_work(cs)) {
            return;
        }
        leave(cs);
        xen_emu_tcg_wait(cs);
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

    if (!xen_emu_tcg_vcpus_wait()) {
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
    if (xen_emu_tcg_vcpus_wait()) {
        wait_in_halt(cs, cpu_exec_end, cpu_exec_start);
    }
    tell_lapic_unlocked(cs);
    return exec_halt(cs);
}

/*
 * SCHEDOP_poll and SCHEDOP_block: like HLT, but also with interrupts disabled
 * until a port is pending or the time is over.  What became pending since the
 * engine looked has made a wake-up due.
 */
void xen_tcg_sleep(CPUState *cs)
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
