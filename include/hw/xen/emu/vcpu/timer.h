/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Per-vCPU Xen timers in QEMU: single-shot and periodic
 *
 * Used for all timers that are not offloaded to KVM.  Expiry runs without the
 * BQL: it uses fast delivery of VIRQ_TIMER, and slow delivery only if that
 * would block.  Single-shot timers expire in the vCPU's thread if the
 * accelerator can interrupt it at a given time (XenAccelOps.timer_in).
 * Otherwise timers expire in a thread of their own, which has to kick the vCPU.
 * Under qtest and icount, where the main loop advances the clock, they expire
 * in the main loop, so that clock_step is exact to the nanosecond.
 *
 * Time
 * ----
 * Deadlines are ns of Xen system time (XenAccelOps.system_time), which stands
 * still while the VM is stopped.  QEMU_CLOCK_VIRTUAL is only used to wait:
 * system time is read again at expiry and when the VM resumes, so a timer never
 * fires early, even if the clocks drift or are set.  A deadline in the past
 * fires immediately, in the caller.  Nothing fires while the VM is stopped;
 * expired timers fire when it resumes.
 *
 * A periodic timer ticks at whole periods from where it was set, even if a tick
 * was late.  Missed ticks (the host was busy) are coalesced into one event, as
 * in Xen.  Unlike in Xen, it also ticks while the vCPU is blocked.
 *
 * Locks and races
 * ---------------
 * Each vCPU's timers have one lock, never held while delivering.  set_* and
 * stop_*, the guest's operations, first wait for a delivery in progress in
 * another thread: after they return, the old timer cannot raise an event any
 * more.  (Xen and KVM guarantee this if a vCPU stops its own timer.)  So
 * callers must not hold the engine's configuration lock or a vCPU lock.  The
 * functions for reset and migration do not wait.
 *
 * Source of the ABI: include/hw/xen/interface/vcpu.h, xen.h (set_timer_op).
 */
#ifndef HW_XEN_EMU_VCPU_TIMER_H
#define HW_XEN_EMU_VCPU_TIMER_H

#include "hw/xen/emu/domain.h"

typedef struct XenVcpuTimer XenVcpuTimer;

/*
 * Allocates the timers of @v, unarmed.  @v outlives them.  BQL: the first call
 * starts the thread.
 */
XenVcpuTimer *xen_vcpu_timer_new(XenVcpu *v);
/* No timer fires after it returns; no other call may run or follow.  BQL. */
void xen_vcpu_timer_free(XenVcpuTimer *t);

/*
 * Arms the single-shot timer: one event at @deadline_ns, replacing an earlier
 * deadline.  The guest's operations go through offload/timers.h, which decides
 * whether the timer is QEMU's or KVM's.  Any thread.
 */
void xen_vcpu_timer_set_singleshot(XenVcpuTimer *t, uint64_t deadline_ns);
/* Disarms it; returns the deadline that was armed, or 0.  Any thread. */
uint64_t xen_vcpu_timer_take_singleshot(XenVcpuTimer *t);
/*
 * Arms it for a @deadline_ns that was armed elsewhere (in KVM).  Unlike
 * set_singleshot it neither waits for nor does a delivery.  Any thread.
 */
void xen_vcpu_timer_put_singleshot(XenVcpuTimer *t, uint64_t deadline_ns);
/*
 * VCPUOP_set_periodic_timer.  -EINVAL: below 1 ms or above 2^62 - 1 ns, nothing
 * has changed.  As in Xen the next tick is one period after the last tick of
 * this timer, even if that had another period; if that is in the past, it ticks
 * immediately.  Any thread.
 */
int xen_vcpu_timer_set_periodic(XenVcpuTimer *t, uint64_t period_ns);
/* VCPUOP_stop_periodic_timer.  Always 0.  Any thread. */
int xen_vcpu_timer_stop_periodic(XenVcpuTimer *t);

/* The VM resumes, or has stopped: then nothing fires until it resumes.  BQL. */
void xen_vcpu_timer_set_running(XenVcpuTimer *t, bool running);

/* Domain reset: as new, except for the statistics.  Any thread. */
void xen_vcpu_timer_reset(XenVcpuTimer *t);

/*
 * Migration state.  0 is "not armed".  set_state replaces what was armed and
 * never delivers in the caller; the first periodic tick is one period after the
 * VM resumes.  Any thread.
 */
void xen_vcpu_timer_get_state(XenVcpuTimer *t, uint64_t *singleshot_ns,
                              uint64_t *period_ns);
/* An invalid @period_ns counts as 0. */
void xen_vcpu_timer_set_state(XenVcpuTimer *t, uint64_t singleshot_ns,
                              uint64_t period_ns);

typedef struct XenVcpuTimerStats {
    uint64_t armed;         /* set_* calls that armed something */
    uint64_t fired;         /* events raised, fired_past included */
    uint64_t fired_past;    /* of these, immediately: deadline in the past */
    uint64_t slow;          /* of these, by the slow path */
    uint64_t coalesced;     /* periodic ticks missed, so not raised */
    uint64_t early;         /* waits that ended early and were continued */
} XenVcpuTimerStats;
/* A consistent copy.  Any thread. */
void xen_vcpu_timer_stats(XenVcpuTimer *t, XenVcpuTimerStats *stats);

#endif
