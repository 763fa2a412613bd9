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
 * The guest has armed or stopped the timer in QEMU: the kernel may have it, if
 * it lost it to a stop.  The vCPU's thread, no lock of the engine.
 */
void xen_timer_offload_offer(XenVcpu *v);

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
