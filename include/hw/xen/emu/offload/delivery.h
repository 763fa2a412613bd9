/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event delivery: in-kernel or by QEMU, and the vector of upcalls
 *
 * KVM can deliver 2-level events in-kernel if upcalls are by the domain-wide
 * callback vector or by vCPUs' own vectors.  So all settings of upcalls are
 * made here, in this order: set the vector or GSI, update whether delivery is
 * offloaded, renotify the vCPUs whose upcall is pending.
 *
 * While delivery is offloaded, so are IPI and loopback ports (ports.h) and
 * single-shot timers (timers.h).  When it ends, they are reclaimed first.  If
 * the accelerator offloads nothing, most of this is a no-op.
 *
 * Lock: one reader/writer lock, held for reading while KVM is called to deliver
 * an event: after a change no event is delivered in the old way.  All functions
 * but the first two: BQL.
 */
#ifndef HW_XEN_EMU_OFFLOAD_DELIVERY_H
#define HW_XEN_EMU_OFFLOAD_DELIVERY_H

#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/domain.h"

/*
 * Delivers a 2-level event on @port to vCPU number @vcpu in-kernel.  On error
 * the caller has to deliver it in memory.  -EWOULDBLOCK: delivery is no longer
 * offloaded; or KVM's error. [fast]
 */
int xen_delivery_deliver(uint32_t port, unsigned vcpu);

/* accel-callbacks.h has xen_delivery_fifo_is_allowed(). */

/* Before the first event; once. */
void xen_delivery_init(void);

/*
 * Sets HVM_PARAM_CALLBACK_IRQ to @param.  On an error of xen_upcall_parse() or
 * of the accelerator nothing has changed.
 */
int xen_delivery_set_callback(uint64_t param);

/*
 * HVMOP_set_evtchn_upcall_vector: @v is notified by LAPIC @vector; 0: by the
 * domain-wide callback.  The accelerator is called in the thread of @v.
 */
void xen_delivery_set_vcpu_vector(XenVcpu *v, uint8_t vector);
/*
 * A vCPU was added, or the vectors of vCPUs have changed: updates whether KVM
 * needs the domain-wide callback vector.
 */
void xen_delivery_vcpus_changed(void);
/*
 * The thread of @v starts: clears the vector that KVM may still have from an
 * unplugged vCPU with the same number.
 */
void xen_delivery_vcpu_started(XenVcpu *v);

/*
 * The guest has been woken up from S3: upcalls are withheld (irq/upcall.h), and
 * nothing is offloaded, so that QEMU sees the guest's next hypercall.
 */
void xen_delivery_withhold(void);
/*
 * Ends that, and raises all upcalls that are pending: also those from before the
 * sleep, which interrupt controllers have lost.  No-op if none are withheld.
 */
void xen_delivery_release(void);

/* Updates whether delivery is offloaded, if the ABI or layout has changed. */
void xen_delivery_update(void);

/*
 * Around the switch to FIFO: delivery is not offloaded in between, so that the
 * engine sees all pending events.  begin returns -ENOSYS if KVM cannot stop
 * handling polls; end must be called in any case.
 */
int xen_delivery_switch_begin(void);
void xen_delivery_switch_end(void);

#endif
