/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on TCG: how a vCPU handles upcalls
 *
 * include/hw/xen/emu/accel-tcg.h describes the protocol.  Functions run in the
 * thread of the vCPU, except where stated; other threads set bits of
 * CPUX86State.xen_pending.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "cpu.h"
#include "accel/tcg/cpu-loop.h"
#include "hw/i386/apic_internal.h"
#include "hw/pci/msi.h"
#include "hw/xen/emu/accel-tcg.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/debug/bql-check.h"
#include "hw/xen/emu/tcg-pending.h"
#include "tcg/helper-tcg.h"
#include "tcg/xen-tcg.h"

/* These precede any interrupt; the loop checks xen_pending again after them. */
#define PRECEDING_REQUESTS \
    (CPU_INTERRUPT_DEBUG | CPU_INTERRUPT_HALT | CPU_INTERRUPT_INIT)

/* @cs would take an external interrupt now.  Any thread. */
static bool is_interruptible(CPUState *cs)
{
    int requests = qatomic_read(&cs->interrupt_request);

    return !(requests & PRECEDING_REQUESTS) && !cs->singlestep_enabled &&
           x86_cpu_pending_interrupt(cs, (requests & ~CPU_INTERRUPT_POLL) |
                                     CPU_INTERRUPT_HARD) == CPU_INTERRUPT_HARD;
}

bool xen_tcg_upcall_can_be_taken(CPUState *cs)
{
    uint32_t pending = qatomic_read(&cpu_env(cs)->xen_pending);

    return (pending & XEN_TCG_PENDING_CALLBACK) && is_interruptible(cs) &&
           xen_tcg_upcall_vector(cs) >= 0;
}

/*
 * The callback vector is level-triggered, as in Xen: it is injected whenever
 * evtchn_upcall_pending is set and interrupts are enabled.  So the request
 * stays pending after the injection, and is cleared when the flag is found
 * clear later.  Guests clear the flag before they scan for events, so that is
 * when they enable interrupts again.
 *
 * The request must be cleared before the flag is checked: senders set the flag
 * first and then the request.  In any other order an upcall could be lost.
 */
static void take_callback(CPUState *cs)
{
    CPUX86State *env = cpu_env(cs);
    int vector;

    if (!is_interruptible(cs)) {
        return;
    }
    xen_fast_begin();
    qatomic_and(&env->xen_pending, ~XEN_TCG_PENDING_CALLBACK);
    vector = xen_tcg_upcall_vector(cs);
    xen_fast_end();
    if (vector < 0) {
        return;
    }
    qatomic_or(&env->xen_pending, XEN_TCG_PENDING_CALLBACK);

    cpu_svm_check_intercept_param(env, SVM_EXIT_INTR, 0, 0);
    do_interrupt_x86_hardirq(env, vector, 1);
    cpu_loop_exit_noexc(cs);
}

void xen_tcg_handle_pending(CPUState *cs)
{
    CPUX86State *env = cpu_env(cs);

    xen_tcg_raise_lapic_unlocked(cs);
    if (qatomic_read(&env->xen_pending) & XEN_TCG_PENDING_WAKE) {
        qatomic_and(&env->xen_pending, ~XEN_TCG_PENDING_WAKE);
    }
    if (qatomic_read(&env->xen_pending) & XEN_TCG_PENDING_CALLBACK) {
        take_callback(cs);
    }
}

/*
 * Xen and KVM check for a pending upcall whenever they enter the guest.
 * Raising an upcall also makes the request pending, so this is only for a guest
 * that set evtchn_upcall_pending by itself, and for the level of the GSI.  The
 * translation block ends here, and the loop then checks for pending requests.
 */
void xen_tcg_check_upcall(CPUState *cs)
{
    CPUX86State *env = cpu_env(cs);

    if (!(qatomic_read(&env->xen_pending) & XEN_TCG_PENDING_CALLBACK) &&
        xen_tcg_upcall_vector(cs) >= 0) {
        qatomic_or(&env->xen_pending, XEN_TCG_PENDING_CALLBACK);
    }
    if (xen_upcall_level_asserted()) {
        BQL_LOCK_GUARD();
        xen_upcall_update_level();
    }
}
