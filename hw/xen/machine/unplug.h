/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unplug of emulated disks and NICs
 *
 * A guest with PV drivers asks the platform device to unplug the emulated
 * devices, so that it does not find each disk and NIC twice.  They are hidden
 * from the guest, not deleted: management tools keep the devices with their
 * back ends, names and statistics, and a reset brings them back, so that the
 * firmware finds its boot disk.
 *
 * A hidden disk is not on its IDE or SATA bus; its controller is reset.  Any other
 * device is without power: its configuration space reads as all ones and its
 * BARs are unmapped.
 *
 * Only devices of PCI functions that are emulated (emulated.h) are hidden.  Virtio
 * devices and assigned ones stay, and so do CD-ROMs, as in Xen.  With PV twins
 * (twins.h), a device that has none stays as well: SCSI and NVMe controllers.  While
 * a NIC is hidden, its twin has its network.
 *
 * Source of the ABI: Xen's docs/misc/hvm-emulated-unplug.pandoc.
 * All functions: BQL.
 */
#ifndef HW_XEN_MACHINE_UNPLUG_H
#define HW_XEN_MACHINE_UNPLUG_H

#include "hw/pci/pci.h"

/* What the guest may ask for: the bits of the 16-bit port 0x10. */
#define XEN_UNPLUG_DISKS        (1u << 0)   /* IDE, SATA and SCSI */
#define XEN_UNPLUG_NICS         (1u << 1)
#define XEN_UNPLUG_AUX_DISKS    (1u << 2)   /* IDE, but the primary master */
#define XEN_UNPLUG_NVME         (1u << 3)
#define XEN_UNPLUG_ALL          0xfu

/* The devices that are hidden; zeroed, there are none. */
typedef struct XenUnplug {
    GPtrArray *hidden;          /* DeviceState *, with a reference */
    uint16_t asked;             /* XEN_UNPLUG_*, since the last reset */
} XenUnplug;

/*
 * Hides what @mask of XEN_UNPLUG_* says on the buses from @root downwards.
 * Requests in flight end before.
 */
void xen_unplug(XenUnplug *u, PCIBus *root, unsigned mask);
/* A new function: hides it if the guest has asked for what it is. */
void xen_unplug_new(XenUnplug *u, PCIDevice *d);
/* The device is gone: a reference would delay the event DEVICE_DELETED. */
void xen_unplug_forget(XenUnplug *u, DeviceState *dev);
bool xen_unplug_has_hidden(const XenUnplug *u, DeviceState *dev);
/* Brings all back.  To be called before the devices' own reset, which must follow. */
void xen_unplug_restore(XenUnplug *u);
/* Hides again what the reset of a PCIe slot has powered on. */
void xen_unplug_renew(XenUnplug *u);
/*
 * The hidden devices' places, which are the same in a VM with the same devices,
 * for instance "0000:00:01.1/ide.0/0"; a line each.
 */
char *xen_unplug_save(const XenUnplug *u);
/*
 * Hides the devices at these places.  The state of a device may be loaded before
 * or after.  False with @errp set and nothing changed if there is none.
 */
bool xen_unplug_load(XenUnplug *u, PCIBus *root, const char *places,
                     Error **errp);
#endif
