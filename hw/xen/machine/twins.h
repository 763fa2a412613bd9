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
 * stays after the unplug.  Nor have disks of SCSI and NVMe controllers, which stay
 * as well.
 *
 * The twins of the devices that a machine starts with are made when it is
 * complete, so that a user's own PV devices come first; that of a NIC that is
 * plugged in, with the NIC.  They go with their devices.  Where a guest is loaded
 * they have the numbers that the guest knows (twin-numbers.h).
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
/* The property's value. */
bool xen_twins_enabled(void);
/* The machine has Xen.  May be called again. */
void xen_twins_init(void);
/*
 * An emulated device is hidden from the guest, or back: a twin of it uses the
 * network now, or does not.  May be called twice.
 */
void xen_twins_device_hidden(DeviceState *emulated);
void xen_twins_device_restored(DeviceState *emulated);

/* PV devices, twins or others, have come or gone since the machine's start. */
bool xen_twins_have_changed(void);
/*
 * The emulated devices that have a twin, in the order in which twins are made.
 * To be freed.
 */
GPtrArray *xen_twins_find(void);
/* The twin's number: 0 for xvda, or of the vif. */
uint32_t xen_twins_number(DeviceState *emulated);
/*
 * A twin of @emulated, which has none: with this number, or as at the machine's
 * start.  A disk gets the next free one if there is such a disk.
 */
#define XEN_TWINS_ANY   (-1)
DeviceState *xen_twins_make_again(DeviceState *emulated, int64_t number,
                                  Error **errp);
#endif
