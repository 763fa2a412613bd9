/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which devices are emulated disks and NICs: those that a guest with PV drivers
 * unplugs, and of which it may have PV twins
 *
 * All functions: BQL.
 */
#ifndef HW_XEN_MACHINE_EMULATED_H
#define HW_XEN_MACHINE_EMULATED_H

#include "hw/ide/ide-bus.h"
#include "hw/ide/ide-dev.h"
#include "hw/pci/pci.h"

typedef enum XenEmulatedKind {
    XEN_EMULATED_NONE,
    XEN_EMULATED_DISKS,         /* a controller of IDE or SATA disks */
    XEN_EMULATED_SCSI,          /* one of SCSI disks */
    XEN_EMULATED_NVME,
    XEN_EMULATED_NIC,
} XenEmulatedKind;

/*
 * By the class code of a PCI function.  Virtio devices are not emulated hardware,
 * and assigned ones are the guest's.
 */
XenEmulatedKind xen_emulated_kind(PCIDevice *d);
/* NULL if @dev is none of IDE or SATA.  CD-ROMs are none. */
IDEDevice *xen_emulated_disk(DeviceState *dev);
/* Its state in the bus. */
IDEState *xen_emulated_disk_state(IDEDevice *disk);
/*
 * Where a PCI function or a disk is, without its id, which a user may choose: for
 * instance "0000:00:01.1/ide.0/0".  To be freed.
 */
char *xen_emulated_place(DeviceState *dev);
#endif
