/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an accelerator may call
 *
 * accel.h has what the emulation calls in an accelerator.  This is the opposite
 * direction: an accelerator calls these functions, hypercall.h, the accessors
 * of domain.h and the engine (evtchn.h), and nothing else of the emulation.  A
 * comment names the file that implements a function; that file is above the
 * accelerators, which scripts/check-layers accepts for what this header
 * declares.
 */
#ifndef HW_XEN_EMU_ACCEL_CALLBACKS_H
#define HW_XEN_EMU_ACCEL_CALLBACKS_H

#include "qemu/timer.h"
#include "hw/xen/emu/domain.h"

/*
 * ------------------------------------------------------------------------
 * Start
 */

/*
 * The xen-* properties of @accel (an AccelState); never NULL.  The version is 0
 * if xen-version was not given.  accel/xen-emu.c
 */
const XenEmuConfig *xen_emu_accel_config(struct Object *accel);

/*
 * @cs exists in the accelerator: calls its set_vcpu_info with the default place
 * of vcpu_info, the only setting that can precede this.  For accelerators with
 * set_vcpu_info; the vCPU's thread, BQL.  device/vcpu.c
 */
void xen_vcpu_started(CPUState *cs);

/*
 * The accelerator latched the guest's layout by itself: use it here too.  BQL.
 * device/shared-info-ops.c
 */
void xen_emu_note_long_mode(bool long_mode);

/*
 * The guest may switch to FIFO, by xen-evtchn-abi and what the accelerator
 * offloads.  Any thread.  offload/delivery.c
 */
bool xen_delivery_fifo_is_allowed(void);

/*
 * ------------------------------------------------------------------------
 * Migration, for accelerators with migrates_vcpus: device/vcpu-migration.c
 */

/*
 * Acts on what was loaded into env; warns of areas that have no RAM any more.
 * The vCPU's thread, or stopped.
 */
void xen_vcpu_post_load(XenVcpu *v);
/*
 * Brings env up to date for saving.  0, or the accelerator's error.  The vCPU's
 * thread, or stopped.
 */
int xen_vcpu_pre_save(XenVcpu *v);

/*
 * ------------------------------------------------------------------------
 * While the guest runs
 */

/* XenAccelCpuOps.timer_in: the time may be over.  vcpu/timer.c; [vcpu] */
void xen_vcpu_timer_expired(struct XenVcpuTimer *t);
/*
 * A new timer on QEMU_CLOCK_VIRTUAL, in ns, not armed.  @expired is called in
 * the thread of vCPUs' timers, without the BQL.  vcpu/timer.c; BQL.
 */
QEMUTimer *xen_timer_new(QEMUTimerCB *expired, void *opaque);
/*
 * Frees such a timer.  Its callback may be running at the same time.  When it
 * can no longer run, @release(@opaque) is called, with or without the BQL.
 * vcpu/timer.c; any thread.
 */
void xen_timer_free(QEMUTimer *timer, GDestroyNotify release, void *opaque);
/* @cs has halted, or resumed; no-op without Xen.  vcpu/runstate.c; [vcpu] */
void xen_runstate_halted(CPUState *cs, bool halted);
/* System time in ns by QEMU_CLOCK_VIRTUAL.  vcpu/time.c; [fast] */
uint64_t xen_emu_virtual_time(void);
/*
 * Makes the vcpu_time_info @to like @from.  No-op if @from is being written at
 * the same time.  vcpu/time.c; any thread, one writer at a time for one @to.
 */
void xen_time_copy_vcpu_time(void *to, const void *from);

/*
 * ------------------------------------------------------------------------
 * Upcalls: irq/upcall.c
 */

/*
 * @v has not seen its upcall, whatever the reason: raises it again, in the way
 * that the guest has set by now.  No-op while upcalls are withheld. [fast]
 */
void xen_upcall_raise_again(XenVcpu *v);
/* The vector for the whole domain; 0: upcalls come another way.  Any thread. */
uint8_t xen_upcall_callback_vector(void);
/* No upcall may be injected: irq/upcall.h says when.  Any thread. */
bool xen_upcall_is_withheld(void);
/*
 * The message that raises @vector in the LAPIC with ID @apic_id, as an edge.
 * Bits 31:8 of the ID are in the upper half of the address, where KVM and
 * QEMU's LAPIC expect them.  Any thread.
 */
MSIMessage xen_upcall_msi(uint32_t apic_id, uint8_t vector);
/*
 * Callbacks by GSI or INTx: sets the line to the state of vCPU 0's
 * evtchn_upcall_pending.  To be called where the guest may have cleared that:
 * at an EOI, or an exit to QEMU.  BQL.
 */
void xen_upcall_update_level(void);
/* The line may be high: check it after each exit.  Any thread. */
bool xen_upcall_level_asserted(void);

/*
 * ------------------------------------------------------------------------
 * MSIs that the accelerator delivers by itself: irq/pirq-msi.c
 */

/* The destination of an MSI. */
typedef enum XenPirqMsi {
    XEN_PIRQ_MSI_NOT,           /* not a PIRQ, but an ordinary message */
    XEN_PIRQ_MSI_NOWHERE,       /* a PIRQ without port: lost, as on Xen */
    XEN_PIRQ_MSI_PORT,
} XenPirqMsi;

/*
 * Sets *port and *vcpu to the destination of the message, if it has a port.
 * @stale is called under the BQL when this may have changed, and should call
 * this function again.  BQL.
 */
XenPirqMsi xen_pirq_route_msi(uint64_t address, uint32_t data,
                              uint32_t *port, unsigned *vcpu,
                              void (*stale)(void));

#endif
