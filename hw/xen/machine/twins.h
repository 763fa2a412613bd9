/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV twins of the machine's emulated disks and NICs
 *
 * With the machine property "xen-pv-twins", each of these devices has a twin
 * (hw/xen/pv/twin.h), wherever below the root bus it is:
 *
 *   ide-hd on an IDE or AHCI controller.  Its name is the one that Xen's
 *     toolstack gives it: xvda for the primary master, or for port 0, and so on
 *     by unit.  If there is such a disk already, it is the first free name.
 *   NICs that are PCI functions, but not virtio ones and assigned ones.
 *
 * CD-ROMs have none: Linux has no driver for a PV CD-ROM, and an emulated one
 * stays after the unplug.
 *
 * The twins of the devices that a machine starts with are made when it is
 * complete, so that a user's own PV devices come first; that of a NIC that is
 * plugged in, with the NIC.  They go with their devices.
 *
 * All functions: BQL.
 */
#ifndef HW_XEN_MACHINE_TWINS_H
#define HW_XEN_MACHINE_TWINS_H

#include "hw/core/qdev.h"

/*
 * The property's value if the user has not set it.  When the machine's init begins:
 * the platform device asks for it.
 */
void xen_twins_set_default(bool on);
/* The machine has Xen.  May be called again. */
void xen_twins_init(void);
/*
 * An emulated device is hidden from the guest, or back: a twin of it uses the
 * network now, or does not.  May be called twice.
 */
void xen_twins_device_hidden(DeviceState *emulated);
void xen_twins_device_restored(DeviceState *emulated);
#endif
