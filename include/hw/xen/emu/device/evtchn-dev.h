/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event-channel engine as a device of the machine
 *
 * The xen-evtchn device owns the engine (xen_emu_evtchn()), connects it to the
 * accelerator, and carries it through reset and migration, in upstream's
 * format as far as that goes.
 *
 * Operations of the guest which change what the kernel does by itself, or
 * where an MSI goes, pass through here; the hypercall layer calls the engine
 * for the rest (binding of VIRQ, IPI and inter-domain ports, send, unmask,
 * status, expand_array, set_priority).
 */
#ifndef HW_XEN_EMU_DEVICE_EVTCHN_DEV_H
#define HW_XEN_EMU_DEVICE_EVTCHN_DEV_H

#include <stdint.h>
#include <stdbool.h>

struct evtchn_bind_vcpu;
struct evtchn_init_control;

/*
 * Who delivers may have changed: the way of upcalls, the ABI.  Turns delivery
 * in the kernel on or off, hands IPI and loop-back ports and timers to the
 * kernel or takes them back.  BQL.
 */
void xen_evtchn_dev_update_delivery(void);

/*
 * Upcalls come by a vector, the domain's or vCPU 0's own: the only ways that
 * the kernel knows, and those for which Xen allows PIRQs.  Any thread.
 */
bool xen_evtchn_dev_upcall_by_vector(void);

/* The guest may switch to FIFO, by xen-evtchn-abi and what the kernel does. */
bool xen_evtchn_dev_fifo_allowed(void);

/* 2-level events and timers are the kernel's now.  Any thread. */
bool xen_evtchn_dev_in_kernel(void);

/*
 * The port that the kernel's timer of @vcpu shall raise; 0: QEMU keeps that
 * timer.  Any thread that does not hold a lock of the engine.
 */
uint32_t xen_evtchn_dev_timer_port(unsigned vcpu);

/*
 * EVTCHNOP_close, bind_vcpu, reset and init_control, with Xen's errors.  They
 * take the BQL themselves where they need it.  After they return no MSI goes
 * where it went before.
 */
int xen_evtchn_dev_close(uint32_t port);
int xen_evtchn_dev_bind_vcpu(const struct evtchn_bind_vcpu *op);
int xen_evtchn_dev_reset(uint16_t dom);
int xen_evtchn_dev_init_control(struct evtchn_init_control *op);

#endif
