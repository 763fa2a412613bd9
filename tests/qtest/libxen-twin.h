/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest without PV drivers finds: IDE disks and PCI devices */
#ifndef TESTS_QTEST_LIBXEN_TWIN_H
#define TESTS_QTEST_LIBXEN_TWIN_H

#include "libxen.h"

/* What the guest asks the platform device to unplug. */
#define XEN_UNPLUG_DISKS    (1 << 0)
#define XEN_UNPLUG_NICS     (1 << 1)

/* The channels of the IDE controller: their I/O ports. */
#define XEN_IDE_PRIMARY     0x1f0
#define XEN_IDE_SECONDARY   0x170

void xen_unplug(XenVm *vm, unsigned mask);

/* The size in sectors, 0 if there is no disk. */
uint32_t xen_ide_sectors(XenVm *vm, uint16_t base, unsigned unit);
/* One sector of the first disk. */
void xen_ide_read(XenVm *vm, uint8_t sector, uint8_t *data);
void xen_ide_write(XenVm *vm, uint8_t sector, const uint8_t *data);

uint32_t xen_pci_read(XenVm *vm, unsigned bus, unsigned slot, unsigned at);
void xen_pci_write(XenVm *vm, unsigned bus, unsigned slot, unsigned at,
                   uint32_t value);
bool xen_pci_has(XenVm *vm, unsigned bus, unsigned slot);
#endif
