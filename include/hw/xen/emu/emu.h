/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Enabling Xen emulation, and the properties of accelerators
 *
 * The accelerator's init calls xen_emu_init() with its XenAccelOps, before the
 * machine is created; the PC machine then creates the devices
 * (xen_overlay_create, xen_evtchn_create, ...).
 */
#ifndef HW_XEN_EMU_EMU_H
#define HW_XEN_EMU_EMU_H

#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/domain.h"

/*
 * Adds the xen-* properties to the class of an accelerator, in the place of those
 * that it has already, or to that of the PC machines.  When QEMU starts, before
 * there is an object of the class.
 */
struct ObjectClass;
void xen_emu_add_properties(struct ObjectClass *oc);
/*
 * Called for each accelerator whose init succeeded: calls xen_emu_init() for
 * TCG and qtest; for KVM kvm_arch_init() did.  0, or -EINVAL with the reason
 * reported.  BQL.
 */
int xen_emu_accel_ready(struct Object *accel);
#endif
