/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Turning Xen emulation on: options of the accelerators, and composition
 *
 * The accelerator's init calls xen_emu_init() with its XenAccelOps once it knows
 * that it can (before the machine is built); the PC machine then creates the
 * devices (xen_overlay_create, xen_evtchn_create, ...).  What results is in
 * domain.h.
 */
#ifndef HW_XEN_EMU_EMU_H
#define HW_XEN_EMU_EMU_H

#include "hw/xen/emu/domain.h"

/*
 * Gives an accelerator class the xen-* properties, in the place of those that
 * it has already.  When QEMU starts, before there is an accelerator.
 */
struct ObjectClass;
void xen_emu_add_accel_properties(struct ObjectClass *oc);
/*
 * What was set on @accel (an AccelState); never NULL.  Its version is 0 where
 * the user did not ask for Xen.
 */
const XenEmuConfig *xen_emu_accel_config(struct Object *accel);
/*
 * Turns the emulation on for the machine under construction: sets xen_mode
 * and xen_emu.  @accel: the AccelState that the options were given to.
 * Returns false with *errp where the machine cannot (not a PC, too many
 * vCPUs).  BQL.
 */
bool xen_emu_init(struct Object *accel, XenAccelOps *ops, Error **errp);

/*
 * For every accelerator once its own init has succeeded: TCG and qtest get Xen
 * here, KVM had it from kvm_arch_init().  0, or -EINVAL with the reason
 * reported.  BQL.
 */
int xen_emu_accel_ready(struct Object *accel);
/* Before KVM's own init, which looks whether it shall call kvm_xen_init(). */
void xen_emu_kvm_prepare(struct Object *accel);
/*
 * From now on each PV device keeps the guest from being migrated.  Before there
 * is one; once, BQL.
 */
void xen_emu_lead_pv_devices(void);
/*
 * From now on incoming states of xenstore are refused when their numbers are
 * invalid.  Before the device is made; once, BQL.
 */
void xen_emu_guard_states(void);
/* The other accelerators' XenAccelOps.  Once. */
XenAccelOps *xen_emu_tcg_ops(void);
XenAccelOps *xen_emu_qtest_ops(void);

/* What the hypercall layer, GSI code and back ends need of each other. */

/* Latch the guest's layout (hypercall page written, callback set). BQL. */
int xen_emu_set_long_mode(bool long_mode);
/* The same, where the accelerator latched it first.  BQL. */
void xen_emu_note_long_mode(bool long_mode);

/* Domain reset: SHUTDOWN_soft_reset, system reset.  BQL. */
int xen_emu_soft_reset(void);

#endif
