/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Enabling Xen emulation, and the properties of accelerators
 *
 * Emulation is turned on when the accelerator's own init has succeeded, before
 * the machine is created; the PC machine then creates the devices
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
 * Called before the own init of each accelerator that QEMU tries.  Returns false
 * with *errp if @accel (an AccelState) has a xen-version and the machine does not
 * support Xen guests (not a PC, too many vCPUs).  BQL.
 */
bool xen_emu_accel_check(struct Object *accel, Error **errp);
/*
 * Turns the emulation on for the machine under construction: sets xen_mode and
 * xen_emu.  @accel: has a xen-version, has been checked, and its own init has
 * succeeded.  Not earlier: if the init fails, QEMU tries the next accelerator,
 * which may have no Xen.  BQL.
 */
void xen_emu_enable(struct Object *accel, XenAccelOps *ops);
#endif
