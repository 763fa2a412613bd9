/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Single-shot timers in the kernel: handing them over and taking them back
 *
 * A vCPU's timer is with QEMU (timer.h) or with the kernel, which then answers
 * the guest's operations on it by itself and fires into the port of the vCPU's
 * VIRQ_TIMER, as a 2-level event.  The deadline goes with it.  The accelerator's
 * set_timer and get_timer do it; without them all of this does nothing.
 *
 * The kernel gets a timer when it delivers events and the port is bound, from
 * the vCPU's own thread, in its own time.  Taking back does not wait for that
 * thread: it is done on return, for all vCPUs, while none of them runs.  So it
 * comes before whatever ends the kernel's part: the port's closing, after which
 * its number may be another event's, a reset, the switch to FIFO.  A deadline
 * is then with QEMU, or its event is pending; never both, never neither.
 *
 * Stopping the VM is such an end too: system time stands still, but the
 * kernel's timers go by the host's.  After it QEMU keeps each vCPU's timer until
 * the guest next arms it.  For the kernel reckons by what the vCPU was last told
 * of its clock, and that is out of date until the vCPU has run.
 */
#ifndef HW_XEN_EMU_OFFLOAD_TIMERS_H
#define HW_XEN_EMU_OFFLOAD_TIMERS_H

#include "hw/xen/emu/domain.h"

/*
 * The accelerator knows @v from now on: whatever it remembers of an earlier
 * vCPU of that number is over.  The vCPU's thread, BQL.
 */
void xen_timer_offload_started(XenVcpu *v);

/*
 * The port of @v or who delivers its event has changed, and the kernel may now
 * have the timer.  Any thread and any locks; takes effect when the thread of
 * @v comes to it.
 */
void xen_timer_offload_update(XenVcpu *v);
/* The same for all vCPUs.  BQL. */
void xen_timer_offload_update_all(void);

/*
 * QEMU has the timer of @v, or of all vCPUs, until the next update.  BQL, but
 * no lock of the engine or of a timer.
 */
void xen_timer_offload_reclaim(XenVcpu *v);
void xen_timer_offload_reclaim_all(void);

/* The same for the vCPU whose timer fires into @port, if there is one. */
void xen_timer_offload_reclaim_port(uint32_t port);

/*
 * The guest's operations on the single-shot timer of @v; they choose whether
 * kernel or QEMU has the timer before they arm it.
 *
 * set_singleshot  VCPUOP_set_singleshot_timer: one event at @deadline_ns of
 *                 system time, in place of what was armed; in the past:
 *                 immediately.  VCPU_SSHOTTMR_future makes no difference: since
 *                 4.17 Xen ignores it, as its only user mishandled -ETIME
 * stop_singleshot VCPUOP_stop_singleshot_timer
 * set_timer_op    the hypercall: 0 stops.  Xen's overflow rule: a negative time,
 *                 or one 2^50 ns or more ahead, fires 100 ms from now
 *
 * They wait for a delivery of the timer's event that is under way in another
 * thread.  The vCPU's thread, no lock of the engine; the BQL is taken once after
 * a stop of the VM.
 */
void xen_timer_set_singleshot(XenVcpu *v, uint64_t deadline_ns);
void xen_timer_stop_singleshot(XenVcpu *v);
void xen_timer_set_timer_op(XenVcpu *v, uint64_t timeout_ns);

/*
 * @v was loaded, with a timer's port or without.  The vCPU's thread, or
 * stopped.
 */
void xen_timer_offload_loaded(XenVcpu *v);

/* The deadline, in ns of system time, if the kernel has one; else 0. [vcpu] */
int xen_timer_offload_deadline(XenVcpu *v, uint64_t *deadline_ns);

/* The VM has stopped, or resumes; device/vm-state.h.  BQL. */
void xen_timer_offload_stop(void);
void xen_timer_offload_resume(void);

#endif
