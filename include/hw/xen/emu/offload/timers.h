/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Offloaded single-shot timers
 *
 * A vCPU's single-shot timer is either QEMU's (vcpu/timer.h) or offloaded to
 * KVM, which then handles the guest's operations on it in-kernel and raises the
 * port of the vCPU's VIRQ_TIMER as a 2-level event.  Without the accelerator's
 * set_timer and get_timer all of this is a no-op.
 *
 * A timer is offloaded asynchronously, in the vCPU's thread, when delivery is
 * offloaded (delivery.h) and VIRQ_TIMER is bound.  Reclaiming is synchronous,
 * for all vCPUs, with none of them running.  It must precede all that KVM's
 * timer does not survive: a close of the port, whose number may be reused, a
 * reset, the switch to FIFO.  Afterwards either QEMU has the deadline or its
 * event is pending, never both and never neither.
 *
 * Timers are also reclaimed when the VM stops: system time stands still, but
 * KVM's timers use the host's clock.  QEMU then keeps each vCPU's timer until
 * the guest next arms it, because KVM computes deadlines from the vCPU's
 * kvmclock parameters, which are out of date until the vCPU has run.
 */
#ifndef HW_XEN_EMU_OFFLOAD_TIMERS_H
#define HW_XEN_EMU_OFFLOAD_TIMERS_H

#include "hw/xen/emu/domain.h"

/*
 * The thread of @v starts: clears the timer that KVM may still have from an
 * unplugged vCPU with the same number.  The vCPU's thread, BQL.
 */
void xen_timer_offload_started(XenVcpu *v);

/*
 * VIRQ_TIMER's port or the delivery of @v's events has changed: queues work for
 * the thread of @v that offloads or reclaims the timer.  Any thread, any locks.
 */
void xen_timer_offload_update(XenVcpu *v);
/* The same for all vCPUs.  BQL. */
void xen_timer_offload_update_all(void);

/*
 * Reclaims the timer of @v, or of all vCPUs, until the next update.  BQL, but
 * no lock of the engine or of a timer.
 */
void xen_timer_offload_reclaim(XenVcpu *v);
void xen_timer_offload_reclaim_all(void);

/* The same for the vCPU whose timer raises @port, if any. */
void xen_timer_offload_reclaim_port(uint32_t port);

/*
 * The guest's operations on the single-shot timer of @v.  They first decide
 * whether the timer is KVM's or QEMU's, and then arm it.
 *
 * set_singleshot  VCPUOP_set_singleshot_timer: one event at @deadline_ns of
 *                 system time, immediately if that is in the past.  Replaces an
 *                 earlier deadline.  VCPU_SSHOTTMR_future is ignored, as in Xen
 *                 since 4.17, because its only user mishandled -ETIME
 * stop_singleshot VCPUOP_stop_singleshot_timer
 * set_timer_op    the hypercall: 0 stops.  Xen's overflow rule: a negative
 *                 time, or one 2^50 ns or more ahead, fires 100 ms from now
 *
 * They wait for a delivery of the timer's event in progress in another thread.
 * The vCPU's thread, no lock of the engine.  The first call after the VM was
 * stopped takes the BQL.
 */
void xen_timer_set_singleshot(XenVcpu *v, uint64_t deadline_ns);
void xen_timer_stop_singleshot(XenVcpu *v);
void xen_timer_set_timer_op(XenVcpu *v, uint64_t timeout_ns);

/* The state of @v was loaded.  The vCPU's thread, or the VM is stopped. */
void xen_timer_offload_loaded(XenVcpu *v);

/* The deadline in ns of system time if the timer is KVM's, else 0. [vcpu] */
int xen_timer_offload_deadline(XenVcpu *v, uint64_t *deadline_ns);

/* The VM has stopped, or resumes; device/vm-state.h.  BQL. */
void xen_timer_offload_stop(void);
void xen_timer_offload_resume(void);

#endif
