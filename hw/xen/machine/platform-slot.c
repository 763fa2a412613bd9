/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PCI slot of the platform device. */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qobject/qdict.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_device.h"
#include "hw/core/qdev.h"
#include "monitor/qdev.h"
#include "platform.h"
#include "platform-slot.h"
#include "trace.h"

/* libvirt fills slots from below, and never needs as many for itself. */
#define FIRST_CHOICE    0x19

static PCIDevice *platform_device(void)
{
    return (PCIDevice *)object_resolve_path_type("", TYPE_XEN_PLATFORM, NULL);
}

/* Whether @opts may be of a device on @bus; an unknown driver is an error later. */
static bool is_for_bus(const QDict *opts, PCIBus *bus)
{
    const char *name = qdict_get_try_str(opts, "bus");
    const char *driver = qdict_get_try_str(opts, "driver");
    ObjectClass *oc = driver ? object_class_by_name(driver) : NULL;

    if (oc && !object_class_dynamic_cast(oc, TYPE_PCI_DEVICE)) {
        return false;
    }
    return !name || g_str_equal(name, BUS(bus)->name);
}

/* "addr" of @opts, "2" or "0x2.0x1" or a number: the slot, or -1. */
static int slot_wanted(const QDict *opts)
{
    const QObject *addr = qdict_get(opts, "addr");
    const char *text, *end;
    unsigned slot;

    if (!addr) {
        return -1;
    }
    if (qobject_type(addr) == QTYPE_QNUM) {
        /* The property takes device and function as one number, too. */
        return PCI_SLOT(qdict_get_try_int(opts, "addr", -1) & 0xff);
    }
    text = qdict_get_try_str(opts, "addr");
    if (!text || qemu_strtoui(text, &end, 16, &slot) < 0) {
        return -1;
    }
    return slot < PCI_SLOT_MAX && (!*end || *end == '.') ? slot : -1;
}

static bool slot_is_free(PCIBus *bus, unsigned slot)
{
    for (unsigned fn = 0; fn < PCI_FUNC_MAX; fn++) {
        unsigned devfn = PCI_DEVFN(slot, fn);

        if (bus->devices[devfn]) {
            return false;
        }
    }
    return !(bus->slot_reserved_mask & (1u << slot));
}

/*
 * QEMU sends DEVICE_DELETED when the last reference goes, which RCU may have for
 * longer than the machine takes to start.  No user has deleted this device.
 */
static void delete_silently(DeviceState *dev)
{
    object_ref(OBJECT(dev));
    object_unparent(OBJECT(dev));
    dev->pending_deleted_event = false;
    /* Otherwise freed after the event. */
    g_clear_pointer(&dev->canonical_path, g_free);
    object_unref(OBJECT(dev));
}

static void move_away(PCIDevice *platform, PCIBus *bus)
{
    for (unsigned i = 0; i < PCI_SLOT_MAX; i++) {
        unsigned slot = (FIRST_CHOICE + i) % PCI_SLOT_MAX;

        if (slot_is_free(bus, slot)) {
            trace_xen_platform_move(PCI_SLOT(platform->devfn), slot);
            delete_silently(DEVICE(platform));
            pci_create_simple(bus, PCI_DEVFN(slot, 0), TYPE_XEN_PLATFORM);
            return;
        }
    }
}

void xen_platform_move_up(void)
{
    PCIDevice *platform = platform_device();

    if (platform) {
        move_away(platform, pci_get_bus(platform));
    }
}

static bool before_device(DeviceListener *listener, const QDict *opts,
                          bool from_json, Error **errp)
{
    PCIDevice *platform = platform_device();
    PCIBus *bus;

    if (platform && !phase_check(PHASE_MACHINE_READY)) {
        bus = pci_get_bus(platform);
        if (is_for_bus(opts, bus) &&
            slot_wanted(opts) == PCI_SLOT(platform->devfn)) {
            move_away(platform, bus);
        }
    }
    /* Hide nothing. */
    return false;
}

static DeviceListener listener = {
    /* The only one that is called before a device is created. */
    .hide_device = before_device,
};

void xen_platform_make_room(void)
{
    static bool listening;

    if (!listening) {
        device_listener_register(&listener);
        listening = true;
    }
}
