/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Per-vCPU Xen timers in QEMU: single-shot and periodic
 *
 * For everything that the kernel does not time itself.  Expiry does not run under
 * the big QEMU lock (BQL): it calls the fast delivery of VIRQ_TIMER and, only if
 * that would block, the slow one.  It runs in the thread of the vCPU, where the
 * accelerator can interrupt that at a time (XenAccelOps.timer_in), for
 * single-shot timers; else in a thread of the emulation's own, which has to wake
 * the vCPU then.  Under qtest and icount, where the main loop is what moves the
 * clock, expiry runs there, so that clock_step is exact to the nanosecond.
 *
 * Time
 * ----
 * Deadlines are ns of Xen system time (XenAccelOps.system_time), which stands
 * still while the VM is stopped.  QEMU_CLOCK_VIRTUAL only paces the wait:
 * system time is asked again at expiry and when the VM resumes, so a timer
 * never fires early, whatever either clock did in between.  A deadline in the
 * past fires at once, in the caller.  While the VM is stopped nothing fires;
 * what fell due meanwhile fires when it resumes.
 *
 * A periodic timer ticks at whole periods from where it was set, however late a
 * tick was served.  Ticks that were missed (the VM's host was busy) come as one
 * event, as in Xen.  Unlike in Xen, it also ticks while the vCPU is blocked.
 *
 * Locks and races
 * ---------------
 * Each vCPU's timers have one lock, never held while delivering.  set_* and
 * stop_*, the guest's operations, first wait for a delivery that is under way in
 * another thread: after they return no event of an earlier arming is raised.
 * (Xen promises this for a vCPU that stops its own timer, and so does KVM.)
 * So their callers must hold neither the engine's configuration lock nor a
 * vCPU lock of it.  The functions for reset and migration do not wait.
 *
 * Source of the ABI: include/hw/xen/interface/vcpu.h, xen.h (set_timer_op).
 */
#ifndef HW_XEN_EMU_VCPU_TIMER_H
#define HW_XEN_EMU_VCPU_TIMER_H

#include "hw/xen/emu/domain.h"

typedef struct XenVcpuTimer XenVcpuTimer;

/*
 * One for @v, unarmed, which @v outlives.  BQL: the first one starts the thread.
 */
XenVcpuTimer *xen_vcpu_timer_new(XenVcpu *v);
/* Nothing fires after it returns; no other call may run or follow.  BQL. */
void xen_vcpu_timer_free(XenVcpuTimer *t);

/*
 * The guest arms the single-shot timer: one event at @deadline_ns, in place of
 * what was armed.  The guest's operations come by offload/timers.h, which knows
 * whether the timer is QEMU's.  Any thread.
 */
void xen_vcpu_timer_set_singleshot(XenVcpuTimer *t, uint64_t deadline_ns);
/* The guest stops it; returns the deadline that was armed, or 0.  Any thread. */
uint64_t xen_vcpu_timer_take_singleshot(XenVcpuTimer *t);
/*
 * Arms it for @deadline_ns as if it had been all the time.  Waits for nobody
 * and does not deliver in the caller.  Any thread.
 */
void xen_vcpu_timer_put_singleshot(XenVcpuTimer *t, uint64_t deadline_ns);
/*
 * VCPUOP_set_periodic_timer: -EINVAL below 1 ms or above 2^62 - 1 ns, nothing
 * changed.  As in Xen a tick is due one period after the last tick of this
 * timer, whatever its period was then: a timer that has not ticked for that
 * long ticks at once.  Any thread.
 */
int xen_vcpu_timer_set_periodic(XenVcpuTimer *t, uint64_t period_ns);
/* VCPUOP_stop_periodic_timer.  Always 0.  Any thread. */
int xen_vcpu_timer_stop_periodic(XenVcpuTimer *t);

/* The VM resumes, or has stopped: nothing fires while it is.  BQL. */
void xen_vcpu_timer_set_running(XenVcpuTimer *t, bool running);

/* Domain reset: as new, except for the statistics.  Any thread. */
void xen_vcpu_timer_reset(XenVcpuTimer *t);

/*
 * Migration and hand-over to the kernel.  0 is "not armed".  get shows the
 * deadline that is really armed.  set takes the place of what was armed; it
 * never delivers in the caller; the first periodic tick is a whole period from
 * now.  Any thread.
 */
void xen_vcpu_timer_get_state(XenVcpuTimer *t, uint64_t *singleshot_ns,
                              uint64_t *period_ns);
/* A @period_ns that the guest could not have set counts as 0. */
void xen_vcpu_timer_set_state(XenVcpuTimer *t, uint64_t singleshot_ns,
                              uint64_t period_ns);

typedef struct XenVcpuTimerStats {
    uint64_t armed;         /* set_* calls that armed something */
    uint64_t fired;         /* events raised, fired_past included */
    uint64_t fired_past;    /* of these, at once because the time was past */
    uint64_t slow;          /* of these, by the slow path */
    uint64_t coalesced;     /* periodic ticks missed, so not raised */
    uint64_t early;         /* waits that ended early and were continued */
} XenVcpuTimerStats;
/* A consistent copy.  Any thread. */
void xen_vcpu_timer_stats(XenVcpuTimer *t, XenVcpuTimerStats *stats);

#endif
