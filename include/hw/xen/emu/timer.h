/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Per-vCPU Xen timers in QEMU: single-shot and periodic
 *
 * For everything that the kernel does not time itself.  Expiry runs on an
 * event loop of the emulation's own (an AioContext in its own thread; under
 * qtest the main loop, so that clock_step is exact), not under the big QEMU
 * lock: it calls the fast delivery of VIRQ_TIMER and, only if that would
 * block, the slow one.
 *
 * Times are ns of Xen system time (XenAccelOps.system_time), which stands
 * still while the VM is stopped; QEMU_CLOCK_VIRTUAL paces it.  A deadline in
 * the past fires at once.  Each vCPU's timers have a lock of their own, never
 * held while delivering.
 *
 * Source of the ABI: include/hw/xen/interface/vcpu.h, xen.h (set_timer_op).
 */
#ifndef HW_XEN_EMU_TIMER_H
#define HW_XEN_EMU_TIMER_H

#include "hw/core/cpu.h"

typedef struct XenVcpuTimer XenVcpuTimer;

/* One for @cs, unarmed.  Any thread. */
XenVcpuTimer *xen_vcpu_timer_new(CPUState *cs);
void xen_vcpu_timer_free(XenVcpuTimer *t);

/*
 * VCPUOP_set_singleshot_timer: at @timeout_ns.  @flags: VCPU_SSHOTTMR_*;
 * -ETIME for a time in the past only if Xen would. Any thread.
 */
int xen_vcpu_timer_set_singleshot(XenVcpuTimer *t, uint64_t timeout_ns,
                                  uint32_t flags);
int xen_vcpu_timer_stop_singleshot(XenVcpuTimer *t);
/*
 * set_timer_op: 0 stops; Xen's overflow rule: a negative time, or one more
 * than 2^50 ns ahead, fires 100 ms from now.
 */
int xen_vcpu_timer_set_timer_op(XenVcpuTimer *t, uint64_t timeout_ns);
/* VCPUOP_set_periodic_timer: -EINVAL below 1 ms or beyond Xen's maximum. */
int xen_vcpu_timer_set_periodic(XenVcpuTimer *t, uint64_t period_ns);
int xen_vcpu_timer_stop_periodic(XenVcpuTimer *t);
void xen_vcpu_timer_reset(XenVcpuTimer *t);

/* Migration: 0 is "not armed".  set re-arms; periodic starts anew. */
void xen_vcpu_timer_get_state(XenVcpuTimer *t, uint64_t *singleshot_ns,
                              uint64_t *period_ns);
void xen_vcpu_timer_set_state(XenVcpuTimer *t, uint64_t singleshot_ns,
                              uint64_t period_ns);

typedef struct XenVcpuTimerStats {
    uint64_t armed, fired, fired_past, slow;
} XenVcpuTimerStats;
void xen_vcpu_timer_stats(XenVcpuTimer *t, XenVcpuTimerStats *stats);

#endif
