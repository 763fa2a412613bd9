/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Upcalls of a Xen guest's vCPU on TCG
 *
 * The plan is in include/hw/xen/emu/accel-tcg.h.  Everything here is about the
 * vCPU whose thread runs it, except where stated; xen_due is set by others.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "cpu.h"
#include "exec/exec-all.h"
#include "hw/i386/apic_internal.h"
#include "hw/pci/msi.h"
#include "hw/xen/emu/accel-tcg.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/debug/bql-check.h"
#include "hw/xen/emu/tcg-pending.h"
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

bool xen_tcg_upcall_can_be_taken(CPUState *cs)
{
    return (qatomic_read(&cpu_env(cs)->xen_due) & XEN_TCG_PENDING_CALLBACK) &&
           is_interruptible(cs) && xen_tcg_upcall_vector(cs) >= 0;
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
    qatomic_and(&env->xen_due, ~XEN_TCG_PENDING_CALLBACK);
    vector = xen_tcg_upcall_vector(cs);
    xen_fast_end();
    if (vector < 0) {
        return;
    }
    qatomic_or(&env->xen_due, XEN_TCG_PENDING_CALLBACK);

    cpu_svm_check_intercept_param(env, SVM_EXIT_INTR, 0, 0);
    do_interrupt_x86_hardirq(env, vector, 1);
    cpu_loop_exit_noexc(cs);
}

void xen_tcg_handle_pending(CPUState *cs)
{
    CPUX86State *env = cpu_env(cs);

    xen_tcg_raise_lapic_unlocked(cs);
    if (qatomic_read(&env->xen_due) & XEN_TCG_PENDING_WAKE) {
        qatomic_and(&env->xen_due, ~XEN_TCG_PENDING_WAKE);
    }
    if (qatomic_read(&env->xen_due) & XEN_TCG_PENDING_CALLBACK) {
        take_callback(cs);
    }
}

/*
 * What Xen does whenever it enters the guest, and KVM too: an upcall that is
 * pending goes in.  Raising one makes it due anyway; this is for a guest that
 * set evtchn_upcall_pending by itself, and for the GSI that may fall.  The
 * block of code ends here, and the look comes then.
 */
void xen_tcg_check_upcall(CPUState *cs)
{
    CPUX86State *env = cpu_env(cs);

    if (!(qatomic_read(&env->xen_due) & XEN_TCG_PENDING_CALLBACK) &&
        xen_tcg_upcall_vector(cs) >= 0) {
        qatomic_or(&env->xen_due, XEN_TCG_PENDING_CALLBACK);
    }
    if (xen_upcall_level_asserted()) {
        BQL_LOCK_GUARD();
        xen_upcall_update_level();
    }
}
