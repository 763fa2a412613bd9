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

#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/domain.h"

/*
 * Gives an accelerator class the xen-* properties, in the place of those that
 * it has already.  When QEMU starts, before there is an accelerator.
 */
struct ObjectClass;
void xen_emu_add_accel_properties(struct ObjectClass *oc);
/*
 * For every accelerator once its own init has succeeded: TCG and qtest get Xen
 * here, KVM had it from kvm_arch_init().  0, or -EINVAL with the reason
 * reported.  BQL.
 */
int xen_emu_accel_ready(struct Object *accel);
/*
 * From now on each PV device keeps the guest from being migrated.  Before there
 * is one; once, BQL.
 */
void xen_emu_lead_pv_devices(void);
#endif
