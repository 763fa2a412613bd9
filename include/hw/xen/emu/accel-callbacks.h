/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an accelerator may call
 *
 * accel.h is what the emulation asks of an accelerator; this is the other
 * direction, and the only one that leads upwards: an accelerator calls these,
 * hypercall.h, the accessors of domain.h and the engine (evtchn.h), and nothing
 * else of the emulation.  Each function is defined in the file that the comment
 * names, which stands above accelerators; scripts/check-layers knows it by this
 * header.
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
 * What was set on @accel (an AccelState); never NULL.  Its version is 0 where
 * the user did not ask for Xen.  accel/xen-emu.c
 */
const XenEmuConfig *xen_emu_accel_config(struct Object *accel);
/*
 * Turns the emulation on for the machine under construction: sets xen_mode
 * and xen_emu.  @accel: the AccelState that the options were given to.
 * Returns false with *errp where the machine cannot (not a PC, too many
 * vCPUs).  BQL.  accel/xen-emu.c
 */
bool xen_emu_init(struct Object *accel, XenAccelOps *ops, Error **errp);

/*
 * The accelerator knows @cs from now on: tells it what was set before, which is
 * the default place of vcpu_info and nothing else.  For accelerators with a
 * set_vcpu_info; the vCPU's thread, BQL.  device/vcpu.c
 */
void xen_vcpu_started(CPUState *cs);

/*
 * The guest's layout, where the accelerator latched it first.  BQL.
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

/* XenAccelOps.timer_in: the time is over, or may be.  vcpu/timer.c; [vcpu] */
void xen_vcpu_timer_expired(struct XenVcpuTimer *t);
/*
 * A timer on QEMU_CLOCK_VIRTUAL, in ns, unarmed, that expires where vCPUs' timers
 * do: not under the BQL.  vcpu/timer.c; BQL.
 */
QEMUTimer *xen_timer_new(QEMUTimerCB *expired, void *opaque);
/*
 * Frees such a timer.  Its callback may be running: once it is not, and will not
 * any more, @release(@opaque) is called, under the BQL or not.  vcpu/timer.c; any
 * thread.
 */
void xen_timer_free(QEMUTimer *timer, GDestroyNotify release, void *opaque);
/* @cs has halted, or goes on; no-op without Xen.  vcpu/runstate.c; [vcpu] */
void xen_runstate_halted(CPUState *cs, bool halted);
/* vcpu/time.c has xen_emu_virtual_time() and xen_time_copy_vcpu_time(). */
#include "hw/xen/emu/vcpu/time.h"
/* irq/upcall.c has the callback vector and the level of the callback's GSI. */
#include "hw/xen/emu/irq/upcall.h"
/* irq/pirq-msi.c has xen_pirq_route_msi(). */

#endif
