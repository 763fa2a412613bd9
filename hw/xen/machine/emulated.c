/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which devices are emulated disks and NICs. */
#include "qemu/osdep.h"
#include "hw/pci/pci_device.h"
#include "hw/virtio/virtio-pci.h"
#include "emulated.h"

IDEDevice *xen_emulated_disk(DeviceState *dev)
{
    return (IDEDevice *)object_dynamic_cast(OBJECT(dev), "ide-hd");
}

IDEState *xen_emulated_disk_state(IDEDevice *disk)
{
    IDEBus *bus = IDE_BUS(qdev_get_parent_bus(DEVICE(disk)));

    return &bus->ifs[disk == bus->slave];
}

char *xen_emulated_place(DeviceState *dev)
{
    IDEDevice *disk = xen_emulated_disk(dev);
    g_autofree char *controller = NULL;
    BusState *bus;

    if (!disk) {
        return qdev_get_dev_path(dev);
    }
    bus = qdev_get_parent_bus(dev);
    controller = qdev_get_dev_path(bus->parent);
    return g_strdup_printf("%s/%s/%d", controller, bus->name,
                           disk == IDE_BUS(bus)->slave);
}

static bool is_virtio_or_assigned(PCIDevice *d)
{
    return object_dynamic_cast(OBJECT(d), TYPE_VIRTIO_PCI) ||
           object_dynamic_cast(OBJECT(d), "vfio-pci") ||
           object_dynamic_cast(OBJECT(d), "xen-pci-passthrough");
}

XenEmulatedKind xen_emulated_kind(PCIDevice *d)
{
    if (is_virtio_or_assigned(d)) {
        return XEN_EMULATED_NONE;
    }
    switch (pci_get_word(d->config + PCI_CLASS_DEVICE)) {
    case PCI_CLASS_STORAGE_IDE:
    case PCI_CLASS_STORAGE_SATA:
        return XEN_EMULATED_DISKS;
    case PCI_CLASS_STORAGE_SCSI:
        return XEN_EMULATED_SCSI;
    case PCI_CLASS_STORAGE_EXPRESS:
        return XEN_EMULATED_NVME;
    case PCI_CLASS_NETWORK_ETHERNET:
        return XEN_EMULATED_NIC;
    default:
        return XEN_EMULATED_NONE;
    }
}
