/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who delivers events, the accelerator's kernel or QEMU, and by which vector
 *
 * The kernel can deliver 2-level events while it knows the way by which the
 * guest wants its upcalls: the domain-wide callback vector, or each vCPU's own.
 * So whatever changes that way goes through here, in one order: set the new
 * way, update who delivers, renotify the vCPUs whose upcall is pending.
 *
 * When the kernel takes over it gets IPI and loop-back ports (ports.h) and the
 * single-shot timers (timers.h); when it no longer delivers they are reclaimed
 * before anything else happens.  Where the accelerator offloads nothing, QEMU
 * delivers always and most of this does nothing.
 *
 * Lock: one reader/writer lock, held for reading while the kernel is asked to
 * deliver an event, so that after a change no event goes the old way.  All
 * functions but the first two: BQL.
 */
#ifndef HW_XEN_EMU_OFFLOAD_DELIVERY_H
#define HW_XEN_EMU_OFFLOAD_DELIVERY_H

#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/domain.h"

/*
 * The kernel shall deliver an event on @port, 2-level, to vCPU number @vcpu.
 * 0, or negative: -EWOULDBLOCK, the kernel no longer delivers, or its error;
 * the caller then delivers in memory. [fast]
 */
int xen_delivery_deliver(uint32_t port, unsigned vcpu);

/* accel-callbacks.h has xen_delivery_fifo_is_allowed(). */

/* Before the first event; once. */
void xen_delivery_init(void);

/*
 * HVM_PARAM_CALLBACK_IRQ = @param, with the errors of xen_upcall_parse() or the
 * accelerator's; nothing changed then.
 */
int xen_delivery_set_callback(uint64_t param);

/*
 * HVMOP_set_evtchn_upcall_vector: upcalls of @v come by LAPIC @vector; 0: by the
 * domain's way.  The accelerator learns of it in the thread of @v.
 */
void xen_delivery_set_vcpu_vector(XenVcpu *v, uint8_t vector);
/* vCPU @v came or goes: whether all have vectors of their own may change. */
void xen_delivery_vcpus_changed(void);
/* @v starts in its thread: what the kernel remembers of its number is void. */
void xen_delivery_vcpu_started(XenVcpu *v);

/* The ABI or the layout may have changed: decide anew who delivers. */
void xen_delivery_update(void);

/*
 * Around the switch to FIFO: between the two QEMU delivers, so that the engine
 * finds all that is pending.  begin returns -ENOSYS where the kernel cannot stop
 * looking at polls; end must follow all the same.
 */
int xen_delivery_switch_begin(void);
void xen_delivery_switch_end(void);

#endif
